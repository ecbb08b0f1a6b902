/* cmd/output.h - what people and programs see of a run: results on stdout, all else on stderr, and
 * the files that a CI system or --report asks for. */
#ifndef DRAY_CMD_OUTPUT_H
#define DRAY_CMD_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "args.h"
#include "engine/dray.h"
#include "github.h"
#include "log.h"
#include "progress.h"
#include "reports.h"

struct output {
  const char *command; /* its name */
  enum output_format format;
  bool quiet, verbose, dry_run;
  uint64_t images; /* how many there will be; UINT64_MAX: not known */
  struct log log;
  struct progress progress;
  bool on_github, on_gitlab;
  bool section; /* what happens goes into a section of a CI system's log, on stderr */
  bool in_section;
  struct github github;
  struct reports reports;
  struct dray_report *report; /* the result document; NULL: not wanted */
  struct dray_totals totals;
  bool ended;      /* totals are there */
  int write_error; /* errno of the first failed write to stdout, or 0 */
  bool failed;     /* an image's error has been told */
};

/* images: 0 for commands whose result is no image. args must outlive the output. */
void output_init(struct output *output, const struct args *args, uint64_t images);

/* Whether what is to be written at the end can be, as far as can be told: 0, or DRAY_USAGE after
 * having said why not. */
int output_check(struct output *output);

/* A dray_event_fn; arg is the struct output. */
void output_event(void *arg, const struct dray_event *event);

/* To stdout. Once a write has failed nothing more is written. */
void output_write(struct output *output, const void *data, size_t len); /* byte for byte */
void output_json(struct output *output, const char *text);
void output_print(struct output *output, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* "dray: error: …" on stderr, or what stands for it there. about: what it is about, in a word or
 * two; host may be NULL. */
void output_error(struct output *output, const char *about, const char *host, const char *message);
void output_warning(struct output *output, const char *message);

/* Ends the output: writes the result document and the files, says what could not be written, frees.
 * Returns the exit status: a result that is lost makes DRAY_FAILED of DRAY_OK, but a reader of
 * stdout that has gone away is no failure. */
int output_end(struct output *output, int status);

#endif
