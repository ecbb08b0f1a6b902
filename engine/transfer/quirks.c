#include "transfer/quirks.h"

#define MIB ((uint64_t)1024 * 1024)
#define BODY_LEAST MIB /* a limit below this is no limit but a refusal */
#define UNDER_WAY_MOST (32 * MIB)
#define SHARE_LEAST (2 * MIB)

static uint64_t at_most(uint64_t value, uint64_t limit) {
  return limit && limit < value ? limit : value;
}

void quirks_join(struct quirks *quirks, uint64_t size) {
  quirks->blobs++;
  quirks->bytes += size;
}

void quirks_leave(struct quirks *quirks, uint64_t size) {
  quirks->blobs--;
  quirks->bytes -= size;
}

uint64_t quirks_share(const struct quirks *quirks, int jobs) {
  uint64_t streams = at_most(quirks->blobs, (uint64_t)jobs);
  if (quirks->bytes <= UNDER_WAY_MOST || streams <= 1)
    return UNDER_WAY_MOST;
  uint64_t share = UNDER_WAY_MOST / streams / MIB * MIB;
  return share < SHARE_LEAST ? SHARE_LEAST : share;
}

struct upload_way quirks_choose(const struct quirks *quirks, const struct upload_terms *terms) {
  struct upload_way way = {.kind = UPLOAD_CHUNKS};
  bool fits = !quirks->body_max || terms->size <= quirks->body_max;
  if (terms->size == 0) {
    way.kind = UPLOAD_WHOLE;
  } else if (terms->chunk_option > 0) {
    way.chunk = (uint64_t)terms->chunk_option;
  } else {
    uint64_t usual = terms->profile->chunk_size;
    bool whole = !usual || terms->size <= at_most(terms->profile->whole_max, terms->share);
    if (whole && fits && !terms->begun)
      way.kind = UPLOAD_WHOLE;
    way.chunk = usual ? at_most(usual, terms->by_share ? terms->share : 0) : terms->size;
  }
  if (way.kind == UPLOAD_WHOLE && quirks->no_whole && terms->size)
    way.kind = UPLOAD_CHUNKS;
  if (way.kind == UPLOAD_CHUNKS && quirks->no_range && fits)
    way.kind = UPLOAD_PATCH;
  if (way.kind != UPLOAD_WHOLE && quirks->no_patch)
    way.kind = UPLOAD_WHOLE;
  if (way.kind != UPLOAD_CHUNKS)
    return way;
  way.chunk = at_most(at_most(way.chunk, terms->profile->chunk_max), quirks->body_max);
  if (way.chunk < terms->profile->chunk_min)
    way.chunk = terms->profile->chunk_min;
  if (way.chunk < terms->chunk_min)
    way.chunk = terms->chunk_min;
  return way;
}

static void learn_limit(struct quirks *quirks, uint64_t body) {
  uint64_t limit = body / 2;
  if (limit < BODY_LEAST && body > BODY_LEAST) /* nginx's own limit is just that */
    limit = BODY_LEAST;
  if (limit >= BODY_LEAST && (!quirks->body_max || limit < quirks->body_max))
    quirks->body_max = limit;
}

static void learn(struct quirks *quirks, struct upload_way way, uint64_t body, int status) {
  switch (status) {
  case 404:
  case 405:
  case 501:
    if (way.kind == UPLOAD_WHOLE)
      quirks->no_whole = true;
    else
      quirks->no_patch = true;
    return;
  case 416:
    if (way.kind == UPLOAD_CHUNKS && !quirks->no_range)
      quirks->no_range = true;
    else if (way.kind != UPLOAD_WHOLE)
      learn_limit(quirks, body);
    return;
  case 413:
    learn_limit(quirks, body);
    return;
  }
}

/* The same requests, for a blob of that size. */
static bool same(struct upload_way a, struct upload_way b, uint64_t size) {
  return a.kind == b.kind &&
         (a.kind != UPLOAD_CHUNKS || at_most(a.chunk, size) == at_most(b.chunk, size));
}

bool quirks_refused(struct quirks *quirks, const struct upload_terms *terms, struct upload_way way,
                    uint64_t body, int status) {
  bool about_the_way =
      status == 404 || status == 405 || status == 413 || status == 416 || status == 501;
  if (!about_the_way || body == 0) /* there is but one way to send nothing */
    return false;
  if (same(way, quirks_choose(quirks, terms), terms->size))
    learn(quirks, way, body, status);
  bool none_left = quirks->no_whole && quirks->no_patch;
  return !none_left && !same(way, quirks_choose(quirks, terms), terms->size);
}
