/* oci/platform.h - what a machine must be to run an image. Pure.
 * Source: OCI image-spec, image-index.md, and the names that docker takes for the same thing. */
#ifndef DRAY_OCI_PLATFORM_H
#define DRAY_OCI_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* In one spelling: x86_64 is amd64 and aarch64 is arm64; armhf is arm/v7 and armel arm/v6; arm64/v8
 * is arm64 and amd64/v1 is amd64. */
struct oci_platform {
  char os[24], architecture[24];
  char variant[16];    /* "": none */
  char os_version[48]; /* "": any. Only windows has it */
};

#define OCI_PLATFORM_TEXT 128 /* room that any platform's text needs */

/* Reads OS/ARCH[/VARIANT][:OS-VERSION], in small letters.
 * Errors: ERR_USAGE, which names the nearest sensible form. A name that is near no known one is
 * taken as it is. */
int oci_platform_parse(const char *text, struct oci_platform *platform, struct err *err);

/* The members of an index's entry; NULL: missing. -1: it tells no platform. */
int oci_platform_read(const char *os, const char *architecture, const char *variant,
                      const char *os_version, struct oci_platform *platform);

/* Does the entry run where wanted is asked for? arm without a variant is v7; an OS version may be
 * asked for by its first numbers. */
bool oci_platform_fits(const struct oci_platform *wanted, const struct oci_platform *entry);
/* … or may it stand in where none fits: any arm for arm without a variant. */
bool oci_platform_serves(const struct oci_platform *wanted, const struct oci_platform *entry);

/* Returns dst. */
char *oci_platform_format(char dst[OCI_PLATFORM_TEXT], const struct oci_platform *platform);

/* Those that are wanted, each once. A plain value; zeroed: all. */
struct oci_platforms {
  struct oci_platform *items;
  size_t count;
};

/* Errors: those of oci_platform_parse(). */
int oci_platforms_add(struct oci_platforms *platforms, const char *text, struct err *err);
void oci_platforms_copy(struct oci_platforms *to, const struct oci_platforms *from);
void oci_platforms_free(struct oci_platforms *platforms);

#endif
