/* oci/registry.h - the distribution protocol's requests and replies as text. Pure: no sockets.
 * Source: OCI distribution-spec v1.1 (DS) and the deviations of real registries. */
#ifndef DRAY_OCI_REGISTRY_H
#define DRAY_OCI_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "oci/digest.h"
#include "oci/ref.h"

/* The value of Accept for manifests: all the four types, then anything. */
extern const char oci_accept_manifest[];

/* Paths below a registry's base URL, beginning with "/v2/"; the caller's. */
char *oci_path_manifest(const struct oci_repo *repo, const char *reference);
char *oci_path_blob(const struct oci_repo *repo, const struct oci_digest *digest);
/* POST …/blobs/uploads/ ; mount_from (may be NULL) adds ?mount=DIGEST&from=PATH (escaped). For
 * other algorithms than sha256 digest-algorithm= is added where there is no mount. */
char *oci_path_upload(const struct oci_repo *repo, const struct oci_digest *digest,
                      const struct oci_repo *mount_from);
char *oci_path_tags(const struct oci_repo *repo, int page_size);

/* "repository:PATH:pull" or "repository:PATH:pull,push"; the caller's. */
char *oci_scope(const struct oci_repo *repo, bool push);

/* The commit URL: location with digest=ALG%3AHEX appended behind '?' or '&', without a
 * fragment; the caller's. */
char *oci_commit_url(const char *location, const struct oci_digest *digest);

/* An upload's "Range: 0-END" (also "bytes=0-END", "0--1"): *received is the number of bytes that
 * the server says it holds. "0-0" reads as 1: DS has no way to say "none", so callers must trust
 * their own ledger for 0 and 1. -1 where it is no range. */
int oci_range_parse(const char *value, uint64_t *received);

/* "bytes FIRST-LAST/TOTAL" or with "/" and a star; *total is -1 for '*'. Returns -1 where it is
 * none. */
int oci_content_range_parse(const char *value, uint64_t *first, uint64_t *last, int64_t *total);

/* The target of rel="next" in a Link header, absolute or relative as it stands; NULL: none. The
 * caller's. */
char *oci_link_next(const char *value);

/* The first error of an error body: code ("NAME_UNKNOWN"; "" where the body is none) and message,
 * printable. Any bytes at all are fine: other text and HTML give code "" and a short gist of the
 * plain text (of HTML the title). */
struct oci_error {
  char code[64];
  char message[200];
};
void oci_error_parse(const char *body, size_t len, struct oci_error *error);

/* Appends each tag of a tags/list reply to out as NUL-terminated strings, one behind the other;
 * nulls, digests and what is no valid tag are left out. *count gets how many. A null or missing
 * list is an empty one.
 * Errors: ERR_PROTOCOL (not a tag list), ERR_TOO_LARGE (out is full). */
int oci_tags_parse(const char *body, size_t len, struct buf *out, size_t *count, struct err *err);

#endif
