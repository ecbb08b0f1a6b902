/* cmd/output.h - what people and programs see of a run: results on stdout, all else on stderr. */
#ifndef DRAY_CMD_OUTPUT_H
#define DRAY_CMD_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "args.h"
#include "engine/dray.h"

struct output {
  enum output_format format;
  bool progress, quiet, verbose;
  uint64_t images;            /* how many there will be; UINT64_MAX: not known */
  struct dray_report *report; /* the result document; NULL: not wanted, or the command's own */
  int write_error;            /* errno of the first failed write to stdout, or 0 */
  bool failed;                /* an image's error has been told */
  int64_t line_ms;            /* when the last progress line was due, on the monotonic clock */
  uint64_t line_bytes;        /* what had been moved then */
};

/* images: 0 for commands whose result is no image. */
void output_init(struct output *output, const struct args *args, uint64_t images);

/* A dray_event_fn; arg is the struct output. */
void output_event(void *arg, const struct dray_event *event);

/* To stdout. Once a write has failed nothing more is written. */
void output_write(struct output *output, const void *data, size_t len);
void output_print(struct output *output, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* "dray: error: …" on stderr. */
void output_error(const char *message);
void output_warning(const char *message);

/* Ends the output: writes the result document, says why stdout could not be written, frees.
 * Returns the exit status: a result that is lost makes DRAY_FAILED of DRAY_OK, but a reader of
 * stdout that has gone away is no failure. */
int output_end(struct output *output, int status);

#endif
