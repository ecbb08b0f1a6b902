/* oci/answer.h - what a registry's answer means for the person who waits for the image. Pure.
 * Source: OCI distribution-spec v1.1, "Error Codes", and registries' own bodies. */
#ifndef DRAY_OCI_ANSWER_H
#define DRAY_OCI_ANSWER_H

#include "base/err.h"
#include "net/call.h"

/* 0 where result is an answer with a 2xx status; else fills err (host, status and retry-after too)
 * and returns its negative code. what: "the manifest", "blob sha256:…", "an upload"; host: as
 * people write it. The message begins with the host.
 * Errors: ERR_UNAUTHORIZED, ERR_DENIED, ERR_NOT_FOUND, ERR_RATE_LIMITED, ERR_SERVER, ERR_REFUSED,
 * and those of net/http.h. */
int oci_answer(const struct call_result *result, const char *host, const char *what,
               struct err *err);

#endif
