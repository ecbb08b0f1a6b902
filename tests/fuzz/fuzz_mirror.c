/* Mirror files: refused with a place, or such that every pair of a source and a target is known. */
#include <assert.h>
#include <string.h>

#include "sync/mirror.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *get(void *arg, const char *name) {
  (void)arg;
  return strcmp(name, "A") == 0 ? "a/B: [x]" : strcmp(name, "EMPTY") == 0 ? "" : NULL;
}

static void check_rule(const struct mirror *mirror, const struct mirror_rule *rule) {
  assert(rule->source_count && rule->target_count && rule->place.line > 0);
  selection_wants(rule->tags, "v1.2.3", NULL);
  for (size_t s = 0; s < rule->source_count; s++)
    for (size_t t = 0; t < rule->target_count; t++) {
      struct oci_ref ref;
      assert(mirror_expand(&rule->sources[s], &rule->targets[t], &ref, NULL) == 0);
      assert(ref.transport == OCI_REGISTRY && ref.repo.host && ref.repo.path);
      assert(mirror_is_repository(&rule->sources[s]) || ref.tag || oci_digest_is_set(&ref.digest));
      mirror_find_registry(mirror, ref.repo.host);
      oci_ref_free(&ref);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const struct env env = {.get = get};
  struct mirror *mirror;
  struct err err;
  int rc = mirror_parse("m.yaml", (const char *)data, size, &env, &mirror, &err);
  assert(rc == 0 || (rc == -ERR_CONFIG && !mirror && strncmp(err.message, "m.yaml:", 7) == 0));
  for (size_t i = 0; mirror && i < mirror->rule_count; i++)
    check_rule(mirror, &mirror->rules[i]);
  mirror_free(mirror);
  return 0;
}
