#include "page.h"

#include <inttypes.h>

#include "escape.h"
#include "format.h"
#include "summary.h"

#define PAGE_ROWS ((size_t)8 * 1024 * 1024) /* bytes: what browsers still show at once */

static const char head[] =
    "<!DOCTYPE html>\n"
    "<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
    "'unsafe-inline'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n"
    "<title>dray</title>\n"
    "<style>\n"
    ":root { color-scheme: light dark; --soft: #8888; }\n"
    "body { font: 15px/1.4 system-ui, sans-serif; margin: 2em; }\n"
    "table { border-collapse: collapse; table-layout: fixed; width: 100%; }\n"
    "th:first-child { width: 6em; } th:last-child { width: 34%; }\n"
    "th, td { border-top: 1px solid var(--soft); padding: .3em .6em; text-align: left;\n"
    "         vertical-align: top; overflow-wrap: anywhere; }\n"
    "code, svg text { font: 12px/1.4 ui-monospace, monospace; }\n"
    ".failed td:first-child { color: #d33; font-weight: bold; }\n"
    ".copied td:first-child { color: #2a8; }\n"
    "svg { width: 100%; } svg text { fill: currentColor; white-space: pre; }\n"
    "svg line { stroke: var(--soft); } .sent { fill: #48c; } .resumed { fill: #c83; }\n"
    "</style></head><body>\n";

void page_init(struct page *page) {
  *page = (struct page){0};
  rows_init(&page->rows, PAGE_ROWS);
}

void page_free(struct page *page) { rows_free(&page->rows); }

static void cell(FILE *file, const char *text) {
  fputs("<td><code>", file);
  escape_html(file, text);
  fputs("</code></td>", file);
}

void page_add(struct page *page, const struct dray_image *image) {
  FILE *file = rows_add(&page->rows, image);
  if (!file)
    return;
  const char *status = dray_image_status_name(image->status);
  char figures[SUMMARY_ROOM];
  summary_figures(figures, image);
  fprintf(file, "<tr class=\"%s\"><td>%s</td>", status, status);
  cell(file, image->source);
  cell(file, image->target);
  cell(file, image->digest);
  fputs("<td>", file);
  escape_html(file, image->error ? image->error->message : figures);
  fputs("</td></tr>\n", file);
}

void page_write(const struct page *page, FILE *file, const struct dray_totals *totals) {
  char line[SUMMARY_ROOM], requests[64], count[64];
  summary_totals(line, totals);
  fprintf(file, "%s<h1>%s</h1>\n<p>%s, %" PRIu64 " of them repeated</p>\n", head, line,
          format_count(requests, totals->requests, "request"), totals->retries);
  fputs("<table><thead><tr><th>status<th>source<th>target<th>digest<th>result</thead>\n", file);
  uint64_t left_out = rows_write(&page->rows, file, PAGE_ROWS);
  fputs("</table>\n", file);
  if (left_out)
    fprintf(file, "<p>%s not shown.</p>\n", format_count(count, left_out, "more image"));
  if (page->waterfall.count)
    fputs("<h2>Transfers</h2>\n", file);
  waterfall_write(&page->waterfall, file, totals->seconds);
  fputs("</body></html>\n", file);
}
