#include "log.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "escape.h"

static bool is_set(const char *name) {
  const char *value = getenv(name);
  return value && *value;
}

void log_init(struct log *log, bool json, bool commands) {
  const char *term = getenv("TERM");
  *log = (struct log){.json = json, .commands = commands};
  log->terminal = !json && isatty(STDERR_FILENO) && !is_set("NO_COLOR") && term && *term &&
                  strcmp(term, "dumb") != 0;
}

static void write_text(const struct log *log, FILE *file, enum dray_log_level level,
                       const char *message) {
  static const char *const words[] = {
      [DRAY_LOG_ERROR] = "error: ", [DRAY_LOG_WARN] = "warning: ", "", ""};
  static const char *const colours[] = {
      [DRAY_LOG_ERROR] = "\x1b[31m", [DRAY_LOG_WARN] = "\x1b[33m", "", ""};
  bool coloured = log->terminal && *colours[level];
  fprintf(file, "dray: %s%s%s%s\n", coloured ? colours[level] : "", words[level],
          coloured ? "\x1b[0m" : "", message);
}

static void write_json(FILE *file, enum dray_log_level level, const char *host,
                       const char *message) {
  static const char *const levels[] = {[DRAY_LOG_ERROR] = "error",
                                       [DRAY_LOG_WARN] = "warning",
                                       [DRAY_LOG_INFO] = "info",
                                       [DRAY_LOG_DEBUG] = "debug"};
  char stamp[64];
  struct timespec now;
  struct tm tm;
  clock_gettime(CLOCK_REALTIME, &now);
  gmtime_r(&now.tv_sec, &tm);
  strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &tm);
  fprintf(file, "{\"time\": \"%s.%03ldZ\", \"level\": \"%s\", \"message\": ", stamp,
          now.tv_nsec / 1000000, levels[level]);
  escape_json(file, message);
  if (host) {
    fputs(", \"host\": ", file);
    escape_json(file, host);
  }
  fputs("}\n", file);
}

void log_say(struct log *log, enum dray_log_level level, const char *host, const char *format,
             ...) {
  struct text message, line;
  va_list ap;
  text_begin(&message);
  va_start(ap, format);
  vfprintf(message.file, format, ap);
  va_end(ap);
  text_done(&message);
  text_begin(&line);
  if (log->json)
    write_json(line.file, level, host, message.data);
  else
    write_text(log, line.file, level, message.data);
  text_done(&line);
  log_raw(log, &line);
  text_free(&line);
  text_free(&message);
}

void log_raw(struct log *log, const struct text *text) {
  log_erase_bars(log);
  if (log->commands)
    escape_commands(stderr, text->data, text->len, log->json ? "\\u0023" : "?");
  else
    fwrite(text->data, 1, text->len, stderr);
}

/* "\r" and "erase the line", then the same for each line above. */
static void write_erasure(FILE *file, unsigned lines) {
  for (unsigned i = 0; i < lines; i++)
    fputs(i == 0 ? "\r\x1b[2K" : "\x1b[1A\x1b[2K", file);
}

void log_show_bars(struct log *log, const char *text, unsigned lines) {
  struct text out;
  text_begin(&out);
  write_erasure(out.file, log->bars);
  fputs(text, out.file);
  text_done(&out);
  fwrite(out.data, 1, out.len, stderr);
  text_free(&out);
  log->bars = lines;
}

void log_erase_bars(struct log *log) {
  write_erasure(stderr, log->bars);
  log->bars = 0;
}
