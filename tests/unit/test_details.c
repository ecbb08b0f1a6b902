#include "oci/details.h"

#include <stdio.h>

#include "unit.h"

static void read(const char *text, struct arena *arena, struct oci_details *details) {
  struct oci_manifest *manifest;
  struct err err = {0};
  CHECK(oci_manifest_parse(NULL, text, strlen(text), &manifest, &err) == 0, "%s", err.message);
  arena_init(arena);
  oci_details_read(text, strlen(text), manifest, arena, details);
  oci_manifest_free(manifest);
}

#define A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static void an_image_s_config_comes_before_its_layers(void **state) {
  (void)state;
  struct arena arena;
  struct oci_details details;
  read("{\"artifactType\":\"x/y\",\"annotations\":{\"b\":\"1\",\"a\":\"two\\nlines\",\"c\":3},"
       "\"config\":{\"mediaType\":\"m/c\",\"digest\":\"" A "\",\"size\":7},"
       "\"layers\":[{\"mediaType\":\"m/l\",\"digest\":\"" B "\",\"size\":8,"
       "\"annotations\":{\"of\":\"layer\"}}]}",
       &arena, &details);
  assert_string_equal(details.own.artifact_type, "x/y");
  assert_string_equal(details.own.media_type, "");
  assert_string_equal(details.own.platform, "");
  static const char *const notes[][2] = {{"b", "1"}, {"a", "two lines"}, {"c", ""}};
  assert_int_equal(details.own.annotation_count, COUNT(notes));
  for (size_t i = 0; i < COUNT(notes); i++) {
    CHECK_STRING(details.own.annotations[i].name, notes[i][0], "name");
    CHECK_STRING(details.own.annotations[i].value, notes[i][1], notes[i][0]);
  }
  assert_string_equal(details.items[0].media_type, "m/c");
  assert_string_equal(details.items[0].digest, A);
  assert_int_equal(details.items[0].size, 7);
  assert_int_equal(details.items[0].annotation_count, 0);
  assert_string_equal(details.items[1].digest, B);
  assert_int_equal(details.items[1].size, 8);
  assert_string_equal(details.items[1].annotations[0].value, "layer");
  arena_free(&arena);
}

static void platforms_are_as_they_are_written(void **state) {
  (void)state;
  static const char *const rows[][2] = {
      {"{\"os\":\"linux\",\"architecture\":\"arm64\",\"variant\":\"v8\"}", "linux/arm64/v8"},
      {"{\"os\":\"linux\",\"architecture\":\"amd64\",\"variant\":\"\"}", "linux/amd64"},
      {"{\"os\":\"windows\",\"architecture\":\"amd64\",\"os.version\":\"10.0.1\"}",
       "windows/amd64:10.0.1"},
      {"{\"os\":\"linux\\u001b[31m\",\"architecture\":\"a\"}", "linux?[31m/a"},
      {"{\"os\":\"linux\"}", ""},
      {"{\"os\":1,\"architecture\":\"amd64\"}", ""},
      {"[]", ""},
      {"null", ""}};
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct arena arena;
    struct oci_details details;
    char text[400];
    snprintf(text, sizeof text,
             "{\"manifests\":[{\"mediaType\":\"" OCI_TYPE_MANIFEST "\",\"digest\":\"" A
             "\",\"size\":1,\"platform\":%s}]}",
             rows[i][0]);
    read(text, &arena, &details);
    CHECK_STRING(details.items[0].platform, rows[i][1], rows[i][0]);
    arena_free(&arena);
  }
}

static void empty_lists_may_be_null(void **state) {
  (void)state;
  static const char *const texts[] = {
      "{\"manifests\":null,\"mediaType\":\"" OCI_TYPE_INDEX "\",\"annotations\":[]}",
      "{\"layers\":null,\"manifests\":null,\"config\":{\"digest\":\"" A "\",\"size\":1}}"};
  for (size_t i = 0; i < COUNT(texts); i++) {
    struct arena arena;
    struct oci_details details;
    read(texts[i], &arena, &details);
    CHECK(details.own.annotation_count == 0, "%s", texts[i]);
    if (i == 1)
      CHECK_STRING(details.items[0].digest, A, "config");
    arena_free(&arena);
  }
}

static void a_descriptor_stands_alone(void **state) {
  (void)state;
  struct arena arena;
  struct oci_detail detail;
  struct err err;
  const char *text = "{\"mediaType\":\"m\",\"artifactType\":\"a\",\"digest\":\"" A "\",\"size\":9}";
  arena_init(&arena);
  assert_int_equal(oci_detail_read(text, strlen(text), &arena, &detail, &err), 0);
  assert_string_equal(detail.artifact_type, "a");
  assert_string_equal(detail.digest, A);
  assert_int_equal(detail.size, 9);
  assert_int_equal(oci_detail_read("[]", 2, &arena, &detail, &err), -ERR_PROTOCOL);
  assert_int_equal(oci_detail_read("{", 1, &arena, &detail, &err), -ERR_PROTOCOL);
  arena_free(&arena);
}

static void a_config_tells_when_and_how(void **state) {
  (void)state;
  struct arena arena;
  struct oci_making making;
  const char *text = "{\"created\":\"2024-01-01T00:00:00Z\",\"os\":\"linux\",\"architecture\":"
                     "\"arm\",\"variant\":\"v7\",\"history\":[{\"created\":\"c1\",\"created_by\":"
                     "\"ADD\\tfile\"},{\"empty_layer\":true,\"comment\":\"why\"},7]}";
  arena_init(&arena);
  assert_int_equal(oci_making_read(text, strlen(text), &arena, &making, NULL), 0);
  assert_string_equal(making.created, "2024-01-01T00:00:00Z");
  assert_string_equal(making.platform, "linux/arm/v7");
  assert_int_equal(making.count, 3);
  assert_string_equal(making.history[0].created, "c1");
  assert_string_equal(making.history[0].created_by, "ADD file");
  assert_false(making.history[0].empty);
  assert_string_equal(making.history[1].comment, "why");
  assert_true(making.history[1].empty);
  assert_string_equal(making.history[2].created_by, "");
  assert_int_equal(oci_making_read("{}", 2, &arena, &making, NULL), 0);
  assert_int_equal(making.count, 0);
  assert_int_equal(oci_making_read("[]", 2, &arena, &making, NULL), -ERR_PROTOCOL);
  arena_free(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_image_s_config_comes_before_its_layers),
      cmocka_unit_test(platforms_are_as_they_are_written),
      cmocka_unit_test(empty_lists_may_be_null),
      cmocka_unit_test(a_descriptor_stands_alone),
      cmocka_unit_test(a_config_tells_when_and_how),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
