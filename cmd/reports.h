/* cmd/reports.h - the files that --report asks for, gathered from events; the ending of a name says
 * what is in it. */
#ifndef DRAY_CMD_REPORTS_H
#define DRAY_CMD_REPORTS_H

#include <stdbool.h>

#include "engine/dray.h"
#include "junit.h"
#include "page.h"
#include "table.h"

struct log;

/* In the order of the flag's choices. */
enum report_kind { REPORT_PAGE, REPORT_TABLE, REPORT_JUNIT, REPORT_DOCUMENT, REPORT_KINDS };

struct reports {
  const char *const *files; /* NULL at the end */
  bool wanted[REPORT_KINDS];
  struct page page;
  struct table table;
  struct junit junit;
};

/* files: each has one of the endings; borrowed. summary: the table is wanted in any case. */
void reports_init(struct reports *reports, const char *const *files, bool summary);
void reports_free(struct reports *reports);

/* Whether they can be written, as far as can be told before: DRAY_OK, or DRAY_USAGE after having
 * said in the log what is wrong. */
int reports_check(const struct reports *reports, struct log *log);

void reports_event(struct reports *reports, const struct dray_event *event);

/* document: the result document. Returns DRAY_OK, or DRAY_FAILED after having said why. */
int reports_write(struct reports *reports, const struct dray_totals *totals, const char *document,
                  struct log *log);

#endif
