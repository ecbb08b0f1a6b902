#include "format.h"

#include <inttypes.h>
#include <stdio.h>

char *format_duration(char dst[64], int64_t ms) {
  static const struct {
    const char *name;
    int64_t ms;
  } units[] = {{"h", 60 * 60 * 1000}, {"m", 60 * 1000}, {"s", 1000}, {"ms", 1}};
  size_t i = 0;
  while (ms % units[i].ms != 0 || (i < 2 && ms == units[i].ms))
    i++;
  snprintf(dst, 64, "%" PRId64 "%s", ms / units[i].ms, units[i].name);
  return dst;
}

char *format_time_left(char dst[64], uint64_t seconds) {
  uint64_t minutes = seconds / 60;
  if (minutes >= 60)
    snprintf(dst, 64, "%" PRIu64 "h%" PRIu64 "m", minutes / 60, minutes % 60);
  else if (minutes > 0)
    snprintf(dst, 64, "%" PRIu64 "m%" PRIu64 "s", minutes, seconds % 60);
  else
    snprintf(dst, 64, "%" PRIu64 "s", seconds);
  return dst;
}

char *format_count(char dst[64], uint64_t count, const char *noun) {
  snprintf(dst, 64, "%" PRIu64 " %s%s", count, noun, count == 1 ? "" : "s");
  return dst;
}
