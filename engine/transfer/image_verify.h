/* transfer/image_verify.h - whether a target has an image as its source has it.
 *   source's root → target's root: the same digest? → all that the root reaches: is it there?
 *   manifest: looked for at the target (deep: read there) → read at the source → its parts
 *   blob: looked for at the target (deep: read on both sides)
 * Bounded as manifest_tree: 8 levels of nesting, 20000 manifests; 64 parts are looked at at once.
 * Thread: the loop's. difference and done run from the ready queue. */
#ifndef DRAY_TRANSFER_IMAGE_VERIFY_H
#define DRAY_TRANSFER_IMAGE_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "oci/digest.h"
#include "oci/ref.h"
#include "transfer/transfer.h"

struct image_verify;

enum verify_part { VERIFY_IMAGE, VERIFY_MANIFEST, VERIFY_BLOB };
enum verify_problem {
  VERIFY_MISSING,
  VERIFY_OTHER,  /* the image: the target names another */
  VERIFY_CORRUPT /* deep: its bytes are not those of its digest */
};

struct verify_difference {
  enum verify_part part;
  enum verify_problem problem;
  const struct oci_digest *digest; /* the source's */
  uint64_t size;                   /* bytes */
  const struct oci_digest *found;  /* VERIFY_OTHER: what the target names */
  const struct err *err;           /* VERIFY_CORRUPT: what was found */
};

struct verify_result {
  struct oci_digest source, target; /* unset while unknown; target: also where it is missing */
  unsigned manifests, blobs;        /* that were compared; each digest once */
  uint64_t bytes;                   /* of these blobs */
};

/* Borrowed, for the life of the job. */
struct image_verify_spec {
  struct transfer *transfer;
  const struct oci_ref *src, *dst; /* OCI_REGISTRY, with a tag or a digest */
  bool deep;
  void (*difference)(void *arg, const struct verify_difference *difference);
  /* Exactly once; the job is gone when it returns. err NULL: what was not told is no difference.
   * Otherwise not everything could be compared: the source lacks something or has it wrong, or a
   * side could not be asked. */
  void (*done)(void *arg, const struct verify_result *result, const struct err *err);
  void *arg;
};

struct image_verify *image_verify_start(const struct image_verify_spec *spec);
void image_verify_cancel(struct image_verify *job); /* done follows with ERR_CANCELED */

#endif
