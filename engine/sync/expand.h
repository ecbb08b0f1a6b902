/* sync/expand.h - what other programs replace within a text. Pure but for the file that a template
 * names, which the caller reads. */
#ifndef DRAY_SYNC_EXPAND_H
#define DRAY_SYNC_EXPAND_H

#include "base/err.h"
#include "sync/env.h"

/* A file's text, the caller's, or NULL with err. */
typedef char *expand_file_fn(void *arg, const char *name, struct err *err);

struct expand {
  const struct env *env; /* NULL: nothing is set */
  expand_file_fn *file;  /* NULL: no file can be read */
  void *file_arg;
  const char *source; /* what .Sync.Source is; NULL: not known here */
  char unset[64];     /* afterwards the (last) variable that was not set, which is ""; else "" */
};

/* Go's os.ExpandEnv: $NAME and ${NAME}, "" for one that is not set. A $ before anything else stays.
 * *out is the caller's. Errors: ERR_CONFIG: ${ without a name and a brace, too long. */
int expand_shell(struct expand *expand, const char *text, char **out, struct err *err);

/* Of Go's text/template: {{env "NAME"}}, {{file "NAME"}} (without the white space around it) and
 * {{.Sync.Source}}. *out is the caller's.
 * Errors: ERR_CONFIG: another action (not in the message: it may have a password); a file that can't be read; too long. */
int expand_template(struct expand *expand, const char *text, char **out, struct err *err);

#endif
