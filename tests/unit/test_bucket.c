#include "net/bucket.h"

#include "unit.h"

/* Takes whatever there is to take until the end; how many that were. */
static int take_all(struct bucket *bucket, uint64_t from_ms, uint64_t to_ms) {
  int taken = 0;
  for (uint64_t now = from_ms; now < to_ms;) {
    uint64_t due = bucket_due(bucket, now);
    if (due > now) {
      now = due;
      continue;
    }
    bucket_take(bucket, now);
    taken++;
  }
  return taken;
}

static void without_a_rate_there_is_no_limit(void **state) {
  (void)state;
  struct bucket bucket;
  bucket_init(&bucket, 0, 5);
  for (int i = 0; i < 1000; i++) {
    assert_int_equal(bucket_due(&bucket, 10), 10);
    bucket_take(&bucket, 10);
  }
}

static void it_gives_as_many_as_its_rate_and_one(void **state) {
  (void)state;
  static const double rates[] = {0.5, 1, 3, 10, 33.3, 250, 999};
  for (size_t i = 0; i < COUNT(rates); i++) {
    struct bucket bucket;
    bucket_init(&bucket, rates[i], 1000);
    int wanted = (int)(rates[i] * 60), taken = take_all(&bucket, 1000, 61000);
    CHECK(taken <= wanted + 1 && taken >= wanted - 1 - wanted / 50, "%d at %.1f a second", taken,
          rates[i]);
  }
}

static void no_second_has_more_than_a_quarter_above_it(void **state) {
  (void)state;
  struct bucket bucket;
  bucket_init(&bucket, 20, 0);
  uint64_t now = 0;
  for (int second = 0; second < 10; second++, now += 1000)
    assert_true(take_all(&bucket, now, now + 1000) <= 21);
  now += 60000; /* nobody asks for a while */
  assert_true(take_all(&bucket, now, now + 1000) <= 25);
}

static void they_come_evenly(void **state) {
  (void)state;
  struct bucket bucket;
  bucket_init(&bucket, 10, 0);
  uint64_t last = 0;
  bucket_take(&bucket, 0);
  for (int i = 0; i < 20; i++) {
    uint64_t due = bucket_due(&bucket, last);
    assert_in_range(due - last, 99, 102);
    bucket_take(&bucket, due);
    last = due;
  }
}

static void a_late_timer_costs_nothing(void **state) {
  (void)state;
  struct bucket bucket;
  bucket_init(&bucket, 20, 0);
  int taken = 0;
  for (uint64_t now = 0; now <= 10000; now += 170)
    for (; bucket_due(&bucket, now) <= now; taken++)
      bucket_take(&bucket, now);
  assert_in_range(taken, 195, 201);
}

static void a_slow_one_says_when(void **state) {
  (void)state;
  struct bucket bucket;
  bucket_init(&bucket, 0.1, 0);
  assert_int_equal(bucket_due(&bucket, 0), 0);
  bucket_take(&bucket, 0);
  assert_in_range(bucket_due(&bucket, 0), 10000, 10001);
  assert_in_range(bucket_due(&bucket, 4000), 10000, 10001);
}

static void the_rate_may_change(void **state) {
  (void)state;
  struct bucket bucket;
  bucket_init(&bucket, 0, 0);
  bucket_set_rate(&bucket, 1, 5000); /* begins with one, whatever the time before */
  assert_int_equal(take_all(&bucket, 5000, 5001), 1);
  bucket_set_rate(&bucket, 100, 5500); /* half a token is there */
  assert_in_range(bucket_due(&bucket, 5500), 5505, 5506);
  bucket_set_rate(&bucket, 0, 5500);
  assert_int_equal(bucket_due(&bucket, 5500), 5500);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(without_a_rate_there_is_no_limit),
      cmocka_unit_test(it_gives_as_many_as_its_rate_and_one),
      cmocka_unit_test(no_second_has_more_than_a_quarter_above_it),
      cmocka_unit_test(they_come_evenly),
      cmocka_unit_test(a_late_timer_costs_nothing),
      cmocka_unit_test(a_slow_one_says_when),
      cmocka_unit_test(the_rate_may_change),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
