#include "text.h"

#include <stdlib.h>

static void out_of_memory(void) {
  fputs("dray: out of memory\n", stderr);
  abort();
}

void text_begin(struct text *text) {
  *text = (struct text){0};
  text->file = open_memstream(&text->data, &text->len);
  if (!text->file)
    out_of_memory();
}

void text_done(struct text *text) {
  if (fflush(text->file) != 0 || ferror(text->file))
    out_of_memory();
}

void text_free(struct text *text) {
  if (text->file)
    fclose(text->file);
  free(text->data);
  *text = (struct text){0};
}
