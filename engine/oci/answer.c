#include "oci/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/mem.h"
#include "net/url.h"
#include "oci/advice.h"
#include "oci/registry.h"

#define CLOCKS_APART_MS ((int64_t)2 * 60 * 1000) /* distribution forgives a token one minute */

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

/* What has come of the credentials, if any were sent; the caller's. */
static char *credentials(const struct call_result *result, const char *host, bool good) {
  const char *who = result->identity;
  if (result->abroad) {
    char *other = url_host(result->url);
    char *hint = mem_printf("; it was asked at %s, where %s has led: credentials are kept from "
                            "other hosts",
                            other ? other : "another host", host);
    free(other);
    return hint;
  }
  if (!who)
    return mem_strdup("; no credentials were found for it (dray login, --authfile)");
  if (good)
    return mem_printf("; the credentials lack this permission (%s)", who);
  int64_t ahead = result->clock_ahead_ms, minutes = (ahead < 0 ? -ahead : ahead) / 60000;
  if (minutes * 60000 < CLOCKS_APART_MS)
    return mem_printf("; the credentials were not accepted (%s)", who);
  return mem_printf("; the credentials were not accepted (%s): its clock is %lld minutes %s this "
                    "machine's, and tokens are good for minutes: set the clock that is wrong",
                    who, (long long)minutes, ahead < 0 ? "behind" : "ahead of");
}

/* What the status alone tells to do; the caller's. */
static char *by_status(const struct call_result *result, const char *host) {
  const char *body = buf_str(&result->reply->body);
  switch (result->reply->status) {
  case 400:
    return !*body && !url_is_https(result->url) /* to a HEAD it can't be said */
               ? mem_printf("; if the registry uses TLS, add --tls %s", host)
               : mem_strdup("");
  case 401:
    return credentials(result, host, false);
  case 403:
    return credentials(result, host, true);
  case 429:
    return limited(result);
  default:
    return mem_strdup("");
  }
}

/* All that a row of the table may look for; the caller's. */
static char *all_said(const struct http_reply *reply) {
  struct buf all;
  buf_init(&all, SIZE_MAX);
  if (reply->err.code != ERR_NONE)
    buf_adds(&all, reply->err.message);
  else
    buf_add(&all, buf_str(&reply->body), reply->body.len);
  size_t cursor = 0;
  for (const char *value; (value = http_header_next(reply, "WWW-Authenticate", &cursor));)
    buf_addf(&all, " %s", value);
  return buf_take(&all);
}

static char *from_table(const struct call_result *result, const char *host, const char *what,
                        enum oci_advice_kind *kind) {
  const struct http_reply *reply = result->reply;
  if (result->abroad) /* what another host means is not known */
    return NULL;
  char *said = all_said(reply);
  char *words = oci_advice(
      &(struct oci_refusal){.status = reply->status ? reply->status : reply->err.http_status,
                            .host = host,
                            .path = result->path ? result->path : "",
                            .who = result->identity ? result->identity : "",
                            .what = what,
                            .said = said,
                            .push = result->push},
      kind);
  free(said);
  return words;
}

/* "; what to do" about an answer, or ""; the caller's. */
static char *advice(const struct call_result *result, const char *host, const char *what) {
  enum oci_advice_kind kind = ADVICE_TOO;
  char *words = from_table(result, host, what, &kind), *hint = NULL;
  if (words && kind == ADVICE_RIGHTS) {
    hint = credentials(result, host, true);
    if (!result->identity) {
      free(words);
      words = NULL;
    }
  } else if (!words || kind == ADVICE_TOO) {
    hint = by_status(result, host);
  }
  char *both = mem_printf("%s%s%s", hint ? hint : "", words ? "; " : "", words ? words : "");
  free(hint);
  free(words);
  return both;
}

/* The same where there is no answer: the error says the rest itself. */
static void advise_err(const struct call_result *result, const char *host, const char *what,
                       struct err *err) {
  enum oci_advice_kind kind;
  char *words = from_table(result, host, what, &kind);
  if (words && (kind != ADVICE_RIGHTS || result->identity)) {
    struct err whole = *err;
    snprintf(whole.message, sizeof whole.message, "%.600s; %s", err->message, words);
    *err = whole;
  }
  free(words);
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
    if (err->code != ERR_CANCELED)
      advise_err(result, host, what, err);
  } else if (reply->status >= 200 && reply->status <= 299) {
    return 0;
  } else {
    struct oci_error error;
    oci_error_parse(buf_str(&reply->body), reply->body.len, &error);
    bool said = error.code[0] || error.message[0];
    char *hint = advice(result, host, what);
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

/* Whole, not as the beginning of a longer one. */
static bool names_type(const char *text, const char *type) {
  size_t len = strlen(type);
  for (const char *at = text; len && (at = strstr(at, type)); at += len)
    if (!at[len] || !strchr("+.-/", at[len]))
      return true;
  return false;
}

void oci_answer_item(const struct call_result *result, const struct oci_manifest *manifest,
                     struct err *err) {
  const char *body = buf_str(&result->reply->body);
  const char *allowed = strstr(body, " is not one of "); /* Quay: what it takes follows */
  char *text = mem_strndup(body, allowed ? (size_t)(allowed - body) : strlen(body));
  const struct oci_descriptor *found = NULL;
  for (size_t i = 0; i < manifest->count && !found; i++) {
    const struct oci_descriptor *item = &manifest->items[i];
    if (strstr(text, item->digest.text) || names_type(text, item->media_type))
      found = item;
  }
  free(text);
  if (!found)
    return;
  struct err whole = *err;
  snprintf(whole.message, sizeof whole.message, "%.800s; it is about %s (%s)", err->message,
           found->digest.text, found->media_type);
  *err = whole;
}
