#include "sync/value.h"

#include <string.h>

#include "base/buf.h"
#include "base/text.h"

static const char *what(const struct tree_node *node) {
  return node->kind == TREE_MAP ? "a mapping" : node->kind == TREE_LIST ? "a list" : "a text";
}

bool value_is_null(const struct tree_node *node) {
  static const char *const words[] = {"", "~", "null", "Null", "NULL"};
  if (node->kind != TREE_TEXT || node->style != TREE_PLAIN)
    return false;
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (strcmp(node->text, words[i]) == 0)
      return true;
  return false;
}

static int wanted(const struct tree *tree, const struct tree_node *node, const char *kind,
                  struct err *err) {
  if (value_is_null(node))
    return tree_error(tree, node, err, "a value is missing: %s is wanted here", kind);
  return tree_error(tree, node, err, "%s is wanted here, not %s", kind, what(node));
}

static int unknown(const struct tree *tree, const struct tree_node *key, const char *const *keys,
                   struct err *err) {
  const char *nearest = text_nearest(key->text, keys);
  if (nearest)
    return tree_error(tree, key, err, "unknown key \"%.100s\": did you mean \"%s\"?", key->text,
                      nearest);
  struct buf all;
  buf_init(&all, SIZE_MAX);
  for (const char *const *known = keys; *known; known++)
    buf_addf(&all, "%s%s", known == keys ? "" : known[1] ? ", " : " and ", *known);
  tree_error(tree, key, err, "unknown key \"%.100s\"; there are %s", key->text, buf_str(&all));
  buf_free(&all);
  return -ERR_CONFIG;
}

int value_map(const struct tree *tree, const struct tree_node *node, const char *const *keys,
              struct err *err) {
  if (node->kind != TREE_MAP)
    return wanted(tree, node, "a mapping (KEY: VALUE)", err);
  for (size_t i = 0; keys && i < node->count; i++) {
    const char *key = node->keys[i]->text;
    const char *const *known = keys;
    while (*known && strcmp(*known, key) != 0)
      known++;
    if (*known)
      continue;
    return unknown(tree, node->keys[i], keys, err);
  }
  return 0;
}

int value_text(const struct tree *tree, const struct tree_node *node, const char **text,
               struct err *err) {
  if (node->kind != TREE_TEXT || value_is_null(node))
    return wanted(tree, node, "a text", err);
  *text = node->text;
  return 0;
}

int value_bool(const struct tree *tree, const struct tree_node *node, bool *value,
               struct err *err) {
  if (node->kind != TREE_TEXT)
    return wanted(tree, node, "true or false", err);
  *value = strcmp(node->text, "true") == 0;
  if (node->style != TREE_QUOTED && (*value || strcmp(node->text, "false") == 0))
    return 0;
  return tree_error(tree, node, err,
                    "true or false is wanted here, without quotes (yes, no, on and off are none)");
}

int value_number(const struct tree *tree, const struct tree_node *node, int64_t min, int64_t max,
                 int64_t *value, struct err *err) {
  if (node->kind != TREE_TEXT || value_is_null(node))
    return wanted(tree, node, "a number", err);
  if (node->style != TREE_QUOTED && text_number(node->text, min, max, value) == 0)
    return 0;
  return tree_error(tree, node, err, "a whole number from %lld to %lld is wanted here%s",
                    (long long)min, (long long)max,
                    node->style == TREE_QUOTED ? ", without quotes" : "");
}

int value_each(const struct tree *tree, const struct tree_node *node, value_each_fn *each,
               void *arg, struct err *err) {
  int rc = 0;
  if (node->kind == TREE_MAP || value_is_null(node))
    return wanted(tree, node, "a text or a list of texts", err);
  if (node->kind == TREE_TEXT)
    return each(arg, node, err);
  for (size_t i = 0; i < node->count && rc == 0; i++) {
    const char *text;
    rc = value_text(tree, node->items[i], &text, err);
    if (rc == 0)
      rc = each(arg, node->items[i], err);
  }
  return rc;
}
