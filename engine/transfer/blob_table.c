#include "transfer/blob_table.h"

#include <assert.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"

enum { AT_ONCE = 256 };

struct blob_table {
  struct transfer *transfer;
  struct known *known;
  int active;          /* copies at work */
  struct list queue;   /* jobs that wait for their turn */
  struct map *entries; /* "OWNER:DIGEST" of what is under way */
  struct map *hosts;   /* host → how many mounts more it did than declined, as a number */
};

/* One blob on its way to one repository, or waited for there. While somebody leads it is what the
 * host's number in known points to, with UNDER_WAY. */
struct blob_entry {
  struct list node; /* of waits_for->waiting */
  struct blob_table *table;
  struct blob_entry *waits_for; /* NULL: for nothing */
  struct blob_job *job;         /* that brings it; led by the first of wants */
  size_t index;                 /* among its targets */
  bool mounting;                /* from a repository of this run */
  struct list wants;
  struct blob_want *leads; /* will put a manifest that refers to it; NULL: nobody */
  struct list waiting;     /* entries, for that */
};

#define UNDER_WAY KNOWN_KEPT

/* One copy, of one blob to the repositories of its entries. */
struct blob_job {
  struct list node; /* table->queue */
  struct blob_table *table;
  const struct oci_descriptor *desc; /* of those who lead */
  bool hurry;                        /* others wait for it */
  struct blob_copy *copy;
  size_t count;
  struct blob_entry *entries[]; /* NULL: not any more */
};

struct blob_table *blob_table_new(struct transfer *transfer, struct known *known) {
  struct blob_table *table = mem_zalloc(sizeof *table);
  table->transfer = transfer;
  table->known = known;
  table->entries = map_new();
  table->hosts = map_new();
  list_init(&table->queue);
  return table;
}

void blob_table_free(struct blob_table *table) {
  if (!table)
    return;
  assert(list_empty(&table->queue) && !map_count(table->entries));
  map_free(table->entries, NULL);
  map_free(table->hosts, NULL);
  free(table);
}

/* -- what is known -- */

static uint32_t owner_of(const struct blob_want *want) {
  return known_owner(want->table->known, want->target.repo->host, want->target.repo->path);
}

static void note_there(const struct blob_want *want) {
  struct known *known = want->table->known;
  const struct oci_digest *digest = &want->desc->digest;
  uint32_t owner = owner_of(want);
  known_put(known, owner, digest, known_get(known, owner, digest) | KNOWN_BLOB);
}

/* What the host's number says: a repository of it, and whether the blob is under way there. */
static uint32_t at_host(const struct blob_want *want) {
  struct known *known = want->table->known;
  return known_get(known, known_owner(known, want->target.repo->host, ""), &want->desc->digest);
}

static void note_at_host(const struct blob_want *want, uint32_t value) {
  struct known *known = want->table->known;
  known_put(known, known_owner(known, want->target.repo->host, ""), &want->desc->digest, value);
}

/* Where a manifest refers to it by now, at the want's host; NULL: nowhere. */
static const struct oci_repo *mountable(const struct blob_want *want) {
  uint32_t owner = at_host(want);
  bool there = owner && !(owner & UNDER_WAY) && owner != owner_of(want);
  return there ? known_repo(want->table->known, owner) : NULL;
}

/* Whether it is worth waiting for a mount there. */
static bool mounts(const struct blob_table *table, const char *host) {
  return (intptr_t)map_get(table->hosts, host) >= 0;
}

static void note_mount(struct blob_table *table, const char *host, bool mounted) {
  intptr_t balance = (intptr_t)map_get(table->hosts, host);
  map_put(table->hosts, host, (void *)(balance + (mounted ? 1 : -1)));
}

/* -- wants -- */

static struct blob_want *leader(const struct blob_entry *entry) {
  return list_entry(entry->wants.next, struct blob_want, node);
}

static void on_ready(struct ready *ready) {
  struct blob_want *want = list_entry(ready, struct blob_want, ready);
  struct err *err = want->err, canceled;
  want->err = NULL;
  if (want->canceled)
    err_set(&canceled, ERR_CANCELED, "%s: canceled", want->target.repo->host);
  want->done(want, want->canceled ? &canceled : err);
  free(err);
}

static void settle(struct blob_want *want, enum blob_outcome outcome, const struct err *err) {
  want->outcome = outcome;
  want->entry = NULL;
  if (err) {
    want->err = mem_alloc(sizeof *want->err);
    *want->err = *err;
  }
  list_remove(&want->node);
  loop_ready(want->table->transfer->loop, &want->ready);
}

/* -- entries -- */

/* Short, since there may be many. */
static char *key_of(uint32_t owner, const struct blob_want *want) {
  const struct oci_digest *digest = &want->desc->digest;
  return mem_printf("%x:%s", owner, oci_digest_hex(digest));
}

static struct blob_entry *entry_of(struct blob_want *want) {
  struct blob_table *table = want->table;
  char *key = key_of(owner_of(want), want);
  struct blob_entry *entry = map_get(table->entries, key);
  if (!entry) {
    entry = mem_zalloc(sizeof *entry);
    entry->table = table;
    list_init(&entry->node);
    list_init(&entry->wants);
    list_init(&entry->waiting);
    map_put(table->entries, key, entry);
  }
  free(key);
  return entry;
}

/* want: one of those that it was for. */
static void free_if_done(struct blob_entry *entry, const struct blob_want *want) {
  if (!list_empty(&entry->wants) || entry->job || entry->leads)
    return;
  char *key = key_of(owner_of(want), want);
  list_remove(&entry->node);
  map_remove(entry->table->entries, key);
  free(key);
  free(entry);
}

static uint64_t order_of(const struct blob_entry *entry) {
  uint64_t order = UINT64_MAX;
  list_each(node, &entry->wants) {
    const struct blob_want *want = list_entry(node, struct blob_want, node);
    if (want->order < order)
      order = want->order;
  }
  return order;
}

/* -- jobs -- */

static void start_next(struct blob_table *table);
static void on_target_done(void *arg, size_t target, const struct blob_copy_result *result);

static void on_done(void *arg) {
  struct blob_job *job = arg;
  struct blob_table *table = job->table;
  table->active--;
  blob_copy_free(job->copy);
  free(job);
  start_next(table);
}

static void line_up(struct blob_table *table, struct blob_entry *const *entries, size_t count) {
  struct blob_job *job = mem_zalloc(sizeof *job + count * sizeof(struct blob_entry *));
  job->table = table;
  job->desc = leader(entries[0])->desc;
  job->count = count;
  for (size_t i = 0; i < count; i++) {
    job->entries[i] = entries[i];
    entries[i]->job = job;
    entries[i]->index = i;
  }
  list_push(&table->queue, &job->node);
}

/* Where another image leads by now, it does so by itself, since its end is another. */
static void drop_unwanted(struct blob_job *job) {
  size_t count = 0;
  for (size_t i = 0; i < job->count; i++) {
    struct blob_entry *entry = job->entries[i];
    if (!entry)
      continue;
    if (leader(entry)->desc != job->desc) {
      line_up(job->table, &entry, 1);
      continue;
    }
    entry->index = count;
    job->entries[count++] = entry;
  }
  job->count = count;
}

static struct blob_target target_of(struct blob_entry *entry) {
  struct blob_target target = leader(entry)->target;
  const struct oci_repo *from = target.mount_from ? NULL : mountable(leader(entry));
  entry->mounting = from != NULL;
  if (from) {
    target.mount_from = from;
    target.check = false;
  }
  return target;
}

static void start(struct blob_job *job) {
  struct blob_target targets[BLOB_WANTS_MAX];
  for (size_t i = 0; i < job->count; i++)
    targets[i] = target_of(job->entries[i]);
  job->table->active++;
  job->copy = blob_copy_start(&(struct blob_copy_spec){.transfer = job->table->transfer,
                                                       .src = leader(job->entries[0])->src,
                                                       .desc = leader(job->entries[0])->desc,
                                                       .targets = targets,
                                                       .target_count = job->count,
                                                       .hurry = job->hurry,
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

static void hurry(struct blob_job *job) {
  if (job->hurry)
    return;
  job->hurry = true;
  if (job->copy) {
    blob_copy_hurry(job->copy);
  } else { /* to the front of the queue */
    list_remove(&job->node);
    list_insert_before(job->table->queue.next, &job->node);
  }
}

/* -- one for several repositories of a host -- */

/* Who brings it to another repository of the host; NULL: nobody. */
static struct blob_entry *led_elsewhere(const struct blob_want *want) {
  uint32_t owner = at_host(want);
  if (!(owner & UNDER_WAY))
    return NULL;
  char *key = key_of(owner & ~UNDER_WAY, want);
  struct blob_entry *entry = map_get(want->table->entries, key);
  free(key);
  return entry;
}

/* Whether it has to be copied now, by this entry; else it waits. */
static bool has_to_lead(struct blob_entry *entry) {
  struct blob_want *first = leader(entry);
  struct blob_entry *led = led_elsewhere(first);
  if (first->target.mount_from || mountable(first))
    return true;
  if (!led) {
    entry->leads = first;
    first->led = entry;
    note_at_host(first, owner_of(first) | UNDER_WAY);
    return true;
  }
  if (led == entry || order_of(entry) <= led->leads->order ||
      !mounts(entry->table, first->target.repo->host))
    return true;
  entry->waits_for = led;
  list_push(&led->waiting, &entry->node);
  if (led->job)
    hurry(led->job);
  return false;
}

static void lead_or_wait(struct blob_entry *entry) {
  if (has_to_lead(entry)) {
    line_up(entry->table, &entry, 1);
    start_next(entry->table);
  }
}

static void stop_waiting(struct blob_entry *entry) {
  list_remove(&entry->node);
  entry->waits_for = NULL;
}

static struct blob_entry *earliest(const struct list *entries) {
  struct blob_entry *first = NULL;
  list_each(node, entries) {
    struct blob_entry *entry = list_entry(node, struct blob_entry, node);
    if (!first || order_of(entry) < order_of(first))
      first = entry;
  }
  return first;
}

/* Those who waited mount it, or the earliest of them leads. */
static void end_lead(struct blob_want *want, bool put) {
  struct blob_entry *led = want->led, *entry;
  struct list *node, waiting;
  list_init(&waiting);
  while ((node = list_pop(&led->waiting)))
    list_push(&waiting, node);
  want->led = NULL;
  led->leads = NULL;
  note_at_host(want, put ? owner_of(want) : 0);
  free_if_done(led, want);
  while ((entry = earliest(&waiting))) {
    stop_waiting(entry);
    lead_or_wait(entry);
  }
}

/* -- what comes of it -- */

static void on_target_done(void *arg, size_t target, const struct blob_copy_result *result) {
  struct blob_job *job = arg;
  struct blob_entry *entry = job->entries[target];
  struct blob_want *first = leader(entry);
  first->sent = result->sent;
  first->resumed = result->resumed;
  entry->job = NULL;
  if (entry->mounting && !result->err)
    note_mount(job->table, first->target.repo->host, result->outcome == BLOB_MOUNTED);
  if (!result->err)
    note_there(first);
  settle(first, result->outcome, result->err);
  if (!result->err)
    list_each_safe(node, &entry->wants)
        settle(list_entry(node, struct blob_want, node), BLOB_EXISTED, NULL);
  bool more = !list_empty(&entry->wants);
  if (result->err && first->led)
    end_lead(first, false);
  else
    free_if_done(entry, first);
  if (more)
    lead_or_wait(entry);
}

void blob_wants_start(struct blob_table *table, struct blob_want *const *wants, size_t count) {
  struct blob_entry *led[BLOB_WANTS_MAX];
  size_t leads = 0;
  assert(count <= BLOB_WANTS_MAX);
  for (size_t i = 0; i < count; i++) {
    struct blob_want *want = wants[i];
    want->table = table;
    want->err = NULL;
    want->resumed = want->canceled = false;
    want->led = NULL;
    list_init(&want->node);
    ready_init(&want->ready, on_ready);
    if (known_get(table->known, owner_of(want), &want->desc->digest) & KNOWN_BLOB) {
      settle(want, BLOB_EXISTED, NULL);
      continue;
    }
    struct blob_entry *entry = want->entry = entry_of(want);
    bool waits = entry->waits_for != NULL;
    list_push(&entry->wants, &want->node);
    if (waits) { /* still? */
      if (want->order <= entry->waits_for->leads->order) {
        stop_waiting(entry);
        led[leads++] = entry;
      }
    } else if (leader(entry) == want && !entry->job && has_to_lead(entry)) {
      led[leads++] = entry;
    }
  }
  if (leads) {
    line_up(table, led, leads);
    start_next(table);
  }
}

void blob_want_cancel(struct blob_want *want) {
  struct blob_entry *entry = want->entry;
  if (!entry)
    return;
  if (entry->job && entry->job->copy && leader(entry) == want) {
    blob_copy_cancel(entry->job->copy, entry->index);
    return;
  }
  want->canceled = true;
  settle(want, BLOB_COPIED, NULL);
  if (list_empty(&entry->wants) && entry->job) {
    entry->job->entries[entry->index] = NULL;
    entry->job = NULL;
  }
  if (want->led)
    end_lead(want, false);
  else
    free_if_done(entry, want);
}

void blob_want_end(struct blob_want *want, bool put) {
  if (want->led)
    end_lead(want, put);
  else if (put && !at_host(want))
    note_at_host(want, owner_of(want));
}
