/* transfer/manifest_tree.h - all that an image's root manifest reaches, brought to n targets bottom
 * up: blobs, then the manifests that name them, then the indexes above, the root (and with it the
 * tag) last. Manifests travel as the bytes that were received.
 *   node, once for all targets: fetch it if one lacks it
 *   leg, of each target: (another image brings it?) → check → parts (children, blobs) → put
 * What several targets lack of a manifest is wanted for them together, so that it is read once; one
 * whose check is late for TREE_HOLD_MS is not waited for. A target that fails drops out, with its
 * own error; the source's are those of all who need what it did not give.
 * Bounded: 8 levels of nesting, 16 manifests being read at once, 8 MiB of
 * them held (one is always let through). Thread: the loop's. All callbacks run from the ready
 * queue. */
#ifndef DRAY_TRANSFER_MANIFEST_TREE_H
#define DRAY_TRANSFER_MANIFEST_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "oci/digest.h"
#include "oci/manifest.h"
#include "transfer/manifest_push.h"
#include "transfer/transfer.h"

enum { TREE_TARGETS_MAX = 16, TREE_HOLD_MS = 20000 };

struct manifest_tree;

struct manifest_target {
  const struct oci_repo *repo;
  const char *put_as;   /* the tag, or the digest */
  bool has_root;        /* and what it has under that name is the root */
  bool check_manifests; /* children may be at the target already: HEAD before they are fetched */
  bool check_blobs;     /* so may blobs */
};

/* Borrowed, for the life of the tree; targets too. */
struct manifest_tree_spec {
  struct transfer *transfer;
  const struct oci_repo *src;
  const struct manifest_body *root; /* already fetched and checked */
  const struct manifest_target *targets;
  size_t target_count; /* 1..TREE_TARGETS_MAX */
  uint64_t order;      /* the image's place in the plan: it waits only for earlier ones */
  /* Everything that the tree reaches is known now (once, before target_done, unless it fails). */
  void (*planned)(void *arg, size_t target);
  /* Exactly once for each; err NULL: the root is there under put_as (dry run: could be). */
  void (*target_done)(void *arg, size_t target, const struct err *err);
  void (*done)(void *arg); /* exactly once: all have ended, and nothing is under way */
  void *arg;
};

struct manifest_counts {
  unsigned manifests, blobs;               /* distinct ones */
  unsigned pushed;                         /* manifests that had to be put */
  unsigned transferred, mounted, existing; /* blobs */
  unsigned resumed;                        /* of those transferred */
  uint64_t pulls;                          /* manifests fetched from the source */
  uint64_t total_bytes;                    /* of all blobs */
  uint64_t missing_bytes;                  /* of blobs that had to be sent */
  uint64_t sent_bytes;                     /* blob bytes handed to the target */
};

static inline void manifest_counts_add(struct manifest_counts *to,
                                       const struct manifest_counts *more) {
  to->manifests += more->manifests;
  to->blobs += more->blobs;
  to->pushed += more->pushed;
  to->transferred += more->transferred;
  to->mounted += more->mounted;
  to->existing += more->existing;
  to->pulls += more->pulls;
  to->total_bytes += more->total_bytes;
  to->missing_bytes += more->missing_bytes;
  to->sent_bytes += more->sent_bytes;
}

struct manifest_tree *manifest_tree_start(const struct manifest_tree_spec *spec);
void manifest_tree_cancel(struct manifest_tree *tree); /* the targets end with ERR_CANCELED */
void manifest_tree_free(struct manifest_tree *tree);   /* after done only; allowed in it */
/* Of one target, without pulls. */
const struct manifest_counts *manifest_tree_counts(const struct manifest_tree *tree, size_t target);
uint64_t manifest_tree_pulls(const struct manifest_tree *tree); /* for all, without the root */

#endif
