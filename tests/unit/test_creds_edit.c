#include "net/creds_edit.h"

#include <stdio.h>

#include "unit.h"

static const struct creds bob = {.user = (char *)"bob", .password = (char *)"a:b\"c"};
#define BOBS "Ym9iOmE6YiJj" /* base64 of bob:a:b"c */

/* The new text; "" where it would say the same. */
static char *edit(const char *text, const char *registry, enum creds_edit how, bool *found) {
  char *changed;
  struct err err = {0};
  bool there;
  CHECK(creds_edit("f.json", text, strlen(text), registry, how, &bob, &changed, &there, &err) == 0,
        "%s: %s", text, err.message);
  if (found)
    *found = there;
  return changed ? changed : strdup("");
}

static void expect(const char *text, const char *registry, enum creds_edit how,
                   const char *wanted) {
  char *changed = edit(text, registry, how, NULL);
  CHECK_STRING(changed, wanted, text);
  free(changed);
}

static void the_rest_of_the_file_stays_in_its_order(void **state) {
  (void)state;
  expect("{\"z\": [1, 2.5, {\"deep\": null}], \"psFormat\": \"\\u00e9 a/b\",\n"
         "\"auths\":{\"b.io\":{\"auth\":\"eDp5\",\"new\":true},\"a.io\":{}}, \"a\":{}}",
         "c.io", CREDS_KEEP,
         "{\n"
         "\t\"z\": [\n\t\t1,\n\t\t2.5,\n\t\t{\n\t\t\t\"deep\": null\n\t\t}\n\t],\n"
         "\t\"psFormat\": \"\u00e9 a/b\",\n"
         "\t\"auths\": {\n"
         "\t\t\"b.io\": {\n\t\t\t\"auth\": \"eDp5\",\n\t\t\t\"new\": true\n\t\t},\n"
         "\t\t\"a.io\": {},\n"
         "\t\t\"c.io\": {\n\t\t\t\"auth\": \"" BOBS "\"\n\t\t}\n"
         "\t},\n"
         "\t\"a\": {}\n"
         "}\n");
}

static void a_file_is_begun(void **state) {
  (void)state;
  static const char *const nothing[] = {"", " \n", "{}", "{\"auths\":null}"};
  for (size_t i = 0; i < COUNT(nothing); i++)
    expect(nothing[i], "c.io", CREDS_KEEP,
           "{\n\t\"auths\": {\n\t\t\"c.io\": {\n\t\t\t\"auth\": \"" BOBS "\"\n\t\t}\n\t}\n}\n");
}

static void an_entry_loses_all_that_would_win(void **state) {
  (void)state;
  expect("{\"auths\":{\"c.io\":{\"identitytoken\":\"i\",\"email\":\"e\",\"auth\":\"eDp5\","
         "\"registrytoken\":\"r\",\"username\":\"u\",\"password\":\"p\"}}}",
         "c.io", CREDS_KEEP,
         "{\n\t\"auths\": {\n\t\t\"c.io\": {\n\t\t\t\"email\": \"e\",\n\t\t\t\"auth\": \"" BOBS
         "\"\n\t\t}\n\t}\n}\n");
}

/* Else what stands under the other spelling might be found first. */
static void every_spelling_of_the_host_is_kept_alike(void **state) {
  (void)state;
  static const struct {
    const char *key, *registry, *own; /* own: the key that is new, or NULL */
  } rows[] = {{"https://C.io/v1/", "c.io", "c.io"},
              {"c.io:443", "c.io", "c.io"},
              {"c.io", "https://c.io/", NULL},
              {"docker.io", "docker.io", "https://index.docker.io/v1/"},
              {"https://index.docker.io/v1/", "registry-1.docker.io", NULL},
              {"c.io/me", "c.io", "c.io"},
              {"c.io:5000", "c.io", "c.io"}};
  for (size_t i = 0; i < COUNT(rows); i++) {
    char text[100], entry[100];
    snprintf(text, sizeof text, "{\"auths\":{\"%s\":{\"auth\":\"eDp5\"}}}", rows[i].key);
    char *changed = edit(text, rows[i].registry, CREDS_KEEP, NULL);
    bool other = i >= COUNT(rows) - 2;
    snprintf(entry, sizeof entry, "\"%s\": {\n\t\t\t\"auth\": \"%s\"", rows[i].key,
             other ? "eDp5" : BOBS);
    CHECK(strstr(changed, entry), "%s: %s", rows[i].key, changed);
    if (rows[i].own) {
      snprintf(entry, sizeof entry, "\"%s\": {\n\t\t\t\"auth\": \"" BOBS "\"", rows[i].own);
      CHECK(strstr(changed, entry), "%s: %s", rows[i].own, changed);
    }
    free(changed);
  }
}

static void a_port_of_one_s_own_stays_in_the_key(void **state) {
  (void)state;
  static const char *const rows[][2] = {{"c.io:443", "c.io:443"},
                                        {"https://c.io:5000/v2/", "c.io:5000"},
                                        {"[::1]:5000", "[::1]:5000"},
                                        {"index.docker.io", "https://index.docker.io/v1/"},
                                        {"docker.io", "https://index.docker.io/v1/"}};
  for (size_t i = 0; i < COUNT(rows); i++) {
    char *key = creds_edit_key(rows[i][0]);
    CHECK_STRING(key, rows[i][1], rows[i][0]);
    free(key);
  }
}

static void a_helper_s_host_is_marked(void **state) {
  (void)state;
  expect("{\"credsStore\":\"x\",\"auths\":{\"c.io\":{\"auth\":\"eDp5\",\"email\":\"e\"}}}", "c.io",
         CREDS_MARK,
         "{\n\t\"credsStore\": \"x\",\n\t\"auths\": {\n\t\t\"c.io\": {\n\t\t\t\"email\": \"e\"\n"
         "\t\t}\n\t}\n}\n");
  expect("{\"credsStore\":\"x\"}", "c.io", CREDS_MARK,
         "{\n\t\"credsStore\": \"x\",\n\t\"auths\": {\n\t\t\"c.io\": {}\n\t}\n}\n");
}

static void all_spellings_are_dropped(void **state) {
  (void)state;
  bool found;
  char *changed = edit("{\"auths\":{\"c.io\":{},\"https://c.io/v1/\":{},\"c.io/me\":{},\"d.io\":"
                       "{}},\"x\":1}",
                       "c.io", CREDS_DROP, &found);
  assert_string_equal(changed, "{\n\t\"auths\": {\n\t\t\"c.io/me\": {},\n\t\t\"d.io\": {}\n\t},\n"
                               "\t\"x\": 1\n}\n");
  assert_true(found);
  free(changed);
}

static void a_file_that_says_so_already_is_left_alone(void **state) {
  (void)state;
  bool found;
  expect("{\"auths\":{\"c.io\":{\"auth\":\"" BOBS "\"}}}", "c.io", CREDS_KEEP, "");
  expect("{\"auths\":{\"c.io\":{}}}", "c.io", CREDS_MARK, "");
  static const char *const nothing[] = {"", "{}", "{\"auths\":null}", "{\"auths\":{\"d.io\":{}}}"};
  for (size_t i = 0; i < COUNT(nothing); i++) {
    char *changed = edit(nothing[i], "c.io", CREDS_DROP, &found);
    CHECK_STRING(changed, "", nothing[i]);
    CHECK(!found, "%s", nothing[i]);
    free(changed);
  }
}

static void a_malformed_file_is_not_touched(void **state) {
  (void)state;
  static const char *const texts[] = {"{\"auths\":{}", "[]", "{\"auths\":[]}",
                                      "{\"auths\":{\"d.io\":{\"auth\":\"s3cret\"}}}"};
  for (size_t i = 0; i < COUNT(texts); i++) {
    char *changed;
    bool found;
    struct err err = {0};
    CHECK(creds_edit("f.json", texts[i], strlen(texts[i]), "c.io", CREDS_KEEP, &bob, &changed,
                     &found, &err) == -ERR_CONFIG,
          "%s", texts[i]);
    CHECK(!changed && strstr(err.message, "f.json") && !strstr(err.message, "s3cret"), "%s: %s",
          texts[i], err.message);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_rest_of_the_file_stays_in_its_order),
      cmocka_unit_test(a_file_is_begun),
      cmocka_unit_test(an_entry_loses_all_that_would_win),
      cmocka_unit_test(every_spelling_of_the_host_is_kept_alike),
      cmocka_unit_test(a_port_of_one_s_own_stays_in_the_key),
      cmocka_unit_test(a_helper_s_host_is_marked),
      cmocka_unit_test(all_spellings_are_dropped),
      cmocka_unit_test(a_file_that_says_so_already_is_left_alone),
      cmocka_unit_test(a_malformed_file_is_not_touched),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
