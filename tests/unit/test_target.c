#include "sync/target.h"

#include <stdio.h>

#include "unit.h"

#define SHA "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct target *parse(const char *text) {
  struct target *target;
  struct err err = {0};
  CHECK(target_parse(text, &target, &err) == 0, "%s", err.message);
  return target;
}

static struct oci_ref source(const char *text) {
  struct oci_ref ref;
  struct err err = {0};
  CHECK(oci_ref_parse(text, &ref, &err) == 0, "%s", err.message);
  return ref;
}

static void puts_the_source_s_parts_in(void **state) {
  (void)state;
  static const struct {
    const char *target, *source, *wanted;
  } rows[] = {
      {"registry.lan:5000/pause", "registry.k8s.io/pause:3.9", "registry.lan:5000/pause:3.9"},
      {"registry.lan:5000/pause:old", "registry.k8s.io/pause:3.9", "registry.lan:5000/pause:old"},
      {"docker://r.lan/a", "q.io/b:1", "r.lan/a:1"},
      /* a slash at the end */
      {"registry.lan:5000/mirror/", "quay.io/coreos/etcd:v3.5.9",
       "registry.lan:5000/mirror/coreos/etcd:v3.5.9"},
      {"registry.lan:5000/", "quay.io/coreos/etcd:v1", "registry.lan:5000/coreos/etcd:v1"},
      {"r.lan/mirror/", "alpine:3", "r.lan/mirror/library/alpine:3"},
      {"me/", "quay.io/etcd:v1", "docker.io/me/etcd:v1"},
      {"r.lan/{host}/", "quay.io/coreos/etcd:v1", "r.lan/quay.io/coreos/etcd:v1"},
      /* placeholders */
      {"r.lan/hub/{name}", "docker.io/library/nginx:1", "r.lan/hub/nginx:1"},
      {"r.lan/hub/{name}", "q.io/nginx:1", "r.lan/hub/nginx:1"},
      {"r.lan/{host}/{path}", "127.0.0.1:5000/a/b:1", "r.lan/127.0.0.1-5000/a/b:1"},
      {"r.lan/{host}/x", "Quay.IO/a/b:1", "r.lan/quay.io/x:1"},
      {"r.lan/{path}:{tag}", "q.io/a/b:1", "r.lan/a/b:1"},
      {"r.lan/all:{name}-{tag}", "q.io/a/b:V1", "r.lan/all:b-V1"},
      {"r.lan/{name}-{tag}:latest", "q.io/a/b:v1", "r.lan/b-v1:latest"},
      {"r.lan/{name}/{name}", "q.io/a/b:v1", "r.lan/b/b:v1"},
      /* by digest, and whole repositories */
      {"r.lan/x", "q.io/a@" SHA, "r.lan/x@" SHA},
      {"r.lan/x:t", "q.io/a@" SHA, "r.lan/x:t"},
      {"r.lan/x", "q.io/a:v1@" SHA, "r.lan/x:v1"},
      {"r.lan/x/", "q.io/a", "r.lan/x/a"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct target *target = parse(rows[i].target);
    struct oci_ref from = source(rows[i].source), to;
    struct err err = {0};
    CHECK(target_expand(target, &from, &to, &err) == 0, "%s: %s", rows[i].target, err.message);
    char *text = oci_ref_format(&to);
    CHECK_STRING(text, rows[i].wanted, rows[i].target);
    assert_string_equal(target_text(target), rows[i].target);
    free(text);
    oci_ref_free(&to);
    oci_ref_free(&from);
    target_free(target);
  }
}

static void refuses_what_can_be_no_target(void **state) {
  (void)state;
  static const struct {
    const char *target, *message;
  } rows[] = {
      {"r.lan/{nmae}", "unknown placeholder {nmae}: did you mean {name}?"},
      {"r.lan/{name}/{}", "unknown placeholder {}: there are {host}, {path}, {name} and {tag}"},
      {"r.lan/{Name}", "unknown placeholder {Name}: did you mean {name}?"},
      {"r.lan/{name", "a brace is not closed"},
      {"r.lan/{na{me}", "unknown placeholder"},
      {"r.lan/name}", "bad reference"},
      {"r.lan/x@" SHA, "a target has no digest"},
      {"oci:dir", "only registries can be targets"},
      {"docker-archive:x.tar", "only registries can be targets"},
      {"r.lan/Foo", "\"r.lan/foo\" would be right"},
      {"r.lan/x:", "is no tag"},
      {"r.lan/a/:v1", "a repository is made of"},
      {"https://r.lan/x", "leave \"https://\" out"},
      {"", "bad reference \"\""},
      {"/", "bad reference"},
      {"nginx", "where only Docker publishes; the registry's host stands in front"},
      {"library/{name}", "docker.io/library/name, where only Docker publishes"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct target *target;
    struct err err = {0};
    CHECK(target_parse(rows[i].target, &target, &err) == -ERR_USAGE, "%s", rows[i].target);
    assert_null(target);
    CHECK(strstr(err.message, rows[i].message), "%s: %s", rows[i].target, err.message);
  }
  char longest[1030];
  struct target *target;
  struct err err = {0};
  memset(longest, 'a', sizeof longest);
  longest[1025] = '\0';
  assert_int_equal(target_parse(longest, &target, &err), -ERR_USAGE);
  assert_non_null(strstr(err.message, "it is too long"));
}

static void some_sources_do_not_fit(void **state) {
  (void)state;
  static const struct {
    const char *target, *source, *message;
  } rows[] = {
      {"r.lan/x:{tag}", "q.io/a", "its source has no tag for {tag}"},
      {"r.lan/x:{tag}", "q.io/a@" SHA, "its source has no tag for {tag}"},
      {"r.lan/x-{tag}", "q.io/a:V1", "repositories have no capitals"},
      {"r.lan/x-{tag}", "q.io/a:v1-", "a repository is made of"},
      {"docker.io/", "q.io/library/a:1", "where only Docker publishes"},
      {"{name}:5000/a", "q.io/oci:1", "only registries can be targets"},
      {"r.lan/{host}/x", "[::1]:5000/a:1", "a repository is made of"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct target *target = NULL;
    struct oci_ref from = source(rows[i].source), to = {0};
    struct err err = {0};
    if (target_parse(rows[i].target, &target, &err) == 0)
      CHECK(target_expand(target, &from, &to, &err) == -ERR_USAGE, "%s", rows[i].target);
    CHECK(strstr(err.message, rows[i].message), "%s: %s", rows[i].target, err.message);
    oci_ref_free(&to);
    oci_ref_free(&from);
    target_free(target);
  }
}

static void knows_whether_all_tags_become_one(void **state) {
  (void)state;
  static const struct {
    const char *target;
    bool fixed, repo_by_tag;
  } rows[] = {
      {"r.lan:5000/x", false, false},        {"r.lan:5000/x/", false, false},
      {"r.lan:5000/x:t", true, false},       {"r.lan:5000/x:{tag}", false, false},
      {"r.lan/x:a-{tag}", false, false},     {"r.lan/x:{name}", true, false},
      {"r.lan/x-{tag}", false, true},        {"r.lan/x-{tag}:{tag}", false, true},
      {"r.lan/x-{tag}:latest", false, true}, {"me/x:latest", true, false},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct target *target = parse(rows[i].target);
    CHECK(target_has_fixed_tag(target) == rows[i].fixed, "%s", rows[i].target);
    CHECK(target_has_repo_by_tag(target) == rows[i].repo_by_tag, "%s", rows[i].target);
    target_free(target);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(puts_the_source_s_parts_in),
      cmocka_unit_test(refuses_what_can_be_no_target),
      cmocka_unit_test(some_sources_do_not_fit),
      cmocka_unit_test(knows_whether_all_tags_become_one),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
