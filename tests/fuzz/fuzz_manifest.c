/* A manifest is refused, or all that it reaches is well-formed, and can be told. The first line of the input is the
 * reply's Content-Type. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "oci/details.h"
#include "oci/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const uint8_t *end = memchr(data, '\n', size);
  if (!end)
    return 0;
  char *type = mem_strndup((const char *)data, (size_t)(end - data));
  size_t len = size - (size_t)(end + 1 - data);
  struct oci_manifest *manifest;
  struct err err;
  int status = oci_manifest_parse(*type ? type : NULL, (const char *)end + 1, len, &manifest, &err);
  free(type);
  if (status != 0) {
    assert(!manifest);
    assert(err.code == ERR_PROTOCOL || err.code == ERR_UNSUPPORTED);
    assert(status == -(int)err.code);
    return 0;
  }
  assert(manifest->kind == OCI_INDEX || manifest->count > 0);
  assert(oci_type_is_manifest(manifest->media_type));
  for (size_t i = 0; i < manifest->count; i++) {
    const struct oci_descriptor *item = &manifest->items[i];
    struct oci_digest digest;
    assert(oci_digest_parse(item->digest.text, strlen(item->digest.text), &digest, NULL) == 0);
    assert(item->size <= INT64_MAX && strlen(item->media_type) <= len);
    assert(!item->is_manifest || manifest->kind == OCI_INDEX);
    assert(!item->foreign || (manifest->kind == OCI_MANIFEST && i > 0));
  }
  struct arena arena;
  struct oci_details details;
  struct oci_making making;
  arena_init(&arena);
  oci_details_read((const char *)end + 1, len, manifest, &arena, &details);
  for (size_t i = 0; i < manifest->count; i++)
    assert(strlen(details.items[i].digest) == strlen(manifest->items[i].digest.text));
  oci_making_read((const char *)end + 1, len, &arena, &making, NULL);
  arena_free(&arena);
  oci_manifest_free(manifest);
  return 0;
}
