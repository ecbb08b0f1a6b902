#include "net/retry.h"

#include <curl/curl.h>
#include <time.h>

#include "base/text.h"

#define FIRST_MS 250
#define LONGEST_MS 30000

/* By status. 1xx never come alone, 2xx and 3xx are no failures. Of 4xx all but these are about the
 * request: it would fail again. Of 5xx all but these are about the moment. */
static const struct {
  int first, last;
  bool again;
} statuses[] = {
    {408, 408, true},  /* Request Timeout: RFC 9110, 15.5.9 */
    {425, 425, true},  /* Too Early: RFC 8470, 5.2 */
    {429, 429, true},  /* Too Many Requests: RFC 6585, 4 */
    {499, 499, true},  /* nginx: who asked has gone; proxies in between pass it on */
    {400, 499, false}, /* RFC 9110, 15.5 */
    {501, 501, false}, /* Not Implemented: RFC 9110, 15.6.2 */
    {505, 506, false}, /* HTTP Version Not Supported; Variant Also Negotiates: RFC 2295 */
    {508, 508, false}, /* Loop Detected: RFC 5842 */
    {510, 511, false}, /* Not Extended: RFC 2774; Network Authentication Required: RFC 6585 */
    {500, 999, true},  /* RFC 9110, 15.6; Cloudflare's 520 to 530; 529 (too busy), 598, 599 */
};

bool retry_status(int status) {
  for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
    if (status >= statuses[i].first && status <= statuses[i].last)
      return statuses[i].again;
  return false;
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
