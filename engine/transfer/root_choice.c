#include "transfer/root_choice.h"

#include <stdlib.h>

#include "base/mem.h"
#include "oci/index_select.h"

void root_forget(struct manifest_body *root) {
  oci_manifest_free(root->parsed);
  free(root->bytes);
  free(root->kept);
  *root = (struct manifest_body){.digest = root->digest};
}

/* The index becomes one that has only what is kept. */
static int shrink(struct manifest_body *root, const bool *kept, struct err *err) {
  struct manifest_body smaller = {.bytes = NULL};
  if (oci_index_cut(root->bytes, root->len, kept, &smaller.bytes, &smaller.len, err) < 0)
    return -1;
  if (smaller.len == root->len) { /* all of it */
    free(smaller.bytes);
    return 0;
  }
  if (oci_manifest_parse(root->parsed->media_type, smaller.bytes, smaller.len, &smaller.parsed,
                         err) < 0) {
    free(smaller.bytes);
    return -1;
  }
  oci_digest_of(OCI_SHA256, smaller.bytes, smaller.len, &smaller.digest);
  root_forget(root);
  *root = smaller;
  return 0;
}

int root_choose(struct manifest_body *root, const struct oci_platforms *platforms, bool sparse,
                struct err *err) {
  size_t first;
  if (root->parsed->kind != OCI_INDEX)
    return 0;
  bool *kept = mem_zalloc(root->parsed->count + 1);
  int rc = oci_index_select(root->bytes, root->len, root->parsed, platforms, kept, &first, err);
  if (rc == 0 && sparse) {
    root->kept = kept;
    return 0;
  }
  if (rc == 0 && platforms->count > 1) {
    rc = shrink(root, kept, err);
  } else if (rc == 0) {
    root->digest = root->parsed->items[first].digest;
    root_forget(root);
  }
  free(kept);
  return rc;
}
