/* net/pace.h - how fast to ask a host that limits the rate of requests, learned from its refusals:
 * what it answered between two of them is what it bears. From somewhat below that the rate grows,
 * by the cube of time, until it is refused again, or for so long not refused that there is nothing
 * to keep to. Pure: time is an argument.
 * Source for the cube (little at first, then more and more): CUBIC, RFC 9438. */
#ifndef DRAY_NET_PACE_H
#define DRAY_NET_PACE_H

#include <stdint.h>

struct pace {
  uint64_t refused_ms; /* the last time; 0: never */
  unsigned answered;   /* since then */
  double rate;         /* right after it; 0: no limit is known */
};

void pace_good(struct pace *pace);                      /* a request was answered */
void pace_refused(struct pace *pace, uint64_t now_ms);  /* a round trip's worth of refusals */
double pace_rate(const struct pace *, uint64_t now_ms); /* requests a second; 0: no limit */

#endif
