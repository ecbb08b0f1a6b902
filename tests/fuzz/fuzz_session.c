/* What a registry says of an upload session: the first line is a status, the others are headers, and
 * an empty line begins the next answer. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "transfer/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BODY = 1 << 20, SIZE = 16 * BODY };

static char *next_line(char **rest) {
  char *line = *rest, *end = line ? strchr(line, '\n') : NULL;
  if (!line)
    return NULL;
  if (end)
    *end = '\0';
  *rest = end ? end + 1 : NULL;
  return line;
}

static void take(struct session *session, const struct call_result *result) {
  uint64_t before = session->acked;
  if (result->reply->status == 202 && !session->location) {
    session_opened(session, result);
    assert(session->acked == 0);
  } else if (result->reply->status == 202 && before + BODY <= SIZE) {
    session_sent(session, result, BODY);
    assert(session->acked == before + BODY);
  } else if (result->reply->status == 416) {
    session_refused(session);
  } else if (before + BODY <= SIZE) {
    enum session_verdict verdict = session_status(session, result, BODY);
    assert(verdict != SESSION_HOLDS || session->acked <= before + BODY);
  }
  assert(!session->location || strncmp(session->location, "http", 4) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct session session = {0};
  char *text = mem_strndup((const char *)data, size), *rest = text, *line;
  while (rest) {
    struct http_reply reply = {0};
    buf_init(&reply.head, HTTP_HEADERS_MAX);
    buf_init(&reply.body, 100);
    line = next_line(&rest);
    reply.status = line ? (int)strtol(line, NULL, 10) : 0;
    while ((line = next_line(&rest)) && *line)
      if (buf_add(&reply.head, line, strlen(line) + 1) < 0)
        break;
    take(&session, &(struct call_result){.reply = &reply,
                                         .url = "https://ghcr.io/v2/a/blobs/uploads/",
                                         .attempts = 1});
    buf_free(&reply.head);
    buf_free(&reply.body);
  }
  session_forget(&session);
  free(text);
  return 0;
}
