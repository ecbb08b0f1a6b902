#include "transfer/referrer_tag.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/call.h"
#include "oci/answer.h"
#include "oci/manifest.h"
#include "oci/registry.h"
#include "transfer/tag_look.h"

enum { TRIES = 2 };

enum tag_state {
  TAG_GET,
  TAG_PUT,
  TAG_LOOK, /* is it still what was put? */
  TAG_END
};

struct referrer_tag {
  struct referrer_tag_spec spec;
  struct ready ready;
  enum tag_state state;
  char *tag;
  struct call *call;
  char *bytes; /* what is to be there */
  size_t len;
  int tries;
  bool canceled;
  struct err err;
};

static void become(struct referrer_tag *job, enum tag_state state) {
  job->state = state;
  loop_ready(job->spec.transfer->loop, &job->ready);
}

static void fail(struct referrer_tag *job) {
  err_prefix(&job->err, "the list of what refers to %s", job->spec.digest->text);
  become(job, TAG_END);
}

static bool stopped(struct referrer_tag *job) {
  job->call = NULL;
  if (job->canceled) {
    err_set(&job->err, ERR_CANCELED, "%s: canceled", job->spec.repo->host);
    fail(job);
  }
  return job->canceled;
}

/* NULL bytes: there is nothing under the tag. */
static void merge(struct referrer_tag *job, const char *bytes, size_t len) {
  free(job->bytes);
  if (oci_referrers_merge(bytes, len, job->spec.referrers, &job->bytes, &job->len, &job->err) < 0) {
    err_prefix(&job->err, "%s: %s", job->spec.repo->host, job->tag);
    fail(job);
  } else {
    become(job, job->bytes ? TAG_PUT : TAG_END);
  }
}

static void on_got(void *arg, const struct call_result *result) {
  struct referrer_tag *job = arg;
  const struct http_reply *reply = result->reply;
  if (stopped(job))
    return;
  if (reply->err.code == ERR_NONE && reply->status == 404)
    merge(job, NULL, 0);
  else if (oci_answer(result, job->spec.repo->host, job->tag, &job->err) < 0)
    fail(job);
  else
    merge(job, buf_str(&reply->body), reply->body.len);
}

static void on_put(void *arg, const struct call_result *result) {
  struct referrer_tag *job = arg;
  if (stopped(job))
    return;
  if (oci_answer(result, job->spec.repo->host, job->tag, &job->err) < 0)
    fail(job);
  else
    become(job, ++job->tries < TRIES ? TAG_LOOK : TAG_END);
}

static void on_look(void *arg, const struct call_result *result) {
  struct referrer_tag *job = arg;
  struct oci_digest ours, theirs;
  if (stopped(job))
    return;
  oci_digest_of(OCI_SHA256, job->bytes, job->len, &ours);
  bool changed = result->reply->err.code == ERR_NONE && tag_announced(result, &theirs) &&
                 !oci_digest_equal(&ours, &theirs);
  become(job, changed ? TAG_GET : TAG_END);
}

static void put(struct referrer_tag *job) {
  const struct oci_repo *repo = job->spec.repo;
  char *path = oci_path_manifest(repo, job->tag), *scopes = oci_scope(repo, true);
  struct oci_manifest *index;
  oci_manifest_parse(OCI_TYPE_INDEX, job->bytes, job->len, &index, NULL); /* merging read it, too */
  char *type = mem_printf("Content-Type: %s", index->media_type);
  job->call =
      call_start(&(struct call_spec){.endpoint = transfer_endpoint(job->spec.transfer, repo),
                                     .method = "PUT",
                                     .kind = GATE_MANIFEST_WRITE,
                                     .url = path,
                                     .headers = (const char *[]){type, NULL},
                                     .path = repo->path,
                                     .scopes = scopes,
                                     .has_body = true,
                                     .body = job->bytes,
                                     .body_size = job->len,
                                     .done = on_put,
                                     .arg = job});
  oci_manifest_free(index);
  free(type);
  free(scopes);
  free(path);
}

static void end(struct referrer_tag *job) {
  job->spec.done(job->spec.arg, job->err.code == ERR_NONE ? NULL : &job->err);
  free(job->bytes);
  free(job->tag);
  free(job);
}

static void step(struct ready *ready) {
  struct referrer_tag *job = list_entry(ready, struct referrer_tag, ready);
  const struct referrer_tag_spec *spec = &job->spec;
  if (job->state != TAG_END && stopped(job))
    return;
  switch (job->state) {
  case TAG_GET:
    job->call = tag_ask(spec->transfer, spec->repo, job->tag, "GET", true, on_got, job);
    return;
  case TAG_PUT:
    put(job);
    return;
  case TAG_LOOK:
    job->call = tag_ask(spec->transfer, spec->repo, job->tag, "HEAD", true, on_look, job);
    return;
  case TAG_END:
    end(job);
    return;
  }
}

struct referrer_tag *referrer_tag_start(const struct referrer_tag_spec *spec) {
  struct referrer_tag *job = mem_zalloc(sizeof *job);
  job->spec = *spec;
  job->tag = oci_referrers_tag(spec->digest, "");
  ready_init(&job->ready, step);
  become(job, TAG_GET);
  return job;
}

void referrer_tag_cancel(struct referrer_tag *job) {
  job->canceled = true;
  if (job->call)
    call_cancel(job->call);
}
