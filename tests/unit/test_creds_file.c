#include "net/creds_file.h"

#include <stdio.h>

#include "unit.h"

static struct creds_file *parse(const char *text) {
  struct creds_file *file;
  struct err err = {0};
  CHECK(creds_file_parse("auth.json", text, strlen(text), &file, &err) == 0, "%s: %s", text,
        err.message);
  return file;
}

static void the_longest_key_that_fits_wins(void **state) {
  (void)state;
  struct creds_file *file =
      parse("{\"auths\":{"
            "\"https://ghcr.io/v1/\":{\"username\":\"url\",\"password\":\"x\"},"
            "\"ghcr.io\":{\"username\":\"host\",\"password\":\"x\"},"
            "\"ghcr.io/me/app\":{\"username\":\"app\",\"password\":\"x\"},"
            "\"ghcr.io/me/\":{\"username\":\"me\",\"password\":\"x\"},"
            "\"GHCR.io/marker\":{},"
            "\"127.0.0.1:5000\":{\"username\":\"port\",\"password\":\"x\"}}}");
  static const struct {
    const char *host, *path, *user; /* NULL: none */
  } rows[] = {
      {"ghcr.io", "me/app", "app"},    {"ghcr.io", "me/app/sub", "app"},
      {"ghcr.io", "me/apple", "me"},   {"ghcr.io", "me", "me"},
      {"ghcr.io", "you/app", "host"},  {"ghcr.io", "mega", "host"},
      {"ghcr.io", "marker", "host"},   {"ghcr.io", "ME/app", "host"},
      {"127.0.0.1:5000", "a", "port"}, {"127.0.0.1", "a", NULL},
      {"quay.io", "a", NULL},          {"ghcr.io.evil.com", "a", NULL},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    const struct creds *creds = creds_file_find(file, rows[i].host, rows[i].path);
    CHECK(!creds == !rows[i].user, "%s/%s", rows[i].host, rows[i].path);
    if (creds)
      CHECK_STRING(creds->user, rows[i].user, rows[i].path);
  }
  assert_string_equal(creds_file_find(file, "ghcr.io", "x")->origin, "auth.json");
  creds_file_free(file);
}

static void keys_come_in_many_spellings(void **state) {
  (void)state;
  static const struct {
    const char *key, *host;
  } rows[] = {
      {"https://index.docker.io/v1/", "docker.io"},
      {"index.docker.io", "docker.io"},
      {"index.docker.io/v1/", "docker.io"},
      {"docker.io", "docker.io"},
      {"registry-1.docker.io", "docker.io"},
      {"https://registry-1.docker.io/v2/", "docker.io"},
      {"https://registry.lan:5000/v2/", "registry.lan:5000"},
      {"http://registry.lan:5000", "registry.lan:5000"},
      {"https://registry.lan", "registry.lan"},
      {"https://registry.lan:443", "registry.lan"},
      {"https://registry.lan/some/where", "registry.lan"},
      {"Registry.LAN", "registry.lan"},
      {"[::1]:5000", "[::1]:5000"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    char text[200];
    snprintf(text, sizeof text, "{\"auths\":{\"%s\":{\"auth\":\"Ym9iOnB3\"}}}", rows[i].key);
    struct creds_file *file = parse(text);
    const struct creds *creds = creds_file_find(file, rows[i].host, "a/b");
    CHECK(creds, "%s", rows[i].key);
    CHECK_STRING(creds->user, "bob", rows[i].key);
    CHECK_STRING(creds->password, "pw", rows[i].key);
    creds_file_free(file);
  }
}

static const struct creds *only(struct creds_file *file) {
  return creds_file_find(file, "h.io", "a");
}

static void reads_all_forms_of_an_entry(void **state) {
  (void)state;
  static const struct {
    const char *entry, *user, *password, *identity, *registry; /* NULL: none */
  } rows[] = {
      {"{\"auth\":\"Ym9iOnB3\"}", "bob", "pw", NULL, NULL},
      {"{\"auth\":\"Ym9iOmE6Yjo=\"}", "bob", "a:b:", NULL, NULL},
      {"{\"auth\":\"Ym9iOnB3AAA=\"}", "bob", "pw", NULL, NULL}, /* NULs behind, as docker had it */
      {"{\"auth\":\"Ym9iOg==\"}", "bob", "", NULL, NULL},
      {"{\"username\":\"bob\",\"password\":\"pw\"}", "bob", "pw", NULL, NULL},
      {"{\"auth\":\"Ym9iOnB3\",\"username\":\"al\",\"password\":\"x\"}", "bob", "pw", NULL, NULL},
      {"{\"identitytoken\":\"it\"}", NULL, NULL, "it", NULL},
      {"{\"auth\":\"Ym9iOg==\",\"identitytoken\":\"it\"}", "bob", "", "it", NULL},
      {"{\"registrytoken\":\"rt.x-y\"}", NULL, NULL, NULL, "rt.x-y"},
      {"{\"auth\":\"Ym9iOnB3\",\"email\":\"b@b\",\"identitytoken\":\"\"}", "bob", "pw", NULL, NULL},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    char text[200];
    snprintf(text, sizeof text, "{\"auths\":{\"h.io\":%s},\"HttpHeaders\":{\"a\":\"b\"}}",
             rows[i].entry);
    struct creds_file *file = parse(text);
    const struct creds *creds = only(file);
    CHECK(creds, "%s", rows[i].entry);
    const char *got[] = {creds->user, creds->password, creds->identity_token,
                         creds->registry_token};
    const char *wanted[] = {rows[i].user, rows[i].password, rows[i].identity, rows[i].registry};
    for (size_t j = 0; j < COUNT(got); j++) {
      CHECK(!got[j] == !wanted[j], "%s: field %zu", rows[i].entry, j);
      if (got[j])
        CHECK_STRING(got[j], wanted[j], rows[i].entry);
    }
    creds_file_free(file);
  }
}

static void an_entry_that_says_nothing_is_a_marker(void **state) {
  (void)state;
  static const char *const entries[] = {"{}",
                                        "null",
                                        "{\"auth\":\"\"}",
                                        "{\"email\":\"b@b\"}",
                                        "{\"auth\":\"Og==\"}",
                                        "{\"username\":\"bob\"}"};
  for (size_t i = 0; i < COUNT(entries); i++) {
    char text[200];
    snprintf(text, sizeof text, "{\"auths\":{\"h.io\":%s}}", entries[i]);
    struct creds_file *file = parse(text);
    CHECK(!only(file), "%s", entries[i]);
    creds_file_free(file);
  }
}

static void the_host_s_helper_comes_before_the_store(void **state) {
  (void)state;
  struct creds_file *file = parse("{\"credsStore\":\"secretservice\",\"credHelpers\":{"
                                  "\"gcr.io\":\"gcloud\",\"https://index.docker.io/v1/\":\"hub\","
                                  "\"quay.io\":\"\"}}");
  assert_string_equal(creds_file_helper(file, "gcr.io"), "gcloud");
  assert_string_equal(creds_file_helper(file, "docker.io"), "hub");
  assert_string_equal(creds_file_helper(file, "quay.io"), "secretservice");
  assert_string_equal(creds_file_helper(file, "ghcr.io"), "secretservice");
  creds_file_free(file);
  file = parse("{\"credsStore\":\"\",\"credHelpers\":{\"gcr.io\":\"gcloud\"}}");
  assert_null(creds_file_helper(file, "ghcr.io"));
  creds_file_free(file);
}

static void an_empty_file_holds_nothing(void **state) {
  (void)state;
  static const char *const texts[] = {"", " \n\t", "{}", "{\"auths\":{}}",
                                      "{\"auths\":null,\"credHelpers\":null,\"credsStore\":null}"};
  for (size_t i = 0; i < COUNT(texts); i++) {
    struct creds_file *file = parse(texts[i]);
    assert_null(only(file));
    assert_null(creds_file_helper(file, "h.io"));
    creds_file_free(file);
  }
}

static void what_is_malformed_is_named_and_never_shown(void **state) {
  (void)state;
  static const struct {
    const char *text, *message;
  } rows[] = {
      {"{\"auths\":\n {\"h.io\": SECRET}}", "auth.json:2:"},
      {"{\"auths\":{\"h.io\":{\"auth\":\"U0VDUkVU", "auth.json:1:"},
      {"[\"SECRET\"]", "auth.json: not a JSON object"},
      {"{\"auths\":[\"SECRET\"]}", "auth.json: auths"},
      {"{\"auths\":{\"h.io\":\"SECRET\"}}", "auth.json: h.io"},
      {"{\"auths\":{\"h.io\":{\"auth\":17}}}", "auth.json: auth"},
      {"{\"auths\":{\"h.io\":{\"auth\":\"U0VDUkVU\"}}}", "auth.json: h.io"},     /* no colon */
      {"{\"auths\":{\"h.io\":{\"auth\":\"U0VD!UkVU\"}}}", "auth.json: h.io"},    /* no base64 */
      {"{\"auths\":{\"h.io\":{\"auth\":\"YgA6U0VDUkVU\"}}}", "auth.json: h.io"}, /* NUL in it */
      {"{\"auths\":{\"h.io\":{\"registrytoken\":\"SECRET\\r\\nX: y\"}}}", "auth.json: h.io"},
      {"{\"credHelpers\":\"SECRET\"}", "auth.json: credHelpers"},
      {"{\"credHelpers\":{\"h.io\":{}}}", "auth.json: h.io"},
      {"{\"credHelpers\":{\"h.io\":\"../SECRET\"}}", "auth.json: h.io"},
      {"{\"credsStore\":\"a SECRET\"}", "auth.json: credsStore"},
      {"{\"credsStore\":true}", "auth.json: credsStore"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct creds_file *file;
    struct err err;
    CHECK(creds_file_parse("auth.json", rows[i].text, strlen(rows[i].text), &file, &err) ==
              -ERR_CONFIG,
          "%s", rows[i].text);
    CHECK(strstr(err.message, rows[i].message), "%s: %s", rows[i].text, err.message);
    CHECK(!strstr(err.message, "SECRET") && !strstr(err.message, "U0VD"), "%s: %s", rows[i].text,
          err.message);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_longest_key_that_fits_wins),
      cmocka_unit_test(keys_come_in_many_spellings),
      cmocka_unit_test(reads_all_forms_of_an_entry),
      cmocka_unit_test(an_entry_that_says_nothing_is_a_marker),
      cmocka_unit_test(the_host_s_helper_comes_before_the_store),
      cmocka_unit_test(an_empty_file_holds_nothing),
      cmocka_unit_test(what_is_malformed_is_named_and_never_shown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
