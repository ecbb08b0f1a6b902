#include "oci/profile.h"

#include <stddef.h>

#include "base/text.h"

#define MIB ((uint64_t)1024 * 1024)

/* Any registry. distribution, Harbor, Docker Hub, GitLab and zot take this as it is; a chunk of
 * 32 MiB is little to send again and few requests. */
static const struct oci_profile usual = {
    .whole_max = 16 * MIB, .chunk_size = 32 * MIB, .tags_cheap = true};

/* 416 for a ranged chunk above 4 MiB; reports by clients' issue trackers, 2023-2025. */
static const struct oci_profile ghcr = {
    .whole_max = 16 * MIB, .chunk_size = 4 * MIB, .chunk_max = 4 * MIB, .tags_cheap = true};

/* AWS's limits for UploadLayerPart: 5 MiB but for the last part, 10 MiB at most. */
static const struct oci_profile ecr = {.whole_max = 10 * MIB,
                                       .chunk_size = 10 * MIB,
                                       .chunk_min = 5 * MIB,
                                       .chunk_max = 10 * MIB,
                                       .tags_cheap = true};

/* The same, and no tags/list. */
static const struct oci_profile ecr_public = {
    .whole_max = 10 * MIB, .chunk_size = 10 * MIB, .chunk_min = 5 * MIB, .chunk_max = 10 * MIB};

/* Google: documented to take no chunk chains, 1 GB in one body is fine. Quay: chunks reported
 * broken, 2024. */
static const struct oci_profile whole_only = {.whole_max = UINT64_MAX, .tags_cheap = true};

/* Azure: 413 reported for bodies above 20 MB. */
static const struct oci_profile acr = {
    .whole_max = 16 * MIB, .chunk_size = 16 * MIB, .chunk_max = 16 * MIB, .tags_cheap = true};

static const struct {
  const char *host; /* a glob */
  const struct oci_profile *profile;
} rows[] = {
    {"ghcr.io", &ghcr},
    {"*.dkr.ecr.*.amazonaws.com", &ecr},
    {"*.dkr.ecr.*.amazonaws.com.cn", &ecr},
    {"*.dkr.ecr-fips.*.amazonaws.com", &ecr},
    {"public.ecr.aws", &ecr_public},
    {"gcr.io", &whole_only},
    {"*.gcr.io", &whole_only},
    {"*.pkg.dev", &whole_only},
    {"quay.io", &whole_only},
    {"*.azurecr.io", &acr},
};

const struct oci_profile *oci_profile(const char *host) {
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (text_glob(rows[i].host, host))
      return rows[i].profile;
  return &usual;
}
