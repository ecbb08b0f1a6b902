/* net/auth.h - what goes into Authorization for one registry: credentials, challenge, tokens.
 *   challenge known? → credentials → token by scope, fetched once, renewed before it expires
 * One struct auth a registry host. Thread: the loop's. done runs from the ready queue.
 * Sources: docker's token specification, RFC 7617 (Basic), RFC 6750 (Bearer). */
#ifndef DRAY_NET_AUTH_H
#define DRAY_NET_AUTH_H

#include <stdbool.h>

#include "base/err.h"
#include "base/log.h"
#include "net/creds.h"
#include "net/http.h"
#include "net/loop.h"
#include "net/retry.h"

struct auth;
struct auth_want; /* one caller's wish, from auth_get() to its done */

/* Borrowed, all of it, for the life of the auth. */
struct auth_spec {
  struct loop *loop;
  struct http *http;
  struct creds_store *creds;
  const struct trust *(*trust_for)(void *arg, const char *url); /* for the token server's host */
  void *trust_arg;
  const char *host;     /* as in struct oci_repo: for credentials and messages */
  const char *base_url; /* "https://ghcr.io": whether the registry is spoken to over TLS */
  const struct log *log;
  int retries;                                                /* of one token request */
  void (*on_retry)(void *arg, const struct retry_note *note); /* may be NULL */
  void *on_retry_arg;
};

struct auth *auth_new(const struct auth_spec *spec);
void auth_free(struct auth *auth); /* no wants may be under way; secrets are wiped */

/* Says what to send with a request to path (repository) for scopes (blank-separated, push first).
 * header is "Basic …", "Bearer …" or NULL (nothing yet known to be wanted). Equal wants under way
 * share one token request, and a token for more than the scopes serves too. A token that has less
 * than 30 s (or a third of its life) left is renewed first.
 * A token server that is busy, down or out of reach is asked again, up to `retries` times, by
 * net/retry.h's rules.
 * done: exactly once, never from inside auth_get; header is borrowed during the call.
 * Errors: ERR_CONFIG (helper), ERR_UNAUTHORIZED (the token server refused the credentials, or the
 * registry wants some and there are none: final), ERR_RATE_LIMITED, ERR_SERVER, ERR_REFUSED,
 * ERR_PROTOCOL, those of http, ERR_CANCELED. */
typedef void auth_done_fn(void *arg, const char *header, const struct err *err);
struct auth_want *auth_get(struct auth *auth, const char *path, const char *scopes,
                           auth_done_fn *done, void *arg);
void auth_cancel(struct auth_want *want); /* done follows with ERR_CANCELED */

/* A 401 (or a 403 with a challenge) came for a request that was sent with header (NULL: none).
 * Learns the challenge, forgets the token used. True: ask auth_get() again and repeat the request;
 * false: what we have was refused. A second refusal of a fresh token for the same scopes is final;
 * credentials with from_ci give way to anonymous once for pull-only scopes (with a warning).
 * A 401 without WWW-Authenticate: true once, and auth_get() then asks base_url/v2/ for the
 * challenge. A realm on plain HTTP for a registry on HTTPS, or one that is no URL, is refused:
 * the next auth_get() fails with ERR_UNAUTHORIZED that says so. */
bool auth_refused(struct auth *auth, const char *path, const char *scopes, const char *header,
                  const struct http_reply *reply);

/* Nothing is known yet: the first request should go alone, so that the others do not all run into
 * the same 401. */
bool auth_is_unknown(const struct auth *auth);
/* A request without Authorization succeeded: the registry does not want any (until it says so). */
void auth_not_needed(struct auth *auth);
/* Whose credentials were last found: "user joe, from ~/.docker/config.json"; NULL: nobody's. */
const char *auth_identity(const struct auth *auth);

#endif
