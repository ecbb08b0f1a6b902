#include "oci/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/text.h"
#include "oci/json.h"
#include "oci/manifest.h"

const char oci_accept_manifest[] =
    OCI_TYPE_INDEX ", " DOCKER_TYPE_LIST ", " OCI_TYPE_MANIFEST ", " DOCKER_TYPE_MANIFEST ", */*";

/* A parsed repository, tag or digest has no character that a URL's path would need escaped. */
char *oci_path_manifest(const struct oci_repo *repo, const char *reference) {
  return mem_printf("/v2/%s/manifests/%s", repo->path, reference);
}

char *oci_path_blob(const struct oci_repo *repo, const struct oci_digest *digest) {
  return mem_printf("/v2/%s/blobs/%s", repo->path, digest->text);
}

static char *digest_parameter(const char *name, const struct oci_digest *digest) {
  return mem_printf("%s=%s%%3A%s", name, oci_digest_algorithm_name(digest->algorithm),
                    oci_digest_hex(digest));
}

char *oci_path_upload(const struct oci_repo *repo, const struct oci_digest *digest,
                      const struct oci_repo *mount_from) {
  struct buf path;
  buf_init(&path, SIZE_MAX);
  buf_addf(&path, "/v2/%s/blobs/uploads/", repo->path);
  if (mount_from) {
    char *mount = digest_parameter("mount", digest);
    buf_addf(&path, "?%s&from=", mount);
    free(mount);
    for (const char *s = mount_from->path; *s; s++)
      buf_adds(&path, *s == '/' ? "%2F" : (char[]){*s, '\0'});
  } else if (digest->algorithm != OCI_SHA256) {
    buf_addf(&path, "?digest-algorithm=%s", oci_digest_algorithm_name(digest->algorithm));
  }
  return buf_take(&path);
}

char *oci_path_tags(const struct oci_repo *repo, int page_size) {
  return mem_printf("/v2/%s/tags/list?n=%d", repo->path, page_size);
}

char *oci_scope(const struct oci_repo *repo, bool push) {
  return mem_printf("repository:%s:pull%s", repo->path, push ? ",push" : "");
}

char *oci_commit_url(const char *location, const struct oci_digest *digest) {
  int len = (int)strcspn(location, "#");
  const char *query = memchr(location, '?', (size_t)len);
  bool open = query && strchr("?&", location[len - 1]);
  char *parameter = digest_parameter("digest", digest);
  char *url = mem_printf("%.*s%s%s", len, location, !query ? "?" : open ? "" : "&", parameter);
  free(parameter);
  return url;
}

/* Reads decimal digits and moves *text behind them. */
static int read_u64(const char **text, uint64_t *value) {
  const char *s = *text;
  *value = 0;
  for (; *s >= '0' && *s <= '9'; s++)
    if (__builtin_mul_overflow(*value, 10, value) ||
        __builtin_add_overflow(*value, (unsigned)(*s - '0'), value))
      return -1;
  if (s == *text)
    return -1;
  *text = s;
  return 0;
}

static const char *skip_blanks(const char *s) { return s + strspn(s, " \t"); }

int oci_range_parse(const char *value, uint64_t *received) {
  uint64_t first, last;
  const char *s = skip_blanks(value);
  if (text_starts(s, "bytes="))
    s += 6;
  if (read_u64(&s, &first) != 0 || *s++ != '-')
    return -1;
  if (first == 0 && text_starts(s, "-1")) {
    s += 2;
    last = UINT64_MAX; /* so that one more is none */
  } else if (read_u64(&s, &last) != 0 || last < first || last == UINT64_MAX) {
    return -1;
  }
  if (*skip_blanks(s))
    return -1;
  *received = last + 1;
  return 0;
}

int oci_content_range_parse(const char *value, uint64_t *first, uint64_t *last, int64_t *total) {
  const char *s = skip_blanks(value);
  uint64_t size = 0;
  if (strncasecmp(s, "bytes ", 6) != 0)
    return -1;
  s = skip_blanks(s + 6);
  if (read_u64(&s, first) != 0 || *s++ != '-' || read_u64(&s, last) != 0 || *s++ != '/' ||
      *last < *first)
    return -1;
  bool known = *s != '*';
  if (!known)
    s++;
  else if (read_u64(&s, &size) != 0 || size > INT64_MAX || *last >= size)
    return -1;
  if (*skip_blanks(s))
    return -1;
  *total = known ? (int64_t)size : -1;
  return 0;
}

/* Is word one of the words of list[len], without case? */
static bool has_word(const char *list, size_t len, const char *word) {
  for (size_t at = 0; at < len;) {
    size_t n = 0;
    while (at + n < len && list[at + n] != ' ')
      n++;
    if (n == strlen(word) && strncasecmp(list + at, word, n) == 0)
      return true;
    at += n + 1;
  }
  return false;
}

/* Reads one ";name=value" (the value may be quoted) and moves *text behind it. False: there is
 * none. */
static bool is_next_parameter(const char **text, bool *is_next) {
  const char *s = skip_blanks(*text);
  if (*s != ';')
    return false;
  s = skip_blanks(s + 1);
  const char *name = s;
  s += strcspn(s, "=;, \t");
  size_t name_len = (size_t)(s - name), len = 0;
  s = skip_blanks(s);
  const char *value = s;
  if (*s == '=') {
    value = s = skip_blanks(s + 1);
    if (*s == '"') {
      value = ++s;
      while (*s && *s != '"')
        s += *s == '\\' && s[1] ? 2 : 1;
      len = (size_t)(s - value);
      s += *s == '"';
    } else {
      s += strcspn(s, ";, \t");
      len = (size_t)(s - value);
    }
  }
  *is_next = name_len == 3 && strncasecmp(name, "rel", 3) == 0 && has_word(value, len, "next");
  *text = s;
  return true;
}

char *oci_link_next(const char *value) {
  const char *s = value;
  for (;;) {
    s += strspn(s, " \t,");
    if (*s != '<')
      return NULL;
    const char *target = s + 1;
    size_t len = strcspn(target, ">");
    if (target[len] != '>')
      return NULL;
    s = target + len + 1;
    for (bool is_next; is_next_parameter(&s, &is_next);)
      if (is_next)
        return len ? mem_strndup(target, len) : NULL;
    s = skip_blanks(s);
    if (*s != ',')
      return NULL;
  }
}

/* Finds <name …>text</ without case. */
static const char *find_element(const char *html, const char *name, size_t *len) {
  for (const char *s = html; (s = strchr(s, '<')); s++) {
    size_t n = strlen(name);
    if (strncasecmp(s + 1, name, n) != 0 || !strchr("> \t\r\n", s[1 + n]))
      continue;
    const char *text = strchr(s, '>');
    if (!text)
      return NULL;
    *len = strcspn(++text, "<");
    return text;
  }
  return NULL;
}

/* One line of text: markup is dropped, runs of white space become one space. */
static void gist(char *dst, size_t room, const char *text) {
  size_t len = strlen(text), out = 0;
  text += strspn(text, " \t\r\n");
  bool markup = *text == '<';
  if (markup) {
    const char *title = find_element(text, "title", &len);
    if (!title)
      title = find_element(text, "message", &len); /* what object stores send */
    if (title)
      text = title;
  }
  char *line = mem_alloc(len + 1);
  bool in_tag = false, gap = false;
  for (size_t i = 0; i < len && text[i]; i++) {
    char c = text[i];
    bool blank = strchr(" \t\r\n", c) != NULL;
    if (markup && (c == '<' || c == '>')) {
      in_tag = c == '<';
      blank = true;
    }
    gap |= blank;
    if (in_tag || blank)
      continue;
    if (gap && out > 0)
      line[out++] = ' ';
    gap = false;
    line[out++] = c;
  }
  text_printable(dst, room, line, out);
  free(line);
}

/* The first of these members that says something. */
static const char *first_text(const json_t *object, const char *const *keys) {
  const char *text = NULL;
  for (; *keys && (!text || !*text); keys++)
    text = oci_json_text(object, *keys);
  return text ? text : "";
}

/* {"errors": [{"code", "message", "detail"}]} is the standard's. Others send the object alone, or
 * as "error"; token servers a code as "error" with "error_description"; Docker Hub "details". Quay
 * says what it means in a message of the detail's. */
void oci_error_parse(const char *body, size_t len, struct oci_error *error) {
  static const char *const codes[] = {"code", NULL};
  static const char *const errors[] = {"error", NULL};
  static const char *const messages[] = {"message", "error_description", "details", "detail", NULL};
  json_t *json = oci_json_load(body, len, NULL);
  const json_t *item = json_array_get(json_object_get(json, "errors"), 0);
  if (!json_is_object(item))
    item = json_object_get(json, "error");
  if (!json_is_object(item))
    item = json;
  const char *code = first_text(item, codes), *message = first_text(item, messages);
  const char *either = first_text(item, errors);
  if (!*message)
    message = either;
  else if (!*code)
    code = either;
  const char *detail = first_text(json_object_get(item, "detail"), messages);
  char *text = *detail             ? mem_printf("%s%s%s", message, *message ? ": " : "", detail)
               : *message || *code ? mem_strdup(message)
                                   : mem_strndup(body, len);
  gist(error->code, sizeof error->code, code);
  gist(error->message, sizeof error->message, text);
  free(text);
  json_decref(json);
}

int oci_tags_parse(const char *body, size_t len, struct buf *out, size_t *count, struct err *err) {
  *count = 0;
  struct err why;
  json_t *json = oci_json_load(body, len, &why);
  const json_t *tags = json_object_get(json, "tags"), *tag;
  int status = 0;
  if (!json)
    status = err_set(err, ERR_PROTOCOL, "the list of tags: %s", why.message);
  else if (!json_is_object(json) || (tags && !json_is_array(tags) && !json_is_null(tags)))
    status = err_set(err, ERR_PROTOCOL, "the list of tags is of the wrong shape");
  size_t i;
  json_array_foreach(tags, i, tag) {
    const char *text = json_string_value(tag);
    if (!text || !oci_tag_valid(text))
      continue;
    if (buf_add(out, text, strlen(text) + 1) != 0) {
      status = err_set(err, ERR_TOO_LARGE, "the list of tags is longer than %zu bytes", out->max);
      break;
    }
    ++*count;
  }
  json_decref(json);
  return status;
}
