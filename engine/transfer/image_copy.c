#include "transfer/image_copy.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/call.h"
#include "oci/answer.h"
#include "oci/profile.h"
#include "oci/registry.h"
#include "transfer/half_done.h"

#define NOTED_LEAST ((uint64_t)4 * 1024 * 1024) /* bytes: smaller images are not worth a note */

enum image_state {
  IMAGE_TARGET, /* HEAD (or GET) the target's tag */
  IMAGE_SOURCE, /* HEAD the source's tag: the target has one to compare with */
  IMAGE_FETCH,  /* GET the source's manifest, and find out whether the target is empty */
  IMAGE_TREE,
  IMAGE_END
};

struct image_copy {
  struct image_copy_spec spec;
  struct ready ready;
  enum image_state state;
  struct call *call;   /* to the target in IMAGE_TARGET, else to the source */
  struct call *lister; /* tags/list of the target, beside the source's GET */
  struct manifest_tree *tree;
  struct half_done half;         /* what the journal knows of it … */
  struct oci_descriptor as_blob; /* … by this */
  struct oci_digest target;      /* what the target's tag is now; unset: nothing, or not known */
  bool target_tag_exists;
  bool target_may_have_blobs;
  bool whole_target; /* HEAD told too little: GET it */
  bool resolved_again;
  bool canceled;
  struct oci_digest wanted; /* the source's digest, once known: what is fetched */
  char *bytes;
  size_t len;
  struct oci_manifest *parsed;
  char *media_type;
  uint64_t started_ms;
  struct image_result result;
  struct err err;
};

static void become(struct image_copy *copy, enum image_state state) {
  copy->state = state;
  loop_ready(copy->spec.transfer->loop, &copy->ready);
}

static void fail(struct image_copy *copy) {
  assert(copy->err.code != ERR_NONE);
  if (copy->lister)
    call_cancel(copy->lister);
  become(copy, IMAGE_END);
}

/* Neither what was asked for nor an error. */
static void fail_with(struct image_copy *copy, const struct call_result *result, const char *host,
                      const char *what) {
  if (oci_answer(result, host, what, &copy->err) == 0)
    err_set(&copy->err, ERR_PROTOCOL, "%s: %s: answered %d, which makes no sense here", host, what,
            result->reply->status);
  fail(copy);
}

static void note_stop(struct image_copy *copy) {
  const char *reason = copy->spec.transfer->stop_reason;
  err_set(&copy->err, ERR_CANCELED, "%s", reason ? reason : "stopped before it was done");
}

static bool stopped(struct image_copy *copy) {
  if (!copy->canceled)
    return false;
  note_stop(copy);
  fail(copy);
  return true;
}

/* Where the target names a digest, it is that one or none. */
static bool is_another(struct image_copy *copy, const struct oci_digest *digest) {
  const struct oci_digest *named = &copy->spec.dst->digest;
  if (!oci_digest_is_set(named) || oci_digest_equal(named, digest))
    return false;
  err_set(&copy->err, ERR_DIGEST, "%s: the image at the source is %s, not what the target names",
          copy->spec.src->repo.host, digest->text);
  fail(copy);
  return true;
}

static void unchanged(struct image_copy *copy, const struct call_result *result) {
  if (is_another(copy, &copy->target))
    return;
  const char *type = http_header(result->reply, "Content-Type");
  free(copy->media_type);
  copy->media_type = mem_strndup(type ? type : "", type ? strcspn(type, "; ") : 0);
  copy->result.unchanged = true;
  copy->wanted = copy->target;
  become(copy, IMAGE_END);
}

/* The digest that a reply to HEAD or GET of a manifest announces. */
static bool announced(const struct call_result *result, struct oci_digest *digest) {
  const char *value = http_header(result->reply, "Docker-Content-Digest");
  return value && oci_digest_parse(value, strlen(value), digest, NULL) == 0;
}

static struct call *ask(struct image_copy *copy, const struct oci_ref *ref, const char *reference,
                        const char *method, bool push,
                        void (*done)(void *arg, const struct call_result *result)) {
  struct transfer *transfer = copy->spec.transfer;
  char *path = oci_path_manifest(&ref->repo, reference);
  char *accept = mem_printf("Accept: %s", oci_accept_manifest);
  char *scopes = oci_scope(&ref->repo, push);
  struct call *call =
      call_start(&(struct call_spec){.endpoint = transfer_endpoint(transfer, &ref->repo),
                                     .method = method,
                                     .kind = GATE_MANIFEST_READ,
                                     .url = path,
                                     .headers = (const char *[]){accept, NULL},
                                     .path = ref->repo.path,
                                     .scopes = scopes,
                                     .body_max = OCI_MANIFEST_MAX,
                                     .done = done,
                                     .arg = copy});
  free(scopes);
  free(accept);
  free(path);
  return call;
}

/* -- the target -- */

/* A tag with the same name, or the very digest that is to be there. */
static const char *target_reference(const struct image_copy *copy) {
  const struct oci_ref *dst = copy->spec.dst;
  return dst->tag ? dst->tag : dst->digest.text;
}

static bool is_there(const struct image_copy *copy, const struct oci_digest *source) {
  return oci_digest_is_set(&copy->target) && oci_digest_equal(&copy->target, source);
}

static void on_target(void *arg, const struct call_result *result) {
  struct image_copy *copy = arg;
  const struct http_reply *reply = result->reply;
  copy->call = NULL;
  if (stopped(copy))
    return;
  bool answered = reply->err.code == ERR_NONE;
  if (answered && reply->status == 200) {
    copy->target_tag_exists = copy->target_may_have_blobs = true;
    if (copy->whole_target)
      oci_digest_of(OCI_SHA256, buf_str(&reply->body), reply->body.len, &copy->target);
    else if (!announced(result, &copy->target)) {
      copy->whole_target = true;
      become(copy, IMAGE_TARGET);
      return;
    }
    if (oci_digest_is_set(&copy->spec.src->digest) && is_there(copy, &copy->spec.src->digest))
      unchanged(copy, result);
    else
      become(copy, oci_digest_is_set(&copy->spec.src->digest) ? IMAGE_FETCH : IMAGE_SOURCE);
    return;
  }
  if (answered && reply->status == 404) {
    become(copy, IMAGE_FETCH);
    return;
  }
  if (answered && !copy->whole_target && (reply->status == 405 || reply->status == 501)) {
    copy->whole_target = true;
    become(copy, IMAGE_TARGET);
    return;
  }
  /* Some registries answer 403 (or 400) for what is merely absent: the push will tell. */
  if (answered && (reply->status == 403 || reply->status == 400) && result->identity) {
    copy->target_may_have_blobs = true;
    become(copy, IMAGE_FETCH);
    return;
  }
  fail_with(copy, result, copy->spec.dst->repo.host, "looking at the target");
}

/* The tag is not there. Is anything? Then its blobs are worth a look before they are sent. */
static void on_listed(void *arg, const struct call_result *result) {
  struct image_copy *copy = arg;
  const struct http_reply *reply = result->reply;
  copy->lister = NULL;
  if (reply->err.code == ERR_NONE && reply->status == 200) {
    struct buf names;
    size_t count = 0;
    buf_init(&names, (size_t)1024 * 1024);
    copy->target_may_have_blobs =
        oci_tags_parse(buf_str(&reply->body), reply->body.len, &names, &count, NULL) < 0 || count;
    buf_free(&names);
  } else if (!(reply->err.code == ERR_NONE && reply->status == 404)) {
    copy->target_may_have_blobs = true; /* no list to be had */
  }
  loop_ready(copy->spec.transfer->loop, &copy->ready);
}

static void list_target(struct image_copy *copy) {
  const struct oci_repo *dst = &copy->spec.dst->repo;
  if (!oci_profile(dst->host)->tags_cheap) {
    copy->target_may_have_blobs = true;
    return;
  }
  char *path = oci_path_tags(dst, 1), *scopes = oci_scope(dst, true);
  copy->lister = call_start(&(struct call_spec){
      .endpoint = transfer_endpoint(copy->spec.transfer, dst),
      .method = "GET",
      .kind = GATE_LIST,
      .url = path,
      .path = dst->path,
      .scopes = scopes,
      .body_max = (size_t)1024 * 1024,
      .done = on_listed,
      .arg = copy,
  });
  free(scopes);
  free(path);
}

/* -- the source -- */

static void on_source(void *arg, const struct call_result *result) {
  struct image_copy *copy = arg;
  const struct http_reply *reply = result->reply;
  copy->call = NULL;
  if (stopped(copy))
    return;
  bool answered = reply->err.code == ERR_NONE;
  if (answered && reply->status == 200 && announced(result, &copy->wanted)) {
    if (is_there(copy, &copy->wanted))
      unchanged(copy, result);
    else
      become(copy, IMAGE_FETCH);
  } else if (answered && (reply->status == 200 || reply->status == 405 || reply->status == 501)) {
    become(copy, IMAGE_FETCH); /* a GET will tell what a HEAD does not */
  } else {
    fail_with(copy, result, copy->spec.src->repo.host, "the image");
  }
}

/* What came must be what was asked for; where only a tag was asked for, what its digest header
 * says. */
static int accept_manifest(struct image_copy *copy, const struct call_result *result) {
  const struct http_reply *reply = result->reply;
  const char *host = copy->spec.src->repo.host, *body = buf_str(&reply->body);
  struct oci_digest digest = copy->wanted;
  if (!oci_digest_is_set(&digest) && !announced(result, &digest))
    oci_digest_of(OCI_SHA256, body, reply->body.len, &digest);
  if (oci_manifest_check(host, &digest, -1, http_header(reply, "Content-Type"), body,
                         reply->body.len, &copy->parsed, &copy->err) < 0)
    return -1;
  copy->wanted = digest;
  copy->len = reply->body.len;
  copy->bytes = mem_strndup(body, copy->len);
  free(copy->media_type);
  copy->media_type = mem_strdup(copy->parsed->media_type);
  return 0;
}

static void on_fetched(void *arg, const struct call_result *result) {
  struct image_copy *copy = arg;
  const struct http_reply *reply = result->reply;
  const struct oci_ref *src = copy->spec.src;
  copy->call = NULL;
  if (stopped(copy))
    return;
  copy->result.counts.pulls++;
  if (reply->err.code == ERR_NONE && reply->status == 404 && !copy->resolved_again &&
      !oci_digest_is_set(&src->digest) && oci_digest_is_set(&copy->wanted)) {
    copy->resolved_again = true; /* the tag has moved, and what it was is gone */
    copy->wanted = (struct oci_digest){0};
    become(copy, IMAGE_FETCH);
  } else if (reply->err.code == ERR_TOO_LARGE) {
    err_set(&copy->err, ERR_TOO_LARGE,
            "%s: the manifest is larger than the 4 MiB that a manifest may have", src->repo.host);
    fail(copy);
  } else if (oci_answer(result, src->repo.host, "the image", &copy->err) < 0 ||
             accept_manifest(copy, result) < 0) {
    fail(copy);
  } else if (is_there(copy, &copy->wanted)) {
    unchanged(copy, result);
  } else {
    become(copy, IMAGE_TREE);
  }
}

static void fetch(struct image_copy *copy) {
  const struct oci_ref *src = copy->spec.src;
  if (!oci_digest_is_set(&copy->wanted))
    copy->wanted = src->digest;
  copy->call =
      ask(copy, src, oci_digest_is_set(&copy->wanted) ? copy->wanted.text : oci_ref_reference(src),
          "GET", false, on_fetched);
  if (!copy->target_may_have_blobs && !copy->lister && !copy->resolved_again)
    list_target(copy);
}

/* -- the tree -- */

static struct image_result result_of(const struct image_copy *copy) {
  struct image_result result = copy->result;
  if (copy->tree) {
    result.counts = *manifest_tree_counts(copy->tree);
    result.counts.pulls += copy->result.counts.pulls; /* the root's */
  }
  result.digest = copy->wanted;
  result.media_type = copy->media_type ? copy->media_type : "";
  result.ms = loop_now(copy->spec.transfer->loop) - copy->started_ms;
  result.err = copy->err.code == ERR_NONE ? NULL : &copy->err;
  return result;
}

/* Should this run be killed, the next one must look for what is there. */
static void note(struct image_copy *copy, uint64_t bytes) {
  const struct transfer *transfer = copy->spec.transfer;
  if (bytes < NOTED_LEAST || transfer->dry_run)
    return;
  struct journal_entry entry = {
      .location = transfer_endpoint(copy->spec.transfer, &copy->spec.dst->repo)->base_url};
  oci_hasher_init(&entry.hasher, copy->wanted.algorithm);
  half_done_note(&copy->half, &entry);
}

static void on_planned(void *arg) {
  struct image_copy *copy = arg;
  struct image_result result = result_of(copy);
  note(copy, result.counts.total_bytes);
  if (copy->spec.planned)
    copy->spec.planned(copy->spec.arg, &result);
}

static void on_tree(void *arg, const struct err *err) {
  struct image_copy *copy = arg;
  if (err)
    copy->err = *err;
  else
    half_done_drop(&copy->half);
  if (copy->canceled)
    note_stop(copy);
  become(copy, IMAGE_END);
}

static void start_tree(struct image_copy *copy) {
  const struct oci_ref *dst = copy->spec.dst;
  if (is_another(copy, &copy->wanted))
    return;
  copy->as_blob = (struct oci_descriptor){.digest = copy->wanted, .size = copy->len};
  copy->half = (struct half_done){
      .journal = copy->spec.transfer->journal, .target = &dst->repo, .desc = &copy->as_blob};
  struct journal_entry entry;
  if (half_done_take(&copy->half, &entry)) /* an earlier run did not come to its end */
    copy->target_may_have_blobs = true;
  copy->tree = manifest_tree_start(
      &(struct manifest_tree_spec){.transfer = copy->spec.transfer,
                                   .src = &copy->spec.src->repo,
                                   .dst = &dst->repo,
                                   .check_manifests = copy->target_tag_exists,
                                   .check_blobs = copy->target_may_have_blobs,
                                   .digest = copy->wanted,
                                   .bytes = copy->bytes,
                                   .len = copy->len,
                                   .parsed = copy->parsed,
                                   .put_as = dst->tag ? dst->tag : copy->wanted.text,
                                   .planned = on_planned,
                                   .done = on_tree,
                                   .arg = copy});
  copy->bytes = NULL;
  copy->parsed = NULL;
}

static void end(struct image_copy *copy) {
  struct image_result result = result_of(copy);
  copy->spec.done(copy->spec.arg, &result);
}

static void step(struct ready *ready) {
  struct image_copy *copy = list_entry(ready, struct image_copy, ready);
  const struct oci_ref *src = copy->spec.src, *dst = copy->spec.dst;
  switch (copy->state) {
  case IMAGE_TARGET:
    if (!copy->call)
      copy->call = ask(copy, dst, target_reference(copy), copy->whole_target ? "GET" : "HEAD", true,
                       on_target);
    return;
  case IMAGE_SOURCE:
    copy->call = ask(copy, src, oci_ref_reference(src), "HEAD", false, on_source);
    return;
  case IMAGE_FETCH:
    if (!copy->call)
      fetch(copy);
    return;
  case IMAGE_TREE:
    if (!copy->lister && !copy->tree)
      start_tree(copy);
    return;
  case IMAGE_END:
    if (!copy->lister)
      end(copy);
    return;
  }
}

struct image_copy *image_copy_start(const struct image_copy_spec *spec) {
  struct image_copy *copy = mem_zalloc(sizeof *copy);
  assert(spec->dst->tag || oci_digest_is_set(&spec->dst->digest));
  copy->spec = *spec;
  copy->started_ms = loop_now(spec->transfer->loop);
  ready_init(&copy->ready, step);
  become(copy, IMAGE_TARGET);
  return copy;
}

void image_copy_cancel(struct image_copy *copy) {
  if (copy->canceled || copy->state == IMAGE_END)
    return;
  copy->canceled = true;
  if (copy->call)
    call_cancel(copy->call);
  else if (copy->tree)
    manifest_tree_cancel(copy->tree);
  else
    stopped(copy);
}

void image_copy_free(struct image_copy *copy) {
  if (!copy)
    return;
  assert(copy->state == IMAGE_END && !copy->call && !copy->lister);
  ready_cancel(&copy->ready);
  manifest_tree_free(copy->tree);
  oci_manifest_free(copy->parsed);
  free(copy->bytes);
  free(copy->media_type);
  free(copy);
}
