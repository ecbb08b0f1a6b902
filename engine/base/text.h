/* base/text.h - small text helpers: what comes from outside is made harmless here. Pure. */
#ifndef DRAY_BASE_TEXT_H
#define DRAY_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copies up to len bytes of src into dst[room], always terminated. Control characters (C0, C1,
 * DEL, line breaks too), bytes that are not UTF-8 and the invisible direction marks become '?' or
 * a space for line breaks and tabs; a cut never splits a character. dst may be src. */
void text_printable(char *dst, size_t room, const char *src, size_t len);

/* The candidate nearest to word by edit distance (transposition counts one), or NULL where none is
 * near enough: two letters or more differ and they are more than a third of the longer word, or all
 * letters differ. candidates ends with NULL. */
const char *text_nearest(const char *word, const char *const *candidates);

/* "4MiB" "512k" "10" "1.5G": bytes. k M G are 1000s (either case of k), Ki Mi Gi 1024s; a
 * trailing B ("kB", "KiB") is allowed. -1 where it is no size, negative, or above INT64_MAX. */
int text_size(const char *text, int64_t *bytes);

/* "500ms" "2s" "5m" "1h" "1h30m" "1.5s": milliseconds. A number alone is none (except "0"). */
int text_duration(const char *text, int64_t *ms);

/* A whole decimal number in min..max, nothing around it. -1 otherwise. */
int text_number(const char *text, int64_t min, int64_t max, int64_t *value);

/* 1536 -> "1.5 KiB"; 64 bytes are always enough. Returns dst. */
char *text_bytes(char dst[64], uint64_t bytes);

bool text_starts(const char *text, const char *prefix);
bool text_ends(const char *text, const char *suffix);
bool text_same(const char *a, const char *b); /* ASCII, without case */

/* A glob: '*' any run, '?' one character, all else itself; the whole text must match. Linear in
 * practice, bounded always (no recursion). */
bool text_glob(const char *pattern, const char *text);

/* Standard base64 with padding. Both return a string of the caller's; decode gives NULL where the
 * input is not base64 (missing padding is forgiven, wrong padding is not), its length in *len,
 * terminated beyond it. */
char *text_base64(const void *data, size_t len);
char *text_unbase64(const char *text, size_t *len);

#endif
