/* sync/constraint.h - version constraints of other programs, as ranges. Pure. */
#ifndef DRAY_SYNC_CONSTRAINT_H
#define DRAY_SYNC_CONSTRAINT_H

#include "base/err.h"
#include "sync/range.h"

enum constraint_dialect {
  /* skopeo's. Source: github.com/Masterminds/semver v3, constraints.go. A comma or a blank is "and", ||
   * is "or"; operators = != > < >= => <= =< ~ ~> ^, partial versions and wildcards, A - B. Pre-releases
   * count in an alternative that names one, all of them then, and in no other. */
  CONSTRAINT_MASTERMINDS,
  /* regsync's. Source: github.com/regclient/regclient, internal/semver. A blank is "and"; operators
   * = > < >= <= ~ ^; missing numbers are 0. Pre-releases are versions like others. */
  CONSTRAINT_REGCLIENT
};

/* Tags are versions where sync/version.h says so: one of four numbers is none here.
 * Errors: ERR_USAGE, with the text and the place within it, counted from 1. */
int constraint_parse(const char *text, enum constraint_dialect dialect, struct range **range,
                     struct err *err);

#endif
