#include "transfer/blob_read.h"

#include <stdlib.h>

#include "base/mem.h"
#include "transfer/blob_source.h"
#include "transfer/sched.h"

enum { PIECE = 64 * 1024 };

enum read_state {
  READ_PLACES, /* waits for its turn */
  READ_BEGIN,
  READ_MOVE, /* the source is at work */
  READ_END
};

struct blob_read {
  struct blob_read_spec spec;
  struct ready ready;
  struct ready drain;
  enum read_state state;
  struct sched_grant grant;
  struct blob_source *source;
  struct pipe_reader reader;
  struct err err;
};

static void become(struct blob_read *job, enum read_state state) {
  job->state = state;
  loop_ready(job->spec.transfer->loop, &job->ready);
}

static void on_granted(struct sched_grant *grant) {
  become(list_entry(grant, struct blob_read, grant), READ_BEGIN);
}

static void on_bytes(void *arg) {
  struct blob_read *job = arg;
  loop_ready(job->spec.transfer->loop, &job->drain);
}

static void drain(struct ready *ready) {
  struct blob_read *job = list_entry(ready, struct blob_read, drain);
  char piece[PIECE];
  for (size_t got; (got = pipe_read(&job->reader, piece, sizeof piece)) > 0;)
    job->spec.transfer->moved_bytes += got;
}

static void on_done(void *arg, const struct err *err) {
  struct blob_read *job = arg;
  if (err)
    job->err = *err;
  become(job, READ_END);
}

static void begin(struct blob_read *job) {
  const struct blob_read_spec *spec = &job->spec;
  job->source = blob_source_new(&(struct blob_source_spec){.transfer = spec->transfer,
                                                           .repo = spec->repo,
                                                           .desc = spec->desc,
                                                           .small = job->grant.small,
                                                           .done = on_done,
                                                           .arg = job});
  spec->transfer->active++;
  job->state = READ_MOVE;
  pipe_attach(blob_source_pipe(job->source), &job->reader, on_bytes, job);
  blob_source_start(job->source, 0);
  pipe_wait(&job->reader);
}

static void end(struct blob_read *job) {
  struct transfer *transfer = job->spec.transfer;
  ready_cancel(&job->drain);
  sched_release(transfer->sched, &job->grant);
  if (job->source) {
    transfer->active--;
    pipe_detach(&job->reader);
  }
  blob_source_free(job->source);
  job->spec.done(job->spec.arg, job->err.code == ERR_NONE ? NULL : &job->err);
  free(job);
}

static void step(struct ready *ready) {
  struct blob_read *job = list_entry(ready, struct blob_read, ready);
  switch (job->state) {
  case READ_PLACES:
    sched_ask(job->spec.transfer->sched, &job->grant);
    return;
  case READ_BEGIN:
    begin(job);
    return;
  case READ_MOVE:
    return;
  case READ_END:
    end(job);
    return;
  }
}

struct blob_read *blob_read_start(const struct blob_read_spec *spec) {
  struct blob_read *job = mem_zalloc(sizeof *job);
  bool small = spec->desc->size <= TRANSFER_SMALL;
  job->spec = *spec;
  ready_init(&job->ready, step);
  ready_init(&job->drain, drain);
  sched_grant_init(&job->grant, spec->desc->size, small, on_granted);
  if (!small)
    sched_grant_add(spec->transfer->sched, &job->grant,
                    transfer_endpoint(spec->transfer, spec->repo)->gate, GATE_BLOB_READ);
  become(job, READ_PLACES);
  return job;
}

void blob_read_cancel(struct blob_read *job) {
  if (job->state == READ_END || (job->source && blob_source_cancel(job->source)))
    return;
  sched_release(job->spec.transfer->sched, &job->grant);
  err_set(&job->err, ERR_CANCELED, "%s: canceled", job->spec.repo->host);
  become(job, READ_END);
}
