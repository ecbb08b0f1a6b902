#include "net/creds.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

/* A folder with files, an environment, and a loop; all anew for each test. */
struct place {
  char folder[32];
  char *files[16];
  int file_count;
  char env[16][2][128];
  int env_count;
  struct loop *loop;
  struct creds_store *store;
};

static char *original_path;

static char *text_of(const char *format, ...) __attribute__((format(printf, 1, 2)));
static char *text_of(const char *format, ...) {
  char *text = NULL;
  va_list args;
  va_start(args, format);
  assert_true(vasprintf(&text, format, args) >= 0);
  va_end(args);
  return text;
}

static void remove_file(char *path) {
  remove(path);
  free(path);
}

static int make(void **state) {
  struct place *place = calloc(1, sizeof *place);
  strncpy(place->folder, "/tmp/dray-test-XXXXXX", sizeof place->folder - 1);
  *state = place;
  if (!mkdtemp(place->folder))
    return -1;
  char *path = text_of("%s:%s", place->folder, original_path);
  setenv("PATH", path, 1);
  free(path);
  return loop_new(&place->loop, NULL);
}

static int drop(void **state) {
  struct place *place = *state;
  creds_store_free(place->store);
  loop_free(place->loop);
  while (place->file_count)
    remove_file(place->files[--place->file_count]);
  int rc = rmdir(place->folder);
  free(place);
  return rc;
}

static const char *add_path(struct place *place, const char *name) {
  return place->files[place->file_count++] = text_of("%s/%s", place->folder, name);
}

static void folder(struct place *place, const char *name) {
  assert_int_equal(mkdir(add_path(place, name), 0700), 0);
}

static const char *file(struct place *place, const char *name, const char *text) {
  const char *path = add_path(place, name);
  FILE *out = fopen(path, "w");
  assert_non_null(out);
  fputs(text, out);
  fclose(out);
  return path;
}

/* A program docker-credential-NAME that counts its runs in the file NAME. */
static void helper(struct place *place, const char *name, const char *script) {
  file(place, name, "");
  char *text = text_of("#!/bin/sh\necho run >>%s/%s\nread url\n%s\n", place->folder, name, script);
  char *program = text_of("docker-credential-%s", name);
  chmod(file(place, program, text), 0700);
  free(program);
  free(text);
}

static int runs_of(struct place *place, const char *name) {
  struct stat stat_of;
  char *path = text_of("%s/%s", place->folder, name);
  assert_int_equal(stat(path, &stat_of), 0);
  free(path);
  return (int)stat_of.st_size / 4;
}

static void set(struct place *place, const char *name, const char *value) {
  strncpy(place->env[place->env_count][0], name, 127);
  strncpy(place->env[place->env_count++][1], value, 127);
}

static void set_file(struct place *place, const char *variable, const char *name,
                     const char *text) {
  set(place, variable, file(place, name, text));
}

static const char *get(void *arg, const char *name) {
  struct place *place = arg;
  for (int i = 0; i < place->env_count; i++)
    if (strcmp(place->env[i][0], name) == 0)
      return place->env[i][1];
  /* without it, root's own file would be looked at */
  return strcmp(name, "XDG_RUNTIME_DIR") == 0 ? "/nowhere" : NULL;
}

static int open_store(struct place *place, const char *authfile, struct err *err) {
  return creds_new(
      &(struct creds_options){.authfile = authfile, .getenv = get, .getenv_arg = place},
      &place->store, err);
}

struct found {
  struct place *place;
  struct creds_find *find;
  struct creds creds;
  struct err err;
  int done, *left;
};

static void on_found(void *arg, const struct creds *creds, const struct err *err) {
  struct found *found = arg;
  found->done++;
  assert_true(!creds == (err != NULL));
  if (creds)
    creds_copy(&found->creds, creds);
  if (err)
    found->err = *err;
  if (--*found->left == 0)
    loop_stop(found->place->loop);
}

static void start(struct place *place, struct found *found, const char *host, const char *path,
                  int *left) {
  *found = (struct found){.place = place, .left = left};
  found->find = creds_find(place->store, place->loop, host, path, on_found, found);
  assert_int_equal(found->done, 0);
}

static void find(struct place *place, struct found *found, const char *host, const char *path) {
  int left = 1;
  start(place, found, host, path, &left);
  loop_run(place->loop);
  assert_int_equal(found->done, 1);
}

/* user NULL: anonymous. */
static void expect(struct place *place, const char *host, const char *path, const char *user,
                   const char *origin) {
  struct found found;
  find(place, &found, host, path);
  CHECK(found.err.code == ERR_NONE, "%s: %s", host, found.err.message);
  CHECK(creds_is_anonymous(&found.creds) == !user, "%s/%s", host, path);
  if (user) {
    CHECK_STRING(found.creds.user, user, host);
    CHECK(strstr(found.creds.origin, origin), "%s: %s", host, found.creds.origin);
  }
  creds_free(&found.creds);
}

static void expect_config_error(struct place *place, const char *host, const char *message) {
  struct found found;
  find(place, &found, host, "a");
  assert_int_equal(found.err.code, ERR_CONFIG);
  CHECK(strstr(found.err.message, message), "%s", found.err.message);
  CHECK(strstr(found.err.message, host), "%s", found.err.message);
}

#define ENTRY(host, user) "\"" host "\":{\"username\":\"" user "\",\"password\":\"pw\"}"
#define AUTHS(host, user) "{\"auths\":{" ENTRY(host, user) "}}"

static void with_nothing_all_is_anonymous(void **state) {
  struct place *place = *state;
  set(place, "HOME", place->folder);
  assert_int_equal(open_store(place, NULL, NULL), 0);
  expect(place, "ghcr.io", "a", NULL, NULL);
  expect(place, "docker.io", "library/alpine", NULL, NULL);
}

static void sources_are_asked_host_by_host_in_order(void **state) {
  struct place *place = *state;
  set(place, "HOME", place->folder);
  folder(place, ".docker");
  folder(place, "run");
  folder(place, "run/containers");
  folder(place, ".config");
  folder(place, ".config/containers");
  set_file(place, "REGISTRY_AUTH_FILE", "named.json", AUTHS("1.io", "named"));
  set(place, "DOCKER_AUTH_CONFIG",
      "{\"auths\":{" ENTRY("1.io", "variable") "," ENTRY("2.io", "variable") "}}");
  file(place, ".docker/config.json",
       "{\"auths\":{" ENTRY("1.io", "docker") "," ENTRY("2.io", "docker") "," ENTRY(
           "3.io", "docker") ",\"4.io\":{}}}");
  file(place, "run/containers/auth.json",
       "{\"auths\":{" ENTRY("3.io", "run") "," ENTRY("4.io", "run") "}}");
  file(place, ".config/containers/auth.json",
       "{\"auths\":{" ENTRY("4.io", "config") "," ENTRY("5.io", "config") "}}");
  char *run = text_of("%s/run", place->folder);
  set(place, "XDG_RUNTIME_DIR", run);
  free(run);
  assert_int_equal(open_store(place, NULL, NULL), 0);
  expect(place, "1.io", "a", "named", "named.json");
  expect(place, "2.io", "a", "variable", "DOCKER_AUTH_CONFIG");
  expect(place, "3.io", "a", "docker", ".docker/config.json");
  expect(place, "4.io", "a", "run", "run/containers/auth.json");
  expect(place, "5.io", "a", "config", ".config/containers/auth.json");
  expect(place, "6.io", "a", NULL, NULL);
  creds_set(place->store, "1.io", "mirror", "pw", "mirror.yaml");
  creds_set(place->store, "1.io", "mirror2", "pw", "mirror.yaml");
  expect(place, "1.io", "a", "mirror2", "mirror.yaml");
}

static void an_authfile_excludes_the_other_files(void **state) {
  struct place *place = *state;
  set_file(place, "REGISTRY_AUTH_FILE", "named.json", AUTHS("1.io", "named"));
  set(place, "DOCKER_AUTH_CONFIG", "not even JSON");
  const char *authfile = file(place, "given.json", AUTHS("2.io", "given"));
  assert_int_equal(open_store(place, authfile, NULL), 0);
  expect(place, "1.io", "a", NULL, NULL);
  expect(place, "2.io", "a", "given", "given.json");
}

static void the_environment_moves_the_folders(void **state) {
  struct place *place = *state;
  set(place, "HOME", "/nowhere");
  set(place, "DOCKER_CONFIG", place->folder);
  set(place, "XDG_CONFIG_HOME", place->folder);
  folder(place, "containers");
  file(place, "config.json", AUTHS("1.io", "docker"));
  file(place, "containers/auth.json", AUTHS("2.io", "containers"));
  assert_int_equal(open_store(place, NULL, NULL), 0);
  expect(place, "1.io", "a", "docker", "config.json");
  expect(place, "2.io", "a", "containers", "auth.json");
}

static void only_an_authfile_has_to_exist(void **state) {
  struct place *place = *state;
  struct err err;
  set(place, "REGISTRY_AUTH_FILE", "/nowhere/auth.json");
  set(place, "DOCKER_CONFIG", "/nowhere");
  assert_int_equal(open_store(place, NULL, &err), 0);
  expect(place, "1.io", "a", NULL, NULL);
  creds_store_free(place->store);
  assert_int_equal(open_store(place, "/nowhere/auth.json", &err), -ERR_CONFIG);
  assert_non_null(strstr(err.message, "/nowhere/auth.json"));
  assert_null(place->store);
}

static void a_file_that_is_wrong_is_named(void **state) {
  struct place *place = *state;
  struct err err;
  set(place, "DOCKER_AUTH_CONFIG", "{\"auths\":");
  assert_int_equal(open_store(place, NULL, &err), -ERR_CONFIG);
  assert_non_null(strstr(err.message, "DOCKER_AUTH_CONFIG:1:"));
  place->env_count = 0;
  set_file(place, "REGISTRY_AUTH_FILE", "broken.json", "{\n\"auths\":}");
  assert_int_equal(open_store(place, NULL, &err), -ERR_CONFIG);
  assert_non_null(strstr(err.message, "broken.json:2:"));
  /* a folder can't be read, not even by root */
  place->env_count = 0;
  set(place, "DOCKER_CONFIG", place->folder);
  folder(place, "config.json");
  assert_int_equal(open_store(place, NULL, &err), -ERR_CONFIG);
  assert_non_null(strstr(err.message, "config.json"));
}

static void a_file_above_1_mib_is_refused(void **state) {
  struct place *place = *state;
  struct err err;
  char *text = malloc((1 << 20) + 2);
  memset(text, ' ', (1 << 20) + 1);
  text[(1 << 20) + 1] = '\0';
  assert_int_equal(open_store(place, file(place, "large.json", text), &err), -ERR_CONFIG);
  assert_non_null(strstr(err.message, "large.json"));
  free(text);
}

static void ci_variables_come_last(void **state) {
  struct place *place = *state;
  set_file(place, "REGISTRY_AUTH_FILE", "named.json", AUTHS("ghcr.io/mine", "named"));
  set(place, "GITHUB_ACTOR", "octocat");
  set(place, "GITHUB_TOKEN", "ghs_1");
  set(place, "CI_REGISTRY", "https://Registry.example.com:443/");
  set(place, "CI_REGISTRY_USER", "ci-user");
  set(place, "CI_REGISTRY_PASSWORD", "ci-pw");
  set(place, "CI_JOB_TOKEN", "job");
  assert_int_equal(open_store(place, NULL, NULL), 0);
  expect(place, "ghcr.io", "mine/app", "named", "named.json");
  expect(place, "docker.io", "a", NULL, NULL);
  struct found found;
  find(place, &found, "ghcr.io", "other/app");
  assert_string_equal(found.creds.user, "octocat");
  assert_string_equal(found.creds.password, "ghs_1");
  assert_string_equal(found.creds.origin, "GITHUB_TOKEN");
  assert_true(found.creds.from_ci);
  creds_free(&found.creds);
  find(place, &found, "registry.example.com", "a");
  assert_string_equal(found.creds.user, "ci-user");
  assert_string_equal(found.creds.password, "ci-pw");
  assert_true(found.creds.from_ci);
  creds_free(&found.creds);
}

static void a_job_token_does_without_a_user(void **state) {
  struct place *place = *state;
  set(place, "CI_REGISTRY", "registry.lan:5050");
  set(place, "CI_REGISTRY_USER", "ci-user");
  set(place, "CI_REGISTRY_PASSWORD", "");
  set(place, "CI_JOB_TOKEN", "job");
  set(place, "GITHUB_TOKEN", "ghs_1"); /* without an actor it says nothing */
  assert_int_equal(open_store(place, NULL, NULL), 0);
  expect(place, "registry.lan:5050", "a", "gitlab-ci-token", "CI_JOB_TOKEN");
  expect(place, "registry.lan", "a", NULL, NULL);
  expect(place, "ghcr.io", "a", NULL, NULL);
}

/* -- helpers -- */

#define ANSWER(user, secret)                                                                       \
  "echo '{\"ServerURL\":\"'$url'\",\"Username\":\"" user "\",\"Secret\":\"" secret "\"}'"

static void a_helper_is_asked_once_a_host(void **state) {
  struct place *place = *state;
  helper(place, "store", ANSWER("'$url'", "pw"));
  set(place, "DOCKER_AUTH_CONFIG", "{\"credsStore\":\"store\"}");
  assert_int_equal(open_store(place, NULL, NULL), 0);
  struct found found[4];
  int left = COUNT(found);
  for (size_t i = 0; i < COUNT(found); i++)
    start(place, &found[i], i < 3 ? "ghcr.io" : "docker.io", "a", &left);
  loop_run(place->loop);
  for (size_t i = 0; i < COUNT(found); i++) {
    assert_int_equal(found[i].err.code, ERR_NONE);
    assert_string_equal(found[i].creds.user, i < 3 ? "ghcr.io" : "https://index.docker.io/v1/");
    assert_string_equal(found[i].creds.password, "pw");
    assert_string_equal(found[i].creds.origin, "docker-credential-store");
    creds_free(&found[i].creds);
  }
  expect(place, "ghcr.io", "b", "ghcr.io", "docker-credential-store");
  assert_int_equal(runs_of(place, "store"), 2);
}

static void a_helper_s_token_is_an_identity_token(void **state) {
  struct place *place = *state;
  helper(place, "acr", ANSWER("<token>", "refresh"));
  set(place, "DOCKER_AUTH_CONFIG", "{\"credHelpers\":{\"me.azurecr.io\":\"acr\"}}");
  assert_int_equal(open_store(place, NULL, NULL), 0);
  struct found found;
  find(place, &found, "me.azurecr.io", "a");
  assert_string_equal(found.creds.identity_token, "refresh");
  assert_null(found.creds.password);
  creds_free(&found.creds);
  expect(place, "other.azurecr.io", "a", NULL, NULL);
  assert_int_equal(runs_of(place, "acr"), 1);
}

static void a_helper_comes_before_auths_and_gives_way_to_them(void **state) {
  struct place *place = *state;
  helper(place, "one", ANSWER("helper", "pw"));
  helper(place, "none", "echo 'credentials not found in native keychain'; exit 1");
  set(place, "DOCKER_AUTH_CONFIG",
      "{\"credsStore\":\"none\",\"credHelpers\":{\"1.io\":\"one\"},\"auths\":{"
      "\"1.io\":{\"auth\":\"Ym9iOnB3\"},\"2.io\":{\"auth\":\"Ym9iOnB3\"},\"3.io\":{}}}");
  set_file(place, "REGISTRY_AUTH_FILE", "empty.json", "{}");
  assert_int_equal(open_store(place, NULL, NULL), 0);
  expect(place, "1.io", "a", "helper", "docker-credential-one");
  expect(place, "2.io", "a", "bob", "DOCKER_AUTH_CONFIG");
  expect(place, "3.io", "a", NULL, NULL);
  expect(place, "3.io", "b", NULL, NULL);
  assert_int_equal(runs_of(place, "none"), 2);
}

static void a_helper_that_fails_is_an_error_that_names_it(void **state) {
  struct place *place = *state;
  helper(place, "broken", "echo; echo 'the vault is locked'; echo more; exit 2");
  helper(place, "odd", "echo '{\"Username\":\"bob\",\"SECRET\":1}'");
  set(place, "DOCKER_AUTH_CONFIG",
      "{\"credHelpers\":{\"1.io\":\"missing\",\"2.io\":\"broken\",\"3.io\":\"odd\"}}");
  assert_int_equal(open_store(place, NULL, NULL), 0);
  expect_config_error(place, "1.io", "docker-credential-missing");
  expect_config_error(place, "1.io", "not installed");
  expect_config_error(place, "2.io", "docker-credential-broken");
  expect_config_error(place, "2.io", "the vault is locked");
  expect_config_error(place, "3.io", "docker-credential-odd");
  expect_config_error(place, "3.io", "DOCKER_AUTH_CONFIG");
  assert_int_equal(runs_of(place, "broken"), 1);
  struct found found;
  find(place, &found, "3.io", "a");
  assert_null(strstr(found.err.message, "SECRET"));
}

static void a_canceled_find_says_so_and_spoils_nothing(void **state) {
  struct place *place = *state;
  helper(place, "slow", "while ! [ -e ${0%/*}/go ]; do sleep 0.02; done; " ANSWER("bob", "pw"));
  set(place, "DOCKER_AUTH_CONFIG", "{\"credsStore\":\"slow\"}");
  assert_int_equal(open_store(place, NULL, NULL), 0);
  struct found alone;
  int left = 1;
  start(place, &alone, "1.io", "a", &left);
  creds_cancel(alone.find);
  assert_int_equal(alone.done, 0);
  loop_run(place->loop);
  assert_int_equal(alone.err.code, ERR_CANCELED);
  /* one of two who wait for the same answer */
  struct found first, second;
  left = 1;
  int never = 100;
  start(place, &second, "1.io", "a", &never);
  start(place, &first, "1.io", "a", &left);
  file(place, "go", "");
  creds_cancel(first.find);
  loop_run(place->loop);
  assert_int_equal(first.err.code, ERR_CANCELED);
  if (!second.done) {
    second.left = &left;
    left = 1;
    loop_run(place->loop);
  }
  assert_string_equal(second.creds.user, "bob");
  creds_free(&second.creds);
}

/* Cancels once the helper is known to run. */
struct canceler {
  struct timer timer;
  struct place *place;
  struct found *found;
};

static void cancel_when_running(struct timer *timer) {
  struct canceler *canceler = list_entry(timer, struct canceler, timer);
  if (runs_of(canceler->place, "slow") == 0) {
    timer_start(canceler->place->loop, timer, 5);
    return;
  }
  creds_cancel(canceler->found->find);
}

static void the_last_to_give_up_ends_the_helper(void **state) {
  struct place *place = *state;
  helper(place, "slow", "[ -e ${0%/*}/go ] || exec sleep 1000; " ANSWER("bob", "pw"));
  set(place, "DOCKER_AUTH_CONFIG", "{\"credsStore\":\"slow\"}");
  assert_int_equal(open_store(place, NULL, NULL), 0);
  struct found found;
  int left = 1;
  start(place, &found, "1.io", "a", &left);
  struct canceler canceler = {.place = place, .found = &found};
  timer_init(&canceler.timer, cancel_when_running);
  timer_start(place->loop, &canceler.timer, 5);
  loop_run(place->loop);
  assert_int_equal(found.err.code, ERR_CANCELED);
  /* a later one gets a new run, and its answer */
  file(place, "go", "");
  expect(place, "1.io", "a", "bob", "docker-credential-slow");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)
  const struct CMUnitTest tests[] = {
      TEST(with_nothing_all_is_anonymous),
      TEST(sources_are_asked_host_by_host_in_order),
      TEST(an_authfile_excludes_the_other_files),
      TEST(the_environment_moves_the_folders),
      TEST(only_an_authfile_has_to_exist),
      TEST(a_file_that_is_wrong_is_named),
      TEST(a_file_above_1_mib_is_refused),
      TEST(ci_variables_come_last),
      TEST(a_job_token_does_without_a_user),
      TEST(a_helper_is_asked_once_a_host),
      TEST(a_helper_s_token_is_an_identity_token),
      TEST(a_helper_comes_before_auths_and_gives_way_to_them),
      TEST(a_helper_that_fails_is_an_error_that_names_it),
      TEST(a_canceled_find_says_so_and_spoils_nothing),
      TEST(the_last_to_give_up_ends_the_helper),
  };
  original_path = strdup(getenv("PATH"));
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  free(original_path);
  return failed;
}
