#include "oci/index_select.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "oci/json.h"
#include "oci/json_list.h"

struct entry {
  bool told; /* platform is set */
  struct oci_platform platform;
  const char *attests; /* the digest of what this is an attestation for; NULL: it is none */
};

static struct entry read_entry(const json_t *json) {
  struct entry entry = {.told = false};
  const json_t *annotations = json_object_get(json, "annotations");
  const json_t *platform = json_object_get(json, "platform");
  const char *type = oci_json_text(annotations, "vnd.docker.reference.type");
  if (type && strcmp(type, "attestation-manifest") == 0)
    entry.attests = oci_json_text(annotations, "vnd.docker.reference.digest");
  else
    entry.told =
        oci_platform_read(oci_json_text(platform, "os"), oci_json_text(platform, "architecture"),
                          oci_json_text(platform, "variant"), oci_json_text(platform, "os.version"),
                          &entry.platform) == 0;
  return entry;
}

typedef bool fit_fn(const struct oci_platform *wanted, const struct oci_platform *entry);

/* Keeps what fits; at most so many. Returns how many did. */
static size_t keep(const struct entry *entries, size_t count, const struct oci_platform *wanted,
                   fit_fn *fits, size_t most, bool *kept) {
  size_t found = 0;
  for (size_t i = 0; i < count && found < most; i++)
    if (entries[i].told && fits(wanted, &entries[i].platform)) {
      kept[i] = true;
      found++;
    }
  return found;
}

static void add_text(struct buf *list, const char *text) {
  if (list->len)
    buf_adds(list, ", ");
  buf_adds(list, text);
}

static int missing_error(const char *missing, const struct entry *entries, size_t count,
                         struct err *err) {
  struct buf there;
  size_t untold = 0;
  char text[OCI_PLATFORM_TEXT];
  buf_init(&there, 400); /* what is more is left out: it is for people */
  for (size_t i = 0; i < count; i++)
    if (entries[i].told)
      add_text(&there, oci_platform_format(text, &entries[i].platform));
    else
      untold += !entries[i].attests;
  if (untold)
    add_text(&there, untold == 1 ? "one that tells no platform" : "some that tell no platform");
  int rc = err_set(err, ERR_NOT_FOUND, "it has no %s; it has %s", missing,
                   there.len ? buf_str(&there) : "no platforms at all");
  buf_free(&there);
  return rc;
}

static int select_entries(const struct entry *entries, size_t count,
                          const struct oci_platforms *wanted, bool *kept, struct err *err) {
  struct buf missing;
  char text[OCI_PLATFORM_TEXT];
  buf_init(&missing, 300);
  for (size_t i = 0; i < wanted->count; i++)
    if (!keep(entries, count, &wanted->items[i], oci_platform_fits, SIZE_MAX, kept) &&
        !keep(entries, count, &wanted->items[i], oci_platform_serves, 1, kept))
      add_text(&missing, oci_platform_format(text, &wanted->items[i]));
  int rc = missing.len ? missing_error(buf_str(&missing), entries, count, err) : 0;
  buf_free(&missing);
  return rc;
}

static bool is_kept(const struct oci_manifest *index, const bool *kept, const char *digest) {
  for (size_t i = 0; i < index->count; i++)
    if (kept[i] && strcmp(index->items[i].digest.text, digest) == 0)
      return true;
  return false;
}

int oci_index_select(const char *bytes, size_t len, const struct oci_manifest *index,
                     const struct oci_platforms *wanted, bool *kept, size_t *first,
                     struct err *err) {
  json_t *json = oci_json_load(bytes, len, err);
  if (!json)
    return -ERR_PROTOCOL;
  const json_t *list = json_object_get(json, "manifests");
  assert(wanted->count && json_array_size(list) == index->count);
  struct entry *entries = mem_zalloc((index->count + 1) * sizeof *entries);
  for (size_t i = 0; i < index->count; i++) {
    entries[i] = read_entry(json_array_get(list, i));
    kept[i] = false;
  }
  int rc = select_entries(entries, index->count, wanted, kept, err);
  if (rc == 0) {
    *first = 0;
    while (!kept[*first])
      ++*first;
    for (size_t i = 0; i < index->count; i++)
      if (entries[i].attests && is_kept(index, kept, entries[i].attests))
        kept[i] = true;
  }
  free(entries);
  json_decref(json);
  return rc;
}

int oci_index_cut(const char *bytes, size_t len, const bool *kept, char **out, size_t *out_len,
                  struct err *err) {
  struct oci_json_list list;
  if (oci_json_list_find(bytes, len, "manifests", &list) < 0)
    return err_set(err, ERR_UNSUPPORTED, "its list of manifests can't be found in its text");
  *out = oci_json_list_cut(bytes, len, &list, kept, out_len);
  free(list.items);
  return 0;
}
