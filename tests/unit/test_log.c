#include "base/log.h"

#include "unit.h"

struct seen {
  int lines;
  enum log_level level;
  char text[8192];
};

static void keep(void *arg, enum log_level level, const char *text) {
  struct seen *seen = arg;
  seen->lines++;
  seen->level = level;
  memcpy(seen->text, text, strlen(text) + 1);
}

static void only_wanted_lines_arrive(void **state) {
  (void)state;
  struct seen seen = {0};
  struct log log = {.level = LOG_WARN, .fn = keep, .arg = &seen};
  log_at(&log, LOG_INFO, "no");
  assert_int_equal(seen.lines, 0);
  log_at(&log, LOG_WARN, "retry %d of %s", 2, "x");
  assert_int_equal(seen.lines, 1);
  assert_int_equal(seen.level, LOG_WARN);
  assert_string_equal(seen.text, "retry 2 of x");
  log_at(&log, LOG_ERROR, "bad");
  assert_string_equal(seen.text, "bad");
}

static void without_a_listener_there_is_silence(void **state) {
  (void)state;
  struct log log = {.level = LOG_DEBUG};
  assert_false(log_wants(&log, LOG_ERROR));
  log_at(&log, LOG_ERROR, "unheard");
}

static void a_line_is_one_printable_line_of_bounded_length(void **state) {
  (void)state;
  struct seen seen = {0};
  struct log log = {.level = LOG_DEBUG, .fn = keep, .arg = &seen};
  log_at(&log, LOG_INFO, "%s", "a\n::error::b\x1b[2J");
  assert_string_equal(seen.text, "a ::error::b?[2J");
  log_at(&log, LOG_INFO, "%100000d", 1);
  assert_in_range(strlen(seen.text), 4000, 4096);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(only_wanted_lines_arrive),
      cmocka_unit_test(without_a_listener_there_is_silence),
      cmocka_unit_test(a_line_is_one_printable_line_of_bounded_length),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
