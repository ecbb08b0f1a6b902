/* The journal's file, damaged, foreign, locked, or where nothing can be written: the run goes on.
 */
#include <sys/resource.h>

#include "journal_run.h"

enum { ENTRIES = 60 };

static void fill(struct run *run) {
  struct journal *journal = open_journal(run);
  for (int n = 0; n < ENTRIES; n++)
    note(journal, n, 10 + (uint64_t)n);
  journal_close(journal);
}

static const char *bad(struct run *run, char room[80]) {
  snprintf(room, 80, "%s.bad", run->path);
  return room;
}

/* A journal that works, with nothing in it. */
static void check_new(struct run *run, struct journal *journal) {
  assert_non_null(journal);
  for (int n = 0; n < ENTRIES; n++)
    assert_int_equal(take(journal, n), -1);
  note(journal, 1, 77);
  journal_close(journal);
  journal = open_journal(run);
  assert_int_equal(take(journal, 1), 77);
  journal_close(journal);
}

/* -- not ours -- */

static void a_foreign_file_is_left_alone(void **state) {
  struct run *run = *state;
  static char zeros[10000];
  static const struct {
    const char *data;
    size_t len;
  } files[] = {
      {"a", 1}, {"my notes\n", 9}, {"SQLite format 3", 16}, {zeros, 100}, {zeros, sizeof zeros}};
  for (size_t i = 0; i < COUNT(files); i++) {
    write_file(run->path, files[i].data, files[i].len);
    run->warnings = 0;
    struct journal *journal = open_at(run, run->path);
    CHECK(!journal, "%zu", i);
    CHECK(run->warnings == 1 && strstr(run->warning, run->path), "%zu: %s", i, run->warning);
    size_t len;
    unsigned char *data = read_file(run->path, &len);
    CHECK(len == files[i].len && memcmp(data, files[i].data, len) == 0, "%zu has changed", i);
    free(data);
    assert_int_equal(files_in(run->folder), 1);
  }
}

static void a_foreign_database_is_left_alone(void **state) {
  struct run *run = *state;
  raw(run->path, "CREATE TABLE entry(key TEXT); INSERT INTO entry VALUES('theirs')");
  assert_null(open_at(run, run->path));
  assert_int_equal(run->warnings, 1);
  assert_int_equal(ask(run->path, "SELECT count(*) FROM entry WHERE key='theirs'"), 1);
  assert_int_equal(files_in(run->folder), 1);
}

static void an_empty_file_is_taken(void **state) {
  struct run *run = *state;
  write_file(run->path, "", 0);
  check_new(run, open_at(run, run->path));
  assert_int_equal(run->warnings, 0);
}

static void what_is_no_file_is_not_used(void **state) {
  struct run *run = *state;
  char slash[100], below[100];
  snprintf(slash, sizeof slash, "%s/", run->folder);
  snprintf(below, sizeof below, "%s/file/state.db", run->folder);
  char file[100];
  snprintf(file, sizeof file, "%s/file", run->folder);
  write_file(file, "", 0);
  const char *const paths[] = {run->folder, slash, "/dev/null", "", below};
  for (size_t i = 0; i < COUNT(paths); i++) {
    run->warnings = 0;
    CHECK(!open_at(run, paths[i]), "%s", paths[i]);
    CHECK(run->warnings == 1, "%s", paths[i]);
  }
}

/* -- ours, but no good -- */

static void another_version_is_put_aside(void **state) {
  struct run *run = *state;
  char room[80];
  fill(run);
  raw(run->path, "PRAGMA user_version=1");
  check_new(run, open_at(run, run->path));
  assert_int_equal(run->warnings, 1);
  assert_non_null(strstr(run->warning, bad(run, room)));
  assert_int_equal(ask(bad(run, room), "SELECT count(*) FROM entry"), ENTRIES);
  fill(run);
  raw(run->path, "DROP TABLE entry; CREATE TABLE entry(other TEXT)");
  check_new(run, open_at(run, run->path));
  assert_int_equal(run->warnings, 2);
  assert_int_equal(ask(bad(run, room), "SELECT count(*) FROM entry"), 0);
}

static void a_file_cut_short_is_put_aside(void **state) {
  struct run *run = *state;
  fill(run);
  size_t len;
  unsigned char *data = read_file(run->path, &len);
  char room[80];
  for (size_t kept = 100; kept < len; kept = (kept + 3 * 4096) & ~(size_t)4095) {
    write_file(run->path, data, kept);
    remove(bad(run, room));
    run->warnings = 0;
    check_new(run, open_at(run, run->path));
    CHECK(run->warnings == 1, "%zu bytes", kept);
    struct stat st;
    CHECK(stat(bad(run, room), &st) == 0 && (size_t)st.st_size == kept, "%zu bytes", kept);
  }
  free(data);
}

static void rows_of_garbage_are_dropped(void **state) {
  struct run *run = *state;
  static const char *const changes[] = {
      "bytes=x''",
      "bytes=NULL",
      "bytes='text'",
      "bytes=17",
      "bytes=zeroblob(60000)",
      "bytes=substr(bytes, 1, 100)",
      "bytes=bytes||x'00'",
      "bytes=CAST(replace(CAST(bytes AS TEXT), 'https', 'httpx') AS BLOB)",
      "bytes=(SELECT bytes FROM entry WHERE rowid=2)",
  };
  for (size_t i = 0; i < COUNT(changes); i++) {
    fill(run);
    char sql[400];
    struct oci_digest digest = digest_of(0);
    /* NOT NULL is in the way of one of them */
    snprintf(sql, sizeof sql, "UPDATE OR IGNORE entry SET %s, owner='' WHERE key LIKE '%%%s'",
             changes[i], digest.text);
    raw(run->path, sql);
    struct journal *journal = open_journal(run);
    if (strstr(changes[i], "NULL"))
      assert_int_equal(take(journal, 0), 10);
    else
      CHECK(take(journal, 0) == -1, "%s", changes[i]);
    assert_int_equal(take(journal, 1), 11);
    journal_close(journal);
    CHECK(rows(run) == ENTRIES - !strstr(changes[i], "NULL"), "%s: it is still there", changes[i]);
  }
  assert_int_equal(run->warnings, 0);
}

static void a_row_beyond_all_measure_is_damage(void **state) {
  struct run *run = *state;
  fill(run);
  raw(run->path, "UPDATE entry SET key=key||hex(zeroblob(5000000)) WHERE rowid=7");
  check_new(run, open_at(run, run->path));
  assert_int_equal(run->warnings, 1);
}

/* A trigger would run whenever we write. */
static void nothing_in_the_file_is_run(void **state) {
  struct run *run = *state;
  fill(run);
  raw(run->path, "CREATE TRIGGER t AFTER UPDATE ON entry BEGIN DELETE FROM entry; END");
  struct journal *journal = open_journal(run);
  assert_int_equal(take(journal, 0), 10);
  journal_close(journal);
  assert_int_equal(rows(run), ENTRIES);
}

static void damage_found_on_the_way_ends_the_journal_alone(void **state) {
  struct run *run = *state;
  fill(run);
  /* The second page is the table's root, the third its index's. Only the latter is in use later. */
  size_t len;
  unsigned char *data = read_file(run->path, &len);
  memset(data + 2 * 4096, 0x5a, 4096);
  write_file(run->path, data, len);
  free(data);
  struct journal *journal = open_journal(run);
  assert_int_equal(run->warnings, 0);
  assert_int_equal(take(journal, 3), -1);
  assert_int_equal(run->warnings, 1);
  note(journal, 3, 30);
  assert_int_equal(take(journal, 3), 30); /* in memory */
  assert_int_equal(take(journal, 4), -1);
  drop_entry(journal, 3);
  journal_close(journal);
  assert_int_equal(run->warnings, 1);
  char room[80];
  assert_int_equal(access(bad(run, room), F_OK), 0);
  check_new(run, open_at(run, run->path));
}

/* -- bits -- */

static void flip(unsigned char *data, size_t len, int times) {
  while (times-- > 0)
    data[(size_t)rand() % len] ^= (unsigned char)(1 << rand() % 8);
}

/* Whatever is in the file: what comes out of it is right (take() sees to that), and all goes on. */
static int use(struct run *run) {
  int taken = 0;
  run->warnings = 0;
  struct journal *journal = open_at(run, run->path);
  for (int n = 0; n < ENTRIES; n++) {
    int64_t acked = take(journal, n);
    taken += acked != -1;
    CHECK(acked == -1 || acked == 10 + n, "entry %d: %lld", n, (long long)acked);
  }
  note(journal, 5, 100);
  note(journal, 500, 100);
  drop_entry(journal, 6);
  journal_close(journal);
  CHECK(run->warnings <= 1, "%d warnings, the last is %s", run->warnings, run->warning);
  return taken;
}

static void flipped_bits_do_no_harm(void **state) {
  struct run *run = *state;
  fill(run);
  size_t len;
  unsigned char *data = read_file(run->path, &len), *copy = malloc(len);
  int taken = 0;
  for (unsigned seed = 0; seed < 150; seed++) {
    srand(seed);
    memcpy(copy, data, len);
    if (seed % 3 == 0) /* where the structure is */
      flip(copy, 4096, 1 + rand() % 4);
    else
      flip(copy, len, 1 + rand() % 30);
    remove_all(run->folder);
    assert_int_equal(mkdir(run->folder, 0700), 0);
    write_file(run->path, copy, len);
    taken += use(run);
  }
  assert_true(taken > ENTRIES * 10); /* most of them hit little */
  free(copy);
  free(data);
}

static void fill_and_wait(struct run *run) {
  struct journal *journal = open_journal(run);
  for (int n = 0; n < ENTRIES; n++)
    note(journal, n, 10 + (uint64_t)n);
  loop_run(run->loop);
  journal_close(journal);
}

static void flipped_bits_of_the_log_do_no_harm(void **state) {
  struct run *run = *state;
  pid_t child = start(run, fill_and_wait);
  await_rows(run, ENTRIES);
  char path[3][80];
  unsigned char *data[3];
  size_t len[3];
  for (int i = 0; i < 3; i++) {
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    snprintf(path[i], 80, "%s%s", run->path, suffixes[i]);
    data[i] = read_file(path[i], &len[i]);
  }
  kill(child, SIGKILL);
  assert_int_equal(status_of(child), -SIGKILL);
  assert_true(len[1] > 10000);
  for (unsigned seed = 0; seed < 50; seed++) {
    srand(seed);
    remove_all(run->folder);
    assert_int_equal(mkdir(run->folder, 0700), 0);
    for (int i = 0; i < 3; i++) {
      unsigned char *copy = memcpy(malloc(len[i]), data[i], len[i]);
      if (seed && i != (int)seed % 2)
        flip(copy, len[i], 1 + rand() % 10);
      write_file(path[i], copy, len[i]);
      free(copy);
    }
    int taken = use(run);
    assert_true(seed != 0 || taken == ENTRIES);
  }
  for (int i = 0; i < 3; i++)
    free(data[i]);
}

/* -- in the way -- */

static bool is_later(struct run *run) { return loop_now(run->loop) > run->began + 700; }

static void a_locked_file_is_waited_for_but_not_for_long(void **state) {
  struct run *run = *state;
  fill(run);
  struct journal *journal = open_journal(run);
  sqlite3 *other = open_raw(run->path);
  assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
  int64_t began = loop_wall();
  assert_int_equal(take(journal, 0), -1);
  assert_true(loop_wall() - began < 1000);
  note(journal, 1, 100);
  note(journal, 2, 200);
  run->began = loop_now(run->loop);
  await(run, is_later); /* the first attempt to write has ended */
  sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL);
  assert_int_equal(take(journal, 0), 10);
  journal_close(journal); /* what could not be written is now */
  assert_int_equal(run->warnings, 0);
  sqlite3_close(other);
  journal = open_journal(run);
  assert_int_equal(take(journal, 1), 100);
  assert_int_equal(take(journal, 2), 200);
  journal_close(journal);
}

static void a_file_locked_to_the_end_has_one_warning(void **state) {
  struct run *run = *state;
  fill(run);
  struct journal *journal = open_journal(run);
  sqlite3 *other = open_raw(run->path);
  assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
  note(journal, 1, 100);
  note(journal, 2, 100);
  int64_t began = loop_wall();
  journal_close(journal);
  assert_true(loop_wall() - began < 2500); /* one second, on a machine with nothing else to do */
  assert_int_equal(run->warnings, 1);
  assert_non_null(strstr(run->warning, "locked"));
  sqlite3_close(other);
  assert_int_equal(rows(run), ENTRIES);
}

static void a_file_locked_at_the_start_may_be_written_later(void **state) {
  struct run *run = *state;
  fill(run);
  sqlite3 *other = open_raw(run->path);
  assert_int_equal(sqlite3_exec(other,
                                "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=DELETE;"
                                "BEGIN EXCLUSIVE",
                                NULL, NULL, NULL),
                   SQLITE_OK);
  struct journal *journal = open_journal(run);
  assert_int_equal(run->warnings, 1);
  assert_int_equal(take(journal, 0), -1);
  sqlite3_close(other);
  note(journal, 0, 500);
  journal_close(journal);
  journal = open_journal(run);
  assert_int_equal(take(journal, 0), 500);
  assert_int_equal(take(journal, 1), 11);
  journal_close(journal);
}

/* The test may run as root, to whom no mode matters. */
static void become_nobody(struct run *run) {
  assert_int_equal(chmod(run->folder, 0555), 0);
  if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
    _exit(97);
}

static void expect_no_journal(struct run *run) {
  become_nobody(run);
  struct journal *journal = open_at(run, run->path);
  if (journal)
    _exit(96);
}

static void expect_no_journal_below(struct run *run) {
  become_nobody(run);
  char path[100];
  snprintf(path, sizeof path, "%s/new/folder/state.db", run->folder);
  if (open_at(run, path))
    _exit(96);
}

static void where_nothing_can_be_made_there_is_one_warning(void **state) {
  struct run *run = *state;
  assert_int_equal(status_of(start(run, expect_no_journal)), 1);
  assert_int_equal(status_of(start(run, expect_no_journal_below)), 1);
  chmod(run->folder, 0700);
  fill(run);
  chmod(run->path, 0444);
  assert_int_equal(status_of(start(run, expect_no_journal)), 1);
  chmod(run->folder, 0700);
  chmod(run->path, 0666); /* the file might be written, but there is no place for the log */
  assert_int_equal(status_of(start(run, expect_no_journal)), 1);
  chmod(run->folder, 0700);
  assert_int_equal(files_in(run->folder), 1);
}

static bool has_warned(struct run *run) { return run->warnings > 0; }

/* From here on, files end at limit bytes. */
static void limit_files(rlim_t limit) {
  signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &(struct rlimit){limit, limit});
}

static void fill_the_disk(struct run *run) {
  struct journal *journal = open_journal(run);
  limit_files((rlim_t)run->wanted);
  for (int n = 0; n < 300; n++)
    note(journal, 1000 + n, 10);
  await(run, has_warned);
  for (int n = 0; n < 300; n++) {
    if (take(journal, 1000 + n) != 10)
      _exit(96);
    note(journal, 1000 + n, 20);
    if (n % 2)
      drop_entry(journal, 1000 + n);
  }
  journal_close(journal);
}

static void a_full_disk_has_one_warning(void **state) {
  struct run *run = *state;
  static const int room[] = {0, 2000, 10000, 40000, 100000};
  for (size_t i = 0; i < COUNT(room); i++) {
    run->wanted = room[i];
    CHECK(status_of(start(run, fill_the_disk)) == 1, "%d bytes", room[i]);
  }
  /* And the file is as good as before. */
  remove_all(run->folder);
  mkdir(run->folder, 0700);
  fill(run);
  run->wanted = 50000;
  assert_int_equal(status_of(start(run, fill_the_disk)), 1);
  struct journal *journal = open_journal(run);
  for (int n = 0; n < ENTRIES; n++)
    assert_int_equal(take(journal, n), 10 + n);
  journal_close(journal);
  assert_int_equal(run->warnings, 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)
  const struct CMUnitTest tests[] = {
      TEST(a_foreign_file_is_left_alone),
      TEST(a_foreign_database_is_left_alone),
      TEST(an_empty_file_is_taken),
      TEST(what_is_no_file_is_not_used),
      TEST(another_version_is_put_aside),
      TEST(a_file_cut_short_is_put_aside),
      TEST(rows_of_garbage_are_dropped),
      TEST(a_row_beyond_all_measure_is_damage),
      TEST(nothing_in_the_file_is_run),
      TEST(damage_found_on_the_way_ends_the_journal_alone),
      TEST(flipped_bits_do_no_harm),
      TEST(flipped_bits_of_the_log_do_no_harm),
      TEST(a_locked_file_is_waited_for_but_not_for_long),
      TEST(a_file_locked_to_the_end_has_one_warning),
      TEST(a_file_locked_at_the_start_may_be_written_later),
      TEST(where_nothing_can_be_made_there_is_one_warning),
      TEST(a_full_disk_has_one_warning),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
