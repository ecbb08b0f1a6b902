/* Credentials files, what is found in them, and what login and logout make of them. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/creds_edit.h"
#include "net/creds_file.h"

/* The text as it is then; what was kept for the host is found, what was dropped is not. */
static void edit(const char *text, size_t len, const char *host, enum creds_edit how) {
  static const struct creds bob = {.user = (char *)"bob", .password = (char *)"secret"};
  struct creds_file *file;
  char *changed;
  bool found;
  int rc = creds_edit("auth.json", text, len, host, how, &bob, &changed, &found, NULL);
  assert(rc == 0);
  rc = changed ? creds_file_parse("auth.json", changed, strlen(changed), &file, NULL)
               : creds_file_parse("auth.json", text, len, &file, NULL);
  assert(rc == 0);
  const struct creds *creds = creds_file_find(file, host, "");
  assert(how == CREDS_KEEP ? creds && strcmp(creds->password, "secret") == 0 : !creds);
  creds_file_free(file);
  free(changed);
}

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
    for (enum creds_edit how = CREDS_KEEP; *hosts[i] && how <= CREDS_DROP; how++)
      edit((const char *)data, size, hosts[i], how);
  }
  creds_file_free(file);
  return 0;
}
