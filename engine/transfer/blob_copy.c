#include "transfer/blob_copy.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "transfer/blob_source.h"
#include "transfer/sched.h"
#include "transfer/upload.h"

enum { WATCH_MS = BLOB_HOLD_MS / 10 };

enum stream_state {
  STREAM_ASK,    /* the uploads find out whether bytes are needed */
  STREAM_PLACES, /* waits for its turn */
  STREAM_MOVE,   /* source and uploads are at work */
  STREAM_CLOSE,  /* the uploads have ended; the source may have to be stopped */
  STREAM_END
};

/* One read of the source, and those who share it. */
struct stream {
  struct list node; /* copy->streams */
  struct ready ready;
  struct blob_copy *copy;
  enum stream_state state;
  struct sched_grant grant;
  struct blob_source *source;
  bool started; /* it has been told where to begin */
  bool runs;
  unsigned legs; /* that have not ended */
  struct timer watch;
  uint64_t moved_ms; /* when nobody was held up, the last time */
  uint64_t head;     /* of the pipe, then */
  struct err err;    /* the source's */
};

/* One target's part. */
struct leg {
  struct blob_copy *copy;
  struct stream *stream;
  struct blob_target target;
  struct upload *upload;
  bool ready; /* it needs bytes … */
  bool going; /* … has the pipe to read them from … */
  bool needs; /* … and has said from which offset on */
  bool canceled, ended;
  uint64_t offset;
  uint64_t began_ms;       /* when it was asked for, then when its bytes began to move */
  struct oci_hasher *seed; /* what an earlier run knew; NULL: nothing */
};

struct blob_copy {
  struct blob_copy_spec spec;
  struct list streams;
  struct leg legs[];
};

static struct loop *loop_of(const struct blob_copy *copy) { return copy->spec.transfer->loop; }

static void become(struct stream *stream, enum stream_state state) {
  stream->state = state;
  loop_ready(loop_of(stream->copy), &stream->ready);
}

/* The next leg of a stream that takes part in it; from is NULL at first. */
static struct leg *next_leg(const struct stream *stream, struct leg *from) {
  struct blob_copy *copy = stream->copy;
  struct leg *end = copy->legs + copy->spec.target_count;
  for (struct leg *leg = from ? from + 1 : copy->legs; leg < end; leg++)
    if (leg->stream == stream && !leg->ended && !leg->canceled)
      return leg;
  return NULL;
}

#define each_leg(leg, stream)                                                                      \
  for (struct leg *leg = next_leg(stream, NULL); leg; leg = next_leg(stream, leg))

static struct gate *gate_of(const struct blob_copy *copy, const struct oci_repo *repo) {
  return transfer_endpoint(copy->spec.transfer, repo)->gate;
}

/* -- the source -- */

static void on_source_done(void *arg, const struct err *err) {
  struct stream *stream = arg;
  stream->runs = false;
  if (stream->state == STREAM_CLOSE) {
    become(stream, STREAM_END);
  } else if (err) {
    stream->err = *err;
    each_leg(leg, stream) upload_cancel(leg->upload, err->code != ERR_DIGEST);
  }
}

static void on_misled(void *arg) {
  struct stream *stream = arg;
  stream->runs = stream->started = false;
  if (stream->state == STREAM_CLOSE) {
    become(stream, STREAM_END);
    return;
  }
  each_leg(leg, stream) {
    leg->needs = false;
    upload_restart(leg->upload);
  }
}

static void make_source(struct stream *stream) {
  const struct blob_copy_spec *spec = &stream->copy->spec;
  stream->source = blob_source_new(&(struct blob_source_spec){.transfer = spec->transfer,
                                                              .repo = spec->src,
                                                              .desc = spec->desc,
                                                              .small = stream->grant.small,
                                                              .done = on_source_done,
                                                              .misled = on_misled,
                                                              .arg = stream});
}

/* What an earlier run knew is of use up to where the first of them begins. */
static void seed(struct stream *stream, uint64_t lowest) {
  struct leg *best = NULL;
  each_leg(leg, stream) if (leg->seed && leg->seed->bytes <= lowest &&
                            (!best || leg->seed->bytes > best->seed->bytes)) best = leg;
  if (best)
    blob_source_seed(stream->source, best->seed);
  each_leg(leg, stream) {
    free(leg->seed);
    leg->seed = NULL;
  }
}

/* From the lowest offset that is wanted on; the others wait until it comes to theirs. */
static void start(struct stream *stream) {
  uint64_t lowest = UINT64_MAX;
  each_leg(leg, stream) if (leg->offset < lowest) lowest = leg->offset;
  if (!stream->started)
    seed(stream, lowest);
  stream->started = stream->runs = true;
  blob_source_start(stream->source, lowest);
  each_leg(leg, stream) {
    if (leg->offset > lowest)
      upload_await(leg->upload, leg->offset);
  }
}

/* When all have said what they need. */
static void start_if_known(struct stream *stream) {
  if (stream->state != STREAM_MOVE || stream->started || !next_leg(stream, NULL))
    return;
  each_leg(leg, stream) if (!leg->needs) return;
  start(stream);
}

/* -- streams -- */

static void step(struct ready *ready);
static void on_watch(struct timer *timer);

static void on_granted(struct sched_grant *grant) {
  struct stream *stream = list_entry(grant, struct stream, grant);
  stream->copy->spec.transfer->active++;
  become(stream, STREAM_MOVE);
}

static struct stream *stream_new(struct blob_copy *copy) {
  struct stream *stream = mem_zalloc(sizeof *stream);
  const struct blob_copy_spec *spec = &copy->spec;
  uint64_t size = spec->desc->size;
  stream->copy = copy;
  list_push(&copy->streams, &stream->node);
  ready_init(&stream->ready, step);
  timer_init(&stream->watch, on_watch);
  sched_grant_init(&stream->grant, size, size <= TRANSFER_SMALL, on_granted);
  stream->grant.hurry = spec->hurry;
  if (!stream->grant.small)
    sched_grant_add(spec->transfer->sched, &stream->grant, gate_of(copy, spec->src),
                    GATE_BLOB_READ);
  return stream;
}

static void join(struct leg *leg, struct stream *stream) {
  struct blob_copy *copy = leg->copy;
  leg->stream = stream;
  stream->legs++;
  if (!stream->grant.small)
    sched_grant_add(copy->spec.transfer->sched, &stream->grant, gate_of(copy, leg->target.repo),
                    GATE_BLOB_WRITE);
}

static void leave(struct leg *leg) {
  struct stream *stream = leg->stream;
  stream->legs--;
  sched_grant_drop(leg->copy->spec.transfer->sched, &stream->grant,
                   gate_of(leg->copy, leg->target.repo), GATE_BLOB_WRITE);
}

/* Those who share a stream need their places together. */
static void ask_places_if_known(struct stream *stream) {
  if (stream->state != STREAM_ASK || !next_leg(stream, NULL))
    return;
  each_leg(leg, stream) if (!leg->ready) return;
  become(stream, STREAM_PLACES);
}

/* From here on a leg is on its own: at offset, where it reads already. */
static void part(struct leg *leg, uint64_t offset) {
  struct stream *shared = leg->stream, *own = stream_new(leg->copy);
  log_at(leg->copy->spec.transfer->log, LOG_INFO, "%s: blob %s goes on by itself from byte %llu",
         leg->target.repo->host, leg->copy->spec.desc->digest.text, (unsigned long long)offset);
  leave(leg);
  join(leg, own);
  leg->offset = offset;
  if (!leg->going) {
    ask_places_if_known(own);
    return;
  }
  const struct oci_hasher *known = blob_source_checkpoint(shared->source, offset);
  make_source(own);
  if (known)
    blob_source_seed(own->source, known);
  pipe_restart(blob_source_pipe(own->source), offset);
  upload_move(leg->upload, blob_source_pipe(own->source));
  become(own, STREAM_PLACES);
}

static bool is_held_up(struct stream *stream) {
  bool said = false, silent = false;
  if (stream->state == STREAM_MOVE && stream->started) {
    const struct pipe *pipe = blob_source_pipe(stream->source);
    uint64_t before = stream->head;
    stream->head = pipe_written(pipe);
    return stream->head == before && pipe_is_held_up(pipe);
  }
  each_leg(leg, stream) {
    bool has = stream->state == STREAM_MOVE ? leg->needs : leg->ready;
    said = said || has;
    silent = silent || !has;
  }
  return said && silent;
}

/* The slowest leaves, or those who have not said yet what they need. */
static void go_on_without(struct stream *stream) {
  struct leg *slowest = NULL;
  if (stream->state == STREAM_MOVE && stream->started) {
    each_leg(leg, stream) if (!slowest || upload_offset(leg->upload) <
                                              upload_offset(slowest->upload)) slowest = leg;
    assert(slowest);
    part(slowest, upload_offset(slowest->upload));
    return;
  }
  each_leg(leg, stream) if (stream->state == STREAM_MOVE ? !leg->needs : !leg->ready) part(leg, 0);
  ask_places_if_known(stream);
  start_if_known(stream);
}

static void on_watch(struct timer *timer) {
  struct stream *stream = list_entry(timer, struct stream, watch);
  uint64_t now = loop_now(loop_of(stream->copy));
  if (stream->legs < 2)
    return;
  if (!is_held_up(stream)) {
    stream->moved_ms = now;
  } else if (now - stream->moved_ms >= BLOB_HOLD_MS) {
    go_on_without(stream);
    stream->moved_ms = now;
  }
  timer_start(loop_of(stream->copy), &stream->watch, WATCH_MS);
}

static void move(struct stream *stream) {
  if (!stream->source)
    make_source(stream);
  each_leg(leg, stream) {
    if (leg->going)
      continue;
    leg->going = true;
    leg->began_ms = loop_now(loop_of(stream->copy));
    upload_go(leg->upload, blob_source_pipe(stream->source));
  }
  start_if_known(stream);
}

static void stream_end(struct stream *stream) {
  struct blob_copy *copy = stream->copy;
  list_remove(&stream->node);
  blob_source_free(stream->source);
  free(stream);
  if (list_empty(&copy->streams))
    copy->spec.done(copy->spec.arg);
}

static void close(struct stream *stream) {
  struct transfer *transfer = stream->copy->spec.transfer;
  timer_stop(&stream->watch);
  transfer->active -= stream->state == STREAM_MOVE;
  sched_release(transfer->sched, &stream->grant);
  become(stream, STREAM_CLOSE);
}

static void step(struct ready *ready) {
  struct stream *stream = list_entry(ready, struct stream, ready);
  switch (stream->state) {
  case STREAM_ASK:
    return;
  case STREAM_PLACES:
    sched_ask(stream->copy->spec.transfer->sched, &stream->grant);
    return;
  case STREAM_MOVE:
    move(stream);
    return;
  case STREAM_CLOSE:
    if (!stream->runs)
      become(stream, STREAM_END);
    else
      blob_source_cancel(stream->source);
    return;
  case STREAM_END:
    stream_end(stream);
    return;
  }
}

/* -- uploads -- */

static void on_bytes_needed(void *arg) {
  struct leg *leg = arg;
  leg->ready = true;
  ask_places_if_known(leg->stream);
}

static void on_source_needed(void *arg, uint64_t offset) {
  struct leg *leg = arg;
  struct stream *stream = leg->stream;
  leg->needs = true;
  leg->offset = offset;
  if (!stream->started)
    start_if_known(stream);
  else if (pipe_holds(blob_source_pipe(stream->source), offset))
    return;
  else if (stream->legs > 1)
    part(leg, offset);
  else
    start(stream);
}

static void on_seed(void *arg, const struct oci_hasher *hasher) {
  struct leg *leg = arg;
  leg->seed = mem_alloc(sizeof *leg->seed);
  *leg->seed = *hasher;
}

static const struct oci_hasher *on_checkpoint(void *arg, uint64_t offset) {
  struct leg *leg = arg;
  return blob_source_checkpoint(leg->stream->source, offset);
}

static void tell(const struct leg *leg, enum blob_outcome outcome) {
  const struct blob_copy_spec *spec = &leg->copy->spec;
  struct transfer *transfer = spec->transfer;
  if (transfer->on_blob && !transfer->dry_run)
    transfer->on_blob(transfer->on_blob_arg,
                      &(struct blob_note){.from = outcome == BLOB_COPIED ? spec->src->host : NULL,
                                          .to = leg->target.repo->host,
                                          .digest = &spec->desc->digest,
                                          .size = spec->desc->size,
                                          .offset = upload_resumed_at(leg->upload),
                                          .began_ms = leg->began_ms,
                                          .ms = loop_now(transfer->loop) - leg->began_ms,
                                          .outcome = outcome});
}

static void on_upload_done(void *arg, enum blob_outcome outcome, const struct err *err) {
  struct leg *leg = arg;
  struct stream *stream = leg->stream;
  const struct blob_copy_spec *spec = &leg->copy->spec;
  /* Where the source failed, the rest is our own canceling. */
  if (err && stream->err.code != ERR_NONE)
    err = &stream->err;
  leg->ended = true;
  leave(leg);
  if (!err)
    tell(leg, outcome);
  spec->target_done(spec->arg, (size_t)(leg - leg->copy->legs),
                    &(struct blob_copy_result){.outcome = outcome,
                                               .sent = upload_sent(leg->upload),
                                               .resumed = upload_resumed_at(leg->upload) > 0,
                                               .err = err});
  if (!stream->legs)
    close(stream);
  ask_places_if_known(stream);
  start_if_known(stream);
}

/* -- the copy -- */

struct blob_copy *blob_copy_start(const struct blob_copy_spec *spec) {
  struct blob_copy *copy = mem_zalloc(sizeof *copy + spec->target_count * sizeof *copy->legs);
  copy->spec = *spec;
  list_init(&copy->streams);
  struct stream *stream = stream_new(copy);
  for (size_t i = 0; i < spec->target_count; i++) {
    struct leg *leg = &copy->legs[i];
    leg->copy = copy;
    leg->began_ms = loop_now(loop_of(copy));
    leg->target = spec->targets[i];
    join(leg, stream);
    leg->upload = upload_start(&(struct upload_spec){.transfer = spec->transfer,
                                                     .repo = leg->target.repo,
                                                     .desc = spec->desc,
                                                     .mount_from = leg->target.mount_from,
                                                     .check = leg->target.check,
                                                     .small = stream->grant.small,
                                                     .ready = on_bytes_needed,
                                                     .need = on_source_needed,
                                                     .seed = on_seed,
                                                     .checkpoint = on_checkpoint,
                                                     .done = on_upload_done,
                                                     .arg = leg});
  }
  if (spec->target_count > 1) {
    stream->moved_ms = loop_now(loop_of(copy));
    timer_start(loop_of(copy), &stream->watch, WATCH_MS);
  }
  return copy;
}

void blob_copy_cancel(struct blob_copy *copy, size_t target) {
  struct leg *leg = &copy->legs[target];
  struct stream *stream = leg->stream;
  if (leg->ended)
    return;
  leg->canceled = true;
  upload_cancel(leg->upload, true);
  if (stream->state == STREAM_PLACES && !next_leg(stream, NULL)) { /* its turn must not come */
    sched_release(copy->spec.transfer->sched, &stream->grant);
    stream->state = STREAM_ASK;
  }
  ask_places_if_known(stream);
  start_if_known(stream);
}

void blob_copy_hurry(struct blob_copy *copy) {
  copy->spec.hurry = true;
  list_each(node, &copy->streams)
      sched_hurry(copy->spec.transfer->sched, &list_entry(node, struct stream, node)->grant);
}

void blob_copy_free(struct blob_copy *copy) {
  if (!copy)
    return;
  assert(list_empty(&copy->streams));
  for (size_t i = 0; i < copy->spec.target_count; i++) {
    upload_free(copy->legs[i].upload);
    free(copy->legs[i].seed);
  }
  free(copy);
}
