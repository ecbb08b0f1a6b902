#include "github.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "escape.h"
#include "save.h"

enum { ANNOTATIONS = 10 }; /* that GitHub shows of a step */

bool github_is_here(void) {
  const char *value = getenv("GITHUB_ACTIONS");
  return value && strcmp(value, "true") == 0;
}

void github_init(struct github *github, bool marks, bool outputs) {
  *github = (struct github){.marks = marks, .outputs = outputs};
  text_begin(&github->errors);
  text_begin(&github->digests);
}

void github_free(struct github *github) {
  text_free(&github->errors);
  text_free(&github->digests);
}

static void say_command(struct log *log, const char *command, const char *data) {
  struct text line;
  text_begin(&line);
  fputs(command, line.file);
  escape_command_data(line.file, data);
  fputc('\n', line.file);
  text_done(&line);
  log_raw(log, &line);
  text_free(&line);
}

void github_open_group(struct github *github, struct log *log, const char *title) {
  github->open = github->marks;
  if (github->open)
    say_command(log, "::group::", title);
}

void github_error(struct github *github, const char *title, const char *message) {
  FILE *file = github->errors.file;
  if (!github->marks || github->annotations++ >= ANNOTATIONS)
    return;
  fputs("::error title=", file);
  escape_command_property(file, title);
  fputs("::", file);
  escape_command_data(file, message);
  fputc('\n', file);
}

void github_image(struct github *github, const struct dray_image *image) {
  bool there = image->status == DRAY_COPIED || image->status == DRAY_UNCHANGED;
  snprintf(github->digest, sizeof github->digest, "%s", there ? image->digest : "");
  if (!there)
    return;
  if (ftell(github->digests.file) > 0)
    fputs(", ", github->digests.file);
  escape_json(github->digests.file, image->target);
  fputs(": ", github->digests.file);
  escape_json(github->digests.file, image->digest);
}

void github_close_group(struct github *github, struct log *log) {
  if (github->open)
    say_command(log, "::endgroup::", "");
  github->open = false;
  text_done(&github->errors);
  log_raw(log, &github->errors);
  text_free(&github->errors);
  text_begin(&github->errors);
}

static void append(struct log *log, const char *file, const struct text *text) {
  int error = save_append(file, text->data, text->len);
  if (error)
    log_say(log, DRAY_LOG_WARN, NULL, "%s cannot be written: %s", file, strerror(error));
}

static void write_outputs(struct github *github, struct log *log,
                          const struct dray_totals *totals) {
  const char *file = getenv("GITHUB_OUTPUT");
  struct text text;
  if (!file || !*file)
    return;
  text_begin(&text);
  text_done(&github->digests);
  fprintf(text.file,
          "digest=%s\ndigests={%s}\ncopied=%" PRIu64 "\nunchanged=%" PRIu64 "\nfailed=%" PRIu64
          "\n",
          totals->images == 1 ? github->digest : "", github->digests.data, totals->copied,
          totals->unchanged, totals->failed);
  text_done(&text);
  append(log, file, &text);
  text_free(&text);
}

/* More than a megabyte, and GitHub shows nothing of it. */
static void write_summary(struct log *log, const struct table *table,
                          const struct dray_totals *totals) {
  const char *file = getenv("GITHUB_STEP_SUMMARY");
  struct text text;
  if (!file || !*file)
    return;
  uint64_t before = save_size(file);
  text_begin(&text);
  table_write(table, text.file, totals, before < TABLE_MAX ? TABLE_MAX - (size_t)before : 0);
  text_done(&text);
  append(log, file, &text);
  text_free(&text);
}

void github_hand_on(struct github *github, struct log *log, const struct table *table,
                    const struct dray_totals *totals) {
  if (!github->outputs)
    return;
  write_outputs(github, log, totals);
  write_summary(log, table, totals);
}
