#include "output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "format.h"
#include "summary.h"

enum { LINE_MS = 10 * 1000 };

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void output_init(struct output *output, const struct args *args, uint64_t images) {
  bool quiet = args->number[FLAG_QUIET];
  *output = (struct output){
      .format = (enum output_format)args->number[FLAG_OUTPUT],
      .progress = !quiet && images && args->number[FLAG_PROGRESS] != PROGRESS_NONE,
      .quiet = quiet,
      .verbose = !quiet && args->number[FLAG_VERBOSE],
      .images = images,
      .line_ms = now_ms(),
  };
  if (output->format == OUTPUT_JSON && images)
    output->report = dray_report_new(args->number[FLAG_DRY_RUN]);
}

static void flush(struct output *output) {
  if (!output->write_error && (fflush(stdout) != 0 || ferror(stdout)))
    output->write_error = errno;
}

void output_write(struct output *output, const void *data, size_t len) {
  if (!output->write_error && fwrite(data, 1, len, stdout) != len)
    output->write_error = errno;
}

void output_print(struct output *output, const char *format, ...) {
  va_list ap;
  va_start(ap, format);
  if (!output->write_error && vprintf(format, ap) < 0)
    output->write_error = errno;
  va_end(ap);
}

void output_error(const char *message) { fprintf(stderr, "dray: error: %s\n", message); }

void output_warning(const char *message) { fprintf(stderr, "dray: warning: %s\n", message); }

/* The summary on stdout is the line of an image already, since it comes as the image ends; progress
 * has one of its own only where stdout is a document, lest a terminal shows both. */
static void show_image(struct output *output, const struct dray_image *image) {
  if (image->error) {
    output_error(image->error->message);
    output->failed = true;
  }
  char head[SUMMARY_ROOM], figures[SUMMARY_ROOM];
  summary_head(head, image);
  summary_figures(figures, image);
  bool wanted = image->status != DRAY_UNCHANGED || output->verbose;
  if (output->format == OUTPUT_JSON) {
    if (output->progress && wanted && !image->error)
      fprintf(stderr, "dray: %s, %s\n", head, figures);
  } else if (!output->quiet) {
    if (output->images == 1)
      output_print(output, image->error ? "%s\n" : "%s\n%s  %s\n", head, image->digest, figures);
    else if (wanted)
      output_print(output, "%s%s%s\n", head, figures[0] ? ", " : "", figures);
    flush(output);
  }
}

static void show_log(const struct output *output, enum dray_log_level level, const char *text) {
  switch (level) {
  case DRAY_LOG_ERROR:
    output_error(text);
    break;
  case DRAY_LOG_WARN:
    if (!output->quiet)
      output_warning(text);
    break;
  case DRAY_LOG_INFO:
    if (!output->quiet)
      fprintf(stderr, "dray: %s\n", text);
    break;
  case DRAY_LOG_DEBUG:
    if (output->verbose)
      fprintf(stderr, "dray: %s\n", text);
  }
}

/* "dray: 1 of 3 images, 512.0 MiB of 1.0 GiB, 98.3 MiB/s, 5s left" */
static void show_totals(struct output *output, const struct dray_totals *totals,
                        uint64_t known_images, uint64_t moved, uint64_t known) {
  int64_t now = now_ms(), elapsed = now - output->line_ms;
  if (!output->progress || elapsed < LINE_MS)
    return;
  uint64_t delta = moved > output->line_bytes ? moved - output->line_bytes : 0;
  uint64_t rate = delta * 1000 / (uint64_t)elapsed;
  output->line_ms = now;
  output->line_bytes = moved;

  char moved_text[64], known_text[64], rate_text[64], left[64];
  fprintf(stderr, "dray: ");
  if (output->images > 1)
    fprintf(stderr, "%" PRIu64 " of %" PRIu64 " images, ", totals->images, known_images);
  fprintf(stderr, "%s of %s, %s/s", dray_format_bytes(moved_text, moved),
          dray_format_bytes(known_text, known), dray_format_bytes(rate_text, rate));
  if (rate > 0 && known > moved)
    fprintf(stderr, ", %s left", format_time_left(left, (known - moved) / rate));
  fputc('\n', stderr);
}

void output_event(void *arg, const struct dray_event *event) {
  struct output *output = arg;
  if (output->report)
    dray_report_add(output->report, event);
  switch (event->kind) {
  case DRAY_EVENT_START:
  case DRAY_EVENT_BLOB:
    break;
  case DRAY_EVENT_PLAN:
    if (output->verbose) {
      char manifests[64], blobs[64], bytes[64];
      fprintf(stderr, "dray: %s -> %s: %s, %s, %s of %s\n", event->u.plan.source,
              event->u.plan.target, event->u.plan.digest,
              format_count(manifests, event->u.plan.manifests, "manifest"),
              format_count(blobs, event->u.plan.blobs, "blob"),
              dray_format_bytes(bytes, event->u.plan.bytes));
    }
    break;
  case DRAY_EVENT_RETRY:
    if (output->verbose)
      fprintf(stderr, "dray: %s: %s: attempt %u failed: %s; the next in %.1f s\n",
              event->u.retry.host, event->u.retry.what, event->u.retry.attempt,
              event->u.retry.reason, (double)event->u.retry.wait_ms / 1000);
    break;
  case DRAY_EVENT_IMAGE:
    show_image(output, event->u.image);
    break;
  case DRAY_EVENT_LOG:
    show_log(output, event->u.log.level, event->u.log.text);
    break;
  case DRAY_EVENT_TICK:
    show_totals(output, &event->u.tick.totals, event->u.tick.known_images,
                event->u.tick.moved_bytes, event->u.tick.known_bytes);
    break;
  case DRAY_EVENT_SIGNAL:
    if (!output->quiet)
      fprintf(stderr, "dray: stopping; a second Ctrl-C leaves at once\n");
    break;
  case DRAY_EVENT_END:
    if (output->format == OUTPUT_TEXT && output->images > 1 && !output->quiet) {
      char totals[SUMMARY_ROOM];
      summary_totals(totals, &event->u.end);
      output_print(output, "%s\n", totals);
    }
  }
}

int output_end(struct output *output, int status) {
  if (output->report && status != DRAY_USAGE) {
    char *document = dray_report_json(output->report);
    output_write(output, document, strlen(document));
    free(document);
  }
  dray_report_free(output->report);
  flush(output);
  if (output->write_error && output->write_error != EPIPE) {
    fprintf(stderr, "dray: error: the result cannot be written to stdout: %s\n",
            strerror(output->write_error));
    if (status == DRAY_OK)
      status = DRAY_FAILED;
  }
  return status;
}
