/* transfer/journal.h - what a later run needs to go on with unfinished blobs: one SQLite file,
 * 0600, which several processes may use at once. It is never trusted: an entry is checked against
 * the registry before it is used, and the digest is computed over all bytes whatever it says.
 * Thread: the loop's; writing is done beside it, what is pending in one transaction. */
#ifndef DRAY_TRANSFER_JOURNAL_H
#define DRAY_TRANSFER_JOURNAL_H

#include <stdbool.h>

#include "base/log.h"
#include "net/loop.h"
#include "oci/digest.h"
#include "oci/ref.h"
#include "transfer/journal_entry.h"

struct journal;

struct journal_options {
  struct loop *loop;
  const char *path; /* of the file; made with the first note, its folder too (0700); copied */
  const struct log *log;
};

/* NULL where there can be no journal (no permission, no folder, a file that is not ours): one
 * warning is logged, and everything goes on without. What fails later, in writing, has one warning
 * too, and from then on things are remembered for this run alone. A damaged file, or one of another
 * version, is put aside as PATH.bad with a warning, and a new one begun. Entries older than 7 days
 * are dropped. */
struct journal *journal_open(const struct journal_options *options);
/* Writes what is pending and gives claims back; afterwards the state is one file, unless another
 * process uses it. Blocks, but no longer than a second where others lock the file. Before
 * loop_free(). NULL is fine. */
void journal_close(struct journal *journal);

/* Takes the entry for that blob, if there is one and no living process has it (where it can't be
 * looked at, the answer is no after a quarter of a second): it is ours until journal_drop() ends it
 * or journal_close() gives it back. entry's location lives until the next call for that blob, or
 * journal_close(). False: begin anew. journal may be NULL in all of these. */
bool journal_take(struct journal *journal, const struct oci_repo *target,
                  const struct oci_digest *digest, struct journal_entry *entry);
/* Remembers (or replaces) an entry, and claims it. Copied. Cheap: it is written a moment later. One
 * that can't be kept (journal_entry_store()) is dropped. */
void journal_note(struct journal *journal, const struct oci_repo *target,
                  const struct oci_digest *digest, const struct journal_entry *entry);
/* Forgets the entry, taken or not, unless another process has it. */
void journal_drop(struct journal *journal, const struct oci_repo *target,
                  const struct oci_digest *digest);

#endif
