/* net/bucket.h - so many requests a second, evenly: a token bucket. Pure: time is an argument. */
#ifndef DRAY_NET_BUCKET_H
#define DRAY_NET_BUCKET_H

#include <stdint.h>

/* Tokens come at rate; a quarter of a second's worth of them, but at least one, can be saved up,
 * so that a late timer costs nothing. It begins with one. */
struct bucket {
  double rate; /* a second; 0: no limit */
  double tokens;
  uint64_t at_ms; /* when tokens were counted */
};

void bucket_init(struct bucket *bucket, double rate, uint64_t now_ms);
void bucket_set_rate(struct bucket *bucket, double rate, uint64_t now_ms); /* tokens are kept */

uint64_t bucket_due(struct bucket *bucket,
                    uint64_t now_ms); /* when a token is there: now, or later */
void bucket_take(struct bucket *bucket, uint64_t now_ms);

#endif
