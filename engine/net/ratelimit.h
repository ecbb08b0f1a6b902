/* net/ratelimit.h - what the headers of an answer say of the limits on requests. Pure; any bytes
 * at all are fine. Sources, each as it is met in the wild:
 *   ratelimit-limit: 100;w=21600, ratelimit-remaining: 76;w=21600     Docker Hub's documentation
 *   RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset (seconds)   draft-ietf-httpapi-
 *   RateLimit: limit=100, remaining=50, reset=5                         ratelimit-headers-03, -07
 *   RateLimit: "default";r=50;t=30                                      and -08
 *   X-RateLimit-… with the reset in seconds, or as a time since 1970  GitHub, GitLab, quay.io */
#ifndef DRAY_NET_RATELIMIT_H
#define DRAY_NET_RATELIMIT_H

#include <stdint.h>

#include "net/http.h"

struct ratelimit {
  int64_t remaining; /* requests that may still be sent; -1: not told */
  int64_t reset_ms;  /* from now on, until there are new ones; -1: not told */
  int64_t window_ms; /* the time over which they are counted: a reset is no farther away than this;
                        -1: not told */
};

/* Of several limits in one header the one that is nearest to its end. */
void ratelimit_read(struct ratelimit *told, const struct http_reply *reply, int64_t wall_ms);

#endif
