/* base/err.h - what went wrong, for the person who reads it in a CI log.
 * A struct err is a plain value: copy it, keep it, no free. Thread: any. */
#ifndef DRAY_BASE_ERR_H
#define DRAY_BASE_ERR_H

#include <stdarg.h>
#include <stdint.h>

/* The names of these, in lower case, are `error.code` in the result document: stable. */
enum err_code {
  ERR_NONE = 0,
  ERR_USAGE,        /* the command line is wrong */
  ERR_CONFIG,       /* a file or an environment variable is wrong */
  ERR_CANCELED,     /* stopped by us: a signal, a deadline, a sibling's failure */
  ERR_UNAUTHORIZED, /* 401, or the token server refused */
  ERR_DENIED,       /* 403 */
  ERR_NOT_FOUND,    /* 404 of an image, a manifest or a blob */
  ERR_REFUSED,      /* any other final answer of a server */
  ERR_RATE_LIMITED, /* 429, after the last retry */
  ERR_SERVER,       /* 5xx, after the last retry */
  ERR_RESOLVE,      /* unknown host */
  ERR_CONNECT,      /* nobody answers at that address */
  ERR_TLS,          /* certificate or handshake */
  ERR_TIMEOUT,      /* silence for too long */
  ERR_NETWORK,      /* a connection broke */
  ERR_PROTOCOL,     /* an answer that makes no sense */
  ERR_DIGEST,       /* content that is not what its digest or size says */
  ERR_TOO_LARGE,    /* above one of our caps */
  ERR_UNSUPPORTED,  /* understood, but dray does not do it */
  ERR_IO,           /* a local file, pipe or process */
  ERR_CODES         /* how many there are */
};

struct err {
  enum err_code code;
  int http_status;        /* 0: none */
  int64_t retry_after_ms; /* what the server asked for; -1: nothing */
  char host[256];         /* HOST[:PORT] that it happened with; "": none */
  char message[1024];     /* printable text, no newline at the end */
};

/* Fills err (NULL is allowed: nothing is kept) and returns -code, so that a failing function can
 * `return err_set(err, …)`. The message is cut to fit and made printable. host and status are
 * cleared. */
int err_set(struct err *err, enum err_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for those who take a format themselves. */
int err_setv(struct err *err, enum err_code code, const char *format, va_list args);

/* Adds "text: " before the message that is there. */
void err_prefix(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "not_found" for ERR_NOT_FOUND, and so on. */
const char *err_code_name(enum err_code code);

#endif
