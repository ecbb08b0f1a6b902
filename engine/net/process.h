/* net/process.h - run a program, feed it, collect its output (credential helpers).
 * Thread: the loop's. done runs from the ready queue, exactly once. */
#ifndef DRAY_NET_PROCESS_H
#define DRAY_NET_PROCESS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "net/loop.h"

#define PROCESS_INPUT_MAX ((size_t)256 * 1024) /* bytes */

struct process;

struct process_spec {
  const char *const *argv; /* argv[0] is looked up in PATH; NULL at the end; copied */
  const char *input;  /* its standard input, at most PROCESS_INPUT_MAX; copied, never to a disk */
  size_t output_max;  /* bytes of standard output; more ends it with ERR_TOO_LARGE */
  int64_t timeout_ms; /* then it is killed: ERR_TIMEOUT */
  /* err NULL: it ran and exited with status (128 + N: killed by signal N). output is valid during
   * the call, and wiped after it. Errors: ERR_NOT_FOUND (no such program), ERR_IO, ERR_TOO_LARGE,
   * ERR_TIMEOUT, ERR_CANCELED; messages name argv[0]. */
  void (*done)(void *arg, int status, const struct buf *output, const struct err *err);
  void *arg;
};

/* The environment and the working directory are ours. Standard error is thrown away: helpers print
 * secrets there when they debug. A child that it leaves behind with its standard output open is not
 * waited for. */
struct process *process_start(struct loop *loop, const struct process_spec *spec);
void process_cancel(struct process *process); /* killed; done follows with ERR_CANCELED */

#endif
