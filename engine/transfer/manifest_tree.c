#include "transfer/manifest_tree.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "net/call.h"
#include "net/retry.h"
#include "oci/answer.h"
#include "oci/registry.h"
#include "transfer/blob_table.h"

enum { DEPTH_MAX = 8, READING_MAX = 16, MANIFESTS_MAX = 20000 };
#define HELD_MAX ((size_t)8 * 1024 * 1024) /* bytes of manifests that wait for their parts */

enum node_state {
  NODE_WAITING, /* for its turn to be read */
  NODE_CHECK,
  NODE_FETCH,
  NODE_PARTS,
  NODE_PUT,
  NODE_PAUSE, /* the registry does not know a part yet that it has just been given */
  NODE_LOOK,  /* which one? */
  NODE_DONE
};

/* One who waits for a node: a manifest that lists it. */
struct edge {
  struct list node;
  struct node *parent;
};

struct part; /* a blob of a manifest */

struct node {
  struct list queue; /* tree->queue */
  struct ready ready;
  struct manifest_tree *tree;
  enum node_state state;
  struct oci_digest digest;
  int64_t size; /* as its descriptor says; -1: the root */
  int depth;
  bool reading; /* counts in tree->reading */
  struct call *call;
  char *bytes;
  size_t len;
  struct oci_manifest *parsed;
  struct list parents; /* edges */
  unsigned missing;    /* parts that are not at the target yet */
  struct timer pause;
  int attempts;                         /* PUTs that failed for an unknown part */
  size_t looking_at;                    /* item */
  const struct oci_descriptor *unknown; /* the first that is not there by its own HEAD */
  struct part *parts;
};

struct part {
  struct blob_want want;
  struct node *node;
  bool counted; /* the first of its digest in this tree */
};

struct manifest_tree {
  struct manifest_tree_spec spec;
  struct ready ready;
  struct map *nodes;      /* digest → node */
  struct map *blobs_seen; /* digest → anything */
  struct list queue;      /* newest first: depth first, so that little is held */
  struct node *root;
  unsigned unread;  /* nodes whose parts are not known yet */
  unsigned reading; /* of these, those at work */
  unsigned open;    /* calls and wants under way */
  size_t held;
  bool planned, failed, done;
  struct err err;
  struct manifest_counts counts;
};

static void become(struct node *node, enum node_state state) {
  node->state = state;
  loop_ready(node->tree->spec.transfer->loop, &node->ready);
}

static void tree_wake(struct manifest_tree *tree) {
  loop_ready(tree->spec.transfer->loop, &tree->ready);
}

/* -- failure: everything under way is called back; done comes when the last has answered -- */

static void cancel_node(struct node *node) {
  ready_cancel(&node->ready);
  if (!list_empty(&node->pause.node)) {
    timer_stop(&node->pause);
    node->tree->open--;
  }
  if (node->call)
    call_cancel(node->call);
  for (size_t i = 0; node->parts && i < node->parsed->count; i++)
    if (node->parts[i].node)
      blob_want_cancel(&node->parts[i].want);
}

static void cancel_all(struct manifest_tree *tree) {
  void *node;
  for (size_t i = 0; map_next(tree->nodes, &i, NULL, &node);)
    cancel_node(node);
}

static void fail(struct manifest_tree *tree, const struct err *err) {
  if (tree->failed)
    return;
  tree->failed = true;
  tree->err = *err;
  cancel_all(tree);
  tree_wake(tree);
}

/* A call or a want has ended. Returns false where that does not matter any more. */
static bool closed(struct manifest_tree *tree) {
  tree->open--;
  if (tree->failed)
    tree_wake(tree);
  return !tree->failed;
}

/* -- a node's requests -- */

static void let_next_read(struct node *node) {
  if (!node->reading)
    return;
  node->reading = false;
  node->tree->reading--;
  tree_wake(node->tree);
}

static void node_request(struct node *node, const struct oci_repo *repo, bool push,
                         struct call_spec spec) {
  struct transfer *transfer = node->tree->spec.transfer;
  char *scopes = oci_scope(repo, push);
  spec.endpoint = transfer_endpoint(transfer, repo);
  spec.path = repo->path;
  spec.scopes = scopes;
  spec.arg = node;
  node->tree->open++;
  node->call = call_start(&spec);
  free(scopes);
}

static void on_checked(void *arg, const struct call_result *result) {
  struct node *node = arg;
  struct manifest_tree *tree = node->tree;
  node->call = NULL;
  if (!closed(tree))
    return;
  bool there = result->reply->err.code == ERR_NONE && result->reply->status == 200;
  if (there)
    tree->unread--;
  become(node, there ? NODE_DONE : NODE_FETCH);
}

static void check(struct node *node) {
  const struct oci_repo *dst = node->tree->spec.dst;
  char *path = oci_path_manifest(dst, node->digest.text);
  char *accept = mem_printf("Accept: %s", oci_accept_manifest);
  node_request(node, dst, true,
               (struct call_spec){.method = "HEAD",
                                  .url = path,
                                  .headers = (const char *[]){accept, NULL},
                                  .done = on_checked});
  free(accept);
  free(path);
}

static void on_fetched(void *arg, const struct call_result *result) {
  struct node *node = arg;
  struct manifest_tree *tree = node->tree;
  const char *host = tree->spec.src->host;
  char what[160];
  struct err err;
  node->call = NULL;
  if (!closed(tree))
    return;
  snprintf(what, sizeof what, "manifest %s", node->digest.text);
  if (result->reply->err.code == ERR_TOO_LARGE) {
    err_set(&err, ERR_TOO_LARGE, "%s: %s is larger than the 4 MiB that a manifest may have", host,
            what);
    fail(tree, &err);
  } else if (oci_answer(result, host, what, &err) < 0 ||
             oci_manifest_check(
                 host, &node->digest, node->size, http_header(result->reply, "Content-Type"),
                 buf_str(&result->reply->body), result->reply->body.len, &node->parsed, &err) < 0) {
    fail(tree, &err);
  } else {
    node->len = result->reply->body.len;
    node->bytes = mem_strndup(buf_str(&result->reply->body), node->len);
    tree->held += node->len;
    become(node, NODE_PARTS);
  }
}

static void fetch(struct node *node) {
  const struct oci_repo *src = node->tree->spec.src;
  char *path = oci_path_manifest(src, node->digest.text);
  char *accept = mem_printf("Accept: %s", oci_accept_manifest);
  node->tree->counts.pulls++;
  node_request(node, src, false,
               (struct call_spec){.method = "GET",
                                  .kind = GATE_MANIFEST_READ,
                                  .url = path,
                                  .headers = (const char *[]){accept, NULL},
                                  .body_max = OCI_MANIFEST_MAX,
                                  .done = on_fetched});
  free(accept);
  free(path);
}

static void add_unknown(struct err *err, const struct oci_descriptor *item) {
  struct err whole = *err;
  snprintf(whole.message, sizeof whole.message, "%.800s; it does not have %s", err->message,
           item->digest.text);
  *err = whole;
}

/* Registries that replicate may not know at once what they have just taken. */
static bool try_again(struct node *node, const struct call_result *result, const struct err *err) {
  struct transfer *transfer = node->tree->spec.transfer;
  const char *body = buf_str(&result->reply->body);
  struct oci_error error;
  oci_error_parse(body, result->reply->body.len, &error);
  if (strcmp(error.code, "MANIFEST_BLOB_UNKNOWN") != 0 && strcmp(error.code, "BLOB_UNKNOWN") != 0 &&
      strcmp(error.code, "MANIFEST_UNKNOWN") != 0)
    return false;
  if (node->attempts++ >= endpoints_spec(transfer->endpoints)->retries)
    return false;
  int64_t delay = retry_delay(node->attempts, result->retry_after_ms, loop_random(transfer->loop));
  endpoints_retried(transfer->endpoints, &(struct retry_note){.host = node->tree->spec.dst->host,
                                                              .what = "PUT of a manifest",
                                                              .reason = err->message,
                                                              .attempt = (unsigned)node->attempts,
                                                              .wait_ms = delay});
  node->looking_at = 0;
  node->unknown = NULL;
  node->state = NODE_PAUSE;
  node->tree->open++;
  timer_start(transfer->loop, &node->pause, (uint64_t)delay);
  return true;
}

static void on_pause_over(struct timer *timer) {
  struct node *node = list_entry(timer, struct node, pause);
  if (closed(node->tree))
    become(node, NODE_LOOK);
}

static void on_looked(void *arg, const struct call_result *result) {
  struct node *node = arg;
  node->call = NULL;
  if (!closed(node->tree))
    return;
  if (!node->unknown && result->reply->status == 404)
    node->unknown = &node->parsed->items[node->looking_at];
  node->looking_at++;
  become(node, NODE_LOOK);
}

static void look(struct node *node) {
  const struct oci_repo *dst = node->tree->spec.dst;
  while (node->looking_at < node->parsed->count && node->parsed->items[node->looking_at].foreign)
    node->looking_at++;
  if (node->looking_at == node->parsed->count) {
    become(node, NODE_PUT);
    return;
  }
  const struct oci_descriptor *item = &node->parsed->items[node->looking_at];
  char *path = item->is_manifest ? oci_path_manifest(dst, item->digest.text)
                                 : oci_path_blob(dst, &item->digest);
  node_request(node, dst, true,
               (struct call_spec){.method = "HEAD", .url = path, .done = on_looked});
  free(path);
}

static void on_put(void *arg, const struct call_result *result) {
  struct node *node = arg;
  struct manifest_tree *tree = node->tree;
  const char *host = tree->spec.dst->host;
  char what[160];
  struct err err;
  node->call = NULL;
  if (!closed(tree))
    return;
  snprintf(what, sizeof what, "pushing manifest %s (%s)", node->digest.text,
           node->parsed->media_type);
  const char *stored = http_header(result->reply, "Docker-Content-Digest");
  if (oci_answer(result, host, what, &err) < 0) {
    if (try_again(node, result, &err))
      return;
    if (node->unknown)
      add_unknown(&err, node->unknown);
    fail(tree, &err);
  } else if (stored && strcmp(stored, node->digest.text) != 0 &&
             strncmp(stored, node->digest.text, 7) == 0) {
    err_set(&err, ERR_DIGEST, "%s: %s: the registry stored it as another one, %s", host, what,
            stored);
    fail(tree, &err);
  } else {
    become(node, NODE_DONE);
  }
}

static void put(struct node *node) {
  const struct manifest_tree_spec *spec = &node->tree->spec;
  char *path =
      oci_path_manifest(spec->dst, node == node->tree->root ? spec->put_as : node->digest.text);
  char *type = mem_printf("Content-Type: %s", node->parsed->media_type);
  node_request(node, spec->dst, true,
               (struct call_spec){.method = "PUT",
                                  .kind = GATE_MANIFEST_WRITE,
                                  .url = path,
                                  .headers = (const char *[]){type, NULL},
                                  .has_body = true,
                                  .body = node->bytes,
                                  .body_size = node->len,
                                  .done = on_put});
  free(type);
  free(path);
}

/* -- what a manifest reaches -- */

static struct node *node_new(struct manifest_tree *tree, const struct oci_digest *digest,
                             int64_t size, int depth);

static void want_manifest(struct node *node, const struct oci_descriptor *item) {
  struct manifest_tree *tree = node->tree;
  struct node *child = map_get(tree->nodes, item->digest.text);
  struct err err;
  if (!child && (node->depth == DEPTH_MAX || tree->counts.manifests == MANIFESTS_MAX)) {
    err_set(&err, ERR_UNSUPPORTED,
            "%s: indexes are nested more than %d deep, or hold more than %d manifests",
            tree->spec.src->host, DEPTH_MAX, MANIFESTS_MAX);
    fail(tree, &err);
    return;
  }
  if (!child) {
    child = node_new(tree, &item->digest, (int64_t)item->size, node->depth + 1);
    list_insert_before(tree->queue.next, &child->queue);
    tree_wake(tree);
  }
  if (child->state == NODE_DONE)
    return;
  struct edge *edge = mem_zalloc(sizeof *edge);
  edge->parent = node;
  list_push(&child->parents, &edge->node);
  node->missing++;
}

static void part_there(struct node *node) {
  if (--node->missing == 0)
    become(node, NODE_PUT);
}

static void on_blob(struct blob_want *want, const struct err *err) {
  struct part *part = list_entry(want, struct part, want);
  struct node *node = part->node;
  struct manifest_counts *counts = &node->tree->counts;
  part->node = NULL;
  counts->sent_bytes += want->sent;
  if (!closed(node->tree))
    return;
  if (err) {
    fail(node->tree, err);
    return;
  }
  if (part->counted) {
    if (want->outcome == BLOB_COPIED)
      counts->missing_bytes += want->spec.desc->size;
    counts->transferred += want->outcome == BLOB_COPIED;
    counts->mounted += want->outcome == BLOB_MOUNTED;
    counts->existing += want->outcome == BLOB_EXISTED;
  }
  part_there(node);
}

static void want_blob(struct node *node, struct part *part, const struct oci_descriptor *item) {
  struct manifest_tree *tree = node->tree;
  const struct manifest_tree_spec *spec = &tree->spec;
  bool same_host = strcmp(spec->src->host, spec->dst->host) == 0;
  if (!map_put(tree->blobs_seen, item->digest.text, tree)) {
    part->counted = true;
    tree->counts.blobs++;
    tree->counts.total_bytes += item->size;
    spec->transfer->known_bytes += item->size;
  }
  part->node = node;
  part->want.spec = (struct blob_copy_spec){.transfer = spec->transfer,
                                            .src = spec->src,
                                            .dst = spec->dst,
                                            .mount_from = same_host ? spec->src : NULL,
                                            .desc = item,
                                            .check = spec->check_blobs && !same_host};
  part->want.done = on_blob;
  node->missing++;
  tree->open++;
  blob_want_start(spec->transfer->blobs, &part->want);
}

static void want_parts(struct node *node) {
  struct manifest_tree *tree = node->tree;
  const struct oci_manifest *parsed = node->parsed;
  bool same_repo = oci_repo_equal(tree->spec.src, tree->spec.dst);
  tree->unread--;
  let_next_read(node);
  if (!same_repo)
    node->parts = mem_zalloc(parsed->count * sizeof *node->parts);
  for (size_t i = 0; i < parsed->count && !same_repo && !tree->failed; i++) {
    const struct oci_descriptor *item = &parsed->items[i];
    if (item->is_manifest)
      want_manifest(node, item);
    else if (!item->foreign)
      want_blob(node, &node->parts[i], item);
  }
  if (!tree->failed && node->missing == 0)
    become(node, NODE_PUT);
  tree_wake(tree);
}

/* The root's are borrowed. */
static void forget(struct node *node) {
  if (node != node->tree->root) {
    free(node->bytes);
    oci_manifest_free(node->parsed);
  }
  node->len = 0;
  node->bytes = NULL;
  node->parsed = NULL;
}

static void node_done(struct node *node) {
  struct manifest_tree *tree = node->tree;
  struct list *item;
  let_next_read(node);
  tree->held -= node->len;
  free(node->parts);
  node->parts = NULL;
  forget(node);
  while ((item = list_pop(&node->parents))) {
    struct edge *edge = list_entry(item, struct edge, node);
    part_there(edge->parent);
    free(edge);
  }
  tree_wake(tree);
}

static void step(struct ready *ready) {
  struct node *node = list_entry(ready, struct node, ready);
  struct manifest_tree *tree = node->tree;
  if (tree->failed)
    return;
  switch (node->state) {
  case NODE_WAITING:
    return;
  case NODE_CHECK:
    check(node);
    return;
  case NODE_FETCH:
    fetch(node);
    return;
  case NODE_PARTS:
    want_parts(node);
    return;
  case NODE_PUT:
    if (tree->spec.transfer->dry_run)
      become(node, NODE_DONE);
    else
      put(node);
    return;
  case NODE_PAUSE:
    return;
  case NODE_LOOK:
    look(node);
    return;
  case NODE_DONE:
    node_done(node);
    return;
  }
}

/* -- the tree -- */

static struct node *node_new(struct manifest_tree *tree, const struct oci_digest *digest,
                             int64_t size, int depth) {
  struct node *node = mem_zalloc(sizeof *node);
  node->tree = tree;
  node->digest = *digest;
  node->size = size;
  node->depth = depth;
  list_init(&node->queue);
  list_init(&node->parents);
  ready_init(&node->ready, step);
  timer_init(&node->pause, on_pause_over);
  map_put(tree->nodes, digest->text, node);
  tree->counts.manifests++;
  tree->unread++;
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
    become(node, tree->spec.check_manifests ? NODE_CHECK : NODE_FETCH);
  }
}

static void tree_step(struct ready *ready) {
  struct manifest_tree *tree = list_entry(ready, struct manifest_tree, ready);
  if (tree->done)
    return;
  if (tree->failed) {
    if (tree->open)
      return;
    tree->done = true;
    tree->spec.done(tree->spec.arg, &tree->err);
    return;
  }
  read_next(tree);
  if (!tree->unread && !tree->planned) {
    tree->planned = true;
    tree->spec.planned(tree->spec.arg);
  }
  if (tree->root->state != NODE_DONE)
    return;
  tree->done = true;
  tree->spec.done(tree->spec.arg, NULL);
}

struct manifest_tree *manifest_tree_start(const struct manifest_tree_spec *spec) {
  struct manifest_tree *tree = mem_zalloc(sizeof *tree);
  tree->spec = *spec;
  tree->nodes = map_new();
  tree->blobs_seen = map_new();
  list_init(&tree->queue);
  ready_init(&tree->ready, tree_step);
  struct node *root = tree->root = node_new(tree, &spec->digest, -1, 1);
  root->bytes = spec->bytes;
  root->len = spec->len;
  root->parsed = spec->parsed;
  tree->held = spec->len;
  become(root, NODE_PARTS);
  return tree;
}

void manifest_tree_cancel(struct manifest_tree *tree) {
  struct err err;
  err_set(&err, ERR_CANCELED, "%s: canceled", tree->spec.dst->host);
  if (tree->failed && !tree->done) /* a second time, for those who are still cleaning up */
    cancel_all(tree);
  else if (!tree->done)
    fail(tree, &err);
}

static void node_free(void *value) {
  struct node *node = value;
  struct list *item;
  ready_cancel(&node->ready);
  while ((item = list_pop(&node->parents)))
    free(list_entry(item, struct edge, node));
  free(node->parts);
  forget(node);
  free(node);
}

void manifest_tree_free(struct manifest_tree *tree) {
  if (!tree)
    return;
  assert(tree->done);
  ready_cancel(&tree->ready);
  map_free(tree->nodes, node_free);
  map_free(tree->blobs_seen, NULL);
  free(tree);
}

const struct manifest_counts *manifest_tree_counts(const struct manifest_tree *tree) {
  return &tree->counts;
}
