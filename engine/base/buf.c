#include "base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void buf_init(struct buf *buf, size_t max) {
  /* One byte is the NUL's. */
  *buf = (struct buf){.max = max < SIZE_MAX ? max : SIZE_MAX - 1};
}

void buf_free(struct buf *buf) {
  free(buf->data);
  buf_init(buf, buf->max);
}

void buf_reset(struct buf *buf) {
  buf->len = 0;
  if (buf->data)
    buf->data[0] = '\0';
}

/* Makes room for len more bytes and the NUL. */
static int reserve(struct buf *buf, size_t len) {
  if (len > buf->max - buf->len)
    return -1;
  size_t need = buf->len + len + 1;
  if (need <= buf->room)
    return 0;
  size_t room = buf->room * 2;
  if (room < 64)
    room = 64;
  if (room < need)
    room = need;
  if (room > buf->max + 1)
    room = buf->max + 1;
  buf->data = mem_realloc(buf->data, room, 1);
  buf->room = room;
  return 0;
}

int buf_add(struct buf *buf, const void *data, size_t len) {
  if (reserve(buf, len) != 0)
    return -1;
  if (len)
    memcpy(buf->data + buf->len, data, len);
  buf->len += len;
  buf->data[buf->len] = '\0';
  return 0;
}

int buf_adds(struct buf *buf, const char *text) { return buf_add(buf, text, strlen(text)); }

int buf_addf(struct buf *buf, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int len = vsnprintf(NULL, 0, format, args);
  va_end(args);
  if (len < 0 || reserve(buf, (size_t)len) != 0)
    return -1;
  va_start(args, format);
  vsnprintf(buf->data + buf->len, (size_t)len + 1, format, args);
  va_end(args);
  buf->len += (size_t)len;
  return 0;
}

const char *buf_str(const struct buf *buf) { return buf->data ? buf->data : ""; }

char *buf_take(struct buf *buf) {
  char *data = buf->data ? buf->data : mem_strdup("");
  buf->data = NULL;
  buf_free(buf);
  return data;
}
