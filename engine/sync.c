/* dray_sync(), dray_copy_tags(), dray_copy_list(): rules, carried out together. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "dray.h"
#include "engine.h"
#include "results.h"
#include "sync/batch.h"
#include "sync/discovery.h"
#include "sync/foreign.h"
#include "sync/lock.h"
#include "sync/mirror.h"
#include "sync/pairs.h"
#include "sync/prune.h"
#include "sync/shard.h"

#define FILE_MAX ((size_t)4 * 1024 * 1024)   /* bytes of a mirror file */
#define SECRET_MAX ((size_t)64 * 1024)       /* bytes of a file that a template names */
#define PAIRS_MAX ((size_t)64 * 1024 * 1024) /* bytes of a list of images */

struct run {
  struct dray *dray;
  const struct dray_sync *sync;
  struct mirror *mirror;
  struct target_repos *targets;
  struct discovery *discovery;
  struct batch *batch;
  struct prune *prune;
  struct lock *before, *after; /* the lock file's lines as they were, and as they will be */
  size_t due;                  /* tags that would be deleted */
};

/* -- images -- */

static enum batch_feed next_image(void *arg, struct batch_image *image) {
  struct run *run = arg;
  enum batch_feed feed = discovery_next(run->discovery, image);
  if (feed == BATCH_IMAGE)
    run->dray->known_images += image->target_count;
  return feed;
}

static void on_ready(void *arg) { batch_wake(((struct run *)arg)->batch); }

static void on_planned(void *arg, const struct batch_image *image, size_t target,
                       const struct image_result *result) {
  results_planned(((struct run *)arg)->dray, image, target, result);
}

static void on_ended(void *arg, const struct batch_image *image, size_t target,
                     const struct image_result *result) {
  struct run *run = arg;
  const struct oci_ref *dst = &image->dst[target];
  results_ended(run->dray, image, target, result);
  if (!run->after)
    return;
  const struct lock_entry *before = lock_find(run->before, dst);
  if (!result->err && oci_digest_is_set(&result->source_digest))
    lock_put(run->after, dst, &image->src, &result->source_digest);
  else if (before)
    lock_keep(run->after, before);
}

/* Of a repository that can't be listed all lines stay. */
static void keep_lines_of(struct run *run, const struct oci_repo *source) {
  const struct lock_entry *line;
  for (size_t i = 0; run->after && (line = lock_next(run->before, &i));) {
    struct oci_ref ref;
    oci_ref_parse(line->source, &ref, NULL);
    if (oci_repo_equal(&ref.repo, source))
      lock_keep(run->after, line);
    oci_ref_free(&ref);
  }
}

static void on_failed(void *arg, const struct mirror_source *source, const struct oci_ref *target,
                      const struct err *err) {
  struct run *run = arg;
  char *from = oci_ref_format(&source->ref), *to = oci_ref_format(target);
  results_failed(run->dray, from, to, err);
  keep_lines_of(run, &source->ref.repo);
  free(to);
  free(from);
}

/* -- deletion -- */

static char *tag_name(const struct target_repo *repo, const char *tag) {
  return mem_printf("%s/%s%s%s", repo->repo.host, repo->repo.path, tag ? ":" : "", tag ? tag : "");
}

static char *source_name(const struct target_repo *repo) {
  return oci_ref_format(&repo->rule->sources[0].ref);
}

static void on_due(void *arg, const struct target_repo *repo, const char *const *tags,
                   size_t count) {
  struct run *run = arg;
  struct buf names;
  buf_init(&names, 400);
  for (size_t i = 0; i < count && buf_addf(&names, "%s%s", i ? ", " : "", tags[i]) == 0; i++)
    ;
  log_at(&run->dray->log, LOG_WARN, "%s/%s: %zu %s not chosen any more: %s%s; %s", repo->repo.host,
         repo->repo.path, count, count == 1 ? "tag is" : "tags are", buf_str(&names),
         names.len > 300 ? ", ..." : "",
         run->sync->delete ? "a run in earnest would delete them" : "--delete deletes them");
  if (run->sync->delete)
    run->due += count;
  buf_free(&names);
}

static void on_deleted(void *arg, const struct target_repo *repo, const char *tag,
                       const struct oci_digest *digest) {
  struct run *run = arg;
  char *source = source_name(repo), *target = tag_name(repo, tag);
  results_deleted(run->dray, source, target, digest->text);
  free(target);
  free(source);
}

static void on_not_deleted(void *arg, const struct target_repo *repo, const char *tag,
                           const struct err *err) {
  struct run *run = arg;
  char *source = source_name(repo), *target = tag_name(repo, tag);
  results_failed(run->dray, source, target, err);
  free(target);
  free(source);
}

static void on_pruned(void *arg) { loop_stop(((struct run *)arg)->dray->loop); }

static void on_over(void *arg) {
  struct run *run = arg;
  struct dray *dray = run->dray;
  if (dray->transfer.stopping || run->sync->locked) {
    loop_stop(dray->loop);
    return;
  }
  run->prune =
      prune_start(&(struct prune_spec){.transfer = &dray->transfer,
                                       .targets = run->targets,
                                       .only_say = !run->sync->delete || dray->options.dry_run,
                                       .percent_max = run->sync->delete_max,
                                       .due = on_due,
                                       .deleted = on_deleted,
                                       .failed = on_not_deleted,
                                       .done = on_pruned,
                                       .arg = run});
}

static void cancel(void *arg) {
  struct run *run = arg;
  discovery_cancel(run->discovery);
  batch_cancel(run->batch);
  if (run->prune)
    prune_cancel(run->prune);
}

/* -- what was asked -- */

static const char *get_env(void *arg, const char *name) {
  const struct dray_options *options = arg;
  return options->getenv(options->getenv_arg, name);
}

static int read_text(const char *path, size_t max, char **text, size_t *len, struct err *err) {
  struct err why;
  int rc = strcmp(path, "-") == 0
               ? file_read_fd(STDIN_FILENO, "standard input", max, text, len, &why)
               : file_read(path, max, text, len, &why);
  return rc == 0 ? 0 : err_set(err, ERR_CONFIG, "%s", why.message);
}

static void on_warning(void *arg, const char *message) {
  log_at(&((struct dray *)arg)->log, LOG_WARN, "%s", message);
}

/* What a template's file holds. */
static char *on_file(void *arg, const char *name, struct err *err) {
  char *text = NULL;
  (void)arg;
  file_read(name, SECRET_MAX, &text, NULL, err);
  return text;
}

static int read_mirror(struct run *run, const char *path, const struct foreign_options *options,
                       struct err *err) {
  struct env env = {.get = get_env, .arg = &run->dray->options};
  struct mirror *mirror = NULL;
  char *text;
  size_t len;
  int rc = read_text(path, FILE_MAX, &text, &len, err);
  if (rc != 0)
    return rc;
  rc = foreign_parse(path, text, len, &env, options, &mirror, err);
  free(text);
  if (rc != 0)
    return rc;
  if (run->mirror)
    return mirror_join(run->mirror, mirror, err);
  run->mirror = mirror;
  return 0;
}

/* How registries are spoken to, before any is. */
static int configure(struct dray *dray, const struct mirror *mirror, struct err *err) {
  for (size_t i = 0; i < mirror->registry_count; i++) {
    const struct mirror_registry *registry = &mirror->registries[i];
    const char *host = registry->host;
    if (registry->user)
      creds_set(dray->creds, host, registry->user, registry->password, "the mirror file");
    if (registry->insecure)
      trust_set_insecure(dray->trust, host);
    if (registry->ca_file) {
      struct err why;
      if (trust_add_ca(dray->trust, host, registry->ca_file, &why) < 0)
        return mirror_error(mirror, &registry->place, err, "%s", why.message);
    }
    endpoints_configure(
        dray->endpoints, host,
        &(struct endpoint_settings){.plain_http = registry->plain_http,
                                    .tls = registry->tls || registry->insecure,
                                    .chunk_size = registry->chunk_size,
                                    .max_connections = registry->max_connections,
                                    .requests_per_second = registry->requests_per_second});
  }
  return 0;
}

static int read_lock(struct run *run, struct err *err) {
  const struct dray_sync *sync = run->sync;
  struct err why;
  char *text;
  size_t len;
  if (!sync->lock)
    return 0;
  int rc = file_read(sync->lock, LOCK_FILE_MAX, &text, &len, &why);
  if (rc == -ERR_NOT_FOUND && !sync->locked) {
    run->before = lock_new();
  } else {
    if (rc != 0)
      return err_set(err, ERR_CONFIG, "%s", why.message);
    rc = lock_parse(sync->lock, text, len, &run->before, err);
    free(text);
    if (rc != 0)
      return rc;
  }
  if (!sync->locked && !run->dray->options.dry_run)
    run->after = lock_new();
  return 0;
}

/* Lines that this run was not about, or did not come to, stay. */
static int write_lock(struct run *run, struct err *err) {
  const struct lock_entry *line;
  if (!run->after)
    return 0;
  for (size_t i = 0; (line = lock_next(run->before, &i));) {
    struct oci_ref source;
    oci_ref_parse(line->source, &source, NULL);
    if (run->dray->transfer.stopping || !discovery_has(run->discovery, &source.repo))
      lock_keep(run->after, line);
    oci_ref_free(&source);
  }
  char *text = lock_format(run->after);
  int rc = file_write(run->sync->lock, text, strlen(text), 0644, err);
  free(text);
  return rc;
}

/* -- the run -- */

static enum dray_status status_of(const struct run *run) {
  const struct dray_totals *totals = &run->dray->totals;
  if (totals->failed || run->dray->transfer.stopping)
    return DRAY_FAILED;
  return run->sync->check && (totals->planned || run->due) ? DRAY_DIFFERENT : DRAY_OK;
}

static enum dray_status carry_out(struct run *run, const struct shard *shard) {
  struct dray *dray = run->dray;
  engine_emit(dray, &(struct dray_event){.kind = DRAY_EVENT_START});
  run->targets = target_repos_new(&dray->transfer, run->mirror);
  run->discovery =
      discovery_new(&(struct discovery_spec){.transfer = &dray->transfer,
                                             .mirror = run->mirror,
                                             .targets = run->targets,
                                             .terms = &dray->terms,
                                             .shard = shard->count > 1 ? shard : NULL,
                                             .locked = run->sync->locked ? run->before : NULL,
                                             .ready = on_ready,
                                             .failed = on_failed,
                                             .arg = run});
  run->batch = batch_new(&(struct batch_spec){.transfer = &dray->transfer,
                                              .terms = &dray->terms,
                                              .next = next_image,
                                              .feed = run,
                                              .planned = on_planned,
                                              .ended = on_ended,
                                              .over = on_over,
                                              .arg = run});
  batch_wake(run->batch);
  engine_run(dray, cancel, run);
  enum dray_status status = status_of(run);
  if (write_lock(run, &dray->err) < 0)
    status = DRAY_FAILED;
  engine_emit(dray, &(struct dray_event){.kind = DRAY_EVENT_END, .u.end = dray->totals});
  prune_free(run->prune);
  batch_free(run->batch);
  discovery_free(run->discovery);
  target_repos_free(run->targets);
  return status;
}

static int check_flags(const struct dray_sync *sync, struct err *err) {
  if (sync->locked && !sync->lock)
    return err_set(err, ERR_USAGE, "--locked needs --lock FILE: the file that it reads");
  if (sync->shards && (!sync->shard || strcmp(sync->shard, "auto") != 0))
    return err_set(err, ERR_USAGE, "--shards N goes with --shard auto");
  return 0;
}

/* The rules in run->mirror, unless rc says that there are none. */
static enum dray_status finish(struct run *run, int rc) {
  struct dray *dray = run->dray;
  const struct dray_sync *sync = run->sync;
  struct env env = {.get = get_env, .arg = &dray->options};
  struct shard shard = {1, 1};
  enum dray_status status = DRAY_USAGE;
  assert(rc != 0 || run->mirror);
  if (rc == 0 && sync->shard)
    rc = shard_parse(sync->shard, sync->shards, &env, &shard, &dray->err);
  if (rc == 0)
    rc = configure(dray, run->mirror, &dray->err);
  if (rc == 0)
    rc = read_lock(run, &dray->err);
  if (rc == 0)
    status = carry_out(run, &shard);
  lock_free(run->before);
  lock_free(run->after);
  mirror_free(run->mirror);
  return engine_end(dray, status);
}

static int read_mirrors(struct run *run, struct err *err) {
  const struct dray_sync *sync = run->sync;
  struct foreign_options options = {.to = sync->to,
                                    .scoped = sync->scoped,
                                    .auth_name = sync->auth,
                                    .file = on_file,
                                    .warn = on_warning,
                                    .warn_arg = run->dray};
  char *auth = NULL;
  int rc = sync->auth ? read_text(sync->auth, FILE_MAX, &auth, &options.auth_len, err) : 0;
  options.auth_text = auth;
  for (const char *const *file = sync->files; rc == 0 && *file; file++)
    rc = read_mirror(run, *file, &options, err);
  mem_wipe(auth, auth ? options.auth_len : 0);
  free(auth);
  return rc;
}

enum dray_status dray_sync(struct dray *dray, const struct dray_sync *sync) {
  struct run run = {.dray = dray, .sync = sync};
  engine_begin(dray);
  int rc = check_flags(sync, &dray->err);
  if (rc == 0)
    rc = read_mirrors(&run, &dray->err);
  return finish(&run, rc);
}

enum dray_status dray_copy_tags(struct dray *dray, const char *source, const char *const *targets,
                                const struct dray_selection *wanted) {
  struct dray_sync none = {0};
  struct run run = {.dray = dray, .sync = &none};
  engine_begin(dray);
  struct selection *selection = engine_selection(wanted, &dray->err);
  int rc = selection ? pairs_repository(source, targets, selection, &run.mirror, &dray->err) : -1;
  return finish(&run, rc);
}

enum dray_status dray_copy_list(struct dray *dray, const char *path) {
  struct dray_sync none = {0};
  struct run run = {.dray = dray, .sync = &none};
  char *text;
  size_t len;
  engine_begin(dray);
  int rc = read_text(path, PAIRS_MAX, &text, &len, &dray->err);
  if (rc == 0) {
    rc = pairs_parse(strcmp(path, "-") == 0 ? "standard input" : path, text, len, &run.mirror,
                     &dray->err);
    free(text);
  }
  return finish(&run, rc);
}
