/* sync/pattern.h - what a tag may be: a glob, a regular expression or a version range. Pure.
 * Source of the expressions: PCRE2, pcre2pattern(3), on bytes. Thread: any; matching changes
 * nothing. */
#ifndef DRAY_SYNC_PATTERN_H
#define DRAY_SYNC_PATTERN_H

#include <stdbool.h>

#include "base/err.h"
#include "sync/range.h"

struct pattern;

/* A range begins with one of < > = ^ ~, an expression stands between slashes, all else is a glob of
 * '*', '?' and the characters that tags have.
 * Errors: ERR_USAGE, with the text and what is wrong where: an empty text, a range or an expression
 * that is none, an expression above 4 KiB or 16 KiB compiled, a glob that no tag could match. */
int pattern_parse(const char *text, struct pattern **pattern, struct err *err);
struct pattern *pattern_of_range(struct range *range); /* which is the pattern's from now on */
void pattern_free(struct pattern *pattern);            /* NULL is fine */

const char *pattern_text(const struct pattern *pattern); /* as it was written */

/* The whole tag has to match. An expression that takes too many steps or too much memory for this
 * tag is no match, and sets *gave_up (else left alone; may be NULL): worth a warning. */
bool pattern_match(const struct pattern *pattern, const char *tag, bool *gave_up);

/* "PCRE2/10.42": what is inside; the caller's. */
char *pattern_library(void);

#endif
