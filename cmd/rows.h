/* cmd/rows.h - rows of a table, one an image: those that failed first, those that had nothing to do
 * last, each kind in the order of completion; bounded. */
#ifndef DRAY_CMD_ROWS_H
#define DRAY_CMD_ROWS_H

#include <stdint.h>

#include "engine/dray.h"
#include "text.h"

enum { ROWS_KINDS = 3 };

struct rows {
  size_t max;    /* bytes that are kept */
  uint64_t lost; /* rows that were not */
  struct text kinds[ROWS_KINDS];
};

void rows_init(struct rows *rows, size_t max);
void rows_free(struct rows *rows);

/* Where to write the row of an image: one line, with a newline at its end. NULL: there are too many
 * already. */
FILE *rows_add(struct rows *rows, const struct dray_image *image);

/* Writes as many whole rows as fit into max bytes; returns how many are left out. */
uint64_t rows_write(const struct rows *rows, FILE *file, size_t max);

#endif
