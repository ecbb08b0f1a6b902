#include "transfer/journal.h"

#include "journal_run.h"

static void a_run_that_notes_nothing_leaves_nothing(void **state) {
  struct run *run = *state;
  char path[100];
  snprintf(path, sizeof path, "%s/not/yet/state.db", run->folder);
  struct journal *journal = open_at(run, path);
  assert_non_null(journal);
  assert_int_equal(take(journal, 1), -1);
  drop_entry(journal, 1);
  journal_close(journal);
  assert_int_equal(files_in(run->folder), 0);
  assert_int_equal(run->warnings, 0);
}

static void without_a_journal_all_is_as_if_it_were_empty(void **state) {
  (void)state;
  note(NULL, 1, 10);
  assert_int_equal(take(NULL, 1), -1);
  drop_entry(NULL, 1);
  journal_close(NULL);
}

static void the_next_run_has_what_was_noted(void **state) {
  struct run *run = *state;
  struct journal *journal = open_journal(run);
  for (int n = 0; n < 20; n++)
    note(journal, n, (uint64_t)n * 1000);
  journal_close(journal);
  journal = open_journal(run);
  for (int n = 0; n < 20; n++)
    assert_int_equal(take(journal, n), n * 1000);
  assert_int_equal(take(journal, 20), -1);
  journal_close(journal);
  assert_int_equal(run->warnings, 0);
}

static void repositories_and_digests_are_told_apart(void **state) {
  struct run *run = *state;
  struct journal *journal = open_journal(run);
  note(journal, 1, 10);
  journal_close(journal);
  journal = open_journal(run);
  struct oci_digest digest = digest_of(1);
  struct journal_entry entry;
  assert_false(journal_take(journal, &(struct oci_repo){.host = "ghcr.io", .path = "me/ap"},
                            &digest, &entry));
  assert_false(journal_take(journal, &(struct oci_repo){.host = "quay.io", .path = "me/app"},
                            &digest, &entry));
  assert_int_equal(take(journal, 2), -1);
  assert_int_equal(take(journal, 1), 10);
  journal_close(journal);
}

static void the_state_is_one_file_that_nobody_else_reads(void **state) {
  struct run *run = *state;
  char folder[100], path[130];
  snprintf(folder, sizeof folder, "%s/a", run->folder);
  snprintf(path, sizeof path, "%s/b/state.db", folder);
  mode_t before = umask(0);
  struct journal *journal = open_at(run, path);
  note(journal, 1, 10);
  journal_close(journal);
  journal = open_at(run, path); /* now it is open while there is a log beside it */
  assert_int_equal(take(journal, 1), 10);
  char log[140];
  snprintf(log, sizeof log, "%s-wal", path);
  assert_int_equal(mode_of(log), 0600);
  journal_close(journal);
  umask(before);
  assert_int_equal(mode_of(path), 0600);
  assert_int_equal(mode_of(folder), 0700);
  strcat(folder, "/b");
  assert_int_equal(mode_of(folder), 0700);
  assert_int_equal(files_in(folder), 1);
}

static void a_restored_file_gets_its_mode_back(void **state) {
  struct run *run = *state;
  struct journal *journal = open_journal(run);
  note(journal, 1, 10);
  journal_close(journal);
  chmod(run->path, 0644);
  journal = open_journal(run);
  assert_int_equal(mode_of(run->path), 0600);
  char log[80];
  snprintf(log, sizeof log, "%s-wal", run->path);
  assert_int_equal(mode_of(log), 0600);
  journal_close(journal);
}

static void the_newest_note_counts(void **state) {
  struct run *run = *state;
  struct journal *journal = open_journal(run);
  for (uint64_t acked = 0; acked < 500; acked++)
    note(journal, 1, acked);
  await_rows(run, 1);
  for (uint64_t acked = 500; acked < 1000; acked++)
    note(journal, 1, acked);
  assert_int_equal(take(journal, 1), 999); /* in this run, too */
  journal_close(journal);
  journal = open_journal(run);
  assert_int_equal(take(journal, 1), 999);
  note(journal, 1, 1000);
  journal_close(journal);
  journal = open_journal(run);
  assert_int_equal(take(journal, 1), 1000);
  journal_close(journal);
}

static void what_was_taken_may_be_noted_again(void **state) {
  struct run *run = *state;
  struct journal *journal = open_journal(run);
  note(journal, 1, 10);
  struct oci_digest digest = digest_of(1);
  struct journal_entry entry;
  assert_true(journal_take(journal, &repo, &digest, &entry));
  journal_note(journal, &repo, &digest, &entry); /* its location is the journal's own */
  assert_int_equal(take(journal, 1), 10);
  journal_close(journal);
}

static void what_was_dropped_is_gone(void **state) {
  struct run *run = *state;
  struct journal *journal = open_journal(run);
  for (int n = 0; n < 4; n++)
    note(journal, n, 10);
  await_rows(run, 4);
  drop_entry(journal, 1);
  assert_int_equal(take(journal, 1), -1);
  await_rows(run, 3);
  drop_entry(journal, 2);
  note(journal, 2, 20);
  note(journal, 5, 50);
  drop_entry(journal, 5);
  journal_close(journal);
  journal = open_journal(run);
  assert_int_equal(take(journal, 0), 10);
  assert_int_equal(take(journal, 1), -1);
  assert_int_equal(take(journal, 2), 20);
  drop_entry(journal, 2);
  drop_entry(journal, 3); /* without having taken it */
  assert_int_equal(take(journal, 3), -1);
  assert_int_equal(take(journal, 5), -1);
  journal_close(journal);
  assert_int_equal(rows(run), 1);
}

static void what_cannot_be_kept_is_dropped(void **state) {
  struct run *run = *state;
  struct journal *journal = open_journal(run);
  note(journal, 1, 10);
  struct oci_digest digest = digest_of(1);
  char location[800];
  struct journal_entry entry = entry_of(1, 20, location);
  entry.location = "nowhere";
  journal_note(journal, &repo, &digest, &entry);
  assert_int_equal(take(journal, 1), -1);
  journal_close(journal);
  assert_int_equal(rows(run), 0);
}

static void a_thousand_entries_are_less_than_2_mib(void **state) {
  struct run *run = *state;
  struct journal *journal = open_journal(run);
  for (int n = 0; n < 1000; n++)
    note(journal, n, 1);
  for (int n = 0; n < 1000; n++)
    note(journal, n, 30 + (uint64_t)n);
  journal_close(journal);
  struct stat st;
  assert_int_equal(stat(run->path, &st), 0);
  assert_true(st.st_size < 2 * 1024 * 1024);
  journal = open_journal(run);
  for (int n = 0; n < 1000; n++)
    assert_int_equal(take(journal, n), 30 + n);
  journal_close(journal);
}

static void entries_end_after_seven_days(void **state) {
  struct run *run = *state;
  struct journal *journal = open_journal(run);
  for (int n = 0; n < 4; n++)
    note(journal, n, 10);
  journal_close(journal);
  static const char *const ages[] = {"-604000", "-605000", "+605000", "-9223372036854775807"};
  for (int n = 0; n < 4; n++) {
    char sql[300];
    struct oci_digest digest = digest_of(n);
    snprintf(sql, sizeof sql,
             "UPDATE entry SET written=iif(%s < -1e9, %s, unixepoch() %s) WHERE key LIKE '%%%s'",
             ages[n], ages[n], ages[n], digest.text);
    raw(run->path, sql);
  }
  journal = open_journal(run);
  assert_int_equal(take(journal, 0), 10);
  for (int n = 1; n < 4; n++)
    assert_int_equal(take(journal, n), -1);
  journal_close(journal);
  assert_int_equal(rows(run), 1);
}

static void a_link_is_followed(void **state) {
  struct run *run = *state;
  char path[100];
  snprintf(path, sizeof path, "%s/link", run->folder);
  assert_int_equal(symlink("state.db", path), 0);
  struct journal *journal = open_journal(run);
  note(journal, 1, 10);
  journal_close(journal);
  journal = open_at(run, path);
  assert_int_equal(take(journal, 1), 10);
  note(journal, 1, 20);
  journal_close(journal);
  journal = open_journal(run);
  assert_int_equal(take(journal, 1), 20);
  journal_close(journal);
}

/* -- several at once -- */

static void one_entry_has_one_owner(void **state) {
  struct run *run = *state;
  struct journal *one = open_journal(run);
  note(one, 1, 10);
  await_rows(run, 1);
  struct journal *other = open_journal(run);
  assert_int_equal(take(other, 1), -1);
  note(other, 1, 5); /* its own session's */
  journal_close(other);
  other = open_journal(run);
  assert_int_equal(take(other, 1), -1);
  drop_entry(other, 1);
  journal_close(other);
  note(one, 1, 20);
  journal_close(one);
  one = open_journal(run);
  other = open_journal(run);
  assert_int_equal(take(one, 1), 20);
  assert_int_equal(take(other, 1), -1);
  journal_close(one);
  assert_int_equal(take(other, 1), 20);
  journal_close(other);
  assert_int_equal(run->warnings, 0);
}

static void take_and_wait(struct run *run) {
  struct journal *journal = open_journal(run);
  if (take(journal, 1) != 10)
    _exit(98);
  write_file("taken", "", 0);
  for (;;)
    pause();
}

static bool is_taken(struct run *run) {
  (void)run;
  return access("taken", F_OK) == 0;
}

static void the_entry_of_a_killed_process_is_free(void **state) {
  struct run *run = *state;
  struct journal *journal = open_journal(run);
  note(journal, 1, 10);
  journal_close(journal);
  assert_int_equal(chdir(run->folder), 0);
  pid_t child = start(run, take_and_wait);
  await(run, is_taken);
  journal = open_journal(run);
  assert_int_equal(take(journal, 1), -1);
  kill(child, SIGKILL);
  assert_int_equal(status_of(child), -SIGKILL);
  assert_int_equal(take(journal, 1), 10);
  journal_close(journal);
  assert_int_equal(files_in(run->folder), 2);
  assert_int_equal(chdir("/"), 0);
}

/* owner is an SQL expression over the name of a living owner. */
static int64_t take_from(struct run *run, const char *owner, int age_s) {
  struct journal *one = open_journal(run), *other;
  char sql[500];
  note(one, 1, 10);
  await_rows(run, 1);
  snprintf(sql, sizeof sql, "UPDATE entry SET owner=%s, written=unixepoch()-%d", owner, age_s);
  raw(run->path, sql);
  other = open_journal(run);
  int64_t acked = take(other, 1);
  journal_close(other);
  journal_close(one);
  raw(run->path, "DELETE FROM entry");
  return acked;
}

static void machines_and_containers_are_told_apart(void **state) {
  struct run *run = *state;
  assert_int_equal(take_from(run, "owner", 0), -1);
  assert_int_equal(take_from(run, "owner", 100000), -1);
  /* another boot: of a file that came from another machine */
  assert_int_equal(take_from(run, "'x'||substr(owner, 2)", 0), 10);
  /* another space of process ids */
  assert_int_equal(take_from(run, "substr(owner, 1, 37)||'1'||substr(owner, 38)", 0), -1);
  assert_int_equal(take_from(run, "substr(owner, 1, 37)||'1'||substr(owner, 38)", 590), -1);
  assert_int_equal(take_from(run, "substr(owner, 1, 37)||'1'||substr(owner, 38)", 610), 10);
  assert_int_equal(take_from(run, "x'00ff'", 0), 10);
}

static bool is_next_turn(struct run *run) { return run->turns > 3; } /* some ms later */

static void note_many(struct run *run) {
  struct journal *journal = open_journal(run);
  for (int n = 0; n < 60; n++) {
    note(journal, run->wanted + n, 10);
    if (n % 3 == 0)
      drop_entry(journal, run->wanted + n);
    await(run, is_next_turn);
  }
  journal_close(journal);
}

static void processes_write_at_the_same_time(void **state) {
  struct run *run = *state;
  pid_t children[4];
  for (int i = 0; i < 4; i++) {
    run->wanted = i * 1000;
    children[i] = start(run, note_many);
  }
  for (int i = 0; i < 4; i++)
    assert_int_equal(status_of(children[i]), 0);
  assert_int_equal(rows(run), 4 * 40);
  struct journal *journal = open_journal(run);
  for (int i = 0; i < 4; i++)
    for (int n = 0; n < 60; n++)
      assert_int_equal(take(journal, i * 1000 + n), n % 3 == 0 ? -1 : 10);
  journal_close(journal);
  assert_int_equal(files_in(run->folder), 1);
}

/* -- killed -- */

static void note_and_wait(struct run *run) {
  struct journal *journal = open_journal(run);
  note(journal, 1, 10);
  loop_run(run->loop);
}

static void a_note_is_written_without_anything_more(void **state) {
  struct run *run = *state;
  pid_t child = start(run, note_and_wait);
  await_rows(run, 1);
  kill(child, SIGKILL);
  assert_int_equal(status_of(child), -SIGKILL);
  struct journal *journal = open_journal(run);
  assert_int_equal(take(journal, 1), 10);
  journal_close(journal);
  assert_int_equal(files_in(run->folder), 1);
}

/* Notes 20 blobs over and over, and says how far it is. */
static void note_all_the_time(struct timer *timer) {
  struct run *run = list_entry(timer, struct run, timer);
  run->turns++;
  for (int n = 0; n < 20; n++)
    note(run->journal, n, (uint64_t)run->turns);
  (void)!write(run->wanted, &run->turns, sizeof run->turns);
  timer_start(run->loop, timer, 1);
}

static void be_busy(struct run *run) {
  run->journal = open_journal(run);
  run->turns = 0;
  timer_init(&run->timer, note_all_the_time);
  timer_start(run->loop, &run->timer, 0);
  loop_run(run->loop);
}

static void a_kill_at_any_moment_leaves_good_entries(void **state) {
  struct run *run = *state;
  srand(4);
  for (int round = 0; round < 15; round++) {
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    run->wanted = pipes[1];
    pid_t child = start(run, be_busy);
    close(pipes[1]);
    int last = 0, got;
    for (int i = 1 + rand() % 20; i > 0; i--)
      assert_int_equal(read(pipes[0], &last, sizeof last), sizeof last);
    usleep((useconds_t)(rand() % 3000)); /* any moment */
    kill(child, SIGKILL);
    assert_int_equal(status_of(child), -SIGKILL);
    while (read(pipes[0], &got, sizeof got) == sizeof got)
      last = got;
    close(pipes[0]);
    struct journal *journal = open_journal(run);
    int64_t first = take(journal, 0);
    CHECK(first <= last + 1, "round %d: %lld of %d", round, (long long)first, last);
    for (int n = 1; n < 20; n++) { /* their notes are one transaction's, or those of neighbours */
      int64_t acked = take(journal, n);
      CHECK(acked == first || acked == first - 1 || first <= 1, "round %d, %d: %lld and %lld",
            round, n, (long long)acked, (long long)first);
    }
    journal_close(journal);
    CHECK(run->warnings == 0, "round %d: %s", round, run->warning);
    remove(run->path);
  }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)
  const struct CMUnitTest tests[] = {
      TEST(a_run_that_notes_nothing_leaves_nothing),
      TEST(without_a_journal_all_is_as_if_it_were_empty),
      TEST(the_next_run_has_what_was_noted),
      TEST(repositories_and_digests_are_told_apart),
      TEST(the_state_is_one_file_that_nobody_else_reads),
      TEST(a_restored_file_gets_its_mode_back),
      TEST(the_newest_note_counts),
      TEST(what_was_taken_may_be_noted_again),
      TEST(what_was_dropped_is_gone),
      TEST(what_cannot_be_kept_is_dropped),
      TEST(a_thousand_entries_are_less_than_2_mib),
      TEST(entries_end_after_seven_days),
      TEST(a_link_is_followed),
      TEST(one_entry_has_one_owner),
      TEST(the_entry_of_a_killed_process_is_free),
      TEST(machines_and_containers_are_told_apart),
      TEST(processes_write_at_the_same_time),
      TEST(a_note_is_written_without_anything_more),
      TEST(a_kill_at_any_moment_leaves_good_entries),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
