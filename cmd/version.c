#include <stdlib.h>

#include "command.h"
#include "output.h"
#include "version.h"

int version_run(const struct args *args) {
  struct output output;
  output_init(&output, args, 0);
  char *libraries = dray_libraries();
  output_print(&output, "dray %s (%s)\n%s\n", DRAY_VERSION, DRAY_COMMIT, libraries);
  if (*DRAY_SOURCES)
    output_print(&output, "sources: %s\n", DRAY_SOURCES);
  free(libraries);
  return output_end(&output, DRAY_OK);
}
