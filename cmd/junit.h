/* cmd/junit.h - the images of a run as test cases, in the XML that CI systems read. */
#ifndef DRAY_CMD_JUNIT_H
#define DRAY_CMD_JUNIT_H

#include "engine/dray.h"
#include "text.h"

struct junit {
  struct text cases;
};

void junit_init(struct junit *junit);
void junit_free(struct junit *junit);
void junit_add(struct junit *junit, const struct dray_image *image);
void junit_write(struct junit *junit, FILE *file, const struct dray_totals *totals);

#endif
