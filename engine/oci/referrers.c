#include "oci/referrers.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "oci/json.h"
#include "oci/json_list.h"
#include "oci/manifest.h"

enum { HEX_MAX = 64 }; /* letters of a digest in a tag */

const char *const oci_cosign_suffixes[] = {".sig", ".att", ".sbom", NULL};

char *oci_path_referrers(const struct oci_repo *repo, const struct oci_digest *digest) {
  return mem_printf("/v2/%s/referrers/%s", repo->path, digest->text);
}

const char *oci_referrers_suffix(const char *tag) {
  static const char first[] = "sha256-";
  enum { HEX = 64 };
  if (strncmp(tag, first, sizeof first - 1) != 0)
    return NULL;
  const char *hex = tag + sizeof first - 1;
  if (strspn(hex, "0123456789abcdef") != HEX || (hex[HEX] && hex[HEX] != '.'))
    return NULL;
  return hex + HEX;
}

char *oci_referrers_tag(const struct oci_digest *digest, const char *suffix) {
  return mem_printf("%s-%.*s%s", oci_digest_algorithm_name(digest->algorithm), HEX_MAX,
                    oci_digest_hex(digest), suffix);
}

static const struct oci_referrer *find(const struct oci_referrers *referrers,
                                       const struct oci_digest *digest) {
  for (size_t i = 0; i < referrers->count; i++)
    if (oci_digest_equal(&referrers->items[i].digest, digest))
      return &referrers->items[i];
  return NULL;
}

int oci_referrers_add(struct oci_referrers *referrers, const struct oci_referrer *referrer) {
  if (find(referrers, &referrer->digest))
    return -1;
  referrers->items = mem_realloc(referrers->items, referrers->count + 1, sizeof *referrers->items);
  referrers->items[referrers->count++] = (struct oci_referrer){
      .digest = referrer->digest, .descriptor = mem_strdup(referrer->descriptor)};
  return 0;
}

void oci_referrers_free(struct oci_referrers *referrers) {
  assert(referrers->items || !referrers->count);
  for (size_t i = 0; i < referrers->count; i++)
    free(referrers->items[i].descriptor);
  free(referrers->items);
  *referrers = (struct oci_referrers){NULL, 0};
}

/* The index, which is the caller's. */
static int read_index(const char *bytes, size_t len, struct oci_manifest **index, struct err *err) {
  int rc = oci_manifest_parse(OCI_TYPE_INDEX, bytes, len, index, err);
  if (rc < 0)
    return rc;
  if ((*index)->kind == OCI_INDEX)
    return 0;
  oci_manifest_free(*index);
  return err_set(err, ERR_UNSUPPORTED, "it is an image and no index");
}

int oci_referrers_parse(const char *bytes, size_t len, struct oci_referrers *referrers,
                        struct err *err) {
  struct oci_manifest *index;
  int rc = read_index(bytes, len, &index, err);
  if (rc < 0)
    return rc;
  json_t *json = oci_json_load(bytes, len, NULL);
  const json_t *list = json_object_get(json, "manifests");
  for (size_t i = 0; i < index->count; i++) {
    if (!index->items[i].is_manifest)
      continue;
    if (referrers->count == OCI_REFERRERS_MAX) {
      rc = err_set(err, ERR_TOO_LARGE, "more than %d", OCI_REFERRERS_MAX);
      break;
    }
    char *text = json_dumps(json_array_get(list, i), JSON_COMPACT);
    oci_referrers_add(referrers,
                      &(struct oci_referrer){.digest = index->items[i].digest, .descriptor = text});
    free(text);
  }
  json_decref(json);
  oci_manifest_free(index);
  return rc;
}

/* bytes with one more entry, in place of them. */
static int append(char **bytes, size_t *len, const char *descriptor, struct err *err) {
  struct oci_json_list list;
  size_t new_len;
  if (oci_json_list_find(*bytes, *len, "manifests", &list) < 0)
    return err_set(err, ERR_UNSUPPORTED, "its list of manifests can't be found in its text");
  char *text = oci_json_list_add(*bytes, *len, &list, descriptor, &new_len);
  free(list.items);
  free(*bytes);
  *bytes = text;
  *len = new_len;
  return 0;
}

int oci_referrers_merge(const char *bytes, size_t len, const struct oci_referrers *add, char **out,
                        size_t *out_len, struct err *err) {
  static const char none[] =
      "{\"schemaVersion\":2,\"mediaType\":\"" OCI_TYPE_INDEX "\",\"manifests\":[]}";
  struct oci_referrers there = {NULL, 0};
  char *text = bytes ? mem_strndup(bytes, len) : mem_strdup(none);
  size_t text_len = bytes ? len : strlen(none), added = 0;
  int rc = oci_referrers_parse(text, text_len, &there, err);
  for (size_t i = 0; rc == 0 && i < add->count; i++)
    if (!find(&there, &add->items[i].digest)) {
      rc = append(&text, &text_len, add->items[i].descriptor, err);
      added++;
    }
  if (rc == 0 && text_len > OCI_MANIFEST_MAX)
    rc = err_set(err, ERR_TOO_LARGE, "it would be larger than the 4 MiB that a manifest may have");
  oci_referrers_free(&there);
  *out = NULL;
  if (rc == 0 && added) {
    *out = text;
    *out_len = text_len;
  } else {
    free(text);
  }
  return rc;
}
