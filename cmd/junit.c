#include "junit.h"

#include <inttypes.h>

#include "escape.h"
#include "summary.h"

void junit_init(struct junit *junit) { text_begin(&junit->cases); }

void junit_free(struct junit *junit) { text_free(&junit->cases); }

static void add_failure(FILE *file, const struct dray_error *error) {
  fprintf(file, "<failure type=\"%s\" message=\"", error->code);
  escape_html(file, error->message);
  fputs("\">", file);
  escape_html(file, error->message);
  fputs("</failure>", file);
}

void junit_add(struct junit *junit, const struct dray_image *image) {
  FILE *file = junit->cases.file;
  fputs("  <testcase classname=\"", file);
  escape_html(file, image->source);
  fputs("\" name=\"", file);
  escape_html(file, image->target);
  fprintf(file, "\" time=\"%.3f\">", image->seconds);
  if (image->error) {
    add_failure(file, image->error);
  } else {
    char figures[SUMMARY_ROOM];
    summary_figures(figures, image);
    if (image->status == DRAY_SKIPPED)
      fputs("<skipped/>", file);
    fprintf(file, "<system-out>%s ", dray_image_status_name(image->status));
    escape_html(file, image->digest);
    fprintf(file, " %s</system-out>", figures);
  }
  fputs("</testcase>\n", file);
}

static void counts(FILE *file, const struct dray_totals *totals) {
  fprintf(file,
          "tests=\"%" PRIu64 "\" failures=\"%" PRIu64 "\" skipped=\"%" PRIu64
          "\" errors=\"0\" time=\"%.3f\"",
          totals->images, totals->failed, totals->skipped, totals->seconds);
}

void junit_write(struct junit *junit, FILE *file, const struct dray_totals *totals) {
  text_done(&junit->cases);
  fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"dray\" ", file);
  counts(file, totals);
  fputs(">\n <testsuite name=\"dray\" ", file);
  counts(file, totals);
  fputs(">\n", file);
  fwrite(junit->cases.data, 1, junit->cases.len, file);
  fputs(" </testsuite>\n</testsuites>\n", file);
}
