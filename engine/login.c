/* dray_login(), dray_logout(): credentials checked, kept and forgotten. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "dray.h"
#include "engine.h"
#include "net/call.h"
#include "net/creds_file.h"
#include "net/creds_write.h"
#include "oci/answer.h"

struct login {
  struct dray *dray;
  const char *registry;
  char *host; /* as in references */
  char *path; /* of the file */
  struct creds creds;
  bool keeps; /* else it forgets */
  struct call *call;
  struct creds_write *write;
  char *place;
};

static void cancel(void *arg) {
  struct login *login = arg;
  if (login->call)
    call_cancel(login->call);
  else if (login->write)
    creds_write_cancel(login->write);
}

/* -- what was asked -- */

static bool has_control(const char *text) {
  for (; *text; text++)
    if (iscntrl((unsigned char)*text))
      return true;
  return false;
}

static bool is_host(const char *text) {
  bool any = false;
  for (; *text; text++) {
    if (!isalnum((unsigned char)*text) && !strchr(".-_:[]", *text))
      return false;
    any = true;
  }
  return any;
}

static int check_registry(struct login *login, const char *registry, struct err *err) {
  const char *scheme = strstr(registry, "://"), *path = strchr(registry, '/');
  login->registry = registry;
  login->host = creds_host(registry);
  if (!is_host(login->host))
    return err_set(err, ERR_USAGE, "'%s' is not a registry's host, such as ghcr.io or lan:5000",
                   registry);
  if (!scheme && path && path[1])
    return err_set(err, ERR_USAGE, "%s: credentials are for a registry as a whole: write %s",
                   registry, login->host);
  login->path =
      creds_write_path(&(struct creds_options){.authfile = login->dray->options.authfile,
                                               .getenv = login->dray->options.getenv,
                                               .getenv_arg = login->dray->options.getenv_arg});
  if (!login->path)
    return err_set(err, ERR_CONFIG,
                   "there is no HOME, so no file for credentials: name one with --authfile");
  return 0;
}

static int check_user(struct login *login, const struct dray_login *asked, struct err *err) {
  if (!asked->user || !*asked->user || strchr(asked->user, ':') || has_control(asked->user))
    return err_set(err, ERR_USAGE,
                   "a user's name must not be empty, nor hold colons or control characters");
  if (!asked->password || !*asked->password || has_control(asked->password))
    return err_set(err, ERR_USAGE,
                   "a password must not be empty, nor hold line breaks or control characters");
  login->creds =
      (struct creds){.user = mem_strdup(asked->user), .password = mem_strdup(asked->password)};
  return 0;
}

/* -- where they are kept -- */

static const char *variable(const struct dray *dray, const char *name) {
  const char *value = dray->options.getenv(dray->options.getenv_arg, name);
  return value && *value ? value : NULL;
}

/* It is asked before docker's file. That it can be read has been seen when the engine began. */
static void warn_of_others(const struct login *login) {
  struct dray *dray = login->dray;
  const char *json = variable(dray, "DOCKER_AUTH_CONFIG");
  struct creds_file *file = NULL;
  if (!json || dray->options.authfile || variable(dray, "REGISTRY_AUTH_FILE"))
    return;
  if (creds_file_parse("DOCKER_AUTH_CONFIG", json, strlen(json), &file, NULL) == 0 &&
      (creds_file_helper(file, login->host) || creds_file_find(file, login->host, "")))
    log_at(&dray->log, LOG_WARN,
           "DOCKER_AUTH_CONFIG has credentials for %s, too, and they come first", login->host);
  creds_file_free(file);
}

static void on_written(void *arg, const char *place, const struct err *err) {
  struct login *login = arg;
  login->write = NULL;
  login->place = mem_strdup(place);
  if (err)
    login->dray->err = *err;
  else if (login->keeps)
    warn_of_others(login);
  loop_stop(login->dray->loop);
}

static void start_write(struct login *login) {
  login->write =
      creds_write_start(&(struct creds_write_spec){.loop = login->dray->loop,
                                                   .path = login->path,
                                                   .registry = login->registry,
                                                   .creds = login->keeps ? &login->creds : NULL,
                                                   .done = on_written,
                                                   .arg = login});
}

/* -- whether they are good -- */

static void fail(struct login *login) {
  struct err *err = &login->dray->err, was = *err;
  if (was.code == ERR_UNAUTHORIZED || was.code == ERR_DENIED)
    err_set(err, was.code,
            "%s: user %.200s and this password were refused (HTTP status %d), so nothing was "
            "stored: check both; many registries want an access token for a password",
            login->host, login->creds.user, was.http_status);
  else
    err_set(err, was.code, "%.900s; nothing was stored", was.message);
  err->http_status = was.http_status;
  memcpy(err->host, was.host, sizeof err->host);
  loop_stop(login->dray->loop);
}

static void on_checked(void *arg, const struct call_result *result) {
  struct login *login = arg;
  struct dray *dray = login->dray;
  login->call = NULL;
  if (oci_answer(result, login->host, "the check of the credentials", &dray->err) < 0) {
    fail(login);
    return;
  }
  if (!result->identity)
    log_at(&dray->log, LOG_WARN,
           "%s asks nobody for credentials, so that these could not be checked", login->host);
  start_write(login);
}

/* Without a scope, as docker has it: who is it, not what may they do? */
static void check(struct login *login) {
  struct dray *dray = login->dray;
  const struct oci_repo repo = {.host = login->host};
  creds_set(dray->creds, login->host, login->creds.user, login->creds.password, "this login");
  login->call =
      call_start(&(struct call_spec){.endpoint = transfer_endpoint(&dray->transfer, &repo),
                                     .method = "GET",
                                     .kind = GATE_LIST,
                                     .url = "/v2/",
                                     .path = "",
                                     .scopes = "",
                                     .done = on_checked,
                                     .arg = login});
}

static enum dray_status run(struct login *login, char **place) {
  struct dray *dray = login->dray;
  if (login->keeps)
    check(login);
  else
    start_write(login);
  engine_run(dray, cancel, login);
  *place = login->place;
  if (dray->err.code == ERR_NONE)
    return DRAY_OK;
  return dray->err.code == ERR_CONFIG && !login->keeps ? DRAY_USAGE : DRAY_FAILED;
}

static void login_free(struct login *login) {
  creds_free(&login->creds);
  free(login->host);
  free(login->path);
}

enum dray_status dray_login(struct dray *dray, const struct dray_login *asked, char **place) {
  struct login login = {.dray = dray, .keeps = true};
  enum dray_status status = DRAY_USAGE;
  *place = NULL;
  engine_begin(dray);
  if (check_registry(&login, asked->registry, &dray->err) == 0 &&
      check_user(&login, asked, &dray->err) == 0)
    status = run(&login, place);
  login_free(&login);
  return engine_end(dray, status);
}

enum dray_status dray_logout(struct dray *dray, const char *registry, char **place) {
  struct login login = {.dray = dray};
  enum dray_status status = DRAY_USAGE;
  *place = NULL;
  engine_begin(dray);
  if (check_registry(&login, registry, &dray->err) == 0)
    status = run(&login, place);
  login_free(&login);
  return engine_end(dray, status);
}
