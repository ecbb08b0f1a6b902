/* net/http.h - HTTP requests over libcurl, one easy handle a request, driven by the loop.
 * Two lanes, each a multi handle of its own, so that neither reuses the other's connections:
 * HTTP_REQUEST (HTTP/2 where TLS negotiates it; never pause one) and HTTP_STREAM (HTTP/1.1, may be
 * paused both ways). A host without HTTP/2 has all its connections in the second. No redirects, no
 * authentication, no retries here: see net/call.h. Thread: the loop's. Reentrancy: done runs from
 * the ready queue; read, write and head run inside curl and must not start, cancel or resume
 * anything (use loop_ready). */
#ifndef DRAY_NET_HTTP_H
#define DRAY_NET_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "net/loop.h"

struct http;
struct http_request;
struct trust; /* net/trust.h */

#define HTTP_HEADERS_MAX ((size_t)64 * 1024) /* bytes of reply headers */

enum http_lane { HTTP_REQUEST, HTTP_STREAM };

struct http_options {
  int64_t connect_timeout_ms;
  int64_t stall_timeout_ms; /* no byte either way while we are not paused */
  size_t buffer_size;       /* bytes of curl's buffers on HTTP_STREAM, each way; 0: 64 KiB */
  const char *user_agent;
  const struct log *log; /* borrowed */
};

/* options are copied, except log. */
struct http *http_new(struct loop *loop, const struct http_options *options);
void http_free(struct http *http); /* all requests must have ended; NULL is fine */

enum { HTTP_PAUSE = -1, HTTP_ABORT = -2 };

struct http_reply {
  int status;          /* 0: no complete head was received */
  struct buf head;     /* "Name: value" strings, each ended by a NUL */
  struct buf body;     /* what `write` did not take; capped by body_max */
  uint64_t sent;       /* bytes of the request's body handed to curl */
  uint64_t received;   /* bytes of the reply's body */
  uint64_t started_ms; /* loop_now() of http_start() */
  bool h2;             /* it went over HTTP/2 */
  bool lost_early;     /* no byte of a reply came, on a connection that was up: it may or may not
                          have been carried out */
  bool sent_away;      /* with err: the server ended the connection in good order (GOAWAY) before it
                          answered, which says nothing against another try */
  struct err err;      /* err.code is ERR_NONE when a whole reply was received, whatever its status.
                          err.host is HOST[:PORT] of the URL */
  bool final;          /* with err: trying again is pointless (certificate, malformed reply, …) */
};

/* Borrowed until done, all of it, except that headers and url are copied by http_start(). */
struct http_spec {
  enum http_lane lane;
  const char *method;         /* GET HEAD POST PUT PATCH DELETE */
  const char *url;            /* http:// or https:// */
  const char *const *headers; /* "Name: value", NULL at the end; NULL: none */
  const struct trust *trust;  /* for https */

  /* The request's body. body: in memory. Else read: a stream of exactly body_size bytes; it fills
   * at most len bytes and returns how many (> 0), HTTP_PAUSE (http_resume() when there is more) or
   * HTTP_ABORT. rewind: the body is wanted again from its first byte (curl found a reused
   * connection dead): 0, or -1 where that can't be had. */
  const void *body;
  uint64_t body_size;
  bool once; /* not even curl may send it twice, as it does where a connection it used again dies */
  bool has_body; /* false: GET, HEAD, DELETE; true with body_size 0: Content-Length: 0 */
  int64_t (*read)(void *arg, void *to, size_t len);
  int (*rewind)(void *arg);

  /* The reply. head (may be NULL) is called once, when a final (not 1xx) head is complete, and
   * returns true where the body is to go to write; otherwise the body is collected. write takes
   * all len bytes (returns 0), or nothing: HTTP_PAUSE, HTTP_ABORT. */
  bool (*head)(void *arg, const struct http_reply *reply);
  int (*write)(void *arg, const void *data, size_t len);
  size_t body_max;           /* collected bytes; more is ERR_TOO_LARGE. 0: 64 KiB */
  int64_t answer_timeout_ms; /* silence allowed once the body is sent; 0: stall_timeout_ms */

  /* Exactly once, also after http_cancel(); the request and its reply are gone when it returns. */
  void (*done)(void *arg, const struct http_reply *reply);
  void *arg;
};

struct http_request *http_start(struct http *http, const struct http_spec *spec);
/* done follows with ERR_CANCELED. Again: nothing happens. */
void http_cancel(struct http_request *request);
/* There is something to read, or room to write, again. Cheap; not paused: nothing happens. */
void http_resume(struct http_request *request);

/* The first header of that name (case-insensitive), without surrounding blanks; NULL: none. */
const char *http_header(const struct http_reply *reply, const char *name);
/* The same for repeated headers: *cursor starts at 0; NULL at the end. */
const char *http_header_next(const struct http_reply *reply, const char *name, size_t *cursor);

/* By how many ms the server's clock is before one that says wall_ms, by its Date (RFC 9110, 6.6.1);
 * 0 where it has none. */
int64_t http_clock_ahead(const struct http_reply *reply, int64_t wall_ms);

uint64_t http_requests(const struct http *http); /* requests started so far */

/* "libcurl/7.88.1 BoringSSL … libuv/1.44.2": what is inside; the caller's. */
char *http_libraries(void);

#endif
