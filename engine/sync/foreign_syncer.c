/* image-syncer's images.yaml and auth.yaml, or both in one file (its older form). */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "sync/foreign_reader.h"
#include "sync/mirror_registry.h"

/* REPO[:TAG[,TAG…]], REPO@DIGEST or REPO:/EXPRESSION/. */
struct reference {
  char *repo;
  char *tags;       /* with commas in between; NULL: none */
  char *digest;     /* NULL: none; a tag in front of it means nothing there */
  char *expression; /* NULL: none */
};

static void free_reference(struct reference *reference) {
  free(reference->repo);
  free(reference->tags);
  free(reference->digest);
  free(reference->expression);
  *reference = (struct reference){0};
}

/* What begins the tag, or the end. */
static const char *tag_of(const char *text, size_t len) {
  const char *colon = memrchr(text, ':', len), *slash = memrchr(text, '/', len);
  return colon && (!slash || colon > slash) ? colon : text + len;
}

static void split(const char *text, struct reference *reference) {
  const char *expression = strstr(text, ":/"), *at = strchr(text, '@');
  size_t len = expression ? (size_t)(expression - text) : at ? (size_t)(at - text) : strlen(text);
  const char *tag = expression ? expression : tag_of(text, len);
  *reference = (struct reference){.repo = mem_strndup(text, (size_t)(tag - text))};
  if (expression)
    reference->expression = mem_strdup(expression + 2);
  else if (at)
    reference->digest = mem_strdup(at + 1);
  else if (*tag)
    reference->tags = mem_strdup(tag + 1);
}

static size_t count_tags(const char *tags) {
  size_t count = tags != NULL;
  for (; tags && *tags; tags++)
    count += *tags == ',';
  return count;
}

struct reading {
  struct foreign *foreign;
  const struct tree_node *key; /* the source's */
  struct reference source;
  size_t shared; /* the rule of the targets without a tag, plus 1; 0: there is none yet */
};

/* -- a source -- */

static int add_tag(struct reading *reading, struct mirror_rule *rule, const char *tag, size_t len,
                   struct err *err) {
  char *copy = mem_strndup(tag, len);
  char *text = mem_printf("%s:%s", reading->source.repo, copy);
  int rc = oci_tag_valid(copy) ? foreign_add_source(reading->foreign, rule, reading->key, text, err)
                               : tree_error(reading->foreign->tree, reading->key, err,
                                            "\"%.200s\" is no tag", copy);
  free(copy);
  free(text);
  return rc;
}

static int add_expression(struct reading *reading, struct mirror_rule *rule, struct err *err) {
  char *expression = reading->source.expression;
  size_t len = strlen(expression);
  if (!len || expression[len - 1] != '/')
    return tree_error(reading->foreign->tree, reading->key, err,
                      "an expression for tags ends with a slash, as in REPO:/EXPRESSION/");
  char *inner = mem_strndup(expression, len - 1);
  rule->tags = selection_new();
  int rc = foreign_add_expression(reading->foreign, rule->tags, selection_include, reading->key,
                                  inner, false, err);
  free(inner);
  return rc;
}

static int add_sources(struct reading *reading, struct mirror_rule *rule, struct err *err) {
  const struct reference *source = &reading->source;
  int rc = 0;
  for (const char *tag = source->tags; tag && rc == 0;) {
    size_t len = strcspn(tag, ",");
    rc = add_tag(reading, rule, tag, len, err);
    tag = tag[len] ? tag + len + 1 : NULL;
  }
  if (source->tags)
    return rc;
  char *text =
      source->digest ? mem_printf("%s@%s", source->repo, source->digest) : mem_strdup(source->repo);
  rc = foreign_add_source(reading->foreign, rule, reading->key, text, err);
  free(text);
  return rc == 0 && source->expression ? add_expression(reading, rule, err) : rc;
}

/* -- its targets -- */

static struct mirror_rule *new_rule(struct reading *reading) {
  struct mirror_place place = foreign_place(reading->key);
  return mirror_add_rule(reading->foreign->mirror, &place);
}

/* A rule for each pair of tags. */
static int add_pairs(struct reading *reading, const struct tree_node *node,
                     const struct reference *target, struct err *err) {
  const char *from = reading->source.tags, *to = target->tags;
  int rc = 0;
  while (rc == 0) {
    size_t from_len = strcspn(from, ","), to_len = strcspn(to, ",");
    struct mirror_rule *rule = new_rule(reading);
    char *text = mem_printf("%s:%.*s", target->repo, (int)to_len, to);
    rc = add_tag(reading, rule, from, from_len, err);
    if (rc == 0)
      rc = foreign_add_target(reading->foreign, rule, node, text, err);
    free(text);
    if (!from[from_len])
      break;
    from += from_len + 1;
    to += to_len + 1;
  }
  return rc;
}

static int add_plain(struct reading *reading, const struct tree_node *node, const char *repo,
                     struct err *err) {
  struct mirror *mirror = reading->foreign->mirror;
  int rc = 0;
  if (!reading->shared) {
    rc = add_sources(reading, new_rule(reading), err);
    reading->shared = mirror->rule_count;
  }
  return rc == 0 ? foreign_add_target(reading->foreign, &mirror->rules[reading->shared - 1], node,
                                      repo, err)
                 : rc;
}

static int add_one_tag(struct reading *reading, const struct tree_node *node,
                       const struct reference *target, struct err *err) {
  struct mirror_rule *rule = new_rule(reading);
  char *text = mem_printf("%s:%s", target->repo, target->tags);
  int rc = add_sources(reading, rule, err);
  if (rc == 0)
    rc = foreign_add_target(reading->foreign, rule, node, text, err);
  free(text);
  return rc;
}

static int add_target(struct reading *reading, const struct tree_node *node,
                      const struct reference *target, struct err *err) {
  const struct reference *source = &reading->source;
  const struct tree *tree = reading->foreign->tree;
  if (target->expression)
    return tree_error(tree, node, err, "a target has no expression for tags");
  if (target->digest && (!source->digest || strcmp(target->digest, source->digest) != 0))
    return tree_error(tree, node, err, "a target's digest has to be the source's");
  if (!target->tags)
    return add_plain(reading, node, target->repo, err);
  if (source->digest && count_tags(target->tags) == 1)
    return add_one_tag(reading, node, target, err);
  if (count_tags(source->tags) != count_tags(target->tags))
    return tree_error(tree, node, err,
                      "the target has %zu tags and the source %zu: as many are wanted, or none at "
                      "the target",
                      count_tags(target->tags), count_tags(source->tags));
  return add_pairs(reading, node, target, err);
}

static int expand(struct foreign *foreign, const struct tree_node *node, char **out,
                  struct err *err) {
  struct expand expand = {.env = foreign->env};
  struct err why;
  if (expand_shell(&expand, node->text, out, &why) != 0)
    return tree_error(foreign->tree, node, err, "%s", why.message);
  if (*expand.unset)
    foreign_warn(foreign, node, "the environment variable %s is not set", expand.unset);
  return 0;
}

static int read_target(void *arg, const struct tree_node *node, struct err *err) {
  struct reading *reading = arg;
  struct reference target;
  char *text;
  int rc = expand(reading->foreign, node, &text, err);
  if (rc != 0)
    return rc;
  split(text, &target);
  rc = *text ? add_target(reading, node, &target, err)
             : tree_error(reading->foreign->tree, node, err, "the target is empty");
  free_reference(&target);
  free(text);
  return rc;
}

static int read_pair(void *arg, const struct tree_node *key, const struct tree_node *value,
                     struct err *err) {
  struct reading reading = {.foreign = arg, .key = key};
  split(key->text, &reading.source);
  int rc = value_each(reading.foreign->tree, value, read_target, &reading, err);
  if (rc == 0 && value->kind == TREE_LIST && value->count == 0)
    rc = tree_error(reading.foreign->tree, value, err, "the list of targets is empty");
  free_reference(&reading.source);
  return rc;
}

/* -- who logs in -- */

struct auth {
  struct foreign *foreign;
  bool expand;     /* variables in it? */
  bool namespaces; /* is it the turn of keys with a slash in them? */
};

static bool is_below(const struct oci_repo *repo, const char *host, const char *path, size_t len) {
  return !text_same(repo->host, host) ||
         (strncmp(repo->path, path, len) == 0 && repo->path[len] == '/');
}

/* Is everything that the rules have at host below path? Then a login for that is the registry's. */
static bool covers(const struct mirror *mirror, const char *host, const char *path) {
  size_t len = strlen(path);
  bool all = true;
  while (len && path[len - 1] == '/')
    len--;
  for (size_t r = 0; r < mirror->rule_count && all; r++) {
    const struct mirror_rule *rule = &mirror->rules[r];
    for (size_t i = 0; i < rule->source_count && all; i++)
      all = is_below(&rule->sources[i].ref.repo, host, path, len);
    for (size_t i = 0; i < rule->target_count && all; i++) {
      struct oci_ref ref;
      all = oci_ref_parse(target_text(rule->targets[i].target), &ref, NULL) == 0 &&
            is_below(&ref.repo, host, path, len);
      oci_ref_free(&ref);
    }
  }
  return all;
}

static int read_word(const struct auth *auth, const struct tree_node *map, const char *key,
                     char **out, struct err *err) {
  const struct tree_node *node = foreign_get(map, key);
  const char *text = "";
  int rc = node ? value_text(auth->foreign->tree, node, &text, err) : 0;
  *out = NULL;
  if (rc != 0 || !node || !auth->expand)
    *out = rc == 0 ? mem_strdup(text) : NULL;
  else
    rc = expand(auth->foreign, node, out, err);
  return rc;
}

static int read_login(const struct auth *auth, const struct tree_node *node,
                      struct mirror_registry *registry, struct err *err) {
  char *user = NULL, *password = NULL;
  bool insecure = false;
  int rc = read_word(auth, node, "username", &user, err);
  if (rc == 0)
    rc = read_word(auth, node, "password", &password, err);
  if (rc == 0)
    rc = foreign_bool(auth->foreign, foreign_get(node, "insecure"), &insecure, err);
  if (rc == 0) {
    registry->plain_http |= insecure;
    foreign_login(auth->foreign, node, registry, user, password);
  }
  if (password)
    mem_wipe(password, strlen(password));
  free(user);
  free(password);
  return rc;
}

static int read_entry(void *arg, const struct tree_node *key, const struct tree_node *value,
                      struct err *err) {
  const struct auth *auth = arg;
  struct foreign *foreign = auth->foreign;
  const char *slash = strchr(key->text, '/');
  struct mirror_registry *registry;
  if (auth->namespaces != (slash != NULL))
    return 0;
  int rc = foreign_map(foreign, value, SYNCER_AUTH, "auth", err);
  if (rc != 0)
    return rc;
  char *host = mem_strndup(key->text, slash ? (size_t)(slash - key->text) : strlen(key->text));
  char *known = mirror_registry_host(host);
  if (known && slash && !covers(foreign->mirror, known, slash + 1))
    foreign_warn(
        foreign, key,
        "the login to %.200s is left out: dray has one a registry, and not all images at %s "
        "are below that (the keys of a docker config.json, --authfile, may be "
        "HOST/NAMESPACE)",
        key->text, known);
  else if ((rc = foreign_registry(foreign, key, host, &registry, err)) == 0)
    rc = read_login(auth, value, registry, err);
  free(known);
  free(host);
  return rc;
}

/* Logins to namespaces first: there they win over their registry's. */
static int read_auth(struct foreign *foreign, const struct tree_node *node, bool expand_too,
                     struct err *err) {
  struct auth auth = {.foreign = foreign, .expand = expand_too, .namespaces = true};
  int rc = foreign_each(foreign, node, read_entry, &auth, err);
  auth.namespaces = false;
  return rc == 0 ? foreign_each(foreign, node, read_entry, &auth, err) : rc;
}

int foreign_read_auth(struct foreign *foreign, struct err *err) {
  return read_auth(foreign, tree_root(foreign->tree), true, err);
}

/* -- the file -- */

int foreign_read_syncer(struct foreign *foreign, struct err *err) {
  const struct tree_node *root = tree_root(foreign->tree), *images = foreign_get(root, "images"),
                         *auth = foreign_get(root, "auth");
  if (!images || images->kind != TREE_MAP)
    return foreign_each(foreign, root, read_pair, foreign, err);
  int rc = foreign_map(foreign, root, SYNCER_FILE, "the file", err);
  if (rc == 0)
    rc = foreign_each(foreign, images, read_pair, foreign, err);
  return rc == 0 && auth ? read_auth(foreign, auth, false, err) : rc;
}
