#include "net/pace.h"

#include <stdbool.h>

#define TOGETHER_MS 10000.0 /* refusals farther apart show no rate */
#define FORGET_MS 30000.0   /* without a refusal: there is no limit any more */
#define DOUBLE_MS 8000.0    /* until the rate has doubled; the old one is reached after 4.5 s */
#define BELOW 0.85          /* of what was borne */
#define LEAST 0.5           /* requests a second */

void pace_good(struct pace *pace) { pace->answered++; }

static double borne(const struct pace *pace, double passed, double kept) {
  double measured = pace->answered * 1000.0 / (passed < 1 ? 1 : passed);
  if (kept <= 0)
    return measured;
  /* Little was asked for: that says nothing against the rate. */
  if (measured < kept / 2)
    measured = kept / 2;
  return measured < kept ? measured : kept;
}

void pace_refused(struct pace *pace, uint64_t now_ms) {
  double passed = (double)(now_ms - pace->refused_ms), kept = pace_rate(pace, now_ms);
  bool together = pace->refused_ms && passed <= TOGETHER_MS;
  pace->rate = kept;
  if (pace->answered && (together || kept > 0))
    pace->rate = BELOW * borne(pace, passed, kept);
  if (pace->rate > 0 && pace->rate < LEAST)
    pace->rate = LEAST;
  pace->refused_ms = now_ms;
  pace->answered = 0;
}

double pace_rate(const struct pace *pace, uint64_t now_ms) {
  double passed = (double)(now_ms - pace->refused_ms), part = passed / DOUBLE_MS;
  if (pace->rate <= 0 || passed > FORGET_MS)
    return 0;
  return pace->rate * (1 + part * part * part);
}
