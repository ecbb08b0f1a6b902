#include "reports.h"

#include <stdlib.h>
#include <string.h>

#include "flags.h"
#include "log.h"
#include "save.h"

static enum report_kind kind_of(const char *file) {
  size_t len = strlen(file);
  for (int i = 0; i < REPORT_KINDS; i++) {
    size_t ending = strlen(flags[FLAG_REPORT].choices[i]);
    if (len >= ending && strcmp(file + len - ending, flags[FLAG_REPORT].choices[i]) == 0)
      return (enum report_kind)i;
  }
  abort();
}

void reports_init(struct reports *reports, const char *const *files, bool summary) {
  memset(reports, 0, sizeof *reports);
  reports->files = files;
  reports->wanted[REPORT_TABLE] = summary;
  for (size_t i = 0; files[i]; i++)
    reports->wanted[kind_of(files[i])] = true;
  page_init(&reports->page);
  table_init(&reports->table);
  junit_init(&reports->junit);
}

void reports_free(struct reports *reports) {
  page_free(&reports->page);
  table_free(&reports->table);
  junit_free(&reports->junit);
}

static void complain(struct log *log, const char *file, int error) {
  log_say(log, DRAY_LOG_ERROR, NULL, "the report %s cannot be written: %s", file, strerror(error));
}

int reports_check(const struct reports *reports, struct log *log) {
  for (size_t i = 0; reports->files[i]; i++) {
    int error = save_check(reports->files[i]);
    if (error) {
      complain(log, reports->files[i], error);
      return DRAY_USAGE;
    }
  }
  return DRAY_OK;
}

void reports_event(struct reports *reports, const struct dray_event *event) {
  if (event->kind == DRAY_EVENT_BLOB && reports->wanted[REPORT_PAGE])
    waterfall_add(&reports->page.waterfall, event);
  if (event->kind != DRAY_EVENT_IMAGE)
    return;
  if (reports->wanted[REPORT_PAGE])
    page_add(&reports->page, event->u.image);
  if (reports->wanted[REPORT_TABLE])
    table_add(&reports->table, event->u.image);
  if (reports->wanted[REPORT_JUNIT])
    junit_add(&reports->junit, event->u.image);
}

int reports_write(struct reports *reports, const struct dray_totals *totals, const char *document,
                  struct log *log) {
  int status = DRAY_OK;
  for (size_t i = 0; reports->files[i]; i++) {
    struct text text;
    text_begin(&text);
    switch (kind_of(reports->files[i])) {
    case REPORT_PAGE:
      page_write(&reports->page, text.file, totals);
      break;
    case REPORT_TABLE:
      table_write(&reports->table, text.file, totals, TABLE_MAX);
      break;
    case REPORT_JUNIT:
      junit_write(&reports->junit, text.file, totals);
      break;
    case REPORT_DOCUMENT:
      fputs(document, text.file);
      break;
    case REPORT_KINDS:
      abort();
    }
    text_done(&text);
    int error = save_file(reports->files[i], text.data, text.len);
    if (error) {
      complain(log, reports->files[i], error);
      status = DRAY_FAILED;
    }
    text_free(&text);
  }
  return status;
}
