/* net/creds_write.h - keeps a registry's credentials, or forgets them, where docker's are: in a file,
 * or with the helper program that the file names for the registry.
 *   file → helper? (store | erase) → file, changed → done
 * Thread: the loop's. done runs from the ready queue. Sources: docker's config.json and credential
 * helper protocol. */
#ifndef DRAY_NET_CREDS_WRITE_H
#define DRAY_NET_CREDS_WRITE_H

#include "base/err.h"
#include "net/creds.h"
#include "net/loop.h"

struct creds_write;

/* Borrowed until done. */
struct creds_write_spec {
  struct loop *loop;
  const char *path;          /* of the file, which need not be there */
  const char *registry;      /* HOST[:PORT], perhaps within a URL */
  const struct creds *creds; /* user and password to keep; NULL: they are forgotten */
  /* Exactly once; the job is gone when it returns. err NULL: it is done, and place is the file, or
   * the helper program; NULL: there was nothing to forget.
   * Errors: ERR_CONFIG (a malformed file, or a helper that fails, is missing, is slow or babbles),
   * ERR_IO, ERR_CANCELED. */
  void (*done)(void *arg, const char *place, const struct err *err);
  void *arg;
};

struct creds_write *creds_write_start(const struct creds_write_spec *spec);
void creds_write_cancel(struct creds_write *job);

/* The file that is written: --authfile, else that of REGISTRY_AUTH_FILE, else docker's config.json.
 * The caller's; NULL: none of them, nor a HOME. */
char *creds_write_path(const struct creds_options *options);

#endif
