/* sync/version.h - tags as versions: their order. Pure.
 * Source: Semantic Versioning 2.0.0, section 11; missing numbers are 0 and a leading v is allowed,
 * as npm has it. */
#ifndef DRAY_SYNC_VERSION_H
#define DRAY_SYNC_VERSION_H

#include <stdbool.h>

bool version_is(const char *tag); /* [v]N[.N[.N]][-PRE][+BUILD] */

/* Order of tags: versions ascending (by name where they are equal), then the others by name. */
int version_compare(const char *a, const char *b);

#endif
