/* Files of other programs, and image-syncer's logins behind a line of "---": refused with a message that
 * names the file, or such that every pair of a source and a target is known. */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "sync/foreign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *get(void *arg, const char *name) {
  (void)arg;
  return strcmp(name, "A") == 0 ? "a/B: [x]{{" : strcmp(name, "EMPTY") == 0 ? "" : NULL;
}

static char *get_file(void *arg, const char *name, struct err *err) {
  (void)arg;
  if (strcmp(name, "/s") == 0)
    return mem_strdup(" s\n");
  err_set(err, ERR_NOT_FOUND, "no such file");
  return NULL;
}

static bool is_about(const char *message, const char *name) {
  return text_starts(message, name) && message[strlen(name)] == ':';
}

static void check_warning(void *arg, const char *message) {
  (void)arg;
  assert(is_about(message, "f.yml") || is_about(message, "auth.yml"));
}

static void check_rule(const struct mirror_rule *rule) {
  assert(rule->source_count && rule->target_count && rule->place.line > 0);
  selection_wants(rule->tags, "v1.2.3-rc.1", NULL);
  for (size_t s = 0; s < rule->source_count; s++)
    for (size_t t = 0; t < rule->target_count; t++) {
      struct oci_ref ref;
      assert(mirror_expand(&rule->sources[s], &rule->targets[t], &ref, NULL) == 0);
      assert(ref.transport == OCI_REGISTRY && ref.repo.host && ref.repo.path);
      oci_ref_free(&ref);
    }
}

static int read(const char *text, size_t len, struct foreign_options *options) {
  static const struct env env = {.get = get};
  struct mirror *mirror;
  struct err err;
  options->file = get_file;
  options->warn = check_warning;
  int rc = foreign_parse("f.yml", text, len, &env, options, &mirror, &err);
  assert(rc == 0 || ((rc == -ERR_CONFIG || rc == -ERR_USAGE) && !mirror &&
                     (is_about(err.message, "f.yml") || is_about(err.message, "auth.yml"))));
  for (size_t i = 0; mirror && i < mirror->rule_count; i++)
    check_rule(&mirror->rules[i]);
  for (size_t i = 0; mirror && i < mirror->registry_count; i++)
    assert(mirror_find_registry(mirror, mirror->registries[i].host) == &mirror->registries[i]);
  mirror_free(mirror);
  return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *text = (const char *)data, *auth = memmem(text, size, "\n---\n", 5);
  struct foreign_options options = {0};
  if (auth) {
    options.auth_name = "auth.yml";
    options.auth_text = auth + 5;
    options.auth_len = size - (size_t)(auth + 5 - text);
    size = (size_t)(auth - text);
  }
  if (read(text, size, &options) == -ERR_USAGE) {
    options = (struct foreign_options){.to = "r.lan/x/", .scoped = size % 2};
    read(text, size, &options);
  }
  return 0;
}
