/* cmd/github.h - what a step on GitHub Actions shows and hands on.
 * Source: docs.github.com, "Workflow commands for GitHub Actions"; the runner's ActionCommand.cs. */
#ifndef DRAY_CMD_GITHUB_H
#define DRAY_CMD_GITHUB_H

#include <stdbool.h>

#include "engine/dray.h"
#include "log.h"
#include "table.h"

struct github {
  bool marks; /* groups and annotations may go to stderr */
  bool open;  /* a group is */
  unsigned annotations;
  struct text errors;  /* the annotations, until the group ends */
  struct text digests; /* "TARGET": "DIGEST", … of what is at the targets now */
  char digest[256];    /* the last image's; "": it has none there */
  bool outputs;        /* images are what this command is about */
};

bool github_is_here(void); /* GITHUB_ACTIONS=true */

/* outputs: there will be images, and the job's outputs and summary are written. */
void github_init(struct github *github, bool marks, bool outputs);
void github_free(struct github *github);

void github_open_group(struct github *github, struct log *log, const char *title);
/* An annotation; at most 10 are shown. */
void github_error(struct github *github, const char *title, const char *message);
void github_image(struct github *github, const struct dray_image *image);
/* Ends the group, and shows the annotations. */
void github_close_group(struct github *github, struct log *log);

/* Appends to the files that GITHUB_OUTPUT and GITHUB_STEP_SUMMARY name. */
void github_hand_on(struct github *github, struct log *log, const struct table *table,
                    const struct dray_totals *totals);

#endif
