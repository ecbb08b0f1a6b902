#include "transfer/session.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "net/retry.h"
#include "net/url.h"
#include "oci/registry.h"

void session_forget(struct session *session) {
  free(session->location);
  *session = (struct session){.chunk_min = session->chunk_min};
}

static int take_location(struct session *session, const struct call_result *result) {
  const char *value = http_header(result->reply, "Location");
  char *location = value ? url_join(result->url, value) : NULL;
  if (!location)
    return -1;
  free(session->location);
  session->location = location;
  return 0;
}

int session_opened(struct session *session, const struct call_result *result) {
  const char *least = http_header(result->reply, "OCI-Chunk-Min-Length");
  int64_t bytes;
  if (least && text_number(least, 1, INT64_MAX / 2, &bytes) == 0)
    session->chunk_min = (uint64_t)bytes;
  session->acked = 0;
  session->odd_ranges = session->refused = session->assumed = false;
  return take_location(session, result);
}

/* What the answer says that the session holds. False: nothing. */
static bool told(const struct call_result *result, uint64_t *held) {
  const char *range = http_header(result->reply, "Range");
  if (!range || oci_range_parse(range, held) < 0)
    return false;
  if (*held == 1)
    *held = 0;
  return true;
}

void session_sent(struct session *session, const struct call_result *result, uint64_t body) {
  uint64_t held;
  session->acked += body;
  session->refused = session->assumed = false;
  if (told(result, &held) && held != session->acked)
    session->odd_ranges = true;
  take_location(session, result); /* some leave it out where it did not change */
}

bool session_is_distributions(const struct session *session) {
  return session->location && strstr(session->location, "_state=");
}

static bool has_code(const struct call_result *result, const char *code) {
  struct oci_error error;
  oci_error_parse(buf_str(&result->reply->body), result->reply->body.len, &error);
  return strcmp(error.code, code) == 0;
}

bool session_is_forgotten(const struct call_result *result) {
  return has_code(result, "BLOB_UPLOAD_UNKNOWN");
}

int session_refusal(const struct call_result *result) {
  int status = result->reply->status;
  return status == 400 && has_code(result, "UNSUPPORTED") ? 405 : status;
}

bool session_is_spoilt(const struct call_result *result) {
  return result->reply->status == 400 &&
         (has_code(result, "DIGEST_INVALID") || has_code(result, "BLOB_UPLOAD_INVALID"));
}

void session_refused(struct session *session) { session->refused = true; }

enum session_verdict session_status(struct session *session, const struct call_result *result,
                                    uint64_t body) {
  const struct http_reply *reply = result->reply;
  uint64_t held;
  if (reply->err.code != ERR_NONE || retry_status(reply->status))
    return SESSION_SILENT;
  if (reply->status < 200 || reply->status > 299)
    return SESSION_GONE;
  take_location(session, result);
  bool refused = session->refused;
  session->refused = false;
  if (session->odd_ranges) { /* ECR's say nothing; it keeps a chunk whole or not at all */
    if (refused && session->assumed)
      return SESSION_GONE;
    if (refused)
      session->acked += body;
    session->assumed |= refused;
    return SESSION_HOLDS;
  }
  if (!told(result, &held) || held > session->acked + body || (refused && held == session->acked))
    return SESSION_GONE;
  session->acked = held;
  return SESSION_HOLDS;
}
