/* transfer/journal.h - what a later run needs to go on with unfinished blobs: one SQLite file,
 * 0600, which several processes may use at once. It is never trusted: an entry is checked against
 * the registry before it is used, and the digest is computed over all bytes whatever it says.
 * Thread: the loop's; writing is done beside it, what is pending in one transaction. */
#ifndef DRAY_TRANSFER_JOURNAL_H
#define DRAY_TRANSFER_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "net/loop.h"
#include "oci/digest.h"
#include "oci/ref.h"

struct journal;

struct journal_entry {
  const char *location;     /* of the upload session; a secret (queries hold signatures) */
  uint64_t acked;           /* bytes of the blob that the registry has confirmed */
  struct oci_hasher hasher; /* the digest's state at hasher.bytes <= acked */
};

struct journal_options {
  struct loop *loop;
  const char *path; /* of the file; its folder is made (0700) if it is missing */
  const struct log *log;
};

/* NULL where there can be no journal (no folder, no permission, no room, damaged beyond use): one
 * warning is logged, and everything goes on without. A damaged file, or one of another version, is
 * put aside as PATH.bad with a warning, and a new one begun. Entries older than 7 days are dropped.
 */
struct journal *journal_open(const struct journal_options *options);
/* Writes what is pending and gives claims back; afterwards the state is one file. NULL is fine. */
void journal_close(struct journal *journal);

/* Takes the entry for that blob, if there is one and no living process has it: it is ours until
 * journal_note() changes it, journal_drop() ends it, or journal_close() gives it back. entry's
 * location lives until then. False: begin anew. journal may be NULL in all of these. */
bool journal_take(struct journal *journal, const struct oci_repo *target,
                  const struct oci_digest *digest, struct journal_entry *entry);
/* Remembers (or replaces) an entry, and claims it. Copied. Cheap: it is written a moment later. */
void journal_note(struct journal *journal, const struct oci_repo *target,
                  const struct oci_digest *digest, const struct journal_entry *entry);
void journal_drop(struct journal *journal, const struct oci_repo *target,
                  const struct oci_digest *digest);

#endif
