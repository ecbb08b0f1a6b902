/* oci/details.h - what a manifest, and an image's config, say beyond what they reach: for people.
 * What has a wrong type is taken for missing. Pure.
 * Sources: OCI image-spec (manifest.md, image-index.md, descriptor.md, annotations.md, config.md). */
#ifndef DRAY_OCI_DETAILS_H
#define DRAY_OCI_DETAILS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "oci/manifest.h"

/* All text is printable, and the arena's; "" where there is none. */
struct oci_annotation {
  const char *name, *value;
};

struct oci_detail {
  const char *media_type, *artifact_type, *digest;
  const char *platform; /* OS/ARCH[/VARIANT][:OS-VERSION], as it is written */
  uint64_t size;        /* bytes; 0 where it is not told */
  struct oci_annotation *annotations;
  size_t annotation_count;
};

struct oci_details {
  struct oci_detail own;    /* without digest, size and platform, which only a descriptor tells */
  struct oci_detail *items; /* those of struct oci_manifest */
};

/* bytes are what oci_manifest_parse() has read as manifest. */
void oci_details_read(const char *bytes, size_t len, const struct oci_manifest *manifest,
                      struct arena *arena, struct oci_details *details);

/* One descriptor. Errors: ERR_PROTOCOL (no JSON object). */
int oci_detail_read(const char *bytes, size_t len, struct arena *arena, struct oci_detail *detail,
                    struct err *err);

#define OCI_TYPE_CONFIG "application/vnd.oci.image.config.v1+json"
#define DOCKER_TYPE_CONFIG "application/vnd.docker.container.image.v1+json"

struct oci_step {
  const char *created, *created_by, *comment;
  bool empty; /* it made no layer */
};

/* An image's config. */
struct oci_making {
  const char *created;
  const char *platform; /* as in struct oci_detail */
  struct oci_step *history;
  size_t count;
};

/* Errors: ERR_PROTOCOL (no JSON object). */
int oci_making_read(const char *bytes, size_t len, struct arena *arena, struct oci_making *making,
                    struct err *err);

#endif
