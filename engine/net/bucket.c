#include "net/bucket.h"

#define SAVED 0.25    /* seconds' worth of tokens */
#define WHOLE 0.99999 /* of a token: what adding up parts may leave of one */

static void count(struct bucket *bucket, uint64_t now_ms) {
  double most = bucket->rate * SAVED < 1 ? 1 : bucket->rate * SAVED;
  if (now_ms > bucket->at_ms)
    bucket->tokens += (double)(now_ms - bucket->at_ms) * bucket->rate / 1000;
  if (bucket->tokens > most)
    bucket->tokens = most;
  bucket->at_ms = now_ms;
}

void bucket_init(struct bucket *bucket, double rate, uint64_t now_ms) {
  *bucket = (struct bucket){.rate = rate, .tokens = 1, .at_ms = now_ms};
}

void bucket_set_rate(struct bucket *bucket, double rate, uint64_t now_ms) {
  if (bucket->rate > 0)
    count(bucket, now_ms);
  else
    bucket_init(bucket, rate, now_ms);
  bucket->rate = rate;
}

uint64_t bucket_due(struct bucket *bucket, uint64_t now_ms) {
  if (bucket->rate <= 0)
    return now_ms;
  count(bucket, now_ms);
  if (bucket->tokens >= WHOLE)
    return now_ms;
  return now_ms + 1 + (uint64_t)((1 - bucket->tokens) * 1000 / bucket->rate);
}

void bucket_take(struct bucket *bucket, uint64_t now_ms) {
  if (bucket->rate <= 0)
    return;
  count(bucket, now_ms);
  bucket->tokens -= 1;
}
