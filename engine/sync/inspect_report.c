/* dray_inspected_json(): the document of dray_inspect(). */
#include <jansson.h>
#include <stdlib.h>

#include "base/mem.h"
#include "dray.h"

static void put(json_t *object, const char *key, const char *text) {
  json_object_set_new(object, key, *text ? json_string(text) : json_null());
}

static json_t *annotations_json(const struct dray_part *part) {
  json_t *object = json_object();
  for (size_t i = 0; i < part->annotation_count; i++)
    if (!json_object_get(object, part->annotations[i].name)) /* its own win */
      json_object_set_new(object, part->annotations[i].name,
                          json_string(part->annotations[i].value));
  return object;
}

static json_t *history_json(const struct dray_part *part) {
  json_t *list = json_array();
  for (size_t i = 0; i < part->history_count; i++) {
    const struct dray_step *step = &part->history[i];
    json_t *object = json_object();
    put(object, "created", step->created);
    put(object, "created_by", step->created_by);
    put(object, "comment", step->comment);
    json_object_set_new(object, "empty", json_boolean(step->empty));
    json_array_append_new(list, object);
  }
  return list;
}

static json_t *part_json(const struct dray_part *part);

static json_t *parts_json(const struct dray_part *parts, size_t count) {
  json_t *list = json_array();
  for (size_t i = 0; i < count; i++)
    json_array_append_new(list, part_json(&parts[i]));
  return list;
}

/* What was read of it. */
static void put_manifest(json_t *object, const struct dray_part *part) {
  put(object, "subject", part->subject);
  json_object_set_new(object, "bytes", json_integer((json_int_t)part->bytes));
  if (*part->created || part->history_count) {
    put(object, "created", part->created);
    json_object_set_new(object, "history", history_json(part));
  }
  if (part->is_index) {
    json_object_set_new(object, "manifests", parts_json(part->parts, part->part_count));
  } else {
    json_object_set_new(object, "config", part_json(&part->parts[0]));
    json_object_set_new(object, "layers", parts_json(part->parts + 1, part->part_count - 1));
  }
}

static json_t *part_json(const struct dray_part *part) {
  json_t *object = json_object();
  put(object, "media_type", part->media_type);
  put(object, "artifact_type", part->artifact_type);
  put(object, "digest", part->digest);
  json_object_set_new(object, "size", json_integer((json_int_t)part->size));
  put(object, "platform", part->platform);
  json_object_set_new(object, "annotations", annotations_json(part));
  if (*part->tag)
    put(object, "tag", part->tag);
  if (part->is_missing)
    json_object_set_new(object, "missing", json_true());
  if (part->is_index || part->part_count)
    put_manifest(object, part);
  return object;
}

char *dray_inspected_json(const struct dray_inspected *inspected) {
  json_t *referrers = json_object(), *document = json_object();
  put(referrers, "from", inspected->referrers_from);
  json_object_set_new(referrers, "manifests",
                      parts_json(inspected->referrers, inspected->referrer_count));
  json_object_set_new(document, "version", json_integer(1));
  put(document, "reference", inspected->reference);
  json_object_set_new(document, "image", part_json(&inspected->image));
  json_object_set_new(document, "referrers", referrers);
  char *text = json_dumps(document, JSON_INDENT(1));
  char *whole = mem_printf("%s\n", text);
  free(text);
  json_decref(document);
  return whole;
}
