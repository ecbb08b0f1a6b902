#include "transfer/blob_table.h"

#include <assert.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"

enum { AT_ONCE = 256 };

struct blob_table {
  struct loop *loop;
  int active;          /* copies at work */
  struct list queue;   /* entries that wait for their turn */
  struct map *entries; /* "HOST/PATH@DIGEST" */
};

struct blob_entry {
  struct list node; /* table->queue */
  struct blob_table *table;
  bool there;
  struct blob_copy *copy; /* led by the first of wants */
  struct list wants;
};

struct blob_table *blob_table_new(struct loop *loop) {
  struct blob_table *table = mem_zalloc(sizeof *table);
  table->loop = loop;
  table->entries = map_new();
  list_init(&table->queue);
  return table;
}

static void entry_free(void *value) {
  struct blob_entry *entry = value;
  assert(list_empty(&entry->wants) && !entry->copy);
  free(entry);
}

void blob_table_free(struct blob_table *table) {
  if (!table)
    return;
  map_free(table->entries, entry_free);
  free(table);
}

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
  loop_ready(want->entry->table->loop, &want->ready);
}

static void line_up(struct blob_entry *entry);
static void start_next(struct blob_table *table);

static void on_copied(void *arg, struct blob_copy *copy, const struct blob_copy_result *result) {
  struct blob_entry *entry = arg;
  struct blob_want *leader = list_entry(entry->wants.next, struct blob_want, node);
  leader->sent = result->sent;
  settle(leader, result->outcome, result->err);
  entry->there = !result->err;
  entry->copy = NULL;
  entry->table->active--;
  blob_copy_free(copy);
  if (entry->there)
    list_each_safe(node, &entry->wants)
        settle(list_entry(node, struct blob_want, node), BLOB_EXISTED, NULL);
  else
    line_up(entry);
  start_next(entry->table);
}

static void start_next(struct blob_table *table) {
  struct list *node;
  while (table->active < AT_ONCE && (node = list_pop(&table->queue))) {
    struct blob_entry *entry = list_entry(node, struct blob_entry, node);
    if (list_empty(&entry->wants)) /* all were canceled */
      continue;
    struct blob_want *leader = list_entry(entry->wants.next, struct blob_want, node);
    table->active++;
    entry->copy = blob_copy_start(&leader->spec, on_copied, entry);
  }
}

static void line_up(struct blob_entry *entry) {
  if (!list_empty(&entry->node) || list_empty(&entry->wants))
    return;
  list_push(&entry->table->queue, &entry->node);
  start_next(entry->table);
}

void blob_want_start(struct blob_table *table, struct blob_want *want) {
  const struct oci_repo *dst = want->spec.dst;
  char *key = mem_printf("%s/%s@%s", dst->host, dst->path, want->spec.desc->digest.text);
  struct blob_entry *entry = map_get(table->entries, key);
  if (!entry) {
    entry = mem_zalloc(sizeof *entry);
    entry->table = table;
    list_init(&entry->node);
    list_init(&entry->wants);
    map_put(table->entries, key, entry);
  }
  free(key);
  ready_init(&want->ready, on_ready);
  want->entry = entry;
  want->canceled = false;
  want->err = NULL;
  list_init(&want->node);
  list_push(&entry->wants, &want->node);
  if (entry->there)
    settle(want, BLOB_EXISTED, NULL);
  else if (!entry->copy)
    line_up(entry);
}

void blob_want_cancel(struct blob_want *want) {
  if (!want->entry || list_empty(&want->node))
    return;
  want->canceled = true;
  if (want->entry->copy && want->entry->wants.next == &want->node) {
    blob_copy_cancel(want->entry->copy);
    return;
  }
  struct err err;
  err_set(&err, ERR_CANCELED, "%s: canceled", want->spec.dst->host);
  settle(want, BLOB_COPIED, &err);
}
