/* sync/target.h - where a rule's images go: a reference that may have the source's parts in it. Pure. */
#ifndef DRAY_SYNC_TARGET_H
#define DRAY_SYNC_TARGET_H

#include <stdbool.h>

#include "base/err.h"
#include "oci/ref.h"

struct target;

/* In text {host} is the source's host (in lower case, a ':' made '-'), {path} its whole repository,
 * {name} the last part of that, {tag} its tag. A slash at the end puts {path} behind it.
 * Errors: ERR_USAGE: an unknown placeholder, an open brace, a digest, a file, no reference. */
int target_parse(const char *text, struct target **target, struct err *err);
void target_free(struct target *target); /* NULL is fine */

const char *target_text(const struct target *target); /* as it was written */

/* Has it a tag of its own that is the same for all tags of a source? Then it takes one image only. */
bool target_has_fixed_tag(const struct target *target);
bool target_has_repo_by_tag(const struct target *target); /* {tag} is in its repository */

/* The target of source, a registry's. Without a tag of its own it takes the source's, and of a source
 * by digest alone its digest; a source without both is a repository, and so is its target then.
 * Errors: ERR_USAGE: {tag} of a source without a tag, no valid reference (capitals in a repository),
 * docker.io/library/. *ref is the caller's: oci_ref_free(), also harmless after an error. */
int target_expand(const struct target *target, const struct oci_ref *source, struct oci_ref *ref,
                  struct err *err);

#endif
