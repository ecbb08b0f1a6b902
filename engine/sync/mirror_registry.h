/* sync/mirror_registry.h - one entry of the mirror file's registries. Pure. */
#ifndef DRAY_SYNC_MIRROR_REGISTRY_H
#define DRAY_SYNC_MIRROR_REGISTRY_H

#include "base/err.h"
#include "sync/mirror.h"
#include "sync/tree.h"

/* *registry is the caller's: mirror_registry_free(), also after an error.
 * Errors: ERR_CONFIG, "NAME:LINE:COLUMN: what"; never with a user or password. */
int mirror_registry_read(const struct tree *tree, const struct tree_node *host,
                         const struct tree_node *node, struct mirror_registry *registry,
                         struct err *err);
/* HOST[:PORT] as references have it: what is one for them is one here. NULL: it is none. The
 * caller's. */
char *mirror_registry_host(const char *text);

/* Is the same said of the same host, wherever? */
bool mirror_registry_same(const struct mirror_registry *a, const struct mirror_registry *b);

void mirror_registry_free(struct mirror_registry *registry);

#endif
