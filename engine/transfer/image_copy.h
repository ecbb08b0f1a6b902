/* transfer/image_copy.h - copy one image to one or more targets, digest unchanged unless only some
 * platforms are wanted.
 *   each target: what does it have? ┐
 *   the source: what is there?      ┴→ same: done. Else the tree below it → done
 * The source is asked once for all targets: by GET as soon as one is known to lack the image, by
 * HEAD when all that have answered have one to compare with. Where platforms are chosen it is asked
 * by GET at once, since the index tells what the targets are to have: one platform's own manifest,
 * or an index that has only the wanted ones. What is no index is copied as it is.
 * Thread: the loop's. planned, target_done and done run from the ready queue.
 * Source: OCI distribution-spec v1.1, "Pull", "Push". */
#ifndef DRAY_TRANSFER_IMAGE_COPY_H
#define DRAY_TRANSFER_IMAGE_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "oci/platform.h"
#include "oci/ref.h"
#include "transfer/manifest_tree.h"
#include "transfer/transfer.h"

enum { IMAGE_TARGETS_MAX = 16 };

struct image_copy;

/* What is known of a target's tag before anything is asked (from a listing of its tags). */
enum tag_knowledge {
  TAG_UNKNOWN, /* HEAD it; then, absent, list one tag beside the source's GET */
  TAG_ABSENT,  /* no HEAD of it: the source is asked by GET at once */
  TAG_PRESENT  /* HEAD target and HEAD source at once, side by side */
};

/* What becomes of a target tag that points elsewhere. */
enum if_exists { IF_EXISTS_REPLACE, IF_EXISTS_SKIP, IF_EXISTS_FAIL };

struct image_target {
  const struct oci_ref *ref; /* OCI_REGISTRY; with a digest it must be what is copied */
  enum tag_knowledge tag;
  bool empty; /* with TAG_ABSENT: the repository was absent or empty when the run began: no blob and
                 no manifest is looked for there */
};

struct image_result {
  bool unchanged;                  /* the target had it already, with all that refers to it */
  bool skipped;                    /* by if_exists */
  struct oci_digest digest;        /* what the target's tag has now; unset while unknown */
  struct oci_digest source_digest; /* what the source's tag had: another one where the copy has only
                                      some platforms */
  const char *media_type;          /* "" while unknown; valid until image_copy_free() */
  struct manifest_counts counts;   /* for this target; each pull is told once, with the target that
                                      ends next */
  uint64_t ms;
  const struct err *err; /* NULL: copied, unchanged, skipped, or (dry run) planned */
};

/* Borrowed, for the life of the copy. */
struct image_copy_spec {
  struct transfer *transfer;
  const struct oci_ref *src; /* OCI_REGISTRY, with a tag or a digest */
  const struct image_target *targets;
  size_t target_count;                   /* 1..IMAGE_TARGETS_MAX */
  const struct oci_platforms *platforms; /* NULL or none: all */
  bool
      sparse; /* with platforms: the index stays as it is, and only its wanted children are copied */
  bool referrers; /* what refers to it is brought after it; also to targets that have the image */
  enum if_exists if_exists;
  uint64_t order; /* place in the plan: an image waits only for earlier ones */
  void (*planned)(void *arg, size_t target, const struct image_result *result);
  /* Exactly once for each target. Errors: those of oci_answer() and of manifest_tree;
   * ERR_CANCELED; ERR_DIGEST (the target names another digest); ERR_REFUSED (IF_EXISTS_FAIL);
   * ERR_NOT_FOUND (a platform is missing). */
  void (*target_done)(void *arg, size_t target, const struct image_result *result);
  void (*done)(void *arg); /* exactly once: all targets have ended */
  void *arg;
};

struct image_copy *image_copy_start(const struct image_copy_spec *spec);
void image_copy_cancel(struct image_copy *copy); /* the targets end with ERR_CANCELED */
void image_copy_free(struct image_copy *copy);   /* after done only; may be called from it */

#endif
