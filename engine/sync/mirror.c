#include "sync/mirror.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "sync/claims.h"
#include "sync/mirror_registry.h"
#include "sync/value.h"

enum { MIRROR_VERSION = 1, NEWEST_MAX = 1000000, PLATFORMS_MAX = 100 };

struct reading {
  const struct tree *tree;
  struct mirror *mirror;
  struct mirror_rule defaults; /* its platforms and referrers */
  struct mirror_rule *rule;    /* the one in hand */
};

const char *const *mirror_keys(enum mirror_object object) {
  static const char *const keys[][10] = {
      [MIRROR_FILE] = {"version", "defaults", "registries", "mirrors"},
      [MIRROR_DEFAULTS] = {"platforms", "referrers"},
      [MIRROR_REGISTRY] = {"username", "password", "plain-http", "tls", "insecure", "ca-file",
                           "chunk-size", "max-connections", "requests-per-second"},
      [MIRROR_RULE] = {"from", "to", "tags", "delete", "platforms", "referrers"},
      [MIRROR_TAGS] = {"include", "exclude", "newest"},
  };
  return keys[object];
}

int mirror_error(const struct mirror *mirror, const struct mirror_place *place, struct err *err,
                 const char *format, ...) {
  va_list args;
  va_start(args, format);
  int rc = err_setv(err, ERR_CONFIG, format, args);
  va_end(args);
  err_prefix(err, "%s:%d:%d", place->file ? place->file : mirror->name, place->line, place->column);
  return rc;
}

static struct mirror_place place_of(const struct tree_node *node) {
  return (struct mirror_place){.line = node->line, .column = node->column};
}

/* -- what defaults and rules share -- */

int mirror_add_platform(struct mirror_rule *rule, const char *text, struct err *err) {
  if (rule->platforms.count == PLATFORMS_MAX)
    return err_set(err, ERR_CONFIG, "more than %d platforms", PLATFORMS_MAX);
  return oci_platforms_add(&rule->platforms, text, err);
}

static int add_platform(void *arg, const struct tree_node *node, struct err *err) {
  struct reading *reading = arg;
  struct err why;
  if (mirror_add_platform(reading->rule, node->text, &why) == 0)
    return 0;
  return tree_error(reading->tree, node, err, "%s", why.message);
}

/* platforms and referrers; an empty list is all platforms, whatever the defaults are. */
static int read_options(struct reading *reading, const struct tree_node *node, struct err *err) {
  const struct tree_node *platforms = tree_get(node, "platforms");
  const struct tree_node *referrers = tree_get(node, "referrers");
  int rc = 0;
  if (platforms)
    rc = value_each(reading->tree, platforms, add_platform, reading, err);
  else
    oci_platforms_copy(&reading->rule->platforms, &reading->defaults.platforms);
  reading->rule->referrers = reading->defaults.referrers;
  if (rc == 0 && referrers)
    rc = value_bool(reading->tree, referrers, &reading->rule->referrers, err);
  return rc;
}

/* -- a rule -- */

bool mirror_is_repository(const struct mirror_source *source) {
  return !source->ref.tag && !oci_digest_is_set(&source->ref.digest);
}

int mirror_add_source(struct mirror_rule *rule, const struct mirror_place *place, const char *text,
                      struct err *err) {
  struct mirror_source source = {.place = *place};
  int rc = oci_ref_parse(text, &source.ref, err);
  if (rc == 0 && source.ref.transport != OCI_REGISTRY)
    rc = err_set(err, ERR_USAGE, "only images in registries can be mirrored");
  if (rc != 0) {
    oci_ref_free(&source.ref);
    return rc;
  }
  rule->sources = mem_realloc(rule->sources, rule->source_count + 1, sizeof *rule->sources);
  rule->sources[rule->source_count++] = source;
  return 0;
}

int mirror_add_target(struct mirror_rule *rule, const struct mirror_place *place, const char *text,
                      struct err *err) {
  struct mirror_target target = {.place = *place};
  int rc = target_parse(text, &target.target, err);
  if (rc != 0)
    return rc;
  rule->targets = mem_realloc(rule->targets, rule->target_count + 1, sizeof *rule->targets);
  rule->targets[rule->target_count++] = target;
  return 0;
}

static int add_reference(struct reading *reading, const struct tree_node *node,
                         int add(struct mirror_rule *, const struct mirror_place *, const char *,
                                 struct err *),
                         struct err *err) {
  struct mirror_place place = place_of(node);
  struct err why;
  if (add(reading->rule, &place, node->text, &why) == 0)
    return 0;
  return tree_error(reading->tree, node, err, "%s", why.message);
}

static int add_source(void *arg, const struct tree_node *node, struct err *err) {
  return add_reference(arg, node, mirror_add_source, err);
}

static int add_target(void *arg, const struct tree_node *node, struct err *err) {
  return add_reference(arg, node, mirror_add_target, err);
}

/* A key of a rule that has at least one reference. */
static int read_references(struct reading *reading, const struct tree_node *node, const char *key,
                           value_each_fn *add, const size_t *count, struct err *err) {
  const struct tree_node *value = tree_get(node, key);
  if (!value)
    return tree_error(reading->tree, node, err, "\"%s\" is missing", key);
  int rc = value_each(reading->tree, value, add, reading, err);
  if (rc == 0 && *count == 0)
    rc = tree_error(reading->tree, value, err, "the list is empty");
  return rc;
}

static int add_pattern(struct reading *reading, const struct tree_node *node,
                       int add(struct selection *, const char *, struct err *), struct err *err) {
  struct err why;
  if (add(reading->rule->tags, node->text, &why) == 0)
    return 0;
  return tree_error(reading->tree, node, err, "%s", why.message);
}

static int add_include(void *arg, const struct tree_node *node, struct err *err) {
  return add_pattern(arg, node, selection_include, err);
}

static int add_exclude(void *arg, const struct tree_node *node, struct err *err) {
  return add_pattern(arg, node, selection_exclude, err);
}

static int read_tags(struct reading *reading, const struct tree_node *node, struct err *err) {
  const struct tree *tree = reading->tree;
  int rc = value_map(tree, node, mirror_keys(MIRROR_TAGS), err);
  if (rc != 0)
    return rc;
  const struct tree_node *include = tree_get(node, "include"), *exclude = tree_get(node, "exclude"),
                         *newest = tree_get(node, "newest");
  int64_t count = 0;
  reading->rule->tags = selection_new();
  if (include)
    rc = value_each(tree, include, add_include, reading, err);
  if (rc == 0 && include && include->kind == TREE_LIST && include->count == 0)
    rc = tree_error(tree, include, err, "the list is empty: leave include out for all tags");
  if (rc == 0 && exclude)
    rc = value_each(tree, exclude, add_exclude, reading, err);
  if (rc == 0 && newest)
    rc = value_number(tree, newest, 1, NEWEST_MAX, &count, err);
  selection_set_newest(reading->rule->tags, (size_t)count);
  return rc;
}

/* tags and delete are about repositories. */
static int check_sources(struct reading *reading, const struct tree_node *tags,
                         const struct tree_node *delete, struct err *err) {
  const struct mirror_rule *rule = reading->rule;
  for (size_t i = 0; i < rule->source_count; i++) {
    const struct mirror_source *source = &rule->sources[i];
    if (mirror_is_repository(source))
      continue;
    if (tags)
      return tree_error(reading->tree, tags, err,
                        "tags choose from a whole repository, and the source in line %d is one "
                        "image",
                        source->place.line);
    if (rule->delete)
      return tree_error(reading->tree, delete, err,
                        "only a whole repository's tags can be deleted, and the source in line %d "
                        "is one image",
                        source->place.line);
  }
  return 0;
}

static int check_pair(const struct mirror *mirror, const struct mirror_rule *rule,
                      const struct mirror_source *source, const struct mirror_target *target,
                      struct err *err) {
  struct oci_ref ref;
  struct err why;
  int rc = mirror_expand(source, target, &ref, &why);
  oci_ref_free(&ref);
  if (rc != 0)
    return mirror_error(mirror, &target->place, err, "%s (for the source in line %d)", why.message,
                        source->place.line);
  if (mirror_is_repository(source) && target_has_fixed_tag(target->target) &&
      selection_newest(rule->tags) != 1)
    return mirror_error(mirror, &target->place, err,
                        "all tags of the source in line %d would become this one: leave the tag "
                        "out, or put {tag} into it",
                        source->place.line);
  if (rule->delete &&target_has_repo_by_tag(target->target))
    return mirror_error(mirror, &target->place, err,
                        "with delete, {tag} can't be a part of the repository");
  return 0;
}

static int check_pairs(const struct mirror *mirror, const struct mirror_rule *rule, size_t *pairs,
                       struct err *err) {
  int rc = 0;
  *pairs += rule->source_count * rule->target_count; /* each is at most TREE_NODES_MAX */
  if (*pairs > MIRROR_PAIRS_MAX)
    return mirror_error(mirror, &rule->place, err, "more than %d pairs of a source and a target",
                        MIRROR_PAIRS_MAX);
  for (size_t t = 0; t < rule->target_count && rc == 0; t++)
    for (size_t s = 0; s < rule->source_count && rc == 0; s++)
      rc = check_pair(mirror, rule, &rule->sources[s], &rule->targets[t], err);
  return rc;
}

static int read_rule(struct reading *reading, const struct tree_node *node, struct err *err) {
  struct mirror_rule *rule = reading->rule;
  const struct tree *tree = reading->tree;
  int rc = value_map(tree, node, mirror_keys(MIRROR_RULE), err);
  if (rc == 0)
    rc = read_references(reading, node, "from", add_source, &rule->source_count, err);
  if (rc == 0)
    rc = read_references(reading, node, "to", add_target, &rule->target_count, err);
  if (rc != 0)
    return rc;
  const struct tree_node *tags = tree_get(node, "tags"), *delete = tree_get(node, "delete");
  if (tags)
    rc = read_tags(reading, tags, err);
  if (rc == 0 && delete)
    rc = value_bool(tree, delete, &rule->delete, err);
  if (rc == 0)
    rc = read_options(reading, node, err);
  return rc == 0 ? check_sources(reading, tags, delete, err) : rc;
}

struct mirror_rule *mirror_add_rule(struct mirror *mirror, const struct mirror_place *place) {
  mirror->rules = mem_realloc(mirror->rules, mirror->rule_count + 1, sizeof *mirror->rules);
  struct mirror_rule *rule = &mirror->rules[mirror->rule_count++];
  *rule = (struct mirror_rule){.place = *place};
  return rule;
}

static int read_rules(struct reading *reading, const struct tree_node *node, struct err *err) {
  int rc = 0;
  if (node->kind != TREE_LIST)
    return tree_error(reading->tree, node, err, "a list of mirrors is wanted here");
  for (size_t i = 0; i < node->count && rc == 0; i++) {
    struct mirror_place place = place_of(node->items[i]);
    reading->rule = mirror_add_rule(reading->mirror, &place);
    rc = read_rule(reading, node->items[i], err);
  }
  return rc;
}

/* -- the file -- */

static int read_registries(struct reading *reading, const struct tree_node *node, struct err *err) {
  struct mirror *mirror = reading->mirror;
  int rc = value_map(reading->tree, node, NULL, err);
  if (rc != 0)
    return rc;
  if (node->count > MIRROR_REGISTRIES_MAX)
    return tree_error(reading->tree, node, err, "more than %d registries", MIRROR_REGISTRIES_MAX);
  mirror->registries = mem_zalloc((node->count + 1) * sizeof *mirror->registries);
  for (size_t i = 0; i < node->count && rc == 0; i++) {
    struct mirror_registry *registry = &mirror->registries[i];
    rc = mirror_registry_read(reading->tree, node->keys[i], node->items[i], registry, err);
    const struct mirror_registry *before =
        rc == 0 ? mirror_find_registry(mirror, registry->host) : NULL;
    mirror->registry_count++;
    if (before)
      rc = mirror_error(mirror, &registry->place, err, "%s is there already, in line %d",
                        registry->host, before->place.line);
  }
  return rc;
}

static int read_defaults(struct reading *reading, const struct tree_node *node, struct err *err) {
  int rc = value_map(reading->tree, node, mirror_keys(MIRROR_DEFAULTS), err);
  reading->rule = &reading->defaults;
  return rc == 0 ? read_options(reading, node, err) : rc;
}

/* First of all: what another version's keys mean is not known here. */
static int read_version(struct reading *reading, const struct tree_node *root, struct err *err) {
  int rc = value_map(reading->tree, root, NULL, err);
  if (rc != 0)
    return rc;
  const struct tree_node *node = tree_get(root, "version");
  int64_t version;
  if (!node)
    return tree_error(reading->tree, root, err, "\"version: 1\" is missing");
  rc = value_number(reading->tree, node, 1, 1000, &version, err);
  if (rc == 0 && version != MIRROR_VERSION)
    rc = tree_error(reading->tree, node, err, "version %lld is not known here, only %d is",
                    (long long)version, MIRROR_VERSION);
  return rc;
}

static int read_file(struct reading *reading, struct err *err) {
  const struct tree_node *root = tree_root(reading->tree);
  int rc = read_version(reading, root, err);
  if (rc == 0)
    rc = value_map(reading->tree, root, mirror_keys(MIRROR_FILE), err);
  if (rc != 0)
    return rc;
  const struct tree_node *defaults = tree_get(root, "defaults"),
                         *registries = tree_get(root, "registries"),
                         *rules = tree_get(root, "mirrors");
  if (defaults)
    rc = read_defaults(reading, defaults, err);
  if (rc == 0 && registries)
    rc = read_registries(reading, registries, err);
  if (rc != 0)
    return rc;
  return rules ? read_rules(reading, rules, err)
               : tree_error(reading->tree, root, err, "\"mirrors\" is missing");
}

int mirror_check(const struct mirror *mirror, struct err *err) {
  struct claims *claims = claims_new(mirror);
  int rc = 0;
  for (size_t r = 0; r < mirror->rule_count; r++) {
    const struct mirror_rule *rule = &mirror->rules[r];
    for (size_t i = 0; i < rule->source_count * rule->target_count && rc == 0; i++) {
      const struct mirror_source *source = &rule->sources[i / rule->target_count];
      struct oci_ref ref = {0};
      if (!mirror_is_repository(source) &&
          mirror_expand(source, &rule->targets[i % rule->target_count], &ref, NULL) == 0)
        rc = claims_add(claims, rule, source, &source->ref, &ref, err);
      oci_ref_free(&ref);
    }
  }
  claims_free(claims);
  return rc;
}

int mirror_check_pairs(const struct mirror *mirror, struct err *err) {
  size_t pairs = 0;
  int rc = 0;
  for (size_t r = 0; r < mirror->rule_count && rc == 0; r++)
    rc = check_pairs(mirror, &mirror->rules[r], &pairs, err);
  return rc;
}

int mirror_parse(const char *name, const char *text, size_t len, const struct env *env,
                 struct mirror **out, struct err *err) {
  struct tree *tree;
  int rc = tree_parse(name, text, len, env, &tree, err);
  *out = NULL;
  if (rc != 0)
    return rc;
  struct mirror *mirror = mem_zalloc(sizeof *mirror);
  struct reading reading = {.tree = tree, .mirror = mirror};
  mirror->name = mem_strdup(name);
  rc = read_file(&reading, err);
  if (rc == 0)
    rc = mirror_check_pairs(mirror, err);
  if (rc == 0)
    rc = mirror_check(mirror, err);
  oci_platforms_free(&reading.defaults.platforms);
  tree_free(tree);
  if (rc == 0)
    *out = mirror;
  else
    mirror_free(mirror);
  return rc;
}

static void free_rule(struct mirror_rule *rule) {
  for (size_t i = 0; i < rule->source_count; i++)
    oci_ref_free(&rule->sources[i].ref);
  for (size_t i = 0; i < rule->target_count; i++)
    target_free(rule->targets[i].target);
  free(rule->sources);
  free(rule->targets);
  selection_free(rule->tags);
  oci_platforms_free(&rule->platforms);
}

void mirror_free(struct mirror *mirror) {
  if (!mirror)
    return;
  for (size_t i = 0; i < mirror->registry_count; i++)
    mirror_registry_free(&mirror->registries[i]);
  for (size_t i = 0; i < mirror->rule_count; i++)
    free_rule(&mirror->rules[i]);
  for (char **name = mirror->joined; name && *name; name++)
    free(*name);
  free(mirror->joined);
  free(mirror->registries);
  free(mirror->rules);
  free(mirror->name);
  free(mirror);
}

/* -- several files -- */

const char *mirror_add_name(struct mirror *mirror, const char *name) {
  size_t names = 0;
  while (mirror->joined && mirror->joined[names])
    names++;
  mirror->joined = mem_realloc(mirror->joined, names + 2, sizeof(char *));
  mirror->joined[names + 1] = NULL;
  return mirror->joined[names] = mem_strdup(name);
}

/* So that other's places name their file once they are mirror's. */
static void name_places(struct mirror *mirror, struct mirror *other) {
  const char *file = mirror_add_name(mirror, other->name);
  for (size_t i = 0; i < other->registry_count; i++) {
    struct mirror_place *place = &other->registries[i].place;
    place->file = place->file ? mirror_add_name(mirror, place->file) : file;
  }
  for (size_t r = 0; r < other->rule_count; r++) {
    struct mirror_rule *rule = &other->rules[r];
    rule->place.file = file;
    for (size_t i = 0; i < rule->source_count; i++)
      rule->sources[i].place.file = file;
    for (size_t i = 0; i < rule->target_count; i++)
      rule->targets[i].place.file = file;
  }
}

static void *append(void *to, size_t to_count, const void *from, size_t from_count, size_t size) {
  to = mem_realloc(to, to_count + from_count + 1, size);
  if (from_count)
    memcpy((char *)to + to_count * size, from, from_count * size);
  return to;
}

/* other is empty then. */
static void take_over(struct mirror *mirror, struct mirror *other) {
  name_places(mirror, other);
  mirror->rules = append(mirror->rules, mirror->rule_count, other->rules, other->rule_count,
                         sizeof *mirror->rules);
  mirror->rule_count += other->rule_count;
  mirror->registries = append(mirror->registries, mirror->registry_count, other->registries,
                              other->registry_count, sizeof *mirror->registries);
  mirror->registry_count += other->registry_count;
  other->rule_count = other->registry_count = 0;
  mirror_free(other);
}

int mirror_join(struct mirror *mirror, struct mirror *other, struct err *err) {
  int rc = 0;
  for (size_t i = 0; i < other->registry_count && rc == 0; i++) {
    const struct mirror_registry *own = &other->registries[i];
    const struct mirror_registry *before = mirror_find_registry(mirror, own->host);
    if (before && !mirror_registry_same(before, own))
      rc = mirror_error(other, &own->place, err, "%s is there already, in %s:%d", own->host,
                        before->place.file ? before->place.file : mirror->name, before->place.line);
  }
  take_over(mirror, other);
  return rc == 0 ? mirror_check(mirror, err) : rc;
}

/* -- questions -- */

int mirror_expand(const struct mirror_source *source, const struct mirror_target *target,
                  struct oci_ref *ref, struct err *err) {
  struct oci_ref image = source->ref;
  char tag[] = "tag";
  bool repository = mirror_is_repository(source);
  if (repository)
    image.tag = tag;
  int rc = target_expand(target->target, &image, ref, err);
  if (repository) {
    free(ref->tag);
    ref->tag = NULL;
  }
  return rc;
}

const struct mirror_registry *mirror_find_registry(const struct mirror *mirror, const char *host) {
  for (size_t i = 0; i < mirror->registry_count; i++)
    if (text_same(mirror->registries[i].host, host))
      return &mirror->registries[i];
  return NULL;
}
