/* sync/mirror.h - the mirror file: what goes where, and how registries are spoken to. Pure.
 * docs/mirror.md explains it to people, docs/mirror.schema.json to editors. */
#ifndef DRAY_SYNC_MIRROR_H
#define DRAY_SYNC_MIRROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "oci/platform.h"
#include "oci/ref.h"
#include "sync/env.h"
#include "sync/selection.h"
#include "sync/target.h"
#include "sync/tree.h"

/* In a file; pairs are those of a source and a target. */
enum { MIRROR_PAIRS_MAX = 100000, MIRROR_REGISTRIES_MAX = 1000 };

struct mirror_place {
  int line, column; /* from 1 */
  const char *file; /* NULL: the mirror's own */
};

struct mirror_registry {
  struct mirror_place place;
  char *host;           /* as in struct oci_repo */
  char *user;           /* NULL: no credentials from here; else there is a password */
  char *password;       /* a secret; wiped */
  char *ca_file;        /* as it is written; NULL: none */
  bool plain_http, tls; /* not both */
  bool insecure;
  int64_t chunk_size;      /* bytes; 0: auto; -1: not given */
  int max_connections;     /* 2..1024; 0: not given */
  int requests_per_second; /* 0: no limit */
};

struct mirror_source {
  struct mirror_place place;
  struct oci_ref ref; /* a registry's. Without tag and digest it is the whole repository */
};

struct mirror_target {
  struct mirror_place place;
  struct target *target;
};

struct mirror_rule {
  struct mirror_place place;
  struct mirror_source *sources;
  size_t source_count; /* at least 1 */
  struct mirror_target *targets;
  size_t target_count;            /* at least 1 */
  struct selection *tags;         /* NULL: all */
  struct oci_platforms platforms; /* none: all */
  bool referrers, delete;
};

struct mirror {
  char *name; /* the file's */
  struct mirror_registry *registries;
  size_t registry_count;
  struct mirror_rule *rules; /* in the file's order, defaults merged in */
  size_t rule_count;
  char **joined; /* names of other files; NULL at the end; NULL: none */
};

/* name is for messages. All that can be known without a request is checked: keys, types, references,
 * patterns, targets, and images that would have two sources (sync/claims.h).
 * Errors: ERR_CONFIG, "NAME:LINE:COLUMN: what"; see tree_parse() too. */
int mirror_parse(const char *name, const char *text, size_t len, const struct env *env,
                 struct mirror **mirror, struct err *err);
void mirror_free(struct mirror *mirror); /* NULL is fine */

/* Have images whose targets are known two sources? Errors: ERR_CONFIG, with the places of both. */
int mirror_check(const struct mirror *mirror, struct err *err);

/* Adds other's rules and registries to mirror's; other belongs to mirror then, whatever comes of it.
 * Errors: ERR_CONFIG: a registry of which they say different things, images that would have two sources. */
int mirror_join(struct mirror *mirror, struct mirror *other, struct err *err);

/* -- for those who fill one from a file of another kind; a rule is moved by the next one -- */

struct mirror_rule *mirror_add_rule(struct mirror *mirror, const struct mirror_place *place);
/* Errors of all three, ERR_CONFIG or ERR_USAGE, say what is wrong with text, without a place. */
int mirror_add_source(struct mirror_rule *rule, const struct mirror_place *place, const char *text,
                      struct err *err);
int mirror_add_target(struct mirror_rule *rule, const struct mirror_place *place, const char *text,
                      struct err *err);
int mirror_add_platform(struct mirror_rule *rule, const char *text, struct err *err);
/* Keeps a copy of another file's name, for places in it. */
const char *mirror_add_name(struct mirror *mirror, const char *name);
/* Does every target fit every source of its rule? Errors: ERR_CONFIG, with the place. */
int mirror_check_pairs(const struct mirror *mirror, struct err *err);

/* -- questions -- */

bool mirror_is_repository(const struct mirror_source *source); /* the whole of it */

/* The target of source, as target_expand() has it; a whole repository's has no tag then. A {tag} in a
 * target's repository is "tag" there. */
int mirror_expand(const struct mirror_source *source, const struct mirror_target *target,
                  struct oci_ref *ref, struct err *err);

/* The registry's entry, or NULL. */
const struct mirror_registry *mirror_find_registry(const struct mirror *mirror, const char *host);

/* Fills err with "NAME:LINE:COLUMN: …"; returns -ERR_CONFIG. */
int mirror_error(const struct mirror *mirror, const struct mirror_place *place, struct err *err,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The keys of an object of the file, NULL at the end. */
enum mirror_object {
  MIRROR_FILE,
  MIRROR_DEFAULTS,
  MIRROR_REGISTRY,
  MIRROR_RULE,
  MIRROR_TAGS,
  MIRROR_OBJECTS /* how many there are */
};
const char *const *mirror_keys(enum mirror_object object);

#endif
