/* net/limit.h - how many requests of one kind to have under way at one host: a window that opens
 * with each answer (doubling by round trip), is halved by a refusal, and then opens by one a round
 * trip. Pure. Source: TCP's slow start and congestion avoidance (RFC 5681), by requests. */
#ifndef DRAY_NET_LIMIT_H
#define DRAY_NET_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

struct limit {
  double window;
  double threshold; /* below it the window doubles by round trip */
  double max;
  uint64_t cut_ms; /* when it was last halved */
};

void limit_init(struct limit *limit, int first, int max);

/* A request was answered well while used were under way, it included. A window that is not made
 * use of proves nothing, and stays (RFC 7661). */
void limit_good(struct limit *limit, int used);

/* A request that began at started_ms was refused for load, or got no connection. Refusals of
 * requests that were under way at the last cut belong to that one: false. */
bool limit_bad(struct limit *limit, uint64_t started_ms, uint64_t now_ms);

int limit_window(const struct limit *limit); /* at least 1 */

#endif
