#include "sync/shard.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"
#include "oci/digest.h"

/* A repository; a tree of them is a group. */
struct node {
  struct node *parent; /* itself: the root */
  const char *least;   /* at the root: the least source's name; NULL: none yet */
  char name[];
};

struct shard_plan {
  struct map *sources, *targets; /* name -> struct node */
};

/* -- which part -- */

static int bad_env(struct err *err, const char *name, const char *wanted) {
  return err_set(err, ERR_CONFIG, "--shard auto: %s is not set, or not %s", name, wanted);
}

static bool number_of(const struct env *env, const char *name, int64_t min, int64_t max,
                      int64_t *number) {
  const char *text = env->get(env->arg, name);
  return text && text_number(text, min, max, number) == 0;
}

static int parse_auto(int shards, const struct env *env, struct shard *shard, struct err *err) {
  int64_t index = 1, count = shards;
  if (env->get(env->arg, "CI_NODE_INDEX")) {
    if (!number_of(env, "CI_NODE_TOTAL", 1, SHARDS_MAX, &count))
      return bad_env(err, "CI_NODE_TOTAL", "a number of parts");
    if (!number_of(env, "CI_NODE_INDEX", 1, count, &index))
      return bad_env(err, "CI_NODE_INDEX", "a number from 1 to CI_NODE_TOTAL");
  } else if (env->get(env->arg, "JOB_COMPLETION_INDEX")) {
    if (shards == 0)
      return err_set(err, ERR_USAGE,
                     "--shard auto: JOB_COMPLETION_INDEX is set, which wants "
                     "--shards N with the job's number of completions");
    if (!number_of(env, "JOB_COMPLETION_INDEX", 0, count - 1, &index))
      return bad_env(err, "JOB_COMPLETION_INDEX", "a number below that of --shards");
    index++;
  } else if (!number_of(env, "CI_NODE_TOTAL", 1, 1, &count)) {
    return err_set(err, ERR_CONFIG,
                   "--shard auto: neither CI_NODE_INDEX and CI_NODE_TOTAL nor "
                   "JOB_COMPLETION_INDEX are set");
  }
  *shard = (struct shard){(int)index, (int)count};
  return 0;
}

int shard_parse(const char *text, int shards, const struct env *env, struct shard *shard,
                struct err *err) {
  if (strcmp(text, "auto") == 0)
    return parse_auto(shards, env, shard, err);
  int64_t index, count;
  const char *slash = strchr(text, '/');
  char *first = mem_strndup(text, slash ? (size_t)(slash - text) : 0);
  bool ok = slash && text_number(slash + 1, 1, SHARDS_MAX, &count) == 0 &&
            text_number(first, 1, count, &index) == 0;
  free(first);
  if (!ok)
    return err_set(err, ERR_USAGE,
                   "\"%.100s\" is no part: I/N is wanted, with I from 1 to N and N "
                   "up to %d, or auto",
                   text, SHARDS_MAX);
  *shard = (struct shard){(int)index, (int)count};
  return 0;
}

/* -- groups -- */

static struct node *node_of(struct map *nodes, const struct oci_repo *repo) {
  char *name = oci_repo_key(repo);
  struct node *node = map_get(nodes, name);
  if (!node) {
    size_t size = strlen(name) + 1;
    node = mem_zalloc(sizeof *node + size);
    node->parent = node;
    memcpy(node->name, name, size);
    map_put(nodes, name, node);
  }
  free(name);
  return node;
}

static struct node *root_of(struct node *node) {
  while (node->parent != node)
    node = node->parent = node->parent->parent;
  return node;
}

static void join(struct node *source, struct node *target) {
  struct node *root = root_of(source), *other = root_of(target);
  if (!root->least || strcmp(source->name, root->least) < 0)
    root->least = source->name;
  if (root == other)
    return;
  other->parent = root;
  if (other->least && strcmp(other->least, root->least) < 0)
    root->least = other->least;
}

struct shard_plan *shard_plan_new(const struct mirror *mirror) {
  struct shard_plan *plan = mem_zalloc(sizeof *plan);
  plan->sources = map_new();
  plan->targets = map_new();
  for (size_t r = 0; r < mirror->rule_count; r++) {
    const struct mirror_rule *rule = &mirror->rules[r];
    for (size_t i = 0; i < rule->source_count * rule->target_count; i++) {
      const struct mirror_source *source = &rule->sources[i / rule->target_count];
      struct oci_ref ref;
      if (mirror_expand(source, &rule->targets[i % rule->target_count], &ref, NULL) == 0)
        join(node_of(plan->sources, &source->ref.repo), node_of(plan->targets, &ref.repo));
      oci_ref_free(&ref);
    }
  }
  return plan;
}

void shard_plan_free(struct shard_plan *plan) {
  if (!plan)
    return;
  map_free(plan->sources, free);
  map_free(plan->targets, free);
  free(plan);
}

static uint64_t hash(const char *name) {
  struct oci_digest digest;
  oci_digest_of(OCI_SHA256, name, strlen(name), &digest);
  char first[17];
  memcpy(first, oci_digest_hex(&digest), 16);
  first[16] = '\0';
  return strtoull(first, NULL, 16);
}

bool shard_plan_has(const struct shard_plan *plan, const struct shard *shard,
                    const struct oci_repo *source) {
  char *name = oci_repo_key(source);
  const struct node *node = map_get(plan->sources, name);
  while (node && node->parent != node)
    node = node->parent;
  uint64_t part = hash(node ? node->least : name) % (uint64_t)shard->count;
  free(name);
  return part + 1 == (uint64_t)shard->index;
}
