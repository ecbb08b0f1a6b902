/* cmd/help.h - what dray says of itself, and of a command line that it does not understand. */
#ifndef DRAY_CMD_HELP_H
#define DRAY_CMD_HELP_H

#include <stdio.h>

#include "command.h"

void help_print(FILE *file, const struct command *command); /* NULL: of dray itself */

/* The same on stdout; returns the exit status. */
int help_show(const struct args *args, const struct command *command);

/* "dray: …" on stderr, made printable, with a second line that points to the command's help.
 * Returns DRAY_USAGE. */
int help_error(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same for an unknown command. */
int help_unknown(const char *name);

#endif
