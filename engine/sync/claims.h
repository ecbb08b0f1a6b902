/* sync/claims.h - which image a target's tag is for: two of them are a mistake. Pure. */
#ifndef DRAY_SYNC_CLAIMS_H
#define DRAY_SYNC_CLAIMS_H

#include "base/err.h"
#include "oci/ref.h"
#include "sync/mirror.h"

struct claims;

/* For the images of mirror, which is borrowed. Memory is needed for the tags of those repositories
 * only that several sources go to. */
struct claims *claims_new(const struct mirror *mirror);
void claims_free(struct claims *claims); /* NULL is fine */

/* image (of source, of rule) goes to target; both have a tag or a digest. Claimed twice with the same
 * platforms, an image is the same.
 * Errors: ERR_CONFIG: another image goes there; the message has both images and the places of both
 * in the file. */
int claims_add(struct claims *claims, const struct mirror_rule *rule,
               const struct mirror_source *source, const struct oci_ref *image,
               const struct oci_ref *target, struct err *err);

#endif
