#include "oci/json.h"

#include <stdbool.h>

/* Counts before anything is built, since a tree of many small values takes 50 times the memory of
 * their text. Each comma outside strings has one value behind it, and so has each bracket. */
static const char *excess(const char *bytes, size_t len) {
  size_t values = 1, depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < len; i++) {
    char c = bytes[i];
    if (in_string && c == '\\')
      i++;
    else if (c == '"')
      in_string = !in_string;
    else if (in_string)
      continue;
    else if (c == ',')
      values++;
    else if (c == '[' || c == '{') {
      values++;
      depth++;
    } else if ((c == ']' || c == '}') && depth > 0)
      depth--;
    if (values > OCI_JSON_VALUES_MAX)
      return "too many values";
    if (depth > OCI_JSON_DEPTH_MAX)
      return "too deep";
  }
  return NULL;
}

json_t *oci_json_load(const char *bytes, size_t len, struct err *err) {
  const char *why = excess(bytes, len);
  if (why) {
    err_set(err, ERR_PROTOCOL, "refused JSON: %s", why);
    return NULL;
  }
  json_error_t error;
  json_t *json = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &error);
  if (!json)
    err_set(err, ERR_PROTOCOL, "no proper JSON (line %d, column %d: %s)", error.line, error.column,
            error.text);
  return json;
}

const char *oci_json_text(const json_t *object, const char *key) {
  return json_string_value(json_object_get(object, key));
}
