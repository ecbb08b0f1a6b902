/* sync/target_repo.h - the repositories that rules copy to: what they have, each listed once and by
 * whoever asks first, and which of their tags are to stay.
 * Thread: the loop's. Listeners run from the ready queue. */
#ifndef DRAY_SYNC_TARGET_REPO_H
#define DRAY_SYNC_TARGET_REPO_H

#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"
#include "sync/mirror.h"
#include "transfer/image_copy.h"

enum target_listing {
  TARGET_UNASKED,
  TARGET_LISTING,
  TARGET_LISTED,     /* empty, where there is no such repository */
  TARGET_OPAQUE,     /* no list to be had: it may have anything */
  TARGET_UNREACHABLE /* and so will be what is sent to it; err says why */
};

struct target_repo {
  struct target_repos *all;
  struct oci_repo repo;
  struct list listeners;
  struct tag_list *list;
  enum target_listing listing;
  struct map *tags; /* once listed: tag → anything; those that are to stay map to the repository */
  size_t had;       /* tags, when it was listed */
  size_t pairs;     /* with sources, that have not been released */
  size_t images;    /* single ones that go there, by the rules */
  bool repositories;  /* whole ones go there too */
  bool prune;         /* a rule wants the others deleted … */
  const char *spared; /* … but not in this run: why; NULL: nothing speaks against it */
  const struct mirror_rule *rule; /* the first that wants it; for messages */
  struct err err;
};

struct target_repos; /* all of them */

/* Borrows both. Targets whose repository depends on the tag are not among them. */
struct target_repos *target_repos_new(struct transfer *transfer, const struct mirror *mirror);
void target_repos_free(struct target_repos *all); /* no listing may be under way; NULL is fine */

/* NULL: not among them. */
struct target_repo *target_repos_find(const struct target_repos *all, const struct oci_repo *repo);

/* In any order: `for (size_t i = 0; (repo = target_repos_next(all, &i));)`. */
struct target_repo *target_repos_next(const struct target_repos *all, size_t *cursor);

/* A plain member of whoever waits. */
struct target_listener {
  struct list node;
  struct ready ready;
  void (*listed)(struct target_listener *);
};

/* Lists it, unless that has been done. False: there is nothing to wait for; else listed follows. */
bool target_repo_list(struct target_repo *repo, struct target_listener *listener);
void target_repos_cancel(struct target_repos *all); /* those under way: TARGET_UNREACHABLE */

/* What is known of a tag; repo may be NULL. */
enum tag_knowledge target_repo_knows(const struct target_repo *repo, const char *tag);
bool target_repo_is_empty(const struct target_repo *repo); /* or it may be NULL */

/* One of its sources has given out all its tags: with the last one those of the repository are
 * forgotten, unless it is to be pruned. */
void target_repo_release(struct target_repo *repo);

/* A tag that a rule wants there. */
void target_repo_keep(struct target_repo *repo, const char *tag);
bool target_repo_keeps(const struct target_repo *repo, const char *tag);

#endif
