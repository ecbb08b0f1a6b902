/* base/log.h - lines for people, sent to whoever runs the engine. Thread: the loop's. */
#ifndef DRAY_BASE_LOG_H
#define DRAY_BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* text is one printable line without newline, valid during the call. */
typedef void log_fn(void *arg, enum log_level level, const char *text);

struct log {
  enum log_level level; /* the most talkative that is wanted */
  log_fn *fn;           /* NULL: silence */
  void *arg;
};

static inline bool log_wants(const struct log *log, enum log_level level) {
  return log->fn && level <= log->level;
}

/* Control characters of the result are replaced (text_printable). Never hand it a secret. */
void log_at(const struct log *log, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
