/* net/creds_helper.h - a credential helper's answer for one host, asked for once.
 * Source: docker's credential helper protocol (the server's URL in, ServerURL, Username and Secret
 * out). Thread: the loop's. */
#ifndef DRAY_NET_CREDS_HELPER_H
#define DRAY_NET_CREDS_HELPER_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "net/creds.h"
#include "net/loop.h"

struct creds_helper;

/* name: what follows "docker-credential-"; host as creds_host() spells it; named_by: the file, for
 * messages. */
struct creds_helper *creds_helper_new(const char *name, const char *host, const char *named_by);
void creds_helper_free(struct creds_helper *helper); /* must not be running */

/* A member of whoever waits. */
struct creds_wait {
  struct list node;
  struct ready *ready;
};
void creds_wait_init(struct creds_wait *wait, struct ready *ready);

/* True: *creds (anonymous where the helper has none) or *err is the answer, kept by the helper; the
 * other is NULL. err is ERR_CONFIG, naming helper, file and host. False: the program runs (it is
 * started where it does not yet), and wait's ready is queued when there is something to ask for
 * again. */
bool creds_helper_get(struct creds_helper *helper, struct loop *loop, struct creds_wait *wait,
                      const struct creds **creds, const struct err **err);

/* wait gives up. Its ready is queued: at once, or, where nobody else waits, when the program has
 * ended. */
void creds_helper_leave(struct creds_helper *helper, struct creds_wait *wait);

/* What a helper calls the server of host (as creds_host() spells it). */
const char *creds_helper_server(const char *host);
/* Whether its output says that it has nothing for the server. */
bool creds_helper_has_none(const struct buf *output);
/* Its complaint, one printable line; helpers print theirs on standard output. Returns dst. */
char *creds_helper_complaint(char dst[200], const struct buf *output);

enum { CREDS_HELPER_TIMEOUT_MS = 10 * 1000, CREDS_HELPER_OUTPUT_MAX = 1024 * 1024 };

#endif
