/* net/creds.h - which credentials go to which registry. Sources: docker's config.json,
 * containers-auth.json(5), GitHub's and GitLab's CI variables. */
#ifndef DRAY_NET_CREDS_H
#define DRAY_NET_CREDS_H

#include <stdbool.h>

#include "base/err.h"
#include "net/loop.h"

/* All are secrets but user and origin; NULL: none. A plain value; creds_free() wipes it. */
struct creds {
  char *user;
  char *password;
  char *identity_token; /* OAuth2 refresh token; wins over user and password */
  char *registry_token; /* a ready bearer token; wins over all; printable, without blanks */
  char *origin;         /* for messages: a file, a helper or a variable */
  bool from_ci;         /* found in CI variables: refused for a pull, they give way to anonymous */
};
void creds_free(struct creds *creds);
void creds_copy(struct creds *to, const struct creds *from);
bool creds_is_anonymous(const struct creds *creds);
/* "Basic …", the caller's; secret. A server without OAuth2 takes the identity token for a
 * password. */
char *creds_basic(const struct creds *creds);
/* Text shows one of the secrets, plain or as Basic sends it. */
bool creds_are_in(const struct creds *creds, const char *text);

/* HOST[:PORT] of a key or of a host as people write it, in the one spelling that is compared: lower
 * case, without scheme, path and https's own port; "docker.io" for all of Docker Hub's names. The
 * caller's. */
char *creds_host(const char *text);

struct creds_store;

/* getenv-like; lets tests give an environment. */
typedef const char *creds_getenv_fn(void *arg, const char *name);

struct creds_options {
  const char *authfile;         /* --authfile, or NULL */
  bool authfile_may_be_missing; /* as one that is about to be written */
  creds_getenv_fn *getenv;
  void *getenv_arg;
};

/* Reads all sources (those that exist) at once, before anything is sent. Asked in this order, each
 * where the ones before have nothing for a host: what creds_set() gave; --authfile alone, or else
 * REGISTRY_AUTH_FILE, DOCKER_AUTH_CONFIG, docker's config.json, containers' auth.json (runtime
 * folder, then configuration folder); CI variables; anonymous. Within a file: the helper program
 * that credHelpers or credsStore names for the host, then auths. A file that REGISTRY_AUTH_FILE or
 * DOCKER_CONFIG names may be missing, as for skopeo and docker.
 * Errors: ERR_CONFIG (malformed, unreadable, above 1 MiB, or a missing --authfile, where that is not
 * allowed); the message names the file. */
int creds_new(const struct creds_options *options, struct creds_store **store, struct err *err);
void creds_store_free(struct creds_store *store); /* no finds may be under way; NULL is fine */

/* Wins over everything else for that host (mirror file, login); origin as in struct creds. */
void creds_set(struct creds_store *store, const char *host, const char *user, const char *password,
               const char *origin);

/* Finds the credentials for HOST/PATH (host as in struct oci_repo; docker.io's keys are known;
 * longest matching key first). done is called exactly once, never from inside creds_find, from the
 * ready queue, on the loop's thread: err NULL with creds (anonymous where there are none; borrowed
 * during the call), or ERR_CONFIG naming a helper that is missing, failed, was slow (10 s) or
 * babbled (1 MiB). Helpers run once a host; answers and failures are kept. */
typedef void creds_done_fn(void *arg, const struct creds *creds, const struct err *err);
struct creds_find;
struct creds_find *creds_find(struct creds_store *store, struct loop *loop, const char *host,
                              const char *path, creds_done_fn *done, void *arg);
void creds_cancel(struct creds_find *find); /* done follows with ERR_CANCELED */

#endif
