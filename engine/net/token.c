#include "net/token.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "net/url.h"

enum { LIFE_MIN_S = 60, LIFE_MAX_S = 24 * 3600 };

/* The scope that *cursor stands before, and its length; NULL at the end. */
static const char *next_scope(const char **cursor, size_t *len) {
  const char *scope = *cursor + strspn(*cursor, " ");
  *len = strcspn(scope, " ");
  *cursor = scope + *len;
  return *len ? scope : NULL;
}

static void add_to_query(struct buf *url, const char *name, const char *value) {
  const char *separator = !strchr(url->data, '?')                 ? "?"
                          : strchr("?&", url->data[url->len - 1]) ? ""
                                                                  : "&";
  char *escaped = url_escape(value);
  buf_addf(url, "%s%s=%s", separator, name, escaped);
  free(escaped);
}

char *token_get_url(const char *realm, const char *service, const char *scopes, const char *user) {
  struct buf url;
  buf_init(&url, SIZE_MAX);
  buf_adds(&url, realm);
  if (service)
    add_to_query(&url, "service", service);
  size_t len;
  for (const char *scope; (scope = next_scope(&scopes, &len));) {
    char *one = mem_strndup(scope, len);
    add_to_query(&url, "scope", one);
    free(one);
  }
  if (user)
    add_to_query(&url, "account", user);
  return buf_take(&url);
}

char *token_post_body(const char *service, const char *scopes, const char *refresh_token) {
  char *where = url_escape(service ? service : "");
  char *what = url_escape(scopes);
  char *secret = url_escape(refresh_token);
  char *body = mem_printf("grant_type=refresh_token&client_id=dray%s%s&scope=%s&refresh_token=%s",
                          service ? "&service=" : "", where, what, secret);
  mem_wipe(secret, strlen(secret));
  free(where);
  free(what);
  free(secret);
  return body;
}

/* The length of "repository:a/b:" in a scope: all but its actions. */
static size_t resource_len(const char *scope, size_t len) {
  while (len && scope[len - 1] != ':')
    len--;
  return len;
}

static bool has_action(const char *actions, size_t len, const char *action, size_t action_len) {
  for (const char *end = actions + len; actions < end;) {
    const char *comma = memchr(actions, ',', (size_t)(end - actions));
    size_t one = comma ? (size_t)(comma - actions) : (size_t)(end - actions);
    if (one == action_len && memcmp(actions, action, one) == 0)
      return true;
    actions += one + 1;
  }
  return false;
}

/* One scope of have that holds all of want. */
static bool has_scope(const char *have, const char *want, size_t want_len) {
  size_t resource = resource_len(want, want_len), len;
  for (const char *scope; (scope = next_scope(&have, &len));) {
    if (resource_len(scope, len) != resource || memcmp(scope, want, resource) != 0)
      continue;
    bool all = true;
    for (size_t at = resource; all && at < want_len;) {
      const char *comma = memchr(want + at, ',', want_len - at);
      size_t end = comma ? (size_t)(comma - want) : want_len;
      all = has_action(scope + resource, len - resource, want + at, end - at);
      at = end + 1;
    }
    if (all)
      return true;
  }
  return false;
}

bool token_scopes_cover(const char *have, const char *want) {
  size_t len;
  for (const char *scope; (scope = next_scope(&want, &len));)
    if (!has_scope(have, scope, len))
      return false;
  return true;
}

bool token_scopes_only_pull(const char *scopes) {
  size_t len;
  for (const char *scope; (scope = next_scope(&scopes, &len));) {
    size_t resource = resource_len(scope, len);
    if (len - resource != strlen("pull") || memcmp(scope + resource, "pull", len - resource) != 0)
      return false;
  }
  return true;
}

/* NULL where there is none. */
static const char *token_text(const json_t *reply) {
  const char *text = json_string_value(json_object_get(reply, "token"));
  if (!text || !*text)
    text = json_string_value(json_object_get(reply, "access_token"));
  return text && *text ? text : NULL;
}

static bool fits_a_header(const char *text) {
  for (; *text; text++)
    if (*text <= ' ' || *text > '~')
      return false;
  return true;
}

static int64_t life_ms(const json_t *reply) {
  double seconds = json_number_value(json_object_get(reply, "expires_in"));
  seconds = seconds < LIFE_MIN_S ? LIFE_MIN_S : seconds > LIFE_MAX_S ? LIFE_MAX_S : seconds;
  return (int64_t)(seconds * 1000);
}

static bool is_web_page(const char *body, size_t len) {
  size_t at = 0;
  while (at < len && strchr(" \t\r\n", body[at]))
    at++;
  return at < len && body[at] == '<';
}

int token_parse(const char *body, size_t len, struct token *token, struct err *err) {
  *token = (struct token){0};
  /* As reals, no number is too large to be read. */
  json_t *reply = json_loadb(body, len, JSON_DECODE_INT_AS_REAL, NULL);
  const char *text = token_text(reply);
  int rc = 0;
  if (!reply)
    rc = err_set(err, ERR_PROTOCOL, "the token server's answer is not JSON%s",
                 is_web_page(body, len)
                     ? ", but a web page: does a web proxy or a firewall answer in its place?"
                     : "");
  else if (!text)
    rc = err_set(err, ERR_PROTOCOL, "the token server's answer holds no token");
  else if (!fits_a_header(text))
    rc = err_set(err, ERR_PROTOCOL, "the token server's token has blanks or control characters");
  else
    *token = (struct token){.text = mem_strdup(text), .expires_ms = life_ms(reply)};
  json_decref(reply);
  return rc;
}

/* The first of these members that says something; "" if none does. */
static const char *first_text(const json_t *object, const char *const *keys) {
  const char *text = NULL;
  for (; *keys && (!text || !*text); keys++)
    text = json_string_value(json_object_get(object, *keys));
  return text ? text : "";
}

void token_refusal(const char *body, size_t len, char *words, size_t room) {
  static const char *const codes[] = {"code", NULL};
  static const char *const messages[] = {"message", "error_description", "details", "error", NULL};
  json_t *reply = json_loadb(body, len, JSON_DECODE_INT_AS_REAL, NULL);
  const json_t *first = json_array_get(json_object_get(reply, "errors"), 0);
  const json_t *item = first ? first : reply;
  const char *code = first_text(item, codes), *message = first_text(item, messages);
  char *both = mem_printf("%s%s%s", code, *code && *message ? ": " : "", message);
  text_printable(words, room, both, strlen(both));
  free(both);
  json_decref(reply);
}

void token_free(struct token *token) {
  if (token->text)
    mem_wipe(token->text, strlen(token->text));
  free(token->text);
  *token = (struct token){0};
}
