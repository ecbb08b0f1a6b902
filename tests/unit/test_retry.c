#include "net/retry.h"

#include "unit.h"

static void these_statuses_may_be_tried_again(void **state) {
  (void)state;
  static const int final_fives[] = {501, 505, 506, 508, 510, 511};
  static const int others[] = {408, 425, 429, 499};
  for (int status = 100; status <= 599; status++) {
    bool again = status >= 500;
    for (size_t i = 0; i < COUNT(final_fives); i++)
      again = again && status != final_fives[i];
    for (size_t i = 0; i < COUNT(others); i++)
      again = again || status == others[i];
    CHECK(retry_status(status) == again, "%d", status);
  }
}

static void a_failure_may_be_tried_again_unless_it_is_final(void **state) {
  (void)state;
  static const struct {
    int status;
    enum err_code err;
    bool final, answered; /* the host has, before */
    bool again;
  } cases[] = {
      {.status = 200},
      {.status = 404},
      {.status = 503, .again = true},
      {.err = ERR_NETWORK, .again = true},
      {.err = ERR_NETWORK, .final = true},
      {.status = 200, .err = ERR_NETWORK, .again = true}, /* broke in the body */
      {.err = ERR_TIMEOUT, .again = true},
      {.err = ERR_TLS, .again = true},
      {.err = ERR_TLS, .final = true}, /* a certificate */
      {.err = ERR_RESOLVE},            /* a typing error */
      {.err = ERR_RESOLVE, .answered = true, .again = true},
      {.err = ERR_RESOLVE, .answered = true, .final = true},
      {.err = ERR_CONNECT},
      {.err = ERR_CONNECT, .answered = true, .again = true},
      {.err = ERR_CANCELED, .answered = true},
      {.status = 503, .err = ERR_CANCELED, .answered = true},
      {.err = ERR_PROTOCOL, .answered = true},
      {.err = ERR_TOO_LARGE, .answered = true},
      {.err = ERR_UNAUTHORIZED, .answered = true},
      {.err = ERR_CONFIG, .answered = true},
      {.err = ERR_IO, .answered = true},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct http_reply reply = {.status = cases[i].status, .final = cases[i].final};
    reply.err.code = cases[i].err;
    CHECK(retry_reply(&reply, cases[i].answered) == cases[i].again, "case %zu: %d %s", i,
          cases[i].status, err_code_name(cases[i].err));
  }
}

static void reads_what_the_server_asks_for(void **state) {
  (void)state;
  static const int64_t wall = (int64_t)1445412480 * 1000; /* Wed, 21 Oct 2015 07:28:00 GMT */
  static const struct {
    const char *value;
    int64_t ms;
  } cases[] = {
      {"0", 0},
      {"1", 1000},
      {"120", 120000},
      {"007", 7000},
      {"86400", 86400000},
      {"Wed, 21 Oct 2015 07:29:30 GMT", 90000},
      {"Wednesday, 21-Oct-15 07:29:30 GMT", 90000}, /* RFC 850 */
      {"Wed Oct 21 07:29:30 2015", 90000},          /* asctime */
      {"Wed, 21 Oct 2015 07:28:00 GMT", 0},
      {"Wed, 21 Oct 2015 07:27:59 GMT", 0},
      {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
      {"", -1},
      {"soon", -1},
      {"-1", -1},
      {"+5", -1},
      {"5s", -1},
      {"1.5", -1},
      {"1e3", -1},
      {"99999999999999999999", -1},
      {"Wed, 99 Oct 2015 07:28:00 GMT", -1},
      {"\xff\xfe", -1},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    int64_t ms = retry_after(cases[i].value, wall);
    CHECK(ms == cases[i].ms, "\"%s\": %lld ms, wanted %lld", cases[i].value, (long long)ms,
          (long long)cases[i].ms);
  }
  assert_int_equal(retry_after("Wed, 21 Oct 2015 07:29:30 GMT", wall + 250), 89750);
  int64_t longest = retry_after("9223372036854775", wall); /* as long as milliseconds hold */
  assert_true(longest == 9223372036854775 * 1000);
  assert_true(retry_delay(1, longest, UINT64_MAX) >= longest);
}

static int64_t nominal(int attempt) {
  int64_t delay = 250;
  for (int i = 1; i < attempt && delay < 30000; i++)
    delay *= 2;
  return delay < 30000 ? delay : 30000;
}

static const uint64_t chances[] = {
    0, 1, 124, 125, 126, 249, 250, 14999, 15000, 15001, 123456789, UINT64_MAX - 1, UINT64_MAX};

static void delays_double_to_half_a_minute_and_half_of_each_is_chance(void **state) {
  (void)state;
  for (int attempt = 1; attempt <= 101; attempt++) {
    int64_t most = nominal(attempt);
    for (size_t i = 0; i < COUNT(chances); i++) {
      int64_t delay = retry_delay(attempt, -1, chances[i]);
      CHECK(delay >= most / 2 && delay <= most, "attempt %d: %lld ms of %lld", attempt,
            (long long)delay, (long long)most);
    }
    assert_int_equal(retry_delay(attempt, -1, 0), most / 2);
    assert_int_equal(retry_delay(attempt, -1, (uint64_t)(most / 2)), most);
  }
  assert_int_equal(nominal(1), 250);
  assert_int_equal(nominal(101), 30000);
}

static void never_comes_back_before_the_time_that_the_server_asked_for(void **state) {
  (void)state;
  static const int64_t wishes[] = {0, 1, 200, 250, 1000, 1500, 5000, 20000, 29000, 30000, 600000};
  for (int attempt = 1; attempt <= 12; attempt++)
    for (size_t w = 0; w < COUNT(wishes); w++)
      for (size_t i = 0; i < COUNT(chances); i++) {
        int64_t wish = wishes[w], most = nominal(attempt);
        int64_t delay = retry_delay(attempt, wish, chances[i]);
        CHECK(delay >= wish, "attempt %d: %lld ms, where %lld were asked for", attempt,
              (long long)delay, (long long)wish);
        CHECK(delay >= most / 2, "attempt %d: %lld ms", attempt, (long long)delay);
        CHECK(delay <= (wish > most ? wish : most) + 250, "attempt %d: %lld ms for a wish of %lld",
              attempt, (long long)delay, (long long)wish);
      }
}

static void clients_part_after_the_same_wish(void **state) {
  (void)state;
  int64_t first = retry_delay(1, 5000, 7), second = retry_delay(1, 5000, 130);
  assert_int_not_equal(first, second);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(these_statuses_may_be_tried_again),
      cmocka_unit_test(a_failure_may_be_tried_again_unless_it_is_final),
      cmocka_unit_test(reads_what_the_server_asks_for),
      cmocka_unit_test(delays_double_to_half_a_minute_and_half_of_each_is_chance),
      cmocka_unit_test(never_comes_back_before_the_time_that_the_server_asked_for),
      cmocka_unit_test(clients_part_after_the_same_wish),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
