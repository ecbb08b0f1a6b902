#include "oci/profile.h"

#include "unit.h"

#define MIB ((uint64_t)1024 * 1024)

static void hosts_get_the_row_that_is_known_of_them(void **state) {
  (void)state;
  static const struct {
    const char *host;
    uint64_t whole_max, chunk_size, chunk_min, chunk_max; /* MiB */
  } cases[] = {
      {"registry.example:5000", 16, 32, 0, 0},
      {"docker.io", 16, 32, 0, 0},
      {"127.0.0.1:5000", 16, 32, 0, 0},
      {"ghcr.io", 16, 4, 0, 4},
      {"not-ghcr.io", 16, 32, 0, 0},
      {"123456789012.dkr.ecr.eu-west-1.amazonaws.com", 10, 10, 5, 10},
      {"123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", 10, 10, 5, 10},
      {"123456789012.dkr.ecr-fips.us-east-1.amazonaws.com", 10, 10, 5, 10},
      {"public.ecr.aws", 10, 10, 5, 10},
      {"me.azurecr.io", 16, 16, 0, 16},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    const struct oci_profile *row = oci_profile(cases[i].host);
    CHECK(row->whole_max == cases[i].whole_max * MIB &&
              row->chunk_size == cases[i].chunk_size * MIB &&
              row->chunk_min == cases[i].chunk_min * MIB &&
              row->chunk_max == cases[i].chunk_max * MIB,
          "%s", cases[i].host);
  }
}

static void some_take_whole_blobs_only(void **state) {
  (void)state;
  static const char *const hosts[] = {"gcr.io", "eu.gcr.io", "europe-west1-docker.pkg.dev",
                                      "quay.io"};
  for (size_t i = 0; i < COUNT(hosts); i++)
    CHECK(oci_profile(hosts[i])->chunk_size == 0, "%s", hosts[i]);
}

static void only_public_ecr_has_no_list_of_tags(void **state) {
  (void)state;
  assert_false(oci_profile("public.ecr.aws")->tags_cheap);
  assert_true(oci_profile("1.dkr.ecr.eu-west-1.amazonaws.com")->tags_cheap);
  assert_true(oci_profile("quay.io")->tags_cheap);
  assert_true(oci_profile("r.example")->tags_cheap);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(hosts_get_the_row_that_is_known_of_them),
      cmocka_unit_test(some_take_whole_blobs_only),
      cmocka_unit_test(only_public_ecr_has_no_list_of_tags),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
