#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

/* What a child that asks for too much leaves behind. */
static void dies_of(void *(*ask)(void), char said[200]) {
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    free(ask());
    _exit(0);
  }
  close(ends[1]);
  ssize_t len = read(ends[0], said, 199);
  said[len > 0 ? len : 0] = '\0';
  close(ends[0]);
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) != 0);
}

static void *too_many(void) { return mem_realloc(NULL, SIZE_MAX / 2, 3); }

static void running_out_of_memory_ends_the_process_with_a_message(void **state) {
  (void)state;
  char said[200];
  dies_of(too_many, said);
  assert_string_equal(said, "dray: out of memory\n");
}

static void nothing_is_something_to_free(void **state) {
  (void)state;
  void *none = mem_alloc(0), *zeroed = mem_zalloc(0);
  assert_non_null(none);
  assert_non_null(zeroed);
  free(none);
  free(zeroed);
  assert_null(mem_strdup(NULL));
}

static void secrets_are_overwritten(void **state) {
  (void)state;
  char secret[] = "hunter2";
  mem_wipe(secret, sizeof secret);
  for (size_t i = 0; i < sizeof secret; i++)
    assert_int_equal(secret[i], 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(running_out_of_memory_ends_the_process_with_a_message),
      cmocka_unit_test(nothing_is_something_to_free),
      cmocka_unit_test(secrets_are_overwritten),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
