#include "sync/expand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"

static size_t name_len(const char *text) {
  return text[0] >= '0' && text[0] <= '9'
             ? 0
             : strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
}

static int too_long(struct err *err) {
  return err_set(err, ERR_CONFIG, "with what is put into it, it is longer than %zu KiB",
                 ENV_EXPANDED_MAX / 1024);
}

static int add_variable(struct expand *expand, struct buf *buf, const char *name, size_t len,
                        struct err *err) {
  char *copy = mem_strndup(name, len);
  const char *value = expand->env ? expand->env->get(expand->env->arg, copy) : NULL;
  if (!value)
    snprintf(expand->unset, sizeof expand->unset, "%s", copy);
  free(copy);
  return buf_adds(buf, value ? value : "") == 0 ? 0 : too_long(err);
}

/* Wipes what it leaves behind: there may be a password in it. */
static int finish(struct buf *buf, int rc, char **out) {
  *out = rc == 0 ? buf_take(buf) : NULL;
  if (buf->data)
    mem_wipe(buf->data, buf->len);
  buf_free(buf);
  return rc;
}

int expand_shell(struct expand *expand, const char *text, char **out, struct err *err) {
  struct buf buf;
  int rc = 0;
  buf_init(&buf, ENV_EXPANDED_MAX);
  expand->unset[0] = '\0';
  while (rc == 0 && *text) {
    size_t plain = strcspn(text, "$");
    if (buf_add(&buf, text, plain) != 0)
      rc = too_long(err);
    text += plain;
    if (!*text || rc != 0)
      break;
    size_t brace = text[1] == '{', len = name_len(text + 1 + brace);
    if (brace && (!len || text[2 + len] != '}'))
      rc = err_set(err, ERR_CONFIG, "\"${\" begins no variable here: ${NAME} is one");
    else if (len)
      rc = add_variable(expand, &buf, text + 1 + brace, len, err);
    else
      rc = buf_add(&buf, "$", 1) == 0 ? 0 : too_long(err);
    text += 1 + len + 2 * brace;
  }
  return finish(&buf, rc, out);
}

/* -- templates -- */

static const char *skip_blanks(const char *at) { return at + strspn(at, " \t"); }

/* WORD "TEXT": the text's length, or 0. *at goes to the text. */
static size_t argument(const char **at, const char *word) {
  const char *from = *at;
  size_t len = strlen(word);
  if (!text_starts(from, word) || (from[len] != ' ' && from[len] != '\t'))
    return 0;
  from = skip_blanks(from + len);
  if (*from++ != '"')
    return 0;
  len = strcspn(from, "\"\\");
  if (!len || from[len] != '"' || *skip_blanks(from + len + 1))
    return 0;
  *at = from;
  return len;
}

static int add_file(const struct expand *expand, struct buf *buf, const char *name, size_t len,
                    struct err *err) {
  char *copy = mem_strndup(name, len);
  char *text = expand->file ? expand->file(expand->file_arg, copy, err) : NULL;
  int rc = text ? 0 : -ERR_CONFIG;
  if (!expand->file)
    err_set(err, ERR_CONFIG, "no file can be read here");
  if (text) {
    size_t start = strspn(text, " \t\r\n"), end = strlen(text);
    while (end > start && strchr(" \t\r\n", text[end - 1]))
      end--;
    rc = buf_add(buf, text + start, end - start) == 0 ? 0 : too_long(err);
    mem_wipe(text, strlen(text));
  } else {
    err->code = ERR_CONFIG;
  }
  free(text);
  free(copy);
  return rc;
}

/* action is what stands between the braces, without blanks in front. */
static int run(struct expand *expand, struct buf *buf, const char *action, struct err *err) {
  const char *at = action;
  size_t len;
  if ((len = argument(&at, "env")))
    return add_variable(expand, buf, at, len, err);
  if ((len = argument(&at, "file")))
    return add_file(expand, buf, at, len, err);
  if (expand->source && text_starts(at, ".Sync.Source") &&
      !*skip_blanks(at + strlen(".Sync.Source")))
    return buf_adds(buf, expand->source) == 0 ? 0 : too_long(err);
  return err_set(err, ERR_CONFIG,
                 "a template that is not known here: there are {{env \"NAME\"}} and "
                 "{{file \"NAME\"}}, and {{.Sync.Source}} in a target");
}

int expand_template(struct expand *expand, const char *text, char **out, struct err *err) {
  struct buf buf;
  int rc = 0;
  buf_init(&buf, ENV_EXPANDED_MAX);
  expand->unset[0] = '\0';
  for (const char *open; rc == 0;) {
    open = strstr(text, "{{");
    size_t plain = open ? (size_t)(open - text) : strlen(text);
    if (buf_add(&buf, text, plain) != 0)
      rc = too_long(err);
    if (!open || rc != 0)
      break;
    const char *close = strstr(open, "}}");
    if (!close) {
      rc = err_set(err, ERR_CONFIG, "a template begins with {{ and has no }}");
      break;
    }
    const char *start = skip_blanks(open + 2);
    char *action = start < close ? mem_strndup(start, (size_t)(close - start)) : mem_strdup("");
    rc = run(expand, &buf, action, err);
    free(action);
    text = close + 2;
  }
  return finish(&buf, rc, out);
}
