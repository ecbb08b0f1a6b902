#include "escape.h"

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
