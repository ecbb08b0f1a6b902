#include "sync/foreign.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "sync/foreign_reader.h"

/* -- whose file it is -- */

static bool has_kind(const struct tree_node *map, const char *key, enum tree_kind kind) {
  const struct tree_node *value = tree_get(map, key);
  return value && value->kind == kind;
}

/* A text, or a list of texts. */
static bool are_targets(const struct tree_node *node) {
  for (size_t i = 0; node->kind == TREE_LIST && i < node->count; i++)
    if (node->items[i]->kind != TREE_TEXT)
      return false;
  return node->kind != TREE_MAP;
}

static enum foreign_format format_of(const struct tree_node *root) {
  static const char *const ours[] = {"version", "defaults", "registries", "mirrors"};
  bool texts = true, maps = false;
  if (root->kind != TREE_MAP || !root->count || has_kind(root, "mirrors", TREE_LIST))
    return FOREIGN_NONE;
  if (has_kind(root, "sync", TREE_LIST) || has_kind(root, "creds", TREE_LIST))
    return FOREIGN_REGSYNC;
  if (has_kind(root, "images", TREE_MAP) && (root->count == 1 || has_kind(root, "auth", TREE_MAP)))
    return FOREIGN_SYNCER;
  for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
    if (tree_get(root, ours[i]))
      return FOREIGN_NONE;
  for (size_t i = 0; i < root->count; i++) {
    if (strcmp(root->keys[i]->text, "<<") == 0)
      continue;
    texts = texts && are_targets(root->items[i]);
    maps = maps || root->items[i]->kind == TREE_MAP;
  }
  return texts ? FOREIGN_SYNCER : maps ? FOREIGN_SKOPEO : FOREIGN_NONE;
}

/* -- flags -- */

static int check_to(const char *name, const struct foreign_options *options, struct err *err) {
  char *text = foreign_skopeo_target(options);
  struct target *target = NULL;
  struct err why;
  int rc = strpbrk(options->to, "{}") ? err_set(&why, ERR_USAGE, "braces have no meaning in it")
                                      : target_parse(text, &target, &why);
  target_free(target);
  if (rc != 0)
    err_set(err, ERR_USAGE, "%s: --to \"%.200s\" is no registry and no place in one: %s", name,
            options->to, why.message);
  free(text);
  return rc;
}

static int check_flags(const char *name, enum foreign_format format,
                       const struct foreign_options *options, struct err *err) {
  if (format == FOREIGN_SKOPEO && (!options->to || !*options->to))
    return err_set(
        err, ERR_USAGE,
        "%s: a file of skopeo sync says not where images go: give --to TARGET/ (they land "
        "at TARGET/NAME, with --scoped at TARGET/HOST/PATH)",
        name);
  if (format == FOREIGN_SKOPEO && !options->auth_text)
    return check_to(name, options, err);
  const char *flag = format == FOREIGN_SKOPEO                         ? "--auth"
                     : options->to                                    ? "--to"
                     : options->scoped                                ? "--scoped"
                     : options->auth_text && format != FOREIGN_SYNCER ? "--auth"
                                                                      : NULL;
  if (!flag)
    return 0;
  return err_set(err, ERR_USAGE, "%s: %s is for files of %s, and this is none: leave it out", name,
                 flag, strcmp(flag, "--auth") == 0 ? "image-syncer" : "skopeo sync");
}

/* -- reading -- */

static int read_auth_file(struct foreign *foreign, struct err *err) {
  const struct foreign_options *options = foreign->options;
  struct tree *tree;
  int rc = tree_parse(options->auth_name, options->auth_text, options->auth_len, NULL, &tree, err);
  if (rc != 0)
    return rc;
  foreign->tree = tree;
  foreign->name = options->auth_name;
  foreign->file = mirror_add_name(foreign->mirror, options->auth_name);
  rc = foreign_read_auth(foreign, err);
  tree_free(tree);
  return rc;
}

static int read(struct foreign *foreign, enum foreign_format format, struct err *err) {
  int rc = 0;
  switch (format) {
  case FOREIGN_NONE:
    break;
  case FOREIGN_SKOPEO:
    rc = foreign_read_skopeo(foreign, err);
    break;
  case FOREIGN_SYNCER:
    rc = foreign_read_syncer(foreign, err);
    if (rc == 0 && foreign->options->auth_text)
      rc = read_auth_file(foreign, err);
    break;
  case FOREIGN_REGSYNC:
    rc = foreign_read_regsync(foreign, err);
    break;
  }
  if (rc == 0)
    rc = mirror_check_pairs(foreign->mirror, err);
  return rc == 0 ? mirror_check(foreign->mirror, err) : rc;
}

static void tell(const struct foreign *foreign) {
  const struct foreign_options *options = foreign->options;
  for (size_t i = 0; i < foreign->warning_count; i++) {
    struct foreign_warning *warning = &foreign->warnings[i];
    char *more =
        warning->more ? mem_printf(" (and %zu more like it)", warning->more) : mem_strdup("");
    char *text = mem_printf("%s:%d:%d: %s%s", warning->name, warning->place.line,
                            warning->place.column, warning->text, more);
    if (options->warn)
      options->warn(options->warn_arg, text);
    free(text);
    free(more);
    free(warning->text);
  }
  free(foreign->warnings);
}

static int parse(const char *name, const struct tree *tree, enum foreign_format format,
                 const struct env *env, const struct foreign_options *options,
                 struct mirror **mirror, struct err *err) {
  struct foreign foreign = {.name = name,
                            .tree = tree,
                            .env = env,
                            .options = options,
                            .mirror = mem_zalloc(sizeof(struct mirror)),
                            .said = map_new()};
  foreign.mirror->name = mem_strdup(name);
  int rc = read(&foreign, format, err);
  tell(&foreign);
  map_free(foreign.said, NULL);
  if (rc == 0)
    *mirror = foreign.mirror;
  else
    mirror_free(foreign.mirror);
  return rc;
}

int foreign_parse(const char *name, const char *text, size_t len, const struct env *env,
                  const struct foreign_options *options, struct mirror **mirror, struct err *err) {
  static const struct foreign_options none;
  struct tree *tree;
  *mirror = NULL;
  if (!options)
    options = &none;
  int rc = tree_parse(name, text, len, NULL, &tree, err);
  if (rc != 0)
    return rc;
  enum foreign_format format = format_of(tree_root(tree));
  rc = check_flags(name, format, options, err);
  if (rc == 0)
    rc = format == FOREIGN_NONE ? mirror_parse(name, text, len, env, mirror, err)
                                : parse(name, tree, format, env, options, mirror, err);
  tree_free(tree);
  return rc;
}
