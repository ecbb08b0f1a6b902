#include "oci/advice.h"

#include <stdlib.h>

#include "unit.h"

/* The rows themselves are fed by tests/system/test_advice.py. */

static const char no_repository[] =
    "{\"code\":\"NAME_UNKNOWN\",\"message\":\"The repository with name 'a' does not exist in the "
    "registry with id '1'\"}";

static struct oci_refusal push(int status, const char *said) {
  return (struct oci_refusal){.status = status,
                              .host = "r.lan",
                              .path = "a/b/c",
                              .who = "",
                              .what = "opening an upload of blob x",
                              .said = said,
                              .push = true};
}

static void a_region_comes_from_the_hosts_name(void **state) {
  (void)state;
  static const struct {
    const char *host, *region;
  } cases[] = {
      {"1.dkr.ecr.eu-west-1.amazonaws.com", "--region eu-west-1"},
      {"1.2.dkr.ecr.x", "--region REGION"},
      {"1.dkr.ecr-fips.us-gov-west-1.amazonaws.com", "--region us-gov-west-1"},
      {"1.dkr.ecr.cn-north-1.amazonaws.com.cn", "--region cn-north-1"},
      {"registry.lan:5000", "--region REGION"},
      {"", "--region REGION"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct oci_refusal refusal = push(404, no_repository);
    refusal.host = cases[i].host;
    enum oci_advice_kind kind;
    char *words = oci_advice(&refusal, &kind);
    assert_non_null(words);
    const char *region = strstr(words, "--region");
    CHECK_STRING(region ? region : words, cases[i].region, cases[i].host);
    assert_int_equal(kind, ADVICE_ALONE);
    free(words);
  }
}

static void a_repositorys_parts_are_filled_in(void **state) {
  (void)state;
  static const struct {
    const char *path, *words;
  } cases[] = {
      {"p/r/i", "create r --repository-format=docker --location=us --project=p"},
      {"p", "create  --repository-format=docker --location=us --project=p"},
      {"", "create  --repository-format=docker --location=us --project="},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct oci_refusal refusal = push(404, "repository \\\"r\\\" not found");
    refusal.host = "us-docker.pkg.dev";
    refusal.path = cases[i].path;
    enum oci_advice_kind kind;
    char *words = oci_advice(&refusal, &kind);
    assert_non_null(words);
    CHECK(strstr(words, cases[i].words), "%s", words);
    free(words);
  }
}

static void a_location_may_have_any_name(void **state) {
  (void)state;
  static const char *const hosts[] = {"-docker.pkg.dev", "a.b-docker.pkg.dev"};
  for (size_t i = 0; i < COUNT(hosts); i++) {
    struct oci_refusal refusal = push(404, "repository \\\"r\\\" not found");
    refusal.host = hosts[i];
    enum oci_advice_kind kind;
    char *words = oci_advice(&refusal, &kind);
    CHECK(words && strstr(words, i ? "--location=a.b " : "--location= "), "%s", words);
    free(words);
  }
}

static void what_nobody_knows_gets_no_advice(void **state) {
  (void)state;
  enum oci_advice_kind kind;
  static const int statuses[] = {0, 400, 401, 403, 404, 429, 500, 503};
  for (size_t i = 0; i < COUNT(statuses); i++) {
    struct oci_refusal refusal = push(statuses[i], "{\"code\":\"unknown\"}");
    CHECK(!oci_advice(&refusal, &kind), "%d", statuses[i]);
    refusal.said = "";
    CHECK(!oci_advice(&refusal, &kind), "%d", statuses[i]);
  }
}

static void a_row_wants_its_side_status_host_and_doing(void **state) {
  (void)state;
  enum oci_advice_kind kind;
  struct oci_refusal refusal = push(404, no_repository);
  refusal.push = false;
  assert_null(oci_advice(&refusal, &kind));
  refusal = push(400, no_repository);
  assert_null(oci_advice(&refusal, &kind));
  refusal = push(403, "denied");
  assert_null(oci_advice(&refusal, &kind));
  refusal = push(400, "the tag is immutable"); /* but no manifest was being pushed */
  assert_null(oci_advice(&refusal, &kind));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_region_comes_from_the_hosts_name),
      cmocka_unit_test(a_repositorys_parts_are_filled_in),
      cmocka_unit_test(a_location_may_have_any_name),
      cmocka_unit_test(what_nobody_knows_gets_no_advice),
      cmocka_unit_test(a_row_wants_its_side_status_host_and_doing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
