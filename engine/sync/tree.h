/* sync/tree.h - a YAML text (JSON is YAML) as a tree. Pure.
 * Source: YAML 1.1, as libyaml reads it. Differences: keys are texts and stand once in a mapping,
 * there is one document, and no tags but those that say what is plain anyway (and !!str). */
#ifndef DRAY_SYNC_TREE_H
#define DRAY_SYNC_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "sync/env.h"

#define TREE_FILE_MAX ((size_t)4 * 1024 * 1024)        /* bytes of a file */
#define TREE_TEXT_MAX ((size_t)16 * 1024 * 1024)       /* bytes of all texts, aliases followed */
enum { TREE_NODES_MAX = 100000, TREE_DEPTH_MAX = 32 }; /* aliases followed */

enum tree_kind { TREE_TEXT, TREE_LIST, TREE_MAP };

/* How a text was written: with quotes, as a block or with !!str it is nothing but a text, plain it may
 * be a number, a boolean or nothing, and with variables in it anything (in JSON it needs quotes). */
enum tree_style { TREE_PLAIN, TREE_QUOTED, TREE_REPLACED };

/* Belongs to its tree. */
struct tree_node {
  enum tree_kind kind;
  int line, column; /* from 1; an alias' own */
  enum tree_style style;
  const char *text;                     /* TREE_TEXT: never NULL */
  size_t count;                         /* of items */
  const struct tree_node *const *keys;  /* TREE_MAP: keys[i] is the key of items[i], a TREE_TEXT */
  const struct tree_node *const *items; /* TREE_LIST, TREE_MAP */
  struct tree_weight {
    size_t nodes, bytes; /* of it and all below, aliases followed */
    int depth;           /* 1: nothing is below */
  } weight;
};

struct tree;

/* name is for messages. env (NULL: none) replaces variables in values, not in keys.
 * Errors: ERR_CONFIG, "NAME:LINE:COLUMN: what": no YAML, empty, a limit passed, a key twice, an alias
 * without an anchor or within it, a variable that env_expand() refuses. No value is in a message. */
int tree_parse(const char *name, const char *text, size_t len, const struct env *env,
               struct tree **tree, struct err *err);
void tree_free(struct tree *tree); /* texts are wiped; NULL is fine */

const struct tree_node *tree_root(const struct tree *tree); /* never NULL */

/* The value of a key of a TREE_MAP, or NULL. */
const struct tree_node *tree_get(const struct tree_node *map, const char *key);

/* Fills err with "NAME:LINE:COLUMN: …"; returns -ERR_CONFIG. */
int tree_error(const struct tree *tree, const struct tree_node *node, struct err *err,
               const char *format, ...) __attribute__((format(printf, 4, 5)));

/* "libyaml/0.2.5": what is inside; the caller's. */
char *tree_library(void);

#endif
