#include "net/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

struct run {
  struct loop *loop;
  int done, status;
  struct err err;
  char output[256];
  size_t output_len;
};

static int make(void **state) {
  struct run *run = calloc(1, sizeof *run);
  *state = run;
  return loop_new(&run->loop, NULL);
}

static int drop(void **state) {
  struct run *run = *state;
  loop_free(run->loop);
  free(run);
  return 0;
}

static void on_done(void *arg, int status, const struct buf *output, const struct err *err) {
  struct run *run = arg;
  run->done++;
  run->status = status;
  run->err = err ? *err : (struct err){0};
  run->output_len = output->len;
  snprintf(run->output, sizeof run->output, "%s", buf_str(output));
  loop_stop(run->loop);
}

static struct process *start(struct run *run, const char *const *argv, const char *input,
                             int64_t timeout_ms) {
  struct process *process =
      process_start(run->loop, &(struct process_spec){.argv = argv,
                                                      .input = input,
                                                      .output_max = 100000,
                                                      .timeout_ms = timeout_ms,
                                                      .done = on_done,
                                                      .arg = run});
  assert_int_equal(run->done, 0);
  return process;
}

static void shell(struct run *run, const char *script, const char *input, int64_t timeout_ms) {
  const char *argv[] = {"sh", "-c", script, NULL};
  start(run, argv, input, timeout_ms);
  loop_run(run->loop);
  assert_int_equal(run->done, 1);
}

static void feeds_and_collects(void **state) {
  struct run *run = *state;
  shell(run, "read line; echo \"got $line\"; cat >/dev/stdout; exit 3", "one\ntwo", 10000);
  assert_int_equal(run->err.code, ERR_NONE);
  assert_int_equal(run->status, 3);
  assert_string_equal(run->output, "got one\ntwo");
}

static void a_program_that_does_not_read_harms_nobody(void **state) {
  struct run *run = *state;
  shell(run, "exec <&-; echo well", "never read", 10000);
  assert_int_equal(run->err.code, ERR_NONE);
  assert_string_equal(run->output, "well\n");
}

static void standard_error_is_thrown_away(void **state) {
  struct run *run = *state;
  shell(run, "echo secret >&2; echo well", "", 10000);
  assert_string_equal(run->output, "well\n");
}

static void much_output_is_read_to_its_end(void **state) {
  struct run *run = *state;
  shell(run, "head -c 99999 /dev/zero | tr '\\0' x", "", 10000);
  assert_int_equal(run->err.code, ERR_NONE);
  assert_int_equal(run->output_len, 99999);
}

static void output_above_the_limit_ends_it(void **state) {
  struct run *run = *state;
  shell(run, "exec cat /dev/zero", "", 10000);
  assert_int_equal(run->err.code, ERR_TOO_LARGE);
  assert_non_null(strstr(run->err.message, "sh"));
}

static void a_program_that_is_not_there_is_named(void **state) {
  struct run *run = *state;
  const char *argv[] = {"docker-credential-nowhere", "get", NULL};
  start(run, argv, "", 10000);
  loop_run(run->loop);
  assert_int_equal(run->err.code, ERR_NOT_FOUND);
  assert_non_null(strstr(run->err.message, "docker-credential-nowhere"));
}

static void a_slow_one_is_killed(void **state) {
  struct run *run = *state;
  shell(run, "echo $$; exec sleep 1000", "", 200);
  assert_int_equal(run->err.code, ERR_TIMEOUT);
  pid_t pid = atoi(run->output);
  assert_true(pid > 0);
  assert_int_equal(kill(pid, 0), -1);
  assert_int_equal(errno, ESRCH);
}

static void a_signal_shows_in_the_status(void **state) {
  struct run *run = *state;
  shell(run, "kill -TERM $$", "", 10000);
  assert_int_equal(run->err.code, ERR_NONE);
  assert_int_equal(run->status, 128 + SIGTERM);
}

/* It holds the pipe of the standard output open. */
static void a_child_left_behind_is_not_waited_for(void **state) {
  struct run *run = *state;
  uint64_t began = loop_now(run->loop);
  shell(run, "sleep 20 & echo $!", "", 15000);
  assert_int_equal(run->err.code, ERR_NONE);
  assert_true(loop_now(run->loop) - began < 10000);
  pid_t child = atoi(run->output);
  assert_true(child > 0);
  kill(child, SIGKILL);
}

static void a_canceled_one_is_killed_and_says_so_once(void **state) {
  struct run *run = *state;
  const char *argv[] = {"sleep", "1000", NULL};
  struct process *process = start(run, argv, "", 10000);
  process_cancel(process);
  process_cancel(process);
  assert_int_equal(run->done, 0);
  loop_run(run->loop);
  assert_int_equal(run->done, 1);
  assert_int_equal(run->err.code, ERR_CANCELED);
}

static void input_above_the_limit_is_an_error(void **state) {
  struct run *run = *state;
  char input[PROCESS_INPUT_MAX + 2];
  memset(input, 'x', sizeof input - 1);
  input[PROCESS_INPUT_MAX + 1] = '\0';
  shell(run, "cat", input, 10000);
  assert_int_equal(run->err.code, ERR_IO);
}

static void no_descriptor_of_ours_is_passed_on(void **state) {
  struct run *run = *state;
  shell(run,
        "for fd in /proc/self/fd/*; do case ${fd##*/} in [0-2]) ;; *) readlink $fd; esac; done", "",
        10000);
  assert_null(strstr(run->output, "pipe:"));
  assert_null(strstr(run->output, "socket:"));
  assert_null(strstr(run->output, "eventpoll"));
}

int main(void) {
  /* What the test itself was born with is not to be seen in its children. */
  for (int fd = 3; fd < 1024; fd++)
    fcntl(fd, F_SETFD, FD_CLOEXEC);
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)
  const struct CMUnitTest tests[] = {
      TEST(feeds_and_collects),
      TEST(a_program_that_does_not_read_harms_nobody),
      TEST(standard_error_is_thrown_away),
      TEST(much_output_is_read_to_its_end),
      TEST(output_above_the_limit_ends_it),
      TEST(a_program_that_is_not_there_is_named),
      TEST(a_slow_one_is_killed),
      TEST(a_signal_shows_in_the_status),
      TEST(a_child_left_behind_is_not_waited_for),
      TEST(a_canceled_one_is_killed_and_says_so_once),
      TEST(input_above_the_limit_is_an_error),
      TEST(no_descriptor_of_ours_is_passed_on),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
