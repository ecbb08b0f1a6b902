/* net/endpoint.h - a registry's host as we speak to it: its URL, its authorization, its gate.
 * One for each host and engine, made when first asked for. Thread: the loop's. */
#ifndef DRAY_NET_ENDPOINT_H
#define DRAY_NET_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "net/auth.h"
#include "net/creds.h"
#include "net/gate.h"
#include "net/http.h"
#include "net/trust.h"

struct endpoints; /* all hosts */

struct endpoint {
  struct endpoints *all;
  char *name;     /* as in references: "docker.io", "127.0.0.1:5000" */
  char *base_url; /* "https://registry-1.docker.io" */
  struct auth *auth;
  struct gate *gate;
  int64_t chunk_size;  /* bytes, of uploads to it; 0: by registry; -1: nothing was said */
  bool answered;       /* it has answered a request in this run */
  bool probing;        /* a first request is out to learn how it wants to be spoken to */
  struct list waiting; /* calls that wait for that one */
};

/* Borrowed for the life of the set, lists and strings too. */
struct endpoints_spec {
  struct loop *loop;
  struct http *http;
  struct creds_store *creds;
  struct trust_set *trust;
  const struct log *log;
  const char *const *plain_http; /* HOST[:PORT], NULL at the end; NULL: none */
  const char *const *tls;
  const char *const *insecure;
  int max_connections;
  int retries;
  void (*on_retry)(void *arg, const struct retry_note *note);
  void *on_retry_arg;
};

struct endpoints *endpoints_new(const struct endpoints_spec *spec);
void endpoints_free(struct endpoints *all); /* no calls may be under way */
const struct endpoints_spec *endpoints_spec(const struct endpoints *all);

/* What is said of one host. The lists of endpoints_spec win. */
struct endpoint_settings {
  bool plain_http, tls;
  int64_t chunk_size;         /* as above */
  int max_connections;        /* 0: as for all */
  double requests_per_second; /* 0: no limit */
};

/* Before name is first asked for. */
void endpoints_configure(struct endpoints *all, const char *name,
                         const struct endpoint_settings *settings);

/* name is the registry as people write it, api_host where it is to be found; loopback: plain HTTP
 * is the default there. */
struct endpoint *endpoints_get(struct endpoints *all, const char *name, const char *api_host,
                               bool loopback);

/* In loop_now()'s time, the end of what is being done: limits that end before it are waited for. 0:
 * none, then those that end within RETRY_AFTER_MAX_MS. */
void endpoints_set_deadline(struct endpoints *all, uint64_t deadline_ms);

uint64_t endpoints_retries(const struct endpoints *all);
void endpoints_retried(struct endpoints *all, const struct retry_note *note); /* counts, tells */

#endif
