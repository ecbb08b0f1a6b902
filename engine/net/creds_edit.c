#include "net/creds_edit.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "net/creds_file.h"

char *creds_edit_key(const char *registry) {
  char *host = creds_host(registry);
  bool hub = strcmp(host, "docker.io") == 0;
  free(host);
  if (hub)
    return mem_strdup("https://index.docker.io/v1/");
  const char *scheme = strstr(registry, "://");
  const char *start = scheme ? scheme + 3 : registry;
  return mem_strndup(start, strcspn(start, "/"));
}

/* "auth" for CREDS_KEEP, else NULL. What else the entry says of who to be would win over it. */
static json_t *edited(const json_t *entry, const char *auth) {
  static const char *const secrets[] = {"auth", "username", "password", "identitytoken",
                                        "registrytoken"};
  json_t *copy = json_is_object(entry) ? json_copy((json_t *)entry) : json_object();
  for (size_t i = auth ? 1 : 0; i < sizeof secrets / sizeof *secrets; i++)
    json_object_del(copy, secrets[i]);
  if (auth)
    json_object_set_new(copy, "auth", json_string(auth));
  return copy;
}

static json_t *edited_auths(const json_t *auths, const char *registry, enum creds_edit edit,
                            const char *auth, bool *found) {
  char *host = creds_host(registry), *own = creds_edit_key(registry);
  json_t *copy = json_object(), *entry;
  const char *key;
  json_object_foreach((json_t *)auths, key, entry) {
    bool is_it = creds_file_key_is_host(key, host);
    *found = *found || is_it;
    if (!is_it)
      json_object_set(copy, key, entry);
    else if (edit != CREDS_DROP)
      json_object_set_new(copy, key, edited(entry, auth));
  }
  if (edit != CREDS_DROP && !json_object_get(copy, own))
    json_object_set_new(copy, own, edited(NULL, auth));
  free(own);
  free(host);
  return copy;
}

/* As docker writes it, with tabs. No string has a line break of its own. */
static char *dump(const json_t *root) {
  char *text = json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
  for (char *c = text; *c; c++)
    for (bool begins = c == text || c[-1] == '\n'; begins && *c == ' '; c++)
      *c = '\t';
  char *whole = mem_printf("%s\n", text);
  mem_wipe(text, strlen(text));
  free(text);
  return whole;
}

static char *basic(const struct creds *creds) {
  char *pair = mem_printf("%s:%s", creds->user, creds->password);
  char *encoded = text_base64(pair, strlen(pair));
  mem_wipe(pair, strlen(pair));
  free(pair);
  return encoded;
}

int creds_edit(const char *name, const char *text, size_t len, const char *registry,
               enum creds_edit edit, const struct creds *creds, char **changed, bool *found,
               struct err *err) {
  struct creds_file *file;
  *changed = NULL;
  *found = false;
  int rc = creds_file_parse(name, text, len, &file, err);
  if (rc < 0)
    return rc;
  creds_file_free(file);
  json_t *root = json_loadb(text, len, 0, NULL); /* NULL: nothing but blanks */
  json_t *after = root ? json_copy(root) : json_object();
  char *auth = edit == CREDS_KEEP ? basic(creds) : NULL;
  json_t *auths = edited_auths(json_object_get(root, "auths"), registry, edit, auth, found);
  if (edit != CREDS_DROP || *found)
    json_object_set(after, "auths", auths);
  if (root ? !json_equal(root, after) : edit != CREDS_DROP)
    *changed = dump(after);
  if (auth)
    mem_wipe(auth, strlen(auth));
  free(auth);
  json_decref(auths);
  json_decref(after);
  json_decref(root);
  return 0;
}
