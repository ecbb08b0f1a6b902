#include "net/creds_write.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "net/creds_edit.h"
#include "net/creds_file.h"
#include "net/creds_helper.h"
#include "net/process.h"

enum write_state {
  WRITE_LOOK,   /* who keeps them? */
  WRITE_HELPER, /* it is at work */
  WRITE_FILE,
  WRITE_END
};

struct creds_write {
  struct creds_write_spec spec;
  struct ready ready;
  enum write_state state;
  char *host;    /* as creds_host() spells it */
  char *program; /* the helper; NULL: none */
  char *input;   /* its; a secret */
  struct process *process;
  bool found; /* there was something to forget */
  struct err err;
};

static void become(struct creds_write *job, enum write_state state) {
  job->state = state;
  loop_ready(job->spec.loop, &job->ready);
}

static void end(struct creds_write *job) {
  const struct creds_write_spec *spec = &job->spec;
  const char *place = job->program ? job->program : spec->path;
  bool failed = job->err.code != ERR_NONE;
  spec->done(spec->arg, !failed && (spec->creds || job->found) ? place : NULL,
             failed ? &job->err : NULL);
  if (job->input)
    mem_wipe(job->input, strlen(job->input));
  free(job->input);
  free(job->program);
  free(job->host);
  free(job);
}

/* A missing file is an empty one. */
static int read_text(const struct creds_write *job, char **text, size_t *len, struct err *err) {
  struct err why;
  *len = 0;
  if (file_read(job->spec.path, CREDS_FILE_MAX, text, len, &why) == 0)
    return 0;
  *text = mem_strdup("");
  return why.code == ERR_NOT_FOUND ? 0
                                   : err_set(err, ERR_CONFIG, "credentials file: %s", why.message);
}

static void forget_text(char *text) {
  if (text)
    mem_wipe(text, strlen(text));
  free(text);
}

/* -- the helper -- */

static void look(struct creds_write *job) {
  struct creds_file *file = NULL;
  char *text;
  size_t len;
  int rc = read_text(job, &text, &len, &job->err);
  if (rc == 0)
    rc = creds_file_parse(job->spec.path, text, len, &file, &job->err);
  const char *name = rc == 0 ? creds_file_helper(file, job->host) : NULL;
  if (name)
    job->program = mem_printf("docker-credential-%s", name);
  become(job, rc < 0 ? WRITE_END : name ? WRITE_HELPER : WRITE_FILE);
  creds_file_free(file);
  forget_text(text);
}

static void fail(struct creds_write *job, const char *why) {
  err_set(&job->err, ERR_CONFIG, "%s (named in %s) could not %s the credentials for %s: %s",
          job->program, job->spec.path, job->spec.creds ? "store" : "erase", job->host, why);
  become(job, WRITE_END);
}

/* What it was given, as it is or as it stands in the input. */
static bool quotes_secret(const struct creds_write *job, const char *text) {
  if (!job->spec.creds)
    return false;
  json_t *secret = json_string(job->spec.creds->password);
  char *escaped = json_dumps(secret, JSON_ENCODE_ANY);
  size_t len = strlen(escaped);
  escaped[len - 1] = '\0'; /* without its quotes */
  bool quotes = strstr(text, escaped + 1) || strstr(text, job->spec.creds->password);
  mem_wipe(escaped, len);
  free(escaped);
  json_decref(secret);
  return quotes;
}

static void fail_with(struct creds_write *job, int status, const struct buf *output) {
  char line[200], why[260];
  creds_helper_complaint(line, output);
  if (quotes_secret(job, buf_str(output)))
    snprintf(line, sizeof line, "its complaint quotes the secret");
  snprintf(why, sizeof why, "exit status %d%s%s", status, *line ? ": " : "", line);
  fail(job, why);
}

static void on_process(void *arg, int status, const struct buf *output, const struct err *err) {
  struct creds_write *job = arg;
  job->process = NULL;
  if (err && err->code == ERR_CANCELED) {
    job->err = *err;
    become(job, WRITE_END);
  } else if (err) {
    fail(job, err->code == ERR_NOT_FOUND ? "it is not installed" : err->message);
  } else if (status != 0 && (job->spec.creds || !creds_helper_has_none(output))) {
    fail_with(job, status, output);
  } else {
    job->found = status == 0;
    become(job, WRITE_FILE);
  }
}

/* The caller's; a secret. NULL: user or password are no text. */
static char *store_input(const struct creds_write *job) {
  json_t *all = json_object();
  json_object_set_new(all, "ServerURL", json_string(creds_helper_server(job->host)));
  json_object_set_new(all, "Username", json_string(job->spec.creds->user));
  json_object_set_new(all, "Secret", json_string(job->spec.creds->password));
  char *text = json_object_size(all) == 3 ? json_dumps(all, JSON_COMPACT) : NULL;
  json_decref(all);
  return text;
}

static void ask_helper(struct creds_write *job) {
  const char *argv[] = {job->program, job->spec.creds ? "store" : "erase", NULL};
  job->input = job->spec.creds ? store_input(job) : mem_strdup(creds_helper_server(job->host));
  if (!job->input) {
    fail(job, "user and password must be UTF-8");
    return;
  }
  job->process =
      process_start(job->spec.loop, &(struct process_spec){.argv = argv,
                                                           .input = job->input,
                                                           .output_max = CREDS_HELPER_OUTPUT_MAX,
                                                           .timeout_ms = CREDS_HELPER_TIMEOUT_MS,
                                                           .done = on_process,
                                                           .arg = job});
}

/* -- the file -- */

/* So that of two who change it at once none undoes the other's change. -1: no lock, as where the
 * folder is not there yet. */
static int lock_folder(const char *path) {
  const char *slash = strrchr(path, '/');
  char *folder = slash ? mem_strndup(path, (size_t)(slash - path) + 1) : mem_strdup(".");
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0)
    flock(fd, LOCK_EX);
  free(folder);
  return fd;
}

static void change_file(struct creds_write *job) {
  const struct creds_write_spec *spec = &job->spec;
  enum creds_edit edit = !spec->creds ? CREDS_DROP : job->program ? CREDS_MARK : CREDS_KEEP;
  char *text, *changed = NULL;
  size_t len;
  bool found = false;
  int lock = lock_folder(spec->path);
  int rc = read_text(job, &text, &len, &job->err);
  if (rc == 0)
    rc = creds_edit(spec->path, text, len, spec->registry, edit, spec->creds, &changed, &found,
                    &job->err);
  if (rc == 0 && changed)
    file_write_secret(spec->path, changed, strlen(changed), &job->err);
  if (lock >= 0)
    close(lock);
  job->found = job->found || found;
  forget_text(changed);
  forget_text(text);
  become(job, WRITE_END);
}

/* -- the job -- */

static void step(struct ready *ready) {
  struct creds_write *job = list_entry(ready, struct creds_write, ready);
  switch (job->state) {
  case WRITE_LOOK:
    look(job);
    return;
  case WRITE_HELPER:
    ask_helper(job);
    return;
  case WRITE_FILE:
    change_file(job);
    return;
  case WRITE_END:
    end(job);
    return;
  }
}

struct creds_write *creds_write_start(const struct creds_write_spec *spec) {
  struct creds_write *job = mem_zalloc(sizeof *job);
  job->spec = *spec;
  job->host = creds_host(spec->registry);
  ready_init(&job->ready, step);
  become(job, WRITE_LOOK);
  return job;
}

/* Without a helper at work the end is near anyway. */
void creds_write_cancel(struct creds_write *job) {
  if (job->process)
    process_cancel(job->process);
}

char *creds_write_path(const struct creds_options *options) {
  static const struct {
    const char *variable, *below;
  } places[] = {{"REGISTRY_AUTH_FILE", ""},
                {"DOCKER_CONFIG", "/config.json"},
                {"HOME", "/.docker/config.json"}};
  if (options->authfile)
    return mem_strdup(options->authfile);
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    const char *value = options->getenv(options->getenv_arg, places[i].variable);
    if (value && *value)
      return mem_printf("%s%s", value, places[i].below);
  }
  return NULL;
}
