#include "dray.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine.h"
#include "net/creds.h"
#include "net/http.h"
#include "net/trust.h"
#include "oci/json.h"
#include "oci/ref.h"
#include "sync/pattern.h"
#include "sync/tree.h"
#include "transfer/blob_table.h"
#include "transfer/digest_tags.h"
#include "transfer/journal.h"
#include "transfer/journal_file.h"
#include "transfer/known.h"
#include "transfer/manifest_table.h"
#include "transfer/rate.h"
#include "transfer/sched.h"

#define TICK_MS 100
/* Bytes of a stream's pipe, and of each of curl's two buffers: what a stream costs. Above this many
 * jobs they are halved, for which a GiB costs a tenth more CPU. */
enum { WIDE_JOBS = 32 };
#define STREAM_RING ((size_t)512 * 1024)
#define STREAM_BUFFER ((size_t)128 * 1024)

void dray_options_init(struct dray_options *options) {
  *options = (struct dray_options){
      .jobs = 16,
      .max_connections = 64,
      .retries = 5,
      .stall_timeout_ms = 60000,
      .connect_timeout_ms = 15000,
      .log_level = DRAY_LOG_WARN,
  };
}

/* -- events -- */

void engine_emit(struct dray *dray, const struct dray_event *event) {
  if (dray->options.event)
    dray->options.event(dray->options.event_arg, event);
}

static void on_log(void *arg, enum log_level level, const char *text) {
  static const enum dray_log_level levels[] = {[LOG_ERROR] = DRAY_LOG_ERROR,
                                               [LOG_WARN] = DRAY_LOG_WARN,
                                               [LOG_INFO] = DRAY_LOG_INFO,
                                               [LOG_DEBUG] = DRAY_LOG_DEBUG};
  engine_emit(arg, &(struct dray_event){.kind = DRAY_EVENT_LOG,
                                        .u.log = {.level = levels[level], .text = text}});
}

static void on_retry(void *arg, const struct retry_note *note) {
  engine_emit(arg, &(struct dray_event){.kind = DRAY_EVENT_RETRY,
                                        .u.retry = {.host = note->host,
                                                    .what = note->what,
                                                    .reason = note->reason,
                                                    .attempt = note->attempt,
                                                    .wait_ms = note->wait_ms}});
}

static double seconds_since(const struct dray *dray, uint64_t ms) {
  return (double)(ms - dray->started_ms) / 1000;
}

static void on_blob(void *arg, const struct blob_note *note) {
  struct dray *dray = arg;
  engine_emit(dray, &(struct dray_event){.kind = DRAY_EVENT_BLOB,
                                         .u.blob = {.from = note->from,
                                                    .to = note->to,
                                                    .digest = note->digest->text,
                                                    .size = note->size,
                                                    .offset = note->offset,
                                                    .began = seconds_since(dray, note->began_ms),
                                                    .seconds = (double)note->ms / 1000,
                                                    .resumed = note->offset > 0,
                                                    .mounted = note->outcome == BLOB_MOUNTED,
                                                    .existed = note->outcome == BLOB_EXISTED}});
}

void engine_totals(struct dray *dray) {
  dray->totals.requests = http_requests(dray->http) - dray->requests_before;
  dray->totals.retries = endpoints_retries(dray->endpoints) - dray->retries_before;
  dray->totals.seconds = (double)(loop_now(dray->loop) - dray->started_ms) / 1000;
}

struct dray_error engine_error(const struct err *err) {
  return (struct dray_error){.code = err_code_name(err->code),
                             .message = err->message,
                             .host = err->host[0] ? err->host : NULL,
                             .http_status = err->http_status};
}

/* -- running -- */

struct tick {
  struct timer timer;
  struct dray *dray;
};

static void on_tick(struct timer *timer) {
  struct tick *tick = list_entry(timer, struct tick, timer);
  struct dray *dray = tick->dray;
  engine_totals(dray);
  engine_emit(dray, &(struct dray_event){.kind = DRAY_EVENT_TICK,
                                         .u.tick = {.totals = dray->totals,
                                                    .known_images = dray->known_images,
                                                    .known_bytes = dray->transfer.known_bytes,
                                                    .moved_bytes = dray->transfer.moved_bytes,
                                                    .active = dray->transfer.active}});
  timer_start(dray->loop, &tick->timer, TICK_MS);
}

static void stop(struct dray *dray, const char *reason) {
  dray->transfer.stopping = true;
  dray->transfer.stop_reason = reason;
  dray->cancel(dray->cancel_arg);
}

static void on_stop(struct ready *ready) {
  struct dray *dray = list_entry(ready, struct dray, stopper);
  if (!dray->transfer.stopping)
    stop(dray, dray->stop_reason);
}

void engine_stop(struct dray *dray, const char *reason) {
  dray->stop_reason = reason;
  loop_ready(dray->loop, &dray->stopper);
}

static void on_deadline(struct timer *timer) {
  struct dray *dray = list_entry(timer, struct tick, timer)->dray;
  if (!dray->transfer.stopping)
    stop(dray, "the deadline (--deadline) has come; what is done stays, and another run goes on");
}

static void on_signal(void *arg, int signal) {
  struct dray *dray = arg;
  if (dray->signal)
    _exit(128 + signal);
  dray->signal = signal;
  engine_emit(dray, &(struct dray_event){.kind = DRAY_EVENT_SIGNAL, .u.signal = signal});
  stop(dray, "stopped by a signal; what is done stays, and another run goes on");
}

void engine_begin(struct dray *dray) {
  dray->err.code = ERR_NONE;
  dray->signal = 0;
  dray->transfer.stopping = false;
  known_clear(dray->known);
  dray->totals = (struct dray_totals){0};
  dray->known_images = 0;
  digest_tags_forget(dray->transfer.digest_tags);
  dray->transfer.known_bytes = dray->transfer.moved_bytes = 0;
  dray->requests_before = http_requests(dray->http);
  dray->retries_before = endpoints_retries(dray->endpoints);
  loop_refresh(dray->loop);
  dray->started_ms = loop_now(dray->loop);
}

enum dray_status engine_end(struct dray *dray, enum dray_status status) {
  dray->last = engine_error(&dray->err);
  return dray->signal ? (enum dray_status)(DRAY_SIGNALLED + dray->signal) : status;
}

void engine_run(struct dray *dray, void (*cancel)(void *arg), void *arg) {
  struct tick tick = {.dray = dray}, deadline = {.dray = dray};
  dray->cancel = cancel;
  dray->cancel_arg = arg;
  timer_init(&tick.timer, on_tick);
  timer_start(dray->loop, &tick.timer, TICK_MS);
  timer_init(&deadline.timer, on_deadline);
  if (dray->options.deadline_ms)
    timer_start(dray->loop, &deadline.timer, (uint64_t)dray->options.deadline_ms);
  endpoints_set_deadline(dray->endpoints, deadline.timer.due);
  if (dray->options.signals)
    loop_signals(dray->loop, on_signal, dray, NULL);
  ready_init(&dray->stopper, on_stop);
  loop_run(dray->loop);
  ready_cancel(&dray->stopper);
  if (dray->options.signals)
    loop_signals(dray->loop, NULL, NULL, NULL);
  timer_stop(&tick.timer);
  timer_stop(&deadline.timer);
  engine_totals(dray);
}

/* -- an engine's life -- */

static const char *const *copy_list(const char *const *list) {
  size_t count = 0;
  while (list && list[count])
    count++;
  const char **copy = mem_zalloc((count + 1) * sizeof *copy);
  for (size_t i = 0; i < count; i++)
    copy[i] = mem_strdup(list[i]);
  return copy;
}

static void free_list(const char *const *list) {
  for (size_t i = 0; list && list[i]; i++)
    free((char *)list[i]);
  free((void *)list);
}

static const char *process_getenv(void *arg, const char *name) {
  (void)arg;
  return getenv(name);
}

static void copy_options(struct dray *dray, const struct dray_options *options) {
  dray->options = *options;
  dray->options.plain_http = copy_list(options->plain_http);
  dray->options.tls = copy_list(options->tls);
  dray->options.insecure = copy_list(options->insecure);
  dray->options.ca_files = copy_list(options->ca_files);
  dray->options.platforms = copy_list(options->platforms);
  dray->options.authfile = mem_strdup(options->authfile);
  dray->options.state = mem_strdup(options->state);
  if (!options->getenv)
    dray->options.getenv = process_getenv;
}

static int check_options(const struct dray_options *options, struct err *err) {
  if (options->jobs < 1 || options->jobs > 256)
    return err_set(err, ERR_CONFIG, "jobs must be 1 to 256");
  if (options->max_connections < 2 || options->max_connections > 1024)
    return err_set(err, ERR_CONFIG, "connections must be 2 to 1024");
  if (options->retries < 0 || options->retries > 100)
    return err_set(err, ERR_CONFIG, "retries must be 0 to 100");
  if (options->chunk_size < 0 || options->limit_rate < 0 || options->deadline_ms < 0 ||
      options->stall_timeout_ms < 1 || options->connect_timeout_ms < 1)
    return err_set(err, ERR_CONFIG, "sizes and times must be above 0");
  return 0;
}

static int read_terms(struct dray *dray, struct err *err) {
  static const enum if_exists policies[] = {[DRAY_REPLACE] = IF_EXISTS_REPLACE,
                                            [DRAY_SKIP] = IF_EXISTS_SKIP,
                                            [DRAY_FAIL] = IF_EXISTS_FAIL};
  const struct dray_options *options = &dray->options;
  for (const char *const *text = options->platforms; text && *text; text++)
    if (oci_platforms_add(&dray->platforms, *text, err) < 0)
      return -1;
  dray->terms = (struct batch_terms){.platforms = &dray->platforms,
                                     .sparse = options->sparse,
                                     .referrers = options->referrers == DRAY_REFERRERS,
                                     .no_referrers = options->referrers == DRAY_NO_REFERRERS,
                                     .if_exists = policies[options->if_exists]};
  return 0;
}

static int open_engine(struct dray *dray, struct err *err) {
  const struct dray_options *options = &dray->options;
  size_t narrow = options->jobs > WIDE_JOBS ? 2 : 1;
  if (check_options(options, err) < 0 || read_terms(dray, err) < 0)
    return -1;
  if (creds_new(&(struct creds_options){.authfile = options->authfile,
                                        .authfile_may_be_missing = options->authfile_may_be_missing,
                                        .getenv = options->getenv,
                                        .getenv_arg = options->getenv_arg},
                &dray->creds, err) < 0)
    return -1;
  if (trust_new(&(struct trust_options){.ca_files = options->ca_files,
                                        .insecure_hosts = options->insecure,
                                        .getenv = options->getenv,
                                        .getenv_arg = options->getenv_arg,
                                        .log = &dray->log},
                &dray->trust, err) < 0)
    return -1;
  if (loop_new(&dray->loop, err) < 0)
    return -1;
  dray->http =
      http_new(dray->loop, &(struct http_options){.connect_timeout_ms = options->connect_timeout_ms,
                                                  .stall_timeout_ms = options->stall_timeout_ms,
                                                  .buffer_size = STREAM_BUFFER / narrow,
                                                  .user_agent = "dray",
                                                  .log = &dray->log});
  dray->endpoints =
      endpoints_new(&(struct endpoints_spec){.loop = dray->loop,
                                             .http = dray->http,
                                             .creds = dray->creds,
                                             .trust = dray->trust,
                                             .log = &dray->log,
                                             .plain_http = options->plain_http,
                                             .tls = options->tls,
                                             .insecure = options->insecure,
                                             .max_connections = options->max_connections,
                                             .retries = options->retries,
                                             .on_retry = on_retry,
                                             .on_retry_arg = dray});
  dray->known = known_new();
  dray->transfer = (struct transfer){
      .loop = dray->loop,
      .endpoints = dray->endpoints,
      .sched = sched_new(dray->loop, options->jobs),
      .jobs = options->jobs,
      .blobs = blob_table_new(&dray->transfer, dray->known),
      .manifests = manifest_table_new(dray->loop, dray->known),
      .quirks = map_new(),
      .no_referrers = map_new(),
      .digest_tags = digest_tags_new(&dray->transfer),
      .log = &dray->log,
      .chunk_size = options->chunk_size,
      .ring = STREAM_RING / narrow,
      .dry_run = options->dry_run,
      .rate = options->limit_rate > 0 ? rate_new(dray->loop, options->limit_rate) : NULL,
      .on_blob = on_blob,
      .on_blob_arg = dray};
  if (options->state && !options->dry_run)
    dray->transfer.journal = journal_open(
        &(struct journal_options){.loop = dray->loop, .path = options->state, .log = &dray->log});
  return 0;
}

struct dray *dray_new(const struct dray_options *options, struct dray_error *error) {
  struct dray *dray = mem_zalloc(sizeof *dray);
  struct err err;
  copy_options(dray, options);
  dray->log = (struct log){.level = (enum log_level)options->log_level, .fn = on_log, .arg = dray};
  if (open_engine(dray, &err) == 0)
    return dray;
  *error = engine_error(&err);
  error->message = mem_strdup(err.message);
  error->host = NULL;
  dray_free(dray);
  return NULL;
}

void dray_error_free(struct dray_error *error) {
  free((char *)error->message);
  error->message = NULL;
}

void dray_free(struct dray *dray) {
  if (!dray)
    return;
  if (dray->http) {
    blob_table_free(dray->transfer.blobs);
    manifest_table_free(dray->transfer.manifests);
    known_free(dray->known);
    sched_free(dray->transfer.sched);
    rate_free(dray->transfer.rate);
    journal_close(dray->transfer.journal);
    map_free(dray->transfer.quirks, free);
    map_free(dray->transfer.no_referrers, NULL);
    digest_tags_free(dray->transfer.digest_tags);
  }
  endpoints_free(dray->endpoints);
  http_free(dray->http);
  loop_free(dray->loop);
  trust_free(dray->trust);
  creds_store_free(dray->creds);
  free_list(dray->options.plain_http);
  free_list(dray->options.tls);
  free_list(dray->options.insecure);
  free_list(dray->options.ca_files);
  free_list(dray->options.platforms);
  oci_platforms_free(&dray->platforms);
  free((char *)dray->options.authfile);
  free((char *)dray->options.state);
  free(dray);
}

const struct dray_error *dray_last_error(const struct dray *dray) {
  return dray->err.code == ERR_NONE ? NULL : &dray->last;
}

/* -- for command lines -- */

int dray_parse_size(const char *text, int64_t *bytes) { return text_size(text, bytes); }

int dray_parse_duration(const char *text, int64_t *ms) { return text_duration(text, ms); }

int dray_parse_number(const char *text, int64_t min, int64_t max, int64_t *value) {
  return text_number(text, min, max, value);
}

const char *dray_nearest(const char *word, const char *const *candidates) {
  return text_nearest(word, candidates);
}

char *dray_format_bytes(char dst[64], uint64_t bytes) { return text_bytes(dst, bytes); }

char *dray_default_state(void) {
  const char *base = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
  if (base && *base == '/') /* relative ones are to be ignored, says the XDG specification */
    return mem_printf("%s/dray/state.db", base);
  return home && *home ? mem_printf("%s/.local/state/dray/state.db", home) : NULL;
}

char *dray_libraries(void) {
  char *(*const inside[])(void) = {http_libraries, oci_json_library, journal_file_library,
                                   pattern_library, tree_library};
  struct buf text;
  buf_init(&text, SIZE_MAX);
  for (size_t i = 0; i < sizeof inside / sizeof *inside; i++) {
    char *library = inside[i]();
    buf_addf(&text, "%s%s", i ? " " : "", library);
    free(library);
  }
  return buf_take(&text);
}
