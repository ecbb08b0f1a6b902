/* net/creds_file.h - one credentials file, read. Pure.
 * Sources: docker's config.json, containers-auth.json(5). */
#ifndef DRAY_NET_CREDS_FILE_H
#define DRAY_NET_CREDS_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "net/creds.h"

#define CREDS_FILE_MAX ((size_t)1024 * 1024) /* bytes */

struct creds_file;

/* name is for messages and for the origin of what is found. Nothing but white space is an empty
 * file, as for docker. Keys that are not known are skipped.
 * Errors: ERR_CONFIG (no JSON: NAME:LINE:COLUMN; a value of the wrong type, an auth that is not
 * base64 of user:password, a helper's name with a '/': NAME and the key, never the value). */
int creds_file_parse(const char *name, const char *text, size_t len, struct creds_file **file,
                     struct err *err);
void creds_file_free(struct creds_file *file); /* wiped; NULL is fine */

/* Whether a key of auths stands for all of host (as creds_host() spells it), in any spelling. */
bool creds_file_key_is_host(const char *key, const char *host);

const char *creds_file_name(const struct creds_file *file);

/* What follows "docker-credential-" in the name of the program to ask for host (as creds_host()
 * spells it): credHelpers' for it, else credsStore's. NULL: none. */
const char *creds_file_helper(const struct creds_file *file, const char *host);

/* The entry of auths that fits host (as creds_host() spells it) and path best, if it says
 * anything: HOST/NAMESPACE/REPO before HOST/NAMESPACE before HOST before https://HOST/anything.
 * NULL: none. */
const struct creds *creds_file_find(const struct creds_file *file, const char *host,
                                    const char *path);

#endif
