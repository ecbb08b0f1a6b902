/* dray_verify(): one image at two places. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/text.h"
#include "dray.h"
#include "engine.h"
#include "oci/ref.h"
#include "transfer/image_verify.h"

/* What is given out, and what it points to. */
struct verified {
  struct dray_verified given;
  struct arena arena;
  struct dray_difference shown[DRAY_DIFFERENCES_SHOWN];
};

struct verification {
  struct dray *dray;
  struct oci_ref src, dst;
  struct image_verify *job;
  struct verified *to;
};

static int parse(struct verification *all, const char *source, const char *target,
                 struct err *err) {
  struct oci_ref *src = &all->src, *dst = &all->dst;
  if (oci_ref_parse(source, src, err) < 0 || oci_ref_parse(target, dst, err) < 0)
    return -1;
  if (src->transport != OCI_REGISTRY || dst->transport != OCI_REGISTRY)
    return err_set(err, ERR_USAGE, "%s: only images in registries can be verified so far",
                   src->transport != OCI_REGISTRY ? source : target);
  if (!src->tag && !oci_digest_is_set(&src->digest))
    src->tag = mem_strdup("latest");
  if (!dst->tag && !oci_digest_is_set(&dst->digest)) {
    dst->tag = mem_strdup(src->tag);
    if (!src->tag)
      dst->digest = src->digest;
  }
  return 0;
}

static const char *in_words(struct arena *arena, const struct verify_difference *difference,
                            const char *part, const struct dray_verified *about,
                            const struct oci_repo *repo) {
  const char *digest = difference->digest->text;
  char size[64];
  switch (difference->problem) {
  case VERIFY_OTHER:
    return arena_printf(arena, "%s is %s, not %s", about->target, difference->found->text, digest);
  case VERIFY_CORRUPT:
    return arena_printf(arena, "corrupt: %s", difference->err->message);
  case VERIFY_MISSING:
    break;
  }
  if (difference->part == VERIFY_IMAGE)
    return arena_printf(arena, "%s is missing (%s)", about->target, digest);
  return arena_printf(arena, "missing at %s/%s: %s %s, %s", repo->host, repo->path, part, digest,
                      text_bytes(size, difference->size));
}

static void on_difference(void *arg, const struct verify_difference *difference) {
  static const char *const parts[] = {
      [VERIFY_IMAGE] = "image", [VERIFY_MANIFEST] = "manifest", [VERIFY_BLOB] = "blob"};
  static const char *const problems[] = {
      [VERIFY_MISSING] = "missing", [VERIFY_OTHER] = "other", [VERIFY_CORRUPT] = "corrupt"};
  struct verification *all = arg;
  struct verified *to = all->to;
  struct dray_verified *given = &to->given;
  if (given->differences++ >= DRAY_DIFFERENCES_SHOWN)
    return;
  const char *part = parts[difference->part];
  to->shown[given->shown_count++] = (struct dray_difference){
      .part = part,
      .problem = problems[difference->problem],
      .digest = arena_strdup(&to->arena, difference->digest->text),
      .text = in_words(&to->arena, difference, part, given, &all->dst.repo)};
}

static void on_done(void *arg, const struct verify_result *result, const struct err *err) {
  struct verification *all = arg;
  struct dray_verified *given = &all->to->given;
  all->job = NULL;
  given->digest = arena_strdup(&all->to->arena, result->source.text);
  given->target_digest = arena_strdup(&all->to->arena, result->target.text);
  given->manifests = result->manifests;
  given->blobs = result->blobs;
  given->bytes = result->bytes;
  if (err) {
    all->dray->err = *err;
    err_prefix(&all->dray->err, "%s -> %s", given->source, given->target);
  }
  loop_stop(all->dray->loop);
}

static void cancel(void *arg) {
  struct verification *all = arg;
  if (all->job)
    image_verify_cancel(all->job);
}

static char *adopt(struct arena *arena, char *text) {
  char *own = arena_strdup(arena, text);
  free(text);
  return own;
}

static void begin(struct verification *all, bool deep) {
  struct verified *to = all->to = mem_zalloc(sizeof *to);
  arena_init(&to->arena);
  to->given = (struct dray_verified){.source = adopt(&to->arena, oci_ref_format(&all->src)),
                                     .target = adopt(&to->arena, oci_ref_format(&all->dst)),
                                     .deep = deep,
                                     .shown = to->shown};
  all->job = image_verify_start(&(struct image_verify_spec){.transfer = &all->dray->transfer,
                                                            .src = &all->src,
                                                            .dst = &all->dst,
                                                            .deep = deep,
                                                            .difference = on_difference,
                                                            .done = on_done,
                                                            .arg = all});
}

enum dray_status dray_verify(struct dray *dray, const char *source, const char *target, bool deep,
                             struct dray_verified **verified) {
  struct verification all = {.dray = dray};
  enum dray_status status = DRAY_USAGE;
  *verified = NULL;
  engine_begin(dray);
  if (parse(&all, source, target, &dray->err) == 0) {
    begin(&all, deep);
    engine_run(dray, cancel, &all);
    all.to->given.seconds = dray->totals.seconds;
    *verified = &all.to->given;
    status = dray->err.code != ERR_NONE      ? DRAY_FAILED
             : all.to->given.differences > 0 ? DRAY_DIFFERENT
                                             : DRAY_OK;
  }
  oci_ref_free(&all.src);
  oci_ref_free(&all.dst);
  return engine_end(dray, status);
}

void dray_verified_free(struct dray_verified *verified) {
  if (!verified)
    return;
  struct verified *all = (struct verified *)verified;
  arena_free(&all->arena);
  free(all);
}
