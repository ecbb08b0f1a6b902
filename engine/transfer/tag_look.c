#include "transfer/tag_look.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "oci/answer.h"
#include "oci/manifest.h"
#include "oci/profile.h"
#include "oci/registry.h"

#define LIST_MAX ((size_t)1024 * 1024) /* bytes of an answer to a list of one tag */

struct call *tag_ask(struct transfer *transfer, const struct oci_repo *repo, const char *reference,
                     const char *method, bool push,
                     void (*done)(void *arg, const struct call_result *result), void *arg) {
  char *path = oci_path_manifest(repo, reference);
  char *accept = mem_printf("Accept: %s", oci_accept_manifest);
  char *scopes = oci_scope(repo, push);
  struct call *call = call_start(&(struct call_spec){.endpoint = transfer_endpoint(transfer, repo),
                                                     .method = method,
                                                     .kind = GATE_MANIFEST_READ,
                                                     .url = path,
                                                     .headers = (const char *[]){accept, NULL},
                                                     .path = repo->path,
                                                     .scopes = scopes,
                                                     .body_max = OCI_MANIFEST_MAX,
                                                     .done = done,
                                                     .arg = arg});
  free(scopes);
  free(accept);
  free(path);
  return call;
}

bool tag_announced(const struct call_result *result, struct oci_digest *digest) {
  const char *value = http_header(result->reply, "Docker-Content-Digest");
  return value && oci_digest_parse(value, strlen(value), digest, NULL) == 0;
}

static void become(struct tag_look *look, enum look_state state) {
  look->state = state;
  look->changed(look, NULL);
}

static void fail(struct tag_look *look, const struct err *err) {
  look->state = LOOK_DONE;
  look->changed(look, err);
}

/* The tag is not there. Is anything? Then its blobs are worth a look before they are sent. */
static void on_listed(void *arg, const struct call_result *result) {
  struct tag_look *look = arg;
  const struct http_reply *reply = result->reply;
  look->call = NULL;
  if (reply->err.code == ERR_NONE && reply->status == 200) {
    struct buf names;
    size_t count = 0;
    buf_init(&names, LIST_MAX);
    look->may_have_blobs =
        oci_tags_parse(buf_str(&reply->body), reply->body.len, &names, &count, NULL) < 0 || count;
    buf_free(&names);
  } else if (!(reply->err.code == ERR_NONE && reply->status == 404)) {
    look->may_have_blobs = true; /* no list to be had */
  }
  become(look, LOOK_DONE);
}

static void list(struct tag_look *look) {
  const struct oci_repo *repo = &look->ref->repo;
  if (!oci_profile(repo->host)->tags_cheap) {
    look->may_have_blobs = true;
    become(look, LOOK_DONE);
    return;
  }
  char *path = oci_path_tags(repo, 1), *scopes = oci_scope(repo, true);
  look->call = call_start(&(struct call_spec){.endpoint = transfer_endpoint(look->transfer, repo),
                                              .method = "GET",
                                              .kind = GATE_LIST,
                                              .url = path,
                                              .path = repo->path,
                                              .scopes = scopes,
                                              .body_max = LIST_MAX,
                                              .done = on_listed,
                                              .arg = look});
  free(scopes);
  free(path);
  become(look, LOOK_LIST);
}

static void note_image(struct tag_look *look, const struct call_result *result) {
  const char *type = http_header(result->reply, "Content-Type");
  look->exists = look->may_have_blobs = true;
  look->media_type = mem_strndup(type ? type : "", type ? strcspn(type, "; ") : 0);
}

static void on_tag(void *arg, const struct call_result *result) {
  struct tag_look *look = arg;
  const struct http_reply *reply = result->reply;
  const char *host = look->ref->repo.host;
  int status = reply->err.code == ERR_NONE ? reply->status : 0;
  struct err err;
  look->call = NULL;
  if (look->canceled) {
    err_set(&err, ERR_CANCELED, "%s: canceled", host);
    fail(look, &err);
  } else if (status == 404) {
    list(look);
  } else if (status == 200 && (look->whole || tag_announced(result, &look->digest))) {
    if (look->whole)
      oci_digest_of(OCI_SHA256, buf_str(&reply->body), reply->body.len, &look->digest);
    note_image(look, result);
    become(look, LOOK_DONE);
  } else if (!look->whole && (status == 200 || status == 405 || status == 501)) {
    look->whole = true;
    tag_look_start(look);
  } else if ((status == 403 || status == 400) && result->identity) {
    /* Some registries answer so for what is merely absent: the push will tell. */
    look->may_have_blobs = true;
    become(look, LOOK_DONE);
  } else {
    if (oci_answer(result, host, "looking at the target", &err) == 0)
      err_set(&err, ERR_PROTOCOL,
              "%s: looking at the target: answered %d, which makes no sense here", host, status);
    fail(look, &err);
  }
}

void tag_look_init(struct tag_look *look, struct transfer *transfer, const struct oci_ref *ref,
                   void (*changed)(struct tag_look *look, const struct err *err)) {
  assert(ref->tag || oci_digest_is_set(&ref->digest));
  *look = (struct tag_look){.transfer = transfer, .ref = ref, .changed = changed};
}

void tag_look_start(struct tag_look *look) {
  /* A tag with the same name, or the very digest that is to be there. */
  const char *reference = look->ref->tag ? look->ref->tag : look->ref->digest.text;
  look->call = tag_ask(look->transfer, &look->ref->repo, reference, look->whole ? "GET" : "HEAD",
                       true, on_tag, look);
}

void tag_look_skip(struct tag_look *look, bool may_have_blobs) {
  look->may_have_blobs = may_have_blobs;
  look->state = LOOK_DONE;
}

void tag_look_cancel(struct tag_look *look) {
  look->canceled = true;
  if (look->call)
    call_cancel(look->call);
}

void tag_look_end(struct tag_look *look) {
  assert(!look->call);
  free(look->media_type);
}
