#include "base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *data) {
  if (!data) {
    fputs("dray: out of memory\n", stderr);
    abort();
  }
  return data;
}

/* malloc(0) may give NULL, which is no failure. */
void *mem_alloc(size_t size) { return checked(malloc(size ? size : 1)); }

void *mem_zalloc(size_t size) { return checked(calloc(1, size ? size : 1)); }

void *mem_realloc(void *old, size_t count, size_t size) {
  size_t total;
  if (__builtin_mul_overflow(count, size, &total))
    checked(NULL);
  return checked(realloc(old, total ? total : 1));
}

char *mem_strdup(const char *text) { return text ? mem_strndup(text, strlen(text)) : NULL; }

char *mem_strndup(const char *text, size_t len) {
  char *copy = mem_alloc(len + 1);
  if (len)
    memcpy(copy, text, len);
  copy[len] = '\0';
  return copy;
}

char *mem_printf(const char *format, ...) {
  char *text = NULL;
  va_list args;
  va_start(args, format);
  int len = vasprintf(&text, format, args);
  va_end(args);
  return checked(len < 0 ? NULL : text);
}

void mem_wipe(void *data, size_t size) {
  if (size)
    explicit_bzero(data, size);
}
