/* What registries answer beside blobs and manifests. The first byte tells which reader gets the
 * rest: r(ange), c(ontent range), l(ink), e(rror body), t(ags), u(pload's location). */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "oci/registry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_printable(const char *text) {
  for (; *text; text++)
    assert((unsigned char)*text >= ' ' && *text != 0x7f);
}

static void check_content_range(const char *text) {
  uint64_t first, last;
  int64_t total;
  if (oci_content_range_parse(text, &first, &last, &total) != 0)
    return;
  assert(first <= last);
  assert(total == -1 || (total > 0 && last < (uint64_t)total));
}

static void check_tags(const char *text, size_t len) {
  struct buf out;
  buf_init(&out, 1000);
  size_t count, seen = 0;
  struct err err;
  if (oci_tags_parse(text, len, &out, &count, &err) == 0) {
    for (size_t at = 0; at < out.len; at += strlen(out.data + at) + 1, seen++)
      assert(oci_tag_valid(out.data + at));
    assert(seen == count);
  }
  buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  size_t len = size - 1;
  char *text = mem_strndup((const char *)data + 1, len);
  uint64_t received;
  struct oci_error error;
  switch (data[0]) {
  case 'r':
    oci_range_parse(text, &received);
    break;
  case 'c':
    check_content_range(text);
    break;
  case 'l': {
    char *next = oci_link_next(text);
    assert(!next || strstr(text, next));
    free(next);
    break;
  }
  case 'e':
    oci_error_parse((const char *)data + 1, len, &error);
    check_printable(error.code);
    check_printable(error.message);
    break;
  case 't':
    check_tags((const char *)data + 1, len);
    break;
  case 'u': {
    struct oci_digest digest;
    oci_digest_of(OCI_SHA256, "", 0, &digest);
    char *url = oci_commit_url(text, &digest);
    assert(strstr(url, "digest=sha256%3Ae3b0c442") && !strchr(url, '#'));
    free(url);
    break;
  }
  default:
    break;
  }
  free(text);
  return 0;
}
