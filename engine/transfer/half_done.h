/* transfer/half_done.h - one blob's upload, or one image, in the journal: found, kept up to date,
 * forgotten. An image's entry says only that some of its blobs may be at the target though no tag is:
 * its location is the registry's, and it holds nothing. A plain member of the job. Thread: the
 * loop's. */
#ifndef DRAY_TRANSFER_HALF_DONE_H
#define DRAY_TRANSFER_HALF_DONE_H

#include <stdbool.h>
#include <stdint.h>

#include "oci/manifest.h"
#include "transfer/journal.h"

/* Borrowed: all that it points to. */
struct half_done {
  struct journal *journal; /* NULL: nothing is remembered */
  const struct oci_repo *target;
  const struct oci_descriptor *desc;
  bool looked; /* for an earlier run's entry */
  bool noted;  /* there is an entry, and it is ours */
};

/* An earlier run's entry, once: false where there is none, or one that can't be of this blob (that
 * is dropped). Whether the registry still has the session is another question. */
bool half_done_take(struct half_done *half, struct journal_entry *entry);

/* What its session is and holds now. */
void half_done_note(struct half_done *half, const struct journal_entry *entry);

void half_done_drop(struct half_done *half);

#endif
