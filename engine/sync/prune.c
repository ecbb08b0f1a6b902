#include "sync/prune.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "net/call.h"
#include "oci/answer.h"
#include "oci/manifest.h"
#include "oci/referrers.h"
#include "oci/registry.h"
#include "transfer/tag_look.h"

enum { FEW_TAGS = 10, LOOKS_MAX = 16, DEPTH_MAX = 8 };

enum prune_state {
  PRUNE_REPO, /* the next one */
  PRUNE_LOOK, /* at the manifests of all tags that stay: which digests are in use? */
  PRUNE_TAG,  /* the next one: by its name */
  PRUNE_HEAD, /* by its digest, then: which? */
  PRUNE_DIGEST,
  PRUNE_END
};

/* One manifest that is being looked at. */
struct look {
  struct list node; /* prune->looks */
  struct prune *prune;
  struct call *call;
  int depth;
  char reference[]; /* a tag or a digest */
};

struct prune {
  struct prune_spec spec;
  struct ready ready;
  enum prune_state state;
  size_t cursor; /* of the repositories */
  struct target_repo *repo;
  const char **tags; /* that go, by name */
  size_t count, at;
  struct call *call;
  bool by_digest;   /* the registry deletes no tags */
  bool looked;      /* used is known */
  struct map *used; /* digests that tags which stay have, or reach */
  struct list looks, waiting;
  unsigned looking;
  struct oci_digest digest; /* of the tag in hand */
  bool canceled;
  struct err err; /* of the looks */
};

static void become(struct prune *prune, enum prune_state state) {
  prune->state = state;
  loop_ready(prune->spec.transfer->loop, &prune->ready);
}

/* -- which tags -- */

static int by_name(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Returns whether signatures are among them. */
static bool collect(struct prune *prune) {
  const char *tag;
  bool signatures = false;
  prune->tags = mem_zalloc((map_count(prune->repo->tags) + 1) * sizeof *prune->tags);
  prune->count = prune->at = 0;
  for (size_t i = 0; map_next(prune->repo->tags, &i, &tag, NULL);) {
    if (target_repo_keeps(prune->repo, tag))
      continue;
    signatures |= oci_referrers_suffix(tag) != NULL;
    prune->tags[prune->count++] = tag;
  }
  qsort(prune->tags, prune->count, sizeof *prune->tags, by_name);
  return signatures;
}

static void leave_repo(struct prune *prune) {
  free(prune->tags);
  prune->tags = NULL;
  map_free(prune->used, NULL);
  prune->used = NULL;
  become(prune, PRUNE_REPO);
}

static void fail(struct prune *prune, const char *tag, const struct err *err) {
  prune->spec.failed(prune->spec.arg, prune->repo, tag, err);
}

static void fail_repo(struct prune *prune, const struct err *err) {
  fail(prune, NULL, err);
  leave_repo(prune);
}

/* The signatures of what stays are no business of a rule; those of what goes, go. */
static void drop_signatures(struct prune *prune) {
  size_t kept = 0;
  for (size_t i = 0; i < prune->count; i++) {
    const char *tag = prune->tags[i];
    char *digest = mem_printf("sha256:%.64s", strlen(tag) > 7 ? tag + 7 : "");
    if (!oci_referrers_suffix(tag) || !map_get(prune->used, digest))
      prune->tags[kept++] = tag;
    free(digest);
  }
  prune->count = kept;
}

static bool too_many(struct prune *prune) {
  if (prune->count <= FEW_TAGS ||
      prune->count * 100 <= prune->repo->had * (size_t)prune->spec.percent_max)
    return false;
  struct err err;
  err_set(&err, ERR_REFUSED,
          "%zu of its %zu tags would be deleted, more than %d %%: nothing was; if that is meant, "
          "allow it with --delete-max",
          prune->count, prune->repo->had, prune->spec.percent_max);
  fail_repo(prune, &err);
  return true;
}

/* What goes is known. */
static void begin(struct prune *prune) {
  if (prune->spec.only_say) {
    if (prune->count)
      prune->spec.due(prune->spec.arg, prune->repo, prune->tags, prune->count);
    leave_repo(prune);
  } else if (!too_many(prune)) {
    become(prune, PRUNE_TAG);
  }
}

static void next_repo(struct prune *prune) {
  const struct log *log = prune->spec.transfer->log;
  do
    prune->repo = target_repos_next(prune->spec.targets, &prune->cursor);
  while (prune->repo && (!prune->repo->prune || prune->repo->listing == TARGET_UNASKED));
  if (!prune->repo || prune->canceled) {
    become(prune, PRUNE_END);
    return;
  }
  const struct oci_repo *repo = &prune->repo->repo;
  const char *why = prune->repo->spared;
  if (!why && prune->repo->listing != TARGET_LISTED)
    why = "it could not be listed";
  if (why) {
    log_at(log, LOG_WARN, "%s/%s: nothing is deleted there: %s", repo->host, repo->path, why);
    become(prune, PRUNE_REPO);
    return;
  }
  prune->by_digest = prune->looked = false;
  prune->used = map_new();
  if (collect(prune))
    become(prune, PRUNE_LOOK);
  else
    begin(prune);
}

/* -- requests -- */

static void delete (struct prune *prune, const char *reference,
                    void (*done)(void *arg, const struct call_result *result)) {
  const struct oci_repo *repo = &prune->repo->repo;
  char *path = oci_path_manifest(repo, reference);
  char *push = oci_scope(repo, true);
  char *scopes = mem_printf("%s,delete", push);
  prune->call =
      call_start(&(struct call_spec){.endpoint = transfer_endpoint(prune->spec.transfer, repo),
                                     .method = "DELETE",
                                     .kind = GATE_MANIFEST_WRITE,
                                     .url = path,
                                     .path = repo->path,
                                     .scopes = scopes,
                                     .done = done,
                                     .arg = prune});
  free(scopes);
  free(push);
  free(path);
}

static struct call *ask(struct prune *prune, const char *method, const char *reference,
                        void (*done)(void *arg, const struct call_result *result), void *arg) {
  return tag_ask(prune->spec.transfer, &prune->repo->repo, reference, method, true, done, arg);
}

/* -- what stays -- */

static void look_at(struct prune *prune, const char *reference, int depth) {
  size_t size = strlen(reference) + 1;
  struct look *look = mem_zalloc(sizeof *look + size);
  look->prune = prune;
  look->depth = depth;
  memcpy(look->reference, reference, size);
  list_push(&prune->waiting, &look->node);
}

static void note_used(struct prune *prune, const struct look *look,
                      const struct oci_manifest *manifest) {
  for (size_t i = 0; i < manifest->count; i++) {
    const struct oci_descriptor *item = &manifest->items[i];
    if (item->is_manifest && !map_put(prune->used, item->digest.text, prune) &&
        look->depth < DEPTH_MAX)
      look_at(prune, item->digest.text, look->depth + 1);
  }
}

static void read_look(struct prune *prune, const struct look *look,
                      const struct call_result *result) {
  const struct http_reply *reply = result->reply;
  const char *host = prune->repo->repo.host;
  struct oci_digest digest;
  struct oci_manifest *manifest;
  struct err err;
  if (reply->err.code == ERR_NONE && reply->status == 404)
    return; /* it is to stay, but was never there */
  if (oci_answer(result, host, "looking at what stays", &err) == 0) {
    oci_digest_of(OCI_SHA256, buf_str(&reply->body), reply->body.len, &digest);
    map_put(prune->used, digest.text, prune);
    if (oci_manifest_check(host, &digest, -1, http_header(reply, "Content-Type"),
                           buf_str(&reply->body), reply->body.len, &manifest, &err) == 0) {
      note_used(prune, look, manifest);
      oci_manifest_free(manifest);
      return;
    }
  }
  if (prune->err.code == ERR_NONE)
    prune->err = err;
}

static void on_look(void *arg, const struct call_result *result) {
  struct look *look = arg;
  struct prune *prune = look->prune;
  list_remove(&look->node);
  prune->looking--;
  read_look(prune, look, result);
  free(look);
  become(prune, PRUNE_LOOK);
}

static void begin_looks(struct prune *prune) {
  const char *tag;
  prune->looked = true;
  prune->err.code = ERR_NONE;
  for (size_t i = 0; map_next(prune->repo->tags, &i, &tag, NULL);)
    if (target_repo_keeps(prune->repo, tag))
      look_at(prune, tag, 1);
}

static void look(struct prune *prune) {
  struct list *node;
  if (!prune->looked)
    begin_looks(prune);
  while (prune->looking < LOOKS_MAX && !prune->canceled && prune->err.code == ERR_NONE &&
         (node = list_pop(&prune->waiting))) {
    struct look *look = list_entry(node, struct look, node);
    list_push(&prune->looks, &look->node);
    prune->looking++;
    look->call = ask(prune, "GET", look->reference, on_look, look);
  }
  if (prune->looking)
    return;
  while ((node = list_pop(&prune->waiting)))
    free(list_entry(node, struct look, node));
  if (prune->canceled)
    leave_repo(prune);
  else if (prune->err.code != ERR_NONE)
    fail_repo(prune, &prune->err);
  else if (prune->by_digest)
    become(prune, PRUNE_TAG);
  else {
    drop_signatures(prune);
    begin(prune);
  }
}

/* -- a tag -- */

static const char *tag_in_hand(const struct prune *prune) { return prune->tags[prune->at]; }

static void next_tag(struct prune *prune) {
  prune->at++;
  become(prune, PRUNE_TAG);
}

static void tag_gone(struct prune *prune) {
  prune->spec.deleted(prune->spec.arg, prune->repo, tag_in_hand(prune), &prune->digest);
  next_tag(prune);
}

static void tag_failed(struct prune *prune, const struct err *err) {
  fail(prune, tag_in_hand(prune), err);
  next_tag(prune);
}

/* Registries that know only digests say so in these ways. */
static bool knows_no_tags(const struct http_reply *reply) {
  return reply->err.code == ERR_NONE &&
         (reply->status == 400 || reply->status == 405 || reply->status == 501);
}

static void on_deleted(void *arg, const struct call_result *result) {
  struct prune *prune = arg;
  struct err err;
  prune->call = NULL;
  if (prune->state == PRUNE_TAG && knows_no_tags(result->reply)) {
    prune->by_digest = true;
    become(prune, prune->looked ? PRUNE_HEAD : PRUNE_LOOK);
  } else if (oci_answer(result, prune->repo->repo.host, "deleting the tag", &err) == 0 ||
             err.code == ERR_NOT_FOUND) {
    tag_gone(prune);
  } else {
    tag_failed(prune, &err);
  }
}

static void on_head(void *arg, const struct call_result *result) {
  struct prune *prune = arg;
  struct err err;
  prune->call = NULL;
  if (oci_answer(result, prune->repo->repo.host, "looking at the tag", &err) < 0) {
    if (err.code == ERR_NOT_FOUND) /* it had the digest of another that has just gone */
      tag_gone(prune);
    else
      tag_failed(prune, &err);
  } else if (!tag_announced(result, &prune->digest)) {
    err_set(&err, ERR_PROTOCOL, "%s: it does not say which digest the tag has",
            prune->repo->repo.host);
    tag_failed(prune, &err);
  } else if (map_get(prune->used, prune->digest.text)) {
    log_at(prune->spec.transfer->log, LOG_WARN,
           "%s/%s:%s stays: this registry deletes digests only, and a tag that stays uses %s",
           prune->repo->repo.host, prune->repo->repo.path, tag_in_hand(prune), prune->digest.text);
    next_tag(prune);
  } else {
    become(prune, PRUNE_DIGEST);
  }
}

static void step(struct ready *ready) {
  struct prune *prune = list_entry(ready, struct prune, ready);
  switch (prune->state) {
  case PRUNE_REPO:
    next_repo(prune);
    return;
  case PRUNE_LOOK:
    look(prune);
    return;
  case PRUNE_TAG:
    prune->digest = (struct oci_digest){0};
    if (prune->at == prune->count || prune->canceled)
      leave_repo(prune);
    else if (prune->by_digest)
      become(prune, PRUNE_HEAD);
    else
      delete (prune, tag_in_hand(prune), on_deleted);
    return;
  case PRUNE_HEAD:
    prune->call = ask(prune, "HEAD", tag_in_hand(prune), on_head, prune);
    return;
  case PRUNE_DIGEST:
    delete (prune, prune->digest.text, on_deleted);
    return;
  case PRUNE_END:
    prune->spec.done(prune->spec.arg);
    return;
  }
}

struct prune *prune_start(const struct prune_spec *spec) {
  struct prune *prune = mem_zalloc(sizeof *prune);
  prune->spec = *spec;
  list_init(&prune->looks);
  list_init(&prune->waiting);
  ready_init(&prune->ready, step);
  become(prune, PRUNE_REPO);
  return prune;
}

/* A request under way is let go to its end: whether a tag is gone should be told. */
void prune_cancel(struct prune *prune) {
  prune->canceled = true;
  if (prune->spec.transfer->stopping && prune->call)
    call_cancel(prune->call);
  list_each_safe(node, &prune->looks) call_cancel(list_entry(node, struct look, node)->call);
}

void prune_free(struct prune *prune) {
  if (!prune)
    return;
  assert(prune->state == PRUNE_END);
  ready_cancel(&prune->ready);
  free(prune);
}
