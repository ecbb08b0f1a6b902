#include "sync/discovery.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/mem.h"
#include "oci/referrers.h"
#include "sync/claims.h"
#include "transfer/tag_list.h"

enum {
  OPEN_MAX = 32, /* sources in hand: listed ahead of what is being copied */
  FEW_IMAGES = 3 /* single images for one repository: fewer are asked for one by one */
};

enum job_state {
  JOB_TARGETS, /* are being listed, and the source beside them */
  JOB_TAGS     /* can be given out as they come */
};

/* A source of a rule in hand. */
struct job {
  struct list node;
  struct ready ready;
  struct discovery *discovery;
  enum job_state state;
  const struct mirror_rule *rule;
  const struct mirror_source *source;
  struct tag_list *list;
  bool listed; /* all its tags are known */
  struct err err;
  struct buf tags;     /* one behind the other, each ended by a NUL */
  const char **chosen; /* with newest: those that are left, in order; else NULL */
  size_t at, end; /* of what is still to be given out: in tags, in chosen, or in the lock's lines */
  size_t given;   /* images */
  unsigned waiting;     /* for the lists of so many targets */
  struct oci_ref image; /* in hand: … */
  bool in_hand;
  size_t target; /* … and has still to go to this target and those behind it */
  struct job_target {
    struct job *job;
    struct target_listener listener;
    struct target_repo *repo; /* NULL: it depends on the tag */
    bool lost;                /* nothing can be brought there */
  } targets[];
};

struct discovery {
  struct discovery_spec spec;
  struct claims *claims;
  struct shard_plan *shards;
  const struct lock_entry **locked; /* by source, then digest */
  size_t locked_count;
  struct list jobs;
  unsigned open;
  size_t rule, source; /* the next one to be opened */
  bool canceled;
};

static int by_source(const void *a, const void *b) {
  const struct lock_entry *left = *(const struct lock_entry *const *)a,
                          *right = *(const struct lock_entry *const *)b;
  int order = strcmp(left->source, right->source);
  return order ? order : strcmp(left->digest, right->digest);
}

static void sort_locked(struct discovery *discovery, const struct lock *lock) {
  const struct lock_entry *entry;
  discovery->locked = mem_zalloc((lock_count(lock) + 1) * sizeof(void *));
  for (size_t i = 0; (entry = lock_next(lock, &i));)
    discovery->locked[discovery->locked_count++] = entry;
  qsort(discovery->locked, discovery->locked_count, sizeof(void *), by_source);
}

struct discovery *discovery_new(const struct discovery_spec *spec) {
  struct discovery *discovery = mem_zalloc(sizeof *discovery);
  discovery->spec = *spec;
  discovery->claims = claims_new(spec->mirror);
  discovery->shards = spec->shard ? shard_plan_new(spec->mirror) : NULL;
  if (spec->locked)
    sort_locked(discovery, spec->locked);
  list_init(&discovery->jobs);
  return discovery;
}

static void job_free(struct job *job) {
  assert(!job->list);
  list_remove(&job->node);
  job->discovery->open--;
  ready_cancel(&job->ready);
  buf_free(&job->tags);
  free(job->chosen);
  oci_ref_free(&job->image);
  free(job);
}

void discovery_free(struct discovery *discovery) {
  if (!discovery)
    return;
  list_each_safe(node, &discovery->jobs) job_free(list_entry(node, struct job, node));
  claims_free(discovery->claims);
  shard_plan_free(discovery->shards);
  free(discovery->locked);
  free(discovery);
}

bool discovery_has(const struct discovery *discovery, const struct oci_repo *source) {
  return !discovery->shards || shard_plan_has(discovery->shards, discovery->spec.shard, source);
}

/* -- a source in hand -- */

static void become(struct job *job, enum job_state state) {
  job->state = state;
  loop_ready(job->discovery->spec.transfer->loop, &job->ready);
}

static void fail(const struct job *job, size_t target, const struct err *err) {
  const struct discovery *discovery = job->discovery;
  struct oci_ref ref;
  mirror_expand(job->source, &job->rule->targets[target], &ref, NULL);
  discovery->spec.failed(discovery->spec.arg, job->source, &ref, err);
  oci_ref_free(&ref);
}

/* What is not known to be wanted must not be deleted. */
static void spare_targets(struct job *job, const char *why) {
  for (size_t i = 0; i < job->rule->target_count; i++)
    if (job->targets[i].repo && !job->targets[i].repo->spared)
      job->targets[i].repo->spared = why;
}

static void warn_slow(struct job *job, const char *pattern) {
  log_at(job->discovery->spec.transfer->log, LOG_WARN,
         "%s/%s: %s is too hard for some tags, which it does not fit then",
         job->source->ref.repo.host, job->source->ref.repo.path, pattern);
  spare_targets(job, "a pattern was given up");
}

/* The index of referrers that stands under a tag of its own is added to at a target, with each image
 * that it is about: as a tag among others it would take the place of what the target has there. */
static bool is_index_of_referrers(const struct job *job, const char *tag) {
  const char *suffix = oci_referrers_suffix(tag);
  return suffix && !*suffix && batch_wants_referrers(job->discovery->spec.terms, job->rule);
}

static void on_page(void *arg, const char *tags, size_t count) {
  struct job *job = arg;
  bool all = selection_newest(job->rule->tags) > 0;
  const char *gave_up = NULL;
  for (size_t i = 0; i < count; i++) {
    size_t size = strlen(tags) + 1;
    if (!is_index_of_referrers(job, tags) &&
        (all || selection_wants(job->rule->tags, tags, &gave_up)))
      buf_add(&job->tags, tags, size);
    tags += size;
  }
  if (gave_up)
    warn_slow(job, gave_up);
  if (!all)
    job->end = job->tags.len;
  loop_ready(job->discovery->spec.transfer->loop, &job->ready);
}

static void choose_newest(struct job *job) {
  const char *gave_up = NULL, *tags = buf_str(&job->tags);
  size_t count = 0;
  for (size_t at = 0; at < job->tags.len; at += strlen(tags + at) + 1)
    count++;
  job->chosen = mem_zalloc((count + 1) * sizeof *job->chosen);
  for (size_t i = 0; i < count; i++, tags += strlen(tags) + 1)
    job->chosen[i] = tags;
  job->end = selection_apply(job->rule->tags, job->chosen, count, &gave_up);
  if (gave_up)
    warn_slow(job, gave_up);
}

static void on_listed(void *arg, const struct err *err) {
  struct job *job = arg;
  job->list = NULL;
  job->listed = true;
  if (err)
    job->err = *err;
  else if (selection_newest(job->rule->tags))
    choose_newest(job);
  loop_ready(job->discovery->spec.transfer->loop, &job->ready);
}

static void on_target(struct target_listener *listener) {
  struct job_target *target = list_entry(listener, struct job_target, listener);
  target->job->waiting--;
  loop_ready(target->job->discovery->spec.transfer->loop, &target->job->ready);
}

static void look_at_targets(struct job *job) {
  for (size_t i = 0; i < job->rule->target_count; i++) {
    struct job_target *target = &job->targets[i];
    struct oci_ref ref = {0};
    target->job = job;
    target->listener.listed = on_target;
    if (mirror_expand(job->source, &job->rule->targets[i], &ref, NULL) == 0)
      target->repo = target_repos_find(job->discovery->spec.targets, &ref.repo);
    oci_ref_free(&ref);
    if (target->repo && (target->repo->repositories || target->repo->images >= FEW_IMAGES) &&
        target_repo_list(target->repo, &target->listener))
      job->waiting++;
  }
}

static void drop_lost_targets(struct job *job) {
  for (size_t i = 0; i < job->rule->target_count; i++) {
    const struct target_repo *repo = job->targets[i].repo;
    job->targets[i].lost = repo && repo->listing == TARGET_UNREACHABLE;
    if (job->targets[i].lost)
      fail(job, i, &repo->err);
  }
}

/* Tags that have come are copied, but there may be more. */
static void give_up(struct job *job) {
  spare_targets(job, "its source could not be listed");
  for (size_t i = 0; i < job->rule->target_count; i++)
    if (!job->targets[i].lost)
      fail(job, i, &job->err);
  job->err.code = ERR_NONE;
}

static void job_step(struct ready *ready) {
  struct job *job = list_entry(ready, struct job, ready);
  struct discovery *discovery = job->discovery;
  switch (job->state) {
  case JOB_TARGETS:
    if (job->waiting)
      return;
    drop_lost_targets(job);
    become(job, JOB_TAGS);
    return;
  case JOB_TAGS:
    if (job->listed && job->err.code != ERR_NONE)
      give_up(job);
    discovery->spec.ready(discovery->spec.arg);
    return;
  }
}

static void list_source(struct job *job) {
  job->listed = false;
  job->list = tag_list_start(&(struct tag_list_spec){.transfer = job->discovery->spec.transfer,
                                                     .repo = &job->source->ref.repo,
                                                     .page = on_page,
                                                     .done = on_listed,
                                                     .arg = job});
}

/* The lines of the lock whose source is this image, or one of this repository. */
static void find_locked(struct job *job) {
  const struct discovery *discovery = job->discovery;
  char *name = oci_ref_format(&job->source->ref);
  bool repository = mirror_is_repository(job->source);
  char *first = mem_printf("%s%s", name, repository ? ":" : "");
  size_t len = strlen(first);
  while (job->at < discovery->locked_count && strcmp(discovery->locked[job->at]->source, first) < 0)
    job->at++;
  for (job->end = job->at; job->end < discovery->locked_count; job->end++) {
    const char *source = discovery->locked[job->end]->source;
    if (repository ? strncmp(source, first, len) != 0 : strcmp(source, first) != 0)
      break;
  }
  free(first);
  free(name);
}

static void job_open(struct discovery *discovery, const struct mirror_rule *rule,
                     const struct mirror_source *source) {
  struct job *job = mem_zalloc(sizeof *job + rule->target_count * sizeof(struct job_target));
  job->discovery = discovery;
  job->rule = rule;
  job->source = source;
  ready_init(&job->ready, job_step);
  buf_init(&job->tags, SIZE_MAX);
  list_push(&discovery->jobs, &job->node);
  discovery->open++;
  look_at_targets(job);
  job->listed = true;
  if (discovery->spec.locked)
    find_locked(job);
  else if (!mirror_is_repository(source))
    job->end = 1;
  else
    list_source(job);
  become(job, JOB_TARGETS);
}

/* -- images -- */

/* The next image that the source has for us. */
static enum batch_feed take_image(struct job *job) {
  const struct oci_ref *source = &job->source->ref;
  const char *tag = NULL;
  if (job->at == job->end)
    return job->listed ? BATCH_END : BATCH_LATER;
  oci_ref_free(&job->image);
  oci_ref_copy(&job->image, source);
  if (job->chosen) {
    tag = job->chosen[job->at++];
  } else if (mirror_is_repository(job->source)) {
    tag = buf_str(&job->tags) + job->at;
    job->at += strlen(tag) + 1;
  } else {
    job->at++;
  }
  if (tag)
    job->image.tag = mem_strdup(tag);
  job->target = 0;
  job->in_hand = true;
  job->given++;
  return BATCH_IMAGE;
}

static void add_target(struct batch_image *image, struct oci_ref *ref, struct target_repo *repo) {
  size_t i = image->target_count++;
  image->dst[i] = *ref;
  image->targets[i] = (struct image_target){.tag = target_repo_knows(repo, ref->tag),
                                            .empty = target_repo_is_empty(repo)};
  if (repo && ref->tag)
    target_repo_keep(repo, ref->tag);
}

/* The next targets of the image in hand; may be none. */
static void fill(struct job *job, struct batch_image *image) {
  const struct mirror_rule *rule = job->rule;
  struct discovery *discovery = job->discovery;
  image->rule = rule;
  oci_ref_copy(&image->src, &job->image);
  for (; job->target < rule->target_count && image->target_count < IMAGE_TARGETS_MAX;
       job->target++) {
    struct oci_ref ref;
    struct err err;
    if (job->targets[job->target].lost)
      continue;
    if (target_expand(rule->targets[job->target].target, &job->image, &ref, &err) == 0 &&
        claims_add(discovery->claims, rule, job->source, &job->image, &ref, &err) == 0) {
      add_target(image, &ref, job->targets[job->target].repo);
      continue;
    }
    discovery->spec.failed(discovery->spec.arg, job->source, &ref, &err);
    oci_ref_free(&ref);
  }
  job->in_hand = job->target < rule->target_count;
}

/* Which target of the rule is a locked one? target_count: none. */
static size_t find_target(const struct job *job, const struct oci_ref *source, const char *locked) {
  size_t found = 0;
  for (bool same = false; found < job->rule->target_count; found++) {
    struct oci_ref ref;
    if (target_expand(job->rule->targets[found].target, source, &ref, NULL) == 0) {
      char *text = oci_ref_format(&ref);
      same = strcmp(text, locked) == 0;
      free(text);
    }
    oci_ref_free(&ref);
    if (same)
      break;
  }
  return found;
}

static void add_locked(struct job *job, struct batch_image *image, const struct lock_entry *entry) {
  struct oci_ref ref;
  size_t target = find_target(job, &image->src, entry->target);
  if (target == job->rule->target_count || job->targets[target].lost)
    return;
  oci_ref_parse(entry->target, &ref, NULL); /* the lock has checked it */
  add_target(image, &ref, job->targets[target].repo);
}

/* Of the lock: lines with the same source and digest are one image. */
static void fill_locked(struct job *job, struct batch_image *image) {
  const struct lock_entry **lines = job->discovery->locked, *first = lines[job->at];
  image->rule = job->rule;
  oci_ref_parse(first->source, &image->src, NULL);
  bool wanted =
      !mirror_is_repository(job->source) || selection_wants(job->rule->tags, image->src.tag, NULL);
  for (; job->at < job->end && image->target_count < IMAGE_TARGETS_MAX &&
         strcmp(lines[job->at]->source, first->source) == 0 &&
         strcmp(lines[job->at]->digest, first->digest) == 0;
       job->at++)
    if (wanted)
      add_locked(job, image, lines[job->at]);
  image->locked = image->src.tag && !oci_digest_is_set(&image->src.digest);
  oci_digest_parse(first->digest, strlen(first->digest), &image->src.digest, NULL);
  job->given += image->target_count;
}

static enum batch_feed job_next(struct job *job, struct batch_image *image) {
  while (job->state == JOB_TAGS && !job->discovery->canceled) {
    if (job->discovery->locked) {
      if (job->at == job->end)
        return BATCH_END;
      fill_locked(job, image);
    } else {
      enum batch_feed feed = job->in_hand ? BATCH_IMAGE : take_image(job);
      if (feed != BATCH_IMAGE)
        return feed;
      fill(job, image);
    }
    if (image->target_count)
      return BATCH_IMAGE;
    oci_ref_free(&image->src);
  }
  return job->state == JOB_TAGS && job->listed ? BATCH_END : BATCH_LATER;
}

/* -- all of them -- */

static bool open_next(struct discovery *discovery) {
  const struct mirror *mirror = discovery->spec.mirror;
  while (discovery->rule < mirror->rule_count) {
    const struct mirror_rule *rule = &mirror->rules[discovery->rule];
    if (discovery->source == rule->source_count) {
      discovery->rule++;
      discovery->source = 0;
      continue;
    }
    const struct mirror_source *source = &rule->sources[discovery->source++];
    if (!discovery_has(discovery, &source->ref.repo))
      continue;
    job_open(discovery, rule, source);
    return true;
  }
  return false;
}

static void close_job(struct job *job) {
  if (!job->given)
    spare_targets(job, "nothing is chosen for it");
  if (job->discovery->canceled)
    spare_targets(job, "the run was stopped");
  for (size_t i = 0; i < job->rule->target_count; i++)
    if (job->targets[i].repo)
      target_repo_release(job->targets[i].repo);
  job_free(job);
}

enum batch_feed discovery_next(void *arg, struct batch_image *image) {
  struct discovery *discovery = arg;
  list_each_safe(node, &discovery->jobs) {
    struct job *job = list_entry(node, struct job, node);
    enum batch_feed feed = job_next(job, image);
    if (feed == BATCH_IMAGE)
      return feed;
    if (feed == BATCH_END)
      close_job(job);
  }
  while (!discovery->canceled && discovery->open < OPEN_MAX && open_next(discovery))
    ;
  return list_empty(&discovery->jobs) ? BATCH_END : BATCH_LATER;
}

void discovery_cancel(struct discovery *discovery) {
  discovery->canceled = true;
  target_repos_cancel(discovery->spec.targets);
  list_each_safe(node, &discovery->jobs) {
    struct job *job = list_entry(node, struct job, node);
    if (job->list)
      tag_list_cancel(job->list);
    loop_ready(discovery->spec.transfer->loop, &job->ready);
  }
}
