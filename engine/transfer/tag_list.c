#include "transfer/tag_list.h"

#include <stdlib.h>

#include "base/mem.h"
#include "net/call.h"
#include "net/url.h"
#include "oci/answer.h"
#include "oci/registry.h"

enum { PAGE = 1000, PAGES_MAX = 10000 };
#define TAGS_MAX ((size_t)64 * 1024 * 1024) /* bytes of all */
#define REPLY_MAX ((size_t)4 * 1024 * 1024) /* bytes of one page's answer */

struct tag_list {
  struct tag_list_spec spec;
  struct call *call;
  int pages;
  size_t size; /* bytes of tags so far */
};

static void ask(struct tag_list *list, const char *url);

static void finish(struct tag_list *list, const struct err *err) {
  list->spec.done(list->spec.arg, err);
  free(list);
}

/* The next page's URL, or NULL; the caller's. */
static char *next_page(const struct call_result *result) {
  const char *link = http_header(result->reply, "Link");
  char *target = link ? oci_link_next(link) : NULL;
  char *next = target ? url_join(result->url, target) : NULL;
  free(target);
  return next;
}

static int take(struct tag_list *list, const struct call_result *result, struct err *err) {
  const char *host = list->spec.repo->host;
  const struct buf *body = &result->reply->body;
  struct buf tags;
  size_t count;
  if (oci_answer(result, host, "the list of tags", err) < 0)
    return -1;
  buf_init(&tags, REPLY_MAX);
  int rc = oci_tags_parse(buf_str(body), body->len, &tags, &count, err);
  list->size += tags.len;
  if (rc < 0)
    err_prefix(err, "%s", host);
  else if (++list->pages > PAGES_MAX || list->size > TAGS_MAX)
    rc = err_set(err, ERR_TOO_LARGE, "%s: the list of tags does not end", host);
  else
    list->spec.page(list->spec.arg, buf_str(&tags), count);
  buf_free(&tags);
  return rc;
}

static void on_page(void *arg, const struct call_result *result) {
  struct tag_list *list = arg;
  struct err err;
  list->call = NULL;
  if (take(list, result, &err) < 0) {
    finish(list, &err);
    return;
  }
  char *next = next_page(result);
  if (next)
    ask(list, next);
  else
    finish(list, NULL);
  free(next);
}

static void ask(struct tag_list *list, const char *url) {
  const struct oci_repo *repo = list->spec.repo;
  char *scopes = oci_scope(repo, list->spec.push);
  list->call =
      call_start(&(struct call_spec){.endpoint = transfer_endpoint(list->spec.transfer, repo),
                                     .method = "GET",
                                     .kind = GATE_LIST,
                                     .url = url,
                                     .path = repo->path,
                                     .scopes = scopes,
                                     .body_max = REPLY_MAX,
                                     .done = on_page,
                                     .arg = list});
  free(scopes);
}

struct tag_list *tag_list_start(const struct tag_list_spec *spec) {
  struct tag_list *list = mem_zalloc(sizeof *list);
  list->spec = *spec;
  char *path = oci_path_tags(spec->repo, PAGE);
  ask(list, path);
  free(path);
  return list;
}

void tag_list_cancel(struct tag_list *list) { call_cancel(list->call); }
