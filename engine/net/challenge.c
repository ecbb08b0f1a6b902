#include "net/challenge.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

enum { VALUE_MAX = 8 * 1024 };

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

static bool is_alnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* RFC 9110's tchar. */
static bool is_token(char c) { return is_alnum(c) || (c && strchr("!#$%&'*+-.^_`|~", c)); }

static bool is_token68(char c) { return is_alnum(c) || (c && strchr("-._~+/", c)); }

static const char *skip_blanks(const char *s) {
  while (is_blank(*s))
    s++;
  return s;
}

/* Behind a token68 that is all that follows a scheme, or NULL where there is none: "YWJj==" is one,
 * "realm=x" is not. */
static const char *skip_token68(const char *s) {
  const char *start = s;
  while (is_token68(*s))
    s++;
  if (s == start)
    return NULL;
  while (*s == '=')
    s++;
  s = skip_blanks(s);
  return *s == '\0' || *s == ',' ? s : NULL;
}

/* Reads a quoted string (*s stands on its '"') or a plain value. NULL where the quote never ends;
 * *s is moved behind what was read. */
static char *read_value(const char **s) {
  const char *in = *s;
  if (*in != '"') {
    while (*in && *in != ',' && !is_blank(*in))
      in++;
    char *plain = mem_strndup(*s, (size_t)(in - *s));
    *s = in;
    return plain;
  }
  const char *end = in + 1;
  while (*end && *end != '"')
    end += *end == '\\' && end[1] ? 2 : 1;
  *s = *end ? end + 1 : end;
  if (!*end)
    return NULL;
  char *value = mem_alloc((size_t)(end - in));
  size_t len = 0;
  for (in++; in < end; in++) {
    if (*in == '\\')
      in++;
    value[len++] = *in;
  }
  value[len] = '\0';
  return value;
}

static void set_param(struct challenge *challenge, const char *name, size_t len, char *value) {
  static const char *const names[] = {"realm", "service", "scope"};
  char **slots[] = {&challenge->realm, &challenge->service, &challenge->scope};
  char *key = mem_strndup(name, len);
  for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++)
    if (value && !*slots[i] && text_same(key, names[i])) {
      *slots[i] = value;
      value = NULL;
    }
  free(key);
  free(value);
}

static int rank(const struct challenge *challenge) {
  switch (challenge->scheme) {
  case CHALLENGE_NONE:
    return 0;
  case CHALLENGE_BASIC:
    return 2;
  case CHALLENGE_BEARER:
    return challenge->realm && *challenge->realm ? 3 : 1;
  }
  return 0;
}

static void keep_better(struct challenge *best, struct challenge *candidate) {
  if (rank(candidate) > rank(best)) {
    struct challenge worse = *best;
    *best = *candidate;
    *candidate = worse;
  }
  challenge_free(candidate);
}

static enum challenge_scheme scheme_of(const char *name, size_t len) {
  char *text = mem_strndup(name, len);
  enum challenge_scheme scheme = text_same(text, "bearer")  ? CHALLENGE_BEARER
                                 : text_same(text, "basic") ? CHALLENGE_BASIC
                                                            : CHALLENGE_NONE;
  free(text);
  return scheme;
}

void challenge_parse(struct challenge *challenge, const char *value) {
  if (strnlen(value, VALUE_MAX + 1) > VALUE_MAX)
    return;
  struct challenge now = {0};
  for (const char *s = value; *s;) {
    const char *word = s;
    while (is_token(*s))
      s++;
    size_t len = (size_t)(s - word);
    const char *next = skip_blanks(s);
    if (len == 0) { /* a comma, a blank, or garbage */
      if (*s == '"')
        free(read_value(&s));
      else
        s++;
    } else if (*next == '=') {
      s = skip_blanks(next + 1);
      set_param(&now, word, len, read_value(&s));
    } else {
      keep_better(challenge, &now);
      now.scheme = scheme_of(word, len);
      const char *behind = next > s ? skip_token68(next) : NULL;
      s = behind ? behind : next;
    }
  }
  keep_better(challenge, &now);
}

void challenge_free(struct challenge *challenge) {
  free(challenge->realm);
  free(challenge->service);
  free(challenge->scope);
  *challenge = (struct challenge){0};
}
