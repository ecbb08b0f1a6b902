#include "transfer/image_verify.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"
#include "net/call.h"
#include "oci/answer.h"
#include "oci/manifest.h"
#include "oci/registry.h"
#include "transfer/blob_read.h"
#include "transfer/manifest_read.h"

enum { DEPTH_MAX = 8, MANIFESTS_MAX = 20000, PARTS_MAX = 64 };

enum verify_state {
  VERIFY_SOURCE, /* what is the image? */
  VERIFY_TARGET, /* and there? */
  VERIFY_PARTS,
  VERIFY_END
};

enum part_state {
  PART_WAITING, /* for its turn */
  PART_THERE,   /* is it at the target? */
  PART_READ,    /* a manifest: what does the source's reach? */
  PART_COMPARE, /* deep: a blob is read on both sides */
  PART_DONE
};

struct part {
  struct list queue; /* job->queue */
  struct ready ready;
  struct image_verify *job;
  enum part_state state;
  struct oci_descriptor desc; /* without its media type */
  int depth;
  struct call *call;
  struct manifest_read *manifest;
  struct blob_read *sides[2]; /* source, target */
};

struct image_verify {
  struct image_verify_spec spec;
  struct ready ready;
  enum verify_state state;
  struct manifest_read *reading; /* a root */
  struct oci_manifest *parsed;   /* the source's root */
  struct map *parts;             /* digest → part */
  struct list queue;
  struct part *root;
  unsigned at_work; /* parts */
  unsigned open;    /* requests and readers under way */
  bool told;        /* of the image's difference */
  bool failed;
  struct err err;
  struct verify_result result;
};

static void become(struct image_verify *job, enum verify_state state) {
  job->state = state;
  loop_ready(job->spec.transfer->loop, &job->ready);
}

static void part_become(struct part *part, enum part_state state) {
  part->state = state;
  loop_ready(part->job->spec.transfer->loop, &part->ready);
}

/* -- failure: all that is under way is called back; the end comes when the last has answered -- */

static void cancel_part(struct part *part) {
  ready_cancel(&part->ready);
  if (part->call)
    call_cancel(part->call);
  if (part->manifest)
    manifest_read_cancel(part->manifest);
  for (int i = 0; i < 2; i++)
    if (part->sides[i])
      blob_read_cancel(part->sides[i]);
}

static void fail(struct image_verify *job, const struct err *err) {
  void *part;
  if (job->failed)
    return;
  job->failed = true;
  job->err = *err;
  if (job->reading)
    manifest_read_cancel(job->reading);
  for (size_t i = 0; map_next(job->parts, &i, NULL, &part);)
    cancel_part(part);
  become(job, VERIFY_END);
}

/* Something under way has ended. Returns false where that does not matter any more. */
static bool closed(struct image_verify *job) {
  job->open--;
  if (job->failed)
    become(job, VERIFY_END);
  return !job->failed;
}

/* -- what differs -- */

static void tell(struct part *part, enum verify_problem problem, const struct err *err) {
  struct image_verify *job = part->job;
  enum verify_part what = part == job->root        ? VERIFY_IMAGE
                          : part->desc.is_manifest ? VERIFY_MANIFEST
                                                   : VERIFY_BLOB;
  if (what == VERIFY_IMAGE && job->told) /* that it is another says it all */
    return;
  job->spec.difference(job->spec.arg, &(struct verify_difference){.part = what,
                                                                  .problem = problem,
                                                                  .digest = &part->desc.digest,
                                                                  .size = part->desc.size,
                                                                  .found = &job->result.target,
                                                                  .err = err});
}

/* An error at the target: whether it is a difference, which is told then. */
static bool is_difference(struct part *part, const struct err *err) {
  if (err->code != ERR_NOT_FOUND && err->code != ERR_DIGEST)
    return false;
  tell(part, err->code == ERR_DIGEST ? VERIFY_CORRUPT : VERIFY_MISSING, err);
  return true;
}

/* -- parts -- */

static void part_step(struct ready *ready);

static void add_part(struct image_verify *job, const struct oci_descriptor *desc, int depth) {
  struct err err;
  if (map_get(job->parts, desc->digest.text))
    return;
  if (desc->is_manifest && (depth > DEPTH_MAX || job->result.manifests == MANIFESTS_MAX)) {
    err_set(&err, ERR_UNSUPPORTED,
            "%s: indexes are nested more than %d deep, or hold more than %d manifests",
            job->spec.src->repo.host, DEPTH_MAX, MANIFESTS_MAX);
    fail(job, &err);
    return;
  }
  job->result.manifests += desc->is_manifest;
  job->result.blobs += !desc->is_manifest;
  if (!desc->is_manifest) {
    job->result.bytes += desc->size;
    job->spec.transfer->known_bytes += job->spec.deep ? 2 * desc->size : 0;
  }
  struct part *part = mem_zalloc(sizeof *part);
  part->job = job;
  part->desc = *desc;
  part->desc.media_type = "";
  part->depth = depth;
  list_init(&part->queue);
  ready_init(&part->ready, part_step);
  map_put(job->parts, desc->digest.text, part);
  list_push(&job->queue, &part->queue);
  if (!job->root)
    job->root = part;
}

static void add_parts_of(struct part *part, const struct oci_manifest *manifest) {
  struct image_verify *job = part->job;
  for (size_t i = 0; i < manifest->count && !job->failed; i++)
    if (!manifest->items[i].foreign)
      add_part(job, &manifest->items[i], part->depth + 1);
}

static struct manifest_read *
read_manifest(struct part *part, const struct oci_repo *repo, bool look,
              void (*done)(void *arg, struct manifest_reply *reply, const struct err *err)) {
  part->job->open++;
  return manifest_read_start(&(struct manifest_read_spec){.transfer = part->job->spec.transfer,
                                                          .repo = repo,
                                                          .reference = part->desc.digest.text,
                                                          .digest = part->desc.digest,
                                                          .size = (int64_t)part->desc.size,
                                                          .look = look,
                                                          .done = done,
                                                          .arg = part});
}

static void on_manifest(void *arg, struct manifest_reply *reply, const struct err *err) {
  struct part *part = arg;
  part->manifest = NULL;
  if (!closed(part->job))
    return;
  if (err) {
    fail(part->job, err);
    return;
  }
  add_parts_of(part, reply->parsed);
  part_become(part, PART_DONE);
}

/* What the root reaches is known already; of a root that is missing nothing is worth a look. */
static void there(struct part *part, bool is) {
  struct image_verify *job = part->job;
  if (part == job->root && is)
    add_parts_of(part, job->parsed);
  part_become(part, part == job->root ? PART_DONE : PART_READ);
}

static void on_manifest_there(void *arg, struct manifest_reply *reply, const struct err *err) {
  struct part *part = arg;
  (void)reply;
  part->manifest = NULL;
  if (!closed(part->job))
    return;
  if (err && !is_difference(part, err))
    fail(part->job, err);
  else
    there(part, !err);
}

static void on_blob_there(void *arg, const struct call_result *result) {
  struct part *part = arg;
  struct err err;
  char what[160];
  part->call = NULL;
  if (!closed(part->job))
    return;
  snprintf(what, sizeof what, "looking for blob %s", part->desc.digest.text);
  int rc = oci_answer(result, part->job->spec.dst->repo.host, what, &err);
  if (rc < 0 && !is_difference(part, &err))
    fail(part->job, &err);
  else
    part_become(part, PART_DONE);
}

static void look_for_blob(struct part *part) {
  const struct oci_repo *repo = &part->job->spec.dst->repo;
  char *path = oci_path_blob(repo, &part->desc.digest);
  char *scopes = oci_scope(repo, false);
  part->job->open++;
  part->call =
      call_start(&(struct call_spec){.endpoint = transfer_endpoint(part->job->spec.transfer, repo),
                                     .method = "HEAD",
                                     .url = path,
                                     .path = repo->path,
                                     .scopes = scopes,
                                     .done = on_blob_there,
                                     .arg = part});
  free(scopes);
  free(path);
}

static void side_ended(struct part *part) {
  if (!part->sides[0] && !part->sides[1])
    part_become(part, PART_DONE);
}

static void on_source_read(void *arg, const struct err *err) {
  struct part *part = arg;
  part->sides[0] = NULL;
  if (!closed(part->job))
    return;
  if (err)
    fail(part->job, err);
  else
    side_ended(part);
}

static void on_target_read(void *arg, const struct err *err) {
  struct part *part = arg;
  part->sides[1] = NULL;
  if (!closed(part->job))
    return;
  if (err && !is_difference(part, err))
    fail(part->job, err);
  else
    side_ended(part);
}

static void compare(struct part *part) {
  const struct image_verify_spec *spec = &part->job->spec;
  struct blob_read_spec read = {.transfer = spec->transfer, .desc = &part->desc, .arg = part};
  part->job->open += 2;
  read.repo = &spec->src->repo;
  read.done = on_source_read;
  part->sides[0] = blob_read_start(&read);
  read.repo = &spec->dst->repo;
  read.done = on_target_read;
  part->sides[1] = blob_read_start(&read);
}

static void part_step(struct ready *ready) {
  struct part *part = list_entry(ready, struct part, ready);
  const struct image_verify_spec *spec = &part->job->spec;
  switch (part->state) {
  case PART_WAITING:
    return;
  case PART_THERE:
    if (part->desc.is_manifest)
      part->manifest = read_manifest(part, &spec->dst->repo, !spec->deep, on_manifest_there);
    else
      look_for_blob(part);
    return;
  case PART_READ:
    part->manifest = read_manifest(part, &spec->src->repo, false, on_manifest);
    return;
  case PART_COMPARE:
    compare(part);
    return;
  case PART_DONE:
    part->job->at_work--;
    loop_ready(spec->transfer->loop, &part->job->ready);
    return;
  }
}

/* -- the image -- */

static void start_parts(struct image_verify *job) {
  while (!list_empty(&job->queue) && job->at_work < PARTS_MAX) {
    struct part *part = list_entry(list_pop(&job->queue), struct part, queue);
    bool is_read = job->spec.deep && !part->desc.is_manifest && part->desc.size > 0;
    job->at_work++;
    part_become(part, is_read ? PART_COMPARE : PART_THERE);
  }
  if (!job->at_work)
    become(job, VERIFY_END);
}

static struct manifest_read *
read_root(struct image_verify *job, const struct oci_ref *ref, bool look,
          void (*done)(void *arg, struct manifest_reply *reply, const struct err *err)) {
  job->open++;
  return manifest_read_start(&(struct manifest_read_spec){.transfer = job->spec.transfer,
                                                          .repo = &ref->repo,
                                                          .reference = oci_ref_reference(ref),
                                                          .digest = ref->digest,
                                                          .wanted = job->result.source.algorithm,
                                                          .size = -1,
                                                          .look = look,
                                                          .done = done,
                                                          .arg = job});
}

static void on_source(void *arg, struct manifest_reply *reply, const struct err *err) {
  struct image_verify *job = arg;
  job->reading = NULL;
  if (!closed(job))
    return;
  if (err) {
    fail(job, err);
    return;
  }
  job->parsed = reply->parsed;
  reply->parsed = NULL;
  job->result.source = reply->digest;
  add_part(
      job,
      &(struct oci_descriptor){.digest = reply->digest, .size = reply->len, .is_manifest = true},
      1);
  become(job, VERIFY_TARGET);
}

static void on_target(void *arg, struct manifest_reply *reply, const struct err *err) {
  struct image_verify *job = arg;
  struct part *root = job->root;
  job->reading = NULL;
  if (!closed(job))
    return;
  if (err && !is_difference(root, err)) {
    fail(job, err);
  } else if (err) {
    become(job, VERIFY_END);
  } else {
    job->result.target = reply->digest;
    if (!oci_digest_equal(&job->result.source, &reply->digest)) {
      tell(root, VERIFY_OTHER, NULL);
      job->told = true;
    }
    become(job, VERIFY_PARTS);
  }
}

static void end(struct image_verify *job) {
  void *part;
  job->spec.done(job->spec.arg, &job->result, job->failed ? &job->err : NULL);
  for (size_t i = 0; map_next(job->parts, &i, NULL, &part);)
    ready_cancel(&((struct part *)part)->ready);
  map_free(job->parts, free);
  oci_manifest_free(job->parsed);
  free(job);
}

static void step(struct ready *ready) {
  struct image_verify *job = list_entry(ready, struct image_verify, ready);
  switch (job->state) {
  case VERIFY_SOURCE:
    job->reading = read_root(job, job->spec.src, false, on_source);
    return;
  case VERIFY_TARGET:
    job->reading = read_root(job, job->spec.dst, true, on_target);
    return;
  case VERIFY_PARTS:
    start_parts(job);
    return;
  case VERIFY_END:
    if (!job->open)
      end(job);
    return;
  }
}

struct image_verify *image_verify_start(const struct image_verify_spec *spec) {
  struct image_verify *job = mem_zalloc(sizeof *job);
  job->spec = *spec;
  job->parts = map_new();
  list_init(&job->queue);
  ready_init(&job->ready, step);
  become(job, VERIFY_SOURCE);
  return job;
}

void image_verify_cancel(struct image_verify *job) {
  const char *reason = job->spec.transfer->stop_reason;
  struct err err;
  err_set(&err, ERR_CANCELED, "%s", reason ? reason : "stopped before it was done");
  fail(job, &err);
}
