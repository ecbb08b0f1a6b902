#include "sync/constraint.h"

#include <stdio.h>

#include "unit.h"

/* What a constraint takes, and what it does not: tags, blanks in between. */
struct row {
  const char *text, *takes, *leaves;
};

static void check_tags(const struct range *range, const char *tags, bool takes) {
  char copy[400], *save = NULL;
  CHECK(strlen(tags) < sizeof copy, "%s", tags);
  snprintf(copy, sizeof copy, "%s", tags);
  for (char *tag = strtok_r(copy, " ", &save); tag; tag = strtok_r(NULL, " ", &save))
    CHECK(range_match(range, tag) == takes, "%s %s %s", range_text(range),
          takes ? "leaves" : "takes", tag);
}

static void check_rows(enum constraint_dialect dialect, const struct row *rows, size_t count) {
  for (size_t i = 0; i < count; i++) {
    struct range *range;
    struct err err = {.message = ""};
    CHECK(constraint_parse(rows[i].text, dialect, &range, &err) == 0, "%s", err.message);
    check_tags(range, rows[i].takes, true);
    check_tags(range, rows[i].leaves, false);
    range_free(range);
  }
}

static void skopeo_s(void **state) {
  (void)state;
  static const struct row rows[] = {
      {">= 3.12.0", "3.12.0 v3.12 3.13 4", "3.11.9 3.13.0-rc.1 latest 3.12.0.1"},
      {">=1.2, <2", "1.2 1.9.9", "1.1 2 2.0.0 2.0.0-rc.1 1.5.0-rc.1"},
      {">=1.2 <2", "1.2 1.9.9", "1.1 2"},
      {">1.2,<1.5 , != 1.3.1", "1.3 1.4.9", "1.2.9 1.3.1 1.5"},
      {"=>1 , =<2", "1 2 2.9", "0.9 3"},
      {"<1 || >=3", "0.9 3", "1 2"},
      {"~1.2.3", "1.2.3 1.2.9", "1.2.2 1.3"},
      {"~1.2", "1.2 1.2.9", "1.1 1.3"},
      {"~>1", "1 1.9", "0.9 2"},
      {"~0.0.0", "0.0.0 0.1 5", "0.0.0-rc"}, /* the library's own oddity */
      {"^1.2.3", "1.2.3 1.9", "1.2.2 2"},
      {"^0.2.3", "0.2.3 0.2.9", "0.2.2 0.3"},
      {"^0.0.3", "0.0.3", "0.0.2 0.0.4"},
      {"^0.0", "0.0.0 0.0.9", "0.1"},
      {"^0", "0.0.1 0.9", "1"},
      {"^v3.12.0", "v3.12.0 3.20", "4"},
      {"1.2", "1.2 1.2.9", "1.1 1.3"},
      {"=1.2.3", "1.2.3 v1.2.3 1.2.3+b", "1.2.4 1.2.3-rc"},
      {"1.x", "1 1.9", "2 0.9"},
      {"1.2.*", "1.2.9", "1.3"},
      {"*", "0 1 9.9.9", "1.0.0-rc latest"},
      {">*", "0.0.1 1", "0.0.0"},
      {"<*", "", "0 1"},
      {"<=*", "0.0.9", "0.1 1"},
      {"^*", "0.0.0", "0.0.1 1"},
      {"!=*", "0.0.1 1", "0"},
      {">1", "2", "1 1.9"},
      {"<=1.2", "1.2.9 1.1", "1.3"},
      {"<=1.2.3", "1.2.3", "1.2.4"},
      {"!=1.2", "1.1 1.3 2", "1.2 1.2.9"},
      {"!=1", "2 0.9", "1 1.9"},
      {"!=1.2.3", "1.2.4", "1.2.3"},
      {"1.2 - 1.4", "1.2 1.4.9", "1.1 1.5"},
      {"1.2.3 - 1.4.0, !=1.3.0 || 9", "1.2.3 1.4.0 9.1", "1.3.0 1.4.1"},
      /* pre-releases count where one is named, all of them */
      {">=1.0.0-0", "1.0.0 1.0.0-rc.1 2.0.0-rc.1", "0.9.9 0.9.9-rc.1"},
      {">=1.0.0-rc.2, <2", "1.0.0-rc.2 1.5.0-alpha 2.0.0-rc.1", "1.0.0-rc.1 2"},
      {"^1.2-0", "1.2.0-rc 1.9.0-rc 1.9", "2.0.0-rc 2"},
      {"~1.2.0-0", "1.2.3-rc 1.2.3", "1.3.0-rc"},
      {"!=1.2-rc", "1.2.3 1.2.3-a 1.3", "1.2.3-rc"},
      {">1.2-0 || 1.2.3", "1.3.0-rc 1.2.3", "1.2.3-rc"},
  };
  check_rows(CONSTRAINT_MASTERMINDS, rows, COUNT(rows));
}

static void regsync_s(void **state) {
  (void)state;
  static const struct row rows[] = {
      {">=1.0.0 <2.0.0", "1.0.0 1.5 v1.9 1.5.0-rc.1 2.0.0-rc.1", "0.9 2.0.0 1.0.0-rc.1 latest"},
      {">1.2", "1.2.1 1.3", "1.2 1.2.0"},
      {"<=1.2", "1.2 1.1", "1.2.1"},
      {"1.2", "1.2 1.2.0", "1.2.1"},
      {"=1.2.3", "1.2.3", "1.2.4"},
      {"^1.2.3", "1.2.3 1.9 2.0.0-rc.1", "1.2.2 2"},
      {"^0.2.3", "0.2.5", "0.3"},
      {"^0.0.3", "0.0.3", "0.0.4"},
      {"^0", "0.0.0", "0.0.1 1"},
      {"~1.2.3", "1.2.3 1.2.9", "1.3"},
      {"~1", "1 1.0.9", "1.1"},
      {">=8.0-alpine", "8.0-alpine 8.0 8.1-alpine", "8.0-aa 7"},
  };
  check_rows(CONSTRAINT_REGCLIENT, rows, COUNT(rows));
}

static void says_what_is_wrong(void **state) {
  (void)state;
  static const struct {
    enum constraint_dialect dialect;
    const char *text, *message;
  } rows[] = {
      {CONSTRAINT_MASTERMINDS, "latest",
       "bad version constraint \"latest\": character 1: a version is wanted here"},
      {CONSTRAINT_MASTERMINDS, "", "character 1: a version is wanted here"},
      {CONSTRAINT_MASTERMINDS, ">=1,", "character 5: a version is wanted here"},
      {CONSTRAINT_MASTERMINDS, ">=1 ||", "character 7: a version is wanted here"},
      {CONSTRAINT_MASTERMINDS, ">=1 | 2", "character 5: \"or\" is ||"},
      {CONSTRAINT_MASTERMINDS, ">=1.2.3.4", "character 8: no version goes on like this"},
      {CONSTRAINT_MASTERMINDS, ">=1.2-", "character 3: no pre-release stands there"},
      {CONSTRAINT_MASTERMINDS, ">=1.2-a..b", "character 3: no pre-release stands there"},
      {CONSTRAINT_MASTERMINDS, "1.2 -", "character 5: a version is wanted here"},
      {CONSTRAINT_REGCLIENT, ">= 1", "character 3: a version is wanted here"},
      {CONSTRAINT_REGCLIENT, ">=1, <2", "character 4: no version goes on like this"},
      {CONSTRAINT_REGCLIENT, ">=1 || 3", "character 5: \"or\" is no word here"},
      {CONSTRAINT_REGCLIENT, "!=1", "character 1: a version is wanted here"},
      {CONSTRAINT_REGCLIENT, "1.x", "character 1: a version is wanted here"},
      {CONSTRAINT_REGCLIENT, "1 - 2", "character 3: a version is wanted here"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct range *range;
    struct err err = {.message = ""};
    CHECK(constraint_parse(rows[i].text, rows[i].dialect, &range, &err) == -ERR_USAGE, "%s",
          rows[i].text);
    assert_null(range);
    CHECK(strstr(err.message, rows[i].message), "%s: %s", rows[i].text, err.message);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(skopeo_s),
      cmocka_unit_test(regsync_s),
      cmocka_unit_test(says_what_is_wrong),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
