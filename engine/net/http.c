#include "net/http.h"

#include <assert.h>
#include <curl/curl.h>
#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"
#include "net/http_error.h"
#include "net/lane.h"
#include "net/trust.h"
#include "net/url.h"

enum {
  LANES = 2,
  REQUEST_BUFFER = 32 * 1024 /* bytes, each way, on HTTP_REQUEST */
};
#define WATCH_MS 250

/* Whether the connection is kept over which a host told that it has no HTTP/2. */
static const char spare[] = "spare", no_spare[] = "no spare";

struct http {
  struct loop *loop;
  struct http_options options;
  char *user_agent;
  struct lane lanes[LANES];
  struct map *no_h2; /* hosts of https URLs that answered over HTTP/1.1: spare, or no_spare */
  CURLSH *share;     /* names and TLS sessions, over both lanes */
  struct list active;
  struct timer watch; /* stalls; runs while anything is active */
  uint64_t requests;
};

struct http_request {
  struct list node; /* http->active */
  struct ready ready;
  struct http *http;
  struct lane *lane;
  CURL *easy;
  struct http_spec spec;
  struct curl_slist *headers;
  char *url;
  struct http_reply reply;
  CURLcode code;
  bool begun;    /* sent, as a whole or in part */
  bool finished; /* curl is done with it */
  bool stopped;  /* by us: reply.err says why */
  bool resume, recv_paused, send_paused;
  bool head_complete, streaming;
  bool last;               /* of its connection */
  bool tried_v4, tried_v6; /* addresses, for a new connection */
  uint64_t moved_ms;       /* when a byte last moved */
  curl_off_t sent_seen;    /* bytes sent, when last looked at … */
  int queued_seen;         /* … and of these, still in the socket */
  char error_text[CURL_ERROR_SIZE];
};

/* -- curl's callbacks: they note, and leave acting to the ready queue -- */

static void moved(struct http_request *request) {
  request->moved_ms = loop_now(request->http->loop);
}

static void stop(struct http_request *request, enum err_code code, const char *why) {
  if (request->stopped)
    return;
  request->stopped = true;
  char *host = url_host(request->url);
  err_set(&request->reply.err, code, "%s: %s", host ? host : request->url, why);
  free(host);
}

static void head_is_complete(struct http_request *request) {
  long status = 0, version = 0;
  curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(request->easy, CURLINFO_HTTP_VERSION, &version);
  if (status < 200) { /* 100 Continue and its like: the real one follows */
    buf_reset(&request->reply.head);
    return;
  }
  request->head_complete = true;
  request->reply.status = (int)status;
  request->reply.h2 = version == CURL_HTTP_VERSION_2_0;
  request->streaming =
      request->spec.write &&
      (!request->spec.head || request->spec.head(request->spec.arg, &request->reply));
}

static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address) {
  struct http_request *request = arg;
  (void)purpose;
  request->tried_v4 |= address->family == AF_INET;
  request->tried_v6 |= address->family == AF_INET6;
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t on_header(char *data, size_t size, size_t count, void *arg) {
  struct http_request *request = arg;
  size_t len = size * count, text = len;
  moved(request);
  while (text && strchr("\r\n \t", data[text - 1]))
    text--;
  if (request->head_complete)
    return len; /* trailers */
  if (!text) {
    head_is_complete(request);
    return len;
  }
  if (text >= 5 && memcmp(data, "HTTP/", 5) == 0) { /* the head of a proxy's CONNECT came before */
    buf_reset(&request->reply.head);
    return len;
  }
  if (buf_add(&request->reply.head, data, text) < 0 || buf_add(&request->reply.head, "", 1) < 0) {
    stop(request, ERR_TOO_LARGE, "the headers of the answer are too large");
    return 0;
  }
  return len;
}

static size_t on_write(char *data, size_t size, size_t count, void *arg) {
  struct http_request *request = arg;
  size_t len = size * count;
  request->recv_paused = false; /* curl may take a transfer up again by itself */
  if (request->stopped)
    return 0;
  moved(request);
  if (request->streaming) {
    int rc = request->spec.write(request->spec.arg, data, len);
    if (rc == HTTP_PAUSE) {
      request->recv_paused = true;
      return CURL_WRITEFUNC_PAUSE;
    }
    if (rc < 0) {
      stop(request, ERR_CANCELED, "the transfer was stopped");
      return 0;
    }
  } else if (buf_add(&request->reply.body, data, len) < 0) {
    /* What there is of an error's text is enough; anything else must be whole. */
    if (request->reply.status < 400)
      stop(request, ERR_TOO_LARGE, "the answer is larger than anything that dray expects here");
    request->stopped = true;
    return 0;
  }
  request->reply.received += len;
  return len;
}

static size_t on_read(char *data, size_t size, size_t count, void *arg) {
  struct http_request *request = arg;
  uint64_t left = request->spec.body_size - request->reply.sent;
  size_t room = size * count;
  request->send_paused = false;
  if (request->stopped)
    return CURL_READFUNC_ABORT;
  moved(request);
  if (left < room)
    room = (size_t)left;
  if (!room)
    return 0;
  int64_t got = request->spec.read(request->spec.arg, data, room);
  if (got == HTTP_PAUSE) {
    request->send_paused = true;
    return CURL_READFUNC_PAUSE;
  }
  if (got < 0) {
    stop(request, ERR_CANCELED, "the transfer was stopped");
    return CURL_READFUNC_ABORT;
  }
  request->reply.sent += (uint64_t)got;
  return (size_t)got;
}

static int on_seek(void *arg, curl_off_t offset, int origin) {
  struct http_request *request = arg;
  const struct http_spec *spec = &request->spec;
  if (request->reply.sent == 0)
    return CURL_SEEKFUNC_OK;
  if (origin != SEEK_SET || offset != 0 || spec->once || !spec->rewind ||
      spec->rewind(spec->arg) < 0)
    return CURL_SEEKFUNC_FAIL;
  request->reply.sent = 0;
  return CURL_SEEKFUNC_OK;
}

/* Before each time that the request is sent. Where a connection that was used before dies without an
 * answer, curl sends it again by itself. */
static int on_send(void *arg, char *to, char *from, int to_port, int from_port) {
  struct http_request *request = arg;
  (void)to, (void)from, (void)to_port, (void)from_port;
  if (request->spec.once && request->begun)
    return CURL_PREREQFUNC_ABORT;
  request->begun = true;
  return CURL_PREREQFUNC_OK;
}

static void on_finished(CURL *easy, CURLcode code) {
  struct http_request *request = NULL;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&request);
  request->code = code;
  request->finished = true;
  loop_ready(request->http->loop, &request->ready);
}

/* -- a request's life -- */

/* A host without HTTP/2 gets all its requests from one pool of connections: two would hold twice as
 * many. The connection over which that was learnt serves once more. */
static struct lane *lane_for(struct http_request *request) {
  struct http *http = request->http;
  const struct http_spec *spec = &request->spec;
  bool h2 = spec->lane == HTTP_REQUEST && url_is_https(spec->url);
  char *host = h2 ? url_host(spec->url) : NULL;
  const char *known = host ? map_get(http->no_h2, host) : NULL;
  if (known) {
    request->last = known == spare;
    h2 = request->last;
    map_put(http->no_h2, host, (char *)no_spare);
  }
  free(host);
  return &http->lanes[h2 ? HTTP_REQUEST : HTTP_STREAM];
}

static void set_body(struct http_request *request) {
  CURL *easy = request->easy;
  const struct http_spec *spec = &request->spec;
  if (spec->read && spec->body_size) {
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)spec->body_size);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(easy, CURLOPT_READDATA, request);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, request);
  } else {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)spec->body_size);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, spec->body ? spec->body : "");
  }
}

static bool has_header(const char *const *headers, const char *name) {
  size_t len = strlen(name);
  for (; headers && *headers; headers++)
    if (strncasecmp(*headers, name, len) == 0 && (*headers)[len] == ':')
      return true;
  return false;
}

static void configure(struct http_request *request) {
  CURL *easy = request->easy;
  const struct http_spec *spec = &request->spec;
  const struct http_options *options = &request->http->options;
  bool stream = spec->lane == HTTP_STREAM;
  bool h2 = request->lane == &request->http->lanes[HTTP_REQUEST];
  for (const char *const *h = spec->headers; h && *h; h++)
    request->headers = curl_slist_append(request->headers, *h);
  request->headers = curl_slist_append(request->headers, "Expect:");
  if (spec->has_body && !has_header(spec->headers, "Content-Type"))
    request->headers = curl_slist_append(request->headers, "Content-Type:");
  curl_easy_setopt(easy, CURLOPT_URL, request->url);
  curl_easy_setopt(easy, CURLOPT_PRIVATE, request);
  curl_easy_setopt(easy, CURLOPT_SHARE, request->http->share);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, request->error_text);
  curl_easy_setopt(easy, CURLOPT_USERAGENT, request->http->user_agent);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, request->headers);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)options->connect_timeout_ms);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, request);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, request);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_write);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, request);
  curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_send);
  curl_easy_setopt(easy, CURLOPT_PREREQDATA, request);
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE,
                   stream ? (long)options->buffer_size : (long)REQUEST_BUFFER);
  curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE,
                   stream ? (long)options->buffer_size : (long)REQUEST_BUFFER);
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                   h2 ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1);
  if (h2)
    curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
  curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, (long)request->last);
  if (spec->has_body)
    set_body(request);
  if (strcmp(spec->method, "HEAD") == 0)
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  else
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, spec->method);
  if (spec->trust)
    trust_apply(spec->trust, easy);
}

static void log_request(const struct http_request *request) {
  const struct log *log = request->http->options.log;
  if (!log || !log_wants(log, LOG_DEBUG))
    return;
  const struct http_reply *reply = &request->reply;
  char *url = url_for_log(request->url);
  unsigned long long ms = loop_now(request->http->loop) - reply->started_ms;
  if (reply->err.code != ERR_NONE)
    log_at(log, LOG_DEBUG, "%s %s: %s (%llu ms)", request->spec.method, url, reply->err.message,
           ms);
  else
    log_at(log, LOG_DEBUG, "%s %s %d (%llu ms, %llu bytes up, %llu down%s)", request->spec.method,
           url, reply->status, ms, (unsigned long long)reply->sent,
           (unsigned long long)reply->received, reply->h2 ? ", h2" : "");
  free(url);
}

/* A web proxy's no to CONNECT is not the registry's. */
static bool refused_by_proxy(struct http_request *request, const char *host) {
  struct http_reply *reply = &request->reply;
  long status = 0;
  curl_easy_getinfo(request->easy, CURLINFO_HTTP_CONNECTCODE, &status);
  if (request->code == CURLE_OK || status < 400)
    return false;
  reply->final = status < 500;
  err_set(&reply->err, ERR_CONNECT,
          "%s: the web proxy (HTTPS_PROXY and its like) refused the connection: HTTP status %ld",
          host, status);
  return true;
}

static void say_unconnected(char *to, size_t room, const struct http *http) {
  long long ms = http->options.connect_timeout_ms;
  snprintf(to, room, "no connection within %lld %s", ms % 1000 ? ms : ms / 1000,
           ms % 1000 ? "ms" : "s");
}

/* curl says no more than that it could not connect. */
static void say_unreachable(struct http_request *request) {
  long number = 0;
  curl_easy_getinfo(request->easy, CURLINFO_OS_ERRNO, &number);
  if (number == ENETUNREACH || number == EADDRNOTAVAIL)
    snprintf(request->error_text, sizeof request->error_text, "%s",
             http_error_unreachable(request->tried_v4, request->tried_v6));
}

static void verdict(struct http_request *request) {
  struct http_reply *reply = &request->reply;
  char *host = url_host(request->url);
  if (request->code == CURLE_PARTIAL_FILE && !request->head_complete)
    request->code = CURLE_GOT_NOTHING;           /* by HTTP/2 */
  if (request->code == CURLE_OPERATION_TIMEDOUT) /* we set no other time than that to connect */
    say_unconnected(request->error_text, sizeof request->error_text, request->http);
  if (request->code == CURLE_COULDNT_CONNECT)
    say_unreachable(request);
  if (!request->stopped && request->code != CURLE_OK &&
      !refused_by_proxy(request, host ? host : request->url)) {
    reply->final = http_error(&reply->err, (int)request->code, request->error_text, request->url);
    reply->lost_early = http_error_after_connect((int)request->code) && !request->head_complete;
    reply->sent_away =
        http_error_is_goaway((int)request->code, request->error_text) && !request->head_complete;
  }
  if (reply->err.code == ERR_NONE && !request->head_complete)
    err_set(&reply->err, ERR_NETWORK, "%s: the connection was closed in the middle of an answer",
            host ? host : "?");
  if (!request->spec.read)
    reply->sent = request->spec.body_size;
  if (host && reply->status && !reply->h2 && !map_get(request->http->no_h2, host) &&
      request->lane == &request->http->lanes[HTTP_REQUEST])
    map_put(request->http->no_h2, host, (char *)spare);
  if (host)
    text_printable(reply->err.host, sizeof reply->err.host, host, strlen(host));
  free(host);
}

static void request_free(struct http_request *request) {
  buf_free(&request->reply.head);
  buf_free(&request->reply.body);
  curl_slist_free_all(request->headers);
  free(request->url);
  free(request);
}

static void end(struct http_request *request) {
  struct http *http = request->http;
  curl_multi_remove_handle(request->lane->multi, request->easy);
  verdict(request);
  log_request(request);
  lane_give(request->lane, request->easy);
  list_remove(&request->node);
  if (list_empty(&http->active))
    timer_stop(&http->watch);
  request->spec.done(request->spec.arg, &request->reply);
  request_free(request);
}

static void on_ready(struct ready *ready) {
  struct http_request *request = list_entry(ready, struct http_request, ready);
  if (request->finished || request->stopped) {
    end(request);
    return;
  }
  /* Taken before acting on it: below, the other side may wish it anew. */
  bool resume = request->resume && (request->recv_paused || request->send_paused);
  request->resume = false;
  if (resume) {
    request->recv_paused = request->send_paused = false;
    moved(request);
    /* May call on_write at once, which may pause it again. */
    curl_easy_pause(request->easy, CURLPAUSE_CONT);
    if (request->stopped)
      loop_ready(request->http->loop, &request->ready);
    lane_act(request->lane);
  }
}

/* curl asks for bytes in large pieces: between two, what the socket takes is progress too, and so is
 * what leaves it for a peer behind a slow line. */
static void note_sending(struct http_request *request) {
  curl_off_t sent = 0;
  curl_socket_t fd = CURL_SOCKET_BAD;
  int queued = 0;
  curl_easy_getinfo(request->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
  curl_easy_getinfo(request->easy, CURLINFO_ACTIVESOCKET, &fd);
  if (fd != CURL_SOCKET_BAD && ioctl(fd, SIOCOUTQ, &queued) < 0)
    queued = 0;
  if (sent != request->sent_seen || queued < request->queued_seen)
    moved(request);
  request->sent_seen = sent;
  request->queued_seen = queued;
}

/* Since when nothing has moved. The time until there is a connection is not the server's. */
static uint64_t silent_since(const struct http_request *request, bool *connected) {
  curl_off_t us = 0;
  curl_easy_getinfo(request->easy, CURLINFO_PRETRANSFER_TIME_T, &us);
  *connected = us > 0;
  uint64_t at = request->reply.started_ms + (uint64_t)us / 1000;
  return at > request->moved_ms ? at : request->moved_ms;
}

static void give_up(struct http_request *request, bool connected, uint64_t silent_ms) {
  const struct http_reply *reply = &request->reply;
  unsigned long long seconds = silent_ms / 1000, size = request->spec.body_size;
  char why[100];
  if (!connected)
    say_unconnected(why, sizeof why, request->http);
  else if (request->head_complete)
    snprintf(why, sizeof why, "stood still for %llu s after %llu bytes of the answer", seconds,
             (unsigned long long)reply->received);
  else if (request->spec.read && reply->sent < size)
    snprintf(why, sizeof why, "stood still for %llu s after %llu of %llu bytes sent", seconds,
             (unsigned long long)reply->sent, size);
  else
    snprintf(why, sizeof why, "no answer for %llu s", seconds);
  stop(request, connected ? ERR_TIMEOUT : ERR_CONNECT, why);
  request->reply.lost_early = connected && !request->head_complete;
  loop_ready(request->http->loop, &request->ready);
}

static void on_watch(struct timer *timer) {
  struct http *http = list_entry(timer, struct http, watch);
  const struct http_options *options = &http->options;
  uint64_t now = loop_now(http->loop);
  list_each_safe(node, &http->active) {
    struct http_request *request = list_entry(node, struct http_request, node);
    note_sending(request);
    if (request->recv_paused || request->send_paused || request->finished)
      continue;
    bool connected;
    uint64_t since = silent_since(request, &connected);
    bool answering = request->spec.has_body && request->spec.answer_timeout_ms &&
                     (!request->spec.read || request->reply.sent == request->spec.body_size);
    int64_t allowed = !connected  ? options->connect_timeout_ms + WATCH_MS /* curl comes first */
                      : answering ? request->spec.answer_timeout_ms
                                  : options->stall_timeout_ms;
    if (now > since && now - since >= (uint64_t)allowed)
      give_up(request, connected, now - since);
  }
  timer_start(http->loop, &http->watch, WATCH_MS);
}

struct http_request *http_start(struct http *http, const struct http_spec *spec) {
  assert(spec->done && spec->method && spec->url);
  struct http_request *request = mem_zalloc(sizeof *request);
  request->http = http;
  request->spec = *spec;
  request->lane = lane_for(request);
  request->url = mem_strdup(spec->url);
  ready_init(&request->ready, on_ready);
  buf_init(&request->reply.head, HTTP_HEADERS_MAX);
  buf_init(&request->reply.body, spec->body_max ? spec->body_max : (size_t)64 * 1024);
  request->reply.started_ms = loop_now(http->loop);
  request->easy = lane_take(request->lane);
  moved(request);
  configure(request);
  request->spec.headers = NULL;
  request->spec.url = request->url;
  if (list_empty(&http->active))
    timer_start(http->loop, &http->watch, WATCH_MS);
  list_push(&http->active, &request->node);
  http->requests++;
  if (curl_multi_add_handle(request->lane->multi, request->easy) != CURLM_OK) {
    stop(request, ERR_IO, "cannot start a request");
    loop_ready(http->loop, &request->ready);
  }
  return request;
}

void http_cancel(struct http_request *request) {
  if (request->finished || request->stopped)
    return;
  stop(request, ERR_CANCELED, "canceled");
  loop_ready(request->http->loop, &request->ready);
}

void http_resume(struct http_request *request) {
  if (!request->recv_paused && !request->send_paused)
    return;
  request->resume = true;
  loop_ready(request->http->loop, &request->ready);
}

/* -- the client -- */

struct http *http_new(struct loop *loop, const struct http_options *options) {
  struct http *http = mem_zalloc(sizeof *http);
  curl_global_init(CURL_GLOBAL_DEFAULT); /* counted, and thread-safe since 7.84 */
  http->loop = loop;
  http->options = *options;
  http->options.user_agent = NULL;
  if (!http->options.buffer_size)
    http->options.buffer_size = (size_t)64 * 1024;
  http->user_agent = mem_strdup(options->user_agent);
  http->no_h2 = map_new();
  list_init(&http->active);
  timer_init(&http->watch, on_watch);
  http->share = curl_share_init();
  curl_share_setopt(http->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
  curl_share_setopt(http->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
  lane_init(&http->lanes[HTTP_REQUEST], loop, true, on_finished);
  lane_init(&http->lanes[HTTP_STREAM], loop, false, on_finished);
  return http;
}

void http_free(struct http *http) {
  if (!http)
    return;
  assert(list_empty(&http->active));
  for (int i = 0; i < LANES; i++)
    lane_free(&http->lanes[i]);
  curl_share_cleanup(http->share);
  map_free(http->no_h2, NULL);
  timer_stop(&http->watch);
  free(http->user_agent);
  free(http);
  curl_global_cleanup();
}

const char *http_header_next(const struct http_reply *reply, const char *name, size_t *cursor) {
  size_t len = strlen(name);
  while (*cursor < reply->head.len) {
    const char *line = reply->head.data + *cursor;
    *cursor += strlen(line) + 1;
    if (strncasecmp(line, name, len) == 0 && line[len] == ':') {
      line += len + 1;
      return line + strspn(line, " \t");
    }
  }
  return NULL;
}

const char *http_header(const struct http_reply *reply, const char *name) {
  size_t cursor = 0;
  return http_header_next(reply, name, &cursor);
}

int64_t http_clock_ahead(const struct http_reply *reply, int64_t wall_ms) {
  const char *date = http_header(reply, "Date");
  time_t at = date ? curl_getdate(date, NULL) : -1;
  return at < 0 ? 0 : (int64_t)at * 1000 - wall_ms;
}

uint64_t http_requests(const struct http *http) { return http->requests; }

char *http_libraries(void) {
  return mem_printf("%s libuv/%s", curl_version(), uv_version_string());
}
