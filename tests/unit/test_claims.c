#include "sync/claims.h"

#include <stdio.h>

#include "unit.h"

static struct mirror *parse(const char *text) {
  struct mirror *mirror;
  struct err err = {0};
  CHECK(mirror_parse("m.yaml", text, strlen(text), NULL, &mirror, &err) == 0, "%s", err.message);
  return mirror;
}

/* One tag of a rule's only source goes to its only target. */
static int add(struct claims *claims, const struct mirror *mirror, size_t rule_index,
               const char *tag, struct err *err) {
  const struct mirror_rule *rule = &mirror->rules[rule_index];
  struct oci_ref image, target;
  oci_ref_copy(&image, &rule->sources[0].ref);
  free(image.tag);
  image.tag = strdup(tag);
  assert_int_equal(target_expand(rule->targets[0].target, &image, &target, err), 0);
  int rc = claims_add(claims, rule, &rule->sources[0], &image, &target, err);
  oci_ref_free(&image);
  oci_ref_free(&target);
  return rc;
}

static void a_tag_has_one_image(void **state) {
  (void)state;
  struct mirror *mirror = parse("version: 1\nmirrors:\n"
                                "  - {from: q.io/a, to: r.lan/x, tags: {include: 1.*}}\n"
                                "  - {from: q.io/b, to: R.LAN/x, tags: {include: 2.*}}\n"
                                "  - {from: q.io/a, to: r.lan/x, tags: {include: '1.0'}}\n"
                                "  - {from: q.io/a, to: r.lan/x, platforms: linux/amd64}\n");
  struct claims *claims = claims_new(mirror);
  struct err err = {0};
  assert_int_equal(add(claims, mirror, 0, "1.0", &err), 0);
  assert_int_equal(add(claims, mirror, 0, "1.1", &err), 0);
  assert_int_equal(add(claims, mirror, 1, "2.0", &err), 0);
  assert_int_equal(add(claims, mirror, 2, "1.0", &err), 0); /* the same image */
  assert_int_equal(add(claims, mirror, 1, "1.1", &err), -ERR_CONFIG);
  assert_string_equal(err.message, "m.yaml:4:12: two images for r.lan/x:1.1: q.io/b:1.1 here, and "
                                   "q.io/a:1.1 in line 3");
  assert_int_equal(add(claims, mirror, 3, "1.1", &err), -ERR_CONFIG);
  assert_string_equal(err.message,
                      "m.yaml:6:12: two images for r.lan/x:1.1: q.io/a:1.1 for linux/amd64 here, "
                      "and q.io/a:1.1 in line 3");
  claims_free(claims);
  mirror_free(mirror);
}

static void targets_made_of_tags_are_watched(void **state) {
  (void)state;
  struct mirror *mirror = parse("version: 1\nmirrors:\n"
                                "  - {from: q.io/a, to: 'r.lan/x-{tag}:latest'}\n"
                                "  - {from: 'q.io/b:latest', to: r.lan/x-1}\n");
  struct claims *claims = claims_new(mirror);
  struct err err = {0};
  assert_int_equal(add(claims, mirror, 0, "1", &err), 0);
  assert_int_equal(add(claims, mirror, 0, "2", &err), 0);
  assert_int_equal(add(claims, mirror, 1, "latest", &err), -ERR_CONFIG);
  assert_non_null(strstr(err.message, "two images for r.lan/x-1:latest"));
  claims_free(claims);
  mirror_free(mirror);
}

static void several_images_may_share_a_digest(void **state) {
  (void)state;
  static const char sha[] =
      "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
  char text[400];
  snprintf(text, sizeof text,
           "version: 1\nmirrors:\n"
           "  - {from: 'q.io/a@%s', to: r.lan/x}\n"
           "  - {from: 'q.io/b@%s', to: r.lan/x}\n",
           sha, sha);
  mirror_free(parse(text));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_tag_has_one_image),
      cmocka_unit_test(targets_made_of_tags_are_watched),
      cmocka_unit_test(several_images_may_share_a_digest),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
