/* sync/shard.h - a mirror file in parts, for several machines. Pure, and the same for ever: parts have
 * to agree without speaking to each other.
 *
 * What is divided are groups of source repositories: those that have a target repository in common are
 * one group. A group is called after its least name (HOST/PATH, the host in lower case, by bytes), and
 * its part of N is 1 + H % N, with H the first 8 bytes of the SHA-256 of that name, the first one being
 * the highest. So a new rule moves nothing, except what it makes a part of another group. */
#ifndef DRAY_SYNC_SHARD_H
#define DRAY_SYNC_SHARD_H

#include <stdbool.h>

#include "base/err.h"
#include "oci/ref.h"
#include "sync/env.h"
#include "sync/mirror.h"

enum { SHARDS_MAX = 10000 };

struct shard {
  int index, count; /* 1 <= index <= count; count 1: all */
};

/* "I/N", or "auto": CI_NODE_INDEX of CI_NODE_TOTAL (GitLab, from 1), else JOB_COMPLETION_INDEX
 * (Kubernetes, from 0) of shards (0: not given). A job of GitLab's that is not parallel is 1/1.
 * Errors: ERR_USAGE for what is given, ERR_CONFIG for what the environment has. */
int shard_parse(const char *text, int shards, const struct env *env, struct shard *shard,
                struct err *err);

struct shard_plan;
struct shard_plan *shard_plan_new(const struct mirror *mirror);
void shard_plan_free(struct shard_plan *plan); /* NULL is fine */

/* Is source, a repository that the plan's mirror reads, in this part? Others are by their own name. */
bool shard_plan_has(const struct shard_plan *plan, const struct shard *shard,
                    const struct oci_repo *source);

#endif
