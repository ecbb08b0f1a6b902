/* sync/pairs.h - lists of images as a mirror: lines of `SRC DST [DST…]`, or one repository. Pure. */
#ifndef DRAY_SYNC_PAIRS_H
#define DRAY_SYNC_PAIRS_H

#include "base/err.h"
#include "sync/mirror.h"
#include "sync/selection.h"

/* Each line is a rule of its own. Blank lines, and what follows a # that begins a word, are skipped.
 * A source without tag and digest is its "latest". Targets are as in a mirror file. name is for
 * messages.
 * Errors: ERR_CONFIG, "NAME:LINE:COLUMN: what", as mirror_parse(). */
int pairs_parse(const char *name, const char *text, size_t len, struct mirror **mirror,
                struct err *err);

/* The repository source to each of targets (NULL at the end); selection is the mirror's then, also
 * after an error; NULL: all tags.
 * Errors: ERR_USAGE. */
int pairs_repository(const char *source, const char *const *targets, struct selection *selection,
                     struct mirror **mirror, struct err *err);

#endif
