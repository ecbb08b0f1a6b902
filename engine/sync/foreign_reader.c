#include "sync/foreign_reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "sync/mirror_registry.h"

struct mirror_place foreign_place(const struct tree_node *node) {
  return (struct mirror_place){.line = node->line, .column = node->column};
}

/* -- warnings -- */

void foreign_warn(struct foreign *foreign, const struct tree_node *node, const char *format, ...) {
  struct err text; /* printable, and cut to fit */
  va_list args;
  va_start(args, format);
  err_setv(&text, ERR_CONFIG, format, args);
  va_end(args);
  size_t before = (size_t)(uintptr_t)map_get(foreign->said, text.message);
  if (before) {
    foreign->warnings[before - 1].more++;
    return;
  }
  foreign->warnings =
      mem_realloc(foreign->warnings, foreign->warning_count + 1, sizeof *foreign->warnings);
  foreign->warnings[foreign->warning_count++] = (struct foreign_warning){
      .place = foreign_place(node), .name = foreign->name, .text = mem_strdup(text.message)};
  map_put(foreign->said, text.message, (void *)(uintptr_t)foreign->warning_count);
}

/* -- maps -- */

static bool is_merge(const struct tree_node *key) { return strcmp(key->text, "<<") == 0; }

/* The maps that a map's << has: itself, or those of a list. */
static const struct tree_node *merged(const struct tree_node *value, size_t i) {
  if (value->kind == TREE_LIST)
    return i < value->count ? value->items[i] : NULL;
  return i == 0 ? value : NULL;
}

/* Even where it is null. A map's own keys first, then those of the maps it merges, in order. */
static const struct tree_node *find(const struct tree_node *map, const char *key) {
  const struct tree_node *found = map->kind == TREE_MAP ? tree_get(map, key) : NULL, *more;
  const struct tree_node *value = map->kind == TREE_MAP ? tree_get(map, "<<") : NULL;
  for (size_t i = 0; !found && value && (more = merged(value, i)); i++)
    found = find(more, key);
  return found;
}

const struct tree_node *foreign_get(const struct tree_node *map, const char *key) {
  const struct tree_node *value = find(map, key);
  return value && !value_is_null(value) ? value : NULL;
}

static int each_of(struct foreign *foreign, const struct tree_node *top,
                   const struct tree_node *map, foreign_each_fn *each, void *arg, struct err *err) {
  int rc = 0;
  if (map->kind != TREE_MAP)
    return tree_error(foreign->tree, map, err, "a mapping (KEY: VALUE) is wanted here");
  for (size_t i = 0; i < map->count && rc == 0; i++)
    if (!is_merge(map->keys[i]) && (map == top || find(top, map->keys[i]->text) == map->items[i]))
      rc = each(arg, map->keys[i], map->items[i], err);
  const struct tree_node *value = tree_get(map, "<<"), *more;
  for (size_t i = 0; rc == 0 && value && (more = merged(value, i)); i++)
    rc = each_of(foreign, top, more, each, arg, err);
  return rc;
}

int foreign_each(struct foreign *foreign, const struct tree_node *map, foreign_each_fn *each,
                 void *arg, struct err *err) {
  return each_of(foreign, map, map, each, arg, err);
}

struct keys {
  struct foreign *foreign;
  const struct foreign_key *known;
  const char *what;
};

static void warn_unknown(const struct keys *keys, const struct tree_node *key) {
  const char *names[64] = {0}, *nearest;
  for (size_t i = 0; keys->known[i].name && i + 1 < sizeof names / sizeof *names; i++)
    names[i] = keys->known[i].name;
  nearest = text_nearest(key->text, names);
  foreign_warn(keys->foreign, key, "unknown key \"%.100s\" of %s is left alone%s%s%s", key->text,
               keys->what, nearest ? ": did you mean \"" : "", nearest ? nearest : "",
               nearest ? "\"?" : "");
}

static int check_key(void *arg, const struct tree_node *key, const struct tree_node *value,
                     struct err *err) {
  const struct keys *keys = arg;
  const struct foreign_key *known = keys->known;
  bool is_true = false;
  while (known->name && strcmp(known->name, key->text) != 0)
    known++;
  if (!known->name) {
    if (!text_starts(key->text, "x-")) /* by custom left to people's own use: anchors, mostly */
      warn_unknown(keys, key);
    return 0;
  }
  if (known->fate == FOREIGN_HONOURED || value_is_null(value))
    return 0;
  int rc =
      known->fate == FOREIGN_WARNED_IF_TRUE ? foreign_bool(keys->foreign, value, &is_true, err) : 0;
  if (rc == 0 && (is_true || known->fate == FOREIGN_WARNED))
    foreign_warn(keys->foreign, key, "\"%s\" of %s is not honoured: %s", known->name, keys->what,
                 known->why);
  return rc;
}

int foreign_map(struct foreign *foreign, const struct tree_node *node, enum foreign_object object,
                const char *what, struct err *err) {
  struct keys keys = {foreign, foreign_keys(object), what};
  return foreign_each(foreign, node, check_key, &keys, err);
}

/* -- values -- */

int foreign_texts(struct foreign *foreign, const struct tree_node *node, value_each_fn *each,
                  void *arg, struct err *err) {
  return node ? value_each(foreign->tree, node, each, arg, err) : 0;
}

int foreign_bool(struct foreign *foreign, const struct tree_node *node, bool *value,
                 struct err *err) {
  static const char *const words[][2] = {
      {"false", "true"}, {"no", "yes"}, {"off", "on"}, {"n", "y"}};
  if (!node)
    return 0;
  for (size_t i = 0; node->kind == TREE_TEXT && node->style == TREE_PLAIN && i < 8; i++)
    if (text_same(node->text, words[i / 2][i % 2])) {
      *value = i % 2;
      return 0;
    }
  return tree_error(foreign->tree, node, err, "true or false is wanted here, without quotes");
}

/* -- registries -- */

int foreign_registry(struct foreign *foreign, const struct tree_node *node, const char *host,
                     struct mirror_registry **registry, struct err *err) {
  struct mirror *mirror = foreign->mirror;
  char *known = mirror_registry_host(host);
  if (!known)
    return tree_error(foreign->tree, node, err,
                      "\"%.100s\" is no registry: HOST[:PORT] is wanted, such as ghcr.io", host);
  for (size_t i = 0; i < mirror->registry_count; i++)
    if (text_same(mirror->registries[i].host, known)) {
      *registry = &mirror->registries[i];
      free(known);
      return 0;
    }
  if (mirror->registry_count == MIRROR_REGISTRIES_MAX) {
    free(known);
    return tree_error(foreign->tree, node, err, "more than %d registries", MIRROR_REGISTRIES_MAX);
  }
  mirror->registries =
      mem_realloc(mirror->registries, mirror->registry_count + 1, sizeof *mirror->registries);
  *registry = &mirror->registries[mirror->registry_count++];
  **registry =
      (struct mirror_registry){.place = foreign_place(node), .host = known, .chunk_size = -1};
  (*registry)->place.file = foreign->file;
  return 0;
}

void foreign_login(struct foreign *foreign, const struct tree_node *node,
                   struct mirror_registry *registry, const char *user, const char *password) {
  if (!*user || !*password) {
    if (*user || *password)
      foreign_warn(foreign, node, "the login to %s is left out: its %s is empty", registry->host,
                   *user ? "password" : "user");
    return;
  }
  if (registry->user &&
      (strcmp(registry->user, user) != 0 || strcmp(registry->password, password) != 0)) {
    foreign_warn(foreign, node,
                 "a second login to %s is left out: dray has one a registry (the keys of a docker "
                 "config.json, --authfile, may be HOST/NAMESPACE)",
                 registry->host);
    return;
  }
  if (registry->user)
    return;
  registry->user = mem_strdup(user);
  registry->password = mem_strdup(password);
}

/* -- rules -- */

int foreign_add_source(struct foreign *foreign, struct mirror_rule *rule,
                       const struct tree_node *node, const char *text, struct err *err) {
  struct mirror_place place = foreign_place(node);
  struct err why;
  return mirror_add_source(rule, &place, text, &why) == 0
             ? 0
             : tree_error(foreign->tree, node, err, "%s", why.message);
}

int foreign_add_target(struct foreign *foreign, struct mirror_rule *rule,
                       const struct tree_node *node, const char *text, struct err *err) {
  struct mirror_place place = foreign_place(node);
  struct oci_ref ref;
  struct err why;
  int rc = oci_ref_parse(text, &ref, &why);
  if (rc == 0)
    rc = mirror_add_target(rule, &place, text, &why);
  oci_ref_free(&ref);
  return rc == 0 ? 0 : tree_error(foreign->tree, node, err, "%s", why.message);
}

/* The expression is looked at alone first: what closes a group of ours is none of its own. */
int foreign_add_expression(struct foreign *foreign, struct selection *tags,
                           int add(struct selection *, const char *, struct err *),
                           const struct tree_node *node, const char *expression, bool anchored,
                           struct err *err) {
  char *alone = mem_printf("/%s/", expression);
  char *whole =
      mem_printf("/.*(?:%s%s%s).*/", anchored ? "^" : "", expression, anchored ? "$" : "");
  struct pattern *pattern = NULL;
  struct err why;
  int rc = *expression ? pattern_parse(alone, &pattern, &why) : 0;
  pattern_free(pattern);
  if (rc == 0)
    rc = add(tags, whole, &why);
  free(alone);
  free(whole);
  return rc == 0 ? 0 : tree_error(foreign->tree, node, err, "%s", why.message);
}
