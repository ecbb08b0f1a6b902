/* net/creds_edit.h - a credentials file's text, changed as the docker CLI would change it: all that
 * is not about the registry stays, in its order. Pure.
 * Source: docker's config.json. */
#ifndef DRAY_NET_CREDS_EDIT_H
#define DRAY_NET_CREDS_EDIT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "net/creds.h"

enum creds_edit {
  CREDS_KEEP, /* user and password, in every entry that stands for the host */
  CREDS_MARK, /* entries without a secret: a helper has it */
  CREDS_DROP  /* no entries */
};

/* The key that docker gives registry (HOST[:PORT], perhaps within a URL); the caller's. */
char *creds_edit_key(const char *registry);

/* name is for messages. *changed is the new text, the caller's, a secret; NULL: it would say the
 * same. *found: there was an entry for registry. creds: for CREDS_KEEP.
 * Errors: those of creds_file_parse(). */
int creds_edit(const char *name, const char *text, size_t len, const char *registry,
               enum creds_edit edit, const struct creds *creds, char **changed, bool *found,
               struct err *err);

#endif
