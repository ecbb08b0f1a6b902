#include "table.h"

#include <inttypes.h>

#include "escape.h"
#include "format.h"
#include "summary.h"

enum { FRAME = 1024 }; /* bytes: more than stands above and below the rows */

void table_init(struct table *table) { rows_init(&table->rows, TABLE_MAX); }

void table_free(struct table *table) { rows_free(&table->rows); }

void table_add(struct table *table, const struct dray_image *image) {
  FILE *file = rows_add(&table->rows, image);
  if (!file)
    return;
  const char *status = dray_image_status_name(image->status);
  fprintf(file, image->error ? "| **%s** | " : "| %s | ", status);
  escape_markdown(file, image->source);
  fputs(" | ", file);
  escape_markdown(file, image->target);
  fputs(" | ", file);
  if (image->error) {
    escape_markdown(file, image->error->message);
  } else {
    char figures[SUMMARY_ROOM];
    summary_figures(figures, image);
    escape_markdown(file, image->digest);
    fprintf(file, " %s", figures);
  }
  fputs(" |\n", file);
}

void table_write(const struct table *table, FILE *file, const struct dray_totals *totals,
                 size_t max) {
  char line[SUMMARY_ROOM], count[64];
  if (max < FRAME)
    return;
  summary_totals(line, totals);
  fprintf(file,
          "### %sdray: %s\n\n| status | source | target | result |\n"
          "| --- | --- | --- | --- |\n",
          totals->failed ? "\xe2\x9d\x8c " : "", line);
  uint64_t left_out = rows_write(&table->rows, file, max - FRAME);
  if (left_out)
    fprintf(file, "\n%s not shown: they would not fit here.\n",
            format_count(count, left_out, "more image"));
  fputc('\n', file);
}
