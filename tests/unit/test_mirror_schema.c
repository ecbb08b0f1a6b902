/* docs/mirror.schema.json says what the parser says, as far as a schema can, and docs/mirror.md has
 * each key and an example that is one. */
#include <jansson.h>
#include <regex.h>
#include <stdio.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "sync/mirror.h"
#include "unit.h"

static json_t *schema;

/* Of a file of docs/; the caller's. */
static char *path_of(const char *name) {
  return mem_printf("%.*sdocs/%s",
                    (int)(strlen(__FILE__) - strlen("tests/unit/test_mirror_schema.c")), __FILE__,
                    name);
}

static int load(void **state) {
  json_error_t error;
  char *path = path_of("mirror.schema.json");
  (void)state;
  schema = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
  if (!schema)
    fprintf(stderr, "%s:%d: %s\n", path, error.line, error.text);
  free(path);
  return schema ? 0 : -1;
}

static int unload(void **state) {
  (void)state;
  json_decref(schema);
  return 0;
}

/* -- JSON Schema, as much of it as is used; a keyword that is not here fails the test -- */

static bool fits(const json_t *rule, const json_t *value);

static bool has_type(const char *type, const json_t *value) {
  if (strcmp(type, "object") == 0)
    return json_is_object(value);
  if (strcmp(type, "array") == 0)
    return json_is_array(value);
  if (strcmp(type, "string") == 0)
    return json_is_string(value);
  if (strcmp(type, "integer") == 0)
    return json_is_integer(value);
  if (strcmp(type, "number") == 0)
    return json_is_number(value);
  CHECK(strcmp(type, "boolean") == 0, "the schema's type %s is not checked here", type);
  return json_is_boolean(value);
}

static bool fits_type(const json_t *types, const json_t *value) {
  if (json_is_string(types))
    return has_type(json_string_value(types), value);
  bool any = false;
  size_t i;
  json_t *type;
  json_array_foreach((json_t *)types, i, type) any |= has_type(json_string_value(type), value);
  return any;
}

static bool fits_ref(const char *ref, const json_t *value) {
  assert_true(text_starts(ref, "#/definitions/"));
  const json_t *rule =
      json_object_get(json_object_get(schema, "definitions"), ref + strlen("#/definitions/"));
  CHECK(rule, "%s", ref);
  return fits(rule, value);
}

static bool fits_pattern(const char *pattern, const json_t *value) {
  regex_t regex;
  if (!json_is_string(value))
    return true;
  CHECK(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) == 0, "%s", pattern);
  bool match = regexec(&regex, json_string_value(value), 0, NULL, 0) == 0;
  regfree(&regex);
  return match;
}

static bool fits_any(const json_t *rules, const json_t *value) {
  bool any = false;
  size_t i;
  json_t *rule;
  json_array_foreach((json_t *)rules, i, rule) any |= fits(rule, value);
  return any;
}

static bool has_all(const json_t *keys, const json_t *value) {
  bool all = true;
  size_t i;
  json_t *key;
  json_array_foreach((json_t *)keys, i, key) all &=
      json_object_get(value, json_string_value(key)) != NULL;
  return all || !json_is_object(value);
}

static bool fits_dependencies(const json_t *dependencies, const json_t *value) {
  bool ok = true;
  const char *key;
  json_t *others;
  json_object_foreach((json_t *)dependencies, key, others) ok &=
      !json_object_get(value, key) || has_all(others, value);
  return ok;
}

static bool fits_properties(const json_t *rule, const json_t *value) {
  const json_t *known = json_object_get(rule, "properties");
  const json_t *others = json_object_get(rule, "additionalProperties");
  bool ok = true;
  const char *key;
  json_t *item;
  json_object_foreach((json_t *)value, key, item) {
    const json_t *own = json_object_get(known, key);
    if (own || others)
      ok &= own                      ? fits(own, item)
            : json_is_object(others) ? fits(others, item)
                                     : json_is_true(others);
  }
  return ok;
}

static bool fits_items(const json_t *rule, const json_t *value) {
  bool ok = true;
  size_t i;
  json_t *item;
  json_array_foreach((json_t *)value, i, item) ok &= fits(rule, item);
  return ok;
}

static bool fits_keyword(const json_t *rule, const char *keyword, const json_t *what,
                         const json_t *value) {
  static const char *const silent[] = {"$schema",     "title",   "description",
                                       "definitions", "default", "examples"};
  json_int_t number = json_integer_value(what);
  for (size_t i = 0; i < COUNT(silent); i++)
    if (strcmp(keyword, silent[i]) == 0)
      return true;
  if (strcmp(keyword, "type") == 0)
    return fits_type(what, value);
  if (strcmp(keyword, "$ref") == 0)
    return fits_ref(json_string_value(what), value);
  if (strcmp(keyword, "const") == 0)
    return json_equal(what, value) != 0;
  if (strcmp(keyword, "pattern") == 0)
    return fits_pattern(json_string_value(what), value);
  if (strcmp(keyword, "anyOf") == 0)
    return fits_any(what, value);
  if (strcmp(keyword, "not") == 0)
    return !fits(what, value);
  if (strcmp(keyword, "required") == 0)
    return has_all(what, value);
  if (strcmp(keyword, "dependencies") == 0)
    return fits_dependencies(what, value);
  if (strcmp(keyword, "properties") == 0 || strcmp(keyword, "additionalProperties") == 0)
    return fits_properties(rule, value);
  if (strcmp(keyword, "maxProperties") == 0)
    return json_object_size(value) <= (size_t)number;
  if (strcmp(keyword, "items") == 0)
    return fits_items(what, value);
  if (strcmp(keyword, "minItems") == 0)
    return !json_is_array(value) || json_array_size(value) >= (size_t)number;
  if (strcmp(keyword, "maxItems") == 0)
    return json_array_size(value) <= (size_t)number;
  if (strcmp(keyword, "minLength") == 0)
    return !json_is_string(value) || json_string_length(value) >= (size_t)number;
  if (strcmp(keyword, "minimum") == 0)
    return !json_is_number(value) || json_number_value(value) >= (double)number;
  if (strcmp(keyword, "maximum") == 0)
    return !json_is_number(value) || json_number_value(value) <= (double)number;
  fail_msg("the schema's keyword %s is not checked here", keyword);
  return false;
}

static bool fits(const json_t *rule, const json_t *value) {
  bool ok = true;
  const char *keyword;
  json_t *what;
  json_object_foreach((json_t *)rule, keyword, what) ok &= fits_keyword(rule, keyword, what, value);
  return ok;
}

/* -- the parser -- */

static const char *get(void *arg, const char *name) {
  (void)arg;
  return strcmp(name, "TRUE") == 0 ? "true" : strcmp(name, "EIGHT") == 0 ? "8" : "r.lan/x";
}

/* Is it said of the shape of a document, of which a schema knows as much? */
static bool is_about_shape(const char *message) {
  static const char *const parts[] = {"is wanted here", "is wanted,",   "is missing",
                                      "list is empty",  "unknown key",  "come together",
                                      "exclude each",   "no platform:", "is not known here"};
  for (size_t i = 0; i < COUNT(parts); i++)
    if (strstr(message, parts[i]))
      return true;
  return false;
}

/* What the parser takes the schema takes; of what is wrong in shape it takes nothing. */
static void compare(const json_t *document) {
  static const struct env env = {.get = get};
  struct mirror *mirror;
  struct err err = {0};
  char *text = json_dumps(document, JSON_ENCODE_ANY);
  int rc = mirror_parse("m.json", text, strlen(text), &env, &mirror, &err);
  bool taken = fits(schema, document);
  if (rc == 0)
    CHECK(taken, "the schema refuses %s", text);
  else if (is_about_shape(err.message) && !strstr(text, "${"))
    CHECK(!taken, "the schema takes %s: %s", text, err.message);
  mirror_free(mirror);
  free(text);
}

/* -- what is compared -- */

static const struct {
  enum mirror_object object;
  const char *definition; /* NULL: the schema itself */
  const char *base;       /* the rest of a document; {} is where the object goes */
} objects[] = {
    {MIRROR_FILE, NULL, "{}"},
    {MIRROR_DEFAULTS, "defaults", "{'version': 1, 'defaults': {}, 'mirrors': []}"},
    {MIRROR_REGISTRY, "registry", "{'version': 1, 'registries': {'r.lan': {}}, 'mirrors': []}"},
    {MIRROR_RULE, "mirror", "{'version': 1, 'mirrors': [{}]}"},
    {MIRROR_TAGS, "tags",
     "{'version': 1, 'mirrors': [{'from': 'q.io/a', 'to': 'r.lan/a', 'tags': {}}]}"},
};

static const json_t *properties_of(size_t i) {
  const json_t *object =
      objects[i].definition
          ? json_object_get(json_object_get(schema, "definitions"), objects[i].definition)
          : schema;
  assert_true(json_is_false(json_object_get(object, "additionalProperties")));
  return json_object_get(object, "properties");
}

static void it_has_the_parser_s_keys(void **state) {
  (void)state;
  assert_int_equal(COUNT(objects), MIRROR_OBJECTS);
  for (size_t i = 0; i < COUNT(objects); i++) {
    const json_t *properties = properties_of(i);
    size_t count = 0;
    for (const char *const *key = mirror_keys(objects[i].object); *key; key++, count++)
      CHECK(json_object_get(properties, *key), "%s is not in the schema", *key);
    assert_int_equal(json_object_size(properties), count);
  }
}

static void each_key_is_explained(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(objects); i++) {
    const char *key;
    json_t *property;
    json_object_foreach((json_t *)properties_of(i), key, property) {
      const char *ref = json_string_value(json_object_get(property, "$ref"));
      const json_t *shared =
          ref ? json_object_get(json_object_get(schema, "definitions"), strrchr(ref, '/') + 1)
              : NULL;
      CHECK(json_object_get(property, "description") || json_object_get(shared, "description"),
            "%s", key);
    }
  }
}

static json_t *parse(const char *text) {
  char json[1000];
  json_error_t error;
  snprintf(json, sizeof json, "%s", text);
  for (char *at = json; (at = strchr(at, '\''));)
    *at = '"';
  json_t *value = json_loads(json, JSON_DECODE_ANY, &error);
  CHECK(value, "%s: %s", text, error.text);
  return value;
}

/* The object of objects[i] in a document made of its base. */
static json_t *object_in(json_t *document, size_t i) {
  json_t *rule = json_array_get(json_object_get(document, "mirrors"), 0);
  switch (objects[i].object) {
  case MIRROR_FILE:
    return document;
  case MIRROR_DEFAULTS:
    return json_object_get(document, "defaults");
  case MIRROR_REGISTRY:
    return json_object_get(json_object_get(document, "registries"), "r.lan");
  case MIRROR_RULE:
    return rule;
  case MIRROR_TAGS:
    return json_object_get(rule, "tags");
  case MIRROR_OBJECTS:
    break;
  }
  return NULL;
}

/* Every value at every key, with and without what else its object needs. */
static void they_agree_on_every_value_of_every_key(void **state) {
  (void)state;
  static const char *const values[] = {
      "null",
      "true",
      "false",
      "0",
      "1",
      "2",
      "3",
      "1024",
      "1025",
      "100000",
      "100001",
      "1000000",
      "1000001",
      "-1",
      "0.5",
      "8.5",
      "1.10",
      "''",
      "'1'",
      "'true'",
      "'yes'",
      "'x'",
      "'r.lan/x'",
      "'${TRUE}'",
      "'${EIGHT}'",
      "'${REF}'",
      "'4MiB'",
      "'512k'",
      "'0'",
      "'0k'",
      "'4 MiB'",
      "'1.5G'",
      "'0.5MiB'",
      "'1.5'",
      "'7B'",
      "'8kB'",
      "'0.0M'",
      "'4m'",
      "'4X'",
      "'auto'",
      "'linux/amd64'",
      "'linux/arm/v7'",
      "'linux'",
      "'a/b/c/d'",
      "'Linux/amd64'",
      "'v1.*'",
      "'>=1 <2'",
      "[]",
      "['x']",
      "['r.lan/x', 'q.io/y']",
      "['linux/amd64']",
      "['linux']",
      "[5]",
      "[1.10, 'x']",
      "[null]",
      "[[]]",
      "[{}]",
      "[['x']]",
      "{}",
      "{'x': 'y'}",
      "{'from': 'q.io/a', 'to': 'r.lan/a'}",
      "[{'from': 'q.io/a', 'to': 'r.lan/a'}]",
      "{'include': 'v1.*'}",
      "{'r.lan': {'tls': true}}",
      "{'r.lan': {}}",
      "{'r.lan': null}",
  };
  static const char *const needed[][2] = {{"version", "1"},     {"mirrors", "[]"},
                                          {"from", "'q.io/a'"}, {"to", "'r.lan/a'"},
                                          {"username", "'me'"}, {"password", "'x'"}};
  for (size_t i = 0; i < COUNT(objects); i++)
    for (const char *const *key = mirror_keys(objects[i].object); *key; key++)
      for (size_t v = 0; v < COUNT(values); v++)
        for (int complete = 0; complete < 2; complete++) {
          json_t *document = parse(objects[i].base), *object = object_in(document, i);
          for (size_t n = 0; complete && n < COUNT(needed); n++)
            if (json_object_get(properties_of(i), needed[n][0]))
              json_object_set_new(object, needed[n][0], parse(needed[n][1]));
          json_object_set_new(object, *key, parse(values[v]));
          compare(document);
          json_decref(document);
        }
}

static void they_agree_on_whole_documents(void **state) {
  (void)state;
  static const struct {
    const char *text;
    bool taken;
  } rows[] = {
      {"{'version': 1, 'defaults': {'platforms': ['linux/amd64'], 'referrers': true},"
       " 'registries': {'ghcr.io': {'username': '${A}', 'password': '${B}', 'max-connections': 8,"
       " 'requests-per-second': 20}, 'r.lan:5000': {'plain-http': true, 'tls': false}},"
       " 'mirrors': [{'from': ['q.io/a', 'q.io/b'], 'to': ['r.lan/', 's.lan/{name}'],"
       " 'tags': {'include': ['v1.*', 1.10], 'exclude': '*-debug', 'newest': 5},"
       " 'delete': true, 'platforms': [], 'referrers': false}]}",
       true},
      {"{'version': 1, 'mirrors': []}", true},
      {"{'version': 1, 'registries': {}, 'defaults': {}, 'mirrors': []}", true},
      {"{'version': 2, 'mirrors': []}", false},
      {"{'mirrors': []}", false},
      {"{'version': 1}", false},
      {"[]", false},
      {"'x'", false},
      {"{'version': 1, 'registries': {'r.lan': {'plain-http': true, 'tls': true}}, 'mirrors': []}",
       false},
      {"{'version': 1, 'mirrors': [{'form': 'q.io/a', 'to': 'r.lan/a'}]}", false},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    json_t *document = parse(rows[i].text);
    CHECK(fits(schema, document) == rows[i].taken, "%s", rows[i].text);
    compare(document);
    json_decref(document);
  }
}

static void the_page_has_each_key_and_a_true_example(void **state) {
  (void)state;
  static const struct env env = {.get = get};
  char *path = path_of("mirror.md"), *page;
  struct mirror *mirror;
  struct err err = {0};
  CHECK(file_read(path, 100000, &page, NULL, &err) == 0, "%s", err.message);
  for (enum mirror_object object = MIRROR_FILE; object < MIRROR_OBJECTS; object++)
    for (const char *const *key = mirror_keys(object); *key; key++) {
      char *quoted = mem_printf("`%s`", *key);
      CHECK(strstr(page, quoted), "%s", quoted);
      free(quoted);
    }
  const char *start = strstr(page, "```yaml\n") + strlen("```yaml\n");
  size_t len = (size_t)(strstr(start, "```") - start);
  CHECK(mirror_parse(path, start, len, &env, &mirror, &err) == 0, "%s", err.message);
  assert_int_equal(mirror->rule_count, 2);
  mirror_free(mirror);
  free(page);
  free(path);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_has_the_parser_s_keys),
      cmocka_unit_test(each_key_is_explained),
      cmocka_unit_test(they_agree_on_every_value_of_every_key),
      cmocka_unit_test(they_agree_on_whole_documents),
      cmocka_unit_test(the_page_has_each_key_and_a_true_example),
  };
  return cmocka_run_group_tests(tests, load, unload);
}
