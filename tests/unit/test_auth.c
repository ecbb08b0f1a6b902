#include "net/auth.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "unit.h"

/* -- a token server: answers what it was told to, one after the other, and notes what came -- */

struct server {
  int fd;
  pthread_t thread;
  char host[32]; /* 127.0.0.1:PORT */
  pthread_mutex_t lock;
  const char *answers[8]; /* the last one again and again */
  int count;
  char *requests[16]; /* head and body */
  bool silent;        /* reads, but does not answer */
};

static char *read_request(int connection) {
  static const char length[] = "Content-Length: ";
  struct buf text;
  buf_init(&text, 65536);
  char piece[4096];
  for (ssize_t got; (got = recv(connection, piece, sizeof piece, 0)) > 0;) {
    buf_add(&text, piece, (size_t)got);
    const char *end = strstr(buf_str(&text), "\r\n\r\n");
    const char *field = strstr(buf_str(&text), length);
    size_t body = field ? strtoul(field + sizeof length - 1, NULL, 10) : 0;
    if (end && strlen(end + 4) >= body)
      break;
  }
  return buf_take(&text);
}

static void *serve(void *arg) {
  struct server *server = arg;
  for (int connection; (connection = accept(server->fd, NULL, NULL)) >= 0; close(connection)) {
    char *request = read_request(connection);
    pthread_mutex_lock(&server->lock);
    size_t turn = (size_t)server->count;
    while (turn && (turn >= COUNT(server->answers) || !server->answers[turn]))
      turn--;
    const char *answer = server->answers[turn];
    bool silent = server->silent;
    server->requests[server->count++] = request;
    pthread_mutex_unlock(&server->lock);
    if (silent)
      recv(connection, &(char){0}, 1, 0); /* until the other side goes */
    else
      send(connection, answer, strlen(answer), MSG_NOSIGNAL);
  }
  return NULL;
}

static int server_count(struct server *server) {
  pthread_mutex_lock(&server->lock);
  int count = server->count;
  pthread_mutex_unlock(&server->lock);
  return count;
}

static void server_start(struct server *server) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof address;
  server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(server->fd, (struct sockaddr *)&address, len), 0);
  assert_int_equal(listen(server->fd, 16), 0);
  assert_int_equal(getsockname(server->fd, (struct sockaddr *)&address, &len), 0);
  snprintf(server->host, sizeof server->host, "127.0.0.1:%d", ntohs(address.sin_port));
  pthread_mutex_init(&server->lock, NULL);
  assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void server_stop(struct server *server) {
  shutdown(server->fd, SHUT_RDWR);
  pthread_join(server->thread, NULL);
  close(server->fd);
  for (int i = 0; i < server->count; i++)
    free(server->requests[i]);
  pthread_mutex_destroy(&server->lock);
}

#define ANSWER(status, head, body) "HTTP/1.1 " status "\r\nConnection: close\r\n" head "\r\n" body
#define TOKEN(text) ANSWER("200 OK", "", "{\"token\":\"" text "\",\"expires_in\":300}")

/* -- what stands around an auth -- */

struct scene {
  struct server server;
  struct loop *loop;
  struct http *http;
  struct creds_store *creds;
  struct auth *auth;
  struct log log;
  struct buf lines;
  char *base_url;
  char *env[8][2];
  int env_count;
};

static void on_line(void *arg, enum log_level level, const char *text) {
  struct scene *scene = arg;
  buf_addf(&scene->lines, "%d %s\n", (int)level, text);
}

static const char *get(void *arg, const char *name) {
  struct scene *scene = arg;
  for (int i = 0; i < scene->env_count; i++)
    if (strcmp(scene->env[i][0], name) == 0)
      return scene->env[i][1];
  return strcmp(name, "XDG_RUNTIME_DIR") == 0 ? "/nowhere" : NULL;
}

static const struct trust *no_trust(void *arg, const char *url) {
  (void)arg;
  (void)url;
  return NULL;
}

static int make(void **state) {
  struct scene *scene = mem_zalloc(sizeof *scene);
  *state = scene;
  server_start(&scene->server);
  buf_init(&scene->lines, 1 << 20);
  scene->log = (struct log){.level = LOG_DEBUG, .fn = on_line, .arg = scene};
  if (loop_new(&scene->loop, NULL) != 0)
    return -1;
  scene->http = http_new(scene->loop, &(struct http_options){.connect_timeout_ms = 10000,
                                                             .stall_timeout_ms = 10000,
                                                             .user_agent = "dray-test",
                                                             .log = &scene->log});
  return 0;
}

static int drop(void **state) {
  struct scene *scene = *state;
  auth_free(scene->auth);
  creds_store_free(scene->creds);
  http_free(scene->http);
  loop_free(scene->loop);
  server_stop(&scene->server);
  /* whatever happened: no line of the log may hold a secret */
  assert_null(strstr(buf_str(&scene->lines), "SECRET"));
  for (int i = 0; i < scene->env_count; i++) {
    free(scene->env[i][0]);
    free(scene->env[i][1]);
  }
  buf_free(&scene->lines);
  free(scene->base_url);
  free(scene);
  return 0;
}

static void set(struct scene *scene, const char *name, const char *value) {
  scene->env[scene->env_count][0] = mem_strdup(name);
  scene->env[scene->env_count++][1] = mem_strdup(value);
}

/* entry: of the registry in auths, or NULL */
static void open_auth(struct scene *scene, const char *scheme, const char *entry) {
  const char *host = scene->server.host;
  if (entry) {
    char *json = mem_printf("{\"auths\":{\"%s\":%s}}", host, entry);
    set(scene, "DOCKER_AUTH_CONFIG", json);
    free(json);
  }
  assert_int_equal(
      creds_new(&(struct creds_options){.getenv = get, .getenv_arg = scene}, &scene->creds, NULL),
      0);
  scene->base_url = mem_printf("%s://%s", scheme, host);
  scene->auth = auth_new(&(struct auth_spec){.loop = scene->loop,
                                             .retries = 5,
                                             .http = scene->http,
                                             .creds = scene->creds,
                                             .trust_for = no_trust,
                                             .host = host,
                                             .base_url = scene->base_url,
                                             .log = &scene->log});
}

#define USER "{\"username\":\"bob\",\"password\":\"SECRET\"}"
#define BEARER "Bearer realm=\"/token\",service=\"reg\",scope=\"ignored\""
static const char pull[] = "repository:a:pull", push[] = "repository:a:pull,push";

/* A reply of the registry's; challenge may be NULL. */
static bool refuse(struct scene *scene, const char *scopes, const char *header,
                   const char *challenge) {
  struct http_reply reply = {.status = 401};
  buf_init(&reply.head, HTTP_HEADERS_MAX);
  if (challenge) {
    buf_addf(&reply.head, "WWW-Authenticate: %s", challenge);
    buf_add(&reply.head, "", 1);
  }
  bool again = auth_refused(scene->auth, "a", scopes, header, &reply);
  buf_free(&reply.head);
  return again;
}

struct got {
  struct scene *scene;
  struct auth_want *want;
  int done, *left;
  char *header; /* NULL: none */
  struct err err;
};

static void on_got(void *arg, const char *header, const struct err *err) {
  struct got *got = arg;
  got->done++;
  got->header = mem_strdup(header);
  got->err = err ? *err : (struct err){0};
  assert_true(!header || !err);
  if (--*got->left == 0)
    loop_stop(got->scene->loop);
}

static void start(struct scene *scene, struct got *got, const char *scopes, int *left) {
  *got = (struct got){.scene = scene, .left = left};
  got->want = auth_get(scene->auth, "a", scopes, on_got, got);
  assert_int_equal(got->done, 0);
}

static struct got want(struct scene *scene, const char *scopes) {
  struct got got;
  int left = 1;
  start(scene, &got, scopes, &left);
  loop_run(scene->loop);
  assert_int_equal(got.done, 1);
  assert_null(strstr(got.err.message, "SECRET"));
  return got;
}

/* header NULL: none */
static void expect(struct scene *scene, const char *scopes, const char *header) {
  struct got got = want(scene, scopes);
  CHECK(got.err.code == ERR_NONE, "%s", got.err.message);
  CHECK(!got.header == !header, "%s", got.header);
  if (header)
    assert_string_equal(got.header, header);
  free(got.header);
}

static struct err expect_error(struct scene *scene, const char *scopes, enum err_code code) {
  struct got got = want(scene, scopes);
  CHECK(got.err.code == code, "%s: %s", err_code_name(got.err.code), got.err.message);
  return got.err;
}

/* The request number turn (from 0) has all of text in one place. */
static void expect_request(struct scene *scene, int turn, const char *text) {
  assert_true(server_count(&scene->server) > turn);
  CHECK(strstr(scene->server.requests[turn], text), "no \"%s\" in: %s", text,
        scene->server.requests[turn]);
}

static void expect_no(struct scene *scene, int turn, const char *text) {
  CHECK(!strstr(scene->server.requests[turn], text), "%s", scene->server.requests[turn]);
}

/* -- tests -- */

static void without_a_challenge_nothing_is_sent(void **state) {
  struct scene *scene = *state;
  open_auth(scene, "http", USER);
  assert_true(auth_is_unknown(scene->auth));
  expect(scene, pull, NULL);
  assert_true(auth_is_unknown(scene->auth));
  auth_not_needed(scene->auth);
  assert_false(auth_is_unknown(scene->auth));
  expect(scene, pull, NULL);
  assert_int_equal(server_count(&scene->server), 0);
}

static void an_anonymous_token_is_fetched_once(void **state) {
  struct scene *scene = *state;
  open_auth(scene, "http", NULL);
  scene->server.answers[0] = TOKEN("one");
  assert_true(refuse(scene, push, NULL, BEARER));
  expect(scene, push, "Bearer one");
  expect(scene, push, "Bearer one");
  expect(scene, pull, "Bearer one");
  assert_null(auth_identity(scene->auth));
  assert_int_equal(server_count(&scene->server), 1);
  expect_request(scene, 0,
                 "GET /token?service=reg&scope=repository%3Aa%3Apull%2Cpush HTTP/1.1\r\n");
  expect_no(scene, 0, "Authorization");
}

static void equal_wants_share_a_request(void **state) {
  struct scene *scene = *state;
  open_auth(scene, "http", NULL);
  scene->server.answers[0] = TOKEN("one");
  refuse(scene, pull, NULL, BEARER);
  struct got got[4];
  int left = COUNT(got);
  for (size_t i = 0; i < COUNT(got); i++)
    start(scene, &got[i], i < 3 ? pull : "repository:a:pull repository:b:pull", &left);
  loop_run(scene->loop);
  for (size_t i = 0; i < COUNT(got); i++) {
    assert_string_equal(got[i].header, "Bearer one");
    free(got[i].header);
  }
  assert_int_equal(server_count(&scene->server), 2);
}

static void user_and_password_go_to_the_token_server(void **state) {
  struct scene *scene = *state;
  open_auth(scene, "http", USER);
  scene->server.answers[0] = TOKEN("one");
  refuse(scene, pull, NULL, BEARER);
  expect(scene, pull, "Bearer one");
  assert_non_null(auth_identity(scene->auth));
  expect_request(scene, 0, "&account=bob HTTP/1.1\r\n");
  expect_request(scene, 0, "Authorization: Basic Ym9iOlNFQ1JFVA==\r\n");
}

static void an_identity_token_is_posted(void **state) {
  struct scene *scene = *state;
  open_auth(scene, "http", "{\"identitytoken\":\"SECRET/1\"}");
  scene->server.answers[0] = ANSWER("200 OK", "", "{\"access_token\":\"one\"}");
  refuse(scene, pull, NULL, BEARER);
  expect(scene, pull, "Bearer one");
  expect_request(scene, 0, "POST /token HTTP/1.1\r\n");
  expect_request(scene, 0, "Content-Type: application/x-www-form-urlencoded\r\n");
  expect_request(scene, 0,
                 "\r\n\r\ngrant_type=refresh_token&client_id=dray&service=reg"
                 "&scope=repository%3Aa%3Apull&refresh_token=SECRET%2F1");
  expect_no(scene, 0, "Authorization");
}

static void where_post_is_unknown_an_identity_token_is_a_password(void **state) {
  struct scene *scene = *state;
  open_auth(scene, "http", "{\"identitytoken\":\"SECRET\"}");
  scene->server.answers[0] = ANSWER("404 Not Found", "", "");
  scene->server.answers[1] = TOKEN("one");
  scene->server.answers[2] = TOKEN("two");
  refuse(scene, pull, NULL, BEARER);
  expect(scene, pull, "Bearer one");
  expect_request(scene, 1, "GET /token?service=reg&scope=");
  expect_request(scene, 1, "Authorization: Basic PHRva2VuPjpTRUNSRVQ=\r\n"); /* <token>:SECRET */
  expect(scene, push, "Bearer two");
  expect_request(scene, 2, "GET /token?");
  assert_int_equal(server_count(&scene->server), 3);
}

static void a_registry_token_is_sent_as_it_is(void **state) {
  struct scene *scene = *state;
  open_auth(scene, "http", "{\"registrytoken\":\"ready\"}");
  refuse(scene, pull, NULL, BEARER);
  expect(scene, pull, "Bearer ready");
  assert_false(refuse(scene, pull, "Bearer ready", BEARER));
  assert_int_equal(server_count(&scene->server), 0);
}

static void basic_needs_no_token_server(void **state) {
  struct scene *scene = *state;
  open_auth(scene, "http", USER);
  assert_true(refuse(scene, pull, NULL, "Basic realm=\"x\""));
  expect(scene, pull, "Basic Ym9iOlNFQ1JFVA==");
  expect(scene, push, "Basic Ym9iOlNFQ1JFVA==");
  assert_false(refuse(scene, pull, "Basic Ym9iOlNFQ1JFVA==", "Basic realm=\"x\""));
  assert_int_equal(server_count(&scene->server), 0);
}

static void basic_without_credentials_is_an_error_that_says_what_to_do(void **state) {
  struct scene *scene = *state;
  open_auth(scene, "http", NULL);
  assert_true(refuse(scene, pull, NULL, "Basic realm=\"x\""));
  struct err err = expect_error(scene, pull, ERR_UNAUTHORIZED);
  assert_non_null(strstr(err.message, scene->server.host));
  assert_non_null(strstr(err.message, "--authfile"));
  assert_string_equal(err.host, scene->server.host);
}

static void refused_credentials_are_final_and_named(void **state) {
  static const char *const statuses[] = {ANSWER("401 Unauthorized", "", "{\"errors\":[]}"),
                                         ANSWER("403 Forbidden", "", "")};
  struct scene *scene = *state;
  open_auth(scene, "http", USER);
  refuse(scene, pull, NULL, BEARER);
  for (size_t i = 0; i < COUNT(statuses); i++) {
    scene->server.answers[i] = statuses[i];
    struct err err = expect_error(scene, pull, ERR_UNAUTHORIZED);
    assert_non_null(strstr(err.message, scene->server.host));
    assert_non_null(strstr(err.message, "user bob"));
    assert_non_null(strstr(err.message, "DOCKER_AUTH_CONFIG"));
    assert_string_equal(err.host, scene->server.host);
    assert_int_equal(err.http_status, i ? 403 : 401);
  }
  assert_int_equal(server_count(&scene->server), 2);
}

static void an_anonymous_refusal_asks_for_credentials(void **state) {
  struct scene *scene = *state;
  open_auth(scene, "http", NULL);
  scene->server.answers[0] = ANSWER("401 Unauthorized", "", "");
  refuse(scene, pull, NULL, BEARER);
  struct err err = expect_error(scene, pull, ERR_UNAUTHORIZED);
  assert_non_null(strstr(err.message, "no credentials for"));
  assert_int_equal(server_count(&scene->server), 1);
}

static void set_ci(struct scene *scene) {
  set(scene, "CI_REGISTRY", scene->server.host);
  set(scene, "CI_JOB_TOKEN", "SECRET");
  open_auth(scene, "http", NULL);
  refuse(scene, pull, NULL, BEARER);
}

static void ci_credentials_give_way_for_a_pull(void **state) {
  struct scene *scene = *state;
  set_ci(scene);
  scene->server.answers[0] = ANSWER("403 Forbidden", "", "");
  scene->server.answers[1] = TOKEN("anonymous");
  expect(scene, pull, "Bearer anonymous");
  expect_request(scene, 0, "Authorization: Basic");
  expect_no(scene, 1, "Authorization");
  assert_non_null(strstr(buf_str(&scene->lines), "1 ")); /* LOG_WARN */
  assert_non_null(strstr(buf_str(&scene->lines), "CI variables are refused for a"));
  assert_null(auth_identity(scene->auth));
}

static void ci_credentials_do_not_give_way_for_a_push(void **state) {
  struct scene *scene = *state;
  set_ci(scene);
  scene->server.answers[0] = ANSWER("403 Forbidden", "", "");
  struct err err = expect_error(scene, push, ERR_UNAUTHORIZED);
  assert_non_null(strstr(err.message, "CI_JOB_TOKEN"));
  assert_int_equal(server_count(&scene->server), 1);
}

static void ci_credentials_give_way_where_the_registry_refuses_their_tokens(void **state) {
  struct scene *scene = *state;
  set_ci(scene);
  scene->server.answers[0] = TOKEN("one");
  scene->server.answers[1] = TOKEN("two");
  scene->server.answers[2] = TOKEN("three");
  expect(scene, pull, "Bearer one");
  assert_true(refuse(scene, pull, "Bearer one", BEARER));
  expect(scene, pull, "Bearer two");
  assert_true(refuse(scene, pull, "Bearer two", BEARER));
  expect(scene, pull, "Bearer three");
  expect_request(scene, 1, "Authorization: Basic");
  expect_no(scene, 2, "Authorization");
}

static void a_second_refused_token_is_the_last(void **state) {
  struct scene *scene = *state;
  open_auth(scene, "http", USER);
  scene->server.answers[0] = TOKEN("one");
  scene->server.answers[1] = TOKEN("two");
  refuse(scene, pull, NULL, BEARER);
  expect(scene, pull, "Bearer one");
  assert_true(refuse(scene, pull, "Bearer one", BEARER));
  expect(scene, pull, "Bearer two");
  assert_false(refuse(scene, pull, "Bearer two", BEARER));
  assert_int_equal(server_count(&scene->server), 2);
}

static void a_busy_token_server_is_asked_again(void **state) {
  struct scene *scene = *state;
  open_auth(scene, "http", NULL);
  scene->server.answers[0] = ANSWER("503 Service Unavailable", "", "");
  scene->server.answers[1] = ANSWER("429 Too Many Requests", "Retry-After: 0\r\n", "");
  scene->server.answers[2] = TOKEN("one");
  refuse(scene, pull, NULL, BEARER);
  expect(scene, pull, "Bearer one");
  assert_int_equal(server_count(&scene->server), 3);
}

static void one_that_asks_for_a_long_wait_is_not_waited_for(void **state) {
  struct scene *scene = *state;
  open_auth(scene, "http", NULL);
  scene->server.answers[0] = ANSWER("429 Too Many Requests", "Retry-After: 3600\r\n", "");
  refuse(scene, pull, NULL, BEARER);
  struct err err = expect_error(scene, pull, ERR_RATE_LIMITED);
  assert_int_equal(err.retry_after_ms, 3600000);
  assert_int_equal(err.http_status, 429);
  assert_int_equal(server_count(&scene->server), 1);
}

static void an_answer_that_makes_no_sense_is_an_error(void **state) {
  struct scene *scene = *state;
  open_auth(scene, "http", NULL);
  scene->server.answers[0] = ANSWER("200 OK", "", "<html>SECRET</html>");
  scene->server.answers[1] = ANSWER("400 Bad Request", "", "SECRET");
  refuse(scene, pull, NULL, BEARER);
  expect_error(scene, pull, ERR_PROTOCOL);
  struct err err = expect_error(scene, pull, ERR_REFUSED);
  assert_int_equal(err.http_status, 400);
}

static void redirects_stay_at_home(void **state) {
  struct scene *scene = *state;
  open_auth(scene, "http", USER);
  refuse(scene, pull, NULL, BEARER);
  scene->server.answers[0] = ANSWER("302 Found", "Location: /elsewhere?x=1\r\n", "");
  scene->server.answers[1] = TOKEN("one");
  expect(scene, pull, "Bearer one");
  expect_request(scene, 1, "GET /elsewhere?x=1 HTTP/1.1\r\n");
  scene->server.answers[2] = ANSWER("302 Found", "Location: http://127.0.0.2:9/token\r\n", "");
  expect_error(scene, push, ERR_REFUSED);
  scene->server.answers[3] = ANSWER("302 Found", "Location: /again\r\n", "");
  expect_error(scene, push, ERR_REFUSED);
  assert_int_equal(server_count(&scene->server), 3 + 1 + 3);
}

static void a_posted_secret_follows_no_redirect_that_would_drop_it(void **state) {
  struct scene *scene = *state;
  open_auth(scene, "http", "{\"identitytoken\":\"SECRET\"}");
  refuse(scene, pull, NULL, BEARER);
  scene->server.answers[0] = ANSWER("307 Temporary Redirect", "Location: /two\r\n", "");
  scene->server.answers[1] = TOKEN("one");
  expect(scene, pull, "Bearer one");
  expect_request(scene, 1, "POST /two HTTP/1.1\r\n");
  expect_request(scene, 1, "refresh_token=SECRET");
  scene->server.answers[2] = ANSWER("302 Found", "Location: /two\r\n", "");
  expect_error(scene, push, ERR_REFUSED);
}

static void a_realm_that_would_betray_is_refused(void **state) {
  struct scene *scene = *state;
  open_auth(scene, "https", USER);
  char *plain = mem_printf("Bearer realm=\"http://%s/token\"", scene->server.host);
  const char *const challenges[] = {plain, "Bearer realm=\"ftp://127.0.0.1/x\"",
                                    "Bearer realm=\"http://\"", "Bearer service=\"s\"",
                                    "Bearer realm=\"https://u:p@127.0.0.1/x\""};
  for (size_t i = 0; i < COUNT(challenges); i++) {
    assert_true(refuse(scene, pull, NULL, challenges[i]));
    struct err err = expect_error(scene, pull, ERR_UNAUTHORIZED);
    CHECK(strstr(err.message, "token server"), "%s: %s", challenges[i], err.message);
    assert_string_equal(err.host, scene->server.host);
  }
  free(plain);
  assert_int_equal(server_count(&scene->server), 0);
}

static void a_bare_401_leads_to_v2_for_the_challenge(void **state) {
  struct scene *scene = *state;
  open_auth(scene, "http", USER);
  scene->server.answers[0] = ANSWER("401 Unauthorized", "WWW-Authenticate: " BEARER "\r\n", "");
  scene->server.answers[1] = TOKEN("one");
  assert_true(refuse(scene, pull, NULL, NULL));
  expect(scene, pull, "Bearer one");
  expect_request(scene, 0, "GET /v2/ HTTP/1.1\r\n");
  expect_no(scene, 0, "Authorization");
  assert_int_equal(server_count(&scene->server), 2);
}

static void where_v2_does_not_say_either_it_is_an_error(void **state) {
  struct scene *scene = *state;
  open_auth(scene, "http", USER);
  scene->server.answers[0] = ANSWER("200 OK", "", "{}");
  assert_true(refuse(scene, pull, NULL, NULL));
  expect_error(scene, pull, ERR_UNAUTHORIZED);
  assert_false(refuse(scene, pull, NULL, NULL));
  assert_int_equal(server_count(&scene->server), 1);
}

static void a_canceled_want_leaves_the_others(void **state) {
  struct scene *scene = *state;
  open_auth(scene, "http", NULL);
  scene->server.answers[0] = TOKEN("one");
  refuse(scene, pull, NULL, BEARER);
  struct got first, second;
  int left = 2;
  start(scene, &first, pull, &left);
  start(scene, &second, pull, &left);
  auth_cancel(first.want);
  assert_int_equal(first.done, 0);
  loop_run(scene->loop);
  assert_int_equal(first.err.code, ERR_CANCELED);
  assert_string_equal(second.header, "Bearer one");
  free(second.header);
}

struct canceler {
  struct timer timer;
  struct got *got;
};

static void cancel_when_asked(struct timer *timer) {
  struct canceler *canceler = list_entry(timer, struct canceler, timer);
  struct scene *scene = canceler->got->scene;
  if (server_count(&scene->server) == 0)
    timer_start(scene->loop, timer, 2);
  else
    auth_cancel(canceler->got->want);
}

static void the_last_canceled_want_ends_the_request(void **state) {
  struct scene *scene = *state;
  open_auth(scene, "http", NULL);
  scene->server.silent = true;
  refuse(scene, pull, NULL, BEARER);
  struct got got;
  int left = 1;
  start(scene, &got, pull, &left);
  struct canceler canceler = {.got = &got};
  timer_init(&canceler.timer, cancel_when_asked);
  timer_start(scene->loop, &canceler.timer, 2);
  loop_run(scene->loop);
  assert_int_equal(got.done, 1);
  assert_int_equal(got.err.code, ERR_CANCELED);
  /* and spoils nothing for those who come later */
  pthread_mutex_lock(&scene->server.lock);
  scene->server.silent = false;
  scene->server.answers[1] = TOKEN("one");
  pthread_mutex_unlock(&scene->server.lock);
  expect(scene, pull, "Bearer one");
}

/* One's done cancels the other, who waits for the same. */
static void on_first(void *arg, const char *header, const struct err *err) {
  struct got *pair = arg;
  on_got(&pair[0], header, err);
  auth_cancel(pair[1].want);
}

static void a_want_may_be_canceled_from_anothers_done(void **state) {
  struct scene *scene = *state;
  open_auth(scene, "http", NULL);
  int left = 2;
  struct got pair[2] = {{.scene = scene, .left = &left}, {.scene = scene, .left = &left}};
  pair[0].want = auth_get(scene->auth, "a", pull, on_first, pair);
  pair[1].want = auth_get(scene->auth, "a", pull, on_got, &pair[1]);
  loop_run(scene->loop);
  assert_int_equal(pair[0].err.code, ERR_NONE);
  assert_int_equal(pair[1].err.code, ERR_CANCELED);
  assert_int_equal(pair[1].done, 1);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)
  const struct CMUnitTest tests[] = {
      TEST(without_a_challenge_nothing_is_sent),
      TEST(an_anonymous_token_is_fetched_once),
      TEST(equal_wants_share_a_request),
      TEST(user_and_password_go_to_the_token_server),
      TEST(an_identity_token_is_posted),
      TEST(where_post_is_unknown_an_identity_token_is_a_password),
      TEST(a_registry_token_is_sent_as_it_is),
      TEST(basic_needs_no_token_server),
      TEST(basic_without_credentials_is_an_error_that_says_what_to_do),
      TEST(refused_credentials_are_final_and_named),
      TEST(an_anonymous_refusal_asks_for_credentials),
      TEST(ci_credentials_give_way_for_a_pull),
      TEST(ci_credentials_do_not_give_way_for_a_push),
      TEST(ci_credentials_give_way_where_the_registry_refuses_their_tokens),
      TEST(a_second_refused_token_is_the_last),
      TEST(a_busy_token_server_is_asked_again),
      TEST(one_that_asks_for_a_long_wait_is_not_waited_for),
      TEST(an_answer_that_makes_no_sense_is_an_error),
      TEST(redirects_stay_at_home),
      TEST(a_posted_secret_follows_no_redirect_that_would_drop_it),
      TEST(a_realm_that_would_betray_is_refused),
      TEST(a_bare_401_leads_to_v2_for_the_challenge),
      TEST(where_v2_does_not_say_either_it_is_an_error),
      TEST(a_canceled_want_leaves_the_others),
      TEST(the_last_canceled_want_ends_the_request),
      TEST(a_want_may_be_canceled_from_anothers_done),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
