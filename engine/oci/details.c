#include "oci/details.h"

#include <string.h>

#include "base/text.h"
#include "oci/json.h"

static const char *adopt(struct arena *arena, const char *text) {
  size_t len = text ? strlen(text) : 0;
  char *own = arena_alloc(arena, len + 1);
  text_printable(own, len + 1, text ? text : "", len);
  return own;
}

static const char *member(const json_t *object, const char *key, struct arena *arena) {
  return adopt(arena, oci_json_text(object, key));
}

static const char *platform(const json_t *object, struct arena *arena) {
  const char *os = oci_json_text(object, "os"), *machine = oci_json_text(object, "architecture");
  const char *variant = oci_json_text(object, "variant");
  const char *version = oci_json_text(object, "os.version");
  if (!os || !machine)
    return "";
  bool more = variant && *variant, told = version && *version;
  return adopt(arena, arena_printf(arena, "%s/%s%s%s%s%s", os, machine, more ? "/" : "",
                                   more ? variant : "", told ? ":" : "", told ? version : ""));
}

static void annotations(const json_t *object, struct arena *arena, struct oci_detail *detail) {
  json_t *notes = json_object_get(object, "annotations"), *value;
  const char *name;
  detail->annotations =
      arena_alloc(arena, json_object_size(notes) * sizeof *detail->annotations + 1);
  json_object_foreach(notes, name, value) {
    struct oci_annotation *note = &detail->annotations[detail->annotation_count++];
    note->name = adopt(arena, name);
    note->value = adopt(arena, json_string_value(value));
  }
}

static void read_detail(const json_t *object, struct arena *arena, struct oci_detail *detail) {
  *detail = (struct oci_detail){
      .media_type = member(object, "mediaType", arena),
      .artifact_type = member(object, "artifactType", arena),
      .digest = member(object, "digest", arena),
      .platform = platform(json_object_get(object, "platform"), arena),
  };
  oci_json_count(json_object_get(object, "size"), &detail->size);
  annotations(object, arena, detail);
}

void oci_details_read(const char *bytes, size_t len, const struct oci_manifest *manifest,
                      struct arena *arena, struct oci_details *details) {
  json_t *json = oci_json_load(bytes, len, NULL);
  bool image = manifest->kind == OCI_MANIFEST;
  const json_t *list = json_object_get(json, image ? "layers" : "manifests");
  read_detail(json, arena, &details->own);
  details->items = arena_alloc(arena, manifest->count * sizeof *details->items + 1);
  for (size_t i = 0; i < manifest->count; i++) {
    bool config = image && i == 0;
    read_detail(config ? json_object_get(json, "config") : json_array_get(list, image ? i - 1 : i),
                arena, &details->items[i]);
  }
  json_decref(json);
}

/* NULL: err says why. */
static json_t *load_object(const char *bytes, size_t len, struct err *err) {
  json_t *json = oci_json_load(bytes, len, err);
  if (!json || json_is_object(json))
    return json;
  err_set(err, ERR_PROTOCOL, "no JSON object");
  json_decref(json);
  return NULL;
}

int oci_detail_read(const char *bytes, size_t len, struct arena *arena, struct oci_detail *detail,
                    struct err *err) {
  json_t *json = load_object(bytes, len, err);
  if (!json)
    return -ERR_PROTOCOL;
  read_detail(json, arena, detail);
  json_decref(json);
  return 0;
}

int oci_making_read(const char *bytes, size_t len, struct arena *arena, struct oci_making *making,
                    struct err *err) {
  json_t *json = load_object(bytes, len, err);
  if (!json)
    return -ERR_PROTOCOL;
  const json_t *history = json_object_get(json, "history");
  *making = (struct oci_making){.created = member(json, "created", arena),
                                .platform = platform(json, arena),
                                .count = json_array_size(history)};
  making->history = arena_alloc(arena, making->count * sizeof *making->history + 1);
  for (size_t i = 0; i < making->count; i++) {
    const json_t *step = json_array_get(history, i);
    making->history[i] =
        (struct oci_step){.created = member(step, "created", arena),
                          .created_by = member(step, "created_by", arena),
                          .comment = member(step, "comment", arena),
                          .empty = json_is_true(json_object_get(step, "empty_layer"))};
  }
  json_decref(json);
  return 0;
}
