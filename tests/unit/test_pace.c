#include "net/pace.h"

#include "unit.h"

static void answers(struct pace *pace, int count) {
  for (int i = 0; i < count; i++)
    pace_good(pace);
}

static void one_refusal_shows_no_rate(void **state) {
  (void)state;
  struct pace pace = {0};
  answers(&pace, 100);
  pace_refused(&pace, 5000);
  assert_true(pace_rate(&pace, 5000) == 0);
}

static void what_came_between_two_is_what_the_host_bears(void **state) {
  (void)state;
  struct pace pace = {0};
  answers(&pace, 1000);
  pace_refused(&pace, 5000);
  answers(&pace, 20);
  pace_refused(&pace, 6000);
  double rate = pace_rate(&pace, 6000);
  assert_true(rate > 16 && rate < 18);
}

static void refusals_far_apart_show_none(void **state) {
  (void)state;
  struct pace pace = {0};
  pace_refused(&pace, 5000);
  answers(&pace, 20);
  pace_refused(&pace, 16000);
  assert_true(pace_rate(&pace, 16000) == 0);
}

static void nor_do_refusals_of_everything(void **state) {
  (void)state;
  struct pace pace = {0};
  for (uint64_t now = 1000; now < 9000; now += 1000)
    pace_refused(&pace, now);
  assert_true(pace_rate(&pace, 9000) == 0);
}

static struct pace paced(double rate, uint64_t now_ms) {
  struct pace pace = {.refused_ms = now_ms, .rate = rate};
  return pace;
}

static void it_grows_slowly_at_first_and_ends(void **state) {
  (void)state;
  struct pace pace = paced(17, 1000);
  double last = 0;
  for (uint64_t now = 1000; now <= 31000; now += 100) {
    double rate = pace_rate(&pace, now);
    assert_true(rate > last);
    last = rate;
  }
  assert_true(pace_rate(&pace, 3000) < 17.5); /* 2 s */
  assert_true(pace_rate(&pace, 5600) > 20);   /* what was refused is tried again */
  assert_true(pace_rate(&pace, 9000) > 33 && pace_rate(&pace, 9000) < 35);
  assert_true(pace_rate(&pace, 31001) == 0);
}

static void refused_again_it_goes_below_what_was_borne(void **state) {
  (void)state;
  struct pace pace = paced(17, 1000);
  answers(&pace, 90);
  pace_refused(&pace, 6000); /* 18 a second */
  double rate = pace_rate(&pace, 6000);
  assert_true(rate > 15 && rate < 15.6);
}

static void little_use_of_it_does_not_halve_it_twice(void **state) {
  (void)state;
  struct pace pace = paced(100, 1000);
  answers(&pace, 1);
  pace_refused(&pace, 3000);
  double rate = pace_rate(&pace, 3000);
  assert_true(rate > 42 && rate < 44);
}

static void it_never_stands_still(void **state) {
  (void)state;
  struct pace pace = paced(0.6, 1000);
  for (uint64_t now = 2000; now < 60000; now += 1000) {
    answers(&pace, 1);
    pace_refused(&pace, now);
    assert_true(pace_rate(&pace, now) >= 0.5);
  }
}

/* Against a host of 20 requests a second that may save up a second's worth: what gets through. */
static void finds_the_rate_of_a_host(void **state) {
  (void)state;
  struct pace pace = {0};
  double tokens = 20, due = 0;
  uint64_t held = 0, last_refusal = 0;
  int good = 0, refused = 0;
  for (uint64_t now = 1; now <= 60000; now++) {
    tokens = tokens + 0.02 > 20 ? 20 : tokens + 0.02;
    double rate = pace_rate(&pace, now);
    if (now < held || (rate > 0 && (double)now < due))
      continue;
    due = rate > 0 ? (double)now + 1000 / rate : 0;
    if (tokens >= 1) {
      tokens--;
      good++;
      pace_good(&pace);
    } else {
      refused++;
      held = now + 1000;
      if (now > last_refusal + 1)
        pace_refused(&pace, now);
      last_refusal = now;
    }
  }
  CHECK(good > 60 * 20 * 3 / 4, "%d", good);
  CHECK(refused < good / 25, "%d of %d", refused, good);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_refusal_shows_no_rate),
      cmocka_unit_test(what_came_between_two_is_what_the_host_bears),
      cmocka_unit_test(refusals_far_apart_show_none),
      cmocka_unit_test(nor_do_refusals_of_everything),
      cmocka_unit_test(it_grows_slowly_at_first_and_ends),
      cmocka_unit_test(refused_again_it_goes_below_what_was_borne),
      cmocka_unit_test(little_use_of_it_does_not_halve_it_twice),
      cmocka_unit_test(it_never_stands_still),
      cmocka_unit_test(finds_the_rate_of_a_host),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
