#include "transfer/upload.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/call.h"
#include "net/retry.h"
#include "oci/answer.h"
#include "oci/registry.h"
#include "transfer/half_done.h"
#include "transfer/quirks.h"
#include "transfer/session.h"

#define COMMIT_MS ((int64_t)5 * 60 * 1000) /* registries assemble and hash at the end … */
#define COMMIT_MS_PER_GIB ((int64_t)10 * 1000)

enum { REFUSALS_MAX = 3 }; /* of offsets, in a row, until that counts as a loss */

enum upload_state {
  UPLOAD_CHECK, /* is it there already? */
  UPLOAD_MOUNT,
  UPLOAD_READY, /* for upload_go() */
  UPLOAD_OPEN,
  UPLOAD_FILL, /* until there is something to send */
  UPLOAD_SEND, /* a PATCH or the whole-blob PUT */
  UPLOAD_COMMIT,
  UPLOAD_SETTLE,  /* the answer to the commit was lost: is it there? */
  UPLOAD_PAUSE,   /* before another try */
  UPLOAD_ASK,     /* how much does the session hold? */
  UPLOAD_ABANDON, /* a session is left: DELETE it */
  UPLOAD_END
};

struct upload {
  struct upload_spec spec;
  struct endpoint *endpoint;
  struct quirks *quirks;
  struct ready ready, noting;
  struct timer pause;
  enum upload_state state;
  enum upload_state then; /* what follows UPLOAD_ABANDON */
  enum blob_outcome outcome;
  struct pipe_reader reader;
  struct call *call;
  struct upload_way way;
  uint64_t share;   /* quirks_share() when it was chosen */
  uint64_t note_at; /* when more than this of the blob has been sent */
  struct session session;
  uint64_t body; /* bytes of the PATCH or PUT under way or lost, from session.acked on */
  uint64_t best; /* the most that any session held */
  uint64_t sent;
  int attempts; /* failed ones since there was progress */
  int refusals; /* of offsets (416), in a row */
  bool lost;    /* something, in this session: it has been counted */
  int64_t retry_after_ms;
  bool resumed;          /* this session went on after a loss */
  uint64_t resumed_at;   /* what an earlier run's session held */
  struct half_done half; /* what the journal knows of it */
  bool worthless;        /* what it holds is no use to anyone */
  bool restart, spoilt;
  bool joined;  /* quirks_join() */
  bool started; /* need() was called: the pipe is at work */
  bool canceled;
  struct err err;
};

static void become(struct upload *upload, enum upload_state state) {
  upload->state = state;
  loop_ready(upload->spec.transfer->loop, &upload->ready);
}

static const char *host(const struct upload *upload) { return upload->spec.repo->host; }

static uint64_t size_of(const struct upload *upload) { return upload->spec.desc->size; }

static void end(struct upload *upload, enum blob_outcome outcome) {
  upload->outcome = outcome;
  upload->err.code = ERR_NONE;
  half_done_drop(&upload->half);
  become(upload, UPLOAD_END);
}

/* What the registry holds now, and may hold of what is under way, for a later run. A small blob is
 * sent faster than it is asked for. */
static void note(struct upload *upload) {
  const struct session *session = &upload->session;
  struct journal_entry entry = {
      .location = session->location, .acked = session->acked, .chunk_min = session->chunk_min};
  if (!upload->spec.small)
    half_done_note_sent(&upload->half, &entry, upload->spec.checkpoint, upload->spec.arg);
}

static void on_note(struct ready *ready) {
  struct upload *upload = list_entry(ready, struct upload, noting);
  if (upload->state == UPLOAD_SEND && upload->call)
    note(upload);
}

/* Gives the session up, if there is one, and goes on with state then. Nothing is given up at the
 * end that a later run can use. */
static void leave_session(struct upload *upload, enum upload_state then) {
  bool stopping = upload->spec.transfer->stopping;
  bool useful = then == UPLOAD_END && upload->half.noted && !upload->worthless &&
                (upload->session.acked || stopping);
  bool give_up = upload->session.location && !useful && !stopping;
  if (!useful)
    half_done_drop(&upload->half);
  upload->then = then;
  become(upload, give_up ? UPLOAD_ABANDON : then);
}

static void fail(struct upload *upload) { leave_session(upload, UPLOAD_END); }

static int retries(const struct upload *upload) {
  return endpoints_spec(upload->spec.transfer->endpoints)->retries;
}

/* err says what was lost. Once more, after a pause, unless nothing has come of it for too long:
 * where the session has it, from there on; else from the beginning. */
static void try_again(struct upload *upload, int64_t retry_after_ms) {
  if (upload->session.acked > upload->best) {
    upload->best = upload->session.acked;
    upload->attempts = 0;
  }
  if (upload->attempts++ >= retries(upload) || retry_after_ms > RETRY_AFTER_MAX_MS) {
    fail(upload);
    return;
  }
  upload->retry_after_ms = retry_after_ms;
  upload->lost = true;
  if (upload->way.kind == UPLOAD_WHOLE)
    leave_session(upload, UPLOAD_PAUSE);
  else
    become(upload, UPLOAD_PAUSE);
}

/* -- requests -- */

static struct call *request(struct upload *upload, struct call_spec spec) {
  const struct oci_repo *repo = upload->spec.repo, *from = upload->spec.mount_from;
  char *scopes = oci_scope(repo, true);
  if (upload->state == UPLOAD_MOUNT) {
    char *read = oci_scope(from, false), *both = mem_printf("%s %s", scopes, read);
    free(read);
    free(scopes);
    scopes = both;
  }
  spec.endpoint = upload->endpoint;
  spec.path = repo->path;
  spec.scopes = scopes;
  spec.kind = GATE_BLOB_WRITE;
  spec.in_stream = upload->state >= UPLOAD_OPEN && !upload->spec.small;
  spec.arg = upload;
  struct call *call = call_start(&spec);
  free(scopes);
  return call;
}

static int answer(struct upload *upload, const struct call_result *result, const char *doing) {
  char what[200];
  snprintf(what, sizeof what, "%s blob %s", doing, upload->spec.desc->digest.text);
  upload->call = NULL;
  return oci_answer(result, host(upload), what, &upload->err);
}

/* What was under way does not matter any more: something else is to be done. */
static bool is_over(struct upload *upload) {
  if (upload->canceled) {
    err_set(&upload->err, ERR_CANCELED, "%s: canceled", host(upload));
    fail(upload);
  } else if (upload->restart) {
    upload->restart = false;
    leave_session(upload, UPLOAD_OPEN);
  } else {
    return false;
  }
  return true;
}

static int64_t commit_timeout(const struct upload *upload) {
  return COMMIT_MS + (int64_t)(size_of(upload) >> 30) * COMMIT_MS_PER_GIB;
}

static void on_checked(void *arg, const struct call_result *result) {
  struct upload *upload = arg;
  bool settling = upload->state == UPLOAD_SETTLE;
  struct err lost = upload->err; /* what is being settled */
  int rc = answer(upload, result, settling ? "looking for" : "checking");
  if (is_over(upload))
    return;
  if (rc == 0) {
    session_forget(&upload->session); /* a commit ends it */
    end(upload, settling ? BLOB_COPIED : BLOB_EXISTED);
  } else if (settling) {
    upload->err = lost;
    try_again(upload, result->retry_after_ms);
  } else if (upload->err.code == ERR_UNAUTHORIZED || upload->err.code == ERR_CONFIG ||
             result->reply->err.code != ERR_NONE) {
    fail(upload);
  } else { /* 404, or a registry that does not answer HEAD: send it */
    upload->err.code = ERR_NONE;
    become(upload, upload->spec.mount_from ? UPLOAD_MOUNT : UPLOAD_READY);
  }
}

static void check(struct upload *upload) {
  char *path = oci_path_blob(upload->spec.repo, &upload->spec.desc->digest);
  upload->call =
      request(upload, (struct call_spec){.method = "HEAD", .url = path, .done = on_checked});
  free(path);
}

static void on_opened(void *arg, const struct call_result *result) {
  struct upload *upload = arg;
  bool mounting = upload->state == UPLOAD_MOUNT;
  int rc = answer(upload, result, mounting ? "mounting" : "opening an upload of");
  if (rc == 0 && result->reply->status == 202)
    session_opened(&upload->session, result);
  if (is_over(upload))
    return;
  if (mounting) {
    if (rc == 0 && result->reply->status == 201) {
      end(upload, BLOB_MOUNTED);
      return;
    }
    /* Declined, or the token server would not let us read there: what came with it, a session or
     * nothing, is as good as no mount. */
    bool declined = result->reply->err.code == ERR_NONE || upload->err.code == ERR_UNAUTHORIZED ||
                    upload->err.code == ERR_DENIED;
    if (declined)
      become(upload, UPLOAD_READY);
    else
      fail(upload);
  } else if (rc < 0) {
    fail(upload);
  } else if (result->reply->status == 201) {
    end(upload, BLOB_EXISTED);
  } else if (!upload->session.location) {
    err_set(&upload->err, ERR_PROTOCOL, "%s: it opened an upload without saying where (Location)",
            host(upload));
    fail(upload);
  } else {
    become(upload, UPLOAD_FILL);
  }
}

static void open_session(struct upload *upload) {
  const struct upload_spec *spec = &upload->spec;
  char *path = oci_path_upload(spec->repo, &spec->desc->digest,
                               upload->state == UPLOAD_MOUNT ? spec->mount_from : NULL);
  upload->call = request(
      upload,
      (struct call_spec){.method = "POST", .url = path, .has_body = true, .done = on_opened});
  free(path);
}

static void on_bytes(void *arg) {
  struct upload *upload = arg;
  if (upload->call)
    call_resume(upload->call);
  else if (upload->state == UPLOAD_FILL)
    become(upload, UPLOAD_FILL);
}

static int64_t read_body(void *arg, void *to, size_t len) {
  struct upload *upload = arg;
  size_t got = pipe_read(&upload->reader, to, len);
  if (!got)
    return HTTP_PAUSE;
  upload->sent += got;
  upload->spec.transfer->moved_bytes += got;
  if (upload->reader.offset > upload->note_at) {
    upload->note_at = upload->reader.offset + upload->share;
    half_done_sent(&upload->half, upload->reader.offset);
    loop_ready(upload->spec.transfer->loop, &upload->noting);
  }
  return (int64_t)got;
}

static int rewind_body(void *arg) {
  struct upload *upload = arg;
  return pipe_seek(&upload->reader, upload->session.acked);
}

/* A body of which we do not know how much has arrived, a session that is gone, or an offset that is
 * not where it stands. */
static bool may_go_on(const struct upload *upload, const struct call_result *result) {
  int status = result->reply->status;
  return result->retriable || status == 404 || status == 416 || (status == 400 && upload->resumed);
}

static struct upload_terms terms(const struct upload *upload) {
  int64_t own = upload->endpoint->chunk_size;
  return (struct upload_terms){.profile = oci_profile(upload->spec.repo->host),
                               .chunk_option = own < 0 ? upload->spec.transfer->chunk_size : own,
                               .chunk_min = upload->session.chunk_min,
                               .size = size_of(upload),
                               .share = upload->share,
                               .by_share = !session_is_distributions(&upload->session),
                               .begun = upload->session.acked > 0};
}

static struct upload_way choose_way(struct upload *upload) {
  upload->share = quirks_share(upload->quirks, upload->spec.transfer->jobs);
  struct upload_terms all = terms(upload);
  return quirks_choose(upload->quirks, &all);
}

static bool other_way(const struct upload *upload, int status) {
  struct upload_terms all = terms(upload);
  return quirks_refused(upload->quirks, &all, upload->way, upload->body, status);
}

/* A session may be spoilt once, by what was lost on the way. */
static bool is_spoilt(struct upload *upload, const struct call_result *result) {
  if (upload->spoilt || !session_is_spoilt(result))
    return false;
  return upload->spoilt = true;
}

static void on_sent(void *arg, const struct call_result *result) {
  struct upload *upload = arg;
  bool whole = upload->way.kind == UPLOAD_WHOLE;
  const struct http_reply *reply = result->reply;
  int rc = answer(upload, result, whole ? "uploading" : "uploading a part of");
  if (is_over(upload))
    return;
  bool answered = reply->err.code == ERR_NONE;
  bool first = upload->session.acked == 0 && !upload->resumed && !session_is_forgotten(result);
  if (rc == 0 && whole) {
    session_forget(&upload->session);
    end(upload, BLOB_COPIED);
  } else if (is_spoilt(upload, result)) {
    leave_session(upload, UPLOAD_OPEN);
  } else if (rc == 0) {
    session_sent(&upload->session, result, upload->body);
    upload->refusals = 0;
    note(upload);
    become(upload, UPLOAD_FILL);
  } else if (answered && (first || reply->status == 413) &&
             other_way(upload, session_refusal(result))) {
    log_at(upload->spec.transfer->log, LOG_INFO, "%s: trying another way of uploading",
           upload->err.message);
    if (upload->session.acked) /* of smaller pieces, from where it stands */
      become(upload, UPLOAD_ASK);
    else
      leave_session(upload, UPLOAD_OPEN);
  } else if (whole && (!answered || reply->status >= 500)) {
    become(upload, UPLOAD_SETTLE);
  } else if (may_go_on(upload, result)) {
    if (reply->status == 416)
      session_refused(&upload->session);
    if (reply->status == 416 && upload->refusals++ < REFUSALS_MAX)
      become(upload, UPLOAD_ASK); /* not lost: it only stands elsewhere */
    else
      try_again(upload, result->retry_after_ms);
  } else {
    fail(upload);
  }
}

static void send_body(struct upload *upload) {
  bool whole = upload->way.kind == UPLOAD_WHOLE;
  char *url = whole ? oci_commit_url(upload->session.location, &upload->spec.desc->digest)
                    : mem_strdup(upload->session.location);
  char range[80];
  const char *headers[] = {"Content-Type: application/octet-stream", NULL, NULL};
  upload->body = size_of(upload) - upload->session.acked;
  if (upload->way.kind == UPLOAD_CHUNKS) {
    if (upload->body > upload->way.chunk)
      upload->body = upload->way.chunk;
    snprintf(range, sizeof range, "Content-Range: %llu-%llu",
             (unsigned long long)upload->session.acked,
             (unsigned long long)(upload->session.acked + upload->body - 1));
    headers[1] = range;
  }
  upload->note_at = whole ? UINT64_MAX : upload->session.acked + upload->share;
  if (!whole && !upload->half.noted)
    note(upload);
  const void *all = upload->spec.small ? pipe_whole(upload->reader.pipe) : NULL;
  if (all) {
    upload->sent += upload->body;
    upload->spec.transfer->moved_bytes += upload->body;
  }
  upload->call = request(
      upload,
      (struct call_spec){.method = whole ? "PUT" : "PATCH",
                         .url = url,
                         .headers = headers,
                         .lane = upload->spec.small ? HTTP_REQUEST : HTTP_STREAM,
                         .once = true,
                         .has_body = true,
                         .body = all ? (const unsigned char *)all + upload->session.acked : NULL,
                         .body_size = upload->body,
                         .read = all ? NULL : read_body,
                         .rewind = rewind_body,
                         .answer_timeout_ms = whole ? commit_timeout(upload) : 0,
                         .done = on_sent});
  free(url);
}

static void on_committed(void *arg, const struct call_result *result) {
  struct upload *upload = arg;
  int status = result->reply->status;
  int rc = answer(upload, result, "committing");
  if (is_over(upload))
    return;
  if (rc == 0) {
    session_forget(&upload->session);
    end(upload, BLOB_COPIED);
  } else if (is_spoilt(upload, result)) {
    leave_session(upload, UPLOAD_OPEN);
  } else if (result->retriable || status == 404 || status == 416) {
    become(upload, UPLOAD_SETTLE);
  } else {
    fail(upload);
  }
}

static void commit(struct upload *upload) {
  char *url = oci_commit_url(upload->session.location, &upload->spec.desc->digest);
  upload->call = request(upload, (struct call_spec){.method = "PUT",
                                                    .url = url,
                                                    .once = true,
                                                    .has_body = true,
                                                    .answer_timeout_ms = commit_timeout(upload),
                                                    .done = on_committed});
  free(url);
}

static void on_abandoned(void *arg, const struct call_result *result) {
  struct upload *upload = arg;
  (void)result; /* it was a courtesy */
  upload->call = NULL;
  become(upload, upload->canceled ? UPLOAD_END : upload->then);
}

static void abandon(struct upload *upload) {
  upload->call = request(upload, (struct call_spec){.method = "DELETE",
                                                    .url = upload->session.location,
                                                    .once = true,
                                                    .done = on_abandoned});
  session_forget(&upload->session);
}

static void pause_before_retry(struct upload *upload) {
  struct transfer *transfer = upload->spec.transfer;
  int64_t delay =
      retry_delay(upload->attempts, upload->retry_after_ms, loop_random(transfer->loop));
  endpoints_retried(transfer->endpoints, &(struct retry_note){.host = host(upload),
                                                              .what = "upload of a blob",
                                                              .reason = upload->err.message,
                                                              .attempt = (unsigned)upload->attempts,
                                                              .wait_ms = delay});
  timer_start(transfer->loop, &upload->pause, (uint64_t)delay);
}

/* The blob is wanted from session.acked on: the pipe must have it. */
static void line_up(struct upload *upload) {
  upload->err.code = ERR_NONE;
  if (pipe_seek(&upload->reader, upload->session.acked) < 0 || !upload->started)
    upload->spec.need(upload->spec.arg, upload->session.acked);
  upload->started = true;
}

/* An earlier run's session. */
static void take_up(struct upload *upload) {
  struct oci_hasher hasher;
  upload->resumed_at = upload->session.acked;
  if (half_done_state(&upload->half, upload->session.acked, &hasher))
    upload->spec.seed(upload->spec.arg, &hasher);
}

static void on_asked(void *arg, const struct call_result *result) {
  struct upload *upload = arg;
  upload->call = NULL;
  if (is_over(upload))
    return;
  switch (session_status(&upload->session, result, upload->body)) {
  case SESSION_HOLDS:
    upload->resumed = true;
    if (!upload->started)
      take_up(upload);
    line_up(upload);
    become(upload, UPLOAD_FILL);
    return;
  case SESSION_GONE:
    /* Where refusals led to that, without a loss, nothing has been counted yet. */
    if (upload->refusals && !upload->lost && upload->attempts++ >= retries(upload))
      fail(upload);
    else
      leave_session(upload, UPLOAD_OPEN);
    return;
  case SESSION_SILENT:
    if (result->reply->err.code == ERR_NONE) /* else what was lost first says more */
      answer(upload, result, "asking for the upload of");
    try_again(upload, result->retry_after_ms);
    return;
  }
}

/* Once: it is the upload's own tries that count. */
static void ask_session(struct upload *upload) {
  upload->call = request(upload, (struct call_spec){.method = "GET",
                                                    .url = upload->session.location,
                                                    .once = true,
                                                    .done = on_asked});
}

/* An earlier run may have left a session with a part of the blob. */
static bool take_note(struct upload *upload) {
  const struct upload_spec *spec = &upload->spec;
  struct journal_entry entry;
  if (spec->small || !half_done_take(&upload->half, &entry))
    return false;
  session_forget(&upload->session);
  upload->session.location = mem_strdup(entry.location);
  upload->session.acked = entry.acked;
  upload->session.chunk_min = entry.chunk_min;
  upload->body = size_of(upload) - entry.acked;
  return true;
}

static void begin(struct upload *upload) {
  upload->resumed = false;
  upload->refusals = 0;
  upload->lost = false;
  if (take_note(upload)) {
    upload->way = choose_way(upload);
    become(upload, UPLOAD_ASK);
    return;
  }
  upload->way = choose_way(upload);
  line_up(upload);
  if (upload->session.location) /* a declined mount left one */
    become(upload, UPLOAD_FILL);
  else
    open_session(upload);
}

/* Within a session that holds something the way stays, whatever other blobs learn meanwhile; only
 * its chunks change. */
static void keep_way(struct upload *upload) {
  struct upload_way now = choose_way(upload);
  if (upload->session.acked == 0 || upload->way.kind == UPLOAD_WHOLE ||
      upload->way.kind == now.kind)
    upload->way = now;
}

static void fill(struct upload *upload) {
  bool all = upload->spec.small || upload->session.acked == size_of(upload);
  keep_way(upload);
  /* Of a small blob all must be there, and be right; so it must before a commit. */
  if (!pipe_released(upload->reader.pipe) && (all || !pipe_readable(&upload->reader)))
    pipe_wait(&upload->reader);
  else if (upload->session.acked == size_of(upload) && upload->way.kind != UPLOAD_WHOLE)
    become(upload, UPLOAD_COMMIT);
  else
    become(upload, UPLOAD_SEND);
}

static void get_ready(struct upload *upload) {
  upload->joined = !upload->spec.small;
  if (upload->joined)
    quirks_join(upload->quirks, size_of(upload));
  upload->spec.ready(upload->spec.arg);
}

static void step(struct ready *ready) {
  struct upload *upload = list_entry(ready, struct upload, ready);
  switch (upload->state) {
  case UPLOAD_CHECK:
  case UPLOAD_SETTLE:
    check(upload);
    return;
  case UPLOAD_MOUNT:
    if (upload->spec.transfer->dry_run) /* it may only ask: most registries would say yes */
      end(upload, BLOB_MOUNTED);
    else
      open_session(upload);
    return;
  case UPLOAD_READY:
    if (upload->spec.transfer->dry_run)
      end(upload, BLOB_COPIED);
    else
      get_ready(upload);
    return;
  case UPLOAD_OPEN:
    begin(upload);
    return;
  case UPLOAD_FILL:
    fill(upload);
    return;
  case UPLOAD_SEND:
    send_body(upload);
    return;
  case UPLOAD_COMMIT:
    commit(upload);
    return;
  case UPLOAD_ABANDON:
    abandon(upload);
    return;
  case UPLOAD_PAUSE:
    pause_before_retry(upload);
    return;
  case UPLOAD_ASK:
    ask_session(upload);
    return;
  case UPLOAD_END:
    if (upload->joined)
      quirks_leave(upload->quirks, size_of(upload));
    pipe_detach(&upload->reader);
    upload->spec.done(upload->spec.arg, upload->outcome,
                      upload->err.code == ERR_NONE ? NULL : &upload->err);
    return;
  }
}

static void on_pause_over(struct timer *timer) {
  struct upload *upload = list_entry(timer, struct upload, pause);
  become(upload, upload->session.location ? UPLOAD_ASK : UPLOAD_OPEN);
}

static struct quirks *quirks_of(struct transfer *transfer, const char *host) {
  struct quirks *quirks = map_get(transfer->quirks, host);
  if (!quirks)
    map_put(transfer->quirks, host, quirks = mem_zalloc(sizeof *quirks));
  return quirks;
}

struct upload *upload_start(const struct upload_spec *spec) {
  struct upload *upload = mem_zalloc(sizeof *upload);
  upload->spec = *spec;
  upload->endpoint = transfer_endpoint(spec->transfer, spec->repo);
  upload->half = (struct half_done){
      .journal = spec->transfer->journal, .target = spec->repo, .desc = spec->desc};
  upload->quirks = quirks_of(spec->transfer, spec->repo->host);
  ready_init(&upload->ready, step);
  ready_init(&upload->noting, on_note);
  timer_init(&upload->pause, on_pause_over);
  become(upload, spec->check               ? UPLOAD_CHECK
                 : upload->spec.mount_from ? UPLOAD_MOUNT
                                           : UPLOAD_READY);
  return upload;
}

void upload_free(struct upload *upload) {
  if (!upload)
    return;
  assert(upload->state == UPLOAD_END && !upload->call);
  ready_cancel(&upload->noting);
  session_forget(&upload->session);
  free(upload);
}

void upload_go(struct upload *upload, struct pipe *pipe) {
  assert(upload->state == UPLOAD_READY);
  pipe_attach(pipe, &upload->reader, on_bytes, upload);
  become(upload, UPLOAD_OPEN);
}

void upload_move(struct upload *upload, struct pipe *pipe) {
  pipe_detach(&upload->reader);
  pipe_attach(pipe, &upload->reader, on_bytes, upload);
  pipe_wait(&upload->reader);
}

void upload_await(struct upload *upload, uint64_t offset) { pipe_await(&upload->reader, offset); }

uint64_t upload_offset(const struct upload *upload) { return upload->reader.offset; }

void upload_cancel(struct upload *upload, bool keep) {
  bool stopping = upload->spec.transfer->stopping;
  if (upload->canceled && stopping && upload->call) /* no time to clean up */
    call_cancel(upload->call);
  if (upload->canceled || upload->state == UPLOAD_END)
    return;
  upload->canceled = true;
  upload->worthless = !keep;
  timer_stop(&upload->pause);
  bool opening = upload->call && (upload->state == UPLOAD_OPEN || upload->state == UPLOAD_MOUNT);
  if (opening && !stopping) /* the answer says what has to be given up */
    return;
  if (upload->state == UPLOAD_ABANDON && !stopping)
    err_set(&upload->err, ERR_CANCELED, "%s: canceled", host(upload));
  else if (upload->call)
    call_cancel(upload->call);
  else
    is_over(upload);
}

void upload_restart(struct upload *upload) {
  if (upload->canceled || upload->state == UPLOAD_END)
    return;
  upload->restart = true;
  timer_stop(&upload->pause);
  if (upload->call)
    call_cancel(upload->call);
  else
    is_over(upload);
}

uint64_t upload_resumed_at(const struct upload *upload) { return upload->resumed_at; }

uint64_t upload_sent(const struct upload *upload) { return upload->sent; }
