/* base/buf.h - a growing byte buffer, born with a cap. Thread: one at a time. */
#ifndef DRAY_BASE_BUF_H
#define DRAY_BASE_BUF_H

#include <stddef.h>

struct buf {
  char *data;  /* terminated by a NUL beyond len once anything was added; NULL before */
  size_t len;  /* bytes */
  size_t room; /* allocated bytes */
  size_t max;  /* len never exceeds it */
};

void buf_init(struct buf *buf, size_t max);
void buf_free(struct buf *buf);  /* also usable again afterwards, with the same max */
void buf_reset(struct buf *buf); /* len = 0, memory kept */

/* All return 0, or -1 without having added anything when max would be exceeded. */
int buf_add(struct buf *buf, const void *data, size_t len);
int buf_adds(struct buf *buf, const char *text);
int buf_addf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

const char *buf_str(const struct buf *buf); /* "" when empty; valid until the next change */
char *buf_take(struct buf *buf);            /* the caller's; never NULL; buf is empty again */

#endif
