/* sync/report.h - the result document, gathered from events. Its contract is in dray.h: the command
 * line shares it with those who embed the engine. */
#ifndef DRAY_SYNC_REPORT_H
#define DRAY_SYNC_REPORT_H

#include "dray.h"

struct json_t;

/* What the documents hold of an error: an object, or null for NULL. */
struct json_t *report_error(const struct dray_error *error);

#endif
