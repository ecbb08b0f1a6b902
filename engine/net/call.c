#include "net/call.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/ratelimit.h"
#include "net/retry.h"
#include "net/token.h"
#include "net/url.h"

enum { HEADERS_MAX = 6, REDIRECTS_MAX = 10, REFUSALS_MAX = 3, SENT_AWAY_MAX = 20 };
#define WORTH_A_WARNING_MS ((int64_t)30 * 1000) /* a wait that somebody may wonder about */

enum call_state {
  CALL_PROBE, /* waits while another call learns how the host wants to be spoken to */
  CALL_AUTHORIZE,
  CALL_ENTER,
  CALL_SEND,
  CALL_PAUSE, /* before another try */
  CALL_FAIL   /* without a reply */
};

struct call {
  struct call_spec spec;
  struct list node; /* endpoint->waiting */
  struct ready ready;
  struct gate_wait wait;
  struct timer pause;
  enum call_state state;
  char *first_url; /* where every try begins */
  char *url;       /* where it is now, after redirects */
  char *headers[HEADERS_MAX + 1];
  char *authorization; /* the header's value; secret */
  struct auth_want *want;
  struct http_request *request;
  int attempts, redirects, refusals;
  int failures;   /* of the attempts, in halves: see net/retry.h */
  int sent_away;  /* attempts that do not count */
  bool probes;    /* it is the one that learns */
  bool written;   /* spec.write took bytes */
  bool renewable; /* refused, with a body that is gone; a new token would do */
  bool canceled;
  bool judged; /* the gate was told of this attempt */
  int64_t delay_ms;
  int64_t retry_after_ms;
  struct err err; /* for CALL_FAIL */
};

static const struct endpoints_spec *common(const struct call *call) {
  return endpoints_spec(call->spec.endpoint->all);
}

static void become(struct call *call, enum call_state state) {
  call->state = state;
  loop_ready(common(call)->loop, &call->ready);
}

static void probe_over(struct call *call) {
  if (!call->probes)
    return;
  struct endpoint *endpoint = call->spec.endpoint;
  call->probes = endpoint->probing = false;
  struct list *node;
  while ((node = list_pop(&endpoint->waiting)))
    become(list_entry(node, struct call, node), CALL_PROBE);
}

static void call_free(struct call *call) {
  for (int i = 0; i < HEADERS_MAX; i++)
    free(call->headers[i]);
  if (call->authorization)
    mem_wipe(call->authorization, strlen(call->authorization));
  free(call->authorization);
  free(call->first_url);
  free(call->url);
  free((char *)call->spec.path);
  free((char *)call->spec.scopes);
  free(call);
}

/* -- a limit was met -- */

static bool is_limited(const struct http_reply *reply) {
  return reply->err.code == ERR_NONE && reply->status == 429;
}

/* Refused so often, or for so long, that nobody should try any further. */
static bool is_used_up(const struct call *call, const struct http_reply *reply) {
  bool shut = gate_is_shut(call->spec.endpoint->gate, call->spec.kind);
  if (reply->err.code != ERR_NONE)
    return false;
  return (reply->status == 429 && call->failures > 2 * common(call)->retries) ||
         ((reply->status == 429 || reply->status == 503) && shut);
}

static bool at_home(const struct call *call) {
  return url_same_origin(call->url, call->spec.endpoint->base_url);
}

static bool has_shown_credentials(const struct call *call) {
  return at_home(call) && (call->authorization || call->err.code == ERR_UNAUTHORIZED);
}

static void finish(struct call *call, const struct http_reply *reply) {
  struct call_result result = {
      .reply = reply,
      .url = call->url,
      .attempts = call->attempts,
      .streamed = call->written,
      .path = call->spec.path,
      .push = !token_scopes_only_pull(call->spec.scopes),
      .identity = has_shown_credentials(call) ? auth_identity(call->spec.endpoint->auth) : NULL,
      .abroad = !at_home(call),
      .clock_ahead_ms = reply->status ? http_clock_ahead(reply, loop_wall()) : 0,
      .retriable = !call->canceled &&
                   (call->renewable || (retry_reply(reply, call->spec.endpoint->answered) &&
                                        !is_used_up(call, reply))),
      .not_asked = call->wait.refused_ms > 0,
      .retry_after_ms = call->retry_after_ms,
      .retry_at = loop_wall() + call->retry_after_ms,
  };
  gate_leave(&call->wait);
  probe_over(call);
  ready_cancel(&call->ready);
  call->spec.done(call->spec.arg, &result);
  call_free(call);
}

static void restart(struct call *call) {
  free(call->url);
  call->url = mem_strdup(call->first_url);
  call->redirects = 0;
  become(call, CALL_PROBE);
}

/* The body is wanted again from its first byte. */
static bool body_again(struct call *call) {
  return !call->spec.read || (call->spec.rewind && call->spec.rewind(call->spec.arg) == 0);
}

/* -- what an answer means -- */

static bool is_redirect(const struct call *call, const struct http_reply *reply) {
  bool bodyless = strcmp(call->spec.method, "GET") == 0 || strcmp(call->spec.method, "HEAD") == 0;
  switch (reply->status) {
  case 301:
  case 302:
  case 303:
    return bodyless && http_header(reply, "Location");
  case 307:
  case 308:
    return http_header(reply, "Location") != NULL;
  default:
    return false;
  }
}

static void redirect(struct call *call, const struct http_reply *reply) {
  const char *host = call->spec.endpoint->name;
  char *next = url_join(call->url, http_header(reply, "Location"));
  if (!next) {
    err_set(&call->err, ERR_PROTOCOL, "%s: it redirects to something that is no URL", host);
  } else if (++call->redirects > REDIRECTS_MAX) {
    err_set(&call->err, ERR_PROTOCOL, "%s: more than %d redirects", host, REDIRECTS_MAX);
  } else if (url_is_https(call->url) && !url_is_https(next) && !call->spec.verified) {
    err_set(&call->err, ERR_TLS, "%s: it redirects from HTTPS to plain HTTP, which is refused",
            host);
  } else if (!body_again(call)) {
    err_set(&call->err, ERR_NETWORK, "%s: it redirects in the middle of an upload", host);
  } else {
    free(call->url);
    call->url = next;
    become(call, at_home(call) ? CALL_AUTHORIZE : CALL_SEND);
    return;
  }
  free(next);
  become(call, CALL_FAIL);
}

/* Whether its attempts are up, this one counted. */
static bool has_failed_enough(struct call *call, const struct http_reply *reply) {
  if (reply->sent_away)
    return ++call->sent_away > SENT_AWAY_MAX;
  call->failures += is_limited(reply) ? 1 : 2;
  return call->failures > 2 * common(call)->retries;
}

static void tell_retry(const struct call *call, const struct http_reply *reply) {
  char *path = url_for_log(call->first_url);
  char *what = mem_printf("%s %s", call->spec.method, path);
  char *reason = reply->err.code == ERR_NONE ? mem_printf("status %d", reply->status)
                                             : mem_strdup(reply->err.message);
  endpoints_retried(call->spec.endpoint->all,
                    &(struct retry_note){.host = call->spec.endpoint->name,
                                         .what = what,
                                         .reason = reason,
                                         .attempt = (unsigned)call->attempts,
                                         .wait_ms = call->delay_ms});
  free(reason);
  free(what);
  free(path);
}

static bool try_again(struct call *call, const struct http_reply *reply) {
  const struct endpoint *endpoint = call->spec.endpoint;
  if (!retry_reply(reply, endpoint->answered) || has_failed_enough(call, reply) || call->written ||
      gate_is_shut(endpoint->gate, call->spec.kind))
    return false;
  bool carried_out =
      !is_limited(reply) && reply->err.code != ERR_CONNECT && reply->err.code != ERR_RESOLVE;
  if (call->spec.once && carried_out)
    return false;
  if (!body_again(call))
    return false;
  if (is_limited(reply)) { /* the gate holds it, like all others of its kind */
    call->delay_ms = gate_held_ms(endpoint->gate, call->spec.kind);
    restart(call);
  } else {
    int failed = reply->sent_away ? 1 : call->failures / 2;
    call->delay_ms = retry_delay(failed, call->retry_after_ms, loop_random(common(call)->loop));
    become(call, CALL_PAUSE);
  }
  tell_retry(call, reply);
  return true;
}

static void log_hold(const struct call *call, enum gate_kind kind, int64_t ms) {
  static const char *const words[] = {[GATE_LOOK] = "HEAD requests",
                                      [GATE_MANIFEST_READ] = "reading of manifests",
                                      [GATE_MANIFEST_WRITE] = "writing of manifests",
                                      [GATE_BLOB_READ] = "reading of blobs",
                                      [GATE_BLOB_WRITE] = "writing of blobs",
                                      [GATE_LIST] = "lists",
                                      [GATE_HOST] = "requests"};
  if (ms >= 1000 && !gate_is_shut(call->spec.endpoint->gate, call->spec.kind))
    log_at(common(call)->log, ms >= WORTH_A_WARNING_MS ? LOG_WARN : LOG_INFO,
           "%s: a limit is reached: no %s for %lld s", call->spec.endpoint->name, words[kind],
           (long long)(ms + 500) / 1000);
}

/* How many more there may be. What a HEAD tells is about reading manifests: it tells, but is not
 * metered itself (Docker Hub). */
static void tell_quota(struct call *call, const struct ratelimit *told) {
  enum gate_kind kind = call->spec.kind == GATE_LOOK ? GATE_MANIFEST_READ : call->spec.kind;
  struct gate *gate = call->spec.endpoint->gate;
  if (told->remaining >= 0 && gate_quota(gate, kind, told->remaining, told->reset_ms))
    log_hold(call, kind, told->reset_ms);
}

/* For how long nothing should be asked, as a 429 or 503 says; -1: it does not say. */
static int64_t wish(const struct http_reply *reply, const struct ratelimit *told) {
  const char *after = http_header(reply, "Retry-After");
  int64_t ms = after ? retry_after(after, loop_wall()) : -1;
  if (ms >= 0 || reply->status != 429 || told->remaining > 0)
    return ms;
  if (told->reset_ms >= 0)
    return told->reset_ms;
  return told->remaining == 0 ? told->window_ms : -1;
}

/* How the host bears it. The hosts that it redirects to count for the kind of action: their places
 * are the same. */
static void tell_gate(struct call *call, const struct http_reply *reply) {
  struct gate *gate = call->spec.endpoint->gate;
  enum gate_kind kind = call->spec.kind, held = at_home(call) ? GATE_HOST : kind;
  struct ratelimit told;
  gate_answered(&call->wait);
  call->retry_after_ms = -1;
  if (reply->err.code != ERR_NONE) {
    if (reply->err.code == ERR_CONNECT)
      gate_unreachable(gate, held, reply->started_ms);
    else if (reply->lost_early && !reply->sent_away)
      gate_bad(gate, kind, reply->started_ms);
    return;
  }
  ratelimit_read(&told, reply, loop_wall());
  if (reply->status == 429) {
    call->retry_after_ms = wish(reply, &told);
    if (gate_limited(gate, kind, reply->started_ms, call->retry_after_ms))
      log_hold(call, kind, gate_held_ms(gate, kind));
  } else if (reply->status == 503) {
    call->retry_after_ms = wish(reply, &told);
    gate_bad(gate, kind, reply->started_ms);
    if (call->retry_after_ms > 0 && gate_hold(gate, held, call->retry_after_ms))
      log_hold(call, held, call->retry_after_ms);
  } else if (reply->status < 500 && at_home(call) && !call->judged) {
    gate_good(gate, kind);
  }
  if (at_home(call))
    tell_quota(call, &told);
}

static void learn(struct call *call, const struct http_reply *reply) {
  struct endpoint *endpoint = call->spec.endpoint;
  if (!reply->status)
    return;
  endpoint->answered = true;
  probe_over(call);
  if (at_home(call) && !call->authorization && reply->status < 400)
    auth_not_needed(endpoint->auth);
}

static void on_reply(void *arg, const struct http_reply *reply) {
  struct call *call = arg;
  call->request = NULL;
  if (call->canceled) {
    become(call, CALL_FAIL);
    return;
  }
  learn(call, reply);
  tell_gate(call, reply);
  bool challenged =
      reply->status == 401 || (reply->status == 403 && http_header(reply, "WWW-Authenticate"));
  if (reply->err.code == ERR_NONE && challenged && at_home(call) &&
      call->refusals++ < REFUSALS_MAX &&
      auth_refused(call->spec.endpoint->auth, call->spec.path, call->spec.scopes,
                   call->authorization, reply)) {
    call->renewable = !body_again(call);
    if (!call->renewable) {
      call->attempts--; /* being asked who we are is no failure */
      become(call, CALL_AUTHORIZE);
      return;
    }
  }
  if (reply->err.code == ERR_NONE && is_redirect(call, reply)) {
    call->attempts--;
    redirect(call, reply);
    return;
  }
  if (!try_again(call, reply)) {
    finish(call, reply);
    return;
  }
  gate_leave(&call->wait);
}

/* -- the way there -- */

static bool on_head(void *arg, const struct http_reply *reply) {
  struct call *call = arg;
  if (reply->status < 200 || reply->status > 299)
    return false;
  call->spec.endpoint->answered = true;
  probe_over(call);
  gate_answered(&call->wait);
  if (at_home(call)) /* a stream's end is too far away to learn from */
    gate_good(call->spec.endpoint->gate, call->spec.kind);
  call->judged = true;
  return !call->spec.head || call->spec.head(call->spec.arg, reply);
}

static int on_write(void *arg, const void *data, size_t len) {
  struct call *call = arg;
  int rc = call->spec.write(call->spec.arg, data, len);
  if (rc == 0)
    call->written = true;
  return rc;
}

static int64_t on_read(void *arg, void *to, size_t len) {
  struct call *call = arg;
  return call->spec.read(call->spec.arg, to, len);
}

static int on_rewind(void *arg) {
  struct call *call = arg;
  return body_again(call) ? 0 : -1;
}

static void send_request(struct call *call) {
  const struct endpoints_spec *all = common(call);
  const struct trust *trust = NULL;
  char *host = url_host(call->url);
  int rc = 0;
  if (url_is_https(call->url))
    rc = trust_for(all->trust, host ? host : "", &trust, &call->err);
  free(host);
  if (rc < 0) {
    become(call, CALL_FAIL);
    return;
  }
  const char *headers[HEADERS_MAX + 2] = {NULL};
  int count = 0;
  for (char **h = call->headers; *h; h++)
    headers[count++] = *h;
  char *authorization = NULL;
  if (call->authorization && at_home(call))
    headers[count++] = authorization = mem_printf("Authorization: %s", call->authorization);
  call->attempts++;
  call->judged = false;
  call->request = http_start(all->http, &(struct http_spec){
                                            .lane = call->spec.lane,
                                            .method = call->spec.method,
                                            .url = call->url,
                                            .headers = headers,
                                            .trust = trust,
                                            .body = call->spec.body,
                                            .body_size = call->spec.body_size,
                                            .has_body = call->spec.has_body,
                                            .read = call->spec.read ? on_read : NULL,
                                            .rewind = on_rewind,
                                            .once = call->spec.once,
                                            .head = on_head,
                                            .write = call->spec.write ? on_write : NULL,
                                            .body_max = call->spec.body_max,
                                            .answer_timeout_ms = call->spec.answer_timeout_ms,
                                            .done = on_reply,
                                            .arg = call,
                                        });
  if (authorization)
    mem_wipe(authorization, strlen(authorization));
  free(authorization);
}

static void on_authorized(void *arg, const char *header, const struct err *err) {
  struct call *call = arg;
  call->want = NULL;
  if (call->authorization)
    mem_wipe(call->authorization, strlen(call->authorization));
  free(call->authorization);
  call->authorization = mem_strdup(header);
  if (err)
    call->err = *err;
  become(call, err ? CALL_FAIL : CALL_ENTER);
}

static void on_entered(struct gate_wait *wait) {
  struct call *call = list_entry(wait, struct call, wait);
  if (wait->refused_ms) {
    err_set(&call->err, ERR_RATE_LIMITED, "%s: not asked: a limit of it is used up",
            call->spec.endpoint->name);
    call->retry_after_ms = wait->refused_ms;
  }
  become(call, wait->refused_ms ? CALL_FAIL : CALL_SEND);
}

static void on_pause_over(struct timer *timer) { restart(list_entry(timer, struct call, pause)); }

static void fail(struct call *call) {
  struct http_reply reply = {.err = call->err, .final = true};
  finish(call, &reply);
}

static void step(struct ready *ready) {
  struct call *call = list_entry(ready, struct call, ready);
  struct endpoint *endpoint = call->spec.endpoint;
  if (call->canceled) {
    err_set(&call->err, ERR_CANCELED, "%s: canceled", endpoint->name);
    call->state = CALL_FAIL;
  }
  switch (call->state) {
  case CALL_PROBE:
    if (!call->probes && endpoint->probing) {
      list_push(&endpoint->waiting, &call->node);
      return;
    }
    if (auth_is_unknown(endpoint->auth))
      call->probes = endpoint->probing = true;
    become(call, at_home(call) ? CALL_AUTHORIZE : CALL_ENTER);
    return;
  case CALL_AUTHORIZE:
    call->want = auth_get(endpoint->auth, call->spec.path, call->spec.scopes, on_authorized, call);
    return;
  case CALL_ENTER:
    gate_enter(endpoint->gate, &call->wait, call->spec.kind, call->spec.in_stream);
    return;
  case CALL_SEND:
    send_request(call);
    return;
  case CALL_PAUSE:
    timer_start(common(call)->loop, &call->pause, (uint64_t)call->delay_ms);
    return;
  case CALL_FAIL:
    fail(call);
    return;
  }
}

struct call *call_start(const struct call_spec *spec) {
  struct call *call = mem_zalloc(sizeof *call);
  call->spec = *spec;
  call->spec.path = mem_strdup(spec->path);
  call->spec.scopes = mem_strdup(spec->scopes);
  call->first_url = spec->url[0] == '/' ? mem_printf("%s%s", spec->endpoint->base_url, spec->url)
                                        : mem_strdup(spec->url);
  call->url = mem_strdup(call->first_url);
  call->spec.url = call->first_url;
  call->retry_after_ms = -1;
  if (strcmp(spec->method, "HEAD") == 0)
    call->spec.kind = GATE_LOOK;
  assert(call->spec.kind != GATE_LOOK || strcmp(spec->method, "HEAD") == 0);
  for (int i = 0; spec->headers && spec->headers[i]; i++) {
    assert(i < HEADERS_MAX);
    call->headers[i] = mem_strdup(spec->headers[i]);
  }
  list_init(&call->node);
  ready_init(&call->ready, step);
  gate_wait_init(&call->wait, on_entered);
  timer_init(&call->pause, on_pause_over);
  become(call, CALL_PROBE);
  return call;
}

void call_cancel(struct call *call) {
  if (call->canceled)
    return;
  call->canceled = true;
  if (call->request) {
    http_cancel(call->request);
    return;
  }
  if (call->want) {
    auth_cancel(call->want);
    return;
  }
  timer_stop(&call->pause);
  gate_leave(&call->wait);
  list_remove(&call->node);
  become(call, CALL_FAIL);
}

void call_resume(struct call *call) {
  if (call->request)
    http_resume(call->request);
}
