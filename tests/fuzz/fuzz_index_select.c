/* An index is refused, or what is cut out of it leaves an index with just the kept entries, and all
 * else as it was. The first line of the input is the platforms, with blanks between. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "oci/index_select.h"
#include "oci/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The cut text, read as JSON, is the whole one without the items that are not kept. */
static void check_cut(const char *bytes, size_t len, const bool *kept, const char *cut,
                      size_t cut_len) {
  json_t *whole = oci_json_load(bytes, len, NULL), *left = oci_json_load(cut, cut_len, NULL);
  json_t *list = json_object_get(whole, "manifests");
  assert(whole && left);
  for (size_t i = json_array_size(list); i-- > 0;)
    if (!kept[i])
      json_array_remove(list, i);
  assert(json_equal(whole, left));
  json_decref(whole);
  json_decref(left);
}

static void select_from(const char *bytes, size_t len, const struct oci_manifest *index,
                        const struct oci_platforms *wanted) {
  bool *kept = mem_zalloc(index->count + 1);
  size_t first, cut_len;
  char *cut;
  struct err err;
  int rc = oci_index_select(bytes, len, index, wanted, kept, &first, &err);
  if (rc < 0)
    assert(rc == -ERR_NOT_FOUND);
  else
    assert(first < index->count && kept[first]);
  if (rc == 0 && oci_index_cut(bytes, len, kept, &cut, &cut_len, &err) == 0) {
    check_cut(bytes, len, kept, cut, cut_len);
    memset(kept, true, index->count);
    free(cut);
    assert(oci_index_cut(bytes, len, kept, &cut, &cut_len, &err) == 0);
    assert(cut_len == len && memcmp(cut, bytes, len) == 0);
    free(cut);
  }
  free(kept);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const uint8_t *end = memchr(data, '\n', size);
  if (!end)
    return 0;
  struct oci_platforms wanted = {NULL, 0};
  char *words = mem_strndup((const char *)data, (size_t)(end - data)), *rest = NULL;
  for (char *word = strtok_r(words, " ", &rest); word && wanted.count < 10;
       word = strtok_r(NULL, " ", &rest))
    if (oci_platforms_add(&wanted, word, NULL) == 0) {
      char text[OCI_PLATFORM_TEXT];
      size_t before = wanted.count;
      assert(oci_platforms_add(&wanted, oci_platform_format(text, &wanted.items[before - 1]),
                               NULL) == 0);
      assert(wanted.count == before); /* its own spelling is the same platform */
    }
  free(words);
  const char *bytes = (const char *)end + 1;
  size_t len = size - (size_t)(end + 1 - data);
  struct oci_manifest *manifest;
  if (wanted.count && oci_manifest_parse(NULL, bytes, len, &manifest, NULL) == 0) {
    if (manifest->kind == OCI_INDEX)
      select_from(bytes, len, manifest, &wanted);
    oci_manifest_free(manifest);
  }
  oci_platforms_free(&wanted);
  return 0;
}
