/* Credentials files, and what is found in them. */
#include <assert.h>
#include <stdint.h>

#include "net/creds_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char *const hosts[] = {"docker.io", "ghcr.io", "127.0.0.1:5000", ""};
  struct creds_file *file;
  struct err err;
  int rc = creds_file_parse("auth.json", (const char *)data, size, &file, &err);
  assert(rc == 0 || (rc == -ERR_CONFIG && !file));
  for (size_t i = 0; file && i < sizeof hosts / sizeof *hosts; i++) {
    const struct creds *creds = creds_file_find(file, hosts[i], "library/alpine");
    assert(!creds || !creds_is_anonymous(creds));
    const char *helper = creds_file_helper(file, hosts[i]);
    for (; helper && *helper; helper++)
      assert(*helper != '/');
  }
  creds_file_free(file);
  return 0;
}
