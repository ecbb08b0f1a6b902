#include "sync/version.h"

#include <string.h>

#define NUMBER_MAX ((UINT64_C(1) << 53) - 1)

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool is_word(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
}

/* Identifiers between dots, none of them empty. */
static const char *skip_words(const char *at) {
  for (;;) {
    if (!is_word(*at))
      return NULL;
    while (is_word(*at))
      at++;
    if (*at != '.')
      return at;
    at++;
  }
}

static const char *parse_number(const char *at, uint64_t *number) {
  if (!is_digit(*at))
    return NULL;
  for (*number = 0; is_digit(*at); at++)
    if ((*number = *number * 10 + (uint64_t)(*at - '0')) > NUMBER_MAX)
      return NULL;
  return at;
}

static const char *parse(const char *at, struct version *version, bool wild) {
  *version = (struct version){0};
  if (*at == 'v')
    at++;
  int i = 0;
  for (;; i++) {
    if (wild && *at && strchr("xX*", *at)) {
      version->wild = true;
      at++;
    } else if (version->wild || !(at = parse_number(at, &version->number[i]))) {
      return NULL;
    }
    if (!version->wild)
      version->given++;
    if (i == 2 || *at != '.')
      break;
    at++;
  }
  if (*at == '-' && wild && i < 2)
    return at;
  if (*at == '-') {
    version->pre = at + 1;
    if (!(at = skip_words(at + 1)))
      return NULL;
    version->pre_len = (size_t)(at - version->pre);
  }
  if (*at == '+')
    at = skip_words(at + 1);
  return at;
}

static bool all_digits(const char *word, size_t len) {
  for (size_t i = 0; i < len; i++)
    if (!is_digit(word[i]))
      return false;
  return true;
}

static int compare_text(const char *a, size_t a_len, const char *b, size_t b_len) {
  int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
  return order ? order : (a_len > b_len) - (a_len < b_len);
}

/* Numbers before words; numbers by value, words by letters. */
static int compare_word(const char *a, size_t a_len, const char *b, size_t b_len) {
  bool a_number = all_digits(a, a_len), b_number = all_digits(b, b_len);
  if (a_number != b_number)
    return a_number ? -1 : 1;
  if (!a_number)
    return compare_text(a, a_len, b, b_len);
  for (; a_len > 1 && *a == '0'; a++)
    a_len--;
  for (; b_len > 1 && *b == '0'; b++)
    b_len--;
  return a_len != b_len ? (a_len > b_len) - (a_len < b_len) : memcmp(a, b, a_len);
}

static int compare_pre(const struct version *a, const struct version *b) {
  if (!a->pre || !b->pre)
    return (a->pre == NULL) - (b->pre == NULL);
  const char *pa = a->pre, *pb = b->pre, *a_end = pa + a->pre_len, *b_end = pb + b->pre_len;
  while (pa < a_end && pb < b_end) {
    const char *a_dot = memchr(pa, '.', (size_t)(a_end - pa));
    const char *b_dot = memchr(pb, '.', (size_t)(b_end - pb));
    if (!a_dot)
      a_dot = a_end;
    if (!b_dot)
      b_dot = b_end;
    int order = compare_word(pa, (size_t)(a_dot - pa), pb, (size_t)(b_dot - pb));
    if (order)
      return order;
    pa = a_dot + 1;
    pb = b_dot + 1;
  }
  return (pa < a_end) - (pb < b_end);
}

bool version_parse(const char *tag, struct version *version) {
  const char *end = parse(tag, version, false);
  return end && !*end;
}

const char *version_parse_partial(const char *text, struct version *version) {
  return parse(text, version, true);
}

bool version_is(const char *tag) {
  struct version version;
  return version_parse(tag, &version);
}

int version_order(const struct version *a, const struct version *b) {
  for (int i = 0; i < 3; i++)
    if (a->number[i] != b->number[i])
      return a->number[i] < b->number[i] ? -1 : 1;
  return compare_pre(a, b);
}

int version_compare(const char *a, const char *b) {
  struct version va, vb;
  bool a_is = version_parse(a, &va), b_is = version_parse(b, &vb);
  if (a_is != b_is)
    return a_is ? -1 : 1;
  int order = a_is ? version_order(&va, &vb) : 0;
  return order ? order : strcmp(a, b);
}
