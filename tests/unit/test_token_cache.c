#include "net/token_cache.h"

#include "unit.h"

enum { SECOND = 1000 };
static const char pull[] = "repository:a:pull", push[] = "repository:a:pull,push";

static int make(void **state) {
  *state = token_cache_new(3);
  return 0;
}

static int drop(void **state) {
  token_cache_free(*state);
  return 0;
}

static void what_was_put_serves_its_path_and_scopes(void **state) {
  struct token_cache *cache = *state;
  assert_null(token_cache_get(cache, "a", pull, 0));
  token_cache_put(cache, "a", pull, "Bearer 1", 0, 300 * SECOND);
  assert_string_equal(token_cache_get(cache, "a", pull, 0), "Bearer 1");
  assert_null(token_cache_get(cache, "b", pull, 0));
  assert_null(token_cache_get(cache, "a", push, 0));
}

static void more_scopes_serve_where_fewer_are_wanted(void **state) {
  struct token_cache *cache = *state;
  token_cache_put(cache, "a", push, "Bearer 1", 0, 300 * SECOND);
  assert_string_equal(token_cache_get(cache, "a", pull, 0), "Bearer 1");
}

static void one_that_is_about_to_end_is_not_given_out(void **state) {
  struct token_cache *cache = *state;
  token_cache_put(cache, "a", pull, "Bearer 1", 1000 * SECOND, 300 * SECOND);
  assert_non_null(token_cache_get(cache, "a", pull, 1269 * SECOND));
  assert_null(token_cache_get(cache, "a", pull, 1270 * SECOND));
  /* a third of a short life */
  token_cache_put(cache, "a", pull, "Bearer 2", 2000 * SECOND, 60 * SECOND);
  assert_non_null(token_cache_get(cache, "a", pull, 2039 * SECOND));
  assert_null(token_cache_get(cache, "a", pull, 2040 * SECOND));
}

static void one_without_scopes_serves_all_and_never_ends(void **state) {
  struct token_cache *cache = *state;
  token_cache_put(cache, "a", NULL, "Basic 1", 0, 0);
  assert_string_equal(token_cache_get(cache, "a", push, UINT64_MAX), "Basic 1");
  assert_null(token_cache_get(cache, "b", push, 0));
  /* asking again would give the same */
  assert_false(token_cache_refused(cache, "a", "Basic 1", 0));
}

static void a_second_fresh_token_that_is_refused_is_the_last(void **state) {
  struct token_cache *cache = *state;
  token_cache_put(cache, "a", pull, "Bearer 1", 0, 300 * SECOND);
  assert_true(token_cache_refused(cache, "a", "Bearer 1", SECOND));
  assert_null(token_cache_get(cache, "a", pull, SECOND));
  /* those who had sent it too take the next one */
  assert_true(token_cache_refused(cache, "a", "Bearer 1", SECOND));
  token_cache_put(cache, "a", pull, "Bearer 2", SECOND, 300 * SECOND);
  assert_false(token_cache_refused(cache, "a", "Bearer 2", 2 * SECOND));
  assert_false(token_cache_refused(cache, "a", "Bearer 2", 3 * SECOND));
}

static void a_successor_that_has_served_may_be_succeeded(void **state) {
  struct token_cache *cache = *state;
  token_cache_put(cache, "a", pull, "Bearer 1", 0, 300 * SECOND);
  assert_true(token_cache_refused(cache, "a", "Bearer 1", SECOND));
  token_cache_put(cache, "a", pull, "Bearer 2", SECOND, 300 * SECOND);
  assert_true(token_cache_refused(cache, "a", "Bearer 2", 100 * SECOND));
  /* and a renewal before the end is no successor of a refusal */
  token_cache_put(cache, "a", pull, "Bearer 3", 100 * SECOND, 300 * SECOND);
  token_cache_put(cache, "a", pull, "Bearer 4", 101 * SECOND, 300 * SECOND);
  assert_true(token_cache_refused(cache, "a", "Bearer 4", 102 * SECOND));
}

static void the_oldest_go_when_it_is_full(void **state) {
  struct token_cache *cache = *state;
  token_cache_put(cache, "a", pull, "Bearer a", 0, 300 * SECOND);
  token_cache_put(cache, "b", pull, "Bearer b", 0, 300 * SECOND);
  token_cache_put(cache, "a", pull, "Bearer a2", 0, 300 * SECOND);
  token_cache_put(cache, "c", pull, "Bearer c", 0, 300 * SECOND);
  token_cache_put(cache, "d", pull, "Bearer d", 0, 300 * SECOND);
  assert_null(token_cache_get(cache, "b", pull, 0));
  assert_string_equal(token_cache_get(cache, "a", pull, 0), "Bearer a2");
  assert_string_equal(token_cache_get(cache, "c", pull, 0), "Bearer c");
  assert_string_equal(token_cache_get(cache, "d", pull, 0), "Bearer d");
}

static void a_path_can_be_forgotten(void **state) {
  struct token_cache *cache = *state;
  token_cache_put(cache, "a", pull, "Bearer 1", 0, 300 * SECOND);
  token_cache_put(cache, "a", push, "Bearer 2", 0, 300 * SECOND);
  token_cache_put(cache, "b", pull, "Bearer 3", 0, 300 * SECOND);
  token_cache_drop(cache, "a");
  assert_null(token_cache_get(cache, "a", pull, 0));
  assert_string_equal(token_cache_get(cache, "b", pull, 0), "Bearer 3");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)
  const struct CMUnitTest tests[] = {
      TEST(what_was_put_serves_its_path_and_scopes),
      TEST(more_scopes_serve_where_fewer_are_wanted),
      TEST(one_that_is_about_to_end_is_not_given_out),
      TEST(one_without_scopes_serves_all_and_never_ends),
      TEST(a_second_fresh_token_that_is_refused_is_the_last),
      TEST(a_successor_that_has_served_may_be_succeeded),
      TEST(the_oldest_go_when_it_is_full),
      TEST(a_path_can_be_forgotten),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
