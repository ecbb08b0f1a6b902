#include "net/endpoint.h"

#include <assert.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"
#include "net/url.h"

struct endpoints {
  struct endpoints_spec spec;
  struct map *by_name;
  struct map *settings; /* name → struct endpoint_settings */
  uint64_t retries;
  uint64_t deadline_ms;
};

struct endpoints *endpoints_new(const struct endpoints_spec *spec) {
  struct endpoints *all = mem_zalloc(sizeof *all);
  all->spec = *spec;
  all->by_name = map_new();
  all->settings = map_new();
  return all;
}

static void endpoint_free(void *value) {
  struct endpoint *endpoint = value;
  assert(list_empty(&endpoint->waiting));
  auth_free(endpoint->auth);
  gate_free(endpoint->gate);
  free(endpoint->name);
  free(endpoint->base_url);
  free(endpoint);
}

void endpoints_free(struct endpoints *all) {
  if (!all)
    return;
  map_free(all->by_name, endpoint_free);
  map_free(all->settings, free);
  free(all);
}

const struct endpoints_spec *endpoints_spec(const struct endpoints *all) { return &all->spec; }

static bool named(const char *const *hosts, const char *name) {
  for (; hosts && *hosts; hosts++)
    if (text_same(*hosts, name))
      return true;
  return false;
}

static const struct trust *trust_of_url(void *arg, const char *url) {
  struct endpoints *all = arg;
  const struct trust *trust = NULL;
  char *host = url_host(url);
  struct err err;
  if (host && trust_for(all->spec.trust, host, &trust, &err) < 0)
    log_at(all->spec.log, LOG_ERROR, "%s", err.message);
  free(host);
  return trust;
}

static void on_token_retry(void *arg, const struct retry_note *note) {
  endpoints_retried(arg, note);
}

void endpoints_configure(struct endpoints *all, const char *name,
                         const struct endpoint_settings *settings) {
  struct endpoint_settings *own = mem_alloc(sizeof *own);
  assert(!map_get(all->by_name, name));
  *own = *settings;
  free(map_put(all->settings, name, own));
}

static bool is_plain(const struct endpoints *all, const char *name, bool loopback,
                     const struct endpoint_settings *settings) {
  if (named(all->spec.plain_http, name))
    return true;
  if (named(all->spec.tls, name) || named(all->spec.insecure, name))
    return false;
  return settings->plain_http || (loopback && !settings->tls);
}

struct endpoint *endpoints_get(struct endpoints *all, const char *name, const char *api_host,
                               bool loopback) {
  struct endpoint *endpoint = map_get(all->by_name, name);
  if (endpoint)
    return endpoint;
  static const struct endpoint_settings none = {.chunk_size = -1};
  const struct endpoint_settings *settings = map_get(all->settings, name);
  if (!settings)
    settings = &none;
  endpoint = mem_zalloc(sizeof *endpoint);
  endpoint->all = all;
  endpoint->name = mem_strdup(name);
  endpoint->base_url =
      mem_printf("%s://%s", is_plain(all, name, loopback, settings) ? "http" : "https", api_host);
  endpoint->gate = gate_new(all->spec.loop, settings->max_connections ? settings->max_connections
                                                                      : all->spec.max_connections);
  gate_set_rate(endpoint->gate, settings->requests_per_second);
  endpoint->chunk_size = settings->chunk_size;
  gate_set_deadline(endpoint->gate, all->deadline_ms);
  list_init(&endpoint->waiting);
  endpoint->auth = auth_new(&(struct auth_spec){.loop = all->spec.loop,
                                                .http = all->spec.http,
                                                .creds = all->spec.creds,
                                                .trust_for = trust_of_url,
                                                .trust_arg = all,
                                                .host = endpoint->name,
                                                .base_url = endpoint->base_url,
                                                .log = all->spec.log,
                                                .retries = all->spec.retries,
                                                .on_retry = on_token_retry,
                                                .on_retry_arg = all});
  map_put(all->by_name, name, endpoint);
  return endpoint;
}

void endpoints_set_deadline(struct endpoints *all, uint64_t deadline_ms) {
  void *endpoint;
  all->deadline_ms = deadline_ms;
  for (size_t i = 0; map_next(all->by_name, &i, NULL, &endpoint);)
    gate_set_deadline(((struct endpoint *)endpoint)->gate, deadline_ms);
}

uint64_t endpoints_retries(const struct endpoints *all) { return all->retries; }

void endpoints_retried(struct endpoints *all, const struct retry_note *note) {
  all->retries++;
  if (all->spec.on_retry)
    all->spec.on_retry(all->spec.on_retry_arg, note);
}
