#include "transfer/half_done.h"

static bool fits(const struct journal_entry *entry, const struct oci_descriptor *desc) {
  const struct oci_hasher *last = journal_entry_hasher(entry, UINT64_MAX);
  return entry->acked <= desc->size && last->bytes <= desc->size &&
         last->algorithm == desc->digest.algorithm;
}

bool half_done_take(struct half_done *half, struct journal_entry *entry) {
  if (half->looked)
    return false;
  half->looked = true;
  half->noted = journal_take(half->journal, half->target, &half->desc->digest, entry);
  if (half->noted && !fits(entry, half->desc))
    half_done_drop(half);
  return half->noted;
}

void half_done_note(struct half_done *half, const struct journal_entry *entry) {
  if (!half->journal)
    return;
  half->noted = true;
  journal_note(half->journal, half->target, &half->desc->digest, entry);
}

void half_done_drop(struct half_done *half) {
  if (half->noted)
    journal_drop(half->journal, half->target, &half->desc->digest);
  half->noted = false;
}
