/* regsync.yml. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "sync/constraint.h"
#include "sync/foreign_reader.h"

enum { REQUESTS_MAX = 100000, CONNECTIONS_MIN = 2, CONNECTIONS_MAX = 1024 };

struct reading {
  struct foreign *foreign;
  const struct tree_node *defaults; /* NULL: none */
  const struct tree_node *entry;    /* of sync: the one in hand */
  struct mirror_rule *rule;         /* likewise */
  char *source, *target;            /* of the entry, without a tag for a repository */
};

/* The value of a key as a text, its templates run; "" where it is missing. The caller's. */
static int read_template(struct foreign *foreign, const struct tree_node *map, const char *key,
                         const char *source, char **out, struct err *err) {
  const struct tree_node *node = foreign_get(map, key);
  struct expand expand = {.env = foreign->env,
                          .file = foreign->options->file,
                          .file_arg = foreign->options->file_arg,
                          .source = source};
  const char *text = "";
  struct err why;
  *out = NULL;
  int rc = node ? value_text(foreign->tree, node, &text, err) : 0;
  if (rc != 0)
    return rc;
  if (expand_template(&expand, text, out, &why) != 0)
    return tree_error(foreign->tree, node, err, "%s", why.message);
  if (*expand.unset)
    foreign_warn(foreign, node, "the environment variable %s is not set", expand.unset);
  return 0;
}

static void wipe(char *text) {
  if (text)
    mem_wipe(text, strlen(text));
  free(text);
}

/* -- creds -- */

static int read_tls(struct foreign *foreign, const struct tree_node *node,
                    struct mirror_registry *registry, struct err *err) {
  const char *text = "";
  int rc = node ? value_text(foreign->tree, node, &text, err) : 0;
  if (rc != 0 || !*text)
    return rc;
  registry->tls = text_same(text, "enabled");
  registry->insecure = text_same(text, "insecure");
  registry->plain_http = text_same(text, "disabled");
  return registry->tls || registry->insecure || registry->plain_http
             ? 0
             : tree_error(foreign->tree, node, err, "enabled, insecure or disabled is wanted here");
}

static int read_number(struct foreign *foreign, const struct tree_node *node, int64_t max,
                       int64_t *number, struct err *err) {
  *number = 0;
  return node ? value_number(foreign->tree, node, 0, max, number, err) : 0;
}

/* A request every few seconds is one a second here. */
static int read_rate(struct foreign *foreign, const struct tree_node *node,
                     struct mirror_registry *registry, struct err *err) {
  const char *text = "0";
  char *end;
  int rc = node ? value_text(foreign->tree, node, &text, err) : 0;
  if (rc != 0)
    return rc;
  double rate = strtod(text, &end);
  if (*end || !isfinite(rate) || rate < 0 || strpbrk(text, "xXpP"))
    return tree_error(foreign->tree, node, err, "a number is wanted here");
  if (rate > REQUESTS_MAX) /* as good as none */
    return 0;
  registry->requests_per_second = rate > 0 && rate < 1 ? 1 : (int)rate;
  if (rate > 0 && rate < 1)
    foreign_warn(foreign, node, "a reqPerSec below 1 is 1 here");
  return 0;
}

static int read_limits(struct foreign *foreign, const struct tree_node *node,
                       struct mirror_registry *registry, struct err *err) {
  const struct tree_node *concurrent = foreign_get(node, "reqConcurrent");
  int64_t connections, chunk;
  int rc = read_rate(foreign, foreign_get(node, "reqPerSec"), registry, err);
  if (rc == 0)
    rc = read_number(foreign, concurrent, INT32_MAX, &connections, err);
  if (rc == 0)
    rc = read_number(foreign, foreign_get(node, "blobChunk"), INT64_MAX, &chunk, err);
  if (rc != 0)
    return rc;
  if (connections == 1)
    foreign_warn(foreign, concurrent, "a reqConcurrent of 1 is 2 connections here");
  if (connections)
    registry->max_connections = connections < CONNECTIONS_MIN   ? CONNECTIONS_MIN
                                : connections > CONNECTIONS_MAX ? CONNECTIONS_MAX
                                                                : (int)connections;
  if (chunk)
    registry->chunk_size = chunk;
  return 0;
}

static int read_login(struct foreign *foreign, const struct tree_node *node,
                      struct mirror_registry *registry, struct err *err) {
  char *user = NULL, *password = NULL;
  int rc = read_template(foreign, node, "user", NULL, &user, err);
  if (rc == 0)
    rc = read_template(foreign, node, "pass", NULL, &password, err);
  if (rc == 0)
    foreign_login(foreign, node, registry, user, password);
  free(user);
  wipe(password);
  return rc;
}

static int read_creds(struct foreign *foreign, const struct tree_node *node, struct err *err) {
  struct mirror_registry *registry = NULL;
  char *host = NULL;
  int rc = foreign_map(foreign, node, REGSYNC_CREDS, "creds", err);
  if (rc == 0)
    rc = read_template(foreign, node, "registry", NULL, &host, err);
  if (rc == 0)
    rc = foreign_registry(foreign, node, host, &registry, err);
  free(host);
  if (rc == 0)
    rc = read_tls(foreign, foreign_get(node, "tls"), registry, err);
  if (rc == 0)
    rc = read_login(foreign, node, registry, err);
  return rc == 0 ? read_limits(foreign, node, registry, err) : rc;
}

/* -- sync: the tags of a repository -- */

struct set {
  struct foreign *foreign;
  struct selection *tags;
};

static int add_constraint(void *arg, const struct tree_node *node, struct err *err) {
  const struct set *set = arg;
  struct range *range;
  struct err why;
  if (!*node->text)
    return 0;
  if (constraint_parse(node->text, CONSTRAINT_REGCLIENT, &range, &why) != 0)
    return tree_error(set->foreign->tree, node, err, "%s", why.message);
  selection_include_pattern(set->tags, pattern_of_range(range));
  return 0;
}

static int add_allowed(void *arg, const struct tree_node *node, struct err *err) {
  const struct set *set = arg;
  return foreign_add_expression(set->foreign, set->tags, selection_require, node, node->text, true,
                                err);
}

static int add_denied(void *arg, const struct tree_node *node, struct err *err) {
  const struct set *set = arg;
  return foreign_add_expression(set->foreign, set->tags, selection_exclude, node, node->text, true,
                                err);
}

/* A version of semverRange, and one that allow has, and none that deny has. */
static int read_set(struct foreign *foreign, const struct tree_node *node, const char *what,
                    struct selection *tags, struct err *err) {
  struct set set = {foreign, tags};
  int rc = foreign_map(foreign, node, REGSYNC_TAGS, what, err);
  if (rc == 0)
    rc = foreign_texts(foreign, foreign_get(node, "semverRange"), add_constraint, &set, err);
  if (rc == 0)
    rc = foreign_texts(foreign, foreign_get(node, "allow"), add_allowed, &set, err);
  if (rc == 0)
    rc = foreign_texts(foreign, foreign_get(node, "deny"), add_denied, &set, err);
  return rc;
}

/* -- sync: an entry -- */

/* The entry's own, or the default. */
static const struct tree_node *option(const struct reading *reading, const char *key) {
  const struct tree_node *own = foreign_get(reading->entry, key);
  return own || !reading->defaults ? own : foreign_get(reading->defaults, key);
}

static int add_platform(void *arg, const struct tree_node *node, struct err *err) {
  const struct reading *reading = arg;
  struct err why;
  return mirror_add_platform(reading->rule, node->text, &why) == 0
             ? 0
             : tree_error(reading->foreign->tree, node, err, "%s", why.message);
}

static int read_platforms(struct reading *reading, struct err *err) {
  const struct tree_node *one = foreign_get(reading->entry, "platform");
  const struct tree_node *many = foreign_get(reading->entry, "platforms");
  if (one && one->kind == TREE_TEXT && !*one->text)
    one = NULL;
  if (many && one) /* the image of one platform has no others */
    foreign_warn(reading->foreign, many, "\"platforms\" has no meaning beside \"platform\"");
  else if (many)
    foreign_warn(
        reading->foreign, many,
        "\"platforms\" makes a smaller image (for one platform its own manifest, for several "
        "a new index): with --sparse the index stays as it is, as regsync leaves it");
  return foreign_texts(reading->foreign, one ? one : many, add_platform, reading, err);
}

static int read_referrers(struct reading *reading, struct err *err) {
  const struct tree_node *digest_tags = option(reading, "digestTags");
  bool tags = false;
  int rc =
      foreign_bool(reading->foreign, option(reading, "referrers"), &reading->rule->referrers, err);
  if (rc == 0)
    rc = foreign_bool(reading->foreign, digest_tags, &tags, err);
  if (rc == 0 && tags && !reading->rule->referrers) {
    reading->rule->referrers = true;
    foreign_warn(
        reading->foreign, digest_tags,
        "\"digestTags\" is done as referrers: true, which has all that refers to an image");
  }
  return rc;
}

/* A rule from source to target, with the options of the entry. */
static int add_rule(struct reading *reading, struct err *err) {
  struct foreign *foreign = reading->foreign;
  struct mirror_place place = foreign_place(reading->entry);
  reading->rule = mirror_add_rule(foreign->mirror, &place);
  int rc = foreign_add_source(foreign, reading->rule, foreign_get(reading->entry, "source"),
                              reading->source, err);
  if (rc == 0)
    rc = foreign_add_target(foreign, reading->rule, foreign_get(reading->entry, "target"),
                            reading->target, err);
  if (rc == 0)
    rc = read_platforms(reading, err);
  return rc == 0 ? read_referrers(reading, err) : rc;
}

static int add_set(struct reading *reading, const struct tree_node *set, const char *what,
                   struct err *err) {
  int rc = add_rule(reading, err);
  if (rc == 0)
    reading->rule->tags = selection_new();
  return rc == 0 ? read_set(reading->foreign, set, what, reading->rule->tags, err) : rc;
}

static bool has_patterns(const struct tree_node *set) {
  static const char *const keys[] = {"allow", "deny", "semverRange"};
  for (size_t i = 0; set && i < sizeof keys / sizeof *keys; i++) {
    const struct tree_node *patterns = foreign_get(set, keys[i]);
    if (patterns && (patterns->kind != TREE_LIST || patterns->count))
      return true;
  }
  return false;
}

/* All tags that one of the sets has: a rule each. */
static int read_repository(struct reading *reading, struct err *err) {
  const struct foreign *foreign = reading->foreign;
  const struct tree_node *sets = foreign_get(reading->entry, "tagSets");
  const struct tree_node *tags = foreign_get(reading->entry, "tags");
  const struct {
    const char *key, *text;
  } repos[] = {{"source", reading->source}, {"target", reading->target}};
  int rc = 0;
  for (size_t i = 0; i < 2; i++) { /* tags are put behind them */
    struct oci_ref ref;
    struct err why;
    rc = oci_ref_parse_repo(repos[i].text, &ref, &why);
    oci_ref_free(&ref);
    if (rc != 0)
      return tree_error(foreign->tree, foreign_get(reading->entry, repos[i].key), err, "%s",
                        why.message);
  }
  if (sets && sets->kind != TREE_LIST)
    return tree_error(foreign->tree, sets, err, "a list is wanted here");
  for (size_t i = 0; sets && i < sets->count && rc == 0; i++)
    rc = add_set(reading, sets->items[i], "tagSets", err);
  if (rc == 0 && (has_patterns(tags) || (tags && tags->kind != TREE_MAP)))
    rc = add_set(reading, tags, "tags", err);
  else if (rc == 0 && tags)
    rc = foreign_map(reading->foreign, tags, REGSYNC_TAGS, "tags", err);
  if (rc == 0 && (!sets || !sets->count) && !has_patterns(tags))
    rc = add_rule(reading, err);
  return rc;
}

/* regsync's references have a tag always, at the target too. */
static int read_image(struct reading *reading, struct err *err) {
  static const char *const keys[] = {"tags", "tagSets"};
  char **const references[] = {&reading->source, &reading->target};
  for (size_t i = 0; i < 2; i++) {
    const struct tree_node *node = foreign_get(reading->entry, keys[i]);
    struct oci_ref ref;
    if (node)
      foreign_warn(reading->foreign, node, "\"%s\" has no meaning with type: image", keys[i]);
    if (oci_ref_parse(*references[i], &ref, NULL) == 0 && ref.transport == OCI_REGISTRY &&
        !ref.tag && !oci_digest_is_set(&ref.digest)) {
      char *latest = mem_printf("%s:latest", *references[i]);
      free(*references[i]);
      *references[i] = latest;
    }
    oci_ref_free(&ref);
  }
  return add_rule(reading, err);
}

static int read_type(struct reading *reading, struct err *err) {
  const struct tree *tree = reading->foreign->tree;
  const struct tree_node *node = foreign_get(reading->entry, "type");
  const char *type;
  if (!node)
    return tree_error(tree, reading->entry, err, "\"type\" is missing: repository or image");
  int rc = value_text(tree, node, &type, err);
  if (rc != 0)
    return rc;
  if (strcmp(type, "registry") == 0)
    return tree_error(
        tree, node, err,
        "dray does not ask a registry for its catalogue: an entry of type: repository "
        "is wanted for each repository");
  if (strcmp(type, "repository") == 0)
    return read_repository(reading, err);
  return strcmp(type, "image") == 0
             ? read_image(reading, err)
             : tree_error(tree, node, err, "repository or image is wanted here");
}

static int read_entry(struct reading *reading, struct err *err) {
  struct foreign *foreign = reading->foreign;
  int rc = foreign_map(foreign, reading->entry, REGSYNC_SYNC, "sync", err);
  static const char *const wanted[] = {"source", "target"};
  for (size_t i = 0; i < 2 && rc == 0; i++)
    if (!foreign_get(reading->entry, wanted[i]))
      rc = tree_error(foreign->tree, reading->entry, err, "\"%s\" is missing", wanted[i]);
  reading->source = reading->target = NULL;
  if (rc == 0)
    rc = read_template(foreign, reading->entry, "source", NULL, &reading->source, err);
  if (rc == 0)
    rc = read_template(foreign, reading->entry, "target", reading->source, &reading->target, err);
  if (rc == 0)
    rc = read_type(reading, err);
  free(reading->source);
  free(reading->target);
  return rc;
}

/* -- the file -- */

static int check_version(struct foreign *foreign, const struct tree_node *node, struct err *err) {
  int64_t version = 0;
  int rc = read_number(foreign, node, 1000, &version, err);
  return rc == 0 && version > 1
             ? tree_error(foreign->tree, node, err, "version %lld is not known here, only 1 is",
                          (long long)version)
             : rc;
}

static int check_list(struct foreign *foreign, const struct tree_node *node, struct err *err) {
  return node && node->kind != TREE_LIST
             ? tree_error(foreign->tree, node, err, "a list is wanted here")
             : 0;
}

int foreign_read_regsync(struct foreign *foreign, struct err *err) {
  const struct tree_node *root = tree_root(foreign->tree), *creds = foreign_get(root, "creds"),
                         *sync = foreign_get(root, "sync");
  struct reading reading = {.foreign = foreign, .defaults = foreign_get(root, "defaults")};
  int rc = foreign_map(foreign, root, REGSYNC_FILE, "the file", err);
  if (rc == 0)
    rc = check_version(foreign, foreign_get(root, "version"), err);
  if (rc == 0 && reading.defaults)
    rc = foreign_map(foreign, reading.defaults, REGSYNC_DEFAULTS, "defaults", err);
  if (rc == 0)
    rc = check_list(foreign, creds, err);
  if (rc == 0)
    rc = check_list(foreign, sync, err);
  for (size_t i = 0; creds && i < creds->count && rc == 0; i++)
    rc = read_creds(foreign, creds->items[i], err);
  for (size_t i = 0; sync && i < sync->count && rc == 0; i++) {
    reading.entry = sync->items[i];
    rc = read_entry(&reading, err);
  }
  return rc;
}
