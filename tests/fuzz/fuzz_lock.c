/* A lock file is refused, or written in a way that reads the same. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sync/lock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct lock *lock, *again;
  struct err err;
  int rc = lock_parse("x.lock", (const char *)data, size, &lock, &err);
  assert(rc == 0 || (rc == -ERR_CONFIG && !lock && strncmp(err.message, "x.lock:", 7) == 0));
  if (!lock)
    return 0;
  char *text = lock_format(lock);
  assert(lock_parse("x.lock", text, strlen(text), &again, &err) == 0);
  assert(lock_count(again) == lock_count(lock));
  char *rewritten = lock_format(again);
  assert(strcmp(text, rewritten) == 0);
  free(text);
  free(rewritten);
  lock_free(lock);
  lock_free(again);
  return 0;
}
