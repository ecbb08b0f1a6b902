/* engine/engine.h - the engine behind dray.h: what its calls share. Private to engine/., c.f.
 * dray.h. Thread: whoever is in a dray_… call. */
#ifndef DRAY_ENGINE_H
#define DRAY_ENGINE_H

#include "dray.h"
#include "net/endpoint.h"
#include "sync/batch.h"
#include "transfer/transfer.h"

struct dray {
  struct dray_options options; /* strings and lists are our own */
  struct log log;
  struct loop *loop;
  struct creds_store *creds;
  struct trust_set *trust;
  struct http *http;
  struct endpoints *endpoints;
  struct known *known;
  struct transfer transfer;
  struct oci_platforms platforms;
  struct batch_terms terms; /* from the options */
  struct dray_totals totals;
  uint64_t known_images;                    /* that were found so far, targets counted */
  uint64_t requests_before, retries_before; /* of earlier calls */
  uint64_t started_ms;                      /* of the call that runs */
  int signal;                               /* that ends it; 0: none */
  struct ready stopper;                     /* engine_stop() */
  const char *stop_reason;                  /* why */
  void (*cancel)(void *arg);                /* ends what runs */
  void *cancel_arg;
  struct err err; /* of the last call */
  struct dray_error last;
};

void engine_emit(struct dray *dray, const struct dray_event *event);
void engine_totals(struct dray *dray); /* brings totals up to date */

/* Around every call: forgets the last one; gives the status, which is a signal's where one came. */
void engine_begin(struct dray *dray);
enum dray_status engine_end(struct dray *dray, enum dray_status status);

/* Runs the loop until loop_stop(), ticking, with signals where they are wanted; cancel is what a
 * signal calls. */
void engine_run(struct dray *dray, void (*cancel)(void *arg), void *arg);

/* Ends what runs, as a signal does, from the ready queue; reason is for messages, and static. Once
 * something else has ended it: nothing. */
void engine_stop(struct dray *dray, const char *reason);

/* The view of err that dray.h gives; it points into err. */
struct dray_error engine_error(const struct err *err);

/* The caller's; NULL: err says which pattern is none. wanted NULL is all. */
struct selection *engine_selection(const struct dray_selection *wanted, struct err *err);

#endif
