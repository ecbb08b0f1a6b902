/* transfer/manifest_tree.h - all that an image's root manifest reaches, brought to the target
 * bottom up: blobs, then the manifests that name them, then the indexes above, the root (and with
 * it the tag) last. Manifests travel as the bytes that were received.
 *   node: check → fetch → parts (children, blobs) → put → (a part unknown? pause → look → put)
 * Bounded: 8 levels of nesting, 16 manifests being read at once, 8 MiB of
 * them held (one is always let through). Thread: the loop's. done runs from the ready queue. */
#ifndef DRAY_TRANSFER_MANIFEST_TREE_H
#define DRAY_TRANSFER_MANIFEST_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "oci/digest.h"
#include "oci/manifest.h"
#include "transfer/transfer.h"

struct manifest_tree;

/* Borrowed, for the life of the tree. */
struct manifest_tree_spec {
  struct transfer *transfer;
  const struct oci_repo *src, *dst;
  bool check_manifests; /* children may be at the target already: HEAD before they are fetched */
  bool check_blobs;     /* so may blobs */
  /* The root, already fetched and checked. */
  struct oci_digest digest;
  char *bytes;
  size_t len;
  struct oci_manifest *parsed;
  const char *put_as; /* the tag, or the digest */
  /* Everything that the tree reaches is known now (once, before done, unless it fails). */
  void (*planned)(void *arg);
  /* Exactly once; err NULL: the root is there under put_as (dry run: could be). */
  void (*done)(void *arg, const struct err *err);
  void *arg;
};

struct manifest_counts {
  unsigned manifests, blobs;               /* distinct ones */
  unsigned transferred, mounted, existing; /* blobs */
  uint64_t pulls;                          /* manifests fetched from the source, without the root */
  uint64_t total_bytes;                    /* of all blobs */
  uint64_t missing_bytes;                  /* of blobs that had to be sent */
  uint64_t sent_bytes;                     /* blob bytes handed to the target */
};

struct manifest_tree *manifest_tree_start(const struct manifest_tree_spec *spec);
void manifest_tree_cancel(struct manifest_tree *tree); /* done follows with ERR_CANCELED */
void manifest_tree_free(struct manifest_tree *tree);   /* after done only */
const struct manifest_counts *manifest_tree_counts(const struct manifest_tree *tree);

#endif
