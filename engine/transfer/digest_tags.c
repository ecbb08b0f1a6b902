#include "transfer/digest_tags.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"
#include "oci/profile.h"
#include "transfer/tag_list.h"

struct repo_tags {
  struct digest_tags *all;
  struct oci_repo repo; /* its own */
  struct list waiting;
  struct tag_list *list;
  struct map *tags; /* tag → anything */
  bool canceled;
  bool complete;
};

struct digest_tags {
  struct transfer *transfer;
  struct map *repos; /* HOST/PATH → struct repo_tags */
};

static char *key_of(const struct oci_repo *repo) {
  return mem_printf("%s/%s", repo->host, repo->path);
}

static struct repo_tags *find(const struct digest_tags *all, const struct oci_repo *repo) {
  char *key = key_of(repo);
  struct repo_tags *found = map_get(all->repos, key);
  free(key);
  return found;
}

static void repo_free(void *value) {
  struct repo_tags *repo = value;
  assert(!repo->list && list_empty(&repo->waiting));
  map_free(repo->tags, NULL);
  free(repo->repo.host);
  free(repo->repo.path);
  free(repo);
}

struct digest_tags *digest_tags_new(struct transfer *transfer) {
  struct digest_tags *all = mem_zalloc(sizeof *all);
  all->transfer = transfer;
  all->repos = map_new();
  return all;
}

void digest_tags_free(struct digest_tags *all) {
  if (!all)
    return;
  map_free(all->repos, repo_free);
  free(all);
}

void digest_tags_forget(struct digest_tags *all) {
  map_free(all->repos, repo_free);
  all->repos = map_new();
}

static void on_known(struct ready *ready) {
  struct digest_tags_wait *wait = list_entry(ready, struct digest_tags_wait, ready);
  wait->known(wait);
}

static void tell(struct digest_tags_wait *wait) {
  list_remove(&wait->node);
  loop_ready(wait->all->transfer->loop, &wait->ready);
}

static void on_page(void *arg, const char *tags, size_t count) {
  struct repo_tags *repo = arg;
  for (const char *tag = tags; count--; tag += strlen(tag) + 1)
    if (text_starts(tag, "sha256-") || text_starts(tag, "sha512-"))
      map_put(repo->tags, tag, repo);
}

static void on_listed(void *arg, const struct err *err) {
  struct repo_tags *repo = arg;
  struct digest_tags *all = repo->all;
  repo->list = NULL;
  repo->complete = !err;
  list_each_safe(node, &repo->waiting) tell(list_entry(node, struct digest_tags_wait, node));
  if (repo->canceled) { /* it is listed anew by whoever asks next */
    char *key = key_of(&repo->repo);
    map_remove(all->repos, key);
    free(key);
    repo_free(repo);
  }
}

void digest_tags_ask(struct digest_tags *all, const struct oci_repo *of,
                     struct digest_tags_wait *wait) {
  struct repo_tags *repo = find(all, of);
  wait->all = all;
  list_init(&wait->node);
  ready_init(&wait->ready, on_known);
  if (!repo) {
    char *key = key_of(of);
    repo = mem_zalloc(sizeof *repo);
    repo->all = all;
    repo->repo = (struct oci_repo){mem_strdup(of->host), mem_strdup(of->path)};
    repo->tags = map_new();
    list_init(&repo->waiting);
    map_put(all->repos, key, repo);
    free(key);
    if (oci_profile(of->host)->tags_cheap)
      repo->list = tag_list_start(&(struct tag_list_spec){.transfer = all->transfer,
                                                          .repo = &repo->repo,
                                                          .page = on_page,
                                                          .done = on_listed,
                                                          .arg = repo});
  }
  wait->repo = repo;
  list_push(&repo->waiting, &wait->node);
  if (!repo->list)
    tell(wait);
}

void digest_tags_cancel(struct digest_tags_wait *wait) {
  struct repo_tags *repo = wait->repo;
  if (list_empty(&wait->node)) /* it is told by now */
    return;
  if (repo->waiting.next != repo->waiting.prev) {
    tell(wait);
  } else if (!repo->canceled) {
    repo->canceled = true;
    tag_list_cancel(repo->list);
  }
}

enum digest_tag digest_tags_find(const struct digest_tags *all, const struct oci_repo *of,
                                 const char *tag) {
  const struct repo_tags *repo = find(all, of);
  if (repo && map_get(repo->tags, tag))
    return DIGEST_TAG_THERE;
  return repo && repo->complete ? DIGEST_TAG_MISSING : DIGEST_TAG_UNKNOWN;
}
