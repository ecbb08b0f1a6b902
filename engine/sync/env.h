/* sync/env.h - environment variables within a text. Pure. */
#ifndef DRAY_SYNC_ENV_H
#define DRAY_SYNC_ENV_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define ENV_EXPANDED_MAX ((size_t)64 * 1024) /* bytes of a text once expanded */

/* getenv-like: NULL where name is not set. */
typedef const char *env_get_fn(void *arg, const char *name);

struct env {
  env_get_fn *get;
  void *arg;
};

/* ${NAME} is the value (which may be empty), ${NAME,,} the value in lower case (ASCII), and with
 * :-DEFAULT in front of the brace DEFAULT stands in for an unset or empty one, as it is written. $$ is
 * $, and a $ before anything but { stands for itself. What comes from the environment or is a default
 * is not looked at again.
 * *out is the caller's; *replaced (may be NULL) says whether a variable was there.
 * Errors: ERR_CONFIG, naming the variable, never a value: not set and no default, no closing brace, a
 * form that there is not, a variable within a default, too long. */
int env_expand(const struct env *env, const char *text, char **out, bool *replaced,
               struct err *err);

#endif
