#include "net/creds_helper.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "net/process.h"

struct creds_helper {
  char *program;
  char *host;
  char *named_by;
  struct loop *loop;
  struct process *process; /* NULL: not running */
  struct list waits;
  bool answered;
  struct creds creds;
  struct err err; /* of the answer */
};

struct creds_helper *creds_helper_new(const char *name, const char *host, const char *named_by) {
  struct creds_helper *helper = mem_zalloc(sizeof *helper);
  helper->program = mem_printf("docker-credential-%s", name);
  helper->host = mem_strdup(host);
  helper->named_by = mem_strdup(named_by);
  list_init(&helper->waits);
  return helper;
}

void creds_helper_free(struct creds_helper *helper) {
  creds_free(&helper->creds);
  free(helper->program);
  free(helper->host);
  free(helper->named_by);
  free(helper);
}

void creds_wait_init(struct creds_wait *wait, struct ready *ready) {
  list_init(&wait->node);
  wait->ready = ready;
}

static void fail(struct creds_helper *helper, const char *why) {
  err_set(&helper->err, ERR_CONFIG, "no credentials for %s from %s (named in %s): %s", helper->host,
          helper->program, helper->named_by, why);
}

static void read_answer(struct creds_helper *helper, const struct buf *output) {
  json_t *answer = json_loadb(buf_str(output), output->len, 0, NULL);
  const char *user = json_string_value(json_object_get(answer, "Username"));
  const char *secret = json_string_value(json_object_get(answer, "Secret"));
  if (!user || !secret) {
    fail(helper, "its answer is not JSON with Username and Secret");
  } else if (*user || *secret) {
    bool is_token = strcmp(user, "<token>") == 0;
    helper->creds = (struct creds){
        .user = mem_strdup(user),
        .password = is_token ? NULL : mem_strdup(secret),
        .identity_token = is_token ? mem_strdup(secret) : NULL,
        .origin = mem_strdup(helper->program),
    };
  }
  json_decref(answer);
}

const char *creds_helper_server(const char *host) {
  return strcmp(host, "docker.io") == 0 ? "https://index.docker.io/v1/" : host;
}

bool creds_helper_has_none(const struct buf *output) {
  return strstr(buf_str(output), "credentials not found") != NULL;
}

char *creds_helper_complaint(char dst[200], const struct buf *output) {
  const char *text = buf_str(output);
  text += strspn(text, " \t\r\n");
  text_printable(dst, 200, text, strcspn(text, "\r\n"));
  return dst;
}

/* None prints a secret there that it failed to get. */
static void read_failure(struct creds_helper *helper, int status, const struct buf *output) {
  if (creds_helper_has_none(output))
    return;
  char line[200], why[260];
  creds_helper_complaint(line, output);
  snprintf(why, sizeof why, "exit status %d%s%s", status, *line ? ": " : "", line);
  fail(helper, why);
}

static void on_process(void *arg, int status, const struct buf *output, const struct err *err) {
  struct creds_helper *helper = arg;
  helper->process = NULL;
  helper->answered = !err || err->code != ERR_CANCELED;
  if (err)
    fail(helper, err->code == ERR_NOT_FOUND ? "it is not installed" : err->message);
  else if (status != 0)
    read_failure(helper, status, output);
  else
    read_answer(helper, output);
  struct list *node;
  while ((node = list_pop(&helper->waits)))
    loop_ready(helper->loop, list_entry(node, struct creds_wait, node)->ready);
}

static void start(struct creds_helper *helper, struct loop *loop) {
  const char *argv[] = {helper->program, "get", NULL};
  const struct process_spec spec = {
      .argv = argv,
      .input = creds_helper_server(helper->host),
      .output_max = CREDS_HELPER_OUTPUT_MAX,
      .timeout_ms = CREDS_HELPER_TIMEOUT_MS,
      .done = on_process,
      .arg = helper,
  };
  helper->loop = loop;
  helper->err = (struct err){0};
  helper->process = process_start(loop, &spec);
}

bool creds_helper_get(struct creds_helper *helper, struct loop *loop, struct creds_wait *wait,
                      const struct creds **creds, const struct err **err) {
  if (helper->answered) {
    bool failed = helper->err.code != ERR_NONE;
    *creds = failed ? NULL : &helper->creds;
    *err = failed ? &helper->err : NULL;
    return true;
  }
  if (!helper->process)
    start(helper, loop);
  list_push(&helper->waits, &wait->node);
  return false;
}

void creds_helper_leave(struct creds_helper *helper, struct creds_wait *wait) {
  if (list_empty(&wait->node))
    return; /* its ready is queued already */
  bool alone = helper->waits.next == helper->waits.prev;
  if (alone) {
    process_cancel(helper->process);
  } else {
    list_remove(&wait->node);
    loop_ready(helper->loop, wait->ready);
  }
}
