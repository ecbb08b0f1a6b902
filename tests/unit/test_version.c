#include "sync/version.h"

#include <stdio.h>

#include "unit.h"

static void tells_versions_from_other_tags(void **state) {
  (void)state;
  static const struct {
    const char *tag;
    bool is;
  } cases[] = {
      {"1.8.0", true},
      {"v1.8.0", true},
      {"1.8", true},
      {"v1", true},
      {"0", true},
      {"0.0.0", true},
      {"20230101120000", true},
      {"9007199254740991.0.1", true},
      {"22.04", true},
      {"1.2.3-rc.1", true},
      {"1.2.3-0.x.7-y", true},
      {"1.2-alpine", true},
      {"1-alpine3.18", true},
      {"1.0.0--", true},
      {"1.2.3+build.5", true},
      {"1.2.3-rc.1+build", true},
      {"", false},
      {"v", false},
      {"latest", false},
      {"V1.0.0", false},
      {"vv1", false},
      {"v-1", false},
      {"-1", false},
      {"1.", false},
      {"1..2", false},
      {"1.2.", false},
      {".1", false},
      {"1.2.3.", false},
      {"1.2.3.4", false},
      {"1.2.3-", false},
      {"1.2.3-a..b", false},
      {"1.2.3-.a", false},
      {"1.2.3-a.", false},
      {"1.2.3+", false},
      {"1.2.3-a_b", false},
      {"1.2.3_4", false},
      {"1a", false},
      {"1.2a", false},
      {" 1", false},
      {"1 ", false},
      {"9007199254740992", false}, /* above 2^53 - 1 */
      {"99999999999999999999999999", false},
      {"1.x", false},
      {"*", false},
      {"sha256-0123.sig", false},
      {"version-1.0", false},
  };
  for (size_t i = 0; i < COUNT(cases); i++)
    CHECK(version_is(cases[i].tag) == cases[i].is, "\"%s\"", cases[i].tag);
}

/* Each before all that follow. */
static const char *const ascending[] = {
    "0.0.0-0",
    "0.0.0",
    "0.9",
    /* semver 2.0.0, section 11 */
    "v1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.0.1-0",
    "1.0.1-2",
    "1.0.1-10",
    "1.0.1-99999999999999999999999",
    "1.0.1-100000000000000000000000",
    "1.0.1--",
    "1.0.1-A",
    "1.0.1-a",
    "1.0.1-a.1.b",
    "1.0.1-a.1.b.0",
    "1.0.1-ab",
    "1.0.1",
    "1.8",
    "v1.9",
    "v1.10",
    "1.11.0",
    "2-rc",
    "2",
    "v2.0.1",
    "10.0.0",
    "20230101",
    /* no versions: by name */
    "1.2.3.4",
    "V1",
    "latest",
    "main",
    "main-2",
    "version-1.0",
};

static void orders_versions_first_and_then_the_others_by_name(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(ascending); i++)
    for (size_t j = 0; j < COUNT(ascending); j++) {
      int order = version_compare(ascending[i], ascending[j]);
      CHECK(i < j   ? order < 0
            : i > j ? order > 0
                    : order == 0,
            "%s and %s: %d", ascending[i], ascending[j], order);
    }
}

static void names_decide_between_equal_versions(void **state) {
  (void)state;
  static const char *const equal[] = {"1", "1.0", "1.0.0", "1.0.0+a", "1.0.0+b", "v1", "v1.0.0"};
  for (size_t i = 0; i + 1 < COUNT(equal); i++)
    CHECK(version_compare(equal[i], equal[i + 1]) < 0, "%s and %s", equal[i], equal[i + 1]);
  assert_true(version_compare("v1", "1.0.1-rc") < 0);
  assert_true(version_compare("1.0.0-rc", "v1") < 0);
}

/* A tag from the few characters that matter, so that many are equal or nearly so. */
static void make_tag(char tag[16]) {
  static const char letters[] = "0011v.--+a";
  int len = 1 + rand() % 7;
  for (int i = 0; i < len; i++)
    tag[i] = letters[(size_t)rand() % (sizeof letters - 1)];
  tag[len] = '\0';
  if (rand() % 3 == 0)
    snprintf(tag, 16, "%s%d.%d-%s%d", rand() % 2 ? "v" : "", rand() % 3, rand() % 2,
             rand() % 2 ? "0" : "a.", rand() % 3);
}

static int sign(int order) { return (order > 0) - (order < 0); }

static void any_three_tags_have_one_order(void **state) {
  (void)state;
  srand(1);
  for (int i = 0; i < 200000; i++) {
    char a[16], b[16], c[16];
    make_tag(a);
    make_tag(b);
    make_tag(c);
    int ab = sign(version_compare(a, b)), bc = sign(version_compare(b, c)),
        ac = sign(version_compare(a, c));
    CHECK(ab == -sign(version_compare(b, a)), "%s and %s", a, b);
    CHECK((ab == 0) == (strcmp(a, b) == 0), "%s and %s", a, b);
    CHECK(ab + bc == 0 || ab * bc < 0 || ac == sign(ab + bc), "%s, %s, %s: %d %d %d", a, b, c, ab,
          bc, ac);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tells_versions_from_other_tags),
      cmocka_unit_test(orders_versions_first_and_then_the_others_by_name),
      cmocka_unit_test(names_decide_between_equal_versions),
      cmocka_unit_test(any_three_tags_have_one_order),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
