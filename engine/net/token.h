/* net/token.h - the token server's requests and replies as text. Pure.
 * Sources: docker's token authentication specification (GET) and OAuth2 (POST, RFC 6749). */
#ifndef DRAY_NET_TOKEN_H
#define DRAY_NET_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "net/challenge.h"

#define TOKEN_REPLY_MAX ((size_t)1024 * 1024) /* bytes */

/* scopes: separated by blanks ("repository:a/b:pull,push repository:c/d:pull"), the order kept. */

/* GET: realm?service=…&scope=…&scope=…[&account=user]; realm's own query is kept. service and user
 * may be NULL. The caller's. */
char *token_get_url(const char *realm, const char *service, const char *scopes, const char *user);

/* POST: an application/x-www-form-urlencoded body with grant_type=refresh_token. service may be
 * NULL. The caller's; secret. */
char *token_post_body(const char *service, const char *scopes, const char *refresh_token);

/* Whether a token for have serves where want is needed: each scope of want is there, with all its
 * actions. */
bool token_scopes_cover(const char *have, const char *want);
/* No action but pull is asked for. */
bool token_scopes_only_pull(const char *scopes);

struct token {
  char *text;         /* the bearer token; secret */
  int64_t expires_ms; /* from its receipt: 60 s (also by default) to 24 h */
};

/* issued_at is ignored: servers' clocks differ. token is zeroed after an error.
 * Errors: ERR_PROTOCOL (not JSON, neither token nor access_token, blanks or control characters in
 * it). */
int token_parse(const char *body, size_t len, struct token *token, struct err *err);
void token_free(struct token *token); /* wiped */

/* What a token server says for itself when it refuses: "DENIED: access forbidden", printable, cut
 * to fit; "" where the body is nothing that it knows. The caller sees to it that no secret of ours
 * comes back in it. Sources: the registry's errors, OAuth2's (RFC 6749, 5.2), Docker Hub's
 * "details". */
void token_refusal(const char *body, size_t len, char *words, size_t room);

#endif
