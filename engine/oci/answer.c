#include "oci/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "net/url.h"
#include "oci/registry.h"

/* " after 3 attempts", where there was more than one. */
static const char *tries(char text[40], int attempts) {
  text[0] = '\0';
  if (attempts > 1)
    snprintf(text, 40, " after %d attempts", attempts);
  return text;
}

static enum err_code code_of(int status) {
  switch (status) {
  case 401:
    return ERR_UNAUTHORIZED;
  case 403:
    return ERR_DENIED;
  case 404:
    return ERR_NOT_FOUND;
  case 429:
    return ERR_RATE_LIMITED;
  default:
    return status >= 500 ? ERR_SERVER : ERR_REFUSED;
  }
}

/* What to do about a limit, and when it ends where that is known; the caller's. */
static char *limited(const struct call_result *result) {
  const char *or_else = result->identity ? "" : ", or log in";
  time_t at = (time_t)(result->retry_at / 1000);
  struct tm utc;
  char when[40];
  if (result->retry_after_ms < 0 || !gmtime_r(&at, &utc))
    return mem_printf("; it limits how often it may be asked: try again later%s", or_else);
  int64_t minutes = result->retry_after_ms / 60000 + (result->retry_after_ms % 60000 > 0);
  strftime(when, sizeof when, minutes < 24 * 60 ? "%H:%M" : "%Y-%m-%d %H:%M", &utc);
  return mem_printf("; its limit resets by %s UTC, in %lld minute%s: try again then%s", when,
                    (long long)minutes, minutes == 1 ? "" : "s", or_else);
}

/* The caller's. */
static char *advice(const struct call_result *result, const char *host, const char *body) {
  const char *who = result->identity;
  switch (result->reply->status) {
  case 400:
    /* Go's and nginx's words for plain HTTP on a TLS port. */
    if (strstr(body, "HTTPS server") || strstr(body, "to HTTPS port"))
      return mem_printf("; the registry uses TLS: add --tls %s", host);
    return !*body && !url_is_https(result->url) /* to a HEAD they can't say it */
               ? mem_printf("; if the registry uses TLS, add --tls %s", host)
               : mem_strdup("");
  case 401:
    return who ? mem_printf("; the credentials were not accepted (%s)", who)
               : mem_strdup("; no credentials were found for it (docker login, --authfile)");
  case 403:
    return who ? mem_printf("; the credentials lack this permission (%s)", who)
               : mem_strdup("; no credentials were found for it (docker login, --authfile)");
  case 429:
    return limited(result);
  default:
    return mem_strdup("");
  }
}

int oci_answer(const struct call_result *result, const char *host, const char *what,
               struct err *err) {
  const struct http_reply *reply = result->reply;
  char again[40];
  tries(again, result->attempts);
  if (result->not_asked) {
    char *hint = limited(result);
    err_set(err, ERR_RATE_LIMITED, "%s: %s: not asked for: a limit is used up%s", host, what, hint);
    free(hint);
    err->http_status = 429;
  } else if (reply->err.code != ERR_NONE) {
    *err = reply->err;
    if (*again && err->code != ERR_CANCELED)
      snprintf(err->message, sizeof err->message, "%.900s,%s", reply->err.message, again);
  } else if (reply->status >= 200 && reply->status <= 299) {
    return 0;
  } else {
    struct oci_error error;
    const char *body = buf_str(&reply->body);
    oci_error_parse(body, reply->body.len, &error);
    bool said = error.code[0] || error.message[0];
    char *hint = advice(result, host, body);
    err_set(err, code_of(reply->status), "%s: %s: answered %d%s%s%s%s%s%s%s", host, what,
            reply->status, again, said ? " (" : "", error.code,
            error.code[0] && error.message[0] ? ": " : "", error.message, said ? ")" : "", hint);
    free(hint);
  }
  snprintf(err->host, sizeof err->host, "%s", host);
  if (reply->status) /* a token server's is in err already */
    err->http_status = reply->status;
  if (result->retry_after_ms >= 0)
    err->retry_after_ms = result->retry_after_ms;
  return -(int)err->code;
}
