#include "transfer/tag_query.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/call.h"
#include "oci/answer.h"
#include "oci/registry.h"

struct tag_query {
  struct tag_query_spec spec;
  struct call *call;
};

static int read_digest(const struct call_result *result, const struct oci_ref *ref,
                       struct oci_digest *digest, struct err *err) {
  const char *host = ref->repo.host;
  if (oci_answer(result, host, "looking at the tag", err) < 0)
    return -1;
  const char *value = http_header(result->reply, "Docker-Content-Digest");
  if (value && oci_digest_parse(value, strlen(value), digest, NULL) == 0)
    return 0;
  return err_set(err, ERR_PROTOCOL, "%s: it does not say which digest the tag has", host);
}

static void on_answer(void *arg, const struct call_result *result) {
  struct tag_query *query = arg;
  struct oci_digest digest = {0};
  struct err err;
  int rc = read_digest(result, query->spec.ref, &digest, &err);
  query->spec.done(query->spec.arg, &digest, rc < 0 ? &err : NULL);
  free(query);
}

struct tag_query *tag_query_start(const struct tag_query_spec *spec) {
  struct tag_query *query = mem_zalloc(sizeof *query);
  const struct oci_repo *repo = &spec->ref->repo;
  char *path = oci_path_manifest(repo, spec->ref->tag);
  char *accept = mem_printf("Accept: %s", oci_accept_manifest);
  char *scopes = oci_scope(repo, spec->push);
  query->spec = *spec;
  query->call = call_start(&(struct call_spec){.endpoint = transfer_endpoint(spec->transfer, repo),
                                               .method = "HEAD",
                                               .url = path,
                                               .headers = (const char *[]){accept, NULL},
                                               .path = repo->path,
                                               .scopes = scopes,
                                               .done = on_answer,
                                               .arg = query});
  free(scopes);
  free(accept);
  free(path);
  return query;
}

void tag_query_cancel(struct tag_query *query) { call_cancel(query->call); }
