#include "transfer/manifest_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

static const struct oci_repo repo = {.host = "a.example", .path = "team/app"};
static const struct oci_repo other_repo = {.host = "a.example", .path = "team/other"};

struct desk {
  struct loop *loop;
  struct known *known;
  struct manifest_table *table;
  struct timer end;
  struct oci_digest digest;
};

struct guest {
  struct manifest_claim claim;
  int told;
  bool there;
};

static void on_end(struct timer *timer) { loop_stop(list_entry(timer, struct desk, end)->loop); }

static int make(void **state) {
  struct desk *desk = calloc(1, sizeof *desk);
  *state = desk;
  timer_init(&desk->end, on_end);
  desk->known = known_new();
  oci_digest_of(OCI_SHA256, "a", 1, &desk->digest);
  if (loop_new(&desk->loop, NULL) < 0)
    return -1;
  desk->table = manifest_table_new(desk->loop, desk->known);
  return 0;
}

static int drop(void **state) {
  struct desk *desk = *state;
  manifest_table_free(desk->table);
  known_free(desk->known);
  loop_free(desk->loop);
  free(desk);
  return 0;
}

/* Lets everything happen that is to happen now. */
static void settle(struct desk *desk) {
  timer_start(desk->loop, &desk->end, 0);
  loop_run(desk->loop);
}

static void on_claim(struct manifest_claim *claim, bool there) {
  struct guest *guest = list_entry(claim, struct guest, claim);
  guest->told++;
  guest->there = there;
}

static enum claim_state come(struct desk *desk, struct guest *guest, uint64_t order) {
  *guest = (struct guest){0};
  manifest_claim_init(&guest->claim, desk->table, &repo, &desk->digest, order, on_claim);
  return manifest_claim(&guest->claim);
}

static void a_later_image_waits_for_an_earlier_one(void **state) {
  struct desk *desk = *state;
  struct guest first, second;
  assert_int_equal(come(desk, &first, 3), CLAIM_LEAD);
  assert_int_equal(come(desk, &second, 4), CLAIM_WAIT);
  settle(desk);
  assert_int_equal(second.told, 0);
  manifest_claim_end(&first.claim, true);
  assert_int_equal(second.told, 0); /* not from inside */
  settle(desk);
  assert_int_equal(second.told, 1);
  assert_true(second.there);
  assert_int_equal(first.told, 0);
}

static void an_earlier_one_and_one_of_the_same_place_do_not(void **state) {
  struct desk *desk = *state;
  struct guest first, earlier, same, later;
  assert_int_equal(come(desk, &first, 3), CLAIM_LEAD);
  assert_int_equal(come(desk, &earlier, 2), CLAIM_LEAD);
  assert_int_equal(come(desk, &same, 3), CLAIM_LEAD);
  assert_int_equal(come(desk, &later, 4), CLAIM_WAIT);
  manifest_claim_end(&earlier.claim, true); /* who waits does so for the one that came first */
  manifest_claim_end(&same.claim, false);
  settle(desk);
  assert_int_equal(later.told, 0);
  manifest_claim_end(&first.claim, true);
  settle(desk);
  assert_int_equal(later.told, 1);
}

static void what_is_there_is_not_claimed(void **state) {
  struct desk *desk = *state;
  struct guest first, second, elsewhere = {0};
  assert_int_equal(come(desk, &first, 1), CLAIM_LEAD);
  manifest_claim_end(&first.claim, true);
  assert_int_equal(come(desk, &second, 2), CLAIM_NONE);
  manifest_claim_init(&elsewhere.claim, desk->table, &other_repo, &desk->digest, 3, on_claim);
  assert_int_equal(manifest_claim(&elsewhere.claim), CLAIM_LEAD);
  manifest_claim_end(&elsewhere.claim, false);
}

static void one_that_fails_frees_those_who_wait(void **state) {
  struct desk *desk = *state;
  struct guest first, second, third;
  come(desk, &first, 1);
  come(desk, &second, 2);
  come(desk, &third, 3);
  manifest_claim_end(&first.claim, false);
  settle(desk);
  assert_int_equal(second.told, 1);
  assert_false(second.there);
  assert_int_equal(manifest_claim(&second.claim), CLAIM_LEAD);
  assert_int_equal(manifest_claim(&third.claim), CLAIM_WAIT);
  manifest_claim_end(&second.claim, true);
  settle(desk);
  assert_int_equal(third.told, 2);
  assert_true(third.there);
}

static void whoever_gives_up_waiting_is_not_told(void **state) {
  struct desk *desk = *state;
  struct guest first, second, third;
  come(desk, &first, 1);
  come(desk, &second, 2);
  come(desk, &third, 3);
  manifest_claim_end(&second.claim, false);
  manifest_claim_end(&first.claim, true);
  manifest_claim_end(&third.claim, false); /* it was about to be told */
  settle(desk);
  assert_int_equal(second.told, 0);
  assert_int_equal(third.told, 0);
}

/* -- what was read -- */

static void keep(struct desk *desk, unsigned number, size_t len) {
  struct oci_digest digest;
  char *bytes = calloc(1, len);
  oci_digest_of(OCI_SHA256, &number, sizeof number, &digest);
  memcpy(bytes, &number, sizeof number);
  manifest_keep(desk->table, &repo, &digest,
                &(struct kept_manifest){.bytes = bytes, .type = "text/plain", .len = len});
  free(bytes);
}

static bool has(struct desk *desk, unsigned number, const struct oci_repo *of) {
  struct oci_digest digest;
  struct kept_manifest kept;
  oci_digest_of(OCI_SHA256, &number, sizeof number, &digest);
  if (!manifest_kept(desk->table, of, &digest, &kept))
    return false;
  assert_memory_equal(kept.bytes, &number, sizeof number);
  assert_string_equal(kept.type, "text/plain");
  return true;
}

static void what_was_read_is_kept_by_repository(void **state) {
  struct desk *desk = *state;
  keep(desk, 1, 100);
  keep(desk, 1, 100); /* again: nothing happens */
  assert_true(has(desk, 1, &repo));
  assert_false(has(desk, 1, &other_repo));
  assert_false(has(desk, 2, &repo));
}

static void what_was_used_longest_ago_makes_room(void **state) {
  struct desk *desk = *state;
  enum { SIZE = 500 * 1024, FIT = 16 };
  for (unsigned i = 0; i < FIT; i++)
    keep(desk, i, SIZE);
  assert_true(has(desk, 0, &repo));
  keep(desk, FIT, SIZE);
  assert_true(has(desk, 0, &repo));
  assert_false(has(desk, 1, &repo));
  for (unsigned i = 2; i <= FIT; i++)
    assert_true(has(desk, i, &repo));
}

static void a_very_large_one_is_not_kept(void **state) {
  struct desk *desk = *state;
  keep(desk, 1, 512 * 1024);
  keep(desk, 2, 512 * 1024 + 1);
  assert_true(has(desk, 1, &repo));
  assert_false(has(desk, 2, &repo));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_later_image_waits_for_an_earlier_one, make, drop),
      cmocka_unit_test_setup_teardown(an_earlier_one_and_one_of_the_same_place_do_not, make, drop),
      cmocka_unit_test_setup_teardown(what_is_there_is_not_claimed, make, drop),
      cmocka_unit_test_setup_teardown(one_that_fails_frees_those_who_wait, make, drop),
      cmocka_unit_test_setup_teardown(whoever_gives_up_waiting_is_not_told, make, drop),
      cmocka_unit_test_setup_teardown(what_was_read_is_kept_by_repository, make, drop),
      cmocka_unit_test_setup_teardown(what_was_used_longest_ago_makes_room, make, drop),
      cmocka_unit_test_setup_teardown(a_very_large_one_is_not_kept, make, drop),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
