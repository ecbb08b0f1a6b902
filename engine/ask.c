/* dray_manifest(), dray_digest(), dray_tags(): one question to one registry. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "dray.h"
#include "engine.h"
#include "net/call.h"
#include "net/url.h"
#include "oci/answer.h"
#include "oci/manifest.h"
#include "oci/ref.h"
#include "oci/registry.h"
#include "sync/selection.h"

enum { TAGS_PAGE = 1000, TAGS_PAGES_MAX = 10000 };
#define TAGS_MAX ((size_t)64 * 1024 * 1024)      /* bytes of tags */
#define TAGS_REPLY_MAX ((size_t)4 * 1024 * 1024) /* bytes of one page */

struct question {
  struct dray *dray;
  struct oci_ref ref;
  struct call *call;
  const char *method;
  enum gate_kind kind;
  char *bytes;
  size_t len;
  struct oci_digest digest;
  struct buf tags; /* one behind the other, each ended by a NUL */
  size_t count;
  int pages;
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
                                     .kind = question->kind,
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
  *question = (struct question){.dray = dray, .method = method, .kind = GATE_MANIFEST_READ};
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

static void on_tags(void *arg, const struct call_result *result) {
  struct question *question = arg;
  struct err *err = &question->dray->err;
  const char *host = question->ref.repo.host;
  const struct buf *body = &result->reply->body;
  size_t count = 0;
  question->call = NULL;
  if (oci_answer(result, host, "the list of tags", err) < 0) {
    finish(question);
    return;
  }
  if (oci_tags_parse(buf_str(body), body->len, &question->tags, &count, err) < 0) {
    err_prefix(err, "%s", host);
    finish(question);
    return;
  }
  question->count += count;
  const char *link = http_header(result->reply, "Link");
  char *target = link ? oci_link_next(link) : NULL;
  char *next = target ? url_join(result->url, target) : NULL;
  if (next && ++question->pages == TAGS_PAGES_MAX)
    err_set(err, ERR_TOO_LARGE, "%s: the list of tags does not end", host);
  if (next && question->pages < TAGS_PAGES_MAX)
    ask(question, next, NULL, TAGS_REPLY_MAX, on_tags);
  else
    finish(question);
  free(next);
  free(target);
}

/* NULL: err says which pattern is none. */
static struct selection *selection_of(const struct dray_selection *wanted, struct err *err) {
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

static char **selected(const struct question *question, const struct selection *selection) {
  size_t table = (question->count + 1) * sizeof(char *);
  const char **tags = mem_zalloc(table + question->tags.len);
  const char *gave_up = NULL;
  char *at = (char *)tags + table;
  if (question->tags.len)
    memcpy(at, question->tags.data, question->tags.len);
  for (size_t i = 0; i < question->count; i++, at += strlen(at) + 1)
    tags[i] = at;
  tags[selection_apply(selection, tags, question->count, &gave_up)] = NULL;
  if (gave_up)
    log_at(&question->dray->log, LOG_WARN, "%s: too hard for some tags, which it does not fit then",
           gave_up);
  return (char **)tags;
}

enum dray_status dray_tags(struct dray *dray, const char *repo, const struct dray_selection *wanted,
                           char ***tags) {
  struct question question = {.dray = dray, .method = "GET", .kind = GATE_LIST};
  enum dray_status status = DRAY_USAGE;
  engine_begin(dray);
  buf_init(&question.tags, TAGS_MAX);
  *tags = NULL;
  struct selection *selection = selection_of(wanted, &dray->err);
  if (selection && oci_ref_parse_repo(repo, &question.ref, &dray->err) == 0) {
    char *path = oci_path_tags(&question.ref.repo, TAGS_PAGE);
    ask(&question, path, NULL, TAGS_REPLY_MAX, on_tags);
    free(path);
    engine_run(dray, cancel, &question);
    status = dray->err.code == ERR_NONE ? DRAY_OK : DRAY_FAILED;
    if (status == DRAY_OK)
      *tags = selected(&question, selection);
    else
      err_prefix(&dray->err, "%s/%s", question.ref.repo.host, question.ref.repo.path);
  }
  selection_free(selection);
  buf_free(&question.tags);
  oci_ref_free(&question.ref);
  return engine_end(dray, status);
}
