#include "sync/claims.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/mem.h"

struct repo {
  size_t pairs; /* of a source and a target that is it */
};

struct claim {
  const struct mirror_source *source;
  char image[]; /* what is copied: the reference, and platforms where not all */
};

struct claims {
  const struct mirror *mirror;
  struct map *repos;   /* a target's repository -> struct repo */
  struct map *targets; /* a target -> struct claim */
  bool repos_by_tag;   /* tags make repositories: repos does not have them all */
};

static void count_pair(struct claims *claims, const struct mirror_source *source,
                       const struct mirror_target *target) {
  struct oci_ref ref;
  if (mirror_expand(source, target, &ref, NULL) == 0) {
    char *key = oci_repo_key(&ref.repo);
    struct repo *repo = map_get(claims->repos, key);
    if (!repo)
      map_put(claims->repos, key, repo = mem_zalloc(sizeof *repo));
    repo->pairs++;
    free(key);
  }
  oci_ref_free(&ref);
}

struct claims *claims_new(const struct mirror *mirror) {
  struct claims *claims = mem_zalloc(sizeof *claims);
  claims->mirror = mirror;
  claims->repos = map_new();
  claims->targets = map_new();
  for (size_t r = 0; r < mirror->rule_count; r++) {
    const struct mirror_rule *rule = &mirror->rules[r];
    for (size_t t = 0; t < rule->target_count; t++) {
      claims->repos_by_tag |= target_has_repo_by_tag(rule->targets[t].target);
      for (size_t s = 0; s < rule->source_count; s++)
        count_pair(claims, &rule->sources[s], &rule->targets[t]);
    }
  }
  return claims;
}

void claims_free(struct claims *claims) {
  if (!claims)
    return;
  map_free(claims->repos, free);
  map_free(claims->targets, free);
  free(claims);
}

static struct claim *claim_new(const struct mirror_rule *rule, const struct mirror_source *source,
                               const struct oci_ref *image) {
  struct buf text;
  char *reference = oci_ref_format(image);
  buf_init(&text, SIZE_MAX);
  buf_adds(&text, reference);
  for (size_t i = 0; i < rule->platforms.count; i++) {
    char platform[OCI_PLATFORM_TEXT];
    oci_platform_format(platform, &rule->platforms.items[i]);
    buf_addf(&text, "%s%s", i ? ", " : " for ", platform);
  }
  struct claim *claim = mem_alloc(sizeof *claim + text.len + 1);
  claim->source = source;
  memcpy(claim->image, buf_str(&text), text.len + 1);
  free(reference);
  buf_free(&text);
  return claim;
}

static bool is_shared(const struct claims *claims, const struct oci_repo *target) {
  char *key = oci_repo_key(target);
  const struct repo *repo = map_get(claims->repos, key);
  free(key);
  return claims->repos_by_tag || (repo && repo->pairs > 1);
}

static int two_images(const struct claims *claims, const char *target, const struct claim *before,
                      const struct claim *claim, struct err *err) {
  const struct mirror_place *first = &before->source->place, *place = &claim->source->place;
  if (first->file == place->file)
    return mirror_error(claims->mirror, place, err, "two images for %s: %s here, and %s in line %d",
                        target, claim->image, before->image, first->line);
  return mirror_error(claims->mirror, place, err, "two images for %s: %s here, and %s in %s:%d",
                      target, claim->image, before->image,
                      first->file ? first->file : claims->mirror->name, first->line);
}

int claims_add(struct claims *claims, const struct mirror_rule *rule,
               const struct mirror_source *source, const struct oci_ref *image,
               const struct oci_ref *target, struct err *err) {
  if (!target->tag || !is_shared(claims, &target->repo))
    return 0;
  int rc = 0;
  char *repo = oci_repo_key(&target->repo), *key = mem_printf("%s:%s", repo, target->tag);
  free(repo);
  struct claim *claim = claim_new(rule, source, image);
  const struct claim *before = map_get(claims->targets, key);
  if (!before) {
    map_put(claims->targets, key, claim);
    free(key);
    return 0;
  }
  if (strcmp(before->image, claim->image) != 0)
    rc = two_images(claims, key, before, claim, err);
  free(claim);
  free(key);
  return rc;
}
