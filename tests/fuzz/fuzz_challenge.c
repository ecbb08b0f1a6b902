/* WWW-Authenticate: the lines of the input are the headers of one reply. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/challenge.h"
#include "net/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = mem_strndup((const char *)data, size), *rest = text;
  struct challenge challenge = {0};
  for (char *line; (line = strsep(&rest, "\n"));)
    challenge_parse(&challenge, line);
  if (challenge.scheme == CHALLENGE_NONE)
    assert(!challenge.realm && !challenge.service && !challenge.scope);
  if (challenge.realm)
    free(url_join("https://127.0.0.1:5000", challenge.realm));
  challenge_free(&challenge);
  free(text);
  return 0;
}
