#include "sync/target_repo.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "oci/profile.h"
#include "transfer/tag_list.h"

struct target_repos {
  struct transfer *transfer;
  struct map *by_name; /* HOST/PATH, the host in lower case → struct target_repo */
};

struct target_repo *target_repos_find(const struct target_repos *all, const struct oci_repo *repo) {
  char *name = oci_repo_key(repo);
  struct target_repo *found = map_get(all->by_name, name);
  free(name);
  return found;
}

static void add_pair(struct target_repos *all, const struct mirror_rule *rule,
                     const struct mirror_source *source, const struct oci_repo *to) {
  char *name = oci_repo_key(to);
  struct target_repo *repo = map_get(all->by_name, name);
  if (!repo) {
    repo = mem_zalloc(sizeof *repo);
    repo->all = all;
    repo->repo = (struct oci_repo){.host = mem_strdup(to->host), .path = mem_strdup(to->path)};
    repo->tags = map_new();
    list_init(&repo->listeners);
    map_put(all->by_name, name, repo);
  }
  free(name);
  repo->pairs++;
  if (mirror_is_repository(source))
    repo->repositories = true;
  else
    repo->images++;
  if (rule->delete &&!repo->prune) {
    repo->prune = true;
    repo->rule = rule;
  }
}

struct target_repos *target_repos_new(struct transfer *transfer, const struct mirror *mirror) {
  struct target_repos *all = mem_zalloc(sizeof *all);
  all->transfer = transfer;
  all->by_name = map_new();
  for (size_t r = 0; r < mirror->rule_count; r++) {
    const struct mirror_rule *rule = &mirror->rules[r];
    for (size_t i = 0; i < rule->source_count * rule->target_count; i++) {
      const struct mirror_source *source = &rule->sources[i / rule->target_count];
      const struct mirror_target *target = &rule->targets[i % rule->target_count];
      struct oci_ref ref = {0};
      if (!target_has_repo_by_tag(target->target) && mirror_expand(source, target, &ref, NULL) == 0)
        add_pair(all, rule, source, &ref.repo);
      oci_ref_free(&ref);
    }
  }
  return all;
}

static void repo_free(void *value) {
  struct target_repo *repo = value;
  free(repo->repo.host);
  free(repo->repo.path);
  map_free(repo->tags, NULL);
  free(repo);
}

void target_repos_free(struct target_repos *all) {
  if (!all)
    return;
  map_free(all->by_name, repo_free);
  free(all);
}

struct target_repo *target_repos_next(const struct target_repos *all, size_t *cursor) {
  void *repo;
  return map_next(all->by_name, cursor, NULL, &repo) ? repo : NULL;
}

/* -- listing -- */

static void on_page(void *arg, const char *tags, size_t count) {
  struct target_repo *repo = arg;
  for (size_t i = 0; i < count; i++, tags += strlen(tags) + 1)
    if (!map_get(repo->tags, tags))
      map_put(repo->tags, tags, repo->all);
}

/* Nothing will get through to it, or only perhaps? */
static enum target_listing verdict(const struct err *err) {
  switch (err->code) {
  case ERR_NONE:
  case ERR_NOT_FOUND:
    return TARGET_LISTED;
  case ERR_CANCELED:
  case ERR_RESOLVE:
  case ERR_CONNECT:
  case ERR_TLS:
  case ERR_TIMEOUT:
  case ERR_NETWORK:
  case ERR_SERVER:
  case ERR_RATE_LIMITED:
  case ERR_CONFIG:
    return TARGET_UNREACHABLE;
  case ERR_USAGE:
  case ERR_UNAUTHORIZED: /* some say that of what is merely absent: a push will tell */
  case ERR_DENIED:
  case ERR_REFUSED:
  case ERR_PROTOCOL:
  case ERR_DIGEST:
  case ERR_TOO_LARGE:
  case ERR_UNSUPPORTED:
  case ERR_IO:
  case ERR_CODES:
    break;
  }
  return TARGET_OPAQUE;
}

static void tell(struct target_repo *repo) {
  struct list *node;
  while ((node = list_pop(&repo->listeners)))
    loop_ready(repo->all->transfer->loop, &list_entry(node, struct target_listener, node)->ready);
}

static void on_listed(void *arg, const struct err *err) {
  struct target_repo *repo = arg;
  repo->list = NULL;
  repo->err.code = ERR_NONE;
  if (err)
    repo->err = *err;
  repo->listing = verdict(&repo->err);
  repo->had = map_count(repo->tags);
  tell(repo);
}

static void on_ready(struct ready *ready) {
  struct target_listener *listener = list_entry(ready, struct target_listener, ready);
  listener->listed(listener);
}

bool target_repo_list(struct target_repo *repo, struct target_listener *listener) {
  if (repo->listing == TARGET_UNASKED && !oci_profile(repo->repo.host)->tags_cheap)
    repo->listing = TARGET_OPAQUE;
  if (repo->listing != TARGET_UNASKED && repo->listing != TARGET_LISTING)
    return false;
  ready_init(&listener->ready, on_ready);
  list_init(&listener->node);
  list_push(&repo->listeners, &listener->node);
  if (repo->listing == TARGET_UNASKED) {
    repo->listing = TARGET_LISTING;
    repo->list = tag_list_start(&(struct tag_list_spec){.transfer = repo->all->transfer,
                                                        .repo = &repo->repo,
                                                        .push = true,
                                                        .page = on_page,
                                                        .done = on_listed,
                                                        .arg = repo});
  }
  return true;
}

void target_repos_cancel(struct target_repos *all) {
  struct target_repo *repo;
  for (size_t i = 0; (repo = target_repos_next(all, &i));)
    if (repo->list)
      tag_list_cancel(repo->list);
}

/* -- tags -- */

enum tag_knowledge target_repo_knows(const struct target_repo *repo, const char *tag) {
  if (!repo || repo->listing != TARGET_LISTED || !tag)
    return TAG_UNKNOWN;
  return map_get(repo->tags, tag) ? TAG_PRESENT : TAG_ABSENT;
}

bool target_repo_is_empty(const struct target_repo *repo) {
  return repo && repo->listing == TARGET_LISTED && !repo->had;
}

void target_repo_release(struct target_repo *repo) {
  if (--repo->pairs || repo->prune)
    return;
  map_free(repo->tags, NULL);
  repo->tags = map_new();
  repo->listing = TARGET_OPAQUE;
}

void target_repo_keep(struct target_repo *repo, const char *tag) {
  if (repo->prune)
    map_put(repo->tags, tag, repo);
}

bool target_repo_keeps(const struct target_repo *repo, const char *tag) {
  return map_get(repo->tags, tag) == repo;
}
