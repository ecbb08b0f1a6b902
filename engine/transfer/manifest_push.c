#include "transfer/manifest_push.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/retry.h"
#include "oci/answer.h"
#include "oci/registry.h"

static void become(struct manifest_push *push, enum push_state state) {
  push->state = state;
  loop_ready(push->transfer->loop, &push->ready);
}

static void end(struct manifest_push *push, bool there, const struct err *err) {
  push->state = PUSH_IDLE;
  push->done(push, there, err);
}

static bool stopped(struct manifest_push *push) {
  struct err err;
  if (!push->canceled)
    return false;
  err_set(&err, ERR_CANCELED, "%s: canceled", push->repo->host);
  end(push, false, &err);
  return true;
}

static void request(struct manifest_push *push, struct call_spec spec) {
  char *scopes = oci_scope(push->repo, true);
  spec.endpoint = transfer_endpoint(push->transfer, push->repo);
  spec.path = push->repo->path;
  spec.scopes = scopes;
  spec.arg = push;
  push->call = call_start(&spec);
  free(scopes);
}

static void on_checked(void *arg, const struct call_result *result) {
  struct manifest_push *push = arg;
  push->call = NULL;
  if (!stopped(push))
    end(push, result->reply->err.code == ERR_NONE && result->reply->status == 200, NULL);
}

static void check(struct manifest_push *push) {
  char *path = oci_path_manifest(push->repo, push->body->digest.text);
  char *accept = mem_printf("Accept: %s", oci_accept_manifest);
  request(push, (struct call_spec){.method = "HEAD",
                                   .url = path,
                                   .headers = (const char *[]){accept, NULL},
                                   .done = on_checked});
  free(accept);
  free(path);
}

static void add_unknown(struct err *err, const struct oci_descriptor *item) {
  struct err whole = *err;
  snprintf(whole.message, sizeof whole.message, "%.800s; it does not have %s", err->message,
           item->digest.text);
  *err = whole;
}

/* The first item that is not copied; NULL: none. */
static const struct oci_descriptor *left_out(const struct manifest_body *body) {
  for (size_t i = 0; body->kept && i < body->parsed->count; i++)
    if (!body->kept[i])
      return &body->parsed->items[i];
  return NULL;
}

static void add_left_out(struct err *err, const struct oci_descriptor *item) {
  struct err whole = *err;
  snprintf(whole.message, sizeof whole.message,
           "%.700s; it may want all children of an index, and --sparse left out %s", err->message,
           item->digest.text);
  *err = whole;
}

/* Registries that replicate may not know at once what they have just taken. */
static bool try_again(struct manifest_push *push, const struct call_result *result,
                      const struct err *err) {
  struct transfer *transfer = push->transfer;
  const char *body = buf_str(&result->reply->body);
  struct oci_error error;
  oci_error_parse(body, result->reply->body.len, &error);
  if (strcmp(error.code, "MANIFEST_BLOB_UNKNOWN") != 0 && strcmp(error.code, "BLOB_UNKNOWN") != 0 &&
      strcmp(error.code, "MANIFEST_UNKNOWN") != 0)
    return false;
  if (push->attempts++ >= endpoints_spec(transfer->endpoints)->retries)
    return false;
  int64_t delay = retry_delay(push->attempts, result->retry_after_ms, loop_random(transfer->loop));
  endpoints_retried(transfer->endpoints, &(struct retry_note){.host = push->repo->host,
                                                              .what = "PUT of a manifest",
                                                              .reason = err->message,
                                                              .attempt = (unsigned)push->attempts,
                                                              .wait_ms = delay});
  push->looking_at = 0;
  push->unknown = NULL;
  push->state = PUSH_PAUSE;
  timer_start(transfer->loop, &push->pause, (uint64_t)delay);
  return true;
}

static void on_looked(void *arg, const struct call_result *result) {
  struct manifest_push *push = arg;
  push->call = NULL;
  if (stopped(push))
    return;
  if (!push->unknown && result->reply->status == 404)
    push->unknown = &push->body->parsed->items[push->looking_at];
  push->looking_at++;
  become(push, PUSH_LOOK);
}

static void look(struct manifest_push *push) {
  const struct oci_manifest *parsed = push->body->parsed;
  while (push->looking_at < parsed->count && parsed->items[push->looking_at].foreign)
    push->looking_at++;
  if (push->looking_at == parsed->count) {
    become(push, PUSH_PUT);
    return;
  }
  const struct oci_descriptor *item = &parsed->items[push->looking_at];
  char *path = item->is_manifest ? oci_path_manifest(push->repo, item->digest.text)
                                 : oci_path_blob(push->repo, &item->digest);
  request(push, (struct call_spec){.method = "HEAD", .url = path, .done = on_looked});
  free(path);
}

static void on_put(void *arg, const struct call_result *result) {
  struct manifest_push *push = arg;
  const char *host = push->repo->host, *digest = push->body->digest.text;
  char what[160];
  struct err err;
  push->call = NULL;
  if (stopped(push))
    return;
  snprintf(what, sizeof what, "pushing manifest %s (%s)", digest, push->body->parsed->media_type);
  const char *stored = http_header(result->reply, "Docker-Content-Digest");
  if (oci_answer(result, host, what, &err) < 0) {
    const struct oci_descriptor *missing = left_out(push->body);
    if (!missing && try_again(push, result, &err))
      return;
    if (push->unknown)
      add_unknown(&err, push->unknown);
    else
      oci_answer_item(result, push->body->parsed, &err);
    if (missing && (err.http_status == 400 || err.http_status == 404))
      add_left_out(&err, missing);
    end(push, false, &err);
  } else if (stored && strcmp(stored, digest) != 0 && strncmp(stored, digest, 7) == 0) {
    err_set(&err, ERR_DIGEST, "%s: %s: the registry stored it as another one, %s", host, what,
            stored);
    end(push, false, &err);
  } else {
    end(push, true, NULL);
  }
}

static void put(struct manifest_push *push) {
  char *path = oci_path_manifest(push->repo, push->name);
  char *type = mem_printf("Content-Type: %s", push->body->parsed->media_type);
  request(push, (struct call_spec){.method = "PUT",
                                   .kind = GATE_MANIFEST_WRITE,
                                   .url = path,
                                   .headers = (const char *[]){type, NULL},
                                   .has_body = true,
                                   .body = push->body->bytes,
                                   .body_size = push->body->len,
                                   .done = on_put});
  free(type);
  free(path);
}

static void step(struct ready *ready) {
  struct manifest_push *push = list_entry(ready, struct manifest_push, ready);
  if (stopped(push))
    return;
  switch (push->state) {
  case PUSH_IDLE:
  case PUSH_PAUSE:
    return;
  case PUSH_CHECK:
    check(push);
    return;
  case PUSH_PUT:
    put(push);
    return;
  case PUSH_LOOK:
    look(push);
    return;
  }
}

static void on_pause_over(struct timer *timer) {
  become(list_entry(timer, struct manifest_push, pause), PUSH_LOOK);
}

void manifest_push_init(struct manifest_push *push, struct transfer *transfer,
                        const struct oci_repo *repo, const struct manifest_body *body,
                        void (*done)(struct manifest_push *push, bool there,
                                     const struct err *err)) {
  *push = (struct manifest_push){.transfer = transfer, .repo = repo, .body = body, .done = done};
  ready_init(&push->ready, step);
  timer_init(&push->pause, on_pause_over);
}

void manifest_push_check(struct manifest_push *push) {
  assert(push->state == PUSH_IDLE);
  become(push, PUSH_CHECK);
}

void manifest_push_put(struct manifest_push *push, const char *name) {
  assert(push->state == PUSH_IDLE);
  push->name = name;
  become(push, PUSH_PUT);
}

void manifest_push_cancel(struct manifest_push *push) {
  if (push->state == PUSH_IDLE || push->canceled)
    return;
  push->canceled = true;
  timer_stop(&push->pause);
  if (push->call)
    call_cancel(push->call);
  else
    loop_ready(push->transfer->loop, &push->ready);
}
