#include "transfer/quirks.h"

#define BODY_LEAST ((uint64_t)1024 * 1024) /* a limit below this is no limit but a refusal */

static uint64_t at_most(uint64_t value, uint64_t limit) {
  return limit && limit < value ? limit : value;
}

struct upload_way quirks_choose(const struct quirks *quirks, const struct oci_profile *profile,
                                int64_t chunk_option, uint64_t chunk_min, uint64_t size) {
  struct upload_way way = {.kind = UPLOAD_CHUNKS};
  bool fits = !quirks->body_max || size <= quirks->body_max;
  if (size == 0) {
    way.kind = UPLOAD_WHOLE;
  } else if (chunk_option > 0) {
    way.chunk = (uint64_t)chunk_option;
  } else {
    bool whole = size <= profile->whole_max || !profile->chunk_size;
    if (whole && fits)
      way.kind = UPLOAD_WHOLE;
    way.chunk = profile->chunk_size ? profile->chunk_size : size;
  }
  if (way.kind == UPLOAD_WHOLE && quirks->no_whole && size)
    way.kind = UPLOAD_CHUNKS;
  if (way.kind == UPLOAD_CHUNKS && quirks->no_range && fits)
    way.kind = UPLOAD_PATCH;
  if (way.kind != UPLOAD_WHOLE && quirks->no_patch)
    way.kind = UPLOAD_WHOLE;
  if (way.kind != UPLOAD_CHUNKS)
    return way;
  way.chunk = at_most(at_most(way.chunk, profile->chunk_max), quirks->body_max);
  if (way.chunk < profile->chunk_min)
    way.chunk = profile->chunk_min;
  if (way.chunk < chunk_min)
    way.chunk = chunk_min;
  return way;
}

static bool learn_limit(struct quirks *quirks, uint64_t body) {
  uint64_t limit = body / 2;
  if (limit < BODY_LEAST || (quirks->body_max && limit >= quirks->body_max))
    return false;
  quirks->body_max = limit;
  return true;
}

bool quirks_refused(struct quirks *quirks, struct upload_way way, struct upload_way now,
                    uint64_t body, int status) {
  if (body == 0)
    return false; /* there is but one way to send nothing */
  bool known = now.kind != way.kind || (now.kind == UPLOAD_CHUNKS && now.chunk < way.chunk);
  switch (status) {
  case 404:
  case 405:
  case 501:
    if (known)
      return true;
    if (way.kind == UPLOAD_WHOLE)
      quirks->no_whole = true;
    else
      quirks->no_patch = true;
    return !(quirks->no_whole && quirks->no_patch);
  case 413:
    if (known)
      return true;
    return !(way.kind == UPLOAD_WHOLE && quirks->no_patch) && learn_limit(quirks, body);
  case 416:
    if (way.kind == UPLOAD_WHOLE)
      return false;
    if (known)
      return true;
    if (way.kind == UPLOAD_CHUNKS && !quirks->no_range)
      return quirks->no_range = true;
    return learn_limit(quirks, body);
  default:
    return false;
  }
}
