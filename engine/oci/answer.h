/* oci/answer.h - what a registry's answer means for the person who waits for the image. Pure.
 * Source: OCI distribution-spec v1.1, "Error Codes", and registries' own bodies. */
#ifndef DRAY_OCI_ANSWER_H
#define DRAY_OCI_ANSWER_H

#include "base/err.h"
#include "net/call.h"
#include "oci/manifest.h"

/* 0 where result is an answer with a 2xx status; else fills err (host, status and retry-after too)
 * and returns its negative code. what: "the manifest", "blob sha256:…", "an upload"; host: as
 * people write it. The message begins with the host.
 * Errors: ERR_UNAUTHORIZED, ERR_DENIED, ERR_NOT_FOUND, ERR_RATE_LIMITED, ERR_SERVER, ERR_REFUSED,
 * and those of net/http.h. */
int oci_answer(const struct call_result *result, const char *host, const char *what,
               struct err *err);

/* Where the answer refused this manifest for one of its items, and names that by digest or media
 * type: adds "; it is about sha256:… (TYPE)" to err's message. */
void oci_answer_item(const struct call_result *result, const struct oci_manifest *manifest,
                     struct err *err);

#endif
