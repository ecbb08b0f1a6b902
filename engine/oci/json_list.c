#include "oci/json_list.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct scan {
  const char *text;
  size_t len, at;
};

static char here(const struct scan *s) { return s->at < s->len ? s->text[s->at] : '\0'; }

static void skip_blanks(struct scan *s) {
  while (s->at < s->len && memchr(" \t\r\n", s->text[s->at], 4))
    s->at++;
}

static void skip_string(struct scan *s) {
  for (s->at++; s->at < s->len && s->text[s->at] != '"'; s->at++)
    if (s->text[s->at] == '\\')
      s->at++;
  s->at++;
}

/* A value, with the blanks before it. */
static struct oci_json_span skip_value(struct scan *s) {
  skip_blanks(s);
  struct oci_json_span span = {.start = s->at};
  size_t depth = 0;
  while (s->at < s->len) {
    char c = s->text[s->at];
    if (!depth && memchr(",]} \t\r\n", c, 7))
      break;
    if (c == '"') {
      skip_string(s);
    } else {
      depth += c == '[' || c == '{';
      depth -= depth && (c == ']' || c == '}');
      s->at++;
    }
    if (!depth && memchr("\"]}", c, 3))
      break;
  }
  span.end = s->at < s->len ? s->at : s->len;
  return span;
}

/* True: another item or member follows. */
static bool next(struct scan *s) {
  skip_blanks(s);
  bool more = here(s) == ',';
  s->at += more;
  return more;
}

static void read_items(struct scan *s, struct oci_json_list *list) {
  size_t room = 0;
  list->start = s->at;
  if (here(s) != '[') {
    list->end = skip_value(s).end;
    return;
  }
  s->at++;
  skip_blanks(s);
  while (here(s) != ']' && s->at < s->len) {
    if (list->count == room) {
      room = room ? 2 * room : 16;
      list->items = mem_realloc(list->items, room, sizeof *list->items);
    }
    list->items[list->count++] = skip_value(s);
    if (!next(s))
      break;
  }
  list->end = s->at + (here(s) == ']');
}

int oci_json_list_find(const char *text, size_t len, const char *key, struct oci_json_list *list) {
  struct scan s = {text, len, 0};
  *list = (struct oci_json_list){0};
  skip_blanks(&s);
  if (here(&s) != '{')
    return -1;
  s.at++;
  do {
    struct oci_json_span name = skip_value(&s);
    skip_blanks(&s);
    if (here(&s) != ':')
      return -1;
    s.at++;
    skip_blanks(&s);
    if (name.end - name.start == strlen(key) + 2 &&
        memcmp(text + name.start + 1, key, strlen(key)) == 0) {
      read_items(&s, list);
      return 0;
    }
    skip_value(&s);
  } while (next(&s));
  return -1;
}

static char *take(struct buf *out, size_t *new_len) {
  *new_len = out->len;
  return buf_take(out);
}

char *oci_json_list_cut(const char *text, size_t len, const struct oci_json_list *list,
                        const bool *kept, size_t *new_len) {
  struct buf out;
  bool first = true;
  size_t head = list->count ? list->items[0].start : 0;
  size_t tail = list->count ? list->items[list->count - 1].end : 0;
  buf_init(&out, SIZE_MAX);
  buf_add(&out, text, head);
  for (size_t i = 0; i < list->count; i++) {
    if (!kept[i])
      continue;
    size_t from = first ? list->items[i].start : list->items[i - 1].end; /* with the comma */
    buf_add(&out, text + from, list->items[i].end - from);
    first = false;
  }
  buf_add(&out, text + tail, len - tail);
  return take(&out, new_len);
}

char *oci_json_list_add(const char *text, size_t len, const struct oci_json_list *list,
                        const char *item, size_t *new_len) {
  struct buf out;
  bool null = text[list->start] != '[';
  size_t at = list->count ? list->items[list->count - 1].end : list->start + !null;
  buf_init(&out, SIZE_MAX);
  buf_add(&out, text, at);
  buf_adds(&out, list->count ? "," : null ? "[" : "");
  buf_adds(&out, item);
  buf_adds(&out, null ? "]" : "");
  at = null ? list->end : at;
  buf_add(&out, text + at, len - at);
  return take(&out, new_len);
}
