#include "net/ratelimit.h"

#include "unit.h"

#define WALL ((int64_t)1700000000 * 1000)

static struct ratelimit read(const char *const *headers) {
  struct http_reply reply = {.status = 200};
  struct ratelimit told;
  buf_init(&reply.head, 100000);
  for (; *headers; headers++)
    assert_int_equal(buf_add(&reply.head, *headers, strlen(*headers) + 1), 0);
  ratelimit_read(&told, &reply, WALL);
  buf_free(&reply.head);
  return told;
}

static void reads_what_registries_and_proxies_say(void **state) {
  (void)state;
  static const struct {
    const char *headers[4];
    int64_t remaining, reset_s, window_s;
  } cases[] = {
      {{"Content-Type: x", "Retry-After: 5"}, -1, -1, -1},
      /* Docker Hub */
      {{"ratelimit-limit: 100;w=21600", "ratelimit-remaining: 76;w=21600"}, 76, -1, 21600},
      {{"ratelimit-limit: 100;w=21600", "ratelimit-remaining: 0;w=21600"}, 0, -1, 21600},
      {{"RateLimit-Remaining: 3", "RateLimit-Limit: 10, 10;w=1"}, 3, -1, 1},
      /* the IETF's drafts */
      {{"RateLimit-Limit: 100", "RateLimit-Remaining: 50", "RateLimit-Reset: 30"}, 50, 30, -1},
      {{"RateLimit-Remaining: 0", "RateLimit-Reset: 0"}, 0, 0, -1},
      {{"RateLimit: limit=100, remaining=50, reset=5"}, 50, 5, -1},
      {{"RateLimit: reset=5,remaining=50,limit=100", "RateLimit-Policy: 100;w=60"}, 50, 5, -1},
      {{"RateLimit: \"default\";r=50;t=30"}, 50, 30, -1},
      {{"RateLimit: \"a,b;r=1\"; r=50 ; t=30"}, 50, 30, -1},
      {{"RateLimit: \"burst\";r=9;t=1, \"day\";r=2;t=80000"}, 2, 80000, -1},
      {{"RateLimit: \"day\";r=0;t=80000, \"burst\";r=0;t=1"}, 0, 80000, -1},
      {{"RateLimit: default;r=7"}, 7, -1, -1},
      /* the older ones: spans, times, times in ms */
      {{"X-RateLimit-Limit: 60", "X-RateLimit-Remaining: 56", "X-RateLimit-Reset: 40"}, 56, 40, -1},
      {{"x-ratelimit-remaining: 1", "x-ratelimit-reset: 1700000090"}, 1, 90, -1},
      {{"x-ratelimit-remaining: 1", "x-ratelimit-reset: 1700000090000"}, 1, 90, -1},
      {{"x-ratelimit-remaining: 1", "x-ratelimit-reset: 1600000000"}, 1, 0, -1},
      {{"x-ratelimit-reset: 40"}, -1, -1, -1}, /* of what, without a number? */
      /* the newest counts */
      {{"RateLimit: \"x\";r=5;t=6", "RateLimit-Remaining: 7", "X-RateLimit-Remaining: 8"},
       5,
       6,
       -1},
      {{"RateLimit-Remaining: 7", "X-RateLimit-Remaining: 8"}, 7, -1, -1},
      {{"RateLimit: nonsense", "X-RateLimit-Remaining: 8"}, 8, -1, -1},
      /* nonsense */
      {{"RateLimit-Remaining: "}, -1, -1, -1},
      {{"RateLimit-Remaining: -1"}, -1, -1, -1},
      {{"RateLimit-Remaining: lots"}, -1, -1, -1},
      {{"RateLimit-Remaining: 1.5"}, -1, -1, -1},
      {{"RateLimit-Remaining: 99999999999999999999"}, -1, -1, -1},
      {{"RateLimit-Remaining: ,,;;w=,;=5"}, -1, -1, -1},
      {{"RateLimit-Remaining: 5;w=x", "RateLimit-Reset: tomorrow"}, 5, -1, -1},
      {{"RateLimit-Remaining: 5;w=99999999999", "RateLimit-Reset: 9223372036854775807"}, 5, -1, -1},
      {{"RateLimit: \""}, -1, -1, -1},
      {{"RateLimit: \"x;r=5"}, -1, -1, -1},
      {{"RateLimit: ;"}, -1, -1, -1},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct ratelimit told = read(cases[i].headers);
    const char *what = cases[i].headers[0];
    CHECK(told.remaining == cases[i].remaining, "%s: %lld remain", what, (long long)told.remaining);
    CHECK(told.reset_ms == (cases[i].reset_s < 0 ? -1 : cases[i].reset_s * 1000),
          "%s: reset in %lld", what, (long long)told.reset_ms);
    CHECK(told.window_ms == (cases[i].window_s < 0 ? -1 : cases[i].window_s * 1000),
          "%s: window of %lld", what, (long long)told.window_ms);
  }
}

static void a_word_of_any_length_is_fine(void **state) {
  (void)state;
  static char line[50000] = "RateLimit: ";
  memset(line + 11, '7', sizeof line - 12);
  struct ratelimit told = read((const char *const[]){line, NULL});
  assert_int_equal(told.remaining, -1);
  memset(line + 11, ';', sizeof line - 12);
  told = read((const char *const[]){line, NULL});
  assert_int_equal(told.remaining, -1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_what_registries_and_proxies_say),
      cmocka_unit_test(a_word_of_any_length_is_fine),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
