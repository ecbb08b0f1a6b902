/* cmd/terminal.h - questions to the person at the terminal. */
#ifndef DRAY_CMD_TERMINAL_H
#define DRAY_CMD_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

/* A terminal hands no longer line to a program that reads it. */
enum { TERMINAL_LINE_MAX = 4095 };

bool terminal_is_there(void); /* standard input is one */

/* Prints prompt on stderr and reads a line into line[room], without its end; hidden: the terminal
 * does not show what is typed. Whatever ends the wait, a signal too, the terminal is left as it was.
 * Returns 0; -1 where there was no line, or a longer one; or the number of SIGINT, SIGTERM, SIGHUP or
 * SIGQUIT, which has come and is the caller's to obey. */
int terminal_ask(const char *prompt, bool hidden, char *line, size_t room);

#endif
