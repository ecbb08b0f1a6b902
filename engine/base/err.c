#include "base/err.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* Longer than a message, so that what is cut off is cut by text_printable, between characters. */
enum { DRAFT = 2048 };

static void set_message(struct err *err, const char *draft) {
  size_t len = strlen(draft);
  while (len && (draft[len - 1] == '\n' || draft[len - 1] == '\r' || draft[len - 1] == ' '))
    len--;
  text_printable(err->message, sizeof err->message, draft, len);
}

int err_setv(struct err *err, enum err_code code, const char *format, va_list args) {
  if (!err)
    return -(int)code;
  char draft[DRAFT] = "";
  vsnprintf(draft, sizeof draft, format, args);
  set_message(err, draft);
  err->code = code;
  err->http_status = 0;
  err->retry_after_ms = -1;
  err->host[0] = '\0';
  return -(int)code;
}

int err_set(struct err *err, enum err_code code, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int rc = err_setv(err, code, format, args);
  va_end(args);
  return rc;
}

void err_prefix(struct err *err, const char *format, ...) {
  if (!err)
    return;
  char draft[DRAFT] = "";
  va_list args;
  va_start(args, format);
  vsnprintf(draft, sizeof draft, format, args);
  va_end(args);
  size_t len = strlen(draft);
  snprintf(draft + len, sizeof draft - len, ": %s", err->message);
  set_message(err, draft);
}

const char *err_code_name(enum err_code code) {
  static const char *const names[ERR_CODES] = {
      [ERR_NONE] = "none",
      [ERR_USAGE] = "usage",
      [ERR_CONFIG] = "config",
      [ERR_CANCELED] = "canceled",
      [ERR_UNAUTHORIZED] = "unauthorized",
      [ERR_DENIED] = "denied",
      [ERR_NOT_FOUND] = "not_found",
      [ERR_REFUSED] = "refused",
      [ERR_RATE_LIMITED] = "rate_limited",
      [ERR_SERVER] = "server",
      [ERR_RESOLVE] = "resolve",
      [ERR_CONNECT] = "connect",
      [ERR_TLS] = "tls",
      [ERR_TIMEOUT] = "timeout",
      [ERR_NETWORK] = "network",
      [ERR_PROTOCOL] = "protocol",
      [ERR_DIGEST] = "digest",
      [ERR_TOO_LARGE] = "too_large",
      [ERR_UNSUPPORTED] = "unsupported",
      [ERR_IO] = "io",
  };
  return names[code];
}
