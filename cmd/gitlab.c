#include "gitlab.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

bool gitlab_is_here(void) {
  const char *value = getenv("GITLAB_CI");
  return value && strcmp(value, "true") == 0;
}

/* A job may run dray several times, and each section of it has a name of its own. */
static void mark(struct log *log, const char *what, const char *title, const char *end) {
  struct text text;
  text_begin(&text);
  fprintf(text.file, "\x1b[0Ksection_%s:%lld:dray_%ld\r\x1b[0K%s%s", what, (long long)time(NULL),
          (long)getpid(), title, end);
  text_done(&text);
  log_raw(log, &text);
  text_free(&text);
}

void gitlab_open_section(struct log *log, const char *title) { mark(log, "start", title, "\n"); }

void gitlab_close_section(struct log *log) { mark(log, "end", "", "\n"); }
