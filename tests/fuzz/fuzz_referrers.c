/* Two lists of referrers, one a line. What is merged into the second from the first is there
 * afterwards, with all that was there before, and a second time there is nothing to do. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "oci/referrers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void merge(const char *index, size_t len, const struct oci_referrers *add) {
  struct oci_referrers before = {NULL, 0}, after = {NULL, 0};
  struct err err;
  char *out, *again;
  size_t out_len, again_len;
  int rc = oci_referrers_merge(index, len, add, &out, &out_len, &err);
  if (rc < 0) {
    assert(!out && rc == -(int)err.code);
    return;
  }
  if (!out)
    return;
  assert(oci_referrers_parse(index, len, &before, NULL) == 0);
  assert(oci_referrers_parse(out, out_len, &after, NULL) == 0);
  for (size_t i = 0; i < before.count; i++)
    assert(strcmp(before.items[i].descriptor, after.items[i].descriptor) == 0);
  assert(after.count > before.count && after.count <= before.count + add->count);
  assert(oci_referrers_merge(out, out_len, add, &again, &again_len, NULL) == 0 && !again);
  oci_referrers_free(&before);
  oci_referrers_free(&after);
  free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const uint8_t *end = memchr(data, '\n', size);
  if (!end)
    return 0;
  struct oci_referrers add = {NULL, 0};
  if (oci_referrers_parse((const char *)data, (size_t)(end - data), &add, NULL) == 0)
    merge((const char *)end + 1, size - (size_t)(end + 1 - data), &add);
  oci_referrers_free(&add);
  return 0;
}
