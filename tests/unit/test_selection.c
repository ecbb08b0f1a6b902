#include "sync/selection.h"

#include <stdio.h>

#include "unit.h"

static const char *const all[] = {"latest",       "v1.9.0", "v1.10.0",  "v1.10.0-debug",
                                  "v1.11.0-rc.1", "v2.0.0", "v1.8.0",   "main",
                                  "1.24",         "v2.17",  "v2.x-test"};

static void add(struct selection *selection, const char *includes, const char *excludes) {
  struct err err = {0};
  char copy[200], *save = NULL;
  snprintf(copy, sizeof copy, "%s", includes);
  for (char *text = strtok_r(copy, ";", &save); text; text = strtok_r(NULL, ";", &save))
    CHECK(selection_include(selection, text, &err) == 0, "%s", err.message);
  snprintf(copy, sizeof copy, "%s", excludes);
  for (char *text = strtok_r(copy, ";", &save); text; text = strtok_r(NULL, ";", &save))
    CHECK(selection_exclude(selection, text, &err) == 0, "%s", err.message);
}

static void takes_what_is_included_and_not_excluded_in_order(void **state) {
  (void)state;
  static const struct {
    const char *include, *exclude;
    size_t newest;
    const char *wanted;
  } rows[] = {
      {"", "", 0,
       "v1.8.0 v1.9.0 v1.10.0-debug v1.10.0 v1.11.0-rc.1 1.24 v2.0.0 v2.17 latest main v2.x-test"},
      {"", "*-debug;main", 0,
       "v1.8.0 v1.9.0 v1.10.0 v1.11.0-rc.1 1.24 v2.0.0 v2.17 latest v2.x-test"},
      {"v1.*", "", 0, "v1.8.0 v1.9.0 v1.10.0-debug v1.10.0 v1.11.0-rc.1"},
      {"v1.*", "*-debug", 0, "v1.8.0 v1.9.0 v1.10.0 v1.11.0-rc.1"},
      {">=1.9 <2", "", 0, "v1.9.0 v1.10.0 1.24"},
      {"/^v2\\.[0-9]+$/;main;>=1.8 <1.10", "", 0, "v1.8.0 v1.9.0 v2.17 main"},
      {"v*", "<2", 0, "v1.10.0-debug v1.11.0-rc.1 v2.0.0 v2.17 v2.x-test"},
      {"nothing", "", 0, ""},
      {"*", "*", 0, ""},
      {"", "", 3, "1.24 v2.0.0 v2.17"},
      {"v1.*", "*-debug", 2, "v1.10.0 v1.11.0-rc.1"},
      {"v1.*", "*-*", 2, "v1.9.0 v1.10.0"},
      {">=1.8", "", 1, "v2.17"},
      {"latest;v1.8.0", "", 5, "v1.8.0"}, /* latest is no version */
      {"", "", 100, "v1.8.0 v1.9.0 v1.10.0-debug v1.10.0 v1.11.0-rc.1 1.24 v2.0.0 v2.17"},
      {"latest", "", 1, ""},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct selection *selection = selection_new();
    const char *tags[COUNT(all)];
    char got[300] = "";
    memcpy(tags, all, sizeof tags);
    add(selection, rows[i].include, rows[i].exclude);
    selection_set_newest(selection, rows[i].newest);
    assert_int_equal(selection_newest(selection), rows[i].newest);
    size_t count = selection_apply(selection, tags, COUNT(all), NULL);
    for (size_t t = 0; t < count; t++)
      snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", t ? " " : "", tags[t]);
    CHECK_STRING(got, rows[i].wanted, rows[i].include);
    selection_free(selection);
  }
}

static void tags_can_be_asked_for_one_by_one(void **state) {
  (void)state;
  struct selection *selection = selection_new();
  add(selection, "v1.*;latest", "*-debug");
  assert_true(selection_wants(selection, "v1.2", NULL));
  assert_true(selection_wants(selection, "latest", NULL));
  assert_false(selection_wants(selection, "v1.2-debug", NULL));
  assert_false(selection_wants(selection, "v2.2", NULL));
  selection_free(selection);
}

static void none_at_all_wants_all(void **state) {
  (void)state;
  const char *tags[] = {"b", "a", "1"};
  assert_true(selection_wants(NULL, "latest", NULL));
  assert_int_equal(selection_newest(NULL), 0);
  assert_int_equal(selection_apply(NULL, tags, COUNT(tags), NULL), 3);
  assert_string_equal(tags[0], "1");
  assert_string_equal(tags[2], "b");
  assert_int_equal(selection_apply(NULL, NULL, 0, NULL), 0);
}

/* As regsync has it: a version of the range, and one that an expression allows. */
static void two_kinds_of_patterns_can_be_asked_for(void **state) {
  (void)state;
  struct selection *selection = selection_new();
  struct range *range;
  assert_int_equal(range_parse(">=1.9", &range, NULL), 0);
  selection_include_pattern(selection, pattern_of_range(range));
  assert_int_equal(selection_require(selection, "v1*", NULL), 0);
  assert_int_equal(selection_require(selection, "v2*", NULL), 0);
  assert_int_equal(selection_exclude(selection, "v2.0.0", NULL), 0);
  assert_true(selection_wants(selection, "v1.9.0", NULL));
  assert_true(selection_wants(selection, "v2.17", NULL));
  assert_false(selection_wants(selection, "v1.8.0", NULL)); /* not in the range */
  assert_false(selection_wants(selection, "1.24", NULL));   /* in no glob */
  assert_false(selection_wants(selection, "v2.0.0", NULL));
  selection_free(selection);
}

static void a_bad_pattern_changes_nothing(void **state) {
  (void)state;
  struct selection *selection = selection_new();
  struct err err = {0};
  assert_int_equal(selection_include(selection, "/(/", &err), -ERR_USAGE);
  assert_int_equal(selection_exclude(selection, ">=x.y", &err), -ERR_USAGE);
  assert_true(selection_wants(selection, "latest", NULL));
  selection_free(selection);
}

static void names_the_pattern_that_was_given_up(void **state) {
  (void)state;
  static const char tag[] =
      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
  struct selection *selection = selection_new();
  const char *gave_up = NULL;
  add(selection, "b;/(a+)+[bc]/;a*", "x");
  assert_true(selection_wants(selection, "abc", &gave_up));
  assert_null(gave_up);
  assert_true(selection_wants(selection, tag, &gave_up));
  assert_string_equal(gave_up, "/(a+)+[bc]/");
  selection_free(selection);
}

static void equal_versions_have_one_order_whatever_the_listing_s(void **state) {
  (void)state;
  static const char *const listings[][4] = {{"1.0", "v1.0.0", "1.0.0", "1"},
                                            {"v1.0.0", "1", "1.0", "1.0.0"}};
  for (size_t i = 0; i < COUNT(listings); i++) {
    struct selection *selection = selection_new();
    const char *tags[4];
    memcpy(tags, listings[i], sizeof tags);
    selection_set_newest(selection, 2);
    assert_int_equal(selection_apply(selection, tags, 4, NULL), 2);
    assert_string_equal(tags[0], "1.0.0");
    assert_string_equal(tags[1], "v1.0.0");
    selection_free(selection);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(takes_what_is_included_and_not_excluded_in_order),
      cmocka_unit_test(tags_can_be_asked_for_one_by_one),
      cmocka_unit_test(none_at_all_wants_all),
      cmocka_unit_test(two_kinds_of_patterns_can_be_asked_for),
      cmocka_unit_test(a_bad_pattern_changes_nothing),
      cmocka_unit_test(names_the_pattern_that_was_given_up),
      cmocka_unit_test(equal_versions_have_one_order_whatever_the_listing_s),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
