/* transfer/root_choice.h - from what a source's tag has to what its targets are to have, where only
 * some platforms are wanted. Pure. */
#ifndef DRAY_TRANSFER_ROOT_CHOICE_H
#define DRAY_TRANSFER_ROOT_CHOICE_H

#include <stdbool.h>

#include "base/err.h"
#include "oci/platform.h"
#include "transfer/manifest_push.h"

/* root is what the source has; what is no index stays as it is. sparse: so do the bytes of an index,
 * and root->kept tells its wanted items. Several platforms: it becomes the index with only those. One:
 * that child; its digest is known then, and its bytes are not here.
 * Errors: those of oci_index_select() and oci_index_cut(); root is as it was. */
int root_choose(struct manifest_body *root, const struct oci_platforms *platforms, bool sparse,
                struct err *err);

/* Frees its bytes, and what was read from them; the digest stays. */
void root_forget(struct manifest_body *root);

#endif
