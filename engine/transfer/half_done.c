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

bool half_done_state(const struct half_done *half, uint64_t offset, struct oci_hasher *hasher) {
  struct journal_entry entry;
  if (!half->noted || !journal_take(half->journal, half->target, &half->desc->digest, &entry))
    return false;
  const struct oci_hasher *state = journal_entry_hasher(&entry, offset);
  if (state)
    *hasher = *state;
  return state != NULL;
}

void half_done_sent(struct half_done *half, uint64_t offset) {
  half->sent[0] = half->sent[1];
  half->sent[1] = offset;
}

void half_done_note_sent(struct half_done *half, struct journal_entry *entry,
                         const struct oci_hasher *(*checkpoint)(void *arg, uint64_t offset),
                         void *arg) {
  const struct oci_hasher *state = checkpoint(arg, entry->acked);
  if (!state)
    return;
  struct oci_hasher *last = entry->hasher;
  *last = *state;
  for (int i = 0; i < JOURNAL_HASHERS - 1; i++) {
    state = checkpoint(arg, half->sent[i]);
    if (state && state->bytes > last->bytes)
      *++last = *state;
  }
  half_done_note(half, entry);
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
