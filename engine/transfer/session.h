/* transfer/session.h - an upload session as the registry tells of it: where it is, and how much of
 * the blob it holds. Pure: answers in, knowledge out.
 * Sources: OCI distribution-spec v1.1, "Pushing a blob in chunks"; for odd ranges and stale
 * locations, what distribution 2.8 and 3, zot, ECR and Aliyun answer. */
#ifndef DRAY_TRANSFER_SESSION_H
#define DRAY_TRANSFER_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "net/call.h"

struct session {
  char *location;     /* its newest address, absolute; NULL: there is no session */
  uint64_t chunk_min; /* the registry's wish in bytes; 0: none */
  uint64_t acked;     /* bytes of the blob that the registry holds, by our own ledger */
  bool odd_ranges;    /* its ranges do not count what it holds */
  bool refused;       /* a PATCH from acked on, by the last answer */
  bool assumed;       /* odd ranges: acked counts one whose answer was lost */
};

void session_forget(struct session *session); /* zeroed, memory freed; chunk_min is kept */

/* A 202 to the POST that opens one. -1: it does not say where. */
int session_opened(struct session *session, const struct call_result *result);

/* A good answer to a PATCH of body bytes from acked on. */
void session_sent(struct session *session, const struct call_result *result, uint64_t body);

/* It is one of distribution's (Harbor's, GitLab's …), whose address says what it holds: version 3
 * keeps what came of a PATCH that was broken off, and 2.8 gives the session up then, however small
 * that was. Where it keeps its blobs in S3, a PATCH below 5 MiB has it copy the blob so far. */
bool session_is_distributions(const struct session *session);

/* The registry knows of no such session: that says nothing about the way of uploading. */
bool session_is_forgotten(const struct call_result *result);

/* The answer's status; 405 also where a registry says "unsupported" by another one. */
int session_refusal(const struct call_result *result);

/* The bytes that it holds are not ours, though ours have the right digest. */
bool session_is_spoilt(const struct call_result *result);

/* A 416 to a PATCH: it does not stand at acked. */
void session_refused(struct session *session);

enum session_verdict {
  SESSION_HOLDS, /* acked is what it holds: go on from there */
  SESSION_GONE,  /* forgotten, cancelled, or it makes no sense: open another */
  SESSION_SILENT /* no answer: ask again later */
};

/* The answer to a GET of the session's address, after a PATCH of body bytes from acked on was lost.
 * Where a PATCH was refused at the offset that it tells, nobody knows where it stands: it is gone.
 * Where ranges are odd, what was refused may be there already, but only once.
 * A range that says one byte may mean none (distribution answers "0-0" for an empty session): no
 * first chunk of ours is that short, so it is read as none. */
enum session_verdict session_status(struct session *session, const struct call_result *result,
                                    uint64_t body);

#endif
