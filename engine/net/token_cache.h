/* net/token_cache.h - Authorization values at hand for one registry, by repository and scopes.
 * Pure: time is an argument, in any clock's ms. Secrets are wiped. */
#ifndef DRAY_NET_TOKEN_CACHE_H
#define DRAY_NET_TOKEN_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct token_cache;

/* The oldest go when there are more than max. */
struct token_cache *token_cache_new(size_t max);
void token_cache_free(struct token_cache *cache);

/* scopes NULL: header serves for all of path and never ends; otherwise life_ms counts from now. */
void token_cache_put(struct token_cache *cache, const char *path, const char *scopes,
                     const char *header, uint64_t now, int64_t life_ms);

/* A header for these scopes or more, with at least 30 s (or a third of its life) left; valid until
 * the next call. NULL: none. */
const char *token_cache_get(struct token_cache *cache, const char *path, const char *scopes,
                            uint64_t now);

/* The registry refused header. True: it is forgotten (or was, already), and another one is worth a
 * try. False: it serves for all scopes, or it is itself the fresh successor of a refused one, so
 * that a third would be no better. */
bool token_cache_refused(struct token_cache *cache, const char *path, const char *header,
                         uint64_t now);

/* Forgets all of path. */
void token_cache_drop(struct token_cache *cache, const char *path);

#endif
