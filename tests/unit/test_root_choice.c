#include "transfer/root_choice.h"

#include "base/mem.h"
#include "unit.h"

#define HEX(c) c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c
#define DIGEST(c) "sha256:" HEX(c) HEX(c)
#define CHILD(c, arch)                                                                             \
  "{\"mediaType\":\"" OCI_TYPE_MANIFEST "\",\"size\":7,\"digest\":\"" DIGEST(                      \
      c) "\",\"platform\":{\"os\":\"linux\",\"architecture\":\"" arch "\"}}"
#define INDEX(list) "{\"schemaVersion\":2,\"manifests\":[" list "]}"
#define WHOLE INDEX(CHILD("a", "amd64") "," CHILD("b", "arm64") "," CHILD("c", "s390x"))
#define IMAGE "{\"config\":{\"digest\":\"" DIGEST("d") "\",\"size\":2},\"layers\":[]}"

/* The root that a source has, as it is fetched. */
static struct manifest_body root_of(const char *text) {
  struct manifest_body root = {.bytes = mem_strdup(text), .len = strlen(text)};
  struct err err = {0};
  CHECK(oci_manifest_parse(OCI_TYPE_INDEX, text, root.len, &root.parsed, &err) == 0 ||
            oci_manifest_parse(OCI_TYPE_MANIFEST, text, root.len, &root.parsed, &err) == 0,
        "%s", err.message);
  oci_digest_of(OCI_SHA256, text, root.len, &root.digest);
  return root;
}

static int choose(struct manifest_body *root, const char *first, const char *second, bool sparse,
                  struct err *err) {
  struct oci_platforms platforms = {NULL, 0};
  assert_int_equal(oci_platforms_add(&platforms, first, err), 0);
  if (second)
    assert_int_equal(oci_platforms_add(&platforms, second, err), 0);
  int rc = root_choose(root, &platforms, sparse, err);
  oci_platforms_free(&platforms);
  return rc;
}

/* It is this text, whole and under its own digest. */
static void check_is(const struct manifest_body *root, const char *text) {
  struct oci_digest digest;
  oci_digest_of(OCI_SHA256, text, strlen(text), &digest);
  assert_string_equal(root->bytes, text);
  assert_int_equal(root->len, strlen(text));
  assert_string_equal(root->digest.text, digest.text);
}

static void one_is_the_child_that_is_not_here_yet(void **state) {
  (void)state;
  struct manifest_body root = root_of(WHOLE);
  struct err err = {0};
  assert_int_equal(choose(&root, "linux/arm64", NULL, false, &err), 0);
  assert_string_equal(root.digest.text, DIGEST("b"));
  assert_null(root.bytes);
  assert_null(root.parsed);
}

static void several_are_a_smaller_index(void **state) {
  (void)state;
  struct manifest_body root = root_of(WHOLE);
  struct err err = {0};
  assert_int_equal(choose(&root, "linux/s390x", "linux/amd64", false, &err), 0);
  check_is(&root, INDEX(CHILD("a", "amd64") "," CHILD("c", "s390x")));
  assert_int_equal(root.parsed->count, 2);
  assert_string_equal(root.parsed->media_type, OCI_TYPE_INDEX);
  assert_null(root.kept);
  root_forget(&root);
}

static void all_of_them_are_the_index_itself(void **state) {
  (void)state;
  static const char both[] = INDEX(CHILD("a", "amd64") " , " CHILD("b", "arm64"));
  struct manifest_body root = root_of(both);
  struct err err = {0};
  assert_int_equal(choose(&root, "linux/arm64", "linux/amd64", false, &err), 0);
  check_is(&root, both);
  root_forget(&root);
}

static void a_sparse_one_stays_and_tells_what_is_wanted(void **state) {
  (void)state;
  struct manifest_body root = root_of(WHOLE);
  struct err err = {0};
  assert_int_equal(choose(&root, "linux/arm64", NULL, true, &err), 0);
  check_is(&root, WHOLE);
  assert_false(root.kept[0]);
  assert_true(root.kept[1]);
  assert_false(root.kept[2]);
  root_forget(&root);
}

static void what_is_no_index_or_lacks_a_platform_is_left_alone(void **state) {
  (void)state;
  struct manifest_body root = root_of(IMAGE);
  struct err err = {0};
  assert_int_equal(choose(&root, "linux/arm64", NULL, false, &err), 0);
  check_is(&root, IMAGE);
  root_forget(&root);
  root = root_of(WHOLE);
  assert_int_equal(choose(&root, "linux/arm64", "linux/386", false, &err), -ERR_NOT_FOUND);
  check_is(&root, WHOLE);
  root_forget(&root);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_is_the_child_that_is_not_here_yet),
      cmocka_unit_test(several_are_a_smaller_index),
      cmocka_unit_test(all_of_them_are_the_index_itself),
      cmocka_unit_test(a_sparse_one_stays_and_tells_what_is_wanted),
      cmocka_unit_test(what_is_no_index_or_lacks_a_platform_is_left_alone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
