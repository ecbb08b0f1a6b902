#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

void log_at(const struct log *log, enum log_level level, const char *format, ...) {
  if (!log_wants(log, level))
    return;
  char draft[4096] = "";
  va_list args;
  va_start(args, format);
  vsnprintf(draft, sizeof draft, format, args);
  va_end(args);
  char line[sizeof draft - 4]; /* so that a cut falls between characters */
  text_printable(line, sizeof line, draft, strlen(draft));
  log->fn(log->arg, level, line);
}
