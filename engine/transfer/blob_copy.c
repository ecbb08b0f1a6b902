#include "transfer/blob_copy.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "transfer/blob_source.h"
#include "transfer/sched.h"
#include "transfer/upload.h"

enum blob_state {
  BLOB_ASK,    /* the upload finds out whether bytes are needed */
  BLOB_PLACES, /* waits for its turn */
  BLOB_MOVE,   /* source and upload are at work */
  BLOB_CLOSE,  /* the upload has ended; the source may have to be stopped */
  BLOB_END
};

struct blob_copy {
  struct blob_copy_spec spec;
  struct ready ready;
  enum blob_state state;
  struct sched_grant grant;
  struct blob_source *source;
  struct upload *upload;
  bool source_runs;
  enum blob_outcome outcome;
  struct err err;
  blob_copy_done_fn *done;
  void *arg;
};

static void become(struct blob_copy *copy, enum blob_state state) {
  copy->state = state;
  loop_ready(copy->spec.transfer->loop, &copy->ready);
}

/* The first error is the one that matters: what follows is our own canceling. */
static void note(struct blob_copy *copy, const struct err *err) {
  if (err && copy->err.code == ERR_NONE)
    copy->err = *err;
}

static void on_bytes_needed(void *arg) { become(arg, BLOB_PLACES); }

static void on_granted(struct sched_grant *grant) {
  become(list_entry(grant, struct blob_copy, grant), BLOB_MOVE);
}

static void on_source_needed(void *arg, uint64_t offset) {
  struct blob_copy *copy = arg;
  copy->source_runs = true;
  blob_source_start(copy->source, offset);
}

static void on_source_done(void *arg, const struct err *err) {
  struct blob_copy *copy = arg;
  copy->source_runs = false;
  if (copy->state == BLOB_CLOSE) {
    become(copy, BLOB_END);
  } else if (err) {
    note(copy, err);
    upload_cancel(copy->upload, err->code != ERR_DIGEST);
  }
}

static void on_misled(void *arg) {
  struct blob_copy *copy = arg;
  copy->source_runs = false;
  if (copy->state == BLOB_CLOSE)
    become(copy, BLOB_END);
  else
    upload_restart(copy->upload);
}

static void on_seed(void *arg, const struct oci_hasher *hasher) {
  struct blob_copy *copy = arg;
  blob_source_seed(copy->source, hasher);
}

static const struct oci_hasher *on_checkpoint(void *arg, uint64_t offset) {
  struct blob_copy *copy = arg;
  return blob_source_checkpoint(copy->source, offset);
}

static void on_upload_done(void *arg, enum blob_outcome outcome, const struct err *err) {
  struct blob_copy *copy = arg;
  copy->outcome = outcome;
  note(copy, err);
  become(copy, BLOB_CLOSE);
}

static void move(struct blob_copy *copy) {
  if (!copy->source)
    copy->source = blob_source_new(&(struct blob_source_spec){.transfer = copy->spec.transfer,
                                                              .repo = copy->spec.src,
                                                              .desc = copy->spec.desc,
                                                              .small = copy->grant.small,
                                                              .done = on_source_done,
                                                              .misled = on_misled,
                                                              .arg = copy});
  copy->spec.transfer->active++;
  upload_go(copy->upload, blob_source_pipe(copy->source));
}

static void finish(struct blob_copy *copy) {
  struct transfer *transfer = copy->spec.transfer;
  if (copy->source)
    transfer->active--;
  sched_release(transfer->sched, &copy->grant);
  struct blob_copy_result result = {.outcome = copy->outcome,
                                    .sent = upload_sent(copy->upload),
                                    .err = copy->err.code == ERR_NONE ? NULL : &copy->err};
  if (!result.err && transfer->on_blob && !transfer->dry_run)
    transfer->on_blob(
        transfer->on_blob_arg,
        &(struct blob_note){.from = copy->outcome == BLOB_COPIED ? copy->spec.src->host : NULL,
                            .to = copy->spec.dst->host,
                            .digest = &copy->spec.desc->digest,
                            .size = copy->spec.desc->size,
                            .offset = upload_resumed_at(copy->upload),
                            .outcome = copy->outcome});
  copy->done(copy->arg, copy, &result);
}

static void step(struct ready *ready) {
  struct blob_copy *copy = list_entry(ready, struct blob_copy, ready);
  switch (copy->state) {
  case BLOB_ASK:
    return;
  case BLOB_PLACES:
    sched_ask(copy->spec.transfer->sched, &copy->grant);
    return;
  case BLOB_MOVE:
    move(copy);
    return;
  case BLOB_CLOSE:
    if (!copy->source_runs)
      become(copy, BLOB_END);
    else
      blob_source_cancel(copy->source);
    return;
  case BLOB_END:
    finish(copy);
    return;
  }
}

struct blob_copy *blob_copy_start(const struct blob_copy_spec *spec, blob_copy_done_fn *done,
                                  void *arg) {
  struct blob_copy *copy = mem_zalloc(sizeof *copy);
  struct transfer *transfer = spec->transfer;
  bool small = spec->desc->size <= TRANSFER_SMALL;
  copy->spec = *spec;
  copy->done = done;
  copy->arg = arg;
  ready_init(&copy->ready, step);
  sched_grant_init(&copy->grant, spec->desc->size, small, on_granted);
  if (!small) {
    sched_grant_add(transfer->sched, &copy->grant, transfer_endpoint(transfer, spec->src)->gate,
                    GATE_BLOB_READ);
    sched_grant_add(transfer->sched, &copy->grant, transfer_endpoint(transfer, spec->dst)->gate,
                    GATE_BLOB_WRITE);
  }
  copy->upload = upload_start(&(struct upload_spec){.transfer = transfer,
                                                    .repo = spec->dst,
                                                    .desc = spec->desc,
                                                    .mount_from = spec->mount_from,
                                                    .check = spec->check,
                                                    .small = small,
                                                    .ready = on_bytes_needed,
                                                    .need = on_source_needed,
                                                    .seed = on_seed,
                                                    .checkpoint = on_checkpoint,
                                                    .done = on_upload_done,
                                                    .arg = copy});
  return copy;
}

void blob_copy_cancel(struct blob_copy *copy) {
  if (!copy->source) { /* its turn must not come any more */
    sched_release(copy->spec.transfer->sched, &copy->grant);
    if (copy->state == BLOB_PLACES || copy->state == BLOB_MOVE)
      copy->state = BLOB_ASK;
  }
  upload_cancel(copy->upload, true);
}

void blob_copy_free(struct blob_copy *copy) {
  if (!copy)
    return;
  assert(copy->state == BLOB_END);
  blob_source_free(copy->source);
  upload_free(copy->upload);
  free(copy);
}
