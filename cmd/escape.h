/* cmd/escape.h - text from elsewhere, made harmless in what is written around it. It is printable
 * UTF-8 already, as all text from the engine. Pure. */
#ifndef DRAY_CMD_ESCAPE_H
#define DRAY_CMD_ESCAPE_H

#include <stddef.h>
#include <stdio.h>

/* Between tags and in attributes, of HTML and XML. */
void escape_html(FILE *file, const char *text);

/* In GitHub's and GitLab's Markdown, a cell of a table: a <code> element, where no character means
 * anything and no @name is called. */
void escape_markdown(FILE *file, const char *text);

/* A string of JSON, with its quotes. */
void escape_json(FILE *file, const char *text);

/* GitHub's runner takes "##[" for a command wherever it stands in a line: the second '#' becomes
 * hash. In JSON a hash of "\\u0023" keeps the meaning; elsewhere "?" will do. */
void escape_commands(FILE *file, const char *text, size_t len, const char *hash);

/* The same for lines that may begin with such text: "::" there is "?:". The runner looks behind blanks
 * of any kind, which may be more than a byte. */
void escape_command_lines(FILE *file, const char *text, size_t len);

/* What follows "::error …::", and the value of a property of it. */
void escape_command_data(FILE *file, const char *text);
void escape_command_property(FILE *file, const char *text);

#endif
