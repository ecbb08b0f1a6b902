/* What answers tell of limits: the lines of the input are their headers. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/ratelimit.h"
#include "net/retry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define WALL ((int64_t)1700000000 * 1000)
#define YEAR ((int64_t)367 * 24 * 3600 * 1000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct http_reply reply = {.status = 429};
  struct ratelimit told;
  buf_init(&reply.head, HTTP_HEADERS_MAX);
  char *lines = mem_strndup((const char *)data, size), *rest = lines, *line;
  while ((line = strtok_r(rest, "\n", &rest))) {
    assert(retry_after(line, WALL) >= -1);
    if (buf_add(&reply.head, line, strlen(line) + 1) < 0)
      break;
  }
  ratelimit_read(&told, &reply, WALL);
  assert(told.remaining >= -1);
  assert(told.reset_ms >= -1 && told.reset_ms <= YEAR);
  assert(told.window_ms >= -1 && told.window_ms <= YEAR);
  assert(told.remaining >= 0 || (told.reset_ms < 0 && told.window_ms < 0));
  free(lines);
  buf_free(&reply.head);
  return 0;
}
