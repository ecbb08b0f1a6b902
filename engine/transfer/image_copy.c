#include "transfer/image_copy.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "net/call.h"
#include "oci/answer.h"
#include "transfer/half_done.h"
#include "transfer/manifest_table.h"
#include "transfer/referrers_copy.h"
#include "transfer/root_choice.h"
#include "transfer/tag_look.h"

enum { IMAGE_HOLD_MS = 20000 }; /* that targets are waited for which are still looked at */
#define NOTED_LEAST ((uint64_t)4 * 1024 * 1024) /* bytes: smaller images are not worth a note */

enum image_state {
  IMAGE_DECIDE, /* how the source is to be asked: what do the targets have? */
  IMAGE_HEAD,   /* the source's tag: all targets have one to compare with */
  IMAGE_GET,    /* the source's manifest */
  IMAGE_TREE,   /* it is here */
  IMAGE_END
};

enum target_state {
  TARGET_LOOK,
  TARGET_WAIT, /* for the source */
  TARGET_TREE,
  TARGET_REFER, /* it has the image, and now what refers to it */
  TARGET_END
};

/* The targets that go together. */
struct group {
  struct list node;
  struct manifest_tree *tree;
  bool runs;
  size_t count;
  struct target *targets[IMAGE_TARGETS_MAX];
  struct manifest_target specs[IMAGE_TARGETS_MAX];
};

struct target {
  struct ready ready; /* tells that it has ended */
  struct image_copy *copy;
  const struct image_target *spec;
  enum target_state state;
  struct tag_look look;
  struct group *group;   /* NULL: it is in none yet */
  size_t index;          /* in it */
  struct half_done half; /* what the journal knows of it */
  bool has_root;         /* under its name */
  bool unchanged, skipped;
  struct referrers_result referrers;
  struct err err;
};

struct image_copy {
  struct image_copy_spec spec;
  struct ready ready;
  enum image_state state;
  struct call *call; /* to the source */
  struct timer hold; /* until those who are still looked at are not waited for any more */
  bool held;         /* it is over */
  bool head_told_nothing;
  bool resolved_again;
  bool canceled;
  struct oci_digest source;      /* what the source's tag has, once known */
  struct manifest_body root;     /* what the targets are to have: its digest, once known */
  struct oci_descriptor as_blob; /* of the root, for the journal */
  struct list groups;
  uint64_t started_ms;
  uint64_t pulls; /* of the root */
  uint64_t pulls_told;
  struct referrers_copy *referrers;
  size_t ended; /* targets */
  struct target targets[];
};

static void wake(struct image_copy *copy) { loop_ready(copy->spec.transfer->loop, &copy->ready); }

static void become(struct image_copy *copy, enum image_state state) {
  copy->state = state;
  wake(copy);
}

/* -- a target -- */

static void target_end(struct target *target) {
  target->state = TARGET_END;
  tag_look_cancel(&target->look);
  loop_ready(target->copy->spec.transfer->loop, &target->ready);
}

static void target_fail(struct target *target, const struct err *err) {
  target->err = *err;
  target_end(target);
}

static void target_stop(struct target *target) {
  const char *reason = target->copy->spec.transfer->stop_reason;
  err_set(&target->err, ERR_CANCELED, "%s", reason ? reason : "stopped before it was done");
  target_end(target);
}

/* The image is there. */
static void target_reached(struct target *target) {
  const struct image_copy_spec *spec = &target->copy->spec;
  if (!spec->referrers || oci_repo_equal(&spec->src->repo, &target->spec->ref->repo)) {
    target_end(target);
  } else {
    target->state = TARGET_REFER;
    wake(target->copy);
  }
}

static void on_look(struct tag_look *look, const struct err *err) {
  struct target *target = list_entry(look, struct target, look);
  struct image_copy *copy = target->copy;
  if (target->state == TARGET_LOOK && copy->canceled)
    target_stop(target);
  else if (target->state == TARGET_LOOK && err)
    target_fail(target, err);
  else if (target->state == TARGET_LOOK)
    target->state = TARGET_WAIT;
  wake(copy);
}

static struct image_result result_of(const struct target *target) {
  const struct image_copy *copy = target->copy;
  const char *type = copy->root.parsed ? copy->root.parsed->media_type : NULL;
  bool left_alone = target->unchanged || target->skipped;
  struct image_result result = {.unchanged = target->unchanged && !target->referrers.changed,
                                .skipped = target->skipped,
                                .digest = left_alone ? target->look.digest : copy->root.digest,
                                .source_digest = copy->source,
                                .ms = loop_now(copy->spec.transfer->loop) - copy->started_ms,
                                .err = target->err.code == ERR_NONE ? NULL : &target->err};
  if (left_alone)
    type = target->look.media_type;
  result.media_type = type ? type : "";
  if (target->group)
    result.counts = *manifest_tree_counts(target->group->tree, target->index);
  manifest_counts_add(&result.counts, &target->referrers.counts);
  return result;
}

static void on_target_end(struct ready *ready) {
  struct target *target = list_entry(ready, struct target, ready);
  struct image_copy *copy = target->copy;
  struct image_result result = result_of(target);
  uint64_t pulls = copy->pulls;
  list_each(node, &copy->groups) pulls +=
      manifest_tree_pulls(list_entry(node, struct group, node)->tree);
  result.counts.pulls += pulls - copy->pulls_told;
  copy->pulls_told = pulls;
  copy->ended++;
  copy->spec.target_done(copy->spec.arg, (size_t)(target - copy->targets), &result);
  wake(copy);
}

/* Where the target names a digest, it is that one or none. Where it has the same already, or
 * another that is to stay, there is nothing to do. */
static void compare(struct target *target) {
  struct image_copy *copy = target->copy;
  const struct image_copy_spec *spec = &copy->spec;
  const struct oci_ref *ref = target->spec->ref;
  const struct oci_digest *has = &target->look.digest;
  if (oci_digest_is_set(&ref->digest) && !oci_digest_equal(&ref->digest, &copy->root.digest)) {
    err_set(&target->err, ERR_DIGEST, "%s: what is to be copied is %s, not what the target names",
            spec->src->repo.host, copy->root.digest.text);
    target_end(target);
  } else if (!oci_digest_is_set(has)) {
    return;
  } else if (oci_digest_equal(has, &copy->root.digest)) {
    target->has_root = true;
    if (copy->root.kept) /* it may lack children that are wanted now */
      return;
    target->unchanged = true;
    target_reached(target);
  } else if (spec->if_exists == IF_EXISTS_SKIP) {
    target->skipped = true;
    target_end(target);
  } else if (spec->if_exists == IF_EXISTS_FAIL) {
    err_set(&target->err, ERR_REFUSED,
            "%s: %s is there already, as %s, and may not be replaced (--if-exists fail)",
            ref->repo.host, ref->tag ? ref->tag : ref->digest.text, has->text);
    target_end(target);
  }
}

static bool is_ready(const struct target *target) {
  return target->state == TARGET_WAIT && target->look.state == LOOK_DONE;
}

/* Should this run be killed, the next one must look for what is there. */
static void note(struct target *target, uint64_t bytes) {
  struct transfer *transfer = target->copy->spec.transfer;
  if (bytes < NOTED_LEAST || transfer->dry_run)
    return;
  struct journal_entry entry = {
      .location = transfer_endpoint(transfer, &target->spec->ref->repo)->base_url};
  oci_hasher_init(entry.hasher, target->copy->root.digest.algorithm);
  half_done_note(&target->half, &entry);
}

static void on_planned(void *arg, size_t index) {
  struct group *group = arg;
  struct target *target = group->targets[index];
  struct image_copy *copy = target->copy;
  struct image_result result = result_of(target);
  note(target, result.counts.total_bytes);
  if (copy->spec.planned)
    copy->spec.planned(copy->spec.arg, (size_t)(target - copy->targets), &result);
}

static void on_target_done(void *arg, size_t index, const struct err *err) {
  struct group *group = arg;
  struct target *target = group->targets[index];
  if (!err)
    half_done_drop(&target->half);
  target->unchanged = !err && !manifest_tree_counts(group->tree, index)->pushed;
  if (target->copy->canceled)
    target_stop(target);
  else if (err)
    target_fail(target, err);
  else
    target_reached(target);
}

static void on_tree_done(void *arg) {
  struct group *group = arg;
  group->runs = false;
  wake(group->targets[0]->copy);
}

static void add(struct group *group, struct target *target) {
  struct image_copy *copy = target->copy;
  const struct oci_ref *dst = target->spec->ref;
  struct journal_entry entry;
  target->half = (struct half_done){
      .journal = copy->spec.transfer->journal, .target = &dst->repo, .desc = &copy->as_blob};
  target->state = TARGET_TREE;
  target->group = group;
  target->index = group->count;
  group->targets[group->count] = target;
  group->specs[group->count++] = (struct manifest_target){
      .repo = &dst->repo,
      .put_as = dst->tag ? dst->tag : copy->root.digest.text,
      .has_root = target->has_root,
      .check_manifests = target->look.exists,
      /* An entry: an earlier run did not come to its end. */
      .check_blobs = half_done_take(&target->half, &entry) || target->look.may_have_blobs};
}

/* All that are ready, together. */
static void start_tree(struct image_copy *copy) {
  struct group *group = mem_zalloc(sizeof *group);
  copy->as_blob = (struct oci_descriptor){.digest = copy->root.digest, .size = copy->root.len};
  for (size_t i = 0; i < copy->spec.target_count; i++)
    if (is_ready(&copy->targets[i]))
      add(group, &copy->targets[i]);
  group->runs = true;
  list_push(&copy->groups, &group->node);
  group->tree = manifest_tree_start(&(struct manifest_tree_spec){.transfer = copy->spec.transfer,
                                                                 .src = &copy->spec.src->repo,
                                                                 .root = &copy->root,
                                                                 .targets = group->specs,
                                                                 .target_count = group->count,
                                                                 .order = copy->spec.order,
                                                                 .planned = on_planned,
                                                                 .target_done = on_target_done,
                                                                 .done = on_tree_done,
                                                                 .arg = group});
}

/* -- the source -- */

static void fail_all(struct image_copy *copy, const struct err *err) {
  for (size_t i = 0; i < copy->spec.target_count; i++) {
    struct target *target = &copy->targets[i];
    if (target->state == TARGET_LOOK || target->state == TARGET_WAIT)
      target_fail(target, err);
  }
}

/* What the source's tag has is what the targets are to have, unless platforms are chosen. */
static bool chooses(const struct image_copy *copy) {
  return copy->spec.platforms && copy->spec.platforms->count;
}

static void note_source(struct image_copy *copy, const struct oci_digest *digest) {
  copy->source = *digest;
  if (!chooses(copy))
    copy->root.digest = *digest;
}

static void on_head(void *arg, const struct call_result *result) {
  struct image_copy *copy = arg;
  const struct http_reply *reply = result->reply;
  int status = reply->err.code == ERR_NONE ? reply->status : 0;
  struct oci_digest digest;
  struct err err;
  copy->call = NULL;
  become(copy, IMAGE_DECIDE);
  if (copy->canceled)
    return;
  if (status == 200 && tag_announced(result, &digest)) {
    note_source(copy, &digest);
    return;
  }
  if (status == 200 || status == 405 || status == 501) {
    copy->head_told_nothing = true; /* a GET will tell */
    return;
  }
  if (oci_answer(result, copy->spec.src->repo.host, "the image", &err) == 0)
    err_set(&err, ERR_PROTOCOL, "%s: the image: answered %d, which makes no sense here",
            copy->spec.src->repo.host, reply->status);
  fail_all(copy, &err);
}

/* The root's digest where that is known, else the source's; unset: the tag is asked for. */
static const struct oci_digest *wanted(const struct image_copy *copy) {
  return oci_digest_is_set(&copy->root.digest) ? &copy->root.digest : &copy->source;
}

/* From what the source has to what the targets are to have. */
static int choose(struct image_copy *copy, struct err *err) {
  copy->root.digest = copy->source;
  if (root_choose(&copy->root, copy->spec.platforms, copy->spec.sparse, err) == 0)
    return 0;
  copy->root.digest = (struct oci_digest){0};
  err_prefix(err, "%s: the index %s", copy->spec.src->repo.host, copy->source.text);
  return -1;
}

/* It must be what was asked for; where only a tag was asked for, digest is what its header says. */
static int accept(struct image_copy *copy, const struct oci_digest *digest,
                  const struct kept_manifest *got, struct err *err) {
  if (oci_manifest_check(copy->spec.src->repo.host, digest, -1, got->type, got->bytes, got->len,
                         &copy->root.parsed, err) < 0)
    return -1;
  if (!oci_digest_is_set(&copy->source))
    note_source(copy, digest);
  copy->root.len = got->len;
  copy->root.bytes = mem_strndup(got->bytes, got->len);
  if (!oci_digest_is_set(&copy->root.digest) && choose(copy, err) < 0)
    return -1;
  become(copy, copy->root.parsed ? IMAGE_TREE : IMAGE_DECIDE);
  return 0;
}

static int accept_answer(struct image_copy *copy, const struct call_result *result,
                         struct err *err) {
  const struct http_reply *reply = result->reply;
  const struct oci_repo *src = &copy->spec.src->repo;
  struct kept_manifest got = {.bytes = buf_str(&reply->body),
                              .type = http_header(reply, "Content-Type"),
                              .len = reply->body.len};
  struct oci_digest digest = *wanted(copy);
  if (reply->err.code == ERR_TOO_LARGE)
    return err_set(err, ERR_TOO_LARGE,
                   "%s: the manifest is larger than the 4 MiB that a manifest may have", src->host);
  if (oci_answer(result, src->host, "the image", err) < 0)
    return -1;
  if (!oci_digest_is_set(&digest) && !tag_announced(result, &digest))
    oci_digest_of(OCI_SHA256, got.bytes, got.len, &digest);
  if (accept(copy, &digest, &got, err) < 0)
    return -1;
  manifest_keep(copy->spec.transfer->manifests, src, &digest, &got);
  return 0;
}

static void on_fetched(void *arg, const struct call_result *result) {
  struct image_copy *copy = arg;
  const struct http_reply *reply = result->reply;
  struct err err;
  copy->call = NULL;
  wake(copy);
  if (copy->canceled)
    return;
  copy->pulls++;
  if (reply->err.code == ERR_NONE && reply->status == 404 && !copy->resolved_again &&
      !oci_digest_is_set(&copy->spec.src->digest) && oci_digest_is_set(&copy->source)) {
    copy->resolved_again = true; /* the tag has moved, and what it was is gone */
    copy->source = copy->root.digest = (struct oci_digest){0};
  } else if (accept_answer(copy, result, &err) < 0) {
    fail_all(copy, &err);
  }
}

/* Another image of this run may have read it. */
static bool take_kept(struct image_copy *copy) {
  const struct oci_digest digest = *wanted(copy);
  struct kept_manifest kept;
  struct err err;
  if (!oci_digest_is_set(&digest) ||
      !manifest_kept(copy->spec.transfer->manifests, &copy->spec.src->repo, &digest, &kept))
    return false;
  if (accept(copy, &digest, &kept, &err) < 0)
    fail_all(copy, &err);
  return true;
}

static void ask(struct image_copy *copy) {
  const struct oci_ref *src = copy->spec.src;
  bool get = copy->state == IMAGE_GET;
  if (get && take_kept(copy))
    return;
  const char *reference =
      oci_digest_is_set(wanted(copy)) ? wanted(copy)->text : oci_ref_reference(src);
  copy->call = tag_ask(copy->spec.transfer, &src->repo, reference, get ? "GET" : "HEAD", false,
                       get ? on_fetched : on_head, copy);
}

/* A GET tells what a HEAD does; but it is the one that some registries count. */
static void decide(struct image_copy *copy) {
  bool head_helps = !oci_digest_is_set(&copy->source) && !copy->head_told_nothing;
  bool looking = false, at_once = false;
  if (chooses(copy) && !oci_digest_is_set(&copy->root.digest)) {
    become(copy, IMAGE_GET);
    return;
  }
  for (size_t i = 0; i < copy->spec.target_count; i++) {
    const struct target *target = &copy->targets[i];
    looking = looking || target->state == TARGET_LOOK;
    at_once = at_once || (target->state == TARGET_LOOK && target->spec->tag == TAG_PRESENT);
    if (target->state == TARGET_WAIT && !(head_helps && oci_digest_is_set(&target->look.digest))) {
      become(copy, IMAGE_GET);
      return;
    }
  }
  if (head_helps && (at_once || !looking || copy->held))
    become(copy, IMAGE_HEAD);
}

/* Together, as far as they can be waited for. */
static void start_trees(struct image_copy *copy) {
  bool ready = false, looking = false;
  for (size_t i = 0; i < copy->spec.target_count; i++) {
    const struct target *target = &copy->targets[i];
    bool open = target->state == TARGET_LOOK || target->state == TARGET_WAIT;
    ready = ready || is_ready(target);
    looking = looking || (open && !is_ready(target));
  }
  if (ready && (!looking || copy->held))
    start_tree(copy);
}

static void on_hold_over(struct timer *timer) {
  struct image_copy *copy = list_entry(timer, struct image_copy, hold);
  copy->held = true;
  wake(copy);
}

/* -- what refers to it -- */

static void on_referrers(void *arg) {
  struct image_copy *copy = arg;
  for (size_t i = 0, at = 0; i < copy->spec.target_count; i++) {
    struct target *target = &copy->targets[i];
    if (target->state != TARGET_REFER)
      continue;
    target->referrers = referrers_copy_result(copy->referrers, at++);
    if (copy->canceled)
      target_stop(target);
    else if (target->referrers.err)
      target_fail(target, target->referrers.err);
    else
      target_end(target);
  }
}

/* To all targets that have it, together. */
static void start_referrers(struct image_copy *copy) {
  bool dry = copy->spec.transfer->dry_run;
  struct referrers_copy_spec spec = {.transfer = copy->spec.transfer,
                                     .src = &copy->spec.src->repo,
                                     .if_exists = copy->spec.if_exists,
                                     .order = copy->spec.order,
                                     .root = &copy->root,
                                     .done = on_referrers,
                                     .arg = copy};
  for (size_t i = 0; i < copy->spec.target_count; i++) {
    const struct target *target = &copy->targets[i];
    const struct oci_repo *repo = &target->spec->ref->repo;
    if (target->state != TARGET_REFER)
      continue;
    spec.targets[spec.target_count++] = repo;
    if (!spec.readable && (target->unchanged || !dry)) /* not at the source, which may meter it */
      spec.readable = repo;
  }
  spec.push = spec.readable;
  if (!spec.readable)
    spec.readable = spec.src;
  copy->referrers = referrers_copy_start(&spec);
}

static bool is_over(const struct image_copy *copy) {
  for (size_t i = 0; i < copy->spec.target_count; i++)
    if (copy->targets[i].look.call)
      return false;
  list_each(node, &copy->groups) {
    if (list_entry(node, struct group, node)->runs)
      return false;
  }
  return copy->ended == copy->spec.target_count && !copy->call;
}

static void step(struct ready *ready) {
  struct image_copy *copy = list_entry(ready, struct image_copy, ready);
  size_t open = 0, reached = 0;
  for (size_t i = 0; i < copy->spec.target_count; i++) {
    struct target *target = &copy->targets[i];
    if (target->state == TARGET_WAIT && oci_digest_is_set(&copy->root.digest))
      compare(target);
    open += target->state != TARGET_END;
    reached += target->state == TARGET_REFER;
  }
  if (open == reached && copy->call)
    call_cancel(copy->call);
  if (reached && open == reached) {
    if (!copy->referrers)
      start_referrers(copy);
    return;
  }
  if (!open && copy->state != IMAGE_END && is_over(copy))
    become(copy, IMAGE_END);
  else if (open || copy->state == IMAGE_END)
    switch (copy->state) {
    case IMAGE_DECIDE:
      decide(copy);
      return;
    case IMAGE_HEAD:
    case IMAGE_GET:
      if (!copy->call)
        ask(copy);
      return;
    case IMAGE_TREE:
      start_trees(copy);
      return;
    case IMAGE_END:
      copy->spec.done(copy->spec.arg);
      return;
    }
}

struct image_copy *image_copy_start(const struct image_copy_spec *spec) {
  assert(spec->target_count >= 1 && spec->target_count <= IMAGE_TARGETS_MAX);
  struct image_copy *copy = mem_zalloc(sizeof *copy + spec->target_count * sizeof *copy->targets);
  copy->spec = *spec;
  copy->started_ms = loop_now(spec->transfer->loop);
  note_source(copy, &spec->src->digest);
  list_init(&copy->groups);
  ready_init(&copy->ready, step);
  timer_init(&copy->hold, on_hold_over);
  if (spec->target_count > 1)
    timer_start(spec->transfer->loop, &copy->hold, IMAGE_HOLD_MS);
  for (size_t i = 0; i < spec->target_count; i++) {
    struct target *target = &copy->targets[i];
    target->copy = copy;
    target->spec = &spec->targets[i];
    ready_init(&target->ready, on_target_end);
    tag_look_init(&target->look, spec->transfer, target->spec->ref, on_look);
    if (target->spec->tag == TAG_ABSENT) {
      tag_look_skip(&target->look, !target->spec->empty);
      target->state = TARGET_WAIT;
    } else {
      tag_look_start(&target->look);
    }
  }
  wake(copy);
  return copy;
}

void image_copy_cancel(struct image_copy *copy) {
  if (copy->canceled || copy->state == IMAGE_END)
    return;
  copy->canceled = true;
  if (copy->call)
    call_cancel(copy->call);
  for (size_t i = 0; i < copy->spec.target_count; i++) {
    struct target *target = &copy->targets[i];
    if (target->state == TARGET_LOOK || target->state == TARGET_WAIT ||
        (target->state == TARGET_REFER && !copy->referrers))
      target_stop(target);
  }
  list_each(node, &copy->groups) manifest_tree_cancel(list_entry(node, struct group, node)->tree);
  if (copy->referrers)
    referrers_copy_cancel(copy->referrers);
}

void image_copy_free(struct image_copy *copy) {
  if (!copy)
    return;
  assert(copy->state == IMAGE_END && !copy->call);
  ready_cancel(&copy->ready);
  timer_stop(&copy->hold);
  for (size_t i = 0; i < copy->spec.target_count; i++)
    tag_look_end(&copy->targets[i].look);
  struct list *node;
  while ((node = list_pop(&copy->groups))) {
    struct group *group = list_entry(node, struct group, node);
    manifest_tree_free(group->tree);
    free(group);
  }
  referrers_copy_free(copy->referrers);
  root_forget(&copy->root);
  free(copy);
}
