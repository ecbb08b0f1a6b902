/* oci/manifest.h - what a manifest reaches. The bytes themselves are never rewritten.
 * Sources: OCI image-spec (manifest.md, image-index.md, descriptor.md), docker manifest v2
 * schema 2. Pure. */
#ifndef DRAY_OCI_MANIFEST_H
#define DRAY_OCI_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "oci/digest.h"

/* Values and nesting are limited too: oci/json.h. */
#define OCI_MANIFEST_MAX ((size_t)4 * 1024 * 1024 + 64 * 1024) /* bytes; DS asks for 4 MiB */

#define OCI_TYPE_INDEX "application/vnd.oci.image.index.v1+json"
#define OCI_TYPE_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define DOCKER_TYPE_LIST "application/vnd.docker.distribution.manifest.list.v2+json"
#define DOCKER_TYPE_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"

enum oci_kind { OCI_MANIFEST = 1, OCI_INDEX };

struct oci_descriptor {
  struct oci_digest digest;
  uint64_t size;          /* bytes */
  const char *media_type; /* "" where it has none */
  bool is_manifest;       /* a child manifest or index; else a blob (BuildKit's cache indexes
                             list plain layers) */
  bool foreign;           /* a layer of a foreign type that has urls and stays where they point:
                             never copied */
};

/* One allocation: oci_manifest_free(). Strings live in it. */
struct oci_manifest {
  enum oci_kind kind;
  const char *media_type;    /* what it is PUT as */
  struct oci_digest subject; /* unset: none */
  size_t count;
  struct oci_descriptor *items; /* OCI_INDEX: children in order. OCI_MANIFEST: config first, then
                                   layers, in order; a digest may stand there twice */
};

/* content_type is the reply's (parameters are ignored), or NULL. The manifest's own mediaType
 * decides; without one content_type, where that is a manifest's; else the shape (manifests, or
 * config and layers; both at once are refused).
 * Errors: ERR_PROTOCOL (not JSON, not an object, wrong types, bad digest, negative or absurd size,
 * too deep, too many values), ERR_UNSUPPORTED (docker schema 1, an unknown media type, an unknown
 * digest algorithm): messages say what and where, in words fit for the end of "image X: …". */
int oci_manifest_parse(const char *content_type, const char *bytes, size_t len,
                       struct oci_manifest **manifest, struct err *err);
void oci_manifest_free(struct oci_manifest *manifest);

/* Checks that bytes are what digest says (and size, unless negative), and parses them. *parsed is
 * the caller's. host is for messages.
 * Errors: ERR_DIGEST, those of oci_manifest_parse(). */
int oci_manifest_check(const char *host, const struct oci_digest *digest, int64_t size,
                       const char *content_type, const char *bytes, size_t len,
                       struct oci_manifest **parsed, struct err *err);

/* One of the four above, or of the two of indexes; parameters ignored. */
bool oci_type_is_manifest(const char *media_type);
bool oci_type_is_index(const char *media_type);

#endif
