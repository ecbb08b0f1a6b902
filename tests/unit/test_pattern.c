#include "sync/pattern.h"

#include <stdio.h>
#include <time.h>

#include "unit.h"

static struct pattern *parse(const char *text) {
  struct pattern *pattern;
  struct err err = {0};
  CHECK(pattern_parse(text, &pattern, &err) == 0, "%s", err.message);
  return pattern;
}

static void its_first_letter_says_what_it_is(void **state) {
  (void)state;
  static const struct {
    const char *pattern, *tag;
    bool matches;
  } rows[] = {
      /* globs */
      {"v1.*", "v1.2", true},
      {"v1.*", "v1.", true},
      {"v1.*", "v10", false},
      {"*-debug", "1.0-debug", true},
      {"*-debug", "1.0-debug1", false},
      {"1.?", "1.8", true},
      {"1.?", "1.10", false},
      {"1.8", "1.8", true},
      {"1.8", "1.8.0", false},
      {"1.8", "1x8", false},
      {"*", "latest", true},
      {"latest", "Latest", false},
      {"-x", "-x", true},
      /* expressions */
      {"/^v2\\.[0-9]+$/", "v2.17", true},
      {"/^v2\\.[0-9]+$/", "v2.17.1", false},
      {"/v2/", "v2", true},
      {"/v2/", "v21", false},
      {"/v2/", "av2", false},
      {"/v1|v2/", "v2", true},
      {"/v1|v2/", "v1v2", false},
      {"/v|v2/", "v2", true}, /* whole tag: the first alternative does not decide */
      {"/a*?/", "aaa", true},
      {"/1.8/", "1x8", true},
      {"/(\\d+)\\.\\1/", "12.12", true},
      {"/(\\d+)\\.\\1/", "12.13", false},
      {"/(?i)RC.*/", "rc1", true},
      {"/RC.*/", "rc1", false},
      {"/(?!.*-rc).*/", "1.0-rc1", false},
      {"/(?!.*-rc).*/", "1.0", true},
      {"/a/", "a\n", false},
      {"/a$/", "a\n", false},
      {"/.{128}/",
       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
       true},
      {"/(([a-z]+)[0-9]?)*/",
       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
       true},
      {"/a/b/", "a/b", true},
      /* ranges */
      {">=1.8.0 <2", "v1.24.0", true},
      {">=1.8.0 <2", "2.0.0", false},
      {"<2", "1.8", true},
      {"=1.2.x", "1.2.9", true},
      {"^1.2", "1.9", true},
      {"~1.2", "1.3", false},
      {">1", "latest", false},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct pattern *pattern = parse(rows[i].pattern);
    bool gave_up = false;
    CHECK(pattern_match(pattern, rows[i].tag, &gave_up) == rows[i].matches, "%s and %s",
          rows[i].pattern, rows[i].tag);
    CHECK(!gave_up, "%s and %s", rows[i].pattern, rows[i].tag);
    assert_string_equal(pattern_text(pattern), rows[i].pattern);
    pattern_free(pattern);
  }
}

static void says_what_is_wrong_and_where(void **state) {
  (void)state;
  static const struct {
    const char *text, *message;
  } rows[] = {
      {"", "it is empty"},
      {"/", "character 1: a regular expression ends with a slash"},
      {"/x/i", "character 4: a regular expression ends with a slash"},
      {"//", "nothing stands between the slashes"},
      {"/x(/", "\"/x(/\": character 4: missing closing parenthesis"},
      {"/*x/", "character 2: quantifier does not follow a repeatable item"},
      {"/[a-/", "character 5: missing terminating ] for character class"},
      {"/\\C/", "using \\C is disabled"},
      {"/(*UTF)x/", "using UTF is disabled"},
      {"/(((a{1,50}){1,50}){1,50}){1,50}/", "too large"},
      {"/((ab|cd|ef){1,90}){1,9}/", "too large once"},
      {"v[12]", "character 2: no tag has that; a glob knows * and ?"},
      {"1.x || 2.x", "character 4: no tag has that"},
      {" >=1", "character 1: no tag has that"},
      {"!v1", "character 1: no tag has that"},
      {"v1,v2", "character 3: no tag has that"},
      {"h\xc3\xa9", "character 2: no tag has that"},
      {">=", "bad version range \">=\": character 3"},
      {">=1,<2", "bad version range \">=1,<2\": character 4"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct pattern *pattern;
    struct err err = {0};
    CHECK(pattern_parse(rows[i].text, &pattern, &err) == -ERR_USAGE, "%s is taken", rows[i].text);
    assert_null(pattern);
    CHECK(strstr(err.message, rows[i].message), "%s: %s", rows[i].text, err.message);
  }
}

static void an_expression_above_4_kib_is_refused(void **state) {
  (void)state;
  char text[4100];
  struct pattern *pattern;
  struct err err = {0};
  memset(text, 'a', sizeof text);
  text[0] = text[4097] = '/';
  text[4098] = '\0';
  assert_int_equal(pattern_parse(text, &pattern, &err), 0);
  pattern_free(pattern);
  text[4097] = 'a';
  text[4098] = '/';
  text[4099] = '\0';
  assert_int_equal(pattern_parse(text, &pattern, &err), -ERR_USAGE);
  assert_non_null(strstr(err.message, "longer than the limit"));
}

/* Without a limit each of these would take longer than the universe has. */
static void an_expression_that_does_not_end_gives_up(void **state) {
  (void)state;
  static const char *const expressions[] = {
      "/(a*)*[bc]/",
      "/(a+)+[bc]/",
      "/(a|aa)+[bc]/",
      "/(a|a?)+[bc]/",
      "/((a*)*)*[bc]/",
      "/(.*)(.*)(.*)(.*)(.*)[bc]/",
      "/(?:(?=(a+))a)*(?:a+)*[bc]/",
      "/(a?){99}(a?){99}[bc]/",
      "/(?<x>a|a(?&x)+)+[bc]/",
  };
  char tag[129];
  memset(tag, 'a', 128);
  tag[128] = '\0';
  clock_t began = clock();
  for (size_t i = 0; i < COUNT(expressions); i++) {
    struct pattern *pattern = parse(expressions[i]);
    bool gave_up = false;
    assert_false(pattern_match(pattern, tag, NULL));
    CHECK(!pattern_match(pattern, tag, &gave_up), "%s", expressions[i]);
    CHECK(gave_up, "%s", expressions[i]);
    pattern_free(pattern);
  }
  assert_true(clock() - began < 2 * CLOCKS_PER_SEC);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(its_first_letter_says_what_it_is),
      cmocka_unit_test(says_what_is_wrong_and_where),
      cmocka_unit_test(an_expression_above_4_kib_is_refused),
      cmocka_unit_test(an_expression_that_does_not_end_gives_up),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
