/* transfer/manifest_table.h - each manifest once by target repository and run: who wants one that is
 * there waits for nothing, who wants one that an image earlier in the plan is bringing waits for
 * that. Nobody waits for a later image, or for one of the same place: whoever waits does so for one
 * with a smaller number, so that no circle of waiting can come about.
 * It also keeps the manifests of sources that were read last, 8 MiB of them, for other images; none
 * of more than 512 KiB.
 * Thread: the loop's. */
#ifndef DRAY_TRANSFER_MANIFEST_TABLE_H
#define DRAY_TRANSFER_MANIFEST_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "net/loop.h"
#include "oci/digest.h"
#include "oci/ref.h"
#include "transfer/known.h"

struct manifest_table;

struct manifest_table *manifest_table_new(struct loop *loop, struct known *known);
void manifest_table_free(struct manifest_table *table); /* no claims; NULL is fine */

enum claim_state {
  CLAIM_NONE,
  CLAIM_WAIT, /* done will come */
  CLAIM_LEAD  /* bring it, then _end */
};

/* A plain member of whoever wants a manifest. */
struct manifest_claim {
  struct list node;
  struct ready ready;
  struct manifest_table *table;
  struct manifest_entry *entry; /* NULL: nobody waits for this one */
  const struct oci_repo *repo;
  const struct oci_digest *digest;
  uint64_t order;
  enum claim_state state;
  bool there;
  /* Of one that waited; from the ready queue. there: it is; else claim it again. */
  void (*done)(struct manifest_claim *claim, bool there);
};

/* Borrowed, while there is a claim: repo and digest. */
void manifest_claim_init(struct manifest_claim *claim, struct manifest_table *table,
                         const struct oci_repo *repo, const struct oci_digest *digest,
                         uint64_t order, void (*done)(struct manifest_claim *claim, bool there));
/* CLAIM_NONE: it is there. */
enum claim_state manifest_claim(struct manifest_claim *claim);
/* Led: there, or given up. Waiting: not any more. No claim: nothing happens. */
void manifest_claim_end(struct manifest_claim *claim, bool there);

/* A source's manifest as it was received; type (may be NULL) is its Content-Type. */
struct kept_manifest {
  const char *bytes, *type;
  size_t len;
};
void manifest_keep(struct manifest_table *table, const struct oci_repo *repo,
                   const struct oci_digest *digest, const struct kept_manifest *manifest);
/* Valid until the next _keep. */
bool manifest_kept(struct manifest_table *table, const struct oci_repo *repo,
                   const struct oci_digest *digest, struct kept_manifest *manifest);

#endif
