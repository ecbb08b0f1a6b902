/* cmd/session.h - one engine and the output of its events, for one command. */
#ifndef DRAY_CMD_SESSION_H
#define DRAY_CMD_SESSION_H

#include "args.h"
#include "engine/dray.h"
#include "output.h"

struct session {
  struct output output;
  struct dray *dray;
};

/* images: as in output_init. Returns 0, or the exit status, with the reason told and nothing to be
 * ended. args must outlive the session. */
int session_begin(struct session *session, const struct args *args, uint64_t images);

/* Tells why the call failed where no event has, frees all, returns the exit status. */
int session_end(struct session *session, enum dray_status status);

#endif
