#include "oci/referrers.h"

#include "base/buf.h"
#include "oci/manifest.h"
#include "unit.h"

#define HEX(c) c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c
#define HEX64(c) HEX(c) HEX(c)
#define DIGEST(c) "sha256:" HEX64(c)
#define ENTRY(c, more)                                                                             \
  "{\"mediaType\":\"" OCI_TYPE_MANIFEST "\",\"digest\":\"" DIGEST(c) "\",\"size\":7" more "}"
#define SIGNATURE ENTRY("a", ",\"artifactType\":\"x/sig\",\"annotations\":{\"k\":\"é\"}")
#define SBOM ENTRY("b", ",\"artifactType\":\"x/sbom\"")
#define INDEX(list)                                                                                \
  "{\"schemaVersion\":2,\"mediaType\":\"" OCI_TYPE_INDEX "\",\"manifests\":" list "}"

static struct oci_digest digest(const char *text) {
  struct oci_digest out;
  assert_int_equal(oci_digest_parse(text, strlen(text), &out, NULL), 0);
  return out;
}

static struct oci_referrers parse(const char *text) {
  struct oci_referrers out = {NULL, 0};
  struct err err = {0};
  CHECK(oci_referrers_parse(text, strlen(text), &out, &err) == 0, "%s: %s", text, err.message);
  return out;
}

static void names_are_made_from_the_digest(void **state) {
  (void)state;
  struct oci_digest short_one = digest(DIGEST("a")),
                    long_one = digest("sha512:" HEX64("c") HEX64("d"));
  struct oci_repo repo = {.host = "r.lan", .path = "a/b"};
  char *path = oci_path_referrers(&repo, &short_one), *tag = oci_referrers_tag(&short_one, ""),
       *cosign = oci_referrers_tag(&short_one, oci_cosign_suffixes[0]),
       *cut = oci_referrers_tag(&long_one, "");
  assert_string_equal(path, "/v2/a/b/referrers/" DIGEST("a"));
  assert_string_equal(tag, "sha256-" HEX64("a"));
  assert_string_equal(cosign, "sha256-" HEX64("a") ".sig");
  assert_string_equal(cut, "sha512-" HEX64("c"));
  assert_true(oci_tag_valid(cosign));
  free(path);
  free(tag);
  free(cosign);
  free(cut);
}

static void pages_add_up_and_each_is_listed_once(void **state) {
  (void)state;
  struct oci_referrers list = parse(INDEX("[" SIGNATURE "]"));
  const char *more =
      INDEX("[" SBOM "," SIGNATURE
            ",{\"mediaType\":\"x/layer\",\"digest\":\"" DIGEST("c") "\",\"size\":1}]");
  assert_int_equal(oci_referrers_parse(more, strlen(more), &list, NULL), 0);
  assert_int_equal(list.count, 2);
  assert_string_equal(list.items[0].digest.text, DIGEST("a"));
  assert_string_equal(list.items[0].descriptor, SIGNATURE);
  assert_string_equal(list.items[1].descriptor, SBOM);
  oci_referrers_free(&list);
}

static void there_may_be_a_thousand(void **state) {
  (void)state;
  struct buf text;
  struct oci_referrers list = {NULL, 0};
  struct err err = {0};
  buf_init(&text, SIZE_MAX);
  buf_adds(&text, "{\"manifests\":[");
  for (int i = 0; i < OCI_REFERRERS_MAX; i++)
    buf_addf(&text, "%s{\"mediaType\":\"%s\",\"size\":1,\"digest\":\"sha256:%064x\"}", i ? "," : "",
             OCI_TYPE_MANIFEST, i);
  buf_adds(&text, "]}");
  assert_int_equal(oci_referrers_parse(text.data, text.len, &list, &err), 0);
  assert_int_equal(list.count, OCI_REFERRERS_MAX);
  const char *more = INDEX("[" SBOM "]");
  assert_int_equal(oci_referrers_parse(more, strlen(more), &list, &err), -ERR_TOO_LARGE);
  oci_referrers_free(&list);
  buf_free(&text);
}

static void no_entries_are_none(void **state) {
  (void)state;
  static const char *const texts[] = {INDEX("[]"), INDEX("null"), "{\"manifests\":[]}"};
  for (size_t i = 0; i < COUNT(texts); i++) {
    struct oci_referrers list = parse(texts[i]);
    assert_int_equal(list.count, 0);
  }
}

static void what_is_no_index_is_refused(void **state) {
  (void)state;
  static const struct {
    const char *text;
    enum err_code code;
  } rows[] = {
      {"<html>", ERR_PROTOCOL},
      {"{}", ERR_PROTOCOL},
      {INDEX("[{\"digest\":\"sha256:1\",\"size\":1}]"), ERR_PROTOCOL},
      {"{\"mediaType\":\"" OCI_TYPE_MANIFEST "\",\"config\":" SBOM ",\"layers\":[]}",
       ERR_UNSUPPORTED},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct oci_referrers list = {NULL, 0};
    struct err err = {0};
    CHECK(oci_referrers_parse(rows[i].text, strlen(rows[i].text), &list, &err) ==
              -(int)rows[i].code,
          "%s: %s", rows[i].text, err.message);
    assert_int_equal(list.count, 0);
  }
}

/* What merging the referrers of list into text gives; NULL: nothing to add. */
static char *merge(const char *text, const char *list) {
  struct oci_referrers add = parse(list);
  struct err err = {0};
  char *out;
  size_t len;
  CHECK(oci_referrers_merge(text, text ? strlen(text) : 0, &add, &out, &len, &err) == 0, "%s",
        err.message);
  if (out)
    assert_int_equal(len, strlen(out));
  oci_referrers_free(&add);
  return out;
}

static void what_is_missing_is_added_and_the_rest_stays(void **state) {
  (void)state;
  static const struct {
    const char *before, *add, *after;
  } rows[] = {
      {NULL, INDEX("[" SBOM "," SIGNATURE "]"), INDEX("[" SBOM "," SIGNATURE "]")},
      {INDEX("[" SBOM "]"), INDEX("[" SBOM "," SIGNATURE "]"), INDEX("[" SBOM "," SIGNATURE "]")},
      {"{\n  \"manifests\": [\n    " SBOM "\n  ],\n  \"x\": 1.50\n}\n", INDEX("[" SIGNATURE "]"),
       "{\n  \"manifests\": [\n    " SBOM "," SIGNATURE "\n  ],\n  \"x\": 1.50\n}\n"},
      {INDEX("[" SIGNATURE "," SBOM "]"), INDEX("[" SBOM "," SIGNATURE "]"), NULL},
      {INDEX("null"), INDEX("[" SBOM "]"), INDEX("[" SBOM "]")},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    char *out = merge(rows[i].before, rows[i].add);
    CHECK((out == NULL) == (rows[i].after == NULL), "row %zu: %s", i, out ? out : "nothing");
    if (out)
      CHECK_STRING(out, rows[i].after, rows[i].add);
    free(out);
  }
}

static void an_image_under_the_tag_is_not_touched(void **state) {
  (void)state;
  struct oci_referrers add = parse(INDEX("[" SBOM "]"));
  static const char image[] =
      "{\"mediaType\":\"" OCI_TYPE_MANIFEST "\",\"config\":" SBOM ",\"layers\":[]}",
                    escaped[] = "{\"m\\u0061nifests\":[]}";
  struct err err = {0};
  char *out;
  size_t len;
  assert_int_equal(oci_referrers_merge(image, strlen(image), &add, &out, &len, &err),
                   -ERR_UNSUPPORTED);
  assert_string_equal(err.message, "it is an image and no index");
  assert_int_equal(oci_referrers_merge(escaped, strlen(escaped), &add, &out, &len, &err),
                   -ERR_UNSUPPORTED);
  oci_referrers_free(&add);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_are_made_from_the_digest),
      cmocka_unit_test(pages_add_up_and_each_is_listed_once),
      cmocka_unit_test(there_may_be_a_thousand),
      cmocka_unit_test(no_entries_are_none),
      cmocka_unit_test(what_is_no_index_is_refused),
      cmocka_unit_test(what_is_missing_is_added_and_the_rest_stays),
      cmocka_unit_test(an_image_under_the_tag_is_not_touched),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
