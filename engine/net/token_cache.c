#include "net/token_cache.h"

#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/mem.h"
#include "net/token.h"

enum {
  MARGIN_MS = 30 * 1000,
  FRESH_MS = 60 * 1000 /* one that is refused at a greater age may have served until now */
};

struct entry {
  struct list node; /* cache->entries, oldest first */
  char *path;
  char *scopes; /* NULL: all */
  char *header; /* NULL: it was refused, and none came since */
  uint64_t born;
  uint64_t life; /* ms */
  bool successor;
};

struct token_cache {
  struct list entries;
  size_t count, max;
};

struct token_cache *token_cache_new(size_t max) {
  struct token_cache *cache = mem_zalloc(sizeof *cache);
  list_init(&cache->entries);
  cache->max = max;
  return cache;
}

static void forget_header(struct entry *entry) {
  if (entry->header)
    mem_wipe(entry->header, strlen(entry->header));
  free(entry->header);
  entry->header = NULL;
}

static void entry_free(struct token_cache *cache, struct entry *entry) {
  list_remove(&entry->node);
  cache->count--;
  forget_header(entry);
  free(entry->path);
  free(entry->scopes);
  free(entry);
}

void token_cache_free(struct token_cache *cache) {
  list_each_safe(node, &cache->entries) entry_free(cache, list_entry(node, struct entry, node));
  free(cache);
}

static bool same_scopes(const char *a, const char *b) {
  return a && b ? strcmp(a, b) == 0 : a == b;
}

void token_cache_put(struct token_cache *cache, const char *path, const char *scopes,
                     const char *header, uint64_t now, int64_t life_ms) {
  bool successor = false;
  list_each_safe(node, &cache->entries) {
    struct entry *old = list_entry(node, struct entry, node);
    if (strcmp(old->path, path) != 0 || !same_scopes(old->scopes, scopes))
      continue;
    successor = !old->header;
    entry_free(cache, old);
  }
  if (cache->count == cache->max)
    entry_free(cache, list_entry(cache->entries.next, struct entry, node));
  struct entry *entry = mem_zalloc(sizeof *entry);
  *entry = (struct entry){
      .path = mem_strdup(path),
      .scopes = mem_strdup(scopes),
      .header = mem_strdup(header),
      .born = now,
      .life = (uint64_t)life_ms,
      .successor = successor,
  };
  list_push(&cache->entries, &entry->node);
  cache->count++;
}

static bool lasts(const struct entry *entry, uint64_t now) {
  uint64_t margin = entry->life / 3 < MARGIN_MS ? entry->life / 3 : MARGIN_MS;
  return !entry->scopes || now - entry->born < entry->life - margin;
}

const char *token_cache_get(struct token_cache *cache, const char *path, const char *scopes,
                            uint64_t now) {
  list_each(node, &cache->entries) {
    const struct entry *entry = list_entry(node, struct entry, node);
    if (entry->header && lasts(entry, now) && strcmp(entry->path, path) == 0 &&
        (!entry->scopes || token_scopes_cover(entry->scopes, scopes)))
      return entry->header;
  }
  return NULL;
}

bool token_cache_refused(struct token_cache *cache, const char *path, const char *header,
                         uint64_t now) {
  list_each(node, &cache->entries) {
    struct entry *entry = list_entry(node, struct entry, node);
    if (!entry->header || strcmp(entry->path, path) != 0 || strcmp(entry->header, header) != 0)
      continue;
    if (!entry->scopes || (entry->successor && now - entry->born < FRESH_MS))
      return false;
    forget_header(entry);
  }
  return true;
}

void token_cache_drop(struct token_cache *cache, const char *path) {
  list_each_safe(node, &cache->entries) {
    struct entry *entry = list_entry(node, struct entry, node);
    if (strcmp(entry->path, path) == 0)
      entry_free(cache, entry);
  }
}
