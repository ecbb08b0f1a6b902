#include "sync/range.h"

#include <stdio.h>

#include "unit.h"

static struct range *parse(const char *text) {
  struct range *range;
  struct err err = {0};
  CHECK(range_parse(text, &range, &err) == 0, "%s", err.message);
  return range;
}

/* What a range takes, and what it does not: tags, blanks in between. */
struct row {
  const char *range, *takes, *leaves;
};

static void check_tags(const struct range *range, const char *name, const char *tags, bool takes) {
  char copy[400], *save = NULL;
  CHECK(strlen(tags) < sizeof copy, "%s", tags);
  snprintf(copy, sizeof copy, "%s", tags);
  for (char *tag = strtok_r(copy, " ", &save); tag; tag = strtok_r(NULL, " ", &save))
    CHECK(range_match(range, tag) == takes, "%s %s %s", name, takes ? "leaves" : "takes", tag);
}

static void check_rows(const struct row *rows, size_t count) {
  for (size_t i = 0; i < count; i++) {
    struct range *range = parse(rows[i].range);
    check_tags(range, rows[i].range, rows[i].takes, true);
    check_tags(range, rows[i].range, rows[i].leaves, false);
    range_free(range);
  }
}

static void comparators_bound(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"<1.2.3", "1.2.2 v1.2.2 0.0.0 1.2 1 0", "1.2.3 1.2.4 1.3 2"},
      {"<=1.2.3", "1.2.2 1.2.3 v1.2.3", "1.2.4 1.3"},
      {">1.2.3", "1.2.4 1.3 2 v2.0.0 10", "1.2.3 1.2.2 1 0.9.9"},
      {">=1.2.3", "1.2.3 1.2.4 2", "1.2.2 1.2 1"},
      {"=1.2.3", "1.2.3 v1.2.3 1.2.3+build.7", "1.2.4 1.2.2 1.2.3-rc.1"},
      {"1.2.3", "1.2.3", "1.2.4"},
      {">=v1.2.3", "v1.2.3 1.2.4", "v1.2.2"},
      {">=1.8.0 <2", "1.8.0 v1.8 1.24.0 1.99.99", "1.7.9 2 2.0.0 1.8.0-rc.1 2.0.0-rc.1"},
      {">1.0.0 <1.0.2 <9", "1.0.1", "1.0.0 1.0.2"},
      {">=2 <1", "", "0.9 1 1.5 2 3"},
      {">=1.2.3+build", "1.2.3 1.2.3+other", "1.2.2"},
      {">=22.04", "22.04 22.04.1 22.10 24.04", "20.04 22.03"}, /* 0s in front are no matter */
      {"=1.02.3", "1.2.3 1.02.3", "1.20.3"},
      {">=20230101", "20230101 20231224", "20221231 9.9.9"},
      {"<=9007199254740991", "9007199254740991 1", ""},
  };
  check_rows(rows, COUNT(rows));
}

/* A missing number is a wildcard in a range. */
static void partial_versions_mean_all_that_begins_so(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"=1", "1 1.0.0 1.9.9 v1.2", "0.9.9 2 2.0.0"},
      {"=1.2", "1.2 1.2.0 1.2.9", "1.1.9 1.3"},
      {">1", "2 2.0.0 3", "1 1.0.1 1.9 1.99.99"},
      {">1.9", "1.10 1.10.0 2", "1.9 1.9.1 1.9.99 1.8"},
      {">=1.9", "1.9 1.9.0 1.10", "1.8.99"},
      {"<1", "0.9.9 0", "1 1.0.0"},
      {"<1.2", "1.1.9 1", "1.2 1.2.0 1.2.1 1.3"},
      {"<=1", "1 1.0.0 1.9.9 0", "2 2.0.0"},
      {"<=1.2", "1.2 1.2.9 1.1", "1.3 1.3.0 2"},
      {"1.x", "1 1.9", "2 0.9"},
      {"1.2.x", "1.2 1.2.9", "1.3 1.1"},
      {"1.2.*", "1.2 1.2.9", "1.3 1.1"},
      {"=1.X", "1 1.9", "2"},
      {"=1.*.x", "1 1.9", "2"},
      {"=v1.x", "1 v1.9", "2"},
      {">1.x", "2", "1.9"},
      {"<=1.2.x", "1.2.9", "1.3"},
      {"1.2.x-rc", "1.2 1.2.9", "1.2.0-rc 1.3"},
      {"=*", "0 1 99.99.99", "1.0.0-rc.1"},
      {"", "0 1 99.99.99", "1.0.0-rc.1 latest"},
      {">=*", "0 1", "1.0.0-rc.1"},
      {"<=x", "0 1", "1.0.0-rc.1"},
      {">*", "", "0 1 0.0.0-0"},
      {"<X.x", "", "0 1 0.0.0-0"},
  };
  check_rows(rows, COUNT(rows));
}

static void tildes_let_the_last_number_grow(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"~1.2.3", "1.2.3 1.2.99", "1.2.2 1.3 1.3.0-rc 2"},
      {"~1.2", "1.2 1.2.99", "1.1.9 1.3"},
      {"~1", "1 1.99", "0.9 2"},
      {"~0.2.3", "0.2.3 0.2.9", "0.2.2 0.3"},
      {"~0", "0 0.9.9", "1"},
      {"~0.0", "0 0.0.9", "0.1"},
      {"~1.2.x", "1.2 1.2.9", "1.3"},
      {"~x", "0 1 9", "1.0.0-rc"},
      {"~>1.2.3", "1.2.3 1.2.99", "1.3"},
      {"~ 1.2", "1.2.9", "1.3"},
      {"~1.2.3-beta.2", "1.2.3-beta.2 1.2.3-beta.4 1.2.3 1.2.4", "1.2.3-beta.1 1.2.4-beta.2 1.3"},
  };
  check_rows(rows, COUNT(rows));
}

static void carets_keep_the_first_number_that_is_not_0(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"^1.2.3", "1.2.3 1.2.4 1.99", "1.2.2 2 2.0.0 2.0.0-0 0.9"},
      {"^0.2.3", "0.2.3 0.2.9", "0.2.2 0.3 1"},
      {"^0.0.3", "0.0.3", "0.0.2 0.0.4 0.1"},
      {"^0.0.0", "0 0.0.0", "0.0.1 0.1"},
      {"^1", "1 1.99.9", "0.9 2"},
      {"^0", "0 0.0.1 0.99.9", "1"},
      {"^0.0", "0 0.0.9", "0.1"},
      {"^0.1", "0.1 0.1.9", "0.0.9 0.2"},
      {"^1.2", "1.2 1.99", "1.1 2"},
      {"^1.2.x", "1.2 1.99", "1.1 2"},
      {"^0.x", "0 0.99", "1"},
      {"^0.0.x", "0 0.0.9", "0.1"},
      {"^*", "0 1 9", "1.0.0-rc"},
      {"^ 1.2", "1.2 1.99", "2"},
      {"^1.2.3-beta.2", "1.2.3-beta.2 1.2.3-rc 1.2.3 1.9", "1.2.3-beta.1 1.2.4-beta.2 2"},
      {"^0.0.3-beta", "0.0.3-beta 0.0.3-rc 0.0.3", "0.0.4 0.0.3-alpha"},
      {"^0.2.0-beta", "0.2.0-beta 0.2.0 0.2.5", "0.2.5-beta 0.3"},
  };
  check_rows(rows, COUNT(rows));
}

static void hyphens_span(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"1.2.3 - 2.3.4", "1.2.3 2 2.3.4", "1.2.2 2.3.5"},
      {"1.2 - 2.3.4", "1.2 1.2.0 2.3.4", "1.1.9 2.3.5"},
      {"1.2.3 - 2.3", "1.2.3 2.3 2.3.99", "2.4 1.2.2"},
      {"1.2.3 - 2", "1.2.3 2 2.99", "3 1.2.2"},
      {"1.2 - 2", "1.2 2.99", "3 1.1"},
      {"* - 2", "0 1 2.9", "3"},
      {"1.x - x", "1 99", "0.9"},
      {"=1.2 - 2", "1.2 2.99", "3 1.1"}, /* so that a pattern can begin with it */
      {"= v1.2   -   v2.0.0", "1.2 2", "2.0.1"},
      {"1.2.3-rc - 1.2.4", "1.2.3-rc 1.2.3-rc.1 1.2.3 1.2.4", "1.2.3-a 1.2.4-rc 1.2.5"},
      {"1.2.3 - 1.2.4-rc", "1.2.3 1.2.4-rc 1.2.4-a", "1.2.4 1.2.3-rc"},
      {"1 - 2 || 4 - 5", "1 2.9 4 5.9", "3 6 0.9"},
  };
  check_rows(rows, COUNT(rows));
}

static void alternatives_and_blanks(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"<1 || >=2", "0.9 2 3", "1 1.9"},
      {"<1||>=2", "0.9 2", "1"},
      {"=1.2.3||=1.2.4 || =2", "1.2.3 1.2.4 2.9", "1.2.5"},
      {"^1.2 || ^2.4 <2.6", "1.9 2.5", "2.6 2.3"},
      {">= 1.2   <\t2", "1.2 1.9", "2"},
      {"  >=1  ", "1", "0"},
      {">=2 ||", "0 1 2", "1.0.0-rc"}, /* nothing means anything, as for npm */
  };
  check_rows(rows, COUNT(rows));
}

static void pre_releases_only_where_one_of_the_same_version_is_named(void **state) {
  (void)state;
  static const struct row rows[] = {
      {">=1.0.0", "1.0.0 1.1.0", "1.1.0-rc.1 2.0.0-alpine 1.1-alpine 1-alpine"},
      {">1.2.3-alpha.3", "1.2.3-alpha.7 1.2.3-beta 1.2.3 3.4.5", "1.2.3-alpha.3 3.4.5-alpha.9"},
      {">=1.2.0-rc.1 <2", "1.2.0-rc.1 1.2.0-rc.2 v1.2-rc.2 1.2 1.9", "1.2.1-rc.1 1.2.0-rc.0 2"},
      {"<2.0.0-rc.2", "1.9 2.0.0-rc.1 2.0.0-alpha", "2.0.0-rc.2 2 1.9.0-rc.1"},
      {"=1.2.3-rc.1", "1.2.3-rc.1 v1.2.3-rc.1+b", "1.2.3 1.2.3-rc.2"},
      {"=1.2.0-alpine", "1.2-alpine 1.2.0-alpine", "1.2 1.2.0-alpine3"},
      {">=1 || =0.9.0-rc.1", "1 0.9.0-rc.1", "1.0.0-rc.1"},
      {">=1.0.0-a >=0.9.0", "1.0.0-b", "0.9.0-b"},
      {"<1.0.0-10", "1.0.0-2 1.0.0-9", "1.0.0-10 1.0.0-a"},
  };
  check_rows(rows, COUNT(rows));
}

static void tags_that_are_no_versions_never_match(void **state) {
  (void)state;
  static const char *const ranges[] = {"", "=*", ">=0", "<999", "<1 || >=1", "=1"};
  for (size_t i = 0; i < COUNT(ranges); i++) {
    struct range *range = parse(ranges[i]);
    check_tags(range, ranges[i],
               "latest main V1 1.2.3.4 1. v 1.x sha-1a2b3c stable-1.2 1_2 9007199254740992", false);
    check_tags(range, ranges[i], "1.2.3_4 01a x *", false);
    range_free(range);
  }
}

static void says_where_it_is_wrong(void **state) {
  (void)state;
  static const struct {
    const char *text, *message;
  } rows[] = {
      {">", "\">\": character 2: a version is wanted"},
      {">=", "character 3: a version is wanted"},
      {">=1.2,<2", "character 6: a blank stands between comparators, not a comma"},
      {">=1.2, <2", "character 6: a blank stands between comparators, not a comma"},
      {">=1.2<2", "character 6: no version goes on like this"},
      {">=latest", "character 3: a version is wanted"},
      {">=1.2.3.4", "character 8: no version goes on like this"},
      {">=1.2.3-", "character 3: a version is wanted"},
      {"=1..2", "character 2: a version is wanted"},
      {"=1.", "character 2: a version is wanted"},
      {">=1.2-rc.1", "character 6: a pre-release stands behind three numbers only"},
      {"=1.x-rc.1", "character 5: a pre-release stands behind three numbers only"},
      {"=1.x.3", "character 2: a version is wanted"},
      {"=x.1", "character 2: a version is wanted"},
      {"==1", "character 2: a version is wanted"},
      {"=>1", "character 2: a version is wanted"},
      {"<>1", "character 2: a version is wanted"},
      {"!=1", "character 1: a version is wanted"},
      {"^", "character 2: a version is wanted"},
      {"^~1", "character 2: a version is wanted"},
      {"^>1", "character 2: a version is wanted"},
      {"~<1", "character 2: a version is wanted"},
      {">=1 | <2", "character 5: \"or\" is ||"},
      {">=1 ||| <2", "character 7: \"or\" is ||"},
      {">=1 && <2", "character 5: a version is wanted"},
      {"1 - 2 <3", "character 7: nothing but || may follow"},
      {"1 - >2", "character 5: a version is wanted"},
      {">=1 - 2", "character 5: a version is wanted"},
      {">=9007199254740992", "character 3: a version is wanted"},
      {"=99999999999999999999999", "character 2: a version is wanted"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct range *range;
    struct err err = {0};
    CHECK(range_parse(rows[i].text, &range, &err) == -ERR_USAGE, "\"%s\" is taken", rows[i].text);
    assert_null(range);
    CHECK(strstr(err.message, rows[i].message), "\"%s\": %s", rows[i].text, err.message);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(comparators_bound),
      cmocka_unit_test(partial_versions_mean_all_that_begins_so),
      cmocka_unit_test(tildes_let_the_last_number_grow),
      cmocka_unit_test(carets_keep_the_first_number_that_is_not_0),
      cmocka_unit_test(hyphens_span),
      cmocka_unit_test(alternatives_and_blanks),
      cmocka_unit_test(pre_releases_only_where_one_of_the_same_version_is_named),
      cmocka_unit_test(tags_that_are_no_versions_never_match),
      cmocka_unit_test(says_where_it_is_wrong),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
