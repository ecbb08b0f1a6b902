/* sync/version.h - tags as versions: their order. Pure.
 * Source: Semantic Versioning 2.0.0, section 11; missing numbers are 0 and a leading v is allowed,
 * as npm has it. Numbers may begin with a 0 (22.04 is 22.4.0) and go to 2^53 - 1. */
#ifndef DRAY_SYNC_VERSION_H
#define DRAY_SYNC_VERSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A plain value; pre points into the text that was parsed. */
struct version {
  uint64_t number[3];
  int given;       /* 0..3: how many numbers the text has, in front of the first wildcard */
  bool wild;       /* the others are wildcards */
  const char *pre; /* behind the '-'; NULL: a release */
  size_t pre_len;
};

bool version_is(const char *tag);                             /* [v]N[.N[.N]][-PRE][+BUILD] */
bool version_parse(const char *tag, struct version *version); /* false: no version */

/* As it stands in ranges: x, X or * may stand for a number and all behind it, and -PRE follows three
 * of them only. Returns what is behind it, or NULL. */
const char *version_parse_partial(const char *text, struct version *version);

/* Order by numbers and pre-release; 0 for equal ones, whatever their build metadata. */
int version_order(const struct version *a, const struct version *b);

/* Order of tags: versions ascending (by name where they are equal), then the others by name. */
int version_compare(const char *a, const char *b);

#endif
