#include "transfer/tag_query.h"

#include <stdlib.h>

#include "base/mem.h"
#include "oci/answer.h"
#include "transfer/tag_look.h"

struct tag_query {
  struct tag_query_spec spec;
  struct call *call;
};

static int read_digest(const struct call_result *result, const struct oci_ref *ref,
                       struct oci_digest *digest, struct err *err) {
  const char *host = ref->repo.host;
  if (oci_answer(result, host, "looking at the tag", err) < 0)
    return -1;
  if (tag_announced(result, digest))
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
  query->spec = *spec;
  query->call = tag_ask(spec->transfer, &spec->ref->repo, spec->ref->tag, "HEAD", spec->push,
                        on_answer, query);
  return query;
}

void tag_query_cancel(struct tag_query *query) { call_cancel(query->call); }
