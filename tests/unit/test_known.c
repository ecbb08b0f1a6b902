#include "transfer/known.h"

#include <stdio.h>
#include <string.h>

#include "unit.h"

static struct oci_digest digest_of(unsigned number) {
  struct oci_digest digest;
  char text[32];
  snprintf(text, sizeof text, "%u", number);
  oci_digest_of(OCI_SHA256, text, strlen(text), &digest);
  return digest;
}

static void an_owner_keeps_its_number(void **state) {
  (void)state;
  struct known *known = known_new();
  uint32_t host = known_owner(known, "a.example", "");
  uint32_t repo = known_owner(known, "a.example", "team/app");
  assert_int_not_equal(host, 0);
  assert_int_not_equal(host, repo);
  assert_int_not_equal(repo, known_owner(known, "b.example", "team/app"));
  const struct oci_repo *kept = known_repo(known, repo);
  for (int i = 0; i < 1000; i++) {
    char path[32];
    snprintf(path, sizeof path, "team/app%d", i);
    known_owner(known, "a.example", path);
  }
  assert_int_equal(known_owner(known, "a.example", "team/app"), repo);
  assert_ptr_equal(known_repo(known, repo), kept);
  assert_string_equal(kept->host, "a.example");
  assert_string_equal(kept->path, "team/app");
  known_free(known);
}

static void what_was_put_is_found_and_nothing_else(void **state) {
  (void)state;
  enum { COUNT_OF = 20000 };
  struct known *known = known_new();
  for (unsigned i = 0; i < COUNT_OF; i++) {
    struct oci_digest digest = digest_of(i);
    assert_int_equal(known_get(known, 1 + i % 3, &digest), 0);
    known_put(known, 1 + i % 3, &digest, i + 1);
  }
  for (unsigned i = 0; i < COUNT_OF; i++) {
    struct oci_digest digest = digest_of(i);
    assert_int_equal(known_get(known, 1 + i % 3, &digest), i + 1);
    assert_int_equal(known_get(known, 1 + (i + 1) % 3, &digest), 0);
  }
  known_free(known);
}

static void it_can_be_put_again(void **state) {
  (void)state;
  struct known *known = known_new();
  struct oci_digest digest = digest_of(1);
  known_put(known, 7, &digest, 1);
  known_put(known, 7, &digest, 3);
  assert_int_equal(known_get(known, 7, &digest), 3);
  known_clear(known);
  assert_int_equal(known_get(known, 7, &digest), 0);
  known_free(known);
}

static void a_sha512_is_as_good(void **state) {
  (void)state;
  struct known *known = known_new();
  struct oci_digest one, other;
  oci_digest_of(OCI_SHA512, "one", 3, &one);
  oci_digest_of(OCI_SHA512, "other", 5, &other);
  known_put(known, 1, &one, 5);
  assert_int_equal(known_get(known, 1, &one), 5);
  assert_int_equal(known_get(known, 1, &other), 0);
  known_free(known);
}

static void what_is_used_stays_and_the_rest_is_forgotten(void **state) {
  (void)state;
  enum { MANY = 200000, KEPT = 1000 };
  struct known *known = known_new();
  struct oci_digest used = digest_of(MANY), digest;
  known_put(known, 1, &used, 5);
  for (unsigned i = 0; i < KEPT; i++) {
    digest = digest_of(i);
    known_put(known, 2, &digest, KNOWN_KEPT | i);
  }
  for (unsigned i = 0; i < MANY; i++) {
    digest = digest_of(i);
    known_put(known, 1, &digest, 3);
    if (i % 10000 == 0)
      assert_int_equal(known_get(known, 1, &used), 5);
  }
  unsigned found = 0;
  for (unsigned i = MANY; i-- > 0;) {
    digest = digest_of(i);
    bool there = known_get(known, 1, &digest) != 0;
    assert_true(there || i < MANY - 24576);
    found += there;
  }
  assert_in_range(found, 24576, 2 * 24576 + KEPT);
  for (unsigned i = 0; i < KEPT; i++) {
    digest = digest_of(i);
    assert_int_equal(known_get(known, 2, &digest), KNOWN_KEPT | i);
  }
  known_free(known);
}

/* A value that ended is not brought back by an older one that was to be kept. */
static void a_later_value_wins_over_one_that_is_kept(void **state) {
  (void)state;
  struct known *known = known_new();
  struct oci_digest held = digest_of(0), digest;
  known_put(known, 1, &held, KNOWN_KEPT | 7);
  for (unsigned i = 1; i < 30000; i++) {
    digest = digest_of(i);
    known_put(known, 1, &digest, 1);
  }
  known_put(known, 1, &held, 7);
  for (unsigned i = 30000; i < 55000; i++) {
    digest = digest_of(i);
    known_put(known, 1, &digest, 1);
  }
  assert_int_equal(known_get(known, 1, &held), 7);
  known_free(known);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_owner_keeps_its_number),
      cmocka_unit_test(what_was_put_is_found_and_nothing_else),
      cmocka_unit_test(it_can_be_put_again),
      cmocka_unit_test(a_sha512_is_as_good),
      cmocka_unit_test(what_is_used_stays_and_the_rest_is_forgotten),
      cmocka_unit_test(a_later_value_wins_over_one_that_is_kept),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
