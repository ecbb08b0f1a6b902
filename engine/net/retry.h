/* net/retry.h - what may be tried again, and when. Pure: time and chance are arguments.
 * Of statuses the table is in retry.c, of curl's codes in http_error.c. What counts:
 *   answered 429                    half an attempt: the gate decides when it may go again
 *   sent away by GOAWAY             no attempt, up to 20 times
 *   other failures that may pass    an attempt
 *   anything else                   final
 * Source of Retry-After: RFC 9110, 10.2.3. */
#ifndef DRAY_NET_RETRY_H
#define DRAY_NET_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "net/http.h"

#define RETRY_AFTER_MAX_MS ((int64_t)10 * 60 * 1000) /* without a deadline, the longest wait */

/* One retry, for whoever watches. */
struct retry_note {
  const char *host, *what, *reason;
  unsigned attempt; /* the one that failed, from 1 */
  int64_t wait_ms;
};

/* The same request may well succeed later. */
bool retry_status(int status);

/* The same for a whole reply: a status as above, or an err that is not final.
 * host_answered: the host has answered before in this run; a host that never did is a typing error
 * or down, and its unknown name or closed port is final. */
bool retry_reply(const struct http_reply *reply, bool host_answered);

/* Retry-After: seconds, or a date as seen at wall_ms; -1 where it is neither. Dates in the past
 * are 0. */
int64_t retry_after(const char *value, int64_t wall_ms);

/* How long to wait before attempt number attempt + 1 (attempt counts from 1): 250 ms doubling to
 * 30 s, of which the upper half is chance (random: 64 random bits). A server's wish (after_ms >= 0)
 * counts instead where it is longer, with a little chance on top, so that clients part. */
int64_t retry_delay(int attempt, int64_t after_ms, uint64_t random);

#endif
