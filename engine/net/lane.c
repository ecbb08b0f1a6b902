#include "net/lane.h"

#include <stdlib.h>
#include <uv.h>

#include "base/mem.h"

enum { CONNECTIONS_KEPT = 2048 }; /* more than any gate lets through: curl closes none for room */

struct idle {
  struct list node;
  CURL *easy;
};

struct socket {
  uv_poll_t poll;
  struct lane *lane;
  curl_socket_t fd;
  int events; /* what curl waits for */
};

static void drain_finished(struct lane *lane) {
  CURLMsg *message;
  int left;
  while ((message = curl_multi_info_read(lane->multi, &left))) {
    if (message->msg == CURLMSG_DONE)
      lane->finished(message->easy_handle, message->data.result);
  }
}

static void act(struct lane *lane, curl_socket_t fd, int events) {
  int running;
  curl_multi_socket_action(lane->multi, fd, events, &running);
  drain_finished(lane);
}

static void on_timer(struct timer *timer) {
  act(list_entry(timer, struct lane, timer), CURL_SOCKET_TIMEOUT, 0);
}

static int on_curl_timer(CURLM *multi, long ms, void *arg) {
  (void)multi;
  struct lane *lane = arg;
  if (ms < 0)
    timer_stop(&lane->timer);
  else
    timer_start(lane->loop, &lane->timer, (uint64_t)ms);
  return 0;
}

static void on_poll(uv_poll_t *poll, int status, int events) {
  struct socket *socket = poll->data;
  int flags = 0;
  if (events & UV_READABLE)
    flags |= CURL_CSELECT_IN;
  if (events & UV_WRITABLE)
    flags |= CURL_CSELECT_OUT;
  /* On an error libuv stops watching. curl finds out which one by trying, and reads what the peer
   * said before it went. */
  if (status < 0)
    flags = CURL_CSELECT_IN | CURL_CSELECT_OUT;
  act(socket->lane, socket->fd, flags);
  if (status < 0 && !uv_is_closing((uv_handle_t *)poll))
    uv_poll_start(poll, socket->events, on_poll);
}

static void socket_closed(uv_handle_t *handle) { free(handle->data); }

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *assigned) {
  (void)easy;
  struct lane *lane = arg;
  struct socket *socket = assigned;
  if (what == CURL_POLL_REMOVE) {
    if (!socket)
      return 0;
    curl_multi_assign(lane->multi, fd, NULL);
    uv_poll_stop(&socket->poll);
    uv_close((uv_handle_t *)&socket->poll, socket_closed);
    return 0;
  }
  if (!socket) {
    socket = mem_zalloc(sizeof *socket);
    socket->lane = lane;
    socket->fd = fd;
    socket->poll.data = socket;
    if (uv_poll_init_socket(loop_uv(lane->loop), &socket->poll, fd) < 0) {
      free(socket);
      return -1;
    }
    curl_multi_assign(lane->multi, fd, socket);
  }
  socket->events =
      (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
  uv_poll_start(&socket->poll, socket->events, on_poll);
  return 0;
}

void lane_act(struct lane *lane) { act(lane, CURL_SOCKET_TIMEOUT, 0); }

CURL *lane_take(struct lane *lane) {
  struct list *node = list_pop(&lane->idle);
  if (!node)
    return curl_easy_init();
  struct idle *idle = list_entry(node, struct idle, node);
  CURL *easy = idle->easy;
  free(idle);
  return easy;
}

void lane_give(struct lane *lane, CURL *easy) {
  struct idle *idle = mem_zalloc(sizeof *idle);
  curl_easy_reset(easy);
  idle->easy = easy;
  list_push(&lane->idle, &idle->node);
}

void lane_init(struct lane *lane, struct loop *loop, bool multiplex,
               void (*finished)(CURL *easy, CURLcode code)) {
  lane->loop = loop;
  lane->finished = finished;
  lane->multi = curl_multi_init();
  timer_init(&lane->timer, on_timer);
  list_init(&lane->idle);
  curl_multi_setopt(lane->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(lane->multi, CURLMOPT_SOCKETDATA, lane);
  curl_multi_setopt(lane->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
  curl_multi_setopt(lane->multi, CURLMOPT_TIMERDATA, lane);
  curl_multi_setopt(lane->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT);
  curl_multi_setopt(lane->multi, CURLMOPT_PIPELINING,
                    multiplex ? (long)CURLPIPE_MULTIPLEX : (long)CURLPIPE_NOTHING);
}

void lane_free(struct lane *lane) {
  struct list *node;
  while ((node = list_pop(&lane->idle))) {
    struct idle *idle = list_entry(node, struct idle, node);
    curl_easy_cleanup(idle->easy);
    free(idle);
  }
  curl_multi_cleanup(lane->multi);
  timer_stop(&lane->timer);
}
