#include "transfer/manifest_tree.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "oci/answer.h"
#include "oci/registry.h"
#include "transfer/blob_table.h"
#include "transfer/manifest_table.h"

enum { DEPTH_MAX = 8, READING_MAX = 16, MANIFESTS_MAX = 20000 };
#define HELD_MAX ((size_t)8 * 1024 * 1024) /* bytes of manifests that wait for their parts */

enum node_state {
  NODE_IDLE,    /* nobody needs it */
  NODE_WAITING, /* for its turn to be read */
  NODE_CHECK,   /* does a target lack it? */
  NODE_FETCH,
  NODE_HERE
};

enum leg_state {
  LEG_IDLE,      /* nobody has asked for it */
  LEG_ELSEWHERE, /* an earlier image brings it */
  LEG_FOUND,     /* one has brought it */
  LEG_WAITING,   /* for the node's turn */
  LEG_CHECK,
  LEG_LACKS,
  LEG_PARTS, /* waits for them */
  LEG_PUT,
  LEG_THERE
};

/* One who waits for a node: a manifest that lists it. */
struct edge {
  struct list node;
  struct node *parent;
};

/* A blob of a manifest, for one target. */
struct part {
  struct blob_want want;
  struct leg *leg; /* while it is under way */
  bool started;
  bool counted; /* the first of its digest for this target */
};

/* A manifest at one target. */
struct leg {
  struct manifest_push push;
  struct manifest_claim claim;
  struct node *node;
  struct target *target;
  enum leg_state state;
  unsigned missing; /* parts that are not at the target yet */
  struct part *parts;
};

struct node {
  struct list queue; /* tree->queue */
  struct ready ready;
  struct timer hold; /* until those who still check are not waited for any more */
  struct manifest_tree *tree;
  enum node_state state;
  struct manifest_body body;
  int64_t size; /* as its descriptor says; -1: the root */
  int depth;
  bool reading; /* counts in tree->reading */
  bool linked;  /* its children know of it */
  struct call *call;
  unsigned open;       /* what its legs have under way */
  struct list parents; /* edges */
  struct leg legs[];
};

struct target {
  struct ready ready;
  struct manifest_tree *tree;
  const struct manifest_target *spec;
  bool same_host, same_repo; /* as the source */
  bool late;                 /* it was waited for long enough */
  bool planned, failed, done;
  unsigned unread; /* nodes of which it is not known what they need here */
  unsigned open;   /* pushes and wants under way */
  struct err err;
  struct manifest_counts counts;
};

struct manifest_tree {
  struct manifest_tree_spec spec;
  struct ready ready;
  struct map *nodes;      /* digest → node */
  struct map *blobs_seen; /* digest → set of targets, as bits of the pointer */
  struct list queue;      /* newest first: depth first, so that little is held */
  struct node *root;
  unsigned reading; /* nodes */
  unsigned open;    /* all that is under way */
  size_t held;
  uint64_t pulls;
  bool done;
  struct target targets[];
};

static struct loop *loop_of(const struct manifest_tree *tree) { return tree->spec.transfer->loop; }

static void tree_wake(struct manifest_tree *tree) { loop_ready(loop_of(tree), &tree->ready); }

static void node_wake(struct node *node) { loop_ready(loop_of(node->tree), &node->ready); }

static void become(struct node *node, enum node_state state) {
  node->state = state;
  node_wake(node);
}

/* The legs of targets that have not failed. */
static struct leg *next_leg(struct node *node, struct leg *from) {
  struct leg *end = node->legs + node->tree->spec.target_count;
  for (struct leg *leg = from ? from + 1 : node->legs; leg < end; leg++)
    if (!leg->target->failed)
      return leg;
  return NULL;
}

#define each_leg(leg, node)                                                                        \
  for (struct leg *leg = next_leg(node, NULL); leg; leg = next_leg(node, leg))

static bool has_leg(struct node *node, enum leg_state first, enum leg_state last) {
  each_leg(leg, node) {
    if (leg->state >= first && leg->state <= last)
      return true;
  }
  return false;
}

/* -- failure: everything under way is called back; a target ends when the last has answered -- */

/* Its blobs, and it, are of use to others now, or not to be waited for. */
static void end_leg(struct leg *leg, bool there) {
  for (size_t i = 0; leg->parts && i < leg->node->body.parsed->count; i++)
    if (leg->parts[i].started && !leg->parts[i].leg)
      blob_want_end(&leg->parts[i].want, there);
  manifest_claim_end(&leg->claim, there);
}

static void cancel_leg(struct leg *leg) {
  manifest_push_cancel(&leg->push);
  for (size_t i = 0; leg->parts && i < leg->node->body.parsed->count; i++)
    if (leg->parts[i].leg)
      blob_want_cancel(&leg->parts[i].want);
  end_leg(leg, false);
}

static void cancel_target(struct target *target) {
  struct manifest_tree *tree = target->tree;
  void *value;
  for (size_t i = 0; map_next(tree->nodes, &i, NULL, &value);) {
    struct node *node = value;
    cancel_leg(&node->legs[target - tree->targets]);
    node_wake(node);
  }
}

static void fail(struct target *target, const struct err *err) {
  if (target->failed || target->done)
    return;
  target->failed = true;
  target->err = *err;
  cancel_target(target);
  loop_ready(loop_of(target->tree), &target->ready);
}

static void opened(struct leg *leg) {
  leg->target->open++;
  leg->node->open++;
  leg->node->tree->open++;
}

/* A push or a want has ended. Returns false where that does not matter any more. */
static bool closed(struct leg *leg) {
  leg->target->open--;
  leg->node->open--;
  leg->node->tree->open--;
  node_wake(leg->node);
  tree_wake(leg->node->tree);
  loop_ready(loop_of(leg->node->tree), &leg->target->ready);
  return !leg->target->failed;
}

/* -- a leg -- */

static void is_known(struct target *target) {
  target->unread--;
  loop_ready(loop_of(target->tree), &target->ready);
}

static void put(struct leg *leg);

static void part_there(struct leg *leg) {
  if (--leg->missing == 0)
    put(leg);
}

static void is_there(struct leg *leg) {
  struct node *node = leg->node;
  size_t index = (size_t)(leg - node->legs);
  leg->state = LEG_THERE;
  end_leg(leg, true);
  free(leg->parts);
  leg->parts = NULL;
  list_each(item, &node->parents) {
    struct leg *above = &list_entry(item, struct edge, node)->parent->legs[index];
    if (above->state == LEG_PARTS)
      part_there(above);
  }
  node_wake(node);
  loop_ready(loop_of(node->tree), &leg->target->ready);
}

static void put(struct leg *leg) {
  struct manifest_tree *tree = leg->node->tree;
  bool known = leg->node == tree->root && leg->target->spec->has_root;
  leg->target->counts.pushed += !known;
  if (known || tree->spec.transfer->dry_run) {
    is_there(leg);
    return;
  }
  leg->state = LEG_PUT;
  opened(leg);
  manifest_push_put(&leg->push, leg->node == tree->root ? leg->target->spec->put_as
                                                        : leg->node->body.digest.text);
}

static void on_push(struct manifest_push *push, bool there, const struct err *err) {
  struct leg *leg = list_entry(push, struct leg, push);
  if (!closed(leg))
    return;
  if (err) {
    fail(leg->target, err);
    return;
  }
  if (leg->state == LEG_CHECK) {
    leg->target->late = false;
    if (there)
      is_known(leg->target);
  }
  if (there)
    is_there(leg);
  else
    leg->state = LEG_LACKS;
}

static void begin(struct leg *leg) {
  if (leg->target->spec->check_manifests) {
    leg->state = LEG_CHECK;
    opened(leg);
    manifest_push_check(&leg->push);
  } else {
    leg->state = LEG_LACKS;
  }
  node_wake(leg->node);
}

static void read_it(struct leg *leg) {
  struct node *node = leg->node;
  leg->state = LEG_WAITING;
  if (node->state == NODE_IDLE) {
    node->state = NODE_WAITING;
    list_insert_before(node->tree->queue.next, &node->queue);
    tree_wake(node->tree);
  } else if (node->state != NODE_WAITING) {
    begin(leg);
  }
}

/* Is it there, or on its way there, by another image? */
static void claim(struct leg *leg) {
  struct node *node = leg->node;
  switch (manifest_claim(&leg->claim)) {
  case CLAIM_NONE:
    leg->state = LEG_FOUND;
    node_wake(node);
    return;
  case CLAIM_WAIT:
    leg->state = LEG_ELSEWHERE;
    return;
  case CLAIM_LEAD:
    if (node != node->tree->root) {
      read_it(leg);
      return;
    }
    leg->state = LEG_LACKS;
    node_wake(node);
    return;
  }
}

/* The root has a tag to be put all the same. */
static void is_found(struct leg *leg) {
  is_known(leg->target);
  if (leg->node == leg->node->tree->root)
    put(leg);
  else
    is_there(leg);
}

static void on_claim(struct manifest_claim *claimed, bool there) {
  struct leg *leg = list_entry(claimed, struct leg, claim);
  (void)there; /* else it is claimed for this image now */
  if (!leg->target->failed)
    claim(leg);
}

/* A manifest above needs it at this target. */
static void ask_for(struct leg *leg) {
  leg->target->counts.manifests++;
  leg->target->unread++;
  claim(leg);
}

/* -- a node's bytes -- */

static void let_next_read(struct node *node) {
  if (!node->reading)
    return;
  node->reading = false;
  node->tree->reading--;
  tree_wake(node->tree);
}

/* The root's are borrowed. */
static void forget(struct node *node) {
  for (size_t i = 0; i < node->tree->spec.target_count; i++) {
    free(node->legs[i].parts);
    node->legs[i].parts = NULL;
  }
  node->tree->held -= node->body.len;
  if (node != node->tree->root) {
    free(node->body.bytes);
    oci_manifest_free(node->body.parsed);
  }
  node->body.bytes = NULL;
  node->body.parsed = NULL;
  node->body.len = 0;
}

/* What came, or was kept. */
static int accept(struct node *node, const struct kept_manifest *got, struct err *err) {
  struct manifest_tree *tree = node->tree;
  struct manifest_body *body = &node->body;
  if (oci_manifest_check(tree->spec.src->host, &body->digest, node->size, got->type, got->bytes,
                         got->len, &body->parsed, err) < 0)
    return -1;
  body->len = got->len;
  body->bytes = mem_strndup(got->bytes, got->len);
  tree->held += body->len;
  become(node, NODE_HERE);
  return 0;
}

static void on_fetched(void *arg, const struct call_result *result) {
  struct node *node = arg;
  struct manifest_tree *tree = node->tree;
  const struct oci_digest *digest = &node->body.digest;
  const struct http_reply *reply = result->reply;
  const char *host = tree->spec.src->host;
  struct kept_manifest got = {.bytes = buf_str(&reply->body),
                              .type = http_header(reply, "Content-Type"),
                              .len = reply->body.len};
  char what[160];
  struct err err;
  node->call = NULL;
  tree->open--;
  tree_wake(tree);
  snprintf(what, sizeof what, "manifest %s", digest->text);
  become(node, NODE_CHECK);
  if (!has_leg(node, LEG_LACKS, LEG_LACKS)) /* they have all failed meanwhile */
    return;
  if (reply->err.code == ERR_TOO_LARGE) {
    err_set(&err, ERR_TOO_LARGE, "%s: %s is larger than the 4 MiB that a manifest may have", host,
            what);
  } else if (oci_answer(result, host, what, &err) == 0 && accept(node, &got, &err) == 0) {
    manifest_keep(tree->spec.transfer->manifests, tree->spec.src, digest, &got);
    return;
  }
  each_leg(leg, node) {
    if (leg->state == LEG_LACKS)
      fail(leg->target, &err);
  }
}

static void fetch(struct node *node) {
  struct manifest_tree *tree = node->tree;
  const struct oci_repo *src = tree->spec.src;
  struct kept_manifest kept;
  if (manifest_kept(tree->spec.transfer->manifests, src, &node->body.digest, &kept) &&
      accept(node, &kept, NULL) == 0)
    return;
  char *path = oci_path_manifest(src, node->body.digest.text);
  char *accept = mem_printf("Accept: %s", oci_accept_manifest);
  char *scopes = oci_scope(src, false);
  tree->pulls++;
  tree->open++;
  node->state = NODE_FETCH;
  node->call =
      call_start(&(struct call_spec){.endpoint = transfer_endpoint(tree->spec.transfer, src),
                                     .method = "GET",
                                     .kind = GATE_MANIFEST_READ,
                                     .url = path,
                                     .path = src->path,
                                     .scopes = scopes,
                                     .headers = (const char *[]){accept, NULL},
                                     .body_max = OCI_MANIFEST_MAX,
                                     .done = on_fetched,
                                     .arg = node});
  free(scopes);
  free(accept);
  free(path);
}

/* -- what a manifest reaches -- */

static struct node *node_new(struct manifest_tree *tree, const struct oci_digest *digest,
                             int64_t size, int depth);

/* NULL: there may be no more of them. */
static struct node *child_of(struct node *node, const struct oci_descriptor *item) {
  struct manifest_tree *tree = node->tree;
  struct node *child = map_get(tree->nodes, item->digest.text);
  if (!child && (node->depth == DEPTH_MAX || map_count(tree->nodes) == MANIFESTS_MAX))
    return NULL;
  if (!child)
    child = node_new(tree, &item->digest, (int64_t)item->size, node->depth + 1);
  if (!node->linked) {
    struct edge *edge = mem_zalloc(sizeof *edge);
    edge->parent = node;
    list_push(&child->parents, &edge->node);
  }
  return child;
}

/* The legs that are to have a manifest's parts together. */
struct group {
  size_t count;
  struct leg *legs[TREE_TARGETS_MAX];
};

static void want_manifest(const struct group *group, const struct oci_descriptor *item) {
  struct node *node = group->legs[0]->node, *child = child_of(node, item);
  struct err err;
  if (!child)
    err_set(&err, ERR_UNSUPPORTED,
            "%s: indexes are nested more than %d deep, or hold more than %d manifests",
            node->tree->spec.src->host, DEPTH_MAX, MANIFESTS_MAX);
  for (size_t i = 0; i < group->count; i++) {
    struct leg *leg = group->legs[i];
    if (leg->target->failed)
      continue;
    if (!child) {
      fail(leg->target, &err);
      continue;
    }
    struct leg *below = &child->legs[leg - node->legs];
    if (below->state == LEG_IDLE)
      ask_for(below);
    if (below->state != LEG_THERE)
      leg->missing++;
  }
}

static void on_blob(struct blob_want *want, const struct err *err) {
  struct part *part = list_entry(want, struct part, want);
  struct leg *leg = part->leg;
  struct manifest_counts *counts = &leg->target->counts;
  part->leg = NULL;
  counts->sent_bytes += want->sent;
  if (!closed(leg)) {
    blob_want_end(want, false);
    return;
  }
  if (err) {
    fail(leg->target, err);
    return;
  }
  if (part->counted) {
    if (want->outcome == BLOB_COPIED)
      counts->missing_bytes += want->desc->size;
    counts->transferred += want->outcome == BLOB_COPIED;
    counts->resumed += want->outcome == BLOB_COPIED && want->resumed;
    counts->mounted += want->outcome == BLOB_MOUNTED;
    counts->existing += want->outcome == BLOB_EXISTED;
  }
  part_there(leg);
}

/* Whether it is the first of its digest for this target. */
static bool count_blob(struct target *target, const struct oci_descriptor *item) {
  struct manifest_tree *tree = target->tree;
  uintptr_t seen = (uintptr_t)map_get(tree->blobs_seen, item->digest.text);
  uintptr_t bit = (uintptr_t)1 << (target - tree->targets);
  if (seen & bit)
    return false;
  map_put(tree->blobs_seen, item->digest.text, (void *)(seen | bit));
  target->counts.blobs++;
  target->counts.total_bytes += item->size;
  tree->spec.transfer->known_bytes += item->size;
  return true;
}

static void want_blob(const struct group *group, size_t index) {
  struct blob_want *wants[TREE_TARGETS_MAX];
  size_t count = 0;
  for (size_t i = 0; i < group->count; i++) {
    struct leg *leg = group->legs[i];
    struct target *target = leg->target;
    const struct oci_descriptor *item = &leg->node->body.parsed->items[index];
    if (target->failed)
      continue;
    struct part *part = &leg->parts[index];
    const struct oci_repo *src = target->tree->spec.src;
    part->leg = leg;
    part->started = true;
    part->counted = count_blob(target, item);
    part->want.src = src;
    part->want.desc = item;
    part->want.target =
        (struct blob_target){.repo = target->spec->repo,
                             .mount_from = target->same_host ? src : NULL,
                             .check = target->spec->check_blobs && !target->same_host};
    part->want.order = target->tree->spec.order;
    part->want.done = on_blob;
    leg->missing++;
    opened(leg);
    wants[count++] = &part->want;
  }
  if (count)
    blob_wants_start(group->legs[0]->node->tree->spec.transfer->blobs, wants, count);
}

/* Within a repository they are there. */
static bool needs_parts(struct leg *leg) {
  leg->state = LEG_PARTS;
  if (leg->target->same_repo)
    return false;
  leg->parts = mem_zalloc(leg->node->body.parsed->count * sizeof *leg->parts);
  return true;
}

static void want_parts(struct node *node) {
  const struct oci_manifest *parsed = node->body.parsed;
  struct group lack = {0}, group = {0};
  each_leg(leg, node) {
    if (leg->state != LEG_LACKS)
      continue;
    lack.legs[lack.count++] = leg;
    if (needs_parts(leg))
      group.legs[group.count++] = leg;
  }
  for (size_t i = 0; i < parsed->count && group.count; i++) {
    if (node->body.kept && !node->body.kept[i])
      continue;
    if (parsed->items[i].is_manifest)
      want_manifest(&group, &parsed->items[i]);
    else if (!parsed->items[i].foreign)
      want_blob(&group, i);
  }
  node->linked = node->linked || group.count;
  for (size_t i = 0; i < lack.count; i++) {
    struct leg *leg = lack.legs[i];
    is_known(leg->target);
    if (!leg->target->failed && leg->missing == 0)
      put(leg);
  }
}

/* -- a node's turn -- */

static bool waits_for_checks(struct node *node) {
  each_leg(leg, node) {
    if (leg->state == LEG_CHECK && !leg->target->late)
      return true;
  }
  return false;
}

static void on_hold_over(struct timer *timer) {
  struct node *node = list_entry(timer, struct node, hold);
  each_leg(leg, node) {
    if (leg->state == LEG_CHECK)
      leg->target->late = true;
  }
  node_wake(node);
}

static void node_here(struct node *node) {
  bool lacks = has_leg(node, LEG_LACKS, LEG_LACKS);
  if (lacks && waits_for_checks(node)) {
    if (list_empty(&node->hold.node))
      timer_start(loop_of(node->tree), &node->hold, TREE_HOLD_MS);
    return;
  }
  timer_stop(&node->hold);
  let_next_read(node);
  if (lacks)
    want_parts(node);
  else if (node != node->tree->root && !node->open && !has_leg(node, LEG_WAITING, LEG_PUT)) {
    forget(node);
    node->state = NODE_IDLE;
  }
}

static void node_check(struct node *node) {
  if (has_leg(node, LEG_LACKS, LEG_LACKS)) {
    fetch(node);
  } else if (!has_leg(node, LEG_WAITING, LEG_PUT)) {
    let_next_read(node);
    node->state = NODE_IDLE;
  }
}

static void step(struct ready *ready) {
  struct node *node = list_entry(ready, struct node, ready);
  each_leg(leg, node) {
    if (leg->state == LEG_FOUND)
      is_found(leg);
  }
  switch (node->state) {
  case NODE_IDLE:
  case NODE_WAITING:
    return;
  case NODE_CHECK:
    node_check(node);
    return;
  case NODE_FETCH:
    if (!has_leg(node, LEG_WAITING, LEG_PUT))
      call_cancel(node->call);
    return;
  case NODE_HERE:
    node_here(node);
    return;
  }
}

/* -- the tree -- */

static struct node *node_new(struct manifest_tree *tree, const struct oci_digest *digest,
                             int64_t size, int depth) {
  struct node *node = mem_zalloc(sizeof *node + tree->spec.target_count * sizeof *node->legs);
  node->tree = tree;
  node->body.digest = *digest;
  node->size = size;
  node->depth = depth;
  list_init(&node->queue);
  list_init(&node->parents);
  ready_init(&node->ready, step);
  timer_init(&node->hold, on_hold_over);
  for (size_t i = 0; i < tree->spec.target_count; i++) {
    struct leg *leg = &node->legs[i];
    leg->node = node;
    leg->target = &tree->targets[i];
    manifest_push_init(&leg->push, tree->spec.transfer, leg->target->spec->repo, &node->body,
                       on_push);
    /* Of several tags in one repository the first goes before the others. */
    manifest_claim_init(&leg->claim, tree->spec.transfer->manifests, leg->target->spec->repo,
                        &node->body.digest, tree->spec.order * TREE_TARGETS_MAX + i, on_claim);
  }
  map_put(tree->nodes, digest->text, node);
  return node;
}

static void read_next(struct manifest_tree *tree) {
  while (!list_empty(&tree->queue) && tree->reading < READING_MAX) {
    struct node *node = list_entry(tree->queue.next, struct node, queue);
    if (tree->open && tree->held + (size_t)node->size > HELD_MAX)
      return;
    list_remove(&node->queue);
    node->reading = true;
    tree->reading++;
    become(node, NODE_CHECK);
    each_leg(leg, node) {
      if (leg->state == LEG_WAITING)
        begin(leg);
    }
  }
}

static void target_step(struct ready *ready) {
  struct target *target = list_entry(ready, struct target, ready);
  struct manifest_tree *tree = target->tree;
  size_t index = (size_t)(target - tree->targets);
  if (target->done)
    return;
  if (!target->failed && !target->unread && !target->planned) {
    target->planned = true;
    tree->spec.planned(tree->spec.arg, index);
  }
  bool there = tree->root->legs[index].state == LEG_THERE;
  if (target->open || !(target->failed || there))
    return;
  target->done = true;
  tree_wake(tree);
  tree->spec.target_done(tree->spec.arg, index, target->failed ? &target->err : NULL);
}

static void tree_step(struct ready *ready) {
  struct manifest_tree *tree = list_entry(ready, struct manifest_tree, ready);
  if (tree->done)
    return;
  read_next(tree);
  for (size_t i = 0; i < tree->spec.target_count; i++)
    if (!tree->targets[i].done)
      return;
  if (tree->open)
    return;
  tree->done = true;
  tree->spec.done(tree->spec.arg);
}

struct manifest_tree *manifest_tree_start(const struct manifest_tree_spec *spec) {
  assert(spec->target_count >= 1 && spec->target_count <= TREE_TARGETS_MAX);
  struct manifest_tree *tree =
      mem_zalloc(sizeof *tree + spec->target_count * sizeof *tree->targets);
  tree->spec = *spec;
  tree->nodes = map_new();
  tree->blobs_seen = map_new();
  list_init(&tree->queue);
  ready_init(&tree->ready, tree_step);
  for (size_t i = 0; i < spec->target_count; i++) {
    struct target *target = &tree->targets[i];
    target->tree = tree;
    target->spec = &spec->targets[i];
    target->same_host = strcmp(spec->src->host, target->spec->repo->host) == 0;
    target->same_repo = oci_repo_equal(spec->src, target->spec->repo);
    target->counts.manifests = target->unread = 1; /* the root */
    ready_init(&target->ready, target_step);
  }
  struct node *root = tree->root = node_new(tree, &spec->root->digest, -1, 1);
  root->body = *spec->root;
  tree->held = root->body.len;
  become(root, NODE_HERE);
  for (size_t i = 0; i < spec->target_count; i++) {
    if (root->body.kept) /* not all of it: nothing that others could rely on */
      root->legs[i].state = LEG_LACKS;
    else
      claim(&root->legs[i]);
  }
  return tree;
}

void manifest_tree_cancel(struct manifest_tree *tree) {
  for (size_t i = 0; i < tree->spec.target_count; i++) {
    struct target *target = &tree->targets[i];
    struct err err;
    err_set(&err, ERR_CANCELED, "%s: canceled", target->spec->repo->host);
    if (target->failed && !target->done) /* a second time, for those who are still cleaning up */
      cancel_target(target);
    else
      fail(target, &err);
  }
}

static void node_free(void *value) {
  struct node *node = value;
  struct list *item;
  ready_cancel(&node->ready);
  timer_stop(&node->hold);
  while ((item = list_pop(&node->parents)))
    free(list_entry(item, struct edge, node));
  forget(node);
  free(node);
}

void manifest_tree_free(struct manifest_tree *tree) {
  if (!tree)
    return;
  assert(tree->done);
  ready_cancel(&tree->ready);
  for (size_t i = 0; i < tree->spec.target_count; i++)
    ready_cancel(&tree->targets[i].ready);
  map_free(tree->nodes, node_free);
  map_free(tree->blobs_seen, NULL);
  free(tree);
}

const struct manifest_counts *manifest_tree_counts(const struct manifest_tree *tree,
                                                   size_t target) {
  return &tree->targets[target].counts;
}

uint64_t manifest_tree_pulls(const struct manifest_tree *tree) { return tree->pulls; }
