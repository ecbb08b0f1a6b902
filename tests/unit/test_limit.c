#include "net/limit.h"

#include "unit.h"

/* The answers of one round trip, all of them good. */
static void round_trip(struct limit *limit) {
  int window = limit_window(limit);
  for (int answers = window; answers > 0; answers--)
    limit_good(limit, window);
}

static void begins_small_and_doubles_by_round_trip_up_to_the_most(void **state) {
  (void)state;
  static const int windows[] = {8, 16, 32, 64, 100, 100};
  struct limit limit;
  limit_init(&limit, 8, 100);
  for (size_t i = 0; i < COUNT(windows); i++) {
    assert_int_equal(limit_window(&limit), windows[i]);
    round_trip(&limit);
  }
}

static void does_not_begin_above_the_most(void **state) {
  (void)state;
  struct limit limit;
  limit_init(&limit, 8, 3);
  assert_int_equal(limit_window(&limit), 3);
  round_trip(&limit);
  assert_int_equal(limit_window(&limit), 3);
}

static void a_refusal_halves_it_and_then_it_opens_by_one_a_round_trip(void **state) {
  (void)state;
  struct limit limit;
  limit_init(&limit, 64, 64);
  limit_bad(&limit, 900, 1000);
  for (int window = 32; window < 40; window++) {
    assert_int_equal(limit_window(&limit), window);
    round_trip(&limit);
    limit_good(&limit, window);
  }
}

static void refusals_of_what_was_under_way_belong_to_the_same_cut(void **state) {
  (void)state;
  struct limit limit;
  limit_init(&limit, 64, 64);
  assert_true(limit_bad(&limit, 900, 1000));
  assert_false(limit_bad(&limit, 950, 1001));
  assert_false(limit_bad(&limit, 1000, 1500));
  assert_int_equal(limit_window(&limit), 32);
  assert_true(
      limit_bad(&limit, 1001, 1600)); /* began after the cut, and was refused all the same */
  assert_int_equal(limit_window(&limit), 16);
  assert_false(limit_bad(&limit, 1600, 1700));
  assert_int_equal(limit_window(&limit), 16);
}

static void one_is_always_left(void **state) {
  (void)state;
  struct limit limit;
  limit_init(&limit, 8, 64);
  for (uint64_t now = 10; now < 100; now += 10)
    limit_bad(&limit, now - 1, now);
  assert_int_equal(limit_window(&limit), 1);
  limit_good(&limit, 1);
  assert_int_equal(limit_window(&limit), 2);
}

static void a_window_that_is_not_made_use_of_stays(void **state) {
  (void)state;
  struct limit limit;
  limit_init(&limit, 8, 64);
  for (int i = 0; i < 100; i++)
    limit_good(&limit, 3);
  assert_int_equal(limit_window(&limit), 8);
  limit_good(&limit, 4);
  assert_int_equal(limit_window(&limit), 9);
}

static void stays_within_its_bounds_whatever_happens(void **state) {
  (void)state;
  srand(1);
  for (int max = 2; max <= 70; max++) {
    struct limit limit;
    limit_init(&limit, 8, max);
    for (uint64_t now = 1; now < 2000; now++) {
      if (rand() % 20)
        limit_good(&limit, rand() % 70);
      else
        limit_bad(&limit, now - (uint64_t)(rand() % 5), now);
      int window = limit_window(&limit);
      CHECK(window >= 1 && window <= max, "%d of at most %d", window, max);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(begins_small_and_doubles_by_round_trip_up_to_the_most),
      cmocka_unit_test(does_not_begin_above_the_most),
      cmocka_unit_test(a_refusal_halves_it_and_then_it_opens_by_one_a_round_trip),
      cmocka_unit_test(refusals_of_what_was_under_way_belong_to_the_same_cut),
      cmocka_unit_test(one_is_always_left),
      cmocka_unit_test(a_window_that_is_not_made_use_of_stays),
      cmocka_unit_test(stays_within_its_bounds_whatever_happens),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
