#include "transfer/manifest_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/call.h"
#include "oci/answer.h"
#include "transfer/tag_look.h"

enum read_state {
  READ_HEAD,
  READ_GET,
  READ_WAIT, /* for an answer */
  READ_END
};

struct manifest_read {
  struct manifest_read_spec spec;
  struct ready ready;
  enum read_state state;
  char *reference;
  struct call *call;
  bool canceled;
  struct manifest_reply reply;
  struct err err;
};

static void become(struct manifest_read *job, enum read_state state) {
  job->state = state;
  loop_ready(job->spec.transfer->loop, &job->ready);
}

static const char *host(const struct manifest_read *job) { return job->spec.repo->host; }

/* The digest that it is said to have: it must be that. */
static struct oci_digest announced(const struct manifest_read *job,
                                   const struct http_reply *reply) {
  struct oci_digest digest = job->spec.digest;
  const char *value = http_header(reply, "Docker-Content-Digest");
  if (!oci_digest_is_set(&digest) && value)
    oci_digest_parse(value, strlen(value), &digest, NULL);
  return digest;
}

static bool is_wanted(const struct manifest_read *job, const struct oci_digest *digest) {
  return oci_digest_is_set(digest) && (!job->spec.wanted || job->spec.wanted == digest->algorithm);
}

static int check(struct manifest_read *job, const struct http_reply *reply) {
  struct manifest_reply *to = &job->reply;
  const char *bytes = buf_str(&reply->body), *type = http_header(reply, "Content-Type");
  size_t len = reply->body.len;
  to->digest = announced(job, reply);
  if (!oci_digest_is_set(&to->digest))
    oci_digest_of(job->spec.wanted ? job->spec.wanted : OCI_SHA256, bytes, len, &to->digest);
  if (oci_manifest_check(host(job), &to->digest, job->spec.size, type, bytes, len, &to->parsed,
                         &job->err) < 0)
    return -1;
  if (!is_wanted(job, &to->digest))
    oci_digest_of(job->spec.wanted, bytes, len, &to->digest);
  to->bytes = mem_strndup(bytes, len);
  to->len = len;
  return 0;
}

static void on_got(void *arg, const struct call_result *result) {
  struct manifest_read *job = arg;
  char what[160];
  job->call = NULL;
  snprintf(what, sizeof what, "manifest %.140s", job->reference);
  if (job->canceled)
    err_set(&job->err, ERR_CANCELED, "%s: canceled", host(job));
  else if (result->reply->err.code == ERR_TOO_LARGE)
    err_set(&job->err, ERR_TOO_LARGE, "%s: %s is larger than the 4 MiB that a manifest may have",
            host(job), what);
  else if (oci_answer(result, host(job), what, &job->err) == 0)
    check(job, result->reply);
  become(job, READ_END);
}

static void on_looked(void *arg, const struct call_result *result) {
  struct manifest_read *job = arg;
  const struct http_reply *reply = result->reply;
  bool answered = reply->err.code == ERR_NONE && !job->canceled;
  bool no_head = answered && (reply->status == 405 || reply->status == 501);
  struct oci_digest digest = announced(job, reply);
  bool unknown = answered && reply->status == 200 && !is_wanted(job, &digest);
  if (no_head || unknown) {
    job->call = NULL;
    become(job, READ_GET);
    return;
  }
  if (!answered || reply->status != 200) {
    on_got(arg, result);
    return;
  }
  job->call = NULL;
  job->reply.digest = digest;
  become(job, READ_END);
}

static void ask(struct manifest_read *job, const char *method,
                void (*done)(void *arg, const struct call_result *result)) {
  job->state = READ_WAIT;
  job->call = tag_ask(job->spec.transfer, job->spec.repo, job->reference, method, false, done, job);
}

static void end(struct manifest_read *job) {
  bool failed = job->err.code != ERR_NONE;
  job->spec.done(job->spec.arg, failed ? NULL : &job->reply, failed ? &job->err : NULL);
  oci_manifest_free(job->reply.parsed);
  free(job->reply.bytes);
  free(job->reference);
  free(job);
}

static void step(struct ready *ready) {
  struct manifest_read *job = list_entry(ready, struct manifest_read, ready);
  switch (job->state) {
  case READ_HEAD:
    ask(job, "HEAD", on_looked);
    return;
  case READ_GET:
    ask(job, "GET", on_got);
    return;
  case READ_WAIT:
    return;
  case READ_END:
    end(job);
    return;
  }
}

struct manifest_read *manifest_read_start(const struct manifest_read_spec *spec) {
  struct manifest_read *job = mem_zalloc(sizeof *job);
  job->spec = *spec;
  job->reference = mem_strdup(spec->reference);
  ready_init(&job->ready, step);
  become(job, spec->look ? READ_HEAD : READ_GET);
  return job;
}

void manifest_read_cancel(struct manifest_read *job) {
  if (job->canceled || job->state == READ_END)
    return;
  job->canceled = true;
  if (job->call) {
    call_cancel(job->call);
  } else {
    err_set(&job->err, ERR_CANCELED, "%s: canceled", host(job));
    become(job, READ_END);
  }
}
