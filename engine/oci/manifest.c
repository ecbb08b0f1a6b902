#include "oci/manifest.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/text.h"
#include "oci/json.h"

#define SCHEMA1                                                                                    \
  "docker's schema 1 is not supported: pull the image and push it again with a current docker, "   \
  "or ask its publisher to"
#define ARTIFACT                                                                                   \
  "OCI's artifact manifest was withdrawn before OCI 1.1 and is not supported: ask its publisher "  \
  "for an image manifest"

/* All that are manifests, so not to be asked for as blobs. */
static const struct type {
  const char *name;
  enum oci_kind kind;
  const char *refusal; /* NULL: supported */
} types[] = {
    {OCI_TYPE_INDEX, OCI_INDEX, NULL},
    {OCI_TYPE_MANIFEST, OCI_MANIFEST, NULL},
    {DOCKER_TYPE_LIST, OCI_INDEX, NULL},
    {DOCKER_TYPE_MANIFEST, OCI_MANIFEST, NULL},
    {"application/vnd.docker.distribution.manifest.v1+json", 0, SCHEMA1},
    {"application/vnd.docker.distribution.manifest.v1+prettyjws", 0, SCHEMA1},
    {"application/vnd.oci.artifact.manifest.v1+json", 0, ARTIFACT},
};

/* NULL: no manifest's type, or none at all. */
static const struct type *find_type(const char *media_type) {
  if (!media_type)
    return NULL;
  size_t len = strcspn(media_type, "; \t");
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if (len == strlen(types[i].name) && strncasecmp(media_type, types[i].name, len) == 0)
      return &types[i];
  return NULL;
}

bool oci_type_is_manifest(const char *media_type) {
  const struct type *type = find_type(media_type);
  return type && !type->refusal;
}

bool oci_type_is_index(const char *media_type) {
  const struct type *type = find_type(media_type);
  return type && type->kind == OCI_INDEX;
}

/* Layers that their publisher wants fetched from elsewhere; without urls there is no elsewhere. */
static bool is_foreign(const char *media_type, const json_t *urls) {
  return json_array_size(urls) > 0 &&
         (text_starts(media_type, "application/vnd.docker.image.rootfs.foreign.diff.tar") ||
          text_starts(media_type, "application/vnd.oci.image.layer.nondistributable.v1."));
}

static bool has(const json_t *object, const char *key) {
  const json_t *member = json_object_get(object, key);
  return member && !json_is_null(member);
}

/* *media_type stays json's; "" where there is none. */
static int read_media_type(const json_t *json, const char **media_type, struct err *err) {
  *media_type = has(json, "mediaType") ? oci_json_text(json, "mediaType") : "";
  return *media_type ? 0 : err_set(err, ERR_PROTOCOL, "mediaType is not a string");
}

static int read_digest(const json_t *json, struct oci_digest *digest, struct err *err) {
  const char *text = oci_json_text(json, "digest");
  if (!text)
    return err_set(err, ERR_PROTOCOL, "no digest");
  return oci_digest_parse(text, strlen(text), digest, err);
}

static int read_descriptor(const json_t *json, struct oci_descriptor *item, struct err *err) {
  int status = read_digest(json, &item->digest, err);
  if (status == 0)
    status = read_media_type(json, &item->media_type, err);
  if (status != 0)
    return status;
  if (!oci_json_count(json_object_get(json, "size"), &item->size))
    return err_set(err, ERR_PROTOCOL, "size is not a whole number of bytes");
  return 0;
}

/* What the document is: by its own word, else by the server's, else by its shape. */
static int decide_type(const json_t *json, const char *content_type, const struct type **type,
                       struct err *err) {
  const char *own;
  int status = read_media_type(json, &own, err);
  if (status != 0)
    return status;
  if (json_integer_value(json_object_get(json, "schemaVersion")) == 1)
    return err_set(err, ERR_UNSUPPORTED, "%s", SCHEMA1);
  bool index = has(json, "manifests"), image = has(json, "config") || has(json, "layers");
  if (index && image) /* two readers could see two things: CVE-2021-41190 */
    return err_set(err, ERR_PROTOCOL, "it is an index and an image at once");
  *type = find_type(*own ? own : content_type);
  if (*type && (*type)->refusal)
    return err_set(err, ERR_UNSUPPORTED, "%s", (*type)->refusal);
  if (!*type && *own)
    return err_set(err, ERR_UNSUPPORTED, "manifests of type \"%s\" are not supported", own);
  if (!*type && !index && !image)
    return err_set(err, ERR_UNSUPPORTED, "it is neither an image nor an index");
  if (!*type)
    *type = find_type(index ? OCI_TYPE_INDEX : OCI_TYPE_MANIFEST);
  return 0;
}

/* Makes room behind the items for the strings that are json's up to now. */
static struct oci_manifest *adopt_strings(struct oci_manifest *m) {
  size_t fixed = sizeof *m + m->count * sizeof *m->items, room = fixed;
  for (size_t i = 0; i < m->count; i++)
    room += strlen(m->items[i].media_type) + 1;
  m = mem_realloc(m, room, 1);
  m->items = (struct oci_descriptor *)(m + 1);
  char *text = (char *)m + fixed;
  for (size_t i = 0; i < m->count; i++) {
    size_t len = strlen(m->items[i].media_type) + 1;
    memcpy(text, m->items[i].media_type, len);
    m->items[i].media_type = text;
    text += len;
  }
  return m;
}

static int read_items(const json_t *json, struct oci_manifest *m, struct err *err) {
  bool image = m->kind == OCI_MANIFEST;
  const char *name = image ? "layers" : "manifests";
  const json_t *list = json_object_get(json, name);
  for (size_t i = 0; i < m->count; i++) {
    struct oci_descriptor *item = &m->items[i];
    bool config = image && i == 0;
    size_t at = image ? i - 1 : i;
    const json_t *from = config ? json_object_get(json, "config") : json_array_get(list, at);
    int status = read_descriptor(from, item, err);
    if (status != 0) {
      if (config)
        err_prefix(err, "config");
      else
        err_prefix(err, "%s[%zu]", name, at);
      return status;
    }
    /* A child that can't be copied is a manifest too: reading it says so. */
    item->is_manifest = !image && find_type(item->media_type);
    item->foreign = image && !config && is_foreign(item->media_type, json_object_get(from, "urls"));
  }
  int status = 0;
  if (has(json, "subject") &&
      (status = read_digest(json_object_get(json, "subject"), &m->subject, err)) != 0)
    err_prefix(err, "subject");
  return status;
}

static int read_manifest(const char *content_type, const json_t *json,
                         struct oci_manifest **manifest, struct err *err) {
  if (!json_is_object(json))
    return err_set(err, ERR_PROTOCOL, "a manifest must be a JSON object");
  const struct type *type = NULL;
  int status = decide_type(json, content_type, &type, err);
  if (status != 0)
    return status;
  assert(type);
  bool image = type->kind == OCI_MANIFEST;
  const char *name = image ? "layers" : "manifests";
  const json_t *list = json_object_get(json, name);
  /* An empty list is null where a Go program wrote it; an artifact may leave layers out. */
  if (has(json, name) ? !json_is_array(list) : !image && !list)
    return err_set(err, ERR_PROTOCOL, "%s is not a list", name);
  size_t count = json_array_size(list) + image;
  struct oci_manifest *m = mem_zalloc(sizeof *m + count * sizeof *m->items);
  m->kind = type->kind;
  m->media_type = type->name;
  m->count = count;
  m->items = (struct oci_descriptor *)(m + 1);
  status = read_items(json, m, err);
  if (status != 0)
    oci_manifest_free(m);
  else
    *manifest = adopt_strings(m);
  return status;
}

static bool is_web_page(const char *bytes, size_t len) {
  size_t at = 0;
  while (at < len && strchr(" \t\r\n", bytes[at]))
    at++;
  return at < len && bytes[at] == '<';
}

int oci_manifest_parse(const char *content_type, const char *bytes, size_t len,
                       struct oci_manifest **manifest, struct err *err) {
  *manifest = NULL;
  json_t *json = oci_json_load(bytes, len, err);
  int status = json ? read_manifest(content_type, json, manifest, err) : -ERR_PROTOCOL;
  if (!json && is_web_page(bytes, len))
    err_set(err, ERR_PROTOCOL, "a web page: does a web proxy or firewall answer in its place?");
  json_decref(json);
  if (status != 0)
    err_prefix(err, "its manifest");
  return status;
}

void oci_manifest_free(struct oci_manifest *manifest) { free(manifest); }

int oci_manifest_check(const char *host, const struct oci_digest *digest, int64_t size,
                       const char *content_type, const char *bytes, size_t len,
                       struct oci_manifest **parsed, struct err *err) {
  struct oci_digest found;
  if (size >= 0 && (uint64_t)size != len)
    return err_set(err, ERR_DIGEST,
                   "%s: manifest %s has the wrong size: %zu bytes, where its index says %lld", host,
                   digest->text, len, (long long)size);
  oci_digest_of(digest->algorithm, bytes, len, &found);
  if (!oci_digest_equal(&found, digest))
    return err_set(err, ERR_DIGEST, "%s: manifest %s is corrupt: its bytes have the digest %s",
                   host, digest->text, found.text);
  int rc = oci_manifest_parse(content_type, bytes, len, parsed, err);
  if (rc < 0)
    err_prefix(err, "%s: manifest %s", host, digest->text);
  return rc;
}
