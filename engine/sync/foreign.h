/* sync/foreign.h - mirror files of other programs, unchanged: skopeo sync, image-syncer, regsync.
 * docs/foreign.md says of each of their keys what becomes of it. Pure but for the files that
 * templates name, which the caller reads.
 * Sources: skopeo-sync(1) and cmd/skopeo/sync.go; image-syncer's README and pkg/utils/url.go;
 * regclient's cmd/regsync/config.go, cmd/regsync/root.go and config/host.go. */
#ifndef DRAY_SYNC_FOREIGN_H
#define DRAY_SYNC_FOREIGN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "sync/env.h"
#include "sync/expand.h"
#include "sync/mirror.h"

enum foreign_format {
  FOREIGN_NONE, /* a mirror file of our own, or nothing that is known */
  FOREIGN_SKOPEO,
  FOREIGN_SYNCER,
  FOREIGN_REGSYNC
};

/* message is "NAME:LINE:COLUMN: what"; where the same is to say of several places, the first one's,
 * with their number. Never a value of a password. */
typedef void foreign_warn_fn(void *arg, const char *message);

struct foreign_options {
  const char *to;        /* --to; NULL: not given */
  bool scoped;           /* --scoped */
  const char *auth_name; /* --auth; NULL: not given */
  const char *auth_text;
  size_t auth_len;
  expand_file_fn *file; /* for {{file "NAME"}}; NULL: that is an error */
  void *file_arg;
  foreign_warn_fn
      *warn; /* NULL: warnings are dropped. Called before the return only, errors or not */
  void *warn_arg;
};

/* Reads a mirror file, ours by mirror_parse() or one of theirs, told apart by its keys. env: as for
 * mirror_parse(); NULL: nothing is set. options may be NULL: nothing is given.
 * Errors: those of mirror_parse(); ERR_CONFIG for what the other program would refuse, and for what
 * would mirror something else here than there; ERR_USAGE, with name and the flag, where --to, --scoped
 * or --auth is missing or has no meaning. */
int foreign_parse(const char *name, const char *text, size_t len, const struct env *env,
                  const struct foreign_options *options, struct mirror **mirror, struct err *err);

/* -- what their keys are -- */

enum foreign_fate {
  FOREIGN_HONOURED,
  FOREIGN_WARNED,
  FOREIGN_WARNED_IF_TRUE /* false is what dray does anyway */
};

struct foreign_key {
  const char *name; /* NULL ends a list */
  enum foreign_fate fate;
  const char *why; /* of a warning */
};

enum foreign_object {
  SKOPEO_REGISTRY,
  SKOPEO_CREDENTIALS,
  SYNCER_FILE, /* of the old form that has both parts in one file */
  SYNCER_AUTH,
  REGSYNC_FILE,
  REGSYNC_CREDS,
  REGSYNC_DEFAULTS,
  REGSYNC_SYNC,
  REGSYNC_TAGS, /* and each of tagSets */
  FOREIGN_OBJECTS
};
const struct foreign_key *foreign_keys(enum foreign_object object);

#endif
