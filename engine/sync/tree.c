#include "sync/tree.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/mem.h"

struct tree {
  char *name;
  struct arena arena; /* nodes and their lists */
  struct buf texts;   /* char *; they may be secrets, so each is wiped */
  const struct tree_node *root;
};

struct reader {
  struct tree *tree;
  const struct env *env;
  const char *text;
  size_t len;
  yaml_parser_t parser;
  struct map *anchors; /* name -> node that is complete */
  struct err *err;
};

/* -- errors -- */

__attribute__((format(printf, 5, 0))) static int fail(const struct tree *tree, size_t line,
                                                      size_t column, struct err *err,
                                                      const char *format, va_list args) {
  int rc = err_setv(err, ERR_CONFIG, format, args);
  err_prefix(err, "%s:%zu:%zu", tree->name, line, column);
  return rc;
}

int tree_error(const struct tree *tree, const struct tree_node *node, struct err *err,
               const char *format, ...) {
  va_list args;
  va_start(args, format);
  int rc = fail(tree, (size_t)node->line, (size_t)node->column, err, format, args);
  va_end(args);
  return rc;
}

__attribute__((format(printf, 3, 4))) static int bad(struct reader *reader, yaml_mark_t mark,
                                                     const char *format, ...) {
  va_list args;
  va_start(args, format);
  int rc = fail(reader->tree, mark.line + 1, mark.column + 1, reader->err, format, args);
  va_end(args);
  return rc;
}

static yaml_mark_t mark_of(const struct reader *reader, size_t offset) {
  yaml_mark_t mark = {0};
  for (size_t i = 0; i < offset && i < reader->len; i++) {
    mark.column++;
    if (reader->text[i] == '\n') {
      mark.line++;
      mark.column = 0;
    }
  }
  return mark;
}

/* The text from a mark on; "" at its end. */
static const char *at_mark(const struct reader *reader, yaml_mark_t mark) {
  const char *at = reader->text, *end = at + reader->len;
  for (size_t line = 0; line < mark.line && at < end; at++)
    line += *at == '\n';
  for (size_t column = 0; at < end && column < mark.column; column++)
    do
      at++;
    while (at < end && ((unsigned char)*at & 0xc0) == 0x80);
  return at < end ? at : "";
}

/* What most likely was meant where YAML reads something else. */
static const char *advice(const struct reader *reader, yaml_mark_t mark) {
  const char *at = at_mark(reader, mark);
  if (*at == '\t')
    return " (a tab can't indent: use blanks)";
  if (*at && strchr(">|*&!%@`", *at))
    return " (a text that begins like this wants quotes)";
  if (*at == '{' && at > reader->text && !strchr(" [{,:\n", at[-1]))
    return " (within braces and brackets a text with braces wants quotes)";
  return "";
}

static int syntax_error(struct reader *reader) {
  const yaml_parser_t *parser = &reader->parser;
  const char *problem = parser->problem ? parser->problem : "out of memory";
  if (parser->error == YAML_READER_ERROR)
    return bad(reader, mark_of(reader, parser->problem_offset), "no YAML: %s", problem);
  const char *more = advice(reader, parser->problem_mark);
  if (!*more && parser->context)
    more = advice(reader, parser->context_mark);
  return bad(reader, parser->problem_mark, "no YAML: %s%s", problem, more);
}

/* -- from events to nodes -- */

static int next(struct reader *reader, yaml_event_t *event) {
  return yaml_parser_parse(&reader->parser, event) ? 0 : syntax_error(reader);
}

static struct tree_node *add_node(struct reader *reader, enum tree_kind kind, yaml_mark_t mark) {
  struct tree_node *node = arena_alloc(&reader->tree->arena, sizeof *node);
  node->kind = kind;
  node->line = (int)mark.line + 1;
  node->column = (int)mark.column + 1;
  node->weight = (struct tree_weight){.nodes = 1, .depth = 1};
  return node;
}

/* child is now below node, which is level deep itself. */
static int weigh(struct reader *reader, struct tree_node *node, const struct tree_node *child,
                 int level) {
  struct tree_weight *weight = &node->weight;
  weight->nodes += child->weight.nodes;
  weight->bytes += child->weight.bytes;
  if (weight->depth <= child->weight.depth)
    weight->depth = child->weight.depth + 1;
  if (weight->nodes > TREE_NODES_MAX)
    return tree_error(reader->tree, child, reader->err, "more than %d values, aliases followed",
                      TREE_NODES_MAX);
  if (weight->bytes > TREE_TEXT_MAX)
    return tree_error(reader->tree, child, reader->err,
                      "more than %zu MiB of text, aliases and variables followed",
                      TREE_TEXT_MAX >> 20);
  if (level + child->weight.depth > TREE_DEPTH_MAX)
    return tree_error(reader->tree, child, reader->err, "more than %d levels deep", TREE_DEPTH_MAX);
  return 0;
}

static int compose_text(struct reader *reader, const yaml_event_t *event, bool is_key,
                        struct tree_node **out) {
  const char *text = (const char *)event->data.scalar.value;
  const char *tag = (const char *)event->data.scalar.tag;
  bool replaced = false;
  char *copy;
  if (strlen(text) != event->data.scalar.length)
    return bad(reader, event->start_mark, "a text can't have a NUL character");
  if (tag && strcmp(tag, "!") != 0 && strcmp(tag, YAML_STR_TAG) != 0)
    return bad(reader, event->start_mark, "the tag %.100s means nothing here", tag);
  struct tree_node *node = add_node(reader, TREE_TEXT, event->start_mark);
  if (is_key || !reader->env)
    copy = mem_strdup(text);
  else if (env_expand(reader->env, text, &copy, &replaced, reader->err) != 0) {
    err_prefix(reader->err, "%s:%d:%d", reader->tree->name, node->line, node->column);
    return -ERR_CONFIG;
  }
  buf_add(&reader->tree->texts, &copy, sizeof copy);
  node->text = copy;
  if (replaced)
    node->style = TREE_REPLACED;
  else if (tag || event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
    node->style = TREE_QUOTED;
  node->weight.bytes = strlen(copy);
  *out = node;
  return 0;
}

static int compose_alias(struct reader *reader, const yaml_event_t *event, struct tree_node **out) {
  const char *anchor = (const char *)event->data.alias.anchor;
  const struct tree_node *target = map_get(reader->anchors, anchor);
  if (!target)
    return bad(reader, event->start_mark,
               "nothing in front of this has the anchor &%.100s (a text that begins with * wants "
               "quotes)",
               anchor);
  struct tree_node *node = add_node(reader, target->kind, event->start_mark);
  int line = node->line, column = node->column;
  *node = *target;
  node->line = line;
  node->column = column;
  *out = node;
  return 0;
}

static int compose(struct reader *reader, const yaml_event_t *event, int level, bool is_key,
                   struct tree_node **out);

static void add(struct buf *nodes, const struct tree_node *node) {
  buf_add(nodes, &node, sizeof(void *));
}

static size_t count_of(const struct buf *nodes) { return nodes->len / sizeof(void *); }

static const struct tree_node *const *keep(struct reader *reader, const struct buf *nodes) {
  void *copy = arena_alloc(&reader->tree->arena, nodes->len + 1);
  if (nodes->len)
    memcpy(copy, nodes->data, nodes->len);
  return copy;
}

/* The node that begins with the next event; *out is NULL where that ends what is open. */
static int compose_next(struct reader *reader, int level, bool is_key, struct tree_node **out) {
  yaml_event_t event;
  int rc = next(reader, &event);
  *out = NULL;
  if (rc != 0)
    return rc;
  if (event.type != YAML_SEQUENCE_END_EVENT && event.type != YAML_MAPPING_END_EVENT)
    rc = compose(reader, &event, level, is_key, out);
  yaml_event_delete(&event);
  return rc;
}

static int compose_list(struct reader *reader, struct tree_node *node, int level) {
  struct buf items;
  struct tree_node *child;
  int rc;
  buf_init(&items, SIZE_MAX);
  while ((rc = compose_next(reader, level + 1, false, &child)) == 0 && child &&
         (rc = weigh(reader, node, child, level)) == 0)
    add(&items, child);
  node->items = keep(reader, &items);
  node->count = count_of(&items);
  buf_free(&items);
  return rc;
}

static int compose_pair(struct reader *reader, struct tree_node *node, int level, struct map *seen,
                        struct buf *keys, struct buf *items) {
  struct tree_node *key, *item;
  int rc = compose_next(reader, level + 1, true, &key);
  if (rc != 0 || !key)
    return rc;
  if (key->kind != TREE_TEXT)
    return tree_error(reader->tree, key, reader->err, "a key is a text");
  const struct tree_node *before = map_put(seen, key->text, key);
  if (before)
    return tree_error(reader->tree, key, reader->err,
                      "the key \"%.100s\" is there already, in line %d", key->text, before->line);
  rc = compose_next(reader, level + 1, false, &item);
  if (rc == 0 && item && (rc = weigh(reader, node, key, level)) == 0 &&
      (rc = weigh(reader, node, item, level)) == 0) {
    add(keys, key);
    add(items, item);
  }
  return rc;
}

static int compose_map(struct reader *reader, struct tree_node *node, int level) {
  struct buf keys, items;
  struct map *seen = map_new();
  size_t before;
  int rc;
  buf_init(&keys, SIZE_MAX);
  buf_init(&items, SIZE_MAX);
  do {
    before = keys.len;
    rc = compose_pair(reader, node, level, seen, &keys, &items);
  } while (rc == 0 && keys.len > before);
  node->keys = keep(reader, &keys);
  node->items = keep(reader, &items);
  node->count = count_of(&keys);
  buf_free(&keys);
  buf_free(&items);
  map_free(seen, NULL);
  return rc;
}

static int compose_collection(struct reader *reader, const yaml_event_t *event, int level,
                              struct tree_node **out) {
  bool list = event->type == YAML_SEQUENCE_START_EVENT;
  const char *tag =
      (const char *)(list ? event->data.sequence_start.tag : event->data.mapping_start.tag);
  if (tag && strcmp(tag, "!") != 0 && strcmp(tag, list ? YAML_SEQ_TAG : YAML_MAP_TAG) != 0)
    return bad(reader, event->start_mark, "the tag %.100s means nothing here", tag);
  if (level > TREE_DEPTH_MAX)
    return bad(reader, event->start_mark, "more than %d levels deep", TREE_DEPTH_MAX);
  *out = add_node(reader, list ? TREE_LIST : TREE_MAP, event->start_mark);
  return list ? compose_list(reader, *out, level) : compose_map(reader, *out, level);
}

static const char *anchor_of(const yaml_event_t *event) {
  return (const char *)(event->type == YAML_SCALAR_EVENT ? event->data.scalar.anchor
                        : event->type == YAML_SEQUENCE_START_EVENT
                            ? event->data.sequence_start.anchor
                            : event->data.mapping_start.anchor);
}

/* level: 1 for the root. */
static int compose(struct reader *reader, const yaml_event_t *event, int level, bool is_key,
                   struct tree_node **out) {
  if (event->type == YAML_ALIAS_EVENT)
    return compose_alias(reader, event, out);
  int rc = event->type == YAML_SCALAR_EVENT ? compose_text(reader, event, is_key, out)
                                            : compose_collection(reader, event, level, out);
  const char *anchor = anchor_of(event);
  if (rc == 0 && anchor) /* known from here on: an alias within it would never end */
    map_put(reader->anchors, anchor, *out);
  return rc;
}

/* -- the document -- */

/* The next event has to be of this type. */
static int expect(struct reader *reader, yaml_event_type_t type, const char *otherwise) {
  yaml_event_t event;
  int rc = next(reader, &event);
  if (rc != 0)
    return rc;
  if (event.type != type)
    rc = bad(reader, event.start_mark, "%s", otherwise);
  yaml_event_delete(&event);
  return rc;
}

static int read_document(struct reader *reader) {
  struct tree_node *root;
  int rc = expect(reader, YAML_STREAM_START_EVENT, "");
  if (rc == 0)
    rc = expect(reader, YAML_DOCUMENT_START_EVENT, "it is empty");
  if (rc == 0)
    rc = compose_next(reader, 1, false, &root);
  if (rc != 0)
    return rc;
  reader->tree->root = root;
  rc = expect(reader, YAML_DOCUMENT_END_EVENT, "");
  return rc == 0
             ? expect(reader, YAML_STREAM_END_EVENT, "a second document begins here; one is all")
             : rc;
}

int tree_parse(const char *name, const char *text, size_t len, const struct env *env,
               struct tree **out, struct err *err) {
  *out = NULL;
  if (len > TREE_FILE_MAX)
    return err_set(err, ERR_CONFIG, "%s: larger than %zu MiB", name, TREE_FILE_MAX >> 20);
  struct tree *tree = mem_zalloc(sizeof *tree);
  struct reader reader = {.tree = tree, .env = env, .text = text, .len = len, .err = err};
  tree->name = mem_strdup(name);
  arena_init(&tree->arena);
  buf_init(&tree->texts, SIZE_MAX);
  reader.anchors = map_new();
  int rc;
  if (yaml_parser_initialize(&reader.parser)) {
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, len);
    rc = read_document(&reader);
    yaml_parser_delete(&reader.parser);
  } else {
    rc = err_set(err, ERR_CONFIG, "%s: out of memory", name);
  }
  map_free(reader.anchors, NULL);
  if (rc == 0)
    *out = tree;
  else
    tree_free(tree);
  return rc;
}

void tree_free(struct tree *tree) {
  if (!tree)
    return;
  for (size_t at = 0; at < tree->texts.len; at += sizeof(char *)) {
    char *text;
    memcpy(&text, tree->texts.data + at, sizeof text);
    mem_wipe(text, strlen(text));
    free(text);
  }
  buf_free(&tree->texts);
  arena_free(&tree->arena);
  free(tree->name);
  free(tree);
}

const struct tree_node *tree_root(const struct tree *tree) { return tree->root; }

const struct tree_node *tree_get(const struct tree_node *map, const char *key) {
  for (size_t i = 0; i < map->count; i++)
    if (strcmp(map->keys[i]->text, key) == 0)
      return map->items[i];
  return NULL;
}

char *tree_library(void) { return mem_printf("libyaml/%s", yaml_get_version_string()); }
