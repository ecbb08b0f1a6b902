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
  bool looked;                        /* for an earlier run's entry */
  bool noted;                         /* there is an entry, and it is ours */
  uint64_t sent[JOURNAL_HASHERS - 1]; /* the last of half_done_sent(), the latest last */
};

/* An earlier run's entry, once: false where there is none, or one that can't be of this blob (that
 * is dropped). Whether the registry still has the session is another question. */
bool half_done_take(struct half_done *half, struct journal_entry *entry);

/* The last state of the digest at or before offset that the entry has. False: there is none. */
bool half_done_state(const struct half_done *half, uint64_t offset, struct oci_hasher *hasher);

/* So much of the blob is on its way now: it will be worth a state of the digest. */
void half_done_sent(struct half_done *half, uint64_t offset);

/* What its session is and holds now; with the states of the digest at or before acked and what was
 * sent, of which checkpoint gives the latest before an offset (NULL: none is known). */
void half_done_note_sent(struct half_done *half, struct journal_entry *entry,
                         const struct oci_hasher *(*checkpoint)(void *arg, uint64_t offset),
                         void *arg);
void half_done_note(struct half_done *half, const struct journal_entry *entry);

void half_done_drop(struct half_done *half);

#endif
