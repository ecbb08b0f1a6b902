#include "base/buf.h"

#include "unit.h"

static void grows_and_stays_terminated(void **state) {
  (void)state;
  struct buf buf;
  buf_init(&buf, 100000);
  assert_string_equal(buf_str(&buf), "");
  for (int i = 0; i < 1000; i++) {
    assert_int_equal(buf_adds(&buf, "ab"), 0);
    assert_int_equal(buf_addf(&buf, "%03d", i), 0);
    assert_int_equal(buf.len, 5 * (i + 1));
    assert_int_equal(buf.data[buf.len], '\0');
  }
  assert_true(strncmp(buf_str(&buf), "ab000ab001", 10) == 0);
  assert_string_equal(buf_str(&buf) + 4995, "ab999");
  assert_int_equal(buf_addf(&buf, "%20000d", 7), 0);
  assert_int_equal(buf.len, 25000);
  buf_free(&buf);
}

static void never_exceeds_its_cap_and_adds_nothing_then(void **state) {
  (void)state;
  struct buf buf;
  buf_init(&buf, 5);
  assert_int_equal(buf_add(&buf, "1234", 4), 0);
  assert_int_equal(buf_add(&buf, "56", 2), -1);
  assert_int_equal(buf_adds(&buf, "56"), -1);
  assert_int_equal(buf_addf(&buf, "%d", 56), -1);
  assert_string_equal(buf_str(&buf), "1234");
  assert_int_equal(buf_adds(&buf, "5"), 0);
  assert_int_equal(buf_adds(&buf, ""), 0);
  assert_string_equal(buf_str(&buf), "12345");
  assert_true(buf.room <= 6);
  buf_free(&buf);
}

static void a_cap_of_everything_does_not_overflow(void **state) {
  (void)state;
  struct buf buf;
  buf_init(&buf, SIZE_MAX);
  assert_int_equal(buf_adds(&buf, "x"), 0);
  assert_int_equal(buf_add(&buf, "y", SIZE_MAX - 1), -1);
  assert_string_equal(buf_str(&buf), "x");
  buf_free(&buf);
}

static void keeps_bytes_of_any_value(void **state) {
  (void)state;
  struct buf buf;
  buf_init(&buf, 100);
  assert_int_equal(buf_add(&buf, "a\0b", 3), 0);
  assert_int_equal(buf_add(&buf, NULL, 0), 0);
  assert_int_equal(buf.len, 3);
  assert_memory_equal(buf.data, "a\0b", 4);
  buf_reset(&buf);
  assert_string_equal(buf_str(&buf), "");
  assert_int_equal(buf_adds(&buf, "c"), 0);
  assert_string_equal(buf_str(&buf), "c");
  buf_free(&buf);
}

static void what_is_taken_belongs_to_the_taker(void **state) {
  (void)state;
  struct buf buf;
  buf_init(&buf, 3);
  char *nothing = buf_take(&buf);
  assert_string_equal(nothing, "");
  assert_int_equal(buf_adds(&buf, "abc"), 0);
  char *all = buf_take(&buf);
  assert_string_equal(all, "abc");
  assert_int_equal(buf.len, 0);
  assert_int_equal(buf_adds(&buf, "abcd"), -1);
  assert_int_equal(buf_adds(&buf, "def"), 0);
  assert_string_equal(all, "abc");
  free(nothing);
  free(all);
  buf_free(&buf);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(grows_and_stays_terminated),
      cmocka_unit_test(never_exceeds_its_cap_and_adds_nothing_then),
      cmocka_unit_test(a_cap_of_everything_does_not_overflow),
      cmocka_unit_test(keeps_bytes_of_any_value),
      cmocka_unit_test(what_is_taken_belongs_to_the_taker),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
