#include "net/creds_file.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

struct entry {
  char *host;
  char *path;  /* without slashes around it; "": all of the host */
  bool is_url; /* the key had a scheme: docker's old spelling, whose path means nothing */
  struct creds creds;
};

struct helper {
  char *host;
  char *name;
};

struct creds_file {
  char *name;
  struct entry *entries;
  size_t entry_count;
  struct helper *helpers;
  size_t helper_count;
  char *store; /* credsStore, or NULL */
};

static int malformed(const struct creds_file *file, struct err *err, const char *key,
                     const char *why) {
  return err_set(err, ERR_CONFIG, "credentials file %s: %s: %s", file->name, key, why);
}

/* A string that may be missing or empty: then *value is NULL. */
static int read_string(const struct creds_file *file, const json_t *object, const char *key,
                       char **value, struct err *err) {
  const json_t *json = json_object_get(object, key);
  *value = NULL;
  if (json && !json_is_null(json) && !json_is_string(json))
    return malformed(file, err, key, "not a string");
  const char *text = json_string_value(json);
  if (text && *text)
    *value = mem_strdup(text);
  return 0;
}

/* base64 of user:password; a password may have colons, and NULs behind it (docker pads so). */
static bool read_auth(const char *auth, struct creds *creds) {
  size_t len = 0;
  char *plain = text_unbase64(auth, &len);
  if (!plain)
    return false;
  char *colon = memchr(plain, ':', len);
  size_t text_len = strlen(plain);
  bool ok = colon && (size_t)(colon - plain) < text_len;
  for (size_t i = text_len; i < len; i++)
    ok = ok && plain[i] == '\0';
  if (ok && text_len > 1) { /* ":" alone says nothing */
    creds_free(creds);
    creds->user = mem_strndup(plain, (size_t)(colon - plain));
    creds->password = mem_strdup(colon + 1);
  }
  mem_wipe(plain, len);
  free(plain);
  return ok;
}

static bool is_visible(const char *text) {
  for (; *text; text++)
    if (*text <= ' ' || *text > '~')
      return false;
  return true;
}

static int read_entry(const struct creds_file *file, const char *key, const json_t *json,
                      struct creds *creds, struct err *err) {
  if (!json_is_object(json) && !json_is_null(json))
    return malformed(file, err, key, "not an object");
  char *auth = NULL;
  int rc = read_string(file, json, "username", &creds->user, err);
  if (rc == 0)
    rc = read_string(file, json, "password", &creds->password, err);
  if (rc == 0)
    rc = read_string(file, json, "auth", &auth, err);
  if (rc == 0 && auth && !read_auth(auth, creds))
    rc = malformed(file, err, key, "its auth is not base64 of USER:PASSWORD");
  if (rc == 0)
    rc = read_string(file, json, "identitytoken", &creds->identity_token, err);
  if (rc == 0)
    rc = read_string(file, json, "registrytoken", &creds->registry_token, err);
  if (rc == 0 && creds->registry_token && !is_visible(creds->registry_token))
    rc = malformed(file, err, key, "its registrytoken has blanks or control characters");
  if (auth)
    mem_wipe(auth, strlen(auth));
  free(auth);
  return rc;
}

/* HOST/NAMESPACE/REPO has a path; https://HOST/v1/ has none that counts, nor has HOST/v1/. */
static char *path_of(const char *key, bool is_url) {
  const char *slash = is_url ? NULL : strchr(key, '/');
  if (!slash || text_same(slash, "/v1/") || text_same(slash, "/v2/"))
    return mem_strdup("");
  slash += strspn(slash, "/");
  size_t len = strlen(slash);
  while (len && slash[len - 1] == '/')
    len--;
  return mem_strndup(slash, len);
}

bool creds_file_key_is_host(const char *key, const char *host) {
  char *named = creds_host(key), *path = path_of(key, strstr(key, "://") != NULL);
  bool is = strcmp(named, host) == 0 && !*path;
  free(named);
  free(path);
  return is;
}

static int read_auths(struct creds_file *file, const json_t *auths, struct err *err) {
  if (auths && !json_is_object(auths) && !json_is_null(auths))
    return malformed(file, err, "auths", "not an object");
  file->entries = mem_alloc(json_object_size(auths) * sizeof *file->entries);
  const char *key;
  json_t *json;
  json_object_foreach((json_t *)auths, key, json) {
    struct entry *entry = &file->entries[file->entry_count++];
    bool is_url = strstr(key, "://") != NULL;
    *entry =
        (struct entry){.host = creds_host(key), .path = path_of(key, is_url), .is_url = is_url};
    int rc = read_entry(file, key, json, &entry->creds, err);
    if (rc != 0)
      return rc;
    entry->creds.origin = mem_strdup(file->name);
  }
  return 0;
}

/* It becomes part of a program's name: nothing in it may lead elsewhere. */
static bool is_helper_name(const char *name) {
  for (; *name; name++)
    if (!((*name >= '0' && *name <= '9') || (*name >= 'a' && *name <= 'z') ||
          (*name >= 'A' && *name <= 'Z') || strchr("._-", *name)))
      return false;
  return true;
}

static int read_helper(const struct creds_file *file, const json_t *object, const char *key,
                       char **name, struct err *err) {
  int rc = read_string(file, object, key, name, err);
  if (rc == 0 && *name && !is_helper_name(*name))
    rc = malformed(file, err, key, "not the name of a credential helper");
  return rc;
}

static int read_helpers(struct creds_file *file, const json_t *root, struct err *err) {
  const json_t *helpers = json_object_get(root, "credHelpers");
  if (helpers && !json_is_object(helpers) && !json_is_null(helpers))
    return malformed(file, err, "credHelpers", "not an object");
  file->helpers = mem_alloc(json_object_size(helpers) * sizeof *file->helpers);
  const char *key;
  json_t *json;
  json_object_foreach((json_t *)helpers, key, json) {
    struct helper *helper = &file->helpers[file->helper_count++];
    *helper = (struct helper){.host = creds_host(key)};
    int rc = read_helper(file, helpers, key, &helper->name, err);
    if (rc != 0)
      return rc;
  }
  return read_helper(file, root, "credsStore", &file->store, err);
}

static bool is_empty(const char *text, size_t len) {
  for (size_t i = 0; i < len; i++)
    if (!strchr(" \t\r\n", text[i]) || !text[i])
      return false;
  return true;
}

int creds_file_parse(const char *name, const char *text, size_t len, struct creds_file **out,
                     struct err *err) {
  struct creds_file *file = mem_zalloc(sizeof *file);
  file->name = mem_strdup(name);
  *out = NULL;
  if (is_empty(text, len)) {
    *out = file;
    return 0;
  }
  json_error_t where; /* its text may quote a secret */
  json_t *root = json_loadb(text, len, 0, &where);
  int rc;
  if (!root)
    rc = err_set(err, ERR_CONFIG, "credentials file %s:%d:%d: not valid JSON", name, where.line,
                 where.column);
  else if (!json_is_object(root))
    rc = err_set(err, ERR_CONFIG, "credentials file %s: not a JSON object", name);
  else if ((rc = read_auths(file, json_object_get(root, "auths"), err)) == 0)
    rc = read_helpers(file, root, err);
  json_decref(root);
  if (rc == 0)
    *out = file;
  else
    creds_file_free(file);
  return rc;
}

void creds_file_free(struct creds_file *file) {
  if (!file)
    return;
  for (size_t i = 0; i < file->entry_count; i++) {
    creds_free(&file->entries[i].creds);
    free(file->entries[i].host);
    free(file->entries[i].path);
  }
  for (size_t i = 0; i < file->helper_count; i++) {
    free(file->helpers[i].host);
    free(file->helpers[i].name);
  }
  free(file->entries);
  free(file->helpers);
  free(file->store);
  free(file->name);
  free(file);
}

const char *creds_file_name(const struct creds_file *file) { return file->name; }

const char *creds_file_helper(const struct creds_file *file, const char *host) {
  for (size_t i = 0; i < file->helper_count; i++)
    if (file->helpers[i].name && strcmp(file->helpers[i].host, host) == 0)
      return file->helpers[i].name;
  return file->store;
}

static bool is_below(const char *path, const char *folder) {
  size_t len = strlen(folder);
  return len == 0 || (strncmp(path, folder, len) == 0 && (path[len] == '\0' || path[len] == '/'));
}

static bool is_better(const struct entry *a, const struct entry *b) {
  size_t a_len = strlen(a->path), b_len = strlen(b->path);
  return a_len != b_len ? a_len > b_len : !a->is_url && b->is_url;
}

const struct creds *creds_file_find(const struct creds_file *file, const char *host,
                                    const char *path) {
  const struct entry *best = NULL;
  for (size_t i = 0; i < file->entry_count; i++) {
    const struct entry *entry = &file->entries[i];
    if (strcmp(entry->host, host) == 0 && is_below(path, entry->path) &&
        !creds_is_anonymous(&entry->creds) && (!best || is_better(entry, best)))
      best = entry;
  }
  return best ? &best->creds : NULL;
}
