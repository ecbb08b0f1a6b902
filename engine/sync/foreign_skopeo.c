/* skopeo sync --src yaml. Each top-level key is a registry, or a registry and what its repositories
 * begin with. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "sync/constraint.h"
#include "sync/foreign_reader.h"

/* Which tags of a repository are wanted. */
enum kind { BY_NAME, BY_EXPRESSION, BY_CONSTRAINT };

struct reading {
  struct foreign *foreign;
  const char *prefix; /* the registry's key */
  char *target;
  enum kind kind;
  struct mirror_rule *rule; /* the one in hand */
  char *repo;               /* its source without a tag */
};

static int add_image(void *arg, const struct tree_node *node, struct err *err) {
  const struct reading *reading = arg;
  bool digest = strchr(node->text, ':') != NULL;
  if (!digest && !oci_tag_valid(node->text))
    return tree_error(reading->foreign->tree, node, err, "\"%.200s\" is no tag and no digest",
                      node->text);
  char *text = mem_printf("%s%c%s", reading->repo, digest ? '@' : ':', node->text);
  int rc = foreign_add_source(reading->foreign, reading->rule, node, text, err);
  free(text);
  return rc;
}

/* A list of tags and digests; an empty one is all tags. */
static int read_names(struct reading *reading, const struct tree_node *key,
                      const struct tree_node *value, struct err *err) {
  struct mirror_rule *rule = reading->rule;
  int rc =
      value_is_null(value) ? 0 : foreign_texts(reading->foreign, value, add_image, reading, err);
  return rc == 0 && !rule->source_count
             ? foreign_add_source(reading->foreign, rule, key, reading->repo, err)
             : rc;
}

static int read_constraint(struct reading *reading, const struct tree_node *node, const char *text,
                           struct err *err) {
  struct range *range;
  struct err why;
  if (constraint_parse(text, CONSTRAINT_MASTERMINDS, &range, &why) != 0)
    return tree_error(reading->foreign->tree, node, err, "%s", why.message);
  selection_include_pattern(reading->rule->tags, pattern_of_range(range));
  return 0;
}

static int read_selection(struct reading *reading, const struct tree_node *key,
                          const struct tree_node *value, struct err *err) {
  struct mirror_rule *rule = reading->rule;
  const char *text;
  int rc = foreign_add_source(reading->foreign, rule, key, reading->repo, err);
  if (rc == 0)
    rc = value_text(reading->foreign->tree, value, &text, err);
  if (rc != 0)
    return rc;
  rule->tags = selection_new();
  return reading->kind == BY_CONSTRAINT
             ? read_constraint(reading, value, text, err)
             : foreign_add_expression(reading->foreign, rule->tags, selection_include, value, text,
                                      false, err);
}

static int read_repo(void *arg, const struct tree_node *key, const struct tree_node *value,
                     struct err *err) {
  struct reading *reading = arg;
  struct mirror_place place = foreign_place(key), target_place = place;
  struct oci_ref ref;
  struct err why;
  reading->repo = mem_printf("%s/%s", reading->prefix, key->text);
  reading->rule = mirror_add_rule(reading->foreign->mirror, &place);
  int rc = oci_ref_parse_repo(reading->repo, &ref, &why);
  oci_ref_free(&ref);
  if (rc == 0)
    rc = mirror_add_target(reading->rule, &target_place, reading->target, &why);
  if (rc != 0)
    rc = tree_error(reading->foreign->tree, key, err, "%s", why.message);
  else if (reading->kind == BY_NAME)
    rc = read_names(reading, key, value, err);
  else
    rc = read_selection(reading, key, value, err);
  free(reading->repo);
  return rc;
}

static int read_images(struct reading *reading, const struct tree_node *node, struct err *err) {
  static const char *const keys[] = {
      [BY_NAME] = "images",
      [BY_EXPRESSION] = "images-by-tag-regex",
      [BY_CONSTRAINT] = "images-by-semver",
  };
  int rc = 0;
  for (reading->kind = BY_NAME; reading->kind <= BY_CONSTRAINT && rc == 0; reading->kind++) {
    const struct tree_node *images = foreign_get(node, keys[reading->kind]);
    rc = images ? foreign_each(reading->foreign, images, read_repo, reading, err) : 0;
  }
  return rc;
}

static int read_credentials(struct reading *reading, const struct tree_node *node,
                            struct mirror_registry *registry, struct err *err) {
  const struct tree *tree = reading->foreign->tree;
  const char *user = "", *password = "";
  int rc = foreign_map(reading->foreign, node, SKOPEO_CREDENTIALS, "credentials", err);
  if (rc != 0)
    return rc;
  const struct tree_node *user_node = foreign_get(node, "username");
  const struct tree_node *password_node = foreign_get(node, "password");
  if (user_node)
    rc = value_text(tree, user_node, &user, err);
  if (rc == 0 && password_node)
    rc = value_text(tree, password_node, &password, err);
  if (rc == 0)
    foreign_login(reading->foreign, node, registry, user, password);
  return rc;
}

static int read_settings(struct reading *reading, const struct tree_node *key,
                         const struct tree_node *node, struct err *err) {
  struct foreign *foreign = reading->foreign;
  const struct tree_node *credentials = foreign_get(node, "credentials");
  struct mirror_registry *registry = NULL;
  bool verify = true;
  int rc = foreign_bool(foreign, foreign_get(node, "tls-verify"), &verify, err);
  if (rc != 0 || (verify && !credentials))
    return rc;
  char *host = mem_strndup(key->text, strcspn(key->text, "/"));
  rc = foreign_registry(foreign, key, host, &registry, err);
  if (rc == 0 && !oci_host_is_loopback(host)) /* where plain HTTP is what dray does anyway */
    registry->insecure |= !verify;
  free(host);
  if (rc != 0)
    return rc;
  return credentials ? read_credentials(reading, credentials, registry, err) : 0;
}

/* One without images may be no registry at all, but an anchor's home. */
static int read_registry(void *arg, const struct tree_node *key, const struct tree_node *value,
                         struct err *err) {
  struct reading *reading = arg;
  struct foreign *foreign = reading->foreign;
  size_t before = foreign->mirror->rule_count;
  int rc = foreign_map(foreign, value, SKOPEO_REGISTRY, key->text, err);
  reading->prefix = key->text;
  if (rc == 0)
    rc = read_images(reading, value, err);
  if (rc == 0 && foreign->mirror->rule_count > before)
    return read_settings(reading, key, value, err);
  if (rc == 0)
    foreign_warn(foreign, key, "%s has no images: it is left out", key->text);
  return rc;
}

char *foreign_skopeo_target(const struct foreign_options *options) {
  size_t len = strlen(options->to);
  while (len && options->to[len - 1] == '/')
    len--;
  return mem_printf("%.*s/%s", (int)len, options->to, options->scoped ? "{host}/{path}" : "{name}");
}

int foreign_read_skopeo(struct foreign *foreign, struct err *err) {
  struct reading reading = {.foreign = foreign, .target = foreign_skopeo_target(foreign->options)};
  int rc = foreign_each(foreign, tree_root(foreign->tree), read_registry, &reading, err);
  free(reading.target);
  return rc;
}
