/* cmd/table.h - the images of a run as a table in Markdown: a report, and GitHub's summary. */
#ifndef DRAY_CMD_TABLE_H
#define DRAY_CMD_TABLE_H

#include "engine/dray.h"
#include "rows.h"

#define TABLE_MAX ((size_t)1024 * 1024) /* bytes: what GitHub takes as a step's summary */

struct table {
  struct rows rows;
};

void table_init(struct table *table);
void table_free(struct table *table);
void table_add(struct table *table, const struct dray_image *image);

/* At most max bytes; nothing at all where not even its head fits. */
void table_write(const struct table *table, FILE *file, const struct dray_totals *totals,
                 size_t max);

#endif
