#include "transfer/owner.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

static void we_live(void **state) {
  (void)state;
  char self[OWNER_TEXT];
  owner_new(self);
  assert_true(owner_lives(self, self, 0));
  assert_true(owner_lives(self, self, (int64_t)30 * 24 * 3600));
}

static void no_two_names_are_the_same(void **state) {
  (void)state;
  char one[OWNER_TEXT], other[OWNER_TEXT];
  owner_new(one);
  owner_new(other);
  assert_string_not_equal(one, other);
  assert_true(owner_lives(one, other, 0));
}

/* Starts a process that tells its name, and lives until it is killed. */
static pid_t start(char name[OWNER_TEXT]) {
  int pipes[2];
  assert_int_equal(pipe(pipes), 0);
  pid_t child = fork();
  if (child == 0) {
    owner_new(name);
    (void)!write(pipes[1], name, OWNER_TEXT);
    for (;;)
      pause();
  }
  assert_int_equal(read(pipes[0], name, OWNER_TEXT), OWNER_TEXT);
  close(pipes[0]);
  close(pipes[1]);
  return child;
}

static void another_lives_until_it_is_killed(void **state) {
  (void)state;
  char self[OWNER_TEXT], other[OWNER_TEXT];
  owner_new(self);
  pid_t child = start(other);
  assert_true(owner_lives(other, self, 0));
  kill(child, SIGKILL);
  /* Nobody has buried it yet, as in a container without an init. */
  assert_int_equal(waitid(P_PID, (id_t)child, &(siginfo_t){0}, WEXITED | WNOWAIT), 0);
  assert_false(owner_lives(other, self, 0));
  assert_int_equal(waitpid(child, NULL, 0), child);
  assert_false(owner_lives(other, self, 0));
}

struct parts {
  char boot[40];
  uint64_t space, start;
  int64_t pid;
};

static struct parts parts_of(const char *name) {
  struct parts parts;
  assert_int_equal(sscanf(name, "%39s %" SCNu64 " %" SCNd64 " %" SCNu64, parts.boot, &parts.space,
                          &parts.pid, &parts.start),
                   4);
  return parts;
}

static bool lives(const struct parts *parts, int64_t heard_s) {
  char self[OWNER_TEXT], name[OWNER_TEXT];
  owner_new(self);
  snprintf(name, sizeof name, "%s %" PRIu64 " %" PRId64 " %" PRIu64 " 0", parts->boot, parts->space,
           parts->pid, parts->start);
  return owner_lives(name, self, heard_s);
}

static struct parts ours(void) {
  char self[OWNER_TEXT];
  owner_new(self);
  return parts_of(self);
}

static void another_process_with_the_same_number_is_another(void **state) {
  (void)state;
  struct parts parts = ours();
  parts.start--;
  assert_false(lives(&parts, 0));
}

static void another_boot_is_over(void **state) {
  (void)state;
  struct parts parts = ours();
  parts.boot[0] = parts.boot[0] == '0' ? '1' : '0';
  assert_false(lives(&parts, 0));
  parts.space = 0;
  assert_false(lives(&parts, 0));
}

static void one_that_cannot_be_seen_lives_for_ten_minutes(void **state) {
  (void)state;
  struct parts container = ours(), nowhere = ours(), no_boot = ours();
  container.space++;
  nowhere.space = 0;
  strcpy(no_boot.boot, "-");
  const struct parts *const all[] = {&container, &nowhere, &no_boot};
  for (size_t i = 0; i < COUNT(all); i++) {
    CHECK(lives(all[i], 0), "%zu", i);
    CHECK(lives(all[i], 599), "%zu", i);
    CHECK(!lives(all[i], 600), "%zu", i);
    CHECK(lives(all[i], -599), "%zu: the clock was put back", i);
    CHECK(!lives(all[i], -600), "%zu", i);
  }
}

static void what_is_no_name_does_not_live(void **state) {
  (void)state;
  char self[OWNER_TEXT];
  owner_new(self);
  static const char *const names[] = {
      "",
      "-",
      "- 1 2",
      "a b c d",
      "- 1 0 1 0",
      "- 1 -5 1 0",
      "- 1 99999999999999 1 0",
      "0123456789012345678901234567890123456789012345678901234567890123456789 1 1 1 1"};
  for (size_t i = 0; i < COUNT(names); i++)
    CHECK(!owner_lives(names[i], self, 0), "%s", names[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(we_live),
      cmocka_unit_test(no_two_names_are_the_same),
      cmocka_unit_test(another_lives_until_it_is_killed),
      cmocka_unit_test(another_process_with_the_same_number_is_another),
      cmocka_unit_test(another_boot_is_over),
      cmocka_unit_test(one_that_cannot_be_seen_lives_for_ten_minutes),
      cmocka_unit_test(what_is_no_name_does_not_live),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
