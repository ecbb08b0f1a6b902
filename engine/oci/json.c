#include "oci/json.h"

#include <string.h>

#include "base/mem.h"

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
  /* What we do not know may hold anything that JSON allows: it travels as bytes. */
  const size_t flags = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL;
  json_error_t error;
  json_t *json = json_loadb(bytes, len, flags, &error);
  if (!json && json_error_code(&error) == json_error_numeric_overflow)
    json = json_loadb(bytes, len, flags | JSON_DECODE_INT_AS_REAL, &error);
  if (!json)
    err_set(err, ERR_PROTOCOL, "no proper JSON (line %d, column %d: %s)", error.line, error.column,
            error.text);
  return json;
}

const char *oci_json_text(const json_t *object, const char *key) {
  const json_t *text = json_object_get(object, key);
  const char *value = json_string_value(text);
  return value && strlen(value) == json_string_length(text) ? value : NULL;
}

bool oci_json_count(const json_t *number, uint64_t *count) {
  const double exact = 9007199254740992.0; /* 2^53: beyond it a real is no count */
  if (json_is_integer(number) && json_integer_value(number) >= 0) {
    *count = (uint64_t)json_integer_value(number);
    return true;
  }
  double value = json_is_real(number) ? json_real_value(number) : -1;
  bool whole = value >= 0 && value < exact && value == (double)(uint64_t)value;
  if (whole)
    *count = (uint64_t)value;
  return whole;
}

char *oci_json_library(void) { return mem_printf("jansson/%s", jansson_version_str()); }
