/* unit.h - cmocka with what it wants included first, and checks that name the case at hand. */
#ifndef DRAY_TESTS_UNIT_H
#define DRAY_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* For tables, where the line alone does not tell which row failed. */
#define CHECK(condition, ...)                                                                      \
  do {                                                                                             \
    if (!(condition))                                                                              \
      fail_msg(__VA_ARGS__);                                                                       \
  } while (0)

#define CHECK_STRING(got, wanted, what)                                                            \
  CHECK(strcmp(got, wanted) == 0, "%s: got \"%s\", wanted \"%s\"", what, got, wanted)

#endif
