/* oci/advice.h - what to do about a registry's no, where its words have a known meaning: the one
 * table of them. (For TLS and names that is net/http_error.h.) A row is recognised by what was
 * said, and by the host only where different registries say the same. docs/registries.md has each
 * row too. Pure. */
#ifndef DRAY_OCI_ADVICE_H
#define DRAY_OCI_ADVICE_H

#include <stdbool.h>

/* What is known of it. Strings are never NULL. */
struct oci_refusal {
  int status;       /* 0: no answer, only an error's words */
  const char *host; /* as people write it */
  const char *path; /* the repository */
  const char *who;  /* whose credentials were sent, as in struct call_result; "": nobody's */
  const char *what; /* was to be done, as in oci_answer() */
  const char *said; /* body and challenge, or an error's message */
  bool push;        /* at a target */
};

enum oci_advice_kind {
  ADVICE_RIGHTS, /* the credentials are good, but lack a right */
  ADVICE_ALONE,  /* whatever the status says of credentials is beside the point */
  ADVICE_TOO     /* as well as what the status says */
};

/* Words for the end of a message, the caller's; NULL: none is known. */
char *oci_advice(const struct oci_refusal *refusal, enum oci_advice_kind *kind);

#endif
