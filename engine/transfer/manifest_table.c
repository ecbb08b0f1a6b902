#include "transfer/manifest_table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"

#define KEPT_MAX ((size_t)8 * 1024 * 1024) /* bytes of source manifests */
#define KEPT_ONE_MAX (KEPT_MAX / 16)       /* larger ones are not worth it */
#define KEPT_COST ((size_t)256)            /* of each besides */

/* One that is under way. */
struct manifest_entry {
  struct manifest_claim *leader;
  struct list waiting;
};

struct kept {
  struct list node; /* table->kept_order */
  char *key, *type;
  size_t len;
  char bytes[];
};

struct manifest_table {
  struct loop *loop;
  struct known *known;
  struct map *entries;    /* "HOST/PATH@DIGEST" */
  struct map *kept;       /* the same, of sources */
  struct list kept_order; /* that used longest ago first */
  size_t kept_bytes;
};

struct manifest_table *manifest_table_new(struct loop *loop, struct known *known) {
  struct manifest_table *table = mem_zalloc(sizeof *table);
  table->loop = loop;
  table->known = known;
  table->entries = map_new();
  table->kept = map_new();
  list_init(&table->kept_order);
  return table;
}

static char *key_of(const struct oci_repo *repo, const struct oci_digest *digest) {
  return mem_printf("%s/%s@%s", repo->host, repo->path, digest->text);
}

/* -- claims -- */

static void on_ready(struct ready *ready) {
  struct manifest_claim *claim = list_entry(ready, struct manifest_claim, ready);
  claim->done(claim, claim->there);
}

void manifest_claim_init(struct manifest_claim *claim, struct manifest_table *table,
                         const struct oci_repo *repo, const struct oci_digest *digest,
                         uint64_t order, void (*done)(struct manifest_claim *claim, bool there)) {
  *claim = (struct manifest_claim){
      .table = table, .repo = repo, .digest = digest, .order = order, .done = done};
  list_init(&claim->node);
  ready_init(&claim->ready, on_ready);
}

static uint32_t owner_of(const struct manifest_claim *claim) {
  return known_owner(claim->table->known, claim->repo->host, claim->repo->path);
}

enum claim_state manifest_claim(struct manifest_claim *claim) {
  struct manifest_table *table = claim->table;
  assert(claim->state == CLAIM_NONE);
  if (known_get(table->known, owner_of(claim), claim->digest) & KNOWN_MANIFEST)
    return CLAIM_NONE;
  char *key = key_of(claim->repo, claim->digest);
  struct manifest_entry *entry = map_get(table->entries, key);
  claim->state = CLAIM_LEAD;
  if (!entry) {
    claim->entry = entry = mem_zalloc(sizeof *entry);
    entry->leader = claim;
    list_init(&entry->waiting);
    map_put(table->entries, key, entry);
  } else if (entry->leader->order < claim->order) {
    list_push(&entry->waiting, &claim->node);
    claim->state = CLAIM_WAIT;
  }
  free(key);
  return claim->state;
}

static void free_entry(struct manifest_claim *claim, bool there) {
  struct manifest_entry *entry = claim->entry;
  char *key = key_of(claim->repo, claim->digest);
  struct list *node;
  map_remove(claim->table->entries, key);
  free(key);
  while ((node = list_pop(&entry->waiting))) {
    struct manifest_claim *next = list_entry(node, struct manifest_claim, node);
    next->state = CLAIM_NONE;
    next->there = there;
    loop_ready(claim->table->loop, &next->ready);
  }
  free(entry);
  claim->entry = NULL;
}

void manifest_claim_end(struct manifest_claim *claim, bool there) {
  bool led = claim->state == CLAIM_LEAD;
  list_remove(&claim->node);
  ready_cancel(&claim->ready);
  claim->state = CLAIM_NONE;
  if (led && there) {
    uint32_t owner = owner_of(claim);
    uint32_t known = known_get(claim->table->known, owner, claim->digest);
    known_put(claim->table->known, owner, claim->digest, known | KNOWN_MANIFEST);
  }
  if (claim->entry)
    free_entry(claim, there);
}

/* -- what was read -- */

static void drop(struct manifest_table *table, struct kept *kept) {
  list_remove(&kept->node);
  map_remove(table->kept, kept->key);
  table->kept_bytes -= kept->len + KEPT_COST;
  free(kept->key);
  free(kept->type);
  free(kept);
}

static void make_room(struct manifest_table *table, size_t bytes) {
  while (!list_empty(&table->kept_order) && table->kept_bytes + bytes > KEPT_MAX)
    drop(table, list_entry(table->kept_order.next, struct kept, node));
}

void manifest_keep(struct manifest_table *table, const struct oci_repo *repo,
                   const struct oci_digest *digest, const struct kept_manifest *manifest) {
  char *key = key_of(repo, digest);
  if (manifest->len > KEPT_ONE_MAX || map_get(table->kept, key)) {
    free(key);
    return;
  }
  make_room(table, manifest->len + KEPT_COST);
  struct kept *kept = mem_alloc(sizeof *kept + manifest->len);
  *kept = (struct kept){.key = key, .type = mem_strdup(manifest->type), .len = manifest->len};
  memcpy(kept->bytes, manifest->bytes, manifest->len);
  list_push(&table->kept_order, &kept->node);
  map_put(table->kept, key, kept);
  table->kept_bytes += kept->len + KEPT_COST;
}

bool manifest_kept(struct manifest_table *table, const struct oci_repo *repo,
                   const struct oci_digest *digest, struct kept_manifest *manifest) {
  char *key = key_of(repo, digest);
  struct kept *kept = map_get(table->kept, key);
  free(key);
  if (!kept)
    return false;
  list_remove(&kept->node);
  list_push(&table->kept_order, &kept->node);
  *manifest = (struct kept_manifest){.bytes = kept->bytes, .type = kept->type, .len = kept->len};
  return true;
}

void manifest_table_free(struct manifest_table *table) {
  if (!table)
    return;
  assert(map_count(table->entries) == 0);
  make_room(table, KEPT_MAX + 1);
  map_free(table->entries, NULL);
  map_free(table->kept, NULL);
  free(table);
}
