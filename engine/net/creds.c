#include "net/creds.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"
#include "net/creds_file.h"
#include "net/creds_helper.h"

enum { FILES_MAX = 5, CI_MAX = 2 };

struct ci {
  char *host;
  struct creds creds;
};

struct creds_store {
  struct map *set;                     /* host → struct creds */
  struct creds_file *files[FILES_MAX]; /* in the order in which they are asked */
  size_t file_count;
  struct map *helpers; /* "NAME HOST" → struct creds_helper */
  struct ci ci[CI_MAX];
  size_t ci_count;
};

struct creds_find {
  struct creds_store *store;
  struct loop *loop;
  char *host, *path;
  creds_done_fn *done;
  void *arg;
  struct ready ready;
  size_t file; /* the next to be asked */
  struct creds_helper *helper;
  struct creds_wait wait;
  bool canceled;
};

/* -- plain values -- */

static void wipe(char *secret) {
  if (secret)
    mem_wipe(secret, strlen(secret));
  free(secret);
}

void creds_free(struct creds *creds) {
  wipe(creds->user);
  wipe(creds->password);
  wipe(creds->identity_token);
  wipe(creds->registry_token);
  free(creds->origin);
  *creds = (struct creds){0};
}

void creds_copy(struct creds *to, const struct creds *from) {
  *to = (struct creds){
      .user = mem_strdup(from->user),
      .password = mem_strdup(from->password),
      .identity_token = mem_strdup(from->identity_token),
      .registry_token = mem_strdup(from->registry_token),
      .origin = mem_strdup(from->origin),
      .from_ci = from->from_ci,
  };
}

bool creds_is_anonymous(const struct creds *creds) {
  return !creds->password && !creds->identity_token && !creds->registry_token;
}

char *creds_basic(const struct creds *creds) {
  const char *user = creds->user ? creds->user : "";
  const char *password = creds->password ? creds->password : "";
  if (creds->identity_token && !*user)
    user = "<token>";
  if (creds->identity_token && !*password)
    password = creds->identity_token;
  char *pair = mem_printf("%s:%s", user, password);
  char *encoded = text_base64(pair, strlen(pair));
  char *header = mem_printf("Basic %s", encoded);
  mem_wipe(pair, strlen(pair));
  free(pair);
  mem_wipe(encoded, strlen(encoded));
  free(encoded);
  return header;
}

static bool is_in(const char *secret, const char *text) {
  return secret && *secret && strstr(text, secret);
}

bool creds_are_in(const struct creds *creds, const char *text) {
  char *sent = creds_basic(creds);
  bool found = is_in(creds->password, text) || is_in(creds->identity_token, text) ||
               is_in(creds->registry_token, text) || is_in(sent + strlen("Basic "), text);
  mem_wipe(sent, strlen(sent));
  free(sent);
  return found;
}

char *creds_host(const char *text) {
  const char *scheme = strstr(text, "://");
  const char *start = scheme ? scheme + 3 : text;
  char *host = mem_strndup(start, strcspn(start, "/"));
  for (char *c = host; *c; c++)
    if (*c >= 'A' && *c <= 'Z')
      *c = (char)(*c + 32);
  if (text_ends(host, ":443"))
    host[strlen(host) - 4] = '\0';
  if (strcmp(host, "index.docker.io") == 0 || strcmp(host, "registry-1.docker.io") == 0) {
    free(host);
    host = mem_strdup("docker.io");
  }
  return host;
}

/* -- the sources -- */

static void creds_free_value(void *value) {
  creds_free(value);
  free(value);
}

static void helper_free_value(void *value) { creds_helper_free(value); }

static const char *env(const struct creds_options *options, const char *name) {
  const char *value = options->getenv(options->getenv_arg, name);
  return value && *value ? value : NULL;
}

static int add_text(struct creds_store *store, const char *name, const char *text, size_t len,
                    struct err *err) {
  int rc = creds_file_parse(name, text, len, &store->files[store->file_count], err);
  if (rc == 0)
    store->file_count++;
  return rc;
}

static int add_file(struct creds_store *store, const char *path, bool must_exist, struct err *err) {
  char *text;
  size_t len;
  struct err why;
  if (file_read(path, CREDS_FILE_MAX, &text, &len, &why) != 0) {
    if (why.code == ERR_NOT_FOUND && !must_exist)
      return 0;
    return err_set(err, ERR_CONFIG, "credentials file: %s", why.message);
  }
  int rc = add_text(store, path, text, len, err);
  mem_wipe(text, len);
  free(text);
  return rc;
}

/* folder NULL: there is no such file. */
static int add_default(struct creds_store *store, const char *folder, const char *name,
                       struct err *err) {
  if (!folder)
    return 0;
  char *path = mem_printf("%s/%s", folder, name);
  int rc = add_file(store, path, false, err);
  free(path);
  return rc;
}

static int add_files(struct creds_store *store, const struct creds_options *options,
                     struct err *err) {
  const char *home = env(options, "HOME");
  const char *named = env(options, "REGISTRY_AUTH_FILE");
  const char *json = env(options, "DOCKER_AUTH_CONFIG");
  const char *docker = env(options, "DOCKER_CONFIG");
  const char *runtime = env(options, "XDG_RUNTIME_DIR");
  const char *config = env(options, "XDG_CONFIG_HOME");
  if (options->authfile)
    return add_file(store, options->authfile, !options->authfile_may_be_missing, err);
  int rc = named ? add_file(store, named, false, err) : 0;
  if (rc == 0 && json)
    rc = add_text(store, "DOCKER_AUTH_CONFIG", json, strlen(json), err);
  if (rc == 0)
    rc = docker ? add_default(store, docker, "config.json", err)
                : add_default(store, home, ".docker/config.json", err);
  if (rc == 0 && runtime)
    rc = add_default(store, runtime, "containers/auth.json", err);
  if (rc == 0 && !runtime) { /* where podman and skopeo put it for root */
    char *folder = mem_printf("/run/containers/%lu", (unsigned long)getuid());
    rc = add_default(store, folder, "auth.json", err);
    free(folder);
  }
  if (rc == 0)
    rc = config ? add_default(store, config, "containers/auth.json", err)
                : add_default(store, home, ".config/containers/auth.json", err);
  return rc;
}

static void add_ci(struct creds_store *store, const char *host, const char *user,
                   const char *password, const char *origin) {
  store->ci[store->ci_count++] = (struct ci){
      .host = creds_host(host),
      .creds = {.user = mem_strdup(user),
                .password = mem_strdup(password),
                .origin = mem_strdup(origin),
                .from_ci = true},
  };
}

static void add_cis(struct creds_store *store, const struct creds_options *options) {
  const char *actor = env(options, "GITHUB_ACTOR"), *token = env(options, "GITHUB_TOKEN");
  if (actor && token)
    add_ci(store, "ghcr.io", actor, token, "GITHUB_TOKEN");
  const char *host = env(options, "CI_REGISTRY");
  const char *user = env(options, "CI_REGISTRY_USER");
  const char *password = env(options, "CI_REGISTRY_PASSWORD");
  const char *job = env(options, "CI_JOB_TOKEN");
  if (host && user && password)
    add_ci(store, host, user, password, "CI_REGISTRY_PASSWORD");
  else if (host && job)
    add_ci(store, host, "gitlab-ci-token", job, "CI_JOB_TOKEN");
}

int creds_new(const struct creds_options *options, struct creds_store **out, struct err *err) {
  struct creds_store *store = mem_zalloc(sizeof *store);
  store->set = map_new();
  store->helpers = map_new();
  int rc = add_files(store, options, err);
  if (rc == 0) {
    add_cis(store, options);
  } else {
    creds_store_free(store);
    store = NULL;
  }
  *out = store;
  return rc;
}

void creds_store_free(struct creds_store *store) {
  if (!store)
    return;
  map_free(store->set, creds_free_value);
  map_free(store->helpers, helper_free_value);
  for (size_t i = 0; i < store->file_count; i++)
    creds_file_free(store->files[i]);
  for (size_t i = 0; i < store->ci_count; i++) {
    creds_free(&store->ci[i].creds);
    free(store->ci[i].host);
  }
  free(store);
}

void creds_set(struct creds_store *store, const char *host, const char *user, const char *password,
               const char *origin) {
  struct creds *creds = mem_zalloc(sizeof *creds);
  creds->user = mem_strdup(user);
  creds->password = mem_strdup(password);
  creds->origin = mem_strdup(origin);
  char *key = creds_host(host);
  struct creds *old = map_put(store->set, key, creds);
  if (old)
    creds_free_value(old);
  free(key);
}

/* -- finding -- */

static void finish(struct creds_find *find, const struct creds *creds, const struct err *err) {
  find->done(find->arg, err ? NULL : creds, err);
  free(find->host);
  free(find->path);
  free(find);
}

static struct creds_helper *helper_for(struct creds_find *find, const struct creds_file *file) {
  const char *name = creds_file_helper(file, find->host);
  if (!name)
    return NULL;
  char *key = mem_printf("%s %s", name, find->host);
  struct creds_helper *helper = map_get(find->store->helpers, key);
  if (!helper) {
    helper = creds_helper_new(name, find->host, creds_file_name(file));
    map_put(find->store->helpers, key, helper);
  }
  free(key);
  return helper;
}

static const struct creds *find_ci(const struct creds_find *find) {
  for (size_t i = 0; i < find->store->ci_count; i++)
    if (strcmp(find->store->ci[i].host, find->host) == 0)
      return &find->store->ci[i].creds;
  return NULL;
}

/* Runs again from the file that it stopped at when a helper has answered. */
static void on_ready(struct ready *ready) {
  struct creds_find *find = list_entry(ready, struct creds_find, ready);
  const struct err *err = NULL;
  const struct creds *creds = map_get(find->store->set, find->host);
  if (find->canceled) {
    struct err canceled;
    err_set(&canceled, ERR_CANCELED, "canceled");
    finish(find, NULL, &canceled);
    return;
  }
  for (; !creds && find->file < find->store->file_count; find->file++) {
    const struct creds_file *file = find->store->files[find->file];
    find->helper = helper_for(find, file);
    if (find->helper && !creds_helper_get(find->helper, find->loop, &find->wait, &creds, &err))
      return;
    if (err)
      break;
    if (!creds || creds_is_anonymous(creds))
      creds = creds_file_find(file, find->host, find->path);
  }
  if (!creds)
    creds = find_ci(find);
  finish(find, creds ? creds : &(struct creds){0}, err);
}

struct creds_find *creds_find(struct creds_store *store, struct loop *loop, const char *host,
                              const char *path, creds_done_fn *done, void *arg) {
  struct creds_find *find = mem_zalloc(sizeof *find);
  find->store = store;
  find->loop = loop;
  find->host = creds_host(host);
  find->path = mem_strdup(path);
  find->done = done;
  find->arg = arg;
  ready_init(&find->ready, on_ready);
  creds_wait_init(&find->wait, &find->ready);
  loop_ready(loop, &find->ready);
  return find;
}

void creds_cancel(struct creds_find *find) {
  find->canceled = true;
  if (find->helper)
    creds_helper_leave(find->helper, &find->wait);
}
