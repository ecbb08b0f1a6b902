/* journal_run.h - what the journal's tests share: a loop, a folder, a log that counts warnings, and
 * SQLite's own look at the file. */
#ifndef DRAY_TESTS_JOURNAL_RUN_H
#define DRAY_TESTS_JOURNAL_RUN_H

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "transfer/journal.h"
#include "unit.h"

struct run {
  struct loop *loop;
  struct log log;
  int warnings;
  char warning[4096];
  char folder[32], path[64];
  /* await()'s */
  struct timer timer;
  bool (*condition)(struct run *);
  int turns;
  /* for the bodies of tests */
  struct journal *journal;
  int wanted;
  uint64_t began;
};

static void on_log(void *arg, enum log_level level, const char *text) {
  struct run *run = arg;
  (void)level;
  run->warnings++;
  snprintf(run->warning, sizeof run->warning, "%s", text);
}

static int make(void **state) {
  struct run *run = calloc(1, sizeof *run);
  *state = run;
  run->log = (struct log){.level = LOG_WARN, .fn = on_log, .arg = run};
  strcpy(run->folder, "/tmp/dray-test-XXXXXX");
  if (!mkdtemp(run->folder))
    return -1;
  snprintf(run->path, sizeof run->path, "%s/state.db", run->folder);
  return loop_new(&run->loop, NULL);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk) {
  (void)st;
  (void)type;
  (void)walk;
  return remove(path);
}

static void remove_all(const char *folder) { nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS); }

static int drop(void **state) {
  struct run *run = *state;
  loop_free(run->loop);
  remove_all(run->folder);
  free(run);
  return 0;
}

static inline struct journal *open_at(struct run *run, const char *path) {
  return journal_open(&(struct journal_options){.loop = run->loop, .path = path, .log = &run->log});
}

static inline struct journal *open_journal(struct run *run) {
  struct journal *journal = open_at(run, run->path);
  assert_non_null(journal);
  return journal;
}

/* -- entries: the blob number n at acked bytes, all of which follows from the two -- */

static struct oci_repo repo = {.host = "ghcr.io", .path = "me/app"};

static inline struct oci_digest digest_of(int n) {
  struct oci_digest digest;
  oci_digest_of(OCI_SHA256, &n, sizeof n, &digest);
  return digest;
}

static inline struct journal_entry entry_of(int n, uint64_t acked, char location[800]) {
  struct journal_entry entry = {.location = location, .acked = acked, .chunk_min = (uint64_t)n};
  int len = snprintf(location, 800, "https://ghcr.io/v2/me/app/blobs/uploads/%d?_state=", n);
  memset(location + len, 'a' + n % 26, 500);
  snprintf(location + len + 500, (size_t)(300 - len), "%llu", (unsigned long long)acked);
  oci_hasher_init(entry.hasher, OCI_SHA256);
  oci_hasher_update(entry.hasher, &acked, acked < sizeof acked ? (size_t)acked : sizeof acked);
  for (int i = 1; i < JOURNAL_HASHERS; i++) {
    entry.hasher[i] = entry.hasher[i - 1];
    oci_hasher_update(&entry.hasher[i], location, 50);
  }
  return entry;
}

static inline void note(struct journal *journal, int n, uint64_t acked) {
  char location[800];
  struct oci_digest digest = digest_of(n);
  struct journal_entry entry = entry_of(n, acked, location);
  journal_note(journal, &repo, &digest, &entry);
}

static inline void drop_entry(struct journal *journal, int n) {
  struct oci_digest digest = digest_of(n);
  journal_drop(journal, &repo, &digest);
}

/* Its acked, or -1 where there is none. It is as note() made it, or the test fails. */
static inline int64_t take(struct journal *journal, int n) {
  struct oci_digest digest = digest_of(n), got, wanted;
  struct journal_entry entry;
  if (!journal_take(journal, &repo, &digest, &entry))
    return -1;
  char location[800];
  struct journal_entry right = entry_of(n, entry.acked, location);
  CHECK_STRING(entry.location, right.location, "location");
  assert_int_equal(entry.chunk_min, right.chunk_min);
  for (int i = 0; i < JOURNAL_HASHERS; i++) {
    assert_int_equal(entry.hasher[i].bytes, right.hasher[i].bytes);
    oci_hasher_digest(&entry.hasher[i], &got);
    oci_hasher_digest(&right.hasher[i], &wanted);
    CHECK_STRING(got.text, wanted.text, "digest so far");
  }
  return (int64_t)entry.acked;
}

/* -- the file, seen from outside -- */

static inline sqlite3 *open_raw(const char *path) {
  sqlite3 *db;
  assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL),
                   SQLITE_OK);
  sqlite3_busy_timeout(db, 10000);
  return db;
}

static inline void raw(const char *path, const char *sql) {
  sqlite3 *db = open_raw(path);
  char *message = NULL;
  CHECK(sqlite3_exec(db, sql, NULL, NULL, &message) == SQLITE_OK, "%s: %s", sql, message);
  sqlite3_close(db);
}

/* The number that sql gives; -1: it can't be asked (yet). */
static inline int ask(const char *path, const char *sql) {
  sqlite3 *db;
  sqlite3_stmt *statement;
  int value = -1;
  if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
      sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK) {
    if (sqlite3_step(statement) == SQLITE_ROW)
      value = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
  }
  sqlite3_close(db);
  return value;
}

static inline int rows(struct run *run) { return ask(run->path, "SELECT count(*) FROM entry"); }

static inline int files_in(const char *folder) {
  DIR *dir = opendir(folder);
  assert_non_null(dir);
  int count = 0;
  for (struct dirent *one; (one = readdir(dir));)
    count += one->d_name[0] != '.';
  closedir(dir);
  return count;
}

static inline mode_t mode_of(const char *path) {
  struct stat st;
  CHECK(stat(path, &st) == 0, "no %s", path);
  return st.st_mode & 0777;
}

static inline void write_file(const char *path, const void *data, size_t len) {
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  assert_int_equal(fwrite(data, 1, len, file), len);
  assert_int_equal(fclose(file), 0);
}

/* The caller's, *len bytes. */
static inline unsigned char *read_file(const char *path, size_t *len) {
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  struct stat st;
  assert_int_equal(fstat(fileno(file), &st), 0);
  *len = (size_t)st.st_size;
  unsigned char *data = malloc(*len + 1);
  assert_int_equal(fread(data, 1, *len, file), *len);
  fclose(file);
  return data;
}

/* -- time -- */

static void look_again(struct timer *timer) {
  struct run *run = list_entry(timer, struct run, timer);
  if (run->condition(run) || ++run->turns > 10000)
    loop_stop(run->loop);
  else
    timer_start(run->loop, timer, 1);
}

/* Turns the loop until it is so. */
static inline void await(struct run *run, bool (*condition)(struct run *)) {
  run->condition = condition;
  run->turns = 0;
  timer_init(&run->timer, look_again);
  timer_start(run->loop, &run->timer, 0);
  loop_run(run->loop);
  assert_true(condition(run));
}

static inline bool has_wanted_rows(struct run *run) { return rows(run) == run->wanted; }

static inline void await_rows(struct run *run, int wanted) {
  run->wanted = wanted;
  await(run, has_wanted_rows);
}

/* Another process: what it does is body(run). It ends by itself, or is killed. */
static inline pid_t start(struct run *run, void (*body)(struct run *)) {
  pid_t child = fork();
  if (child == 0) {
    struct run own = *run;
    own.log.arg = &own;
    own.loop = NULL;
    if (loop_new(&own.loop, NULL) < 0)
      _exit(99);
    body(&own);
    _exit(own.warnings);
  }
  return child;
}

static inline int status_of(pid_t child) {
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

#endif
