#include "transfer/journal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/mem.h"
#include "transfer/owner.h"

#define APPLICATION 0x64726179 /* "dray" */
#define VERSION 2
#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)

enum { VALUE_MAX = 64 * 1024 }; /* bytes of a row */

struct journal_file {
  sqlite3 *db;
  char *path; /* no link, absolute */
  char *owner;
};

/* -- errors -- */

/* What SQLite can say only of a file whose contents are not what they should be. */
static bool is_damage(int rc) {
  switch (rc & 0xff) {
  case SQLITE_ERROR: /* no such table or column */
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
  case SQLITE_SCHEMA:
  case SQLITE_TOOBIG:
  case SQLITE_CONSTRAINT:
  case SQLITE_MISMATCH:
  case SQLITE_FORMAT:
    return true;
  default:
    return false;
  }
}

static int fail(const struct journal_file *file, int rc, struct err *err) {
  int code = rc & 0xff, system = sqlite3_system_errno(file->db);
  if (code == SQLITE_BUSY || code == SQLITE_LOCKED || code == SQLITE_PROTOCOL)
    return err_set(err, ERR_TIMEOUT, "%s is locked by another program", file->path);
  if (is_damage(rc))
    return err_set(err, ERR_PROTOCOL, "%s is damaged (%s)", file->path, sqlite3_errmsg(file->db));
  bool says_why = system && (code == SQLITE_CANTOPEN || code == SQLITE_IOERR);
  return err_set(err, ERR_IO, "cannot use %s: %s", file->path,
                 says_why ? strerror(system) : sqlite3_errmsg(file->db));
}

static int fail_as_foreign(const char *path, struct err *err) {
  return err_set(err, ERR_CONFIG, "%s is no state file of dray", path);
}

/* -- statements -- */

static int execute(struct journal_file *file, const char *sql) {
  return sqlite3_exec(file->db, sql, NULL, NULL, NULL);
}

static int number(struct journal_file *file, const char *sql, int *value) {
  sqlite3_stmt *statement;
  int rc = sqlite3_prepare_v2(file->db, sql, -1, &statement, NULL);
  if (rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
    *value = sqlite3_column_int(statement, 0);
  return rc == SQLITE_OK ? sqlite3_finalize(statement) : rc;
}

/* sql with its parameters as far as it has them: ?1 key, ?2 the owner, ?3 the time. NULL: an error,
 * which SQLite remembers. */
static sqlite3_stmt *prepare(struct journal_file *file, const char *sql, const char *key,
                             int64_t now_s) {
  sqlite3_stmt *statement;
  if (sqlite3_prepare_v2(file->db, sql, -1, &statement, NULL) != SQLITE_OK)
    return NULL;
  int last = sqlite3_bind_parameter_count(statement);
  if (last >= 1)
    sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
  if (last >= 2)
    sqlite3_bind_text(statement, 2, file->owner, -1, SQLITE_STATIC);
  if (last >= 3)
    sqlite3_bind_int64(statement, 3, now_s);
  return statement;
}

static int step(struct journal_file *file, sqlite3_stmt *statement) {
  return statement ? sqlite3_step(statement) : sqlite3_errcode(file->db);
}

/* Runs a statement that gives no rows. */
static int finish(struct journal_file *file, sqlite3_stmt *statement) {
  int rc = step(file, statement);
  sqlite3_finalize(statement);
  return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Ends a transaction that came to rc. */
static int commit(struct journal_file *file, int rc, struct err *err) {
  if (rc == SQLITE_OK)
    rc = execute(file, "COMMIT");
  if (rc == SQLITE_OK)
    return 0;
  fail(file, rc, err);
  if (!sqlite3_get_autocommit(file->db))
    execute(file, "ROLLBACK");
  return -(int)err->code;
}

/* -- the file -- */

/* Makes the folders to path, and an empty file that is nobody else's to read. */
static int make(const char *path, struct err *err) {
  if (access(path, F_OK) == 0)
    return 0;
  char *part = mem_strdup(path);
  int rc = 0;
  for (char *slash = part; rc == 0 && (slash = strchr(slash + 1, '/'));) {
    *slash = '\0';
    if (mkdir(part, 0700) != 0 && access(part, F_OK) != 0)
      rc = err_set(err, ERR_IO, "cannot make the folder %s: %s", part, strerror(errno));
    *slash = '/';
  }
  free(part);
  /* Never one that exists: closing it would take SQLite's locks away from this whole process. */
  int fd = rc == 0 ? open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
  if (fd >= 0)
    close(fd);
  else if (rc == 0 && errno != EEXIST)
    rc = err_set(err, ERR_IO, "cannot make %s: %s", path, strerror(errno));
  return rc;
}

/* Does the file begin as ours do, whatever follows? Read by SQLite's own descriptor, see make(). */
static bool has_our_header(struct journal_file *file) {
  sqlite3_file *raw = NULL;
  unsigned char header[72];
  static const unsigned char id[] = {APPLICATION >> 24, APPLICATION >> 16 & 255,
                                     APPLICATION >> 8 & 255, APPLICATION & 255};
  return sqlite3_file_control(file->db, "main", SQLITE_FCNTL_FILE_POINTER, &raw) == SQLITE_OK &&
         raw && raw->pMethods && raw->pMethods->xRead(raw, header, sizeof header, 0) == SQLITE_OK &&
         memcmp(header, "SQLite format 3", 16) == 0 && memcmp(header + 68, id, sizeof id) == 0;
}

/* The schema comes from outside, too: nothing in it is run. */
static void distrust(struct journal_file *file, int wait_ms) {
  sqlite3_db_config(file->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  sqlite3_db_config(file->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
  sqlite3_db_config(file->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
  sqlite3_db_config(file->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
  sqlite3_limit(file->db, SQLITE_LIMIT_LENGTH, VALUE_MAX);
  sqlite3_busy_timeout(file->db, wait_ms);
}

/* Whose is it? *empty: nobody's yet. */
static int identify(struct journal_file *file, bool *empty, struct err *err) {
  int application = 0, version = 0, pages = 0;
  int rc = execute(file, "BEGIN"); /* another process may just make it: all of one moment */
  if (rc == SQLITE_OK)
    rc = number(file, "PRAGMA application_id", &application);
  if (rc == SQLITE_OK)
    rc = number(file, "PRAGMA user_version", &version);
  if (rc == SQLITE_OK)
    rc = number(file, "PRAGMA page_count", &pages);
  if (rc == SQLITE_OK)
    rc = execute(file, "COMMIT");
  if (is_damage(rc) && !has_our_header(file))
    return fail_as_foreign(file->path, err);
  if (rc != SQLITE_OK)
    return fail(file, rc, err);
  *empty = pages == 0;
  if (*empty)
    return 0;
  if (application != APPLICATION)
    return fail_as_foreign(file->path, err);
  if (version != VERSION)
    return err_set(err, ERR_PROTOCOL, "%s is of another version of dray", file->path);
  return 0;
}

/* Another process may do the same at the same time. */
static int make_table(struct journal_file *file, struct err *err) {
  /* Nothing can be lost yet, so that no disk is waited for. */
  int rc = execute(file, "PRAGMA synchronous=OFF; BEGIN IMMEDIATE");
  if (rc == SQLITE_OK)
    rc = execute(file, "CREATE TABLE IF NOT EXISTS entry(key TEXT PRIMARY KEY NOT NULL,"
                       " bytes BLOB NOT NULL, owner TEXT NOT NULL, written INTEGER NOT NULL)");
  if (rc == SQLITE_OK)
    rc = execute(file, "PRAGMA application_id=" TEXT(APPLICATION));
  if (rc == SQLITE_OK)
    rc = execute(file, "PRAGMA user_version=" TEXT(VERSION));
  return commit(file, rc, err);
}

/* What was restored from somewhere may have lost its mode, and the log of it has the same. */
static void hide(struct journal_file *file, const struct stat *st) {
  if ((st->st_mode & (S_IRWXG | S_IRWXO)) == 0)
    return;
  chmod(file->path, S_IRUSR | S_IWUSR);
  chmod(sqlite3_filename_wal(sqlite3_db_filename(file->db, "main")), S_IRUSR | S_IWUSR);
}

static int open_database(struct journal_file *file, bool create, int wait_ms, bool *empty,
                         struct err *err) {
  struct stat st;
  if (stat(file->path, &st) != 0)
    return err_set(err, ERR_IO, "cannot open %s: %s", file->path, strerror(errno));
  if (!S_ISREG(st.st_mode) || st.st_size == 1) /* which SQLite would take for an empty one */
    return fail_as_foreign(file->path, err);
  int rc =
      sqlite3_open_v2(file->path, &file->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
  if (rc != SQLITE_OK)
    return fail(file, rc, err);
  distrust(file, wait_ms);
  rc = identify(file, empty, err);
  if (rc < 0 || (*empty && !create))
    return rc;
  if (sqlite3_db_readonly(file->db, "main"))
    return err_set(err, ERR_IO, "cannot write to %s", file->path);
  hide(file, &st);
  if (*empty && (rc = make_table(file, err)) < 0)
    return rc;
  *empty = false;
  /* Where the log can't be had (shared memory, another process in the way) it goes without. */
  execute(file, "PRAGMA journal_mode=WAL");
  rc = execute(file, "PRAGMA synchronous=NORMAL;"
                     "PRAGMA cache_size=-128;" /* KiB */
                     "PRAGMA wal_autocheckpoint=128;"
                     "PRAGMA cell_size_check=ON");
  return rc == SQLITE_OK ? 0 : fail(file, rc, err);
}

int journal_file_open(const char *path, const char *owner, bool create, int wait_ms,
                      struct journal_file **out, struct err *err) {
  *out = NULL;
  if (create && make(path, err) < 0)
    return -(int)err->code;
  char *real = realpath(path, NULL);
  if (!real && !create && errno == ENOENT)
    return 0;
  if (!real)
    return err_set(err, ERR_IO, "cannot open %s: %s", path, strerror(errno));
  struct journal_file *file = mem_zalloc(sizeof *file);
  file->path = real;
  file->owner = mem_strdup(owner);
  bool empty = false;
  int rc = open_database(file, create, wait_ms, &empty, err);
  if (rc < 0 || empty)
    journal_file_close(file);
  else
    *out = file;
  return rc;
}

void journal_file_close(struct journal_file *file) {
  if (!file)
    return;
  sqlite3_close(file->db);
  free(file->path);
  free(file->owner);
  free(file);
}

int journal_file_may_be_made(const char *path, struct err *err) {
  size_t len = strlen(path);
  if (len == 0 || path[len - 1] == '/')
    return err_set(err, ERR_CONFIG, "\"%s\" is no path of a file", path);
  /* The nearest folder that is there */
  char *folder = mem_strdup(path);
  const char *shown = folder;
  int rc;
  do {
    char *slash = strrchr(folder, '/');
    if (slash && slash != folder)
      *slash = '\0';
    else
      shown = slash ? "/" : ".";
    rc = faccessat(AT_FDCWD, shown, W_OK | X_OK, AT_EACCESS);
  } while (rc != 0 && errno == ENOENT && shown == folder);
  if (rc != 0)
    rc = err_set(err, ERR_IO, "cannot make %s: %s: %s", path, shown, strerror(errno));
  free(folder);
  return rc;
}

int journal_file_put_aside(const char *path, struct err *err) {
  char *real = realpath(path, NULL);
  if (!real)
    return err_set(err, ERR_IO, "cannot open %s: %s", path, strerror(errno));
  /* The file last: beside a new one, an old log would be taken for its own. */
  static const char *const suffixes[] = {"-journal", "-wal", "-shm", ""};
  int rc = 0;
  for (size_t i = 0; rc == 0 && i < sizeof suffixes / sizeof *suffixes; i++) {
    char *from = mem_printf("%s%s", real, suffixes[i]);
    char *to = mem_printf("%s.bad%s", real, suffixes[i]);
    int failure = rename(from, to) == 0 ? 0 : errno;
    if (failure == ENOENT)
      unlink(to); /* an earlier one's */
    else if (failure)
      rc = err_set(err, ERR_IO, "cannot rename %s: %s", from, strerror(failure));
    free(from);
    free(to);
  }
  free(real);
  return rc;
}

/* -- rows -- */

int journal_file_list(struct journal_file *file, int64_t now_s,
                      void (*found)(void *arg, const char *key), void *arg, struct err *err) {
  sqlite3_stmt *statement;
  int rc = sqlite3_prepare_v2(file->db, "SELECT key, written FROM entry LIMIT 20000", -1,
                              &statement, NULL);
  if (rc != SQLITE_OK)
    return fail(file, rc, err);
  const int64_t first = now_s - JOURNAL_KEPT_S, last = now_s + JOURNAL_KEPT_S;
  bool old = false;
  while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
    const char *key = (const char *)sqlite3_column_text(statement, 0);
    int64_t written = sqlite3_column_int64(statement, 1);
    if (written < first || written > last)
      old = true;
    else if (key)
      found(arg, key);
  }
  sqlite3_finalize(statement);
  if (rc != SQLITE_DONE)
    return fail(file, rc, err);
  if (!old)
    return 0;
  char *sql = sqlite3_mprintf("DELETE FROM entry WHERE written NOT BETWEEN %lld AND %lld",
                              (sqlite3_int64)first, (sqlite3_int64)last);
  rc = sql ? execute(file, sql) : SQLITE_NOMEM;
  sqlite3_free(sql);
  /* Not now? At another start, then. */
  return rc == SQLITE_OK || rc == SQLITE_BUSY ? 0 : fail(file, rc, err);
}

static int64_t since(int64_t written, int64_t now_s) {
  int64_t age;
  return __builtin_sub_overflow(now_s, written, &age) ? INT64_MAX : age;
}

/* Finds key's row. *ours: there is none that belongs to another who lives. *bytes, the caller's, is
 * NULL where there is no row; bytes may be NULL. */
static int look(struct journal_file *file, const char *key, int64_t now_s, bool *ours, void **bytes,
                size_t *len) {
  sqlite3_stmt *row =
      prepare(file, "SELECT owner, written, bytes FROM entry WHERE key=?1", key, now_s);
  int rc = step(file, row);
  *ours = true;
  if (rc == SQLITE_ROW) {
    const char *owner = (const char *)sqlite3_column_text(row, 0);
    int64_t age = since(sqlite3_column_int64(row, 1), now_s);
    *ours = !owner || strcmp(owner, file->owner) == 0 || !owner_lives(owner, file->owner, age);
    if (bytes) {
      const void *data = sqlite3_column_blob(row, 2);
      *len = (size_t)sqlite3_column_bytes(row, 2);
      *bytes = mem_alloc(*len + 1);
      if (data)
        memcpy(*bytes, data, *len);
    }
  }
  sqlite3_finalize(row);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int journal_file_claim(struct journal_file *file, const char *key, int64_t now_s, void **bytes,
                       size_t *len, struct err *err) {
  bool ours = false;
  *bytes = NULL;
  int rc = execute(file, "BEGIN IMMEDIATE");
  if (rc == SQLITE_OK)
    rc = look(file, key, now_s, &ours, bytes, len);
  if (rc == SQLITE_OK && ours && *bytes)
    rc = finish(file,
                prepare(file, "UPDATE entry SET owner=?2, written=?3 WHERE key=?1", key, now_s));
  rc = commit(file, rc, err);
  if (rc < 0 || !ours) {
    free(*bytes);
    *bytes = NULL;
  }
  return rc;
}

void journal_row_free(struct journal_row *row) {
  free(row->key);
  free(row->bytes);
  free(row);
}

static int write_row(struct journal_file *file, const struct journal_row *row, int64_t now_s) {
  bool ours;
  int rc = look(file, row->key, now_s, &ours, NULL, NULL);
  if (rc != SQLITE_OK || !ours)
    return rc;
  if (!row->bytes)
    return finish(file, prepare(file, "DELETE FROM entry WHERE key=?1", row->key, now_s));
  sqlite3_stmt *put = prepare(
      file,
      "INSERT INTO entry(key, owner, written, bytes) VALUES(?1, ?2, ?3, ?4) ON CONFLICT(key)"
      " DO UPDATE SET owner=?2, written=?3, bytes=?4",
      row->key, now_s);
  if (put)
    sqlite3_bind_blob64(put, 4, row->bytes, row->len, SQLITE_STATIC);
  return finish(file, put);
}

int journal_file_write(struct journal_file *file, const struct list *rows, int64_t now_s,
                       bool release, struct err *err) {
  int rc = execute(file, "BEGIN IMMEDIATE");
  list_each(node, rows) {
    if (rc == SQLITE_OK)
      rc = write_row(file, list_entry(node, struct journal_row, node), now_s);
  }
  if (rc == SQLITE_OK && release)
    rc = finish(file, prepare(file, "UPDATE entry SET owner='' WHERE owner=?2", "", now_s));
  return commit(file, rc, err);
}

char *journal_file_library(void) { return mem_printf("SQLite/%s", sqlite3_libversion()); }
