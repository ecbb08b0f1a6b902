#include "rows.h"

#include <string.h>

void rows_init(struct rows *rows, size_t max) {
  *rows = (struct rows){.max = max};
  for (int i = 0; i < ROWS_KINDS; i++)
    text_begin(&rows->kinds[i]);
}

void rows_free(struct rows *rows) {
  for (int i = 0; i < ROWS_KINDS; i++)
    text_free(&rows->kinds[i]);
}

FILE *rows_add(struct rows *rows, const struct dray_image *image) {
  int kind = image->status == DRAY_IMAGE_FAILED ? 0 : image->status == DRAY_UNCHANGED ? 2 : 1;
  FILE *file = rows->kinds[kind].file;
  if ((size_t)ftell(file) < rows->max)
    return file;
  rows->lost++;
  return NULL;
}

/* Bytes of the lines of text that fit into max whole. */
static size_t fitting(const struct text *text, size_t max) {
  if (text->len <= max)
    return text->len;
  const char *end = memrchr(text->data, '\n', max);
  return end ? (size_t)(end + 1 - text->data) : 0;
}

static uint64_t count_lines(const char *text, size_t len) {
  uint64_t count = 0;
  for (size_t i = 0; i < len; i++)
    count += text[i] == '\n';
  return count;
}

uint64_t rows_write(const struct rows *rows, FILE *file, size_t max) {
  uint64_t left_out = rows->lost;
  for (int i = 0; i < ROWS_KINDS; i++) {
    const struct text *text = &rows->kinds[i];
    fflush(text->file);
    size_t len = fitting(text, max);
    fwrite(text->data, 1, len, file);
    left_out += count_lines(text->data + len, text->len - len);
    max = len < text->len ? 0 : max - len; /* a later row must not pass an earlier one */
  }
  return left_out;
}
