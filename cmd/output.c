#include "output.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "escape.h"
#include "format.h"
#include "gitlab.h"
#include "summary.h"

/* Bars are for a screen that shows nothing else meanwhile, and for somebody who looks at it. */
static enum progress_kind wanted_progress(const struct output *output, const struct args *args) {
  enum progress_kind kind = (enum progress_kind)args->number[FLAG_PROGRESS];
  bool ci = output->on_github || output->on_gitlab;
  bool text = args->number[FLAG_OUTPUT] == OUTPUT_TEXT && args->number[FLAG_RESULT] == OUTPUT_TEXT;
  if (output->quiet || !flags_known(args->command, FLAG_PROGRESS))
    return PROGRESS_NONE;
  if ((kind == PROGRESS_BAR && !text) || (kind == PROGRESS_AUTO && (!text || ci)))
    return PROGRESS_PLAIN;
  return kind;
}

void output_init(struct output *output, const struct args *args, uint64_t images) {
  bool json_log = args->number[FLAG_LOG_FORMAT] == LOG_JSON;
  bool github = github_is_here(), gitlab = gitlab_is_here(), quiet = args->number[FLAG_QUIET];
  *output = (struct output){
      .command = args->command->name,
      .format = (enum output_format)args->number[FLAG_OUTPUT],
      .quiet = quiet,
      .verbose = !quiet && args->number[FLAG_VERBOSE],
      .dry_run = args->number[FLAG_DRY_RUN],
      .images = images,
      .on_github = github,
      .on_gitlab = gitlab,
      .section = images && !quiet && !json_log && (github || gitlab),
  };
  log_init(&output->log, json_log, github);
  progress_init(&output->progress, wanted_progress(output, args), &output->log, images > 1);
  github_init(&output->github, github && !json_log, images > 0);
  reports_init(&output->reports, args_words(args, FLAG_REPORT), github && images);
  if (output->format == OUTPUT_JSON || output->reports.wanted[REPORT_DOCUMENT])
    output->report = dray_report_new(output->dry_run);
}

int output_check(struct output *output) { return reports_check(&output->reports, &output->log); }

/* -- stdout -- */

static void flush(struct output *output) {
  if (!output->write_error && (fflush(stdout) != 0 || ferror(stdout)))
    output->write_error = errno;
}

void output_write(struct output *output, const void *data, size_t len) {
  if (!output->write_error && fwrite(data, 1, len, stdout) != len)
    output->write_error = errno;
}

/* What is on its way to stdout, made harmless for the runner that reads along. */
static void write_escaped(struct output *output, const char *text, size_t len, bool json) {
  log_erase_bars(&output->log);
  if (!output->on_github) {
    output_write(output, text, len);
    return;
  }
  if (output->write_error)
    return;
  if (json)
    escape_commands(stdout, text, len, "\\u0023");
  else
    escape_command_lines(stdout, text, len);
  if (ferror(stdout))
    output->write_error = errno;
}

void output_json(struct output *output, const char *text) {
  assert(text);
  write_escaped(output, text, strlen(text), true);
}

void output_print(struct output *output, const char *format, ...) {
  struct text text;
  va_list ap;
  text_begin(&text);
  va_start(ap, format);
  vfprintf(text.file, format, ap);
  va_end(ap);
  text_done(&text);
  write_escaped(output, text.data, text.len, false);
  text_free(&text);
}

/* -- stderr -- */

void output_error(struct output *output, const char *about, const char *host, const char *message) {
  log_say(&output->log, DRAY_LOG_ERROR, host, "%s", message);
  github_error(&output->github, about, message);
}

void output_warning(struct output *output, const char *message) {
  if (!output->quiet)
    log_say(&output->log, DRAY_LOG_WARN, NULL, "%s", message);
}

static void open_section(struct output *output) {
  char title[64];
  if (!output->section)
    return;
  snprintf(title, sizeof title, "dray %s", output->command);
  output->in_section = true;
  if (output->on_github)
    github_open_group(&output->github, &output->log, title);
  else
    gitlab_open_section(&output->log, title);
}

/* What stands below is in sight without a click: the errors, and what came of it all. */
static void close_section(struct output *output) {
  github_close_group(&output->github, &output->log);
  if (output->in_section && output->on_gitlab)
    gitlab_close_section(&output->log);
  output->in_section = false;
}

static void show_log(struct output *output, enum dray_log_level level, const char *text) {
  switch (level) {
  case DRAY_LOG_ERROR:
    output_error(output, output->command, NULL, text);
    return;
  case DRAY_LOG_WARN:
    output_warning(output, text);
    return;
  case DRAY_LOG_INFO:
    if (!output->quiet)
      log_say(&output->log, level, NULL, "%s", text);
    return;
  case DRAY_LOG_DEBUG:
    if (output->verbose)
      log_say(&output->log, level, NULL, "%s", text);
    return;
  }
}

static void show_plan(struct output *output, const struct dray_event *event) {
  char manifests[64], blobs[64], bytes[64];
  if (output->verbose)
    log_say(&output->log, DRAY_LOG_DEBUG, NULL, "%s -> %s: %s, %s, %s of %s", event->u.plan.source,
            event->u.plan.target, event->u.plan.digest,
            format_count(manifests, event->u.plan.manifests, "manifest"),
            format_count(blobs, event->u.plan.blobs, "blob"),
            dray_format_bytes(bytes, event->u.plan.bytes));
}

static void show_retry(struct output *output, const struct dray_event *event) {
  if (output->verbose)
    log_say(&output->log, DRAY_LOG_DEBUG, event->u.retry.host,
            "%s: %s: attempt %u failed: %s; the next in %.1f s", event->u.retry.host,
            event->u.retry.what, event->u.retry.attempt, event->u.retry.reason,
            (double)event->u.retry.wait_ms / 1000);
}

/* -- images -- */

static void show_error(struct output *output, const struct dray_image *image) {
  char about[SUMMARY_ROOM];
  snprintf(about, sizeof about, "%s: %s", image->error->code, image->target);
  output_error(output, about, image->error->host, image->error->message);
  output->failed = true;
}

/* The summary of one image, which nothing follows but the end. */
static void show_only_image(struct output *output, const struct dray_image *image) {
  char head[SUMMARY_ROOM], figures[SUMMARY_ROOM];
  summary_head(head, image);
  summary_figures(figures, image);
  close_section(output);
  output_print(output, image->error ? "%s\n" : "%s\n%s  %s\n", head, image->digest, figures);
  flush(output);
}

/* Its line stands on stdout or on stderr, lest a terminal shows it twice: on stderr where stdout is a
 * document, and where a CI system folds it away with the rest of the log. */
static void show_image(struct output *output, const struct dray_image *image) {
  char line[SUMMARY_ROOM];
  bool text = output->format == OUTPUT_TEXT && !output->quiet;
  bool wanted = image->status != DRAY_UNCHANGED || output->verbose;
  bool logged =
      output->format != OUTPUT_TEXT || output->log.json || (output->section && output->images != 1);
  if (image->error)
    show_error(output, image);
  summary_line(line, image);
  if (logged && wanted && !image->error && output->progress.kind != PROGRESS_NONE)
    log_say(&output->log, DRAY_LOG_INFO, NULL, "%s", line);
  if (text && output->images == 1) {
    show_only_image(output, image);
  } else if (text && wanted && !output->section) {
    output_print(output, "%s\n", line);
    flush(output);
  }
}

static void show_totals(struct output *output) {
  char line[SUMMARY_ROOM];
  log_erase_bars(&output->log);
  close_section(output);
  if (output->images == 1)
    return;
  summary_totals(line, &output->totals);
  if (output->format == OUTPUT_TEXT && !output->quiet) {
    output_print(output, "%s\n", line);
    flush(output);
  } else if (output->progress.kind != PROGRESS_NONE) {
    log_say(&output->log, DRAY_LOG_INFO, NULL, "%s", line);
  }
}

/* -- a run -- */

static void gather(struct output *output, const struct dray_event *event) {
  if (output->report)
    dray_report_add(output->report, event);
  reports_event(&output->reports, event);
  if (event->kind == DRAY_EVENT_IMAGE)
    github_image(&output->github, event->u.image);
  if (output->format == OUTPUT_NDJSON) {
    char *line = dray_event_json(event, output->dry_run);
    if (line) {
      output_json(output, line);
      flush(output);
    }
    free(line);
  }
}

void output_event(void *arg, const struct dray_event *event) {
  struct output *output = arg;
  gather(output, event);
  switch (event->kind) {
  case DRAY_EVENT_START:
    open_section(output);
    return;
  case DRAY_EVENT_BLOB:
    return;
  case DRAY_EVENT_PLAN:
    show_plan(output, event);
    return;
  case DRAY_EVENT_RETRY:
    show_retry(output, event);
    return;
  case DRAY_EVENT_IMAGE:
    show_image(output, event->u.image);
    return;
  case DRAY_EVENT_LOG:
    show_log(output, event->u.log.level, event->u.log.text);
    return;
  case DRAY_EVENT_TICK:
    progress_tick(&output->progress, &output->log, event);
    return;
  case DRAY_EVENT_SIGNAL:
    if (!output->quiet)
      log_say(&output->log, DRAY_LOG_INFO, NULL, "stopping; a second Ctrl-C leaves at once");
    return;
  case DRAY_EVENT_END:
    output->totals = event->u.end;
    output->ended = true;
    show_totals(output);
  }
}

/* The document to stdout, all else to its file. Returns DRAY_FAILED where something is lost. */
static int hand_on(struct output *output) {
  char *document = output->report ? dray_report_json(output->report) : NULL;
  if (output->format == OUTPUT_JSON) {
    output_json(output, document);
    flush(output);
  }
  int status = reports_write(&output->reports, &output->totals, document, &output->log);
  free(document);
  if (output->on_github)
    github_hand_on(&output->github, &output->log, &output->reports.table, &output->totals);
  return status;
}

int output_end(struct output *output, int status) {
  log_erase_bars(&output->log);
  int lost = output->ended && status != DRAY_USAGE ? hand_on(output) : DRAY_OK;
  flush(output);
  if (output->write_error && output->write_error != EPIPE) {
    log_say(&output->log, DRAY_LOG_ERROR, NULL, "the result cannot be written to stdout: %s",
            strerror(output->write_error));
    lost = DRAY_FAILED;
  }
  close_section(output);
  if (output->totals.failed && output->images != 1)
    log_say(&output->log, DRAY_LOG_ERROR, NULL, "%" PRIu64 " of %" PRIu64 " images failed",
            output->totals.failed, output->totals.images);
  dray_report_free(output->report);
  reports_free(&output->reports);
  github_free(&output->github);
  return status == DRAY_OK ? lost : status;
}
