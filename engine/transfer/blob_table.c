#include "transfer/blob_table.h"

#include <assert.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"

enum { AT_ONCE = 256 };

struct blob_table {
  struct transfer *transfer;
  int active;          /* copies at work */
  struct list queue;   /* jobs that wait for their turn */
  struct map *entries; /* "HOST/PATH@DIGEST" */
};

/* One blob at one repository. */
struct blob_entry {
  struct blob_table *table;
  bool there;
  struct blob_job *job; /* that brings it; led by the first of wants */
  size_t index;         /* among its targets */
  struct list wants;
};

/* One copy, of one blob to the repositories of its entries. */
struct blob_job {
  struct list node; /* table->queue */
  struct blob_table *table;
  const struct oci_descriptor *desc; /* of those who lead */
  struct blob_copy *copy;
  size_t count;
  struct blob_entry *entries[];
};

struct blob_table *blob_table_new(struct transfer *transfer) {
  struct blob_table *table = mem_zalloc(sizeof *table);
  table->transfer = transfer;
  table->entries = map_new();
  list_init(&table->queue);
  return table;
}

static void entry_free(void *value) {
  struct blob_entry *entry = value;
  assert(list_empty(&entry->wants) && !entry->job);
  free(entry);
}

void blob_table_free(struct blob_table *table) {
  if (!table)
    return;
  assert(list_empty(&table->queue));
  map_free(table->entries, entry_free);
  free(table);
}

/* -- wants -- */

static void on_ready(struct ready *ready) {
  struct blob_want *want = list_entry(ready, struct blob_want, ready);
  want->entry = NULL;
  struct err *err = want->err;
  want->done(want, err);
  free(err);
}

static void settle(struct blob_want *want, enum blob_outcome outcome, const struct err *err) {
  want->outcome = outcome;
  if (err) {
    want->err = mem_alloc(sizeof *want->err);
    *want->err = *err;
  }
  list_remove(&want->node);
  loop_ready(want->entry->table->transfer->loop, &want->ready);
}

static struct blob_want *leader(const struct blob_entry *entry) {
  return list_entry(entry->wants.next, struct blob_want, node);
}

/* -- jobs -- */

static void line_up(struct blob_table *table, struct blob_entry *const *entries, size_t count) {
  struct blob_job *job = mem_zalloc(sizeof *job + count * sizeof(struct blob_entry *));
  job->table = table;
  job->desc = leader(entries[0])->desc;
  job->count = count;
  for (size_t i = 0; i < count; i++) {
    job->entries[i] = entries[i];
    entries[i]->job = job;
  }
  list_push(&table->queue, &job->node);
}

static void start_next(struct blob_table *table);

static void on_target_done(void *arg, size_t target, const struct blob_copy_result *result) {
  struct blob_job *job = arg;
  struct blob_entry *entry = job->entries[target];
  leader(entry)->sent = result->sent;
  leader(entry)->resumed = result->resumed;
  settle(leader(entry), result->outcome, result->err);
  entry->there = !result->err;
  entry->job = NULL;
  if (!entry->there && !list_empty(&entry->wants)) {
    line_up(job->table, &entry, 1);
    start_next(job->table);
  } else {
    list_each_safe(node, &entry->wants)
        settle(list_entry(node, struct blob_want, node), BLOB_EXISTED, NULL);
  }
}

static void on_done(void *arg) {
  struct blob_job *job = arg;
  struct blob_table *table = job->table;
  table->active--;
  blob_copy_free(job->copy);
  free(job);
  start_next(table);
}

/* Those entries whose wants were all canceled are left out; where another image leads by now, it
 * does so by itself, since its end is another. */
static void drop_unwanted(struct blob_job *job) {
  size_t count = 0;
  for (size_t i = 0; i < job->count; i++) {
    struct blob_entry *entry = job->entries[i];
    entry->job = NULL;
    if (list_empty(&entry->wants))
      continue;
    if (leader(entry)->desc != job->desc) {
      line_up(job->table, &entry, 1);
      continue;
    }
    entry->job = job;
    entry->index = count;
    job->entries[count++] = entry;
  }
  job->count = count;
}

static void start(struct blob_job *job) {
  struct blob_target targets[BLOB_WANTS_MAX];
  for (size_t i = 0; i < job->count; i++)
    targets[i] = leader(job->entries[i])->target;
  job->table->active++;
  job->copy = blob_copy_start(&(struct blob_copy_spec){.transfer = job->table->transfer,
                                                       .src = leader(job->entries[0])->src,
                                                       .desc = leader(job->entries[0])->desc,
                                                       .targets = targets,
                                                       .target_count = job->count,
                                                       .target_done = on_target_done,
                                                       .done = on_done,
                                                       .arg = job});
}

static void start_next(struct blob_table *table) {
  struct list *node;
  while (table->active < AT_ONCE && (node = list_pop(&table->queue))) {
    struct blob_job *job = list_entry(node, struct blob_job, node);
    drop_unwanted(job);
    if (job->count)
      start(job);
    else
      free(job);
  }
}

static struct blob_entry *entry_of(struct blob_table *table, const struct blob_want *want) {
  const struct oci_repo *repo = want->target.repo;
  char *key = mem_printf("%s/%s@%s", repo->host, repo->path, want->desc->digest.text);
  struct blob_entry *entry = map_get(table->entries, key);
  if (!entry) {
    entry = mem_zalloc(sizeof *entry);
    entry->table = table;
    list_init(&entry->wants);
    map_put(table->entries, key, entry);
  }
  free(key);
  return entry;
}

void blob_wants_start(struct blob_table *table, struct blob_want *const *wants, size_t count) {
  struct blob_entry *led[BLOB_WANTS_MAX];
  size_t leads = 0;
  assert(count <= BLOB_WANTS_MAX);
  for (size_t i = 0; i < count; i++) {
    struct blob_want *want = wants[i];
    struct blob_entry *entry = want->entry = entry_of(table, want);
    ready_init(&want->ready, on_ready);
    want->err = NULL;
    want->resumed = false;
    list_init(&want->node);
    if (!entry->there && list_empty(&entry->wants) && !entry->job)
      led[leads++] = entry;
    list_push(&entry->wants, &want->node);
    if (entry->there)
      settle(want, BLOB_EXISTED, NULL);
  }
  if (leads) {
    line_up(table, led, leads);
    start_next(table);
  }
}

void blob_want_cancel(struct blob_want *want) {
  struct blob_entry *entry = want->entry;
  if (!entry || list_empty(&want->node))
    return;
  if (entry->job && entry->job->copy && leader(entry) == want) {
    blob_copy_cancel(entry->job->copy, entry->index);
    return;
  }
  struct err err;
  err_set(&err, ERR_CANCELED, "%s: canceled", want->target.repo->host);
  settle(want, BLOB_COPIED, &err);
}
