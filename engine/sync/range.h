/* sync/range.h - version ranges. Pure.
 * Source: node-semver's ranges (npm): comparators `< <= > >= =`, a blank for "and", `||` for "or",
 * hyphen ranges `1.2 - 2`, x-ranges `1.x` `1.2.*` `1.2`, tildes `~1.2` and carets `^0.2.3`. Strict,
 * but numbers may begin with a 0, as in tags. */
#ifndef DRAY_SYNC_RANGE_H
#define DRAY_SYNC_RANGE_H

#include <stdbool.h>

#include "base/err.h"
#include "sync/version.h"

struct range;

/* Errors: ERR_USAGE, with the text and the place within it, counted from 1. */
int range_parse(const char *text, struct range **range, struct err *err);
void range_free(struct range *range); /* NULL is fine */

/* A tag that is no version never matches. One with a pre-release does only where a comparator of
 * the alternative that it fulfils names a pre-release of the same three numbers. */
bool range_match(const struct range *range, const char *tag);

/* -- for those who read ranges of another grammar (sync/constraint.h) -- */

enum range_op {
  RANGE_LT,
  RANGE_LE,
  RANGE_EQ,
  RANGE_GE,
  RANGE_GT,
  RANGE_NE, /* of the numbers that are given; with two or three of them the pre-release counts too */
  RANGE_PRE, /* no comparator: pre-releases are versions like others in this alternative */
  RANGE_OR   /* no comparator: the next alternative begins */
};

struct range *range_new(const char *text);         /* one alternative, which all releases fit */
const char *range_text(const struct range *range); /* the range's own copy */
/* A pre-release of version has to point into range_text(). */
void range_add(struct range *range, enum range_op op, const struct version *version);
void range_add_or(struct range *range);
void range_add_pre(struct range *range);

#endif
