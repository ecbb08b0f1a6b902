/* A reference is refused, or is written in a way that reads the same and is safe in a URL. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "oci/ref.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = mem_strndup((const char *)data, size);
  struct oci_ref ref, again;
  struct err err;
  if (oci_ref_parse(text, &ref, &err) == 0) {
    char *written = oci_ref_format(&ref);
    assert(oci_ref_parse(written, &again, NULL) == 0);
    char *rewritten = oci_ref_format(&again);
    assert(strcmp(written, rewritten) == 0);
    if (ref.transport == OCI_REGISTRY) {
      assert(strlen(ref.repo.host) + 1 + strlen(ref.repo.path) <= 255);
      assert(strspn(ref.repo.path, "abcdefghijklmnopqrstuvwxyz0123456789._-/") ==
             strlen(ref.repo.path));
      assert(!strstr(ref.repo.path, "..") && !strstr(ref.repo.path, "//"));
      assert(!strpbrk(ref.repo.host, "/@?#%\\ "));
      assert(!ref.tag || oci_tag_valid(ref.tag));
      oci_host_is_loopback(ref.repo.host);
    }
    free(written);
    free(rewritten);
    oci_ref_free(&again);
  } else {
    assert(err.code == ERR_USAGE && !ref.tag && !ref.repo.host);
  }
  oci_ref_free(&ref);
  if (oci_ref_parse_repo(text, &ref, NULL) == 0)
    assert(!ref.tag && !ref.file && !oci_digest_is_set(&ref.digest));
  oci_ref_free(&ref);
  free(text);
  return 0;
}
