#include "escape.h"

#include <stdbool.h>
#include <string.h>

void escape_html(FILE *file, const char *text) {
  for (const char *c = text; *c; c++) {
    if (strchr("&<>\"'", *c))
      fprintf(file, "&#%d;", *c);
    else if (strncmp(c, "\xef\xbf\xbe", 3) == 0 || strncmp(c, "\xef\xbf\xbf", 3) == 0) {
      fputc('?', file); /* U+FFFE and U+FFFF, which XML does not allow */
      c += 2;
    } else
      fputc(*c, file);
  }
}

void escape_markdown(FILE *file, const char *text) {
  fputs("<code>", file);
  for (const char *c = text; *c; c++) {
    if (strchr("&<>\"'|\\`*_[]~#!${}^@", *c))
      fprintf(file, "&#%d;", *c);
    else
      fputc(*c, file);
  }
  fputs("</code>", file);
}

void escape_json(FILE *file, const char *text) {
  fputc('"', file);
  for (const char *c = text; *c; c++) {
    if (*c == '"' || *c == '\\')
      fprintf(file, "\\%c", *c);
    else if ((unsigned char)*c < ' ')
      fprintf(file, "\\u%04x", *c);
    else
      fputc(*c, file);
  }
  fputc('"', file);
}

void escape_commands(FILE *file, const char *text, size_t len, const char *hash) {
  const char *end = text + len, *found;
  while ((found = memmem(text, (size_t)(end - text), "##[", 3))) {
    fwrite(text, 1, (size_t)(found + 1 - text), file);
    fputs(hash, file);
    text = found + 2;
  }
  fwrite(text, 1, (size_t)(end - text), file);
}

static bool is_blank(char c) { return c == ' ' || (unsigned char)c >= 0x80; }

void escape_command_lines(FILE *file, const char *text, size_t len) {
  const char *end = text + len;
  while (text < end) {
    const char *newline = memchr(text, '\n', (size_t)(end - text)), *start = text;
    const char *next = newline ? newline + 1 : end;
    while (start < next && is_blank(*start))
      start++;
    if (next - start >= 2 && start[0] == ':' && start[1] == ':') {
      fwrite(text, 1, (size_t)(start - text), file);
      fputc('?', file);
      text = start + 1;
    }
    escape_commands(file, text, (size_t)(next - text), "?");
    text = next;
  }
}

static void percent(FILE *file, const char *text, const char *special) {
  for (const char *c = text; *c; c++) {
    if (strchr(special, *c))
      fprintf(file, "%%%02X", *c);
    else
      fputc(*c, file);
  }
}

void escape_command_data(FILE *file, const char *text) { percent(file, text, "%\r\n"); }

void escape_command_property(FILE *file, const char *text) { percent(file, text, "%\r\n:,"); }
