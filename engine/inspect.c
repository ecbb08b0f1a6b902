/* dray_inspect(): what an image says of itself. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/mem.h"
#include "dray.h"
#include "engine.h"
#include "net/call.h"
#include "oci/answer.h"
#include "oci/details.h"
#include "oci/ref.h"
#include "oci/registry.h"
#include "transfer/manifest_read.h"
#include "transfer/referrer_list.h"

enum { DEPTH_MAX = 8, MANIFESTS_MAX = 1000, READING_MAX = 16, COSIGN_TAGS = 3 };

/* What is given out, and what it points to. */
struct inspected {
  struct dray_inspected given;
  struct arena arena;
};

/* A manifest. */
struct node {
  struct list all;   /* inspection->nodes */
  struct list queue; /* inspection->queue, until its turn */
  struct inspection *inspection;
  struct dray_part *part;
  struct oci_digest digest; /* unset: the root, by its tag */
  int64_t size;             /* -1: not known */
  int depth;
  struct manifest_read *read;
  struct call *call; /* for the config */
  struct oci_digest config;
};

/* One of cosign's tags. */
struct cosign {
  struct inspection *inspection;
  char *tag;
  struct manifest_read *read;
  struct oci_digest found;
};

struct inspection {
  struct dray *dray;
  struct oci_ref ref;
  bool details;
  struct inspected *to;
  struct list nodes, queue;
  size_t count;     /* nodes */
  unsigned reading; /* nodes at work */
  unsigned open;    /* jobs and calls under way */
  struct referrer_list *list;
  struct cosign cosign[COSIGN_TAGS];
  bool failed;
};

static const struct oci_repo *repo_of(const struct inspection *all) { return &all->ref.repo; }

static void cancel_all(struct inspection *all) {
  list_each(item, &all->nodes) {
    struct node *node = list_entry(item, struct node, all);
    if (node->read)
      manifest_read_cancel(node->read);
    if (node->call)
      call_cancel(node->call);
  }
  for (size_t i = 0; i < COSIGN_TAGS; i++)
    if (all->cosign[i].read)
      manifest_read_cancel(all->cosign[i].read);
  if (all->list)
    referrer_list_cancel(all->list);
}

static void fail(struct inspection *all, const struct err *err) {
  if (all->failed)
    return;
  all->failed = true;
  all->dray->err = *err;
  cancel_all(all);
}

static void cancel(void *arg) {
  struct inspection *all = arg;
  struct err err;
  err_set(&err, ERR_CANCELED, "%s", all->dray->transfer.stop_reason);
  fail(all, &err);
}

static void read_more(struct inspection *all);

/* Something under way has ended. */
static void closed(struct inspection *all) {
  all->open--;
  if (!all->failed)
    read_more(all);
  if (!all->open)
    loop_stop(all->dray->loop);
}

/* -- from the registry's words to ours -- */

/* Behind those that it has already. */
static void annotate(struct arena *arena, struct dray_part *part,
                     const struct dray_annotation *more, size_t count) {
  size_t before = part->annotation_count;
  struct dray_annotation *list = arena_alloc(arena, (before + count) * sizeof *list + 1);
  if (before)
    memcpy(list, part->annotations, before * sizeof *list);
  if (count)
    memcpy(list + before, more, count * sizeof *list);
  part->annotations = list;
  part->annotation_count = before + count;
}

static void describe(struct arena *arena, struct dray_part *part, const struct oci_detail *detail) {
  *part = (struct dray_part){.media_type = detail->media_type,
                             .artifact_type = detail->artifact_type,
                             .digest = detail->digest,
                             .platform = detail->platform,
                             .subject = "",
                             .tag = "",
                             .size = detail->size,
                             .created = ""};
  struct dray_annotation *list = arena_alloc(arena, detail->annotation_count * sizeof *list + 1);
  for (size_t i = 0; i < detail->annotation_count; i++)
    list[i] = (struct dray_annotation){detail->annotations[i].name, detail->annotations[i].value};
  part->annotations = list;
  part->annotation_count = detail->annotation_count;
}

static void describe_making(struct arena *arena, struct dray_part *part,
                            const struct oci_making *making, bool details) {
  if (!*part->platform)
    part->platform = making->platform;
  if (!details)
    return;
  struct dray_step *history = arena_alloc(arena, making->count * sizeof *history + 1);
  for (size_t i = 0; i < making->count; i++) {
    const struct oci_step *step = &making->history[i];
    history[i] = (struct dray_step){step->created, step->created_by, step->comment, step->empty};
  }
  part->created = making->created;
  part->history = history;
  part->history_count = making->count;
}

/* Of the blobs below, each once; what is not copied does not count. */
static uint64_t add_up(const struct dray_part *part, struct map *seen) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < part->part_count; i++) {
    const struct dray_part *below = &part->parts[i];
    if (below->is_manifest)
      bytes += add_up(below, seen);
    else if (!below->is_foreign && !map_put(seen, below->digest, seen))
      bytes += below->size;
  }
  return bytes;
}

static void add_up_all(struct dray_part *part) {
  struct map *seen = map_new();
  part->bytes = add_up(part, seen);
  map_free(seen, NULL);
  for (size_t i = 0; i < part->part_count; i++)
    if (part->parts[i].is_manifest)
      add_up_all((struct dray_part *)&part->parts[i]);
}

/* -- manifests -- */

static struct node *add_node(struct inspection *all, struct dray_part *part, int depth) {
  struct node *node = mem_zalloc(sizeof *node);
  node->inspection = all;
  node->part = part;
  node->depth = depth;
  node->size = -1;
  list_push(&all->nodes, &node->all);
  list_push(&all->queue, &node->queue);
  all->count++;
  return node;
}

static void node_ended(struct node *node) {
  node->inspection->reading--;
  closed(node->inspection);
}

static void on_config(void *arg, const struct call_result *result) {
  struct node *node = arg;
  struct inspection *all = node->inspection;
  struct arena *arena = &all->to->arena;
  const struct buf *body = &result->reply->body;
  struct oci_digest found;
  struct oci_making making;
  struct err err;
  node->call = NULL;
  oci_digest_of(node->config.algorithm, buf_str(body), body->len, &found);
  if (oci_answer(result, repo_of(all)->host, "the image's config", &err) < 0) {
    fail(all, &err);
  } else if (!oci_digest_equal(&found, &node->config)) {
    err_set(&err, ERR_DIGEST, "%s: blob %s is corrupt: its bytes have the digest %s",
            repo_of(all)->host, node->config.text, found.text);
    fail(all, &err);
  } else if (oci_making_read(buf_str(body), body->len, arena, &making, &err) == 0) {
    describe_making(arena, node->part, &making, all->details);
  }
  node_ended(node);
}

static void read_config(struct node *node) {
  struct inspection *all = node->inspection;
  const struct oci_repo *repo = repo_of(all);
  char *path = oci_path_blob(repo, &node->config), *scopes = oci_scope(repo, false);
  node->call =
      call_start(&(struct call_spec){.endpoint = transfer_endpoint(&all->dray->transfer, repo),
                                     .method = "GET",
                                     .kind = GATE_BLOB_READ,
                                     .url = path,
                                     .path = repo->path,
                                     .scopes = scopes,
                                     .verified = true,
                                     .body_max = OCI_MANIFEST_MAX,
                                     .done = on_config,
                                     .arg = node});
  free(scopes);
  free(path);
}

/* Only it tells the platform of an image that stands alone. */
static bool wants_config(const struct node *node) {
  const struct dray_part *part = node->part;
  const char *type = part->part_count && !part->is_index ? part->parts[0].media_type : "";
  return (node->inspection->details || node->depth == 1) &&
         (strcmp(type, OCI_TYPE_CONFIG) == 0 || strcmp(type, DOCKER_TYPE_CONFIG) == 0);
}

static void add_children(struct node *node, const struct oci_manifest *manifest,
                         const struct oci_details *details) {
  struct inspection *all = node->inspection;
  struct arena *arena = &all->to->arena;
  struct dray_part *parts = arena_alloc(arena, manifest->count * sizeof *parts + 1);
  struct err err;
  for (size_t i = 0; i < manifest->count && !all->failed; i++) {
    const struct oci_descriptor *item = &manifest->items[i];
    describe(arena, &parts[i], &details->items[i]);
    parts[i].is_foreign = item->foreign;
    parts[i].is_manifest = item->is_manifest;
    if (item->is_manifest && (node->depth == DEPTH_MAX || all->count == MANIFESTS_MAX)) {
      err_set(&err, ERR_UNSUPPORTED,
              "%s: indexes are nested more than %d deep, or hold more than %d manifests",
              repo_of(all)->host, DEPTH_MAX, MANIFESTS_MAX);
      fail(all, &err);
    } else if (item->is_manifest) {
      struct node *child = add_node(all, &parts[i], node->depth + 1);
      child->digest = item->digest;
      child->size = (int64_t)item->size;
    }
  }
  node->part->parts = parts;
  node->part->part_count = manifest->count;
}

static void take(struct node *node, const struct manifest_reply *reply) {
  struct arena *arena = &node->inspection->to->arena;
  struct dray_part *part = node->part, listed = *part;
  struct oci_details details;
  oci_details_read(reply->bytes, reply->len, reply->parsed, arena, &details);
  describe(arena, part, &details.own);
  part->media_type = arena_strdup(arena, reply->parsed->media_type);
  part->digest = arena_strdup(arena, reply->digest.text);
  part->subject = arena_strdup(arena, reply->parsed->subject.text);
  part->size = reply->len;
  part->is_manifest = true;
  part->is_index = reply->parsed->kind == OCI_INDEX;
  if (listed.digest) { /* what the index adds */
    part->platform = listed.platform;
    if (!*part->artifact_type)
      part->artifact_type = listed.artifact_type;
    annotate(arena, part, listed.annotations, listed.annotation_count);
  }
  add_children(node, reply->parsed, &details);
}

static void read_referrers(struct inspection *all, const struct oci_digest *digest);

static void on_manifest(void *arg, struct manifest_reply *reply, const struct err *err) {
  struct node *node = arg;
  struct inspection *all = node->inspection;
  node->read = NULL;
  if (all->failed) {
    node_ended(node);
    return;
  }
  if (err && err->code == ERR_NOT_FOUND && node->depth > 1)
    node->part->is_missing = true;
  else if (err)
    fail(all, err);
  else
    take(node, reply);
  if (!err && node->depth == 1 && !all->failed) {
    node->digest = reply->digest;
    read_referrers(all, &node->digest);
  }
  if (!err && !all->failed && wants_config(node)) {
    node->config = reply->parsed->items[0].digest;
    read_config(node);
  } else {
    node_ended(node);
  }
}

static void read_more(struct inspection *all) {
  while (!list_empty(&all->queue) && all->reading < READING_MAX) {
    struct node *node = list_entry(list_pop(&all->queue), struct node, queue);
    const char *reference = node->depth == 1 ? oci_ref_reference(&all->ref) : node->digest.text;
    all->reading++;
    all->open++;
    node->read = manifest_read_start(&(struct manifest_read_spec){.transfer = &all->dray->transfer,
                                                                  .repo = repo_of(all),
                                                                  .reference = reference,
                                                                  .digest = node->digest,
                                                                  .size = node->size,
                                                                  .done = on_manifest,
                                                                  .arg = node});
  }
}

/* -- referrers: an image can be read without them, so that a failure is a warning -- */

static void warn(struct inspection *all, const struct err *err) {
  if (!all->failed)
    log_at(&all->dray->log, LOG_WARN, "what refers to the image is not known: %s", err->message);
}

static void on_listed(void *arg, const struct referrer_list_result *result) {
  struct inspection *all = arg;
  struct dray_inspected *given = &all->to->given;
  struct arena *arena = &all->to->arena;
  const struct oci_referrers *found = result->found;
  struct oci_detail detail;
  all->list = NULL;
  if (result->err)
    warn(all, result->err);
  else
    given->referrers_from = result->api ? "api" : "tag";
  struct dray_part *parts = arena_alloc(arena, (found->count + COSIGN_TAGS) * sizeof *parts + 1);
  given->referrers = parts;
  for (size_t i = 0; i < found->count && !result->err; i++) {
    const char *text = found->items[i].descriptor;
    if (oci_detail_read(text, strlen(text), arena, &detail, NULL) < 0)
      continue;
    describe(arena, &parts[given->referrer_count], &detail);
    parts[given->referrer_count++].is_manifest = true;
  }
  closed(all);
}

static void on_cosign(void *arg, struct manifest_reply *reply, const struct err *err) {
  struct cosign *cosign = arg;
  cosign->read = NULL;
  if (!err)
    cosign->found = reply->digest;
  else if (err->code != ERR_NOT_FOUND)
    warn(cosign->inspection, err);
  closed(cosign->inspection);
}

static void read_referrers(struct inspection *all, const struct oci_digest *digest) {
  struct transfer *transfer = &all->dray->transfer;
  all->open++;
  all->list = referrer_list_start(&(struct referrer_list_spec){
      .transfer = transfer, .repo = repo_of(all), .digest = digest, .done = on_listed, .arg = all});
  for (size_t i = 0; i < COSIGN_TAGS; i++) {
    struct cosign *cosign = &all->cosign[i];
    cosign->inspection = all;
    cosign->tag = oci_referrers_tag(digest, oci_cosign_suffixes[i]);
    all->open++;
    cosign->read = manifest_read_start(&(struct manifest_read_spec){.transfer = transfer,
                                                                    .repo = repo_of(all),
                                                                    .reference = cosign->tag,
                                                                    .size = -1,
                                                                    .look = true,
                                                                    .done = on_cosign,
                                                                    .arg = cosign});
  }
}

/* Behind those that are listed. */
static void add_cosign(struct inspection *all) {
  struct dray_inspected *given = &all->to->given;
  struct arena *arena = &all->to->arena;
  for (size_t i = 0; i < COSIGN_TAGS; i++) {
    const struct cosign *cosign = &all->cosign[i];
    if (!oci_digest_is_set(&cosign->found))
      continue;
    struct dray_part *part = (struct dray_part *)&given->referrers[given->referrer_count++];
    describe(arena, part, &(struct oci_detail){"", "", "", "", 0, NULL, 0});
    part->digest = arena_strdup(arena, cosign->found.text);
    part->tag = arena_strdup(arena, cosign->tag);
    part->is_manifest = true;
  }
}

/* -- the question -- */

static int parse(struct inspection *all, const char *text, struct err *err) {
  if (oci_ref_parse(text, &all->ref, err) < 0)
    return -1;
  if (all->ref.transport == OCI_REGISTRY)
    return 0;
  return err_set(err, ERR_USAGE, "%s: only images in registries can be read so far", text);
}

static void begin(struct inspection *all) {
  struct inspected *to = all->to = mem_zalloc(sizeof *to);
  char *name = oci_ref_format(&all->ref);
  arena_init(&to->arena);
  to->given.reference = arena_strdup(&to->arena, name);
  to->given.referrers_from = "";
  free(name);
  add_node(all, &to->given.image, 1)->digest = all->ref.digest;
  read_more(all);
}

static void end(struct inspection *all) {
  struct list *item;
  while ((item = list_pop(&all->nodes)))
    free(list_entry(item, struct node, all));
  for (size_t i = 0; i < COSIGN_TAGS; i++)
    free(all->cosign[i].tag);
}

enum dray_status dray_inspect(struct dray *dray, const char *ref, bool details,
                              struct dray_inspected **inspected) {
  struct inspection all = {.dray = dray, .details = details};
  enum dray_status status = DRAY_USAGE;
  list_init(&all.nodes);
  list_init(&all.queue);
  *inspected = NULL;
  engine_begin(dray);
  if (parse(&all, ref, &dray->err) == 0) {
    begin(&all);
    engine_run(dray, cancel, &all);
    status = all.failed ? DRAY_FAILED : DRAY_OK;
    if (all.failed) {
      err_prefix(&dray->err, "%s", all.to->given.reference);
      dray_inspected_free(&all.to->given);
    } else {
      add_cosign(&all);
      add_up_all(&all.to->given.image);
      *inspected = &all.to->given;
    }
    end(&all);
  }
  oci_ref_free(&all.ref);
  return engine_end(dray, status);
}

void dray_inspected_free(struct dray_inspected *inspected) {
  if (!inspected)
    return;
  struct inspected *all = (struct inspected *)inspected;
  arena_free(&all->arena);
  free(all);
}
