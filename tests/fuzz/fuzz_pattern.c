/* A pattern, and behind a line's end a tag. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = mem_strndup((const char *)data, size), *tag = strchr(text, '\n');
  if (tag)
    *tag++ = '\0';
  else
    tag = text;
  struct pattern *pattern;
  struct err err;
  int rc = pattern_parse(text, &pattern, &err);
  assert(rc == 0 || (rc == -ERR_USAGE && !pattern && *err.message));
  if (pattern) {
    bool gave_up = false;
    bool match = pattern_match(pattern, tag, &gave_up);
    assert(!(match && gave_up));
    assert(strcmp(pattern_text(pattern), text) == 0);
  }
  pattern_free(pattern);
  free(text);
  return 0;
}
