#include "sync/env.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

static bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static size_t name_len(const char *text) {
  size_t len = 0;
  while (is_letter(text[len]) || (len > 0 && text[len] >= '0' && text[len] <= '9'))
    len++;
  return len;
}

/* What stands between the braces. */
struct variable {
  char *name;
  bool lower;
  const char *fallback; /* NULL: none */
  size_t fallback_len;
};

static int parse(const char *text, size_t len, struct variable *variable, struct err *err) {
  size_t name = name_len(text);
  const char *at = text + name, *end = text + len;
  variable->name = mem_strndup(text, name);
  if (end - at >= 2 && memcmp(at, ",,", 2) == 0) {
    variable->lower = true;
    at += 2;
  }
  if (end - at >= 2 && memcmp(at, ":-", 2) == 0) {
    variable->fallback = at + 2;
    variable->fallback_len = (size_t)(end - at) - 2;
    at = end;
  }
  if (!name || at != end)
    return err_set(err, ERR_CONFIG,
                   "\"${%.*s}\" is no variable: there are ${NAME}, ${NAME:-default} and ${NAME,,}, "
                   "and $$ for a $",
                   len < 100 ? (int)len : 100, text);
  if (variable->fallback && memmem(variable->fallback, variable->fallback_len, "${", 2))
    return err_set(err, ERR_CONFIG, "the default of ${%s} can't have a variable in it",
                   variable->name);
  return 0;
}

static int too_long(struct err *err) {
  return err_set(err, ERR_CONFIG, "with its variables it is longer than %zu KiB",
                 ENV_EXPANDED_MAX / 1024);
}

static int add_variable(const struct env *env, const struct variable *variable, struct buf *buf,
                        struct err *err) {
  const char *value = env->get(env->arg, variable->name);
  if (variable->fallback && (!value || !*value))
    return buf_add(buf, variable->fallback, variable->fallback_len) == 0 ? 0 : too_long(err);
  if (!value)
    return err_set(err, ERR_CONFIG,
                   "the environment variable %s is not set (${%s:-default} would do without it)",
                   variable->name, variable->name);
  size_t start = buf->len;
  if (buf_adds(buf, value) != 0)
    return too_long(err);
  for (size_t i = start; variable->lower && i < buf->len; i++)
    if (buf->data[i] >= 'A' && buf->data[i] <= 'Z')
      buf->data[i] = (char)(buf->data[i] + ('a' - 'A'));
  return 0;
}

/* at is behind the opening brace. Returns what is behind the closing one. */
static const char *expand_one(const struct env *env, const char *at, struct buf *buf,
                              struct err *err) {
  const char *end = strchr(at, '}');
  if (!end) {
    err_set(err, ERR_CONFIG, "\"${%.100s\" has no closing brace ($$ is a $ that begins nothing)",
            at);
    return NULL;
  }
  struct variable variable = {0};
  int rc = parse(at, (size_t)(end - at), &variable, err);
  if (rc == 0)
    rc = add_variable(env, &variable, buf, err);
  free(variable.name);
  return rc == 0 ? end + 1 : NULL;
}

int env_expand(const struct env *env, const char *text, char **out, bool *replaced,
               struct err *err) {
  struct buf buf;
  bool found = false;
  buf_init(&buf, ENV_EXPANDED_MAX);
  while (text && *text) {
    size_t plain = strcspn(text, "$");
    int full = buf_add(&buf, text, plain);
    text += plain;
    if (text[0] == '$' && text[1] == '{') {
      found = true;
      text = expand_one(env, text + 2, &buf, err);
    } else if (*text) {
      full |= buf_add(&buf, "$", 1);
      text += text[1] == '$' ? 2 : 1;
    }
    if (full) {
      too_long(err);
      text = NULL;
    }
  }
  *out = text ? buf_take(&buf) : NULL;
  if (text && replaced)
    *replaced = found;
  if (buf.data)
    mem_wipe(buf.data, buf.len); /* a password may have been in it */
  buf_free(&buf);
  return text ? 0 : -ERR_CONFIG;
}
