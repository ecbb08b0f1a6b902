#include "net/auth.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"
#include "net/challenge.h"
#include "net/retry.h"
#include "net/token.h"
#include "net/token_cache.h"
#include "net/url.h"

enum { TOKENS_MAX = 256, REDIRECTS_MAX = 3 };

enum knowledge { UNKNOWN, OPEN, CHALLENGED };

/* What is noted of a path whose credentials come from CI variables. */
static const char from_ci[] = "they are in use", given_up[] = "refused: anonymous for pulls";

struct auth {
  struct auth_spec spec;
  enum knowledge knowledge;
  bool must_probe;            /* challenged, but not by whom: /v2/ is to be asked */
  bool probed;                /* that has been done */
  struct challenge challenge; /* when CHALLENGED */
  char *realm;                /* the token server's URL, absolute; NULL for Basic */
  char *complaint;            /* why the challenge can't be met; NULL: it can */
  bool no_post;               /* the token server has no OAuth2 */
  bool server_answered;       /* the token server has */
  char *identity;             /* of the credentials last found; NULL: anonymous */
  bool warned;
  struct token_cache *tokens;
  struct map *ci; /* path → from_ci or given_up */
  struct list jobs;
};

enum job_state {
  JOB_LOOK,  /* at what is known and at hand */
  JOB_PROBE, /* asks /v2/ for the challenge */
  JOB_CREDS, /* finds credentials */
  JOB_ASK,   /* asks the token server */
  JOB_PAUSE, /* before asking again */
  JOB_END
};

/* One path and scopes, for all who want just that. */
struct job {
  struct list node; /* auth->jobs, until JOB_END */
  struct auth *auth;
  enum job_state state;
  char *path, *scopes;
  struct list wants;
  struct ready ready;
  struct timer pause;
  struct creds_find *find;
  struct http_request *request;
  struct creds creds;
  char *url;  /* of the token request; NULL: realm's */
  char *body; /* of a POST; NULL: it is a GET */
  int attempts, redirects;
  int64_t delay_ms;
  bool canceled, ended;
  char *header; /* the result, or NULL */
  struct err err;
};

struct auth_want {
  struct list node; /* job->wants */
  struct job *job;
  struct ready ready; /* of one that left its job */
  auth_done_fn *done;
  void *arg;
  bool canceled;
};

static void wipe(char **secret) {
  if (*secret)
    mem_wipe(*secret, strlen(*secret));
  free(*secret);
  *secret = NULL;
}

static void become(struct job *job, enum job_state state) {
  job->state = state;
  loop_ready(job->auth->spec.loop, &job->ready);
}

static void fail(struct job *job, const struct err *err) {
  job->err = *err;
  become(job, JOB_END);
}

/* -- what a registry asks for -- */

static void complain(struct auth *auth, const char *why) {
  free(auth->complaint);
  auth->complaint = mem_strdup(why);
}

static void resolve_realm(struct auth *auth) {
  const char *realm = auth->challenge.realm;
  free(auth->realm);
  auth->realm = realm && *realm ? url_join(auth->spec.base_url, realm) : NULL;
  if (!auth->realm)
    complain(auth, "it names no token server that is a URL");
  else if (url_is_https(auth->spec.base_url) && !url_is_https(auth->realm))
    complain(auth, "it names a token server on plain HTTP, which gets no credentials");
}

/* False: reply holds no challenge that we know. */
static bool learn(struct auth *auth, const struct http_reply *reply) {
  struct challenge challenge = {0};
  size_t cursor = 0;
  for (const char *value; (value = http_header_next(reply, "WWW-Authenticate", &cursor));)
    challenge_parse(&challenge, value);
  if (challenge.scheme == CHALLENGE_NONE)
    return false;
  challenge_free(&auth->challenge);
  auth->challenge = challenge;
  auth->knowledge = CHALLENGED;
  complain(auth, NULL);
  if (challenge.scheme == CHALLENGE_BEARER)
    resolve_realm(auth);
  return true;
}

/* Credentials from CI variables are a guess, and a public image needs none. */
static void give_up_ci(struct auth *auth, const char *path) {
  map_put(auth->ci, path, (void *)(uintptr_t)given_up);
  token_cache_drop(auth->tokens, path);
  log_at(auth->spec.log, auth->warned ? LOG_DEBUG : LOG_WARN,
         "%s: the credentials from CI variables are refused for %s; trying without",
         auth->spec.host, path);
  auth->warned = true;
}

bool auth_refused(struct auth *auth, const char *path, const char *scopes, const char *header,
                  const struct http_reply *reply) {
  bool told = learn(auth, reply);
  if (!told && auth->knowledge != CHALLENGED) {
    auth->must_probe = !auth->probed;
    return auth->must_probe;
  }
  if (!header || token_cache_refused(auth->tokens, path, header, loop_now(auth->spec.loop)))
    return true;
  if (map_get(auth->ci, path) != from_ci || !token_scopes_only_pull(scopes) ||
      auth->challenge.scheme != CHALLENGE_BEARER)
    return false;
  give_up_ci(auth, path);
  return true;
}

bool auth_is_unknown(const struct auth *auth) { return auth->knowledge == UNKNOWN; }

void auth_not_needed(struct auth *auth) {
  if (auth->knowledge == UNKNOWN)
    auth->knowledge = OPEN;
}

const char *auth_identity(const struct auth *auth) { return auth->identity; }

/* -- requests -- */

static struct http_request *request(struct job *job, const struct http_spec *spec) {
  const struct auth_spec *all = &job->auth->spec;
  struct http_spec whole = *spec;
  whole.lane = HTTP_REQUEST;
  whole.trust = url_is_https(spec->url) ? all->trust_for(all->trust_arg, spec->url) : NULL;
  whole.arg = job;
  return http_start(all->http, &whole);
}

static void on_probe(void *arg, const struct http_reply *reply) {
  struct job *job = arg;
  struct auth *auth = job->auth;
  job->request = NULL;
  auth->must_probe = false;
  auth->probed = auth->probed || reply->status;
  if (reply->err.code != ERR_NONE) {
    fail(job, &reply->err);
  } else if (learn(auth, reply)) {
    become(job, JOB_LOOK);
  } else {
    err_set(&job->err, ERR_UNAUTHORIZED,
            "%s wants authentication, but its /v2/ (HTTP status %d) names no way that dray knows",
            auth->spec.host, reply->status);
    become(job, JOB_END);
  }
}

static void probe(struct job *job) {
  char *url = mem_printf("%s/v2/", job->auth->spec.base_url);
  job->request = request(job, &(struct http_spec){.method = "GET", .url = url, .done = on_probe});
  free(url);
}

static void on_token_reply(void *arg, const struct http_reply *reply);

static void ask(struct job *job) {
  struct auth *auth = job->auth;
  const struct creds *creds = &job->creds;
  bool by_post = creds->identity_token && !auth->no_post;
  const char *headers[2] = {NULL};
  char *authorization = NULL;
  wipe(&job->body);
  if (by_post) {
    job->body = token_post_body(auth->challenge.service, job->scopes, creds->identity_token);
    headers[0] = "Content-Type: application/x-www-form-urlencoded";
  } else if (!creds_is_anonymous(creds)) {
    char *value = creds_basic(creds);
    headers[0] = authorization = mem_printf("Authorization: %s", value);
    wipe(&value);
  }
  if (!job->url)
    job->url = by_post ? mem_strdup(auth->realm)
                       : token_get_url(auth->realm, auth->challenge.service, job->scopes,
                                       authorization ? creds->user : NULL);
  job->request = request(job, &(struct http_spec){
                                  .method = by_post ? "POST" : "GET",
                                  .url = job->url,
                                  .headers = headers,
                                  .body = job->body,
                                  .body_size = by_post ? strlen(job->body) : 0,
                                  .has_body = by_post,
                                  .body_max = TOKEN_REPLY_MAX,
                                  .done = on_token_reply,
                              });
  wipe(&authorization);
}

/* -- the token server's answers -- */

/* " (DENIED: access forbidden)", or nothing; the caller's. */
static char *words_of(const struct job *job, const struct http_reply *reply) {
  char words[200];
  token_refusal(buf_str(&reply->body), reply->body.len, words, sizeof words);
  return *words && !creds_are_in(&job->creds, words) ? mem_printf(" (%s)", words) : mem_strdup("");
}

static void fail_with_status(struct job *job, enum err_code code, const struct http_reply *reply,
                             const char *why) {
  char *server = url_host(job->url), *words = words_of(job, reply);
  int status = reply->status;
  err_set(&job->err, code, "no token for %s/%s: %s answered with HTTP status %d%s%s",
          job->auth->spec.host, job->path, server ? server : "its token server", status, words,
          why);
  free(words);
  job->err.http_status = status;
  text_printable(job->err.host, sizeof job->err.host, server ? server : "",
                 server ? strlen(server) : 0);
  free(server);
  become(job, JOB_END);
}

static void fail_refused(struct job *job, const struct http_reply *reply) {
  const struct creds *creds = &job->creds;
  bool named = creds->user && *creds->user && strcmp(creds->user, "<token>") != 0;
  char *why =
      creds_is_anonymous(creds)
          ? mem_printf("; there are no credentials for %s: run dray login %s, or name a file that "
                       "has some with --authfile",
                       job->auth->spec.host, job->auth->spec.host)
          : mem_printf(" to the %s%s: check the credentials in %s",
                       named ? "user " : "identity token", named ? creds->user : "", creds->origin);
  fail_with_status(job, ERR_UNAUTHORIZED, reply, why);
  free(why);
}

static void take_token(struct job *job, const struct http_reply *reply) {
  struct auth *auth = job->auth;
  struct token token;
  if (token_parse(buf_str(&reply->body), reply->body.len, &token, &job->err) == 0) {
    job->header = mem_printf("Bearer %s", token.text);
    token_cache_put(auth->tokens, job->path, job->scopes, job->header, loop_now(auth->spec.loop),
                    token.expires_ms);
    token_free(&token);
  } else {
    err_prefix(&job->err, "no token for %s/%s", auth->spec.host, job->path);
  }
  become(job, JOB_END);
}

/* The body of a POST would be lost, or the credentials go elsewhere, with any other redirect. */
static void redirect(struct job *job, const struct http_reply *reply) {
  const char *location = http_header(reply, "Location");
  char *next = location ? url_join(job->url, location) : NULL;
  bool kept = !job->body || reply->status == 307 || reply->status == 308;
  if (next && kept && url_same_origin(job->url, next) && ++job->redirects <= REDIRECTS_MAX) {
    free(job->url);
    job->url = next;
    become(job, JOB_ASK);
    return;
  }
  free(next);
  fail_with_status(job, ERR_REFUSED, reply, ", a redirect that is not followed");
}

/* From the realm, not from where redirects led. */
static void start_over(struct job *job) {
  free(job->url);
  job->url = NULL;
  job->redirects = 0;
}

/* False: it is not worth it, or was tried often enough. */
static bool pause_before_again(struct job *job, const struct http_reply *reply, int64_t after_ms) {
  struct auth *auth = job->auth;
  if (!retry_reply(reply, auth->server_answered) || job->attempts++ >= auth->spec.retries ||
      after_ms > RETRY_AFTER_MAX_MS)
    return false;
  job->delay_ms = retry_delay(job->attempts, after_ms, loop_random(auth->spec.loop));
  char *why = reply->err.code == ERR_NONE ? mem_printf("HTTP status %d", reply->status)
                                          : mem_strdup(reply->err.message);
  if (auth->spec.on_retry)
    auth->spec.on_retry(auth->spec.on_retry_arg,
                        &(struct retry_note){.host = auth->spec.host,
                                             .what = "token request",
                                             .reason = why,
                                             .attempt = (unsigned)job->attempts,
                                             .wait_ms = job->delay_ms});
  free(why);
  start_over(job);
  become(job, JOB_PAUSE);
  return true;
}

static void on_token_reply(void *arg, const struct http_reply *reply) {
  struct job *job = arg;
  struct auth *auth = job->auth;
  int status = reply->status;
  const char *after = status ? http_header(reply, "Retry-After") : NULL;
  int64_t after_ms = after ? retry_after(after, loop_wall()) : -1;
  job->request = NULL;
  if (job->canceled) {
    become(job, JOB_END);
    return;
  }
  auth->server_answered = auth->server_answered || status;
  if (pause_before_again(job, reply, after_ms))
    return;
  if (reply->err.code != ERR_NONE) {
    fail(job, &reply->err);
    err_prefix(&job->err, "no token for %s/%s", auth->spec.host, job->path);
  } else if (status >= 200 && status <= 299) {
    take_token(job, reply);
  } else if (status >= 300 && status <= 399) {
    redirect(job, reply);
  } else if (job->body && (status == 404 || status == 405)) {
    auth->no_post = true;
    start_over(job);
    become(job, JOB_ASK);
  } else if (status == 401 || status == 403 || (job->body && status == 400)) {
    if (job->creds.from_ci && token_scopes_only_pull(job->scopes)) {
      give_up_ci(auth, job->path);
      start_over(job);
      become(job, JOB_CREDS);
    } else {
      fail_refused(job, reply);
    }
  } else {
    fail_with_status(job,
                     status == 429   ? ERR_RATE_LIMITED
                     : status >= 500 ? ERR_SERVER
                                     : ERR_REFUSED,
                     reply, "");
    job->err.retry_after_ms = after_ms;
  }
}

/* -- credentials -- */

static void fail_without_credentials(struct job *job) {
  const char *host = job->auth->spec.host;
  err_set(&job->err, ERR_UNAUTHORIZED,
          "%s wants a user and a password, and there are no credentials for it: run dray login %s, "
          "or name a file that has some with --authfile",
          host, host);
  job->err.http_status = 401;
}

/* Finds out what is to be sent, where that takes no token server. */
static void use_credentials(struct job *job) {
  struct auth *auth = job->auth;
  const struct creds *creds = &job->creds;
  bool anonymous = creds_is_anonymous(creds);
  free(auth->identity);
  auth->identity = anonymous ? NULL
                             : mem_printf("%s%s, from %s", creds->user ? "user " : "a token",
                                          creds->user ? creds->user : "", creds->origin);
  log_at(auth->spec.log, LOG_DEBUG, "%s/%s: credentials: %s", auth->spec.host, job->path,
         anonymous ? "none" : auth->identity);
  if (creds->registry_token)
    job->header = mem_printf("Bearer %s", creds->registry_token);
  else if (auth->challenge.scheme == CHALLENGE_BASIC && !anonymous)
    job->header = creds_basic(creds);
  else if (auth->challenge.scheme == CHALLENGE_BASIC)
    fail_without_credentials(job);
  if (job->header)
    token_cache_put(auth->tokens, job->path, NULL, job->header, loop_now(auth->spec.loop), 0);
  become(job, job->header || job->err.code != ERR_NONE ? JOB_END : JOB_ASK);
}

static void on_creds(void *arg, const struct creds *creds, const struct err *err) {
  struct job *job = arg;
  struct auth *auth = job->auth;
  job->find = NULL;
  if (err) {
    fail(job, err);
    return;
  }
  bool is_given_up =
      map_get(auth->ci, job->path) == given_up && token_scopes_only_pull(job->scopes);
  creds_free(&job->creds);
  if (!creds->from_ci)
    map_remove(auth->ci, job->path);
  else if (!map_get(auth->ci, job->path))
    map_put(auth->ci, job->path, (void *)(uintptr_t)from_ci);
  if (!creds->from_ci || !is_given_up)
    creds_copy(&job->creds, creds);
  use_credentials(job);
}

/* -- the job -- */

static void job_free(struct job *job) {
  creds_free(&job->creds);
  wipe(&job->header);
  wipe(&job->body);
  free(job->url);
  free(job->path);
  free(job->scopes);
  free(job);
}

static void want_end(struct auth_want *want, const char *header, const struct err *err) {
  struct err canceled;
  if (want->canceled)
    err_set(&canceled, ERR_CANCELED, "canceled");
  err = want->canceled ? &canceled : err;
  want->done(want->arg, err ? NULL : header, err);
  free(want);
}

/* A want's done may get, cancel, or free the auth behind the last one. */
static void end(struct job *job) {
  const char *host = job->auth->spec.host;
  if (!*job->err.host)
    text_printable(job->err.host, sizeof job->err.host, host, strlen(host));
  list_remove(&job->node);
  job->ended = true;
  const struct err *err = job->err.code == ERR_NONE ? NULL : &job->err;
  struct list *node;
  while ((node = list_pop(&job->wants)))
    want_end(list_entry(node, struct auth_want, node), job->header, err);
  job_free(job);
}

static void look(struct job *job) {
  struct auth *auth = job->auth;
  const char *header =
      token_cache_get(auth->tokens, job->path, job->scopes, loop_now(auth->spec.loop));
  if (auth->must_probe) {
    become(job, JOB_PROBE);
  } else if (auth->complaint) {
    err_set(&job->err, ERR_UNAUTHORIZED, "%s wants authentication, but %s", auth->spec.host,
            auth->complaint);
    become(job, JOB_END);
  } else if (header || auth->knowledge != CHALLENGED) {
    job->header = mem_strdup(header);
    become(job, JOB_END);
  } else {
    become(job, JOB_CREDS);
  }
}

static void step(struct ready *ready) {
  struct job *job = list_entry(ready, struct job, ready);
  struct auth *auth = job->auth;
  if (job->canceled)
    job->state = JOB_END;
  switch (job->state) {
  case JOB_LOOK:
    look(job);
    return;
  case JOB_PROBE:
    probe(job);
    return;
  case JOB_CREDS:
    job->find =
        creds_find(auth->spec.creds, auth->spec.loop, auth->spec.host, job->path, on_creds, job);
    return;
  case JOB_ASK:
    ask(job);
    return;
  case JOB_PAUSE:
    timer_start(auth->spec.loop, &job->pause, (uint64_t)job->delay_ms);
    return;
  case JOB_END:
    end(job);
    return;
  }
}

static void on_pause_over(struct timer *timer) {
  become(list_entry(timer, struct job, pause), JOB_ASK);
}

static struct job *job_new(struct auth *auth, const char *path, const char *scopes) {
  struct job *job = mem_zalloc(sizeof *job);
  job->auth = auth;
  job->path = mem_strdup(path);
  job->scopes = mem_strdup(scopes);
  list_init(&job->wants);
  ready_init(&job->ready, step);
  timer_init(&job->pause, on_pause_over);
  list_push(&auth->jobs, &job->node);
  become(job, JOB_LOOK);
  return job;
}

static void job_cancel(struct job *job) {
  job->canceled = true;
  if (job->find)
    creds_cancel(job->find);
  else if (job->request)
    http_cancel(job->request);
  else
    loop_ready(job->auth->spec.loop, &job->ready);
  timer_stop(&job->pause);
}

static struct job *find_job(struct auth *auth, const char *path, const char *scopes) {
  list_each(node, &auth->jobs) {
    struct job *job = list_entry(node, struct job, node);
    if (!job->canceled && strcmp(job->path, path) == 0 && strcmp(job->scopes, scopes) == 0)
      return job;
  }
  return job_new(auth, path, scopes);
}

/* -- wants -- */

static void on_left(struct ready *ready) {
  want_end(list_entry(ready, struct auth_want, ready), NULL, NULL);
}

struct auth_want *auth_get(struct auth *auth, const char *path, const char *scopes,
                           auth_done_fn *done, void *arg) {
  struct auth_want *want = mem_zalloc(sizeof *want);
  want->done = done;
  want->arg = arg;
  want->job = find_job(auth, path, scopes);
  ready_init(&want->ready, on_left);
  list_push(&want->job->wants, &want->node);
  return want;
}

void auth_cancel(struct auth_want *want) {
  if (want->canceled)
    return;
  want->canceled = true;
  struct job *job = want->job;
  bool alone = job->wants.next == job->wants.prev;
  if (job->ended)
    return; /* its turn comes within this one of the loop */
  if (alone) {
    job_cancel(job);
    return;
  }
  list_remove(&want->node);
  loop_ready(job->auth->spec.loop, &want->ready);
}

struct auth *auth_new(const struct auth_spec *spec) {
  struct auth *auth = mem_zalloc(sizeof *auth);
  auth->spec = *spec;
  auth->tokens = token_cache_new(TOKENS_MAX);
  auth->ci = map_new();
  list_init(&auth->jobs);
  return auth;
}

void auth_free(struct auth *auth) {
  if (!auth)
    return;
  assert(list_empty(&auth->jobs));
  token_cache_free(auth->tokens);
  map_free(auth->ci, NULL);
  challenge_free(&auth->challenge);
  free(auth->realm);
  free(auth->complaint);
  free(auth->identity);
  free(auth);
}
