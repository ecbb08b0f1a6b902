/* docs/foreign.md has every key of every format, and what it says becomes of each does. */
#include <stdio.h>

#include "base/file.h"
#include "base/text.h"
#include "foreign_run.h"

/* Where a key of an object goes: %s is "KEY: VALUE" and what belongs to it. */
static const struct {
  const char *where, *section, *text;
  struct foreign_options options;
} objects[FOREIGN_OBJECTS] = {
    [SKOPEO_REGISTRY] = {"registry", "skopeo sync", "q.io: {x-k: {}, %s}", {.to = "r.lan"}},
    [SKOPEO_CREDENTIALS] = {"credentials",
                            "skopeo sync",
                            "q.io: {images: {a: []}, credentials: {%s}}",
                            {.to = "r.lan"}},
    [SYNCER_FILE] = {"file", "image-syncer", "{%s}", {0}},
    [SYNCER_AUTH] = {"auth", "image-syncer", "images: {q.io/a: r.lan/a}\nauth: {r.lan: {%s}}", {0}},
    [REGSYNC_FILE] = {"file", "regsync", "{%s}", {0}},
    [REGSYNC_CREDS] = {"creds", "regsync", "creds: [{%s}]", {0}},
    [REGSYNC_DEFAULTS] = {"defaults", "regsync", "{sync: [], defaults: {%s}}", {0}},
    [REGSYNC_SYNC] = {"sync", "regsync", "sync: [{%s}]", {0}},
    [REGSYNC_TAGS] = {"tags",
                      "regsync",
                      "sync: [{source: q.io/a, target: r.lan/a, type: repository, tags: {%s}}]",
                      {0}},
};

static char *page;

static int load(void **state) {
  (void)state;
  char *path =
      mem_printf("%.*sdocs/foreign.md",
                 (int)(strlen(__FILE__) - strlen("tests/unit/test_foreign_docs.c")), __FILE__);
  struct err err = {.message = ""};
  int rc = file_read(path, 1000000, &page, NULL, &err);
  if (rc != 0)
    fprintf(stderr, "%s\n", err.message);
  free(path);
  return rc;
}

static int unload(void **state) {
  free(page);
  return end_runs(state);
}

/* The page from a section's title to the next one's: the caller's. */
static char *section(const char *title) {
  char *head = mem_printf("\n## %s\n", title);
  const char *from = strstr(page, head);
  CHECK(from, "no section %s", title);
  from += strlen(head);
  const char *end = strstr(from, "\n## ");
  free(head);
  return end ? mem_strndup(from, (size_t)(end - from)) : mem_strdup(from);
}

/* What the row of a key says, to the end of its line: the caller's. NULL: there is none. */
static char *fate_of(enum foreign_object object, const char *key) {
  char *text = section(objects[object].section);
  char *head = mem_printf("\n| %s | `%s` | ", objects[object].where, key);
  const char *row = strstr(text, head);
  char *fate = row ? mem_strndup(row + strlen(head), strcspn(row + strlen(head), "\n")) : NULL;
  free(head);
  free(text);
  return fate;
}

/* A value for a key, and what else its object needs then. */
static const char *sample(enum foreign_object object, const char *key) {
  static const struct {
    enum foreign_object object;
    const char *key, *text;
  } samples[] = {
      {SKOPEO_REGISTRY, "images", "images: {a: []}"},
      {SKOPEO_REGISTRY, "images-by-tag-regex", "images-by-tag-regex: {a: v1}"},
      {SKOPEO_REGISTRY, "images-by-semver", "images-by-semver: {a: '1'}"},
      {SKOPEO_REGISTRY, "credentials", "images: {a: []}, credentials: {username: u, password: p}"},
      {SKOPEO_REGISTRY, "tls-verify", "images: {a: []}, tls-verify: false"},
      {SKOPEO_REGISTRY, "cert-dir", "images: {a: []}, cert-dir: /x"},
      {SKOPEO_CREDENTIALS, "username", "username: u, password: p"},
      {SKOPEO_CREDENTIALS, "password", "username: u, password: p"},
      {SYNCER_FILE, "images", "images: {q.io/a: r.lan/a}"},
      {SYNCER_FILE, "auth", "images: {q.io/a: r.lan/a}, auth: {}"},
      {SYNCER_AUTH, "username", "username: u, password: p"},
      {SYNCER_AUTH, "password", "username: u, password: p"},
      {REGSYNC_FILE, "version", "version: 1, sync: []"},
      {REGSYNC_FILE, "creds", "creds: []"},
      {REGSYNC_FILE, "defaults", "defaults: {}, sync: []"},
      {REGSYNC_FILE, "sync", "sync: []"},
      {REGSYNC_CREDS, "registry", "registry: r.lan"},
      {REGSYNC_CREDS, "user", "registry: r.lan, user: u, pass: p"},
      {REGSYNC_CREDS, "pass", "registry: r.lan, user: u, pass: p"},
      {REGSYNC_CREDS, "tls", "registry: r.lan, tls: insecure"},
      {REGSYNC_CREDS, "reqPerSec", "registry: r.lan, reqPerSec: 5"},
      {REGSYNC_CREDS, "reqConcurrent", "registry: r.lan, reqConcurrent: 5"},
      {REGSYNC_CREDS, "blobChunk", "registry: r.lan, blobChunk: 5"},
      {REGSYNC_SYNC, "source", ""},
      {REGSYNC_SYNC, "target", ""},
      {REGSYNC_SYNC, "type", ""},
      {REGSYNC_SYNC, "tags", "tags: {allow: [x]}"},
      {REGSYNC_SYNC, "tagSets", "tagSets: [{allow: [x]}]"},
      {REGSYNC_SYNC, "digestTags", "referrers: true, digestTags: true"},
      {REGSYNC_SYNC, "platform", "platform: linux/amd64"},
      {REGSYNC_SYNC, "platforms", "platforms: [linux/amd64]"},
      {REGSYNC_TAGS, "allow", "allow: [x]"},
      {REGSYNC_TAGS, "deny", "deny: [x]"},
      {REGSYNC_TAGS, "semverRange", "semverRange: ['1']"},
  };
  for (size_t i = 0; i < COUNT(samples); i++)
    if (samples[i].object == object && strcmp(samples[i].key, key) == 0)
      return samples[i].text;
  return NULL;
}

/* Of a file with this key alone, beside what is needed. */
static void run_key(enum foreign_object object, const char *key, const char *value) {
  const char *given = value ? NULL : sample(object, key);
  char *pair = given ? mem_strdup(given) : mem_printf("%s: %s", key, value ? value : "true");
  const char *first = given                       ? ""
                      : object == REGSYNC_CREDS   ? "registry: r.lan, "
                      : object == SKOPEO_REGISTRY ? "images: {a: []}, "
                                                  : "";
  if (object == REGSYNC_SYNC)
    first = "source: q.io/a, target: r.lan/a, type: repository, ";
  char *inner = mem_printf("%s%s", first, pair);
  const char *hole = strstr(objects[object].text, "%s");
  char *text = mem_printf("%.*s%s%s", (int)(hole - objects[object].text), objects[object].text,
                          inner, hole + 2);
  mirror_free(run(text, objects[object].options));
  free(text);
  free(inner);
  free(pair);
}

static void check_warned(const char *key, bool wanted) {
  char *name = mem_printf("\"%s\"", key);
  const char *text = buf_str(&warnings);
  CHECK((strstr(text, name) && text_starts(text, "f.yml:")) == wanted, "%s: %s: %s", key,
        wanted ? "no warning" : "a warning", text);
  CHECK(wanted || !*text, "%s: %s", key, text);
  free(name);
}

static void each_key_does_as_it_says(void **state) {
  (void)state;
  for (enum foreign_object object = 0; object < FOREIGN_OBJECTS; object++)
    for (const struct foreign_key *key = foreign_keys(object); key->name; key++) {
      char *fate = fate_of(object, key->name);
      CHECK(fate, "docs/foreign.md does not have %s of %s", key->name, objects[object].where);
      bool warned = text_starts(fate, "warned") || strstr(fate, "and warned");
      CHECK(warned || text_starts(fate, "honoured"), "%s: %s", key->name, fate);
      run_key(object, key->name, NULL);
      check_warned(key->name, warned);
      if (text_starts(fate, "warned if true")) {
        run_key(object, key->name, "false");
        check_warned(key->name, false);
      }
      if (text_starts(fate, "warned")) { /* null is as good as none */
        run_key(object, key->name, "~");
        check_warned(key->name, false);
      }
      free(fate);
    }
}

static bool is_key(enum foreign_object object, const char *name, size_t len) {
  for (const struct foreign_key *key = foreign_keys(object); key->name; key++)
    if (strlen(key->name) == len && memcmp(key->name, name, len) == 0)
      return true;
  return false;
}

/* A row of a key that there is not would promise something. */
static void each_row_is_a_key(void **state) {
  (void)state;
  size_t rows = 0;
  for (enum foreign_object object = 0; object < FOREIGN_OBJECTS; object++) {
    char *text = section(objects[object].section);
    char *head = mem_printf("\n| %s | `", objects[object].where);
    for (const char *row = text; (row = strstr(row, head)); rows++) {
      row += strlen(head);
      CHECK(is_key(object, row, strcspn(row, "`")), "%s has no key %.30s", objects[object].where,
            row);
    }
    free(head);
    free(text);
  }
  assert_true(rows > 80);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_key_does_as_it_says),
      cmocka_unit_test(each_row_is_a_key),
  };
  return cmocka_run_group_tests(tests, load, unload);
}
