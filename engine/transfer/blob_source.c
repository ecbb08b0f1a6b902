#include "transfer/blob_source.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "net/call.h"
#include "net/retry.h"
#include "net/url.h"
#include "oci/answer.h"
#include "oci/registry.h"
#include "transfer/rate.h"

enum { CHECKPOINTS = 256, LATEST = 64, FEW_STREAMS = 4 };
#define STRIDE_LEAST ((uint64_t)256 * 1024)   /* bytes between two checkpoints */
#define LATEST_STRIDE ((uint64_t)1024 * 1024) /* … between those of LATEST */
#define PROGRESS ((uint64_t)32 * 1024)        /* bytes: less between two losses is no progress */

enum source_state {
  SOURCE_IDLE,
  SOURCE_GET, /* waiting for the answer, or streaming it */
  SOURCE_PAUSE,
  SOURCE_CHECK, /* all bytes are here: are they the right ones? */
  SOURCE_END
};

struct blob_source {
  struct blob_source_spec spec;
  struct endpoint *endpoint;
  struct ready ready;
  struct timer pause;
  struct rate_wait turn; /* to move more bytes */
  enum source_state state;
  struct pipe *pipe;
  struct call *call;
  struct oci_hasher hasher;      /* its bytes: what has been received so far */
  struct oci_hasher seed;        /* from an earlier run, else at 0 */
  struct oci_hasher *checkpoint; /* [i]: at i * stride, or unset (algorithm 0) */
  struct oci_hasher *latest;     /* [i % LATEST]: at i * LATEST_STRIDE; NULL: stride is no more */
  size_t points;
  uint64_t stride;
  uint64_t skip;     /* bytes of an answer, from where it stands, that we have already */
  uint64_t began_at; /* offset at which this GET began */
  int fruitless;     /* attempts in a row that brought next to nothing */
  bool no_range;     /* the server refused one */
  bool restart, canceled, misled;
  struct err err; /* found in an answer; ERR_NONE: none */
};

static void become(struct blob_source *source, enum source_state state) {
  source->state = state;
  loop_ready(source->spec.transfer->loop, &source->ready);
}

static void on_room(void *arg) {
  struct blob_source *source = arg;
  if (source->call)
    call_resume(source->call);
}

static void on_turn(struct rate_wait *turn) {
  struct blob_source *source = list_entry(turn, struct blob_source, turn);
  if (source->call)
    call_resume(source->call);
  else
    loop_ready(source->spec.transfer->loop, &source->ready);
}

static const char *host(const struct blob_source *source) { return source->spec.repo->host; }

static int wrong_size(struct blob_source *source, int64_t found) {
  char is[40] = "more bytes than that";
  if (found >= 0)
    snprintf(is, sizeof is, "%lld", (long long)found);
  return err_set(&source->err, ERR_DIGEST,
                 "%s: blob %s has the wrong size: %s, where its manifest says %llu", host(source),
                 source->spec.desc->digest.text, is, (unsigned long long)source->spec.desc->size);
}

/* Whether the answer says that it has so many bytes, or does not say how many. */
static bool is_as_long(const struct http_reply *reply, uint64_t size) {
  const char *value = http_header(reply, "Content-Length");
  int64_t length;
  return !value || text_number(value, 0, INT64_MAX, &length) < 0 || (uint64_t)length == size;
}

/* Where in the blob does this answer begin, and is it the blob that we know? */
static int check_head(struct blob_source *source, const struct http_reply *reply) {
  uint64_t size = source->spec.desc->size, offset = source->hasher.bytes;
  uint64_t first = 0, last = 0;
  int64_t total = -1, length = -1;
  const char *value;
  source->skip = 0;
  if (reply->status == 206) {
    value = http_header(reply, "Content-Range");
    if (!value || oci_content_range_parse(value, &first, &last, &total) < 0 || first > offset ||
        !is_as_long(reply, last - first + 1))
      return err_set(&source->err, ERR_PROTOCOL, "%s: blob %s: a range was asked for, another came",
                     host(source), source->spec.desc->digest.text);
    if (total >= 0 && (uint64_t)total != size)
      return wrong_size(source, total);
    source->skip = offset - first;
    return 0;
  }
  if (reply->status != 200)
    return err_set(&source->err, ERR_PROTOCOL,
                   "%s: blob %s: answered %d, which makes no sense here", host(source),
                   source->spec.desc->digest.text, reply->status);
  value = http_header(reply, "Content-Length");
  if (value && text_number(value, 0, INT64_MAX, &length) == 0 && (uint64_t)length != size)
    return wrong_size(source, length);
  source->skip = offset; /* a server without ranges sends all of it again */
  return 0;
}

static bool on_head(void *arg, const struct http_reply *reply) {
  struct blob_source *source = arg;
  check_head(source, reply);
  return true;
}

/* -- the hash, and where it can return to -- */

/* The first of len bytes behind offset that end a stride. */
static size_t to_next(uint64_t offset, uint64_t stride, size_t len) {
  uint64_t left = stride - offset % stride;
  return left < len ? (size_t)left : len;
}

static void hash(struct blob_source *source, const unsigned char *bytes, size_t len) {
  const struct oci_hasher *now = &source->hasher;
  while (len) {
    size_t piece = to_next(now->bytes, source->stride, len);
    if (source->latest)
      piece = to_next(now->bytes, LATEST_STRIDE, piece);
    oci_hasher_update(&source->hasher, bytes, piece);
    if (now->bytes % source->stride == 0)
      source->checkpoint[now->bytes / source->stride] = *now;
    if (source->latest && now->bytes % LATEST_STRIDE == 0)
      source->latest[now->bytes / LATEST_STRIDE % LATEST] = *now;
    bytes += piece;
    len -= piece;
  }
}

const struct oci_hasher *blob_source_checkpoint(const struct blob_source *source, uint64_t offset) {
  const struct oci_hasher *near = source->latest;
  if (near)
    near += offset / LATEST_STRIDE % LATEST;
  if (near && near->algorithm && near->bytes <= offset && offset - near->bytes < LATEST_STRIDE)
    return near;
  for (uint64_t i = offset / source->stride; i > 0; i--)
    if (source->checkpoint[i].algorithm)
      return &source->checkpoint[i];
  return source->seed.bytes <= offset ? &source->seed : NULL;
}

/* Forgets what an earlier run said, and all that was built on it. */
static void begin_hash(struct blob_source *source) {
  oci_hasher_init(&source->hasher, source->spec.desc->digest.algorithm);
  source->seed = source->hasher;
  memset(source->checkpoint, 0, source->points * sizeof *source->checkpoint);
  if (source->latest)
    memset(source->latest, 0, LATEST * sizeof *source->latest);
}

/* What is read once goes out to each target. */
static void charge(struct blob_source *source, size_t len) {
  size_t readers = pipe_readers(source->pipe);
  rate_charge(&source->turn, readers > 1 ? len * readers : len);
}

static int on_write(void *arg, const void *data, size_t len) {
  struct blob_source *source = arg;
  if (source->err.code != ERR_NONE)
    return HTTP_ABORT;
  if (!source->spec.small && !rate_ready(&source->turn)) /* a request is never paused */
    return HTTP_PAUSE;
  const unsigned char *bytes = data;
  if (source->skip >= len) {
    source->skip -= len;
    charge(source, len);
    return 0;
  }
  bytes += source->skip;
  size_t fresh = len - (size_t)source->skip;
  if (fresh > source->spec.desc->size - source->hasher.bytes) {
    wrong_size(source, -1);
    return HTTP_ABORT;
  }
  uint64_t again = pipe_written(source->pipe) - source->hasher.bytes;
  if (again) { /* from a checkpoint to where the pipe goes on */
    size_t piece = again < fresh ? (size_t)again : fresh;
    hash(source, bytes, piece);
    bytes += piece;
    fresh -= piece;
    source->skip += piece; /* of this piece, should it come again after a pause */
  }
  if (fresh && pipe_write(source->pipe, bytes, fresh) < 0)
    return HTTP_PAUSE;
  hash(source, bytes, fresh);
  charge(source, len);
  source->skip = 0;
  return 0;
}

/* The registry's redirect led to a refusal. Such URLs expire; the registry gives another. */
static bool refused_elsewhere(const struct blob_source *source, const struct call_result *result) {
  return result->reply->err.code == ERR_NONE && result->reply->status / 100 == 4 &&
         !url_same_origin(result->url, source->endpoint->base_url);
}

/* Whether another GET is worth it; the state that follows is set. */
static void lost(struct blob_source *source, const struct call_result *result) {
  struct transfer *transfer = source->spec.transfer;
  uint64_t got = source->hasher.bytes - source->began_at;
  source->fruitless = got >= PROGRESS ? 0 : source->fruitless + 1;
  /* A request that brought nothing at all has been tried often enough by the call. */
  bool again = result->retriable ? result->streamed : refused_elsewhere(source, result);
  if (!again || source->fruitless > endpoints_spec(transfer->endpoints)->retries) {
    become(source, SOURCE_END);
    return;
  }
  int64_t delay =
      retry_delay(source->fruitless + 1, result->retry_after_ms, loop_random(transfer->loop));
  endpoints_retried(transfer->endpoints,
                    &(struct retry_note){.host = host(source),
                                         .what = "GET of a blob",
                                         .reason = source->err.message,
                                         .attempt = (unsigned)source->fruitless + 1,
                                         .wait_ms = delay});
  source->err.code = ERR_NONE;
  source->state = SOURCE_PAUSE;
  timer_start(transfer->loop, &source->pause, (uint64_t)delay);
}

/* None, or none that could be relied on: all of the blob is asked for, then. */
static bool has_no_ranges(const struct blob_source *source, const struct http_reply *reply) {
  return (reply->status == 416 && reply->err.code == ERR_NONE) ||
         (reply->status == 206 && source->err.code == ERR_PROTOCOL);
}

/* A server may answer less than the range. The rest is asked for, as long as anything comes. */
static bool is_only_a_part(const struct blob_source *source, const struct http_reply *reply) {
  return reply->status == 206 && source->hasher.bytes > source->began_at &&
         source->hasher.bytes < source->spec.desc->size;
}

static void on_got(void *arg, const struct call_result *result) {
  struct blob_source *source = arg;
  source->call = NULL;
  rate_leave(&source->turn);
  if (source->canceled) {
    err_set(&source->err, ERR_CANCELED, "%s: canceled", host(source));
    become(source, SOURCE_END);
    return;
  }
  if (source->restart) {
    source->restart = false;
    become(source, SOURCE_GET);
    return;
  }
  if (has_no_ranges(source, result->reply) && !source->no_range) {
    source->no_range = true;
    source->err.code = ERR_NONE;
    become(source, SOURCE_GET);
    return;
  }
  if (source->err.code != ERR_NONE) {
    become(source, SOURCE_END);
    return;
  }
  char what[160];
  snprintf(what, sizeof what, "blob %s", source->spec.desc->digest.text);
  if (oci_answer(result, host(source), what, &source->err) < 0)
    lost(source, result);
  else
    become(source, is_only_a_part(source, result->reply) ? SOURCE_GET : SOURCE_CHECK);
}

static void get(struct blob_source *source) {
  const struct blob_source_spec *spec = &source->spec;
  char *path = oci_path_blob(spec->repo, &spec->desc->digest);
  char *scopes = oci_scope(spec->repo, false);
  uint64_t offset = source->hasher.bytes;
  char range[80];
  const char *headers[] = {NULL, NULL};
  if (offset && !source->no_range) {
    snprintf(range, sizeof range, "Range: bytes=%llu-%llu", (unsigned long long)offset,
             (unsigned long long)spec->desc->size - 1);
    headers[0] = range;
  }
  source->began_at = offset;
  source->call = call_start(&(struct call_spec){
      .endpoint = source->endpoint,
      .method = "GET",
      .kind = GATE_BLOB_READ,
      .url = path,
      .headers = headers,
      .path = spec->repo->path,
      .scopes = scopes,
      .lane = spec->small ? HTTP_REQUEST : HTTP_STREAM,
      .in_stream = !spec->small,
      .verified = true,
      .head = on_head,
      .write = on_write,
      .done = on_got,
      .arg = source,
  });
  free(scopes);
  free(path);
}

static void check(struct blob_source *source) {
  const struct oci_descriptor *desc = source->spec.desc;
  struct oci_digest digest;
  if (source->hasher.bytes < desc->size) {
    wrong_size(source, (int64_t)source->hasher.bytes);
  } else {
    oci_hasher_digest(&source->hasher, &digest);
    if (oci_digest_equal(&digest, &desc->digest))
      pipe_release(source->pipe);
    else if (source->seed.bytes)
      source->misled = true; /* by an earlier run: it may be that, not the blob */
    else
      err_set(&source->err, ERR_DIGEST, "%s: blob %s is corrupt: its bytes have the digest %s",
              host(source), desc->digest.text, digest.text);
  }
  become(source, SOURCE_END);
}

static void step(struct ready *ready) {
  struct blob_source *source = list_entry(ready, struct blob_source, ready);
  switch (source->state) {
  case SOURCE_GET:
    if (source->hasher.bytes == source->spec.desc->size) /* nothing, or nothing more, to ask for */
      become(source, SOURCE_CHECK);
    else if (!source->spec.small || rate_ready(&source->turn)) /* its turn is for all of it */
      get(source);
    return;
  case SOURCE_CHECK:
    check(source);
    return;
  case SOURCE_END:
    source->state = SOURCE_IDLE;
    if (source->misled) {
      source->misled = false;
      begin_hash(source);
      source->spec.misled(source->spec.arg);
      return;
    }
    source->spec.done(source->spec.arg, source->err.code == ERR_NONE ? NULL : &source->err);
    return;
  case SOURCE_IDLE:
  case SOURCE_PAUSE:
    return;
  }
}

static void on_pause_over(struct timer *timer) {
  become(list_entry(timer, struct blob_source, pause), SOURCE_GET);
}

struct blob_source *blob_source_new(const struct blob_source_spec *spec) {
  struct blob_source *source = mem_zalloc(sizeof *source);
  source->spec = *spec;
  source->endpoint = transfer_endpoint(spec->transfer, spec->repo);
  ready_init(&source->ready, step);
  timer_init(&source->pause, on_pause_over);
  rate_wait_init(&source->turn, spec->transfer->rate, spec->small ? spec->desc->size : 0, on_turn);
  size_t capacity = spec->small ? (size_t)TRANSFER_SMALL : spec->transfer->ring;
  if (!spec->small && spec->transfer->active > FEW_STREAMS) /* together they hold enough */
    capacity -= capacity / 4;
  source->pipe = pipe_new(capacity, capacity / 4, spec->desc->size, on_room, source);
  source->stride = (spec->desc->size + CHECKPOINTS - 1) / CHECKPOINTS;
  if (source->stride < STRIDE_LEAST)
    source->stride = STRIDE_LEAST;
  source->points = (size_t)(spec->desc->size / source->stride) + 1;
  source->checkpoint = mem_alloc(source->points * sizeof *source->checkpoint);
  if (source->stride > LATEST_STRIDE)
    source->latest = mem_alloc(LATEST * sizeof *source->latest);
  begin_hash(source);
  return source;
}

void blob_source_free(struct blob_source *source) {
  if (!source)
    return;
  assert(source->state == SOURCE_IDLE);
  pipe_free(source->pipe);
  free(source->checkpoint);
  free(source->latest);
  free(source);
}

void blob_source_seed(struct blob_source *source, const struct oci_hasher *hasher) {
  assert(source->state == SOURCE_IDLE && hasher->bytes <= source->spec.desc->size);
  source->hasher = source->seed = *hasher;
}

struct pipe *blob_source_pipe(struct blob_source *source) {
  return source->pipe;
}

void blob_source_start(struct blob_source *source, uint64_t offset) {
  timer_stop(&source->pause);
  source->err.code = ERR_NONE;
  source->fruitless = 0;
  pipe_restart(source->pipe, offset);
  if (source->hasher.bytes > offset) {
    const struct oci_hasher *checkpoint = blob_source_checkpoint(source, offset);
    if (checkpoint)
      source->hasher = *checkpoint;
    else
      begin_hash(source);
  }
  source->restart = source->call != NULL;
  if (source->call)
    call_cancel(source->call);
  else
    become(source, SOURCE_GET);
}

bool blob_source_cancel(struct blob_source *source) {
  if (source->state == SOURCE_IDLE)
    return false;
  source->canceled = true;
  if (source->call) {
    call_cancel(source->call);
  } else {
    timer_stop(&source->pause);
    rate_leave(&source->turn);
    err_set(&source->err, ERR_CANCELED, "%s: canceled", host(source));
    become(source, SOURCE_END);
  }
  return true;
}
