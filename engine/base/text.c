#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Reads one character; the number of its bytes, 0 where they are not UTF-8. */
static size_t utf8(const unsigned char *s, size_t len, uint32_t *point) {
  size_t need = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
  if (need == 0 || need > len || s[0] > 0xf4)
    return 0;
  *point = need == 1 ? s[0] : s[0] & (0x7fu >> need);
  for (size_t i = 1; i < need; i++) {
    if ((s[i] & 0xc0) != 0x80)
      return 0;
    *point = *point << 6 | (s[i] & 0x3f);
  }
  bool overlong = (need == 3 && *point < 0x800) || (need == 4 && *point < 0x10000);
  bool surrogate = *point >= 0xd800 && *point <= 0xdfff;
  return overlong || surrogate || *point > 0x10ffff ? 0 : need;
}

static bool is_direction_mark(uint32_t point) {
  return point == 0x061c || point == 0x200e || point == 0x200f ||
         (point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
}

static bool is_break(uint32_t point) {
  return (point >= '\t' && point <= '\r') || point == 0x85 || point == 0x2028 || point == 0x2029;
}

void text_printable(char *dst, size_t room, const char *src, size_t len) {
  if (room == 0)
    return;
  size_t out = 0;
  for (size_t in = 0; in < len;) {
    const unsigned char *s = (const unsigned char *)src + in;
    uint32_t point = 0;
    size_t n = utf8(s, len - in, &point);
    bool control = n == 0 || point < ' ' || (point >= 0x7f && point < 0xa0);
    in += n ? n : 1;
    if (n && is_break(point)) {
      s = (const unsigned char *)" ";
      n = 1;
    } else if (control || is_direction_mark(point)) {
      s = (const unsigned char *)"?";
      n = 1;
    }
    if (n > room - 1 - out)
      break;
    memmove(dst + out, s, n);
    out += n;
  }
  dst[out] = '\0';
}

enum { NEAREST_MAX = 64 }; /* letters; nobody mistypes anything longer */

/* Edit distance where swapping two neighbours counts one. */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len) {
  size_t rows[3][NEAREST_MAX + 1];
  size_t *before = rows[0], *last = rows[1], *row = rows[2];
  for (size_t j = 0; j <= b_len; j++)
    before[j] = last[j] = j;
  for (size_t i = 1; i <= a_len; i++) {
    row[0] = i;
    for (size_t j = 1; j <= b_len; j++) {
      size_t best = last[j - 1] + (a[i - 1] != b[j - 1]);
      if (last[j] + 1 < best)
        best = last[j] + 1;
      if (row[j - 1] + 1 < best)
        best = row[j - 1] + 1;
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
          before[j - 2] + 1 < best)
        best = before[j - 2] + 1;
      row[j] = best;
    }
    size_t *spare = before;
    before = last;
    last = row;
    row = spare;
  }
  return last[b_len];
}

const char *text_nearest(const char *word, const char *const *candidates) {
  size_t len = strlen(word);
  const char *nearest = NULL;
  size_t least = SIZE_MAX;
  for (; len <= NEAREST_MAX && *candidates; candidates++) {
    size_t other = strlen(*candidates);
    if (other > NEAREST_MAX)
      continue;
    size_t longer = len > other ? len : other;
    size_t d = distance(word, len, *candidates, other);
    bool near = d == 0 || (d < longer && (d == 1 || 3 * d <= longer));
    if (near && d < least) {
      least = d;
      nearest = *candidates;
    }
  }
  return nearest;
}

/* Reads "12" or "1.5" and moves *text behind it. A fraction has at most 9 digits. */
struct decimal {
  int64_t whole, part, scale; /* whole + part / scale */
};

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static int read_decimal(const char **text, struct decimal *d) {
  const char *s = *text;
  *d = (struct decimal){.scale = 1};
  if (!is_digit(*s))
    return -1;
  for (; is_digit(*s); s++)
    if (__builtin_mul_overflow(d->whole, 10, &d->whole) ||
        __builtin_add_overflow(d->whole, *s - '0', &d->whole))
      return -1;
  if (*s == '.') {
    s++;
    if (!is_digit(*s))
      return -1;
    for (; is_digit(*s); s++) {
      if (d->scale == 1000000000)
        return -1;
      d->part = d->part * 10 + (*s - '0');
      d->scale *= 10;
    }
  }
  *text = s;
  return 0;
}

/* Adds d times unit to *sum. */
static int add_scaled(const struct decimal *d, int64_t unit, int64_t *sum) {
  int64_t whole;
  if (__builtin_mul_overflow(d->whole, unit, &whole) || __builtin_add_overflow(*sum, whole, sum) ||
      __builtin_add_overflow(*sum, d->part * unit / d->scale, sum))
    return -1;
  return 0;
}

int text_size(const char *text, int64_t *bytes) {
  struct decimal d;
  if (read_decimal(&text, &d) != 0)
    return -1;
  int power = *text == 'k' || *text == 'K' ? 1 : *text == 'M' ? 2 : *text == 'G' ? 3 : 0;
  text += power > 0;
  int64_t step = 1000, unit = 1;
  if (power > 0 && *text == 'i') {
    step = 1024;
    text++;
  }
  for (; power > 0; power--)
    unit *= step;
  text += *text == 'B';
  if (*text != '\0' || (unit == 1 && d.scale > 1))
    return -1;
  int64_t sum = 0;
  if (add_scaled(&d, unit, &sum) != 0)
    return -1;
  *bytes = sum;
  return 0;
}

int text_duration(const char *text, int64_t *ms) {
  static const struct {
    const char *name;
    int64_t ms;
  } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 60 * 60 * 1000}};
  int64_t sum = 0;
  if (strcmp(text, "0") != 0) {
    do {
      struct decimal d;
      if (read_decimal(&text, &d) != 0)
        return -1;
      size_t i = 0;
      while (i < 4 && !text_starts(text, units[i].name))
        i++;
      if (i == 4 || add_scaled(&d, units[i].ms, &sum) != 0)
        return -1;
      text += strlen(units[i].name);
    } while (*text);
  }
  *ms = sum;
  return 0;
}

int text_number(const char *text, int64_t min, int64_t max, int64_t *value) {
  bool negative = *text == '-';
  text += negative;
  if (!*text)
    return -1;
  int64_t sum = 0;
  for (; *text; text++) {
    int digit = *text - '0';
    if (!is_digit(*text) || __builtin_mul_overflow(sum, 10, &sum) ||
        __builtin_add_overflow(sum, negative ? -digit : digit, &sum))
      return -1;
  }
  if (sum < min || sum > max)
    return -1;
  *value = sum;
  return 0;
}

char *text_bytes(char dst[64], uint64_t bytes) {
  static const char units[] = "KMGTPE";
  if (bytes < 1024) {
    snprintf(dst, 64, "%d B", (int)bytes);
    return dst;
  }
  double amount = (double)bytes / 1024;
  size_t i = 0;
  for (; amount >= 1023.95; i++) /* what would be printed as 1024.0 */
    amount /= 1024;
  snprintf(dst, 64, "%.1f %ciB", amount, units[i]);
  return dst;
}

bool text_starts(const char *text, const char *prefix) {
  return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool text_ends(const char *text, const char *suffix) {
  size_t len = strlen(text), end = strlen(suffix);
  return len >= end && strcmp(text + len - end, suffix) == 0;
}

bool text_same(const char *a, const char *b) {
  for (;; a++, b++) {
    char x = *a >= 'A' && *a <= 'Z' ? (char)(*a + 32) : *a;
    char y = *b >= 'A' && *b <= 'Z' ? (char)(*b + 32) : *b;
    if (x != y)
      return false;
    if (!x)
      return true;
  }
}

/* The byte behind the character that begins at text. */
static const char *next_char(const char *text) {
  do
    text++;
  while (((unsigned char)*text & 0xc0) == 0x80);
  return text;
}

bool text_glob(const char *pattern, const char *text) {
  /* Where the last '*' may take one character more. Only the last one needs to: whatever an
   * earlier one could take instead, the last one can take as well. */
  const char *star = NULL, *resume = NULL;
  while (*text) {
    if (*pattern == '*') {
      star = ++pattern;
      resume = text;
    } else if (*pattern == '?') {
      pattern++;
      text = next_char(text);
    } else if (*pattern == *text) {
      pattern++;
      text++;
    } else if (star) {
      pattern = star;
      text = ++resume;
    } else {
      return false;
    }
  }
  while (*pattern == '*')
    pattern++;
  return !*pattern;
}

static const char digits64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *text_base64(const void *data, size_t len) {
  const unsigned char *in = data;
  char *text = mem_alloc(len / 3 * 4 + 5), *out = text;
  for (size_t i = 0; i < len; i += 3) {
    size_t left = len - i;
    uint32_t word = (uint32_t)in[i] << 16;
    word |= left > 1 ? (uint32_t)in[i + 1] << 8 : 0;
    word |= left > 2 ? in[i + 2] : 0;
    *out++ = digits64[word >> 18];
    *out++ = digits64[word >> 12 & 63];
    *out++ = left > 1 ? digits64[word >> 6 & 63] : '=';
    *out++ = left > 2 ? digits64[word & 63] : '=';
  }
  *out = '\0';
  return text;
}

char *text_unbase64(const char *text, size_t *len) {
  size_t in_len = strlen(text);
  size_t end = in_len;
  while (end && in_len % 4 == 0 && in_len - end < 2 && text[end - 1] == '=')
    end--;
  if (end % 4 == 1)
    return NULL;
  char *data = mem_alloc(end / 4 * 3 + 3);
  size_t out = 0;
  uint32_t word = 0;
  for (size_t i = 0; i < end; i++) {
    const char *digit = memchr(digits64, text[i], 64);
    if (!digit) {
      free(data);
      return NULL;
    }
    word = word << 6 | (uint32_t)(digit - digits64);
    if (i % 4 != 0)
      data[out++] = (char)(word >> (6 - 2 * (i % 4)) & 0xff);
  }
  data[out] = '\0';
  *len = out;
  return data;
}
