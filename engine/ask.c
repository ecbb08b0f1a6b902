/* dray_manifest(), dray_digest(), dray_tags(): one question to one registry. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "dray.h"
#include "engine.h"
#include "net/call.h"
#include "oci/answer.h"
#include "oci/manifest.h"
#include "oci/ref.h"
#include "oci/registry.h"
#include "sync/selection.h"
#include "transfer/tag_list.h"

struct question {
  struct dray *dray;
  struct oci_ref ref;
  struct call *call;
  const char *method;
  char *bytes;
  size_t len;
  struct oci_digest digest;
};

static void finish(struct question *question) { loop_stop(question->dray->loop); }

static void cancel(void *arg) {
  struct question *question = arg;
  if (question->call)
    call_cancel(question->call);
}

static void ask(struct question *question, const char *url, const char *accept, size_t body_max,
                void (*done)(void *arg, const struct call_result *result)) {
  const struct oci_repo *repo = &question->ref.repo;
  char *scopes = oci_scope(repo, false);
  char *header = accept ? mem_printf("Accept: %s", accept) : NULL;
  const char *headers[] = {header, NULL};
  question->call =
      call_start(&(struct call_spec){.endpoint = transfer_endpoint(&question->dray->transfer, repo),
                                     .method = question->method,
                                     .kind = GATE_MANIFEST_READ,
                                     .url = url,
                                     .headers = headers,
                                     .path = repo->path,
                                     .scopes = scopes,
                                     .body_max = body_max,
                                     .done = done,
                                     .arg = question});
  free(header);
  free(scopes);
}

/* -- manifest, digest -- */

static void ask_manifest(struct question *question);

/* What came must be what was asked for, or what its header says it is. */
static void check_digest(struct question *question, const struct http_reply *reply) {
  const struct oci_digest *asked = &question->ref.digest;
  const char *header = http_header(reply, "Docker-Content-Digest");
  struct oci_digest said = *asked, *digest = &question->digest;
  if (!oci_digest_is_set(asked) && header)
    oci_digest_parse(header, strlen(header), &said, NULL);
  if (strcmp(question->method, "HEAD") == 0) {
    *digest = said;
    return;
  }
  oci_digest_of(oci_digest_is_set(&said) ? said.algorithm : OCI_SHA256, buf_str(&reply->body),
                reply->body.len, digest);
  if (oci_digest_is_set(&said) && !oci_digest_equal(&said, digest))
    err_set(&question->dray->err, ERR_DIGEST,
            "%s: the manifest is corrupt: it should be %s, its bytes have the digest %s",
            question->ref.repo.host, said.text, digest->text);
}

static void on_manifest(void *arg, const struct call_result *result) {
  struct question *question = arg;
  const struct http_reply *reply = result->reply;
  bool head = strcmp(question->method, "HEAD") == 0;
  question->call = NULL;
  if (head && reply->err.code == ERR_NONE && (reply->status == 405 || reply->status == 501)) {
    question->method = "GET";
    ask_manifest(question);
    return;
  }
  if (reply->err.code == ERR_TOO_LARGE) {
    err_set(&question->dray->err, ERR_TOO_LARGE,
            "%s: the manifest is larger than the 4 MiB that a manifest may have",
            question->ref.repo.host);
  } else if (oci_answer(result, question->ref.repo.host, "the image", &question->dray->err) == 0) {
    check_digest(question, reply);
    if (head && !oci_digest_is_set(&question->digest)) {
      question->method = "GET";
      ask_manifest(question);
      return;
    }
    question->len = reply->body.len;
    question->bytes = mem_strndup(buf_str(&reply->body), reply->body.len);
  }
  finish(question);
}

static void ask_manifest(struct question *question) {
  char *path = oci_path_manifest(&question->ref.repo, oci_ref_reference(&question->ref));
  ask(question, path, oci_accept_manifest, OCI_MANIFEST_MAX, on_manifest);
  free(path);
}

static enum dray_status manifest(struct dray *dray, const char *text, const char *method,
                                 struct question *question) {
  *question = (struct question){.dray = dray, .method = method};
  engine_begin(dray);
  if (oci_ref_parse(text, &question->ref, &dray->err) < 0)
    return DRAY_USAGE;
  if (question->ref.transport != OCI_REGISTRY) {
    err_set(&dray->err, ERR_USAGE, "%s: only images in registries can be read so far", text);
    return DRAY_USAGE;
  }
  ask_manifest(question);
  engine_run(dray, cancel, question);
  if (dray->err.code == ERR_NONE)
    return DRAY_OK;
  char *name = oci_ref_format(&question->ref);
  err_prefix(&dray->err, "%s", name);
  free(name);
  return DRAY_FAILED;
}

enum dray_status dray_manifest(struct dray *dray, const char *ref, char **data, size_t *len) {
  struct question question;
  enum dray_status status = manifest(dray, ref, "GET", &question);
  *data = NULL;
  if (status == DRAY_OK) {
    *data = question.bytes;
    *len = question.len;
  } else {
    free(question.bytes);
  }
  oci_ref_free(&question.ref);
  return engine_end(dray, status);
}

enum dray_status dray_digest(struct dray *dray, const char *ref, char **digest) {
  struct question question;
  enum dray_status status = manifest(dray, ref, "HEAD", &question);
  *digest = status == DRAY_OK ? mem_strdup(question.digest.text) : NULL;
  free(question.bytes);
  oci_ref_free(&question.ref);
  return engine_end(dray, status);
}

/* -- tags -- */

struct listing {
  struct dray *dray;
  struct tag_list *list;
  struct buf tags; /* one behind the other, each ended by a NUL */
  size_t count;
};

static void on_page(void *arg, const char *tags, size_t count) {
  struct listing *listing = arg;
  size_t len = 0;
  for (size_t i = 0; i < count; i++)
    len += strlen(tags + len) + 1;
  buf_add(&listing->tags, tags, len);
  listing->count += count;
}

static void on_listed(void *arg, const struct err *err) {
  struct listing *listing = arg;
  listing->list = NULL;
  if (err)
    listing->dray->err = *err;
  loop_stop(listing->dray->loop);
}

static void cancel_listing(void *arg) {
  struct listing *listing = arg;
  if (listing->list)
    tag_list_cancel(listing->list);
}

struct selection *engine_selection(const struct dray_selection *wanted, struct err *err) {
  struct selection *selection = selection_new();
  int rc = 0;
  for (size_t i = 0; rc == 0 && wanted && wanted->include && wanted->include[i]; i++)
    rc = selection_include(selection, wanted->include[i], err);
  for (size_t i = 0; rc == 0 && wanted && wanted->exclude && wanted->exclude[i]; i++)
    rc = selection_exclude(selection, wanted->exclude[i], err);
  if (rc < 0) {
    selection_free(selection);
    return NULL;
  }
  selection_set_newest(selection, wanted ? (size_t)wanted->newest : 0);
  return selection;
}

static char **selected(const struct listing *listing, const struct selection *selection) {
  size_t table = (listing->count + 1) * sizeof(char *);
  const char **tags = mem_zalloc(table + listing->tags.len);
  const char *gave_up = NULL;
  char *at = (char *)tags + table;
  if (listing->tags.len)
    memcpy(at, listing->tags.data, listing->tags.len);
  for (size_t i = 0; i < listing->count; i++, at += strlen(at) + 1)
    tags[i] = at;
  tags[selection_apply(selection, tags, listing->count, &gave_up)] = NULL;
  if (gave_up)
    log_at(&listing->dray->log, LOG_WARN, "%s: too hard for some tags, which it does not fit then",
           gave_up);
  return (char **)tags;
}

enum dray_status dray_tags(struct dray *dray, const char *repo, const struct dray_selection *wanted,
                           char ***tags) {
  struct listing listing = {.dray = dray};
  struct oci_ref ref = {0};
  enum dray_status status = DRAY_USAGE;
  engine_begin(dray);
  buf_init(&listing.tags, SIZE_MAX);
  *tags = NULL;
  struct selection *selection = engine_selection(wanted, &dray->err);
  if (selection && oci_ref_parse_repo(repo, &ref, &dray->err) == 0) {
    listing.list = tag_list_start(&(struct tag_list_spec){.transfer = &dray->transfer,
                                                          .repo = &ref.repo,
                                                          .page = on_page,
                                                          .done = on_listed,
                                                          .arg = &listing});
    engine_run(dray, cancel_listing, &listing);
    status = dray->err.code == ERR_NONE ? DRAY_OK : DRAY_FAILED;
    if (status == DRAY_OK)
      *tags = selected(&listing, selection);
    else
      err_prefix(&dray->err, "%s/%s", ref.repo.host, ref.repo.path);
  }
  selection_free(selection);
  buf_free(&listing.tags);
  oci_ref_free(&ref);
  return engine_end(dray, status);
}
