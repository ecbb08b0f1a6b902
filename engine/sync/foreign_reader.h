/* sync/foreign_reader.h - what the readers of other programs' files share. Pure.
 * All that returns int gives 0, or -ERR_CONFIG with NAME:LINE:COLUMN. In these files a null value is
 * as good as none, the merge key << works, and unknown keys are warnings. */
#ifndef DRAY_SYNC_FOREIGN_READER_H
#define DRAY_SYNC_FOREIGN_READER_H

#include "base/map.h"
#include "sync/foreign.h"
#include "sync/tree.h"
#include "sync/value.h"

struct foreign {
  const char *name;        /* of the file in hand */
  const struct tree *tree; /* likewise */
  const char *file;        /* for places: NULL for the mirror's own */
  const struct env *env;
  const struct foreign_options *options;
  struct mirror *mirror;
  struct foreign_warning {
    struct mirror_place place;
    const char *name;
    size_t more; /* how often it was to be said again */
    char *text;
  } * warnings;
  size_t warning_count;
  struct map *said; /* text -> index in warnings, plus 1 */
};

/* One for each format; the tree's root is known to be of its kind. */
int foreign_read_skopeo(struct foreign *foreign, struct err *err);
int foreign_read_syncer(struct foreign *foreign, struct err *err);
int foreign_read_regsync(struct foreign *foreign, struct err *err);
/* TARGET/{name}, or TARGET/{host}/{path}: the caller's. */
char *foreign_skopeo_target(const struct foreign_options *options);
/* --auth, whose tree is the one in hand. */
int foreign_read_auth(struct foreign *foreign, struct err *err);

struct mirror_place foreign_place(const struct tree_node *node);
void foreign_warn(struct foreign *foreign, const struct tree_node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The value of a key, merged ones too; NULL where it is missing or null. */
const struct tree_node *foreign_get(const struct tree_node *map, const char *key);

/* Calls each for every key of a map, merged ones too, and its value (which may be null), until it
 * gives another value than 0, which is returned then. */
typedef int foreign_each_fn(void *arg, const struct tree_node *key, const struct tree_node *value,
                            struct err *err);
int foreign_each(struct foreign *foreign, const struct tree_node *map, foreign_each_fn *each,
                 void *arg, struct err *err);

/* A map of an object's keys: warns of those that are not honoured. what is the object's name. */
int foreign_map(struct foreign *foreign, const struct tree_node *node, enum foreign_object object,
                const char *what, struct err *err);

/* A list of texts, or one; empty texts are skipped. NULL is an empty one. */
int foreign_texts(struct foreign *foreign, const struct tree_node *node, value_each_fn *each,
                  void *arg, struct err *err);

/* YAML 1.1's words for it: their libraries take yes, no, on and off too. NULL leaves *value alone. */
int foreign_bool(struct foreign *foreign, const struct tree_node *node, bool *value,
                 struct err *err);

/* The registry's entry: the one that is there already, or a new one. */
int foreign_registry(struct foreign *foreign, const struct tree_node *node, const char *host,
                     struct mirror_registry **registry, struct err *err);
/* Both copied; without a password none, and a warning where there is a user. */
void foreign_login(struct foreign *foreign, const struct tree_node *node,
                   struct mirror_registry *registry, const char *user, const char *password);

/* As mirror_add_source(). */
int foreign_add_source(struct foreign *foreign, struct mirror_rule *rule,
                       const struct tree_node *node, const char *text, struct err *err);
/* A plain reference: what placeholders and slashes at the end mean to dray means nothing there. */
int foreign_add_target(struct foreign *foreign, struct mirror_rule *rule,
                       const struct tree_node *node, const char *text, struct err *err);

/* Go's regular expression, which may match anywhere within a tag; anchored: between ^ and $, put
 * around it as text is. add is selection_include() or one like it. */
int foreign_add_expression(struct foreign *foreign, struct selection *tags,
                           int add(struct selection *, const char *, struct err *),
                           const struct tree_node *node, const char *expression, bool anchored,
                           struct err *err);

#endif
