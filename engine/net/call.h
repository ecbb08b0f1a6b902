/* net/call.h - one request to a registry, seen through to an answer:
 *   authorization → a place at the gate → send → 401? redirect? try again? → done
 * Thread: the loop's. Reentrancy: done runs from the ready queue; never from call_start/_cancel. */
#ifndef DRAY_NET_CALL_H
#define DRAY_NET_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/endpoint.h"
#include "net/http.h"

struct call;

struct call_result {
  const struct http_reply *reply; /* err.code ERR_NONE: an answer, whatever its status */
  const char *url;                /* that gave it: what a relative Location is relative to */
  int attempts;
  const char *path;       /* the spec's */
  bool push;              /* its scopes let write: it was about a target */
  const char *identity;   /* whose Authorization was sent with the last attempt, or would not get a
                             token; NULL: none was */
  bool abroad;            /* the answer is another host's, which gets no credentials of this one */
  int64_t clock_ahead_ms; /* the answering host's clock before ours, by its Date; 0: not known */
  bool streamed;          /* `write` took bytes */
  bool not_asked;         /* with ERR_RATE_LIMITED: it was not sent, since an earlier answer told of
                             a limit that lasts for longer than is waited */
  bool retriable;         /* it failed, but might succeed later, within the time that is waited */
  int64_t retry_after_ms; /* what the server asked for, or how long a limit lasts; -1: not known */
  int64_t retry_at;       /* the same as a time: ms since 1970 */
};

/* What is sent again although it may have reached the server, and why that is safe:
 *   GET, HEAD               read only (RFC 9110, 9.2.1)
 *   POST, opens an upload   at worst a session is left, which the registry clears away; the same
 *                           for a mount, which a second time finds the blob there
 *   PUT of a manifest       the same bytes under the same name: idempotent (RFC 9110, 9.2.2)
 * and what is not (once), because the server may hold what the first try brought:
 *   PATCH                   the session's status is asked, and it goes on from there
 *   PUT of a whole blob     the blob is looked for by HEAD, then a new session
 *   PUT, the commit         the same: a session that is committed is gone, and would answer 404
 *   DELETE of a session     a courtesy
 * A 429 was not carried out, whatever it answers: it is always followed by another try. */

/* Strings are copied; body and arg are borrowed until done. */
struct call_spec {
  struct endpoint *endpoint;
  const char *method;
  enum gate_kind kind;        /* what it counts as; any HEAD is GATE_LOOK */
  const char *url;            /* "/v2/…" below the endpoint's base, or a whole URL (Location) */
  const char *const *headers; /* "Name: value", NULL at the end; at most 6 */
  const char *path;           /* repository, for credentials */
  const char *scopes;
  enum http_lane lane;
  bool in_stream;   /* the caller holds a stream's place at the gate */
  bool once;        /* no second try after it may have reached the server (a 401, and redirects, are
                       still followed where the body can be had again) */
  bool verified;    /* the body is checked by digest: a redirect from https to http is acceptable */
  const void *body; /* and the rest as in net/http.h; read without rewind: the body is had once */
  uint64_t body_size;
  bool has_body;
  int64_t (*read)(void *arg, void *to, size_t len);
  int (*rewind)(void *arg);
  bool (*head)(void *arg, const struct http_reply *reply); /* 2xx only */
  int (*write)(void *arg, const void *data,
               size_t len); /* once it took bytes: no second try here */
  size_t body_max;
  int64_t answer_timeout_ms;
  void (*done)(void *arg, const struct call_result *result); /* the call is gone when it returns */
  void *arg;
};

struct call *call_start(const struct call_spec *spec);
void call_cancel(struct call *call); /* done follows with ERR_CANCELED */
void call_resume(struct call *call); /* http_resume() */

#endif
