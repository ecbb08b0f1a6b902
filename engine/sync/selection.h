/* sync/selection.h - which tags of a repository are wanted. Pure. Thread: any; asking changes nothing. */
#ifndef DRAY_SYNC_SELECTION_H
#define DRAY_SYNC_SELECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "sync/pattern.h"

/* A tag is wanted where one of include fits it (without any: always), one of require does (likewise)
 * and none of exclude. With newest, only the last so many versions of these, in the order of version_compare(): every version
 * counts that include and exclude leave, pre-releases too; other tags are left out. */
struct selection;

struct selection *selection_new(void);            /* all tags */
void selection_free(struct selection *selection); /* NULL is fine */

/* Errors: those of pattern_parse(). */
int selection_include(struct selection *selection, const char *pattern, struct err *err);
int selection_require(struct selection *selection, const char *pattern, struct err *err);
int selection_exclude(struct selection *selection, const char *pattern, struct err *err);
/* A pattern that is there already; it is the selection's from now on. */
void selection_include_pattern(struct selection *selection, struct pattern *pattern);
void selection_set_newest(struct selection *selection, size_t newest); /* 0: no such limit */

size_t selection_newest(const struct selection *selection); /* 0: tags may be taken as they come */

/* Do include and exclude want it? NULL is a selection of all. gave_up (may be NULL) is pointed to the
 * text of a pattern that was given up for this tag (pattern_match), else left alone. */
bool selection_wants(const struct selection *selection, const char *tag, const char **gave_up);

/* Moves the tags that are wanted to the front, in order, and returns how many they are. Needs no
 * memory of its own. */
size_t selection_apply(const struct selection *selection, const char **tags, size_t count,
                       const char **gave_up);

#endif
