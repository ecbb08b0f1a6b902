#include "sync/pairs.h"

#include "base/buf.h"
#include "unit.h"

static struct mirror *parse(const char *text) {
  struct mirror *mirror;
  struct err err = {0};
  CHECK(pairs_parse("list", text, strlen(text), &mirror, &err) == 0, "%s", err.message);
  return mirror;
}

/* All pairs, a line each. */
static char *pairs_of(const struct mirror *mirror) {
  struct buf buf;
  buf_init(&buf, 10000);
  for (size_t r = 0; r < mirror->rule_count; r++)
    for (size_t t = 0; t < mirror->rules[r].target_count; t++) {
      const struct mirror_source *source = &mirror->rules[r].sources[0];
      struct oci_ref ref;
      assert_int_equal(mirror_expand(source, &mirror->rules[r].targets[t], &ref, NULL), 0);
      char *from = oci_ref_format(&source->ref), *to = oci_ref_format(&ref);
      buf_addf(&buf, "%s %s\n", from, to);
      free(from);
      free(to);
      oci_ref_free(&ref);
    }
  return buf_take(&buf);
}

static void lines_are_images_and_their_targets(void **state) {
  (void)state;
  struct mirror *mirror = parse("# images\n"
                                "\n"
                                "  alpine r.lan/a\tr.lan/b:x # both\r\n"
                                "docker://q.io/c/d:v1 r.lan/m/\n"
                                "#q.io/e r.lan/{name}");
  char *pairs = pairs_of(mirror);
  assert_string_equal(pairs, "docker.io/library/alpine:latest r.lan/a:latest\n"
                             "docker.io/library/alpine:latest r.lan/b:x\n"
                             "q.io/c/d:v1 r.lan/m/c/d:v1\n");
  assert_int_equal(mirror->rules[0].place.line, 3);
  assert_int_equal(mirror->rules[0].place.column, 3);
  free(pairs);
  mirror_free(mirror);
}

static void an_empty_list_has_no_images(void **state) {
  (void)state;
  struct mirror *mirror = parse(" \n# nothing\n\n");
  assert_int_equal(mirror->rule_count, 0);
  mirror_free(mirror);
}

static void says_what_is_wrong_and_where(void **state) {
  (void)state;
  static const struct {
    const char *text, *message;
  } rows[] = {
      {"a:1", "list:1:1: a line has a source and its targets: SRC DST [DST...]"},
      {"\n\n  a:1 r.lan/B", "list:3:7: bad reference \"r.lan/B\""},
      {"a::1 r.lan/b", "list:1:1: bad reference \"a::1\""},
      {"oci:x r.lan/b", "list:1:1: oci:x: only images in registries can be copied so far"},
      {"a r.lan/{nam}", "list:1:3: bad target \"r.lan/{nam}\""},
      {"a library/b", "list:1:3: bad target \"library/b\""},
      {"a:1 r.lan/b\nc:1 r.lan/b:1", "list:2:1: two images for r.lan/b:1"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct mirror *mirror;
    struct err err = {0};
    assert_int_equal(pairs_parse("list", rows[i].text, strlen(rows[i].text), &mirror, &err),
                     -ERR_CONFIG);
    assert_null(mirror);
    CHECK(strncmp(err.message, rows[i].message, strlen(rows[i].message)) == 0, "%s: %s",
          rows[i].text, err.message);
  }
}

static void a_word_has_an_end(void **state) {
  (void)state;
  static char text[10000];
  struct mirror *mirror;
  struct err err;
  memset(text, 'a', sizeof text);
  assert_int_equal(pairs_parse("list", text, sizeof text, &mirror, &err), -ERR_CONFIG);
  assert_string_equal(err.message, "list:1:1: the line is too long");
}

static int repository(const char *source, const char *target, struct mirror **mirror,
                      struct err *err) {
  const char *targets[] = {"r.lan/first", target, NULL};
  return pairs_repository(source, targets, selection_new(), mirror, err);
}

static void a_repository_goes_to_repositories(void **state) {
  (void)state;
  struct mirror *mirror;
  struct err err = {0};
  assert_int_equal(repository("q.io/a/b", "r.lan/{name}", &mirror, &err), 0);
  assert_true(mirror_is_repository(&mirror->rules[0].sources[0]));
  char *pairs = pairs_of(mirror);
  assert_string_equal(pairs, "q.io/a/b r.lan/first\nq.io/a/b r.lan/b\n");
  free(pairs);
  mirror_free(mirror);
  static const char *const wrong[][2] = {{"q.io/a:1", "r.lan/x"},
                                         {"q.io/a", "r.lan/x:1"},
                                         {"q.io/a", "r.lan/X"},
                                         {"q.io/A", "r.lan/x"}};
  for (size_t i = 0; i < COUNT(wrong); i++) {
    CHECK(repository(wrong[i][0], wrong[i][1], &mirror, &err) == -ERR_USAGE, "%s %s", wrong[i][0],
          wrong[i][1]);
    assert_null(mirror);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lines_are_images_and_their_targets),
      cmocka_unit_test(an_empty_list_has_no_images),
      cmocka_unit_test(says_what_is_wrong_and_where),
      cmocka_unit_test(a_word_has_an_end),
      cmocka_unit_test(a_repository_goes_to_repositories),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
