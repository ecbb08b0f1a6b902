#include "base/err.h"

#include "unit.h"

static void returns_the_negative_code_and_keeps_the_message(void **state) {
  (void)state;
  struct err err = {.http_status = 404, .host = "old", .retry_after_ms = 5};
  assert_int_equal(err_set(&err, ERR_NOT_FOUND, "no %s at %d", "image", 7), -ERR_NOT_FOUND);
  assert_int_equal(err.code, ERR_NOT_FOUND);
  assert_string_equal(err.message, "no image at 7");
  assert_int_equal(err.http_status, 0);
  assert_string_equal(err.host, "");
  assert_int_equal(err.retry_after_ms, -1);
}

static void works_without_a_struct(void **state) {
  (void)state;
  assert_int_equal(err_set(NULL, ERR_IO, "x"), -ERR_IO);
  err_prefix(NULL, "x");
}

static void makes_messages_printable_one_liners(void **state) {
  (void)state;
  struct err err;
  err_set(&err, ERR_REFUSED, "%s", "::error::x\r\n\x1b[31mred\xff \n\n");
  assert_string_equal(err.message, "::error::x  ?[31mred?");
}

static void cuts_long_messages_between_characters(void **state) {
  (void)state;
  char text[3000];
  memset(text, 'a', sizeof text);
  memcpy(text + sizeof((struct err){0}).message - 2, "\xc3\xa9", 2);
  text[sizeof text - 1] = '\0';
  struct err err;
  err_set(&err, ERR_REFUSED, "%s", text);
  assert_int_equal(strlen(err.message), sizeof err.message - 2);
  err_prefix(&err, "head");
  assert_true(strncmp(err.message, "head: aaa", 9) == 0);
  assert_int_equal(strlen(err.message), sizeof err.message - 1);
}

static void prefixes_say_where_it_happened(void **state) {
  (void)state;
  struct err err;
  err_set(&err, ERR_DIGEST, "size differs");
  err.http_status = 200;
  err_prefix(&err, "layers[%d]", 3);
  err_prefix(&err, "image %s", "a/b");
  assert_string_equal(err.message, "image a/b: layers[3]: size differs");
  assert_int_equal(err.code, ERR_DIGEST);
  assert_int_equal(err.http_status, 200);
}

static void a_message_may_be_set_from_itself(void **state) {
  (void)state;
  struct err err;
  err_set(&err, ERR_IO, "disk");
  err_set(&err, ERR_CONFIG, "config: %s", err.message);
  assert_string_equal(err.message, "config: disk");
}

static void every_code_has_a_name_of_its_own(void **state) {
  (void)state;
  for (int a = 0; a < ERR_CODES; a++)
    for (int b = 0; b < a; b++)
      assert_string_not_equal(err_code_name((enum err_code)a), err_code_name((enum err_code)b));
  assert_string_equal(err_code_name(ERR_NOT_FOUND), "not_found");
  assert_string_equal(err_code_name(ERR_RATE_LIMITED), "rate_limited");
  assert_string_equal(err_code_name(ERR_IO), "io");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(returns_the_negative_code_and_keeps_the_message),
      cmocka_unit_test(works_without_a_struct),
      cmocka_unit_test(makes_messages_printable_one_liners),
      cmocka_unit_test(cuts_long_messages_between_characters),
      cmocka_unit_test(prefixes_say_where_it_happened),
      cmocka_unit_test(a_message_may_be_set_from_itself),
      cmocka_unit_test(every_code_has_a_name_of_its_own),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
