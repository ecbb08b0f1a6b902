/* cmd/gitlab.h - a section in the log of a job on GitLab CI.
 * Source: docs.gitlab.com, "CI/CD job logs", custom collapsible sections. */
#ifndef DRAY_CMD_GITLAB_H
#define DRAY_CMD_GITLAB_H

#include <stdbool.h>

#include "log.h"

bool gitlab_is_here(void); /* GITLAB_CI=true */
void gitlab_open_section(struct log *log, const char *title);
void gitlab_close_section(struct log *log);

#endif
