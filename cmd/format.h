/* cmd/format.h - figures as people read them. All return dst. */
#ifndef DRAY_CMD_FORMAT_H
#define DRAY_CMD_FORMAT_H

#include <stdint.h>

/* 1500 -> "1500ms", 60000 -> "60s", 300000 -> "5m": what the flags take. */
char *format_duration(char dst[64], int64_t ms);

/* 42 -> "42s", 125 -> "2m5s", 3725 -> "1h2m": how long something lasts. */
char *format_time_left(char dst[64], uint64_t seconds);

/* 1, "blob" -> "1 blob"; 5, "blob" -> "5 blobs" */
char *format_count(char dst[64], uint64_t count, const char *noun);

#endif
