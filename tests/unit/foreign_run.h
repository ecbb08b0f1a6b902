/* foreign_run.h - reads another program's file in a test, and shows what became of it as a text. */
#ifndef DRAY_TESTS_FOREIGN_RUN_H
#define DRAY_TESTS_FOREIGN_RUN_H

#include "base/buf.h"
#include "base/mem.h"
#include "sync/foreign.h"
#include "unit.h"

#define SHA "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct buf warnings; /* of the last run, one a line */

static void note(void *arg, const char *message) {
  (void)arg;
  buf_addf(&warnings, "%s\n", message);
}

static const char *get(void *arg, const char *name) {
  static const char *const set[][2] = {
      {"USER", "me"}, {"PASSWORD", "hunter2"}, {"ORG", "our"}, {"EMPTY", ""}};
  (void)arg;
  for (size_t i = 0; i < COUNT(set); i++)
    if (strcmp(set[i][0], name) == 0)
      return set[i][1];
  return NULL;
}

static char *get_file(void *arg, const char *name, struct err *err) {
  (void)arg;
  if (strcmp(name, "/run/secrets/hub") == 0)
    return mem_strdup("  s3cret\n");
  err_set(err, ERR_NOT_FOUND, "%s: no such file", name);
  return NULL;
}

static int try(const char *text, struct foreign_options options, struct mirror **mirror,
               struct err *err) {
  static const struct env env = {.get = get};
  buf_free(&warnings);
  buf_init(&warnings, SIZE_MAX);
  options.file = get_file;
  options.warn = note;
  return foreign_parse("f.yml", text, strlen(text), &env, &options, mirror, err);
}

static inline struct mirror *run(const char *text, struct foreign_options options) {
  struct mirror *mirror;
  struct err err = {0};
  CHECK(try(text, options, &mirror, &err) == 0, "%s\n%s", text, err.message);
  return mirror;
}

/* A line for each pair of a source and a target; of tags those that a rule takes of a few. */
static inline char *pairs(const struct mirror *mirror, const char *const *tags) {
  struct buf buf;
  buf_init(&buf, SIZE_MAX);
  for (size_t r = 0; r < mirror->rule_count; r++)
    for (size_t i = 0; i < mirror->rules[r].source_count * mirror->rules[r].target_count; i++) {
      const struct mirror_rule *rule = &mirror->rules[r];
      const struct mirror_source *from = &rule->sources[i / rule->target_count];
      struct oci_ref ref;
      assert_int_equal(mirror_expand(from, &rule->targets[i % rule->target_count], &ref, NULL), 0);
      char *source = oci_ref_format(&from->ref), *target = oci_ref_format(&ref);
      buf_addf(&buf, "%s > %s", source, target);
      for (size_t t = 0; tags && tags[t] && rule->tags; t++)
        if (selection_wants(rule->tags, tags[t], NULL))
          buf_addf(&buf, " %s", tags[t]);
      char platform[OCI_PLATFORM_TEXT];
      for (size_t p = 0; p < rule->platforms.count; p++)
        buf_addf(&buf, " %s", oci_platform_format(platform, &rule->platforms.items[p]));
      buf_adds(&buf, rule->referrers ? " referrers\n" : "\n");
      free(source);
      free(target);
      oci_ref_free(&ref);
    }
  return buf_take(&buf);
}

static inline void check_pairs(const struct mirror *mirror, const char *const *tags,
                               const char *wanted) {
  char *got = pairs(mirror, tags);
  assert_string_equal(got, wanted);
  free(got);
}

static inline void check_warnings(const char *wanted) {
  assert_string_equal(buf_str(&warnings), wanted);
}

struct refusal {
  const char *text, *message;
};

static inline void check_refusals(const struct refusal *rows, size_t count,
                                  struct foreign_options options) {
  for (size_t i = 0; i < count; i++) {
    struct mirror *mirror;
    struct err err = {0};
    CHECK(try(rows[i].text, options, &mirror, &err) == -ERR_CONFIG, "%s is taken: %s", rows[i].text,
          err.message);
    assert_null(mirror);
    CHECK(strstr(err.message, rows[i].message), "%s\n%s", rows[i].text, err.message);
  }
}

static int end_runs(void **state) {
  (void)state;
  buf_free(&warnings);
  return 0;
}

#endif
