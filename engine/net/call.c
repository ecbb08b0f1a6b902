#include "net/call.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/retry.h"
#include "net/url.h"

enum { HEADERS_MAX = 6, REDIRECTS_MAX = 10, REFUSALS_MAX = 3 };

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
  bool probes;    /* it is the one that learns */
  bool written;   /* spec.write took bytes */
  bool renewable; /* refused, with a body that is gone; a new token would do */
  bool canceled;
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

static void finish(struct call *call, const struct http_reply *reply) {
  struct call_result result = {
      .reply = reply,
      .url = call->url,
      .attempts = call->attempts,
      .streamed = call->written,
      .identity = call->authorization ? auth_identity(call->spec.endpoint->auth) : NULL,
      .retriable =
          !call->canceled && (call->renewable || retry_reply(reply, call->spec.endpoint->answered)),
      .retry_after_ms = call->retry_after_ms,
  };
  gate_leave(&call->wait);
  probe_over(call);
  ready_cancel(&call->ready);
  call->spec.done(call->spec.arg, &result);
  call_free(call);
}

static bool at_home(const struct call *call) {
  return url_same_origin(call->url, call->spec.endpoint->base_url);
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

static bool try_again(struct call *call, const struct http_reply *reply) {
  const struct endpoints_spec *all = common(call);
  if (!retry_reply(reply, call->spec.endpoint->answered))
    return false;
  if (call->attempts > all->retries || call->written)
    return false;
  if (call->retry_after_ms > RETRY_AFTER_MAX_MS)
    return false;
  bool refused = reply->status == 429; /* it was not carried out, whatever it was */
  if (call->spec.once && !refused && reply->err.code != ERR_CONNECT &&
      reply->err.code != ERR_RESOLVE)
    return false;
  if (!body_again(call))
    return false;
  call->delay_ms = retry_delay(call->attempts, call->retry_after_ms, loop_random(all->loop));
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
  become(call, CALL_PAUSE);
  return true;
}

static void tell_gate(struct call *call, const struct http_reply *reply) {
  struct gate *gate = call->spec.endpoint->gate;
  bool slow_down = reply->status == 429 || reply->status == 503;
  const char *after = slow_down ? http_header(reply, "Retry-After") : NULL;
  call->retry_after_ms = after ? retry_after(after, loop_wall()) : -1;
  if (slow_down || reply->err.code == ERR_CONNECT)
    gate_bad(gate, reply->started_ms);
  else if (reply->err.code == ERR_NONE)
    gate_good(gate);
  if (call->retry_after_ms > 0 && call->retry_after_ms <= RETRY_AFTER_MAX_MS)
    gate_hold(gate, call->retry_after_ms);
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
  gate_good(call->spec.endpoint->gate); /* a stream's end is too far away to learn from */
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
  become(list_entry(wait, struct call, wait), CALL_SEND);
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
    if (call->spec.in_stream || call->wait.inside)
      become(call, CALL_SEND);
    else
      gate_enter(endpoint->gate, &call->wait);
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
