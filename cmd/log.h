/* cmd/log.h - lines on stderr, for people or (--log-format json) for programs, and the bars that may
 * stand below them on a terminal. */
#ifndef DRAY_CMD_LOG_H
#define DRAY_CMD_LOG_H

#include <stdbool.h>

#include "engine/dray.h"
#include "text.h"

struct log {
  bool json;
  bool commands; /* a CI system reads along: nothing may look like one of its commands */
  bool terminal; /* colours and cursor codes are welcome */
  unsigned bars; /* lines on the screen that are to be written over */
};

/* Reads NO_COLOR and TERM. */
void log_init(struct log *log, bool json, bool commands);

/* One line; host may be NULL. In text it is "dray: …", "dray: error: …", … */
void log_say(struct log *log, enum dray_log_level level, const char *host, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Lines that are not for people. */
void log_raw(struct log *log, const struct text *text);

/* Puts the bars on the screen, or what is there in their place; text has lines of them, without a
 * newline at the end. Only on a terminal. */
void log_show_bars(struct log *log, const char *text, unsigned lines);
/* Takes them from the screen: before anything else is written to a terminal. */
void log_erase_bars(struct log *log);

#endif
