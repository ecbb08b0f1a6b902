/* A range, and behind a line's end a tag: only versions match, and neither a v in front nor build
 * metadata behind them makes a difference. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/range.h"
#include "sync/version.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = mem_strndup((const char *)data, size), *tag = strchr(text, '\n');
  if (tag)
    *tag++ = '\0';
  else
    tag = text;
  struct range *range;
  struct err err;
  int rc = range_parse(text, &range, &err);
  assert(rc == 0 || (rc == -ERR_USAGE && !range && *err.message));
  if (range) {
    bool match = range_match(range, tag);
    assert(!match || version_is(tag));
    if (version_is(tag)) {
      char *other = mem_printf("%s%s%s", *tag == 'v' ? "" : "v", tag + (*tag == 'v'),
                               strchr(tag, '+') ? "" : "+build");
      assert(range_match(range, other) == match);
      free(other);
    }
  }
  range_free(range);
  free(text);
  return 0;
}
