/* cmd/text.h - text in memory that is written like a file. Out of memory ends the process. */
#ifndef DRAY_CMD_TEXT_H
#define DRAY_CMD_TEXT_H

#include <stddef.h>
#include <stdio.h>

struct text {
  FILE *file; /* to write to; NULL: nothing was begun */
  char *data; /* valid after text_done(); terminated beyond len */
  size_t len;
};

void text_begin(struct text *text);
void text_done(struct text *text); /* data and len are brought up to date; more may follow */
void text_free(struct text *text);

#endif
