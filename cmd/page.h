/* cmd/page.h - a run as one page of HTML that needs nothing from elsewhere. */
#ifndef DRAY_CMD_PAGE_H
#define DRAY_CMD_PAGE_H

#include "engine/dray.h"
#include "rows.h"
#include "waterfall.h"

struct page {
  struct rows rows;
  struct waterfall waterfall;
};

void page_init(struct page *page);
void page_free(struct page *page);
void page_add(struct page *page, const struct dray_image *image);
void page_write(const struct page *page, FILE *file, const struct dray_totals *totals);

#endif
