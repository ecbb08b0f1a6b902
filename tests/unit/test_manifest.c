#include "oci/manifest.h"

#include <stdio.h>

#include "base/buf.h"
#include "unit.h"

#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A "sha256:" HEX_A
#define B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C512 "sha512:" HEX_A HEX_A
#define ARTIFACT "application/vnd.oci.artifact.manifest.v1+json"
#define PRETTYJWS "application/vnd.docker.distribution.manifest.v1+prettyjws"
#define LAYER "application/vnd.oci.image.layer.v1.tar+gzip"
#define FOREIGN "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
#define NONDIST "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"

#define CONFIG "\"config\":{\"digest\":\"" A "\",\"size\":7}"

static int parse(const char *content_type, const char *text, struct oci_manifest **manifest,
                 struct err *err) {
  return oci_manifest_parse(content_type, text, strlen(text), manifest, err);
}

static struct oci_manifest *must_parse(const char *content_type, const char *text) {
  struct oci_manifest *manifest;
  struct err err = {0};
  CHECK(parse(content_type, text, &manifest, &err) == 0, "%s: %s", text, err.message);
  return manifest;
}

static void an_image_reaches_config_and_layers_in_order(void **state) {
  (void)state;
  struct oci_manifest *m = must_parse(
      NULL,
      "{\"schemaVersion\": 2, \"mediaType\": \"" OCI_TYPE_MANIFEST "\",\n"
      " \"config\": {\"mediaType\": \"x/config\", \"digest\": \"" A "\", \"size\": 0},\n"
      " \"layers\": [\n"
      "  {\"mediaType\": \"" LAYER "\", \"digest\": \"" B
      "\", \"size\": 9223372036854775807, \"data\": \"eA==\", \"annotations\": {\"a\": \"b\"}},\n"
      "  {\"digest\": \"" C512 "\", \"size\": 1},\n"
      "  {\"mediaType\": \"" OCI_TYPE_MANIFEST "\", \"digest\": \"" B "\", \"size\": 2}],\n"
      " \"unknown\": [{}, null, 1.5e3, true]}");
  assert_int_equal(m->kind, OCI_MANIFEST);
  assert_string_equal(m->media_type, OCI_TYPE_MANIFEST);
  assert_false(oci_digest_is_set(&m->subject));
  assert_int_equal(m->count, 4);
  static const struct {
    const char *digest, *media_type;
    uint64_t size;
  } wanted[] = {
      {A, "x/config", 0}, {B, LAYER, INT64_MAX}, {C512, "", 1}, {B, OCI_TYPE_MANIFEST, 2}};
  for (size_t i = 0; i < 4; i++) {
    assert_string_equal(m->items[i].digest.text, wanted[i].digest);
    assert_string_equal(m->items[i].media_type, wanted[i].media_type);
    assert_true(m->items[i].size == wanted[i].size);
    assert_false(m->items[i].is_manifest);
    assert_false(m->items[i].foreign);
  }
  oci_manifest_free(m);
}

static void manifest_types_are_known_without_parameters(void **state) {
  (void)state;
  assert_true(oci_type_is_manifest(DOCKER_TYPE_LIST));
  assert_true(oci_type_is_manifest(OCI_TYPE_MANIFEST "; charset=utf-8"));
  assert_false(oci_type_is_manifest(OCI_TYPE_MANIFEST "x"));
  assert_false(oci_type_is_manifest(LAYER));
  assert_false(oci_type_is_manifest(PRETTYJWS));
  assert_false(oci_type_is_manifest(""));
}

static void an_index_tells_manifests_from_blobs(void **state) {
  (void)state;
  static const struct {
    const char *media_type;
    bool is_manifest;
  } children[] = {
      {OCI_TYPE_MANIFEST, true},
      {OCI_TYPE_INDEX, true},
      {DOCKER_TYPE_MANIFEST, true},
      {DOCKER_TYPE_LIST, true},
      {LAYER, false}, /* BuildKit's cache */
      {"application/vnd.buildkit.cacheconfig.v0", false},
      {PRETTYJWS, true}, /* so that it is read, and refused with reason */
  };
  struct buf text;
  buf_init(&text, 10000);
  buf_adds(&text, "{\"manifests\":[");
  for (size_t i = 0; i < COUNT(children); i++)
    buf_addf(&text, "%s{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":3}", i ? "," : "",
             children[i].media_type, A);
  buf_adds(&text, "]}");
  struct oci_manifest *m = must_parse(NULL, buf_str(&text));
  assert_int_equal(m->kind, OCI_INDEX);
  assert_string_equal(m->media_type, OCI_TYPE_INDEX);
  assert_int_equal(m->count, COUNT(children));
  for (size_t i = 0; i < COUNT(children); i++)
    CHECK(m->items[i].is_manifest == children[i].is_manifest, "%s", children[i].media_type);
  oci_manifest_free(m);
  buf_free(&text);
}

static void only_foreign_types_with_urls_stay_where_they_are(void **state) {
  (void)state;
  static const struct {
    const char *media_type, *urls;
    bool foreign;
  } layers[] = {
      {FOREIGN, "[\"https://x/y\"]", true},
      {NONDIST, "[\"https://x/y\"]", true},
      {FOREIGN, "[]", false},
      {NONDIST, "null", false},
      {LAYER, "[\"https://x/y\"]", false},
  };
  for (size_t i = 0; i < COUNT(layers); i++) {
    char text[1000];
    snprintf(text, sizeof text,
             "{" CONFIG ",\"layers\":[{\"mediaType\":\"%s\",\"digest\":\"" B
             "\",\"size\":1,\"urls\":%s}]}",
             layers[i].media_type, layers[i].urls);
    struct oci_manifest *m = must_parse(NULL, text);
    CHECK(m->items[1].foreign == layers[i].foreign, "%s", text);
    oci_manifest_free(m);
  }
}

static void the_subject_is_kept(void **state) {
  (void)state;
  struct oci_manifest *m =
      must_parse(NULL, "{" CONFIG ",\"layers\":[],\"subject\":{\"digest\":\"" B "\",\"size\":1}}");
  assert_string_equal(m->subject.text, B);
  oci_manifest_free(m);
  m = must_parse(NULL, "{\"manifests\":[],\"subject\":null}");
  assert_false(oci_digest_is_set(&m->subject));
  oci_manifest_free(m);
}

static void its_own_word_goes_before_the_servers_and_that_before_the_shape(void **state) {
  (void)state;
#define IMAGE(type) "{" type CONFIG ",\"layers\":[]}"
#define INDEX(type) "{" type "\"manifests\":[]}"
#define TYPE(type) "\"mediaType\":\"" type "\","
  static const struct {
    const char *content_type, *text, *media_type;
  } cases[] = {
      {NULL, IMAGE(""), OCI_TYPE_MANIFEST},
      {NULL, INDEX(""), OCI_TYPE_INDEX},
      {"text/plain", IMAGE(""), OCI_TYPE_MANIFEST},
      {"", INDEX("\"mediaType\":\"\","), OCI_TYPE_INDEX},
      {"", INDEX("\"mediaType\":null,"), OCI_TYPE_INDEX},
      {DOCKER_TYPE_MANIFEST, IMAGE(""), DOCKER_TYPE_MANIFEST},
      {DOCKER_TYPE_LIST "; charset=utf-8", INDEX(""), DOCKER_TYPE_LIST},
      {"Application/vnd.OCI.image.index.v1+json ;x", INDEX(""), OCI_TYPE_INDEX},
      {OCI_TYPE_MANIFEST, IMAGE(TYPE(DOCKER_TYPE_MANIFEST)), DOCKER_TYPE_MANIFEST},
      {OCI_TYPE_INDEX, IMAGE(TYPE(OCI_TYPE_MANIFEST)), OCI_TYPE_MANIFEST},
      {"text/plain", INDEX(TYPE(DOCKER_TYPE_LIST)), DOCKER_TYPE_LIST},
      {PRETTYJWS, INDEX(TYPE(DOCKER_TYPE_LIST)), DOCKER_TYPE_LIST},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct oci_manifest *m = must_parse(cases[i].content_type, cases[i].text);
    CHECK_STRING(m->media_type, cases[i].media_type, cases[i].text);
    oci_manifest_free(m);
  }
}

static void empty_lists_may_be_null_and_artifacts_without_layers(void **state) {
  (void)state;
  static const struct {
    const char *text;
    size_t count;
  } cases[] = {
      {"{" CONFIG ",\"layers\":null}", 1},
      {"{" CONFIG "}", 1},
      {"{\"mediaType\":\"" OCI_TYPE_INDEX "\",\"manifests\":null}", 0},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct oci_manifest *m = must_parse(NULL, cases[i].text);
    CHECK(m->count == cases[i].count, "%s", cases[i].text);
    oci_manifest_free(m);
  }
}

#define LAYERS(layers) "{" CONFIG ",\"layers\":[" layers "]}"

static void what_is_wrong_is_refused_with_the_place(void **state) {
  (void)state;
  static const struct {
    const char *content_type, *text;
    enum err_code code;
    const char *message; /* a part of it */
  } cases[] = {
      {NULL, "", ERR_PROTOCOL, "no proper JSON"},
      {NULL, "<html>", ERR_PROTOCOL, "a web page"},
      {NULL, "html>", ERR_PROTOCOL, "no proper JSON (line 1, column 4"},
      {NULL, "{} x", ERR_PROTOCOL, "no proper JSON"},
      {NULL, "{\"a\":1,\"a\":2}", ERR_PROTOCOL, "duplicate"},
      {NULL, "{\"a\":\"\xff\"}", ERR_PROTOCOL, "no proper JSON"},
      {NULL, "[]", ERR_PROTOCOL, "object"},
      {NULL, "null", ERR_PROTOCOL, "no proper JSON"},
      {NULL, "{}", ERR_UNSUPPORTED, "neither an image nor an index"},
      {"text/html", "{\"errors\":[]}", ERR_UNSUPPORTED, "neither an image nor an index"},
      {OCI_TYPE_INDEX, "{}", ERR_PROTOCOL, "manifests is not a list"},
      {NULL, "{\"manifests\":{}}", ERR_PROTOCOL, "manifests is not a list"},
      {NULL, "{" CONFIG ",\"layers\":{}}", ERR_PROTOCOL, "layers is not a list"},
      {NULL, "{\"mediaType\":1,\"manifests\":[]}", ERR_PROTOCOL, "mediaType is not a string"},
      {NULL, "{\"mediaType\":\"a/b\x7f\",\"manifests\":[]}", ERR_UNSUPPORTED, "\"a/b?\""},
      {OCI_TYPE_INDEX, "{\"mediaType\":\"a/b\",\"manifests\":[]}", ERR_UNSUPPORTED, "\"a/b\""},
      {NULL, "{" CONFIG ",\"manifests\":[]}", ERR_PROTOCOL, "at once"},
      {OCI_TYPE_MANIFEST, "{\"layers\":[],\"manifests\":[]}", ERR_PROTOCOL, "at once"},
      {OCI_TYPE_INDEX, "{\"layers\":[]}", ERR_PROTOCOL, "manifests is not a list"},
      {OCI_TYPE_MANIFEST, "{\"manifests\":[]}", ERR_PROTOCOL, "config: no digest"},
      {NULL, "{\"layers\":[]}", ERR_PROTOCOL, "config: no digest"},
      {NULL, "{\"config\":[],\"layers\":[]}", ERR_PROTOCOL, "config: no digest"},
      {NULL, LAYERS("null"), ERR_PROTOCOL, "layers[0]: no digest"},
      {NULL, LAYERS("\"" A "\""), ERR_PROTOCOL, "layers[0]: no digest"},
      {NULL, LAYERS("{\"digest\":1,\"size\":1}"), ERR_PROTOCOL, "layers[0]: no digest"},
      {NULL, LAYERS("{\"digest\":\"" A "\",\"size\":1},{\"digest\":\"sha256:x\",\"size\":1}"),
       ERR_PROTOCOL, "layers[1]: \"sha256:x\" is no digest"},
      {NULL, LAYERS("{\"digest\":\"md5:abc\",\"size\":1}"), ERR_UNSUPPORTED,
       "layers[0]: digest \"md5:abc\""},
      {NULL, LAYERS("{\"digest\":\"" A "\"}"), ERR_PROTOCOL, "layers[0]: size"},
      {NULL, LAYERS("{\"digest\":\"" A "\",\"size\":-1}"), ERR_PROTOCOL, "layers[0]: size"},
      {NULL, LAYERS("{\"digest\":\"" A "\",\"size\":1.5}"), ERR_PROTOCOL, "layers[0]: size"},
      {NULL, LAYERS("{\"digest\":\"" A "\",\"size\":\"12\"}"), ERR_PROTOCOL, "layers[0]: size"},
      {NULL, LAYERS("{\"digest\":\"" A "\",\"size\":null}"), ERR_PROTOCOL, "layers[0]: size"},
      {NULL, LAYERS("{\"digest\":\"" A "\",\"size\":9223372036854775808}"), ERR_PROTOCOL,
       "layers[0]: size"},
      {NULL, LAYERS("{\"digest\":\"" A "\",\"size\":1,\"mediaType\":[]}"), ERR_PROTOCOL,
       "layers[0]: mediaType is not a string"},
      {NULL, "{\"manifests\":[{\"size\":1}]}", ERR_PROTOCOL, "manifests[0]: no digest"},
      {NULL, "{\"manifests\":[],\"subject\":{}}", ERR_PROTOCOL, "subject: no digest"},
      {NULL, "{\"manifests\":[],\"subject\":{\"digest\":\"md5:abc\"}}", ERR_UNSUPPORTED,
       "subject: "},
      {NULL, "{\"schemaVersion\":1,\"fsLayers\":[]}", ERR_UNSUPPORTED,
       "push it again with a current docker"},
      {PRETTYJWS, "{\"fsLayers\":[]}", ERR_UNSUPPORTED, "push it again with a current docker"},
      {"application/vnd.docker.distribution.manifest.v1+json", "{}", ERR_UNSUPPORTED, "schema 1"},
      {NULL, "{\"mediaType\":\"" ARTIFACT "\",\"blobs\":[]}", ERR_UNSUPPORTED, "artifact manifest"},
      {ARTIFACT, "{\"blobs\":[]}", ERR_UNSUPPORTED, "artifact manifest"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct oci_manifest *manifest;
    struct err err = {0};
    int status = parse(cases[i].content_type, cases[i].text, &manifest, &err);
    CHECK(status == -(int)cases[i].code, "%s: %d %s", cases[i].text, status, err.message);
    CHECK(strstr(err.message, cases[i].message), "%s: %s", cases[i].text, err.message);
    assert_null(manifest);
  }
}

/* head, then count times piece, then tail */
static int parse_many(const char *head, const char *piece, size_t count, const char *tail,
                      struct err *err) {
  struct buf text;
  buf_init(&text, OCI_MANIFEST_MAX);
  assert_int_equal(buf_adds(&text, head), 0);
  for (size_t i = 0; i < count; i++)
    assert_int_equal(buf_adds(&text, piece), 0);
  assert_int_equal(buf_adds(&text, tail), 0);
  struct oci_manifest *manifest;
  int status = oci_manifest_parse(NULL, text.data, text.len, &manifest, err);
  oci_manifest_free(manifest);
  buf_free(&text);
  return status;
}

static void floods_are_refused_before_they_are_parsed(void **state) {
  (void)state;
  struct err err = {0};
  assert_int_equal(parse_many("{\"manifests\":[],\"a\":[", "{},", 24000, "0]}", &err), 0);
  assert_int_equal(parse_many("{\"a\":[", "{},", 1400000, "0]}", &err), -ERR_PROTOCOL);
  assert_non_null(strstr(err.message, "too many values"));
  assert_int_equal(parse_many("{\"a\":[", "0,", 2000000, "0]}", &err), -ERR_PROTOCOL);
  assert_non_null(strstr(err.message, "too many values"));
  assert_int_equal(parse_many("", "[", 4000000, "", &err), -ERR_PROTOCOL);
  assert_non_null(strstr(err.message, "too deep"));
  assert_int_equal(parse_many("", "{\"a\":", 400000, "", &err), -ERR_PROTOCOL);
  assert_non_null(strstr(err.message, "too deep"));
}

static void brackets_and_commas_within_strings_do_not_count(void **state) {
  (void)state;
  struct err err = {0};
  assert_int_equal(parse_many("{\"manifests\":[],\"a\":\"\\\"", "[{,", 1000000, "\"}", &err), 0);
  assert_int_equal(parse_many("{\"manifests\":[],\"a\":[\"\\\\\",", "[],", 20000, "0]}", &err), 0);
}

static void fields_that_we_do_not_know_may_hold_anything(void **state) {
  (void)state;
  static const char text[] =
      "{" CONFIG ",\"layers\":[{\"digest\":\"" B
      "\",\"size\":7}],\"x\":[123456789012345678901234567890,\"a\\u0000b\"]}";
  struct err err = {0};
  struct oci_manifest *manifest = NULL;
  assert_int_equal(oci_manifest_parse(NULL, text, sizeof text - 1, &manifest, &err), 0);
  assert_int_equal(manifest->items[1].size, 7);
  oci_manifest_free(manifest);
}

static void a_manifest_of_the_greatest_size_is_read(void **state) {
  (void)state;
  struct err err = {0};
  assert_int_equal(parse_many("{" CONFIG ",\"layers\":[",
                              "{\"digest\":\"" A "\",\"size\":1,\"mediaType\":\"" LAYER "\"},",
                              12000, "{\"digest\":\"" A "\",\"size\":1}]}", &err),
                   0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_image_reaches_config_and_layers_in_order),
      cmocka_unit_test(manifest_types_are_known_without_parameters),
      cmocka_unit_test(an_index_tells_manifests_from_blobs),
      cmocka_unit_test(only_foreign_types_with_urls_stay_where_they_are),
      cmocka_unit_test(the_subject_is_kept),
      cmocka_unit_test(its_own_word_goes_before_the_servers_and_that_before_the_shape),
      cmocka_unit_test(empty_lists_may_be_null_and_artifacts_without_layers),
      cmocka_unit_test(what_is_wrong_is_refused_with_the_place),
      cmocka_unit_test(floods_are_refused_before_they_are_parsed),
      cmocka_unit_test(brackets_and_commas_within_strings_do_not_count),
      cmocka_unit_test(fields_that_we_do_not_know_may_hold_anything),
      cmocka_unit_test(a_manifest_of_the_greatest_size_is_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
