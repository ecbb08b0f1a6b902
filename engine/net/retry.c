#include "net/retry.h"

#include <curl/curl.h>
#include <time.h>

#include "base/text.h"

#define FIRST_MS 250
#define LONGEST_MS 30000

bool retry_status(int status) {
  switch (status) {
  case 408:
  case 425:
  case 429:
  case 499:
    return true;
  case 501:
  case 505:
    return false;
  default:
    return status >= 500;
  }
}

bool retry_reply(const struct http_reply *reply, bool host_answered) {
  switch (reply->err.code) {
  case ERR_NONE:
    return retry_status(reply->status);
  case ERR_RESOLVE:
  case ERR_CONNECT:
    return host_answered && !reply->final;
  case ERR_NETWORK:
  case ERR_TIMEOUT:
  case ERR_TLS:
    return !reply->final;
  default:
    return false;
  }
}

int64_t retry_after(const char *value, int64_t wall_ms) {
  int64_t seconds;
  if (text_number(value, 0, INT64_MAX / 1000, &seconds) == 0)
    return seconds * 1000;
  time_t date = curl_getdate(value, NULL);
  if (date < 0)
    return -1;
  int64_t wait = (int64_t)date * 1000 - wall_ms;
  return wait > 0 ? wait : 0;
}

int64_t retry_delay(int attempt, int64_t after_ms, uint64_t random) {
  int64_t delay = FIRST_MS;
  for (int i = 1; i < attempt && delay < LONGEST_MS; i++)
    delay *= 2;
  if (delay > LONGEST_MS)
    delay = LONGEST_MS;
  delay = delay / 2 + (int64_t)(random % (uint64_t)(delay / 2 + 1));
  return after_ms > delay ? after_ms + (int64_t)(random % (uint64_t)FIRST_MS) : delay;
}
