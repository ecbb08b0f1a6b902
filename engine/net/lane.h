/* net/lane.h - a curl multi handle driven by the loop, with its sockets, its timer and the easy
 * handles that it lends. Private to net/. Thread: the loop's. */
#ifndef DRAY_NET_LANE_H
#define DRAY_NET_LANE_H

#include <curl/curl.h>
#include <stdbool.h>

#include "base/list.h"
#include "net/loop.h"

/* A plain member of the client. */
struct lane {
  struct loop *loop;
  CURLM *multi;
  struct timer timer;
  struct list idle; /* easy handles to use again */
  /* curl is done with that handle, from inside lane_act() or the loop: note it, and act from the
   * ready queue. */
  void (*finished)(CURL *easy, CURLcode code);
};

void lane_init(struct lane *lane, struct loop *loop, bool multiplex,
               void (*finished)(CURL *easy, CURLcode code));
void lane_free(struct lane *lane); /* no handle may be in it */

/* Lets curl do what is due, such as after curl_easy_pause(). */
void lane_act(struct lane *lane);

CURL *lane_take(struct lane *lane);            /* an easy handle, as new */
void lane_give(struct lane *lane, CURL *easy); /* back, removed from the multi handle */

#endif
