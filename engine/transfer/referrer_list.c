#include "transfer/referrer_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "net/call.h"
#include "net/url.h"
#include "oci/answer.h"
#include "oci/manifest.h"
#include "oci/registry.h"

enum { PAGES_MAX = 100 };

enum list_state {
  LIST_API,
  LIST_TAG, /* the API is missing */
  LIST_END
};

struct referrer_list {
  struct referrer_list_spec spec;
  struct ready ready;
  enum list_state state;
  struct call *call;
  char *key;  /* of the repository in transfer->no_referrers */
  char *next; /* URL of a page; NULL: the first */
  int pages;
  bool api;
  bool canceled;
  struct oci_referrers found;
  char *index;
  size_t len;
  struct err err;
};

static void become(struct referrer_list *list, enum list_state state) {
  list->state = state;
  loop_ready(list->spec.transfer->loop, &list->ready);
}

static void fail(struct referrer_list *list, struct err *err) {
  list->err = *err;
  become(list, LIST_END);
}

static char *name_of(const struct referrer_list *list) {
  return mem_printf("what refers to %s", list->spec.digest->text);
}

static void request(struct referrer_list *list, const char *url, enum gate_kind kind,
                    void (*done)(void *arg, const struct call_result *result)) {
  const struct oci_repo *repo = list->spec.repo;
  char *scopes = oci_scope(repo, list->spec.push);
  char *accept = mem_printf("Accept: %s", oci_accept_manifest);
  list->call =
      call_start(&(struct call_spec){.endpoint = transfer_endpoint(list->spec.transfer, repo),
                                     .method = "GET",
                                     .kind = kind,
                                     .url = url,
                                     .headers = (const char *[]){accept, NULL},
                                     .path = repo->path,
                                     .scopes = scopes,
                                     .body_max = OCI_MANIFEST_MAX,
                                     .done = done,
                                     .arg = list});
  free(accept);
  free(scopes);
}

/* What came is taken in. False: it has failed. */
static bool take(struct referrer_list *list, const struct call_result *result) {
  const char *host = list->spec.repo->host;
  const struct buf *body = &result->reply->body;
  char *name = name_of(list);
  struct err err;
  int rc = oci_answer(result, host, name, &err);
  if (rc == 0 && (rc = oci_referrers_parse(buf_str(body), body->len, &list->found, &err)) < 0)
    err_prefix(&err, "%s: %s", host, name);
  free(name);
  if (rc < 0)
    fail(list, &err);
  return rc == 0;
}

/* Some answer whatever they do not know by a page for people. */
static bool lacks_api(const struct http_reply *reply) {
  const char *type = http_header(reply, "Content-Type");
  if (reply->err.code != ERR_NONE)
    return false;
  switch (reply->status) {
  case 400:
  case 404:
  case 405:
  case 501:
    return true;
  case 200:
    return type && text_starts(type, "text/html");
  default:
    return false;
  }
}

static bool stopped(struct referrer_list *list) {
  struct err err;
  list->call = NULL;
  if (list->canceled) {
    err_set(&err, ERR_CANCELED, "%s: canceled", list->spec.repo->host);
    fail(list, &err);
  }
  return list->canceled;
}

static void on_page(void *arg, const struct call_result *result) {
  struct referrer_list *list = arg;
  struct transfer *transfer = list->spec.transfer;
  struct err err;
  if (stopped(list))
    return;
  if (!list->pages && lacks_api(result->reply)) {
    if (!transfer->dry_run) /* then it may only be that the repository is not there yet */
      map_put(transfer->no_referrers, list->key, transfer);
    become(list, LIST_TAG);
    return;
  }
  if (!take(list, result))
    return;
  list->api = true;
  const char *link = http_header(result->reply, "Link");
  char *target = link ? oci_link_next(link) : NULL;
  free(list->next);
  list->next = target ? url_join(result->url, target) : NULL;
  free(target);
  if (list->next && ++list->pages == PAGES_MAX) {
    err_set(&err, ERR_TOO_LARGE, "%s: the list of what refers to %s does not end",
            list->spec.repo->host, list->spec.digest->text);
    fail(list, &err);
  } else {
    become(list, list->next ? LIST_API : LIST_END);
  }
}

static void on_tag(void *arg, const struct call_result *result) {
  struct referrer_list *list = arg;
  const struct http_reply *reply = result->reply;
  if (stopped(list))
    return;
  if (reply->err.code == ERR_NONE && reply->status == 404) {
    become(list, LIST_END);
  } else if (take(list, result)) {
    list->len = reply->body.len;
    list->index = mem_strndup(buf_str(&reply->body), list->len);
    become(list, LIST_END);
  }
}

static void end(struct referrer_list *list) {
  list->spec.done(list->spec.arg, &(struct referrer_list_result){
                                      .api = list->api,
                                      .found = &list->found,
                                      .index = list->index,
                                      .len = list->len,
                                      .err = list->err.code == ERR_NONE ? NULL : &list->err});
  oci_referrers_free(&list->found);
  free(list->index);
  free(list->next);
  free(list->key);
  free(list);
}

static void step(struct ready *ready) {
  struct referrer_list *list = list_entry(ready, struct referrer_list, ready);
  const struct referrer_list_spec *spec = &list->spec;
  char *url;
  if (list->state != LIST_END && stopped(list))
    return;
  switch (list->state) {
  case LIST_API:
    url = list->next ? mem_strdup(list->next) : oci_path_referrers(spec->repo, spec->digest);
    request(list, url, GATE_LIST, on_page);
    free(url);
    return;
  case LIST_TAG:
    if (spec->no_tag) {
      become(list, LIST_END);
      return;
    }
    url = oci_referrers_tag(spec->digest, "");
    char *path = oci_path_manifest(spec->repo, url);
    request(list, path, GATE_MANIFEST_READ, on_tag);
    free(path);
    free(url);
    return;
  case LIST_END:
    end(list);
    return;
  }
}

struct referrer_list *referrer_list_start(const struct referrer_list_spec *spec) {
  struct referrer_list *list = mem_zalloc(sizeof *list);
  list->spec = *spec;
  list->key = mem_printf("%s/%s", spec->repo->host, spec->repo->path);
  ready_init(&list->ready, step);
  become(list, map_get(spec->transfer->no_referrers, list->key) ? LIST_TAG : LIST_API);
  return list;
}

void referrer_list_cancel(struct referrer_list *list) {
  list->canceled = true;
  if (list->call)
    call_cancel(list->call);
}
