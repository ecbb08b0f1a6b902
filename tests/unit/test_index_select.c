#include "oci/index_select.h"

#include "unit.h"

#define HEX(c) c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c
#define DIGEST(c) "sha256:" HEX(c) HEX(c)
#define CHILD(c, more)                                                                             \
  "{\"mediaType\":\"" OCI_TYPE_MANIFEST "\",\"size\":7,\"digest\":\"" DIGEST(c) "\"" more "}"
#define PLATFORM(os, arch) ",\"platform\":{\"os\":\"" os "\",\"architecture\":\"" arch "\"}"
#define VARIANT(os, arch, more)                                                                    \
  ",\"platform\":{\"os\":\"" os "\",\"architecture\":\"" arch "\"," more "}"
#define ATTESTS(c)                                                                                 \
  PLATFORM("unknown", "unknown")                                                                   \
  ",\"annotations\":{\"vnd.docker.reference.type\":\"attestation-manifest\","                      \
  "\"vnd.docker.reference.digest\":\"" DIGEST(c) "\"}"

/* amd64, arm64/v8, arm/v6, arm/v7, two windows, an attestation for each of the first two, and an
 * index that tells no platform. */
#define BEFORE                                                                                     \
  "{\n  \"schemaVersion\": 2,\n  \"x-unknown\": [1.50, {\"manifests\": []}],\n  \"manifests\": ["
#define AMD64 CHILD("a", PLATFORM("linux", "amd64"))
#define ARM64 CHILD("b", VARIANT("linux", "arm64", "\"variant\":\"v8\""))
#define ARMV6 CHILD("c", VARIANT("linux", "arm", "\"variant\":\"v6\""))
#define ARMV7 CHILD("d", VARIANT("linux", "arm", "\"variant\":\"v7\""))
#define WIN1 CHILD("e", VARIANT("windows", "amd64", "\"os.version\":\"10.0.17763.5122\""))
#define WIN2 CHILD("f", VARIANT("windows", "amd64", "\"os.version\":\"10.0.20348.2113\""))
#define AMD64_ATTESTED CHILD("1", ATTESTS("a"))
#define ARM64_ATTESTED CHILD("2", ATTESTS("b"))
#define NESTED "{\"mediaType\":\"" OCI_TYPE_INDEX "\",\"size\":7,\"digest\":\"" DIGEST("3") "\"}"
#define AFTER "],\n  \"annotations\": {\"a\": \"b\\u00e9\"}\n}\n"
#define WHOLE                                                                                      \
  BEFORE AMD64 ",\n" ARM64 ", " ARMV6 "," ARMV7 "," WIN1 "," WIN2 "," AMD64_ATTESTED               \
               "," ARM64_ATTESTED "," NESTED AFTER

enum { ITEMS = 9 };

/* What selecting wanted (NULL at the end) keeps, an x by item, or the error. */
static int choose(const char *text, const char *const *wanted, char marks[ITEMS + 1], size_t *first,
                  bool kept[ITEMS], struct err *err) {
  struct oci_platforms platforms = {NULL, 0};
  struct oci_manifest *index;
  *err = (struct err){0};
  for (; *wanted; wanted++)
    assert_int_equal(oci_platforms_add(&platforms, *wanted, err), 0);
  CHECK(oci_manifest_parse(NULL, text, strlen(text), &index, err) == 0, "%s", err->message);
  assert_true(index->count <= ITEMS);
  int rc = oci_index_select(text, strlen(text), index, &platforms, kept, first, err);
  size_t n = 0;
  for (; rc == 0 && n < index->count; n++)
    marks[n] = kept[n] ? 'x' : '.';
  marks[n] = '\0';
  oci_manifest_free(index);
  oci_platforms_free(&platforms);
  return rc;
}

static void what_fits_is_kept_with_its_attestation(void **state) {
  (void)state;
  static const struct {
    const char *wanted[4];
    const char *kept;
    size_t first;
  } rows[] = {
      {{"linux/amd64"}, "x.....x..", 0},
      {{"linux/arm64"}, ".x.....x.", 1},
      {{"linux/arm64", "linux/amd64"}, "xx....xx.", 0},
      {{"linux/arm/v6"}, "..x......", 2},
      {{"linux/arm"}, "...x.....", 3},
      {{"windows/amd64"}, "....xx...", 4},
      {{"windows/amd64:10.0.20348", "linux/amd64"}, "x....xx..", 0},
      {{"windows/amd64:10.0.20348"}, ".....x...", 5},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    char marks[ITEMS + 1];
    bool kept[ITEMS];
    size_t first = ITEMS;
    struct err err;
    CHECK(choose(WHOLE, rows[i].wanted, marks, &first, kept, &err) == 0, "%s", err.message);
    CHECK_STRING(marks, rows[i].kept, rows[i].wanted[0]);
    assert_int_equal(first, rows[i].first);
  }
}

static void any_arm_will_do_where_v7_is_missing(void **state) {
  (void)state;
  char marks[ITEMS + 1];
  bool kept[ITEMS];
  size_t first = ITEMS;
  struct err err;
  const char *const wanted[] = {"linux/arm", NULL};
  assert_int_equal(choose(BEFORE AMD64 "," CHILD(
                              "c", VARIANT("linux", "arm", "\"variant\":\"v5\"")) "," ARMV6 AFTER,
                          wanted, marks, &first, kept, &err),
                   0);
  assert_string_equal(marks, ".x.");
  assert_int_equal(first, 1);
}

static void what_is_missing_is_named_with_what_is_there(void **state) {
  (void)state;
  static const struct {
    const char *text, *wanted[4], *message;
  } rows[] = {
      {WHOLE,
       {"linux/amd64", "linux/s390x", "linux/arm64/v9"},
       "it has no linux/s390x, linux/arm64/v9; it has linux/amd64, linux/arm64, linux/arm/v6, "
       "linux/arm/v7, windows/amd64:10.0.17763.5122, windows/amd64:10.0.20348.2113, one that tells "
       "no platform"},
      {WHOLE, {"unknown/unknown"}, "it has no unknown/unknown; it has linux/amd64"},
      {BEFORE AFTER, {"linux/amd64"}, "it has no linux/amd64; it has no platforms at all"},
      {BEFORE CHILD("a", "") "," CHILD("b", ",\"platform\":{\"os\":\"linux\"}") AFTER,
       {"linux/amd64"},
       "it has no linux/amd64; it has some that tell no platform"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    char marks[ITEMS + 1];
    bool kept[ITEMS];
    size_t first;
    struct err err;
    assert_int_equal(choose(rows[i].text, rows[i].wanted, marks, &first, kept, &err),
                     -ERR_NOT_FOUND);
    CHECK(strncmp(err.message, rows[i].message, strlen(rows[i].message)) == 0, "got \"%s\"",
          err.message);
  }
}

static void the_smaller_index_is_the_same_but_for_its_list(void **state) {
  (void)state;
  char marks[ITEMS + 1], *out;
  bool kept[ITEMS];
  size_t first, len;
  struct err err;
  const char *const wanted[] = {"linux/amd64", "linux/arm/v7", NULL};
  assert_int_equal(choose(WHOLE, wanted, marks, &first, kept, &err), 0);
  assert_int_equal(oci_index_cut(WHOLE, strlen(WHOLE), kept, &out, &len, &err), 0);
  assert_string_equal(out, BEFORE AMD64 "," ARMV7 "," AMD64_ATTESTED AFTER);
  assert_int_equal(len, strlen(out));
  free(out);
  memset(kept, true, sizeof kept);
  assert_int_equal(oci_index_cut(WHOLE, strlen(WHOLE), kept, &out, &len, &err), 0);
  assert_string_equal(out, WHOLE);
  free(out);
}

static void a_list_that_can_not_be_found_is_refused(void **state) {
  (void)state;
  static const char text[] = "{\"m\\u0061nifests\":[" AMD64 "]}";
  bool kept[] = {true};
  char *out;
  size_t len;
  struct err err = {0};
  assert_int_equal(oci_index_cut(text, strlen(text), kept, &out, &len, &err), -ERR_UNSUPPORTED);
  assert_string_equal(err.message, "its list of manifests can't be found in its text");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_fits_is_kept_with_its_attestation),
      cmocka_unit_test(any_arm_will_do_where_v7_is_missing),
      cmocka_unit_test(what_is_missing_is_named_with_what_is_there),
      cmocka_unit_test(the_smaller_index_is_the_same_but_for_its_list),
      cmocka_unit_test(a_list_that_can_not_be_found_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
