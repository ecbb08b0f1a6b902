/* sync/value.h - what a node of a tree has to be. Pure.
 * Each gives 0, or -ERR_CONFIG with NAME:LINE:COLUMN and what is wanted; no value is in a message. */
#ifndef DRAY_SYNC_VALUE_H
#define DRAY_SYNC_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "sync/tree.h"

bool value_is_null(
    const struct tree_node *node); /* nothing at all, or one of YAML's words for it */

/* A mapping; where keys is given (NULL at its end), of these keys only: the error for another one names
 * the nearest of them. */
int value_map(const struct tree *tree, const struct tree_node *node, const char *const *keys,
              struct err *err);

/* A text. Numbers and booleans without quotes are texts as they are written (1.10 stays 1.10); what is
 * missing, ~ or null is none. */
int value_text(const struct tree *tree, const struct tree_node *node, const char **text,
               struct err *err);

/* true or false, and none of YAML's other words for them. */
int value_bool(const struct tree *tree, const struct tree_node *node, bool *value, struct err *err);

/* A whole number, not in quotes. */
int value_number(const struct tree *tree, const struct tree_node *node, int64_t min, int64_t max,
                 int64_t *value, struct err *err);

/* A list of texts, or one text for a list of one: calls each for every one of them until it gives
 * another value than 0, which is returned then. */
typedef int value_each_fn(void *arg, const struct tree_node *node, struct err *err);
int value_each(const struct tree *tree, const struct tree_node *node, value_each_fn *each,
               void *arg, struct err *err);

#endif
