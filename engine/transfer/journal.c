#include "transfer/journal.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "net/work.h"
#include "transfer/journal_file.h"
#include "transfer/owner.h"

/* How long locks are waited for: on the loop, and beside it. */
enum { LOOP_WAIT_MS = 250, WRITE_WAIT_MS = 500 };

/* What is known of a blob. */
struct slot {
  struct list node; /* among what is pending, or in no list */
  enum {
    SLOT_LISTED, /* it was in the file at the start */
    SLOT_OURS,
    SLOT_DROPPED
  } state;
  bool written; /* the file has something of it, or soon will */
  char *key;
  void *bytes; /* SLOT_OURS: the entry, stored */
  size_t len;
};

struct journal {
  struct loop *loop;
  const struct log *log;
  char *path;
  char owner[OWNER_TEXT];
  struct map *slots;
  struct list pending;         /* slots that the file does not have as they are */
  struct journal_file *claims; /* the loop's; NULL where there was nothing to claim at the start */
  bool has_claims;
  bool silent; /* the file is of no use any more */
  /* The work's, while there is one: */
  struct work *work;
  struct journal_file *file; /* NULL: not opened yet */
  struct list batch;         /* of struct journal_row */
  struct err err;            /* code ERR_NONE: written */
};

static int64_t now_s(void) { return loop_wall() / 1000; }

static void slot_free(void *data) {
  struct slot *slot = data;
  free(slot->key);
  free(slot->bytes);
  free(slot);
}

static struct slot *slot_of(struct journal *journal, const char *key) {
  struct slot *slot = map_get(journal->slots, key);
  if (!slot) {
    slot = mem_zalloc(sizeof *slot);
    list_init(&slot->node);
    slot->key = mem_strdup(key);
    map_put(journal->slots, key, slot);
  }
  return slot;
}

static void forget(struct journal *journal, struct slot *slot) {
  list_remove(&slot->node);
  map_remove(journal->slots, slot->key);
  slot_free(slot);
}

static void close_files(struct journal *journal) {
  journal_file_close(journal->claims);
  journal_file_close(journal->file);
  journal->claims = journal->file = NULL;
}

static void warn(struct journal *journal, const struct err *err) {
  log_at(journal->log, LOG_WARN, "%s: what this run leaves half-done, the next one begins anew",
         err->message);
}

/* A damaged file makes room for a new one. Returns 0, or what err says now. */
static int put_aside(struct journal *journal, struct err *err) {
  struct err why;
  close_files(journal);
  if (journal_file_put_aside(journal->path, &why) < 0)
    return err_set(err, ERR_IO, "%s; %s", err->message, why.message);
  log_at(journal->log, LOG_WARN, "%s: put aside as %s.bad", err->message, journal->path);
  return 0;
}

static void end_work(struct journal *journal);

/* From now on all is remembered for this run alone. */
static void give_up(struct journal *journal, struct err *err) {
  if (journal->silent)
    return;
  journal->silent = true;
  end_work(journal);
  if (err->code != ERR_PROTOCOL || put_aside(journal, err) < 0)
    warn(journal, err);
  close_files(journal);
}

/* -- writing -- */

static void start(struct journal *journal);

/* Makes rows of what is pending. */
static void fill_batch(struct journal *journal) {
  struct list *node;
  while ((node = list_pop(&journal->pending))) {
    struct slot *slot = list_entry(node, struct slot, node);
    struct journal_row *row = mem_zalloc(sizeof *row);
    row->key = mem_strdup(slot->key);
    if (slot->state == SLOT_OURS) {
      row->len = slot->len;
      row->bytes = mem_alloc(slot->len);
      memcpy(row->bytes, slot->bytes, slot->len);
    }
    slot->written = true;
    list_push(&journal->batch, &row->node);
  }
}

static void write_batch(struct journal *journal, bool release) {
  journal->err.code = ERR_NONE;
  if (!journal->file)
    journal_file_open(journal->path, journal->owner, true, WRITE_WAIT_MS, &journal->file,
                      &journal->err);
  if (journal->file)
    journal_file_write(journal->file, &journal->batch, now_s(), release, &journal->err);
}

static void beside_the_loop(void *arg) { write_batch(arg, false); }

/* What was locked is tried again with what comes next. */
static void empty_batch(struct journal *journal) {
  struct list *node;
  while ((node = list_pop(&journal->batch))) {
    struct journal_row *row = list_entry(node, struct journal_row, node);
    struct slot *slot = map_get(journal->slots, row->key);
    bool newest = list_empty(&slot->node);
    if (journal->err.code == ERR_TIMEOUT && newest)
      list_push(&journal->pending, &slot->node);
    else if (newest && slot->state == SLOT_DROPPED)
      forget(journal, slot);
    journal_row_free(row);
  }
  if (journal->err.code == ERR_NONE)
    journal->has_claims = true;
  else if (journal->err.code != ERR_TIMEOUT)
    give_up(journal, &journal->err);
}

static void end_work(struct journal *journal) {
  if (!journal->work)
    return;
  work_wait(journal->work);
  journal->work = NULL;
  empty_batch(journal);
}

static void on_written(void *arg) {
  struct journal *journal = arg;
  journal->work = NULL;
  empty_batch(journal);
  if (journal->err.code == ERR_NONE)
    start(journal);
}

static void start(struct journal *journal) {
  if (journal->work || journal->silent || list_empty(&journal->pending))
    return;
  fill_batch(journal);
  journal->work = work_start(journal->loop, beside_the_loop, on_written, journal);
}

static void change(struct journal *journal, struct slot *slot) {
  if (list_empty(&slot->node))
    list_push(&journal->pending, &slot->node);
  start(journal);
}

static void drop(struct journal *journal, struct slot *slot) {
  if (slot->state == SLOT_OURS && !slot->written) {
    forget(journal, slot);
    return;
  }
  slot->state = SLOT_DROPPED;
  change(journal, slot);
}

/* -- open and close -- */

static void on_found(void *arg, const char *key) { slot_of(arg, key)->written = true; }

/* Learns what is in the file. Returns 0 where there can be a journal. */
static int look_into_file(struct journal *journal, struct err *err) {
  int rc =
      journal_file_open(journal->path, journal->owner, false, LOOP_WAIT_MS, &journal->claims, err);
  if (rc == 0 && !journal->claims)
    return journal_file_may_be_made(journal->path, err);
  if (rc == 0)
    rc = journal_file_list(journal->claims, now_s(), on_found, journal, err);
  if (rc < 0) {
    map_free(journal->slots, slot_free);
    journal->slots = map_new();
  }
  if (rc == -ERR_PROTOCOL)
    return put_aside(journal, err);
  if (map_count(journal->slots) == 0)
    close_files(journal);
  return rc;
}

static void journal_free(struct journal *journal) {
  close_files(journal);
  map_free(journal->slots, slot_free);
  free(journal->path);
  free(journal);
}

struct journal *journal_open(const struct journal_options *options) {
  struct journal *journal = mem_zalloc(sizeof *journal);
  journal->loop = options->loop;
  journal->log = options->log;
  journal->path = mem_strdup(options->path);
  journal->slots = map_new();
  list_init(&journal->pending);
  list_init(&journal->batch);
  owner_new(journal->owner);
  struct err err;
  int rc = look_into_file(journal, &err);
  if (rc == 0)
    return journal;
  if (rc == -ERR_TIMEOUT) { /* it may yet take what comes */
    log_at(journal->log, LOG_WARN, "%s: what an earlier run left half-done begins anew",
           err.message);
    return journal;
  }
  warn(journal, &err);
  journal_free(journal);
  return NULL;
}

static void write_the_rest(struct journal *journal) {
  end_work(journal);
  if (journal->silent || (list_empty(&journal->pending) && !journal->has_claims))
    return;
  if (!journal->file) {
    journal->file = journal->claims;
    journal->claims = NULL;
  }
  fill_batch(journal);
  write_batch(journal, true);
  empty_batch(journal);
  if (journal->err.code == ERR_TIMEOUT)
    warn(journal, &journal->err);
}

void journal_close(struct journal *journal) {
  if (!journal)
    return;
  write_the_rest(journal);
  journal_free(journal);
}

/* -- entries -- */

/* NULL: nothing is known of that blob. Where nothing is known of any, this costs nothing. */
static struct slot *find(struct journal *journal, const struct oci_repo *target,
                         const struct oci_digest *digest) {
  if (!journal || map_count(journal->slots) == 0)
    return NULL;
  char *key = journal_key(target, digest);
  struct slot *slot = map_get(journal->slots, key);
  free(key);
  return slot;
}

/* Makes what is in the file ours, if it can be had. */
static void claim(struct journal *journal, struct slot *slot) {
  struct err err;
  if (!journal->claims)
    return;
  int rc = journal_file_claim(journal->claims, slot->key, now_s(), &slot->bytes, &slot->len, &err);
  if (slot->bytes) {
    slot->state = SLOT_OURS;
    journal->has_claims = true;
  }
  if (rc < 0 && rc != -ERR_TIMEOUT)
    give_up(journal, &err);
}

bool journal_take(struct journal *journal, const struct oci_repo *target,
                  const struct oci_digest *digest, struct journal_entry *entry) {
  struct slot *slot = find(journal, target, digest);
  if (!slot)
    return false;
  if (slot->state == SLOT_LISTED)
    claim(journal, slot);
  if (slot->state != SLOT_OURS)
    return false;
  if (journal_entry_load(slot->key, slot->bytes, slot->len, entry) == 0)
    return true;
  drop(journal, slot);
  return false;
}

void journal_note(struct journal *journal, const struct oci_repo *target,
                  const struct oci_digest *digest, const struct journal_entry *entry) {
  if (!journal)
    return;
  char *key = journal_key(target, digest);
  struct slot *slot = slot_of(journal, key);
  void *old = slot->bytes; /* which may have entry's location */
  slot->state = SLOT_OURS;
  if (journal_entry_store(key, entry, &slot->bytes, &slot->len) == 0)
    change(journal, slot);
  else
    drop(journal, slot);
  free(old);
  free(key);
}

void journal_drop(struct journal *journal, const struct oci_repo *target,
                  const struct oci_digest *digest) {
  struct slot *slot = find(journal, target, digest);
  if (slot)
    drop(journal, slot);
}
