/* Files of image-syncer. */
#include "foreign_run.h"

static const struct foreign_options none;

static struct foreign_options auth(const char *text) {
  return (struct foreign_options){
      .auth_name = "auth.yaml", .auth_text = text, .auth_len = strlen(text)};
}

#define PROXY "quay.io/coreos/kube-rbac-proxy"

static void reads_a_whole_file(void **state) {
  (void)state;
  static const char *const tags[] = {"a", "bab", "b", NULL};
  struct mirror *mirror = run(PROXY ": quay.io/ruohe/all\n" PROXY ":v1.0: quay.io/ruohe/one\n" PROXY
                                    ":v1.0,v2.0: quay.io/ruohe/two\n" PROXY "@" SHA
                                    ": quay.io/ruohe/digest\n" PROXY ":v1.1:\n"
                                    "  - quay.io/ruohe/list1\n"
                                    "  - quay.io/ruohe/list2:x\n"
                                    "  - quay.io/$ORG/list3\n" PROXY ":/a+/: quay.io/ruohe/some\n"
                                    "nginx: r.lan/nginx\n",
                              none);
  check_pairs(mirror, tags,
              PROXY " > quay.io/ruohe/all\n" PROXY ":v1.0 > quay.io/ruohe/one:v1.0\n" PROXY
                    ":v1.0 > quay.io/ruohe/two:v1.0\n" PROXY
                    ":v2.0 > quay.io/ruohe/two:v2.0\n" PROXY "@" SHA " > quay.io/ruohe/digest@" SHA
                    "\n" PROXY ":v1.1 > quay.io/ruohe/list1:v1.1\n" PROXY
                    ":v1.1 > quay.io/our/list3:v1.1\n" PROXY ":v1.1 > quay.io/ruohe/list2:x\n" PROXY
                    " > quay.io/ruohe/some a bab\n"
                    "docker.io/library/nginx > r.lan/nginx\n");
  check_warnings("");
  mirror_free(mirror);
}

static void tags_and_digests_at_the_target(void **state) {
  (void)state;
  struct mirror *mirror =
      run("{\"q.io/a:1,2\": \"r.lan/a:3,4\", \"q.io/b@" SHA "\": [\"r.lan/b@" SHA "\",\n"
          "\"r.lan/b:5\"], \"q.io/c:6@" SHA "\": \"r.lan/c\", \"l.lan:5000/d\": \"r.lan:80/d\"}",
          none);
  check_pairs(mirror, NULL,
              "q.io/a:1 > r.lan/a:3\nq.io/a:2 > r.lan/a:4\n"
              "q.io/b@" SHA " > r.lan/b@" SHA "\nq.io/b@" SHA " > r.lan/b:5\n"
              "q.io/c@" SHA " > r.lan/c@" SHA "\nl.lan:5000/d > r.lan:80/d\n");
  mirror_free(mirror);
}

static void logins_come_from_auth(void **state) {
  (void)state;
  struct mirror *mirror = run("q.io/a/x: r.lan/b/x\nh.lan/c: r.lan/b/y\n",
                              auth("q.io: {username: $USER, password: '${PASSWORD}'}\n"
                                   "h.lan: {username: u, password: a$, insecure: true}\n"
                                   "r.lan/b: {username: ns, password: p}\n"));
  const struct mirror_registry *quay = mirror_find_registry(mirror, "q.io");
  assert_string_equal(quay->user, "me");
  assert_string_equal(quay->password, "hunter2");
  assert_false(quay->plain_http);
  assert_true(mirror_find_registry(mirror, "h.lan")->plain_http);
  assert_string_equal(mirror_find_registry(mirror, "h.lan")->password, "a$");
  /* all that is copied to r.lan is below r.lan/b */
  assert_string_equal(mirror_find_registry(mirror, "r.lan")->user, "ns");
  check_warnings("");
  mirror_free(mirror);
}

static void a_login_to_a_part_is_not_used_for_the_rest(void **state) {
  (void)state;
  struct mirror *mirror = run("q.io/a/x: r.lan/b/x\nq.io/c: r.lan/bb/y\n",
                              auth("r.lan/b: {username: ns, password: p}\n"
                                   "r.lan: {username: $NONE, password: p, usernam: x}\n"));
  assert_null(mirror_find_registry(mirror, "r.lan")->user);
  check_warnings(
      "auth.yaml:1:1: the login to r.lan/b is left out: dray has one a registry, and not all "
      "images "
      "at r.lan are below that (the keys of a docker config.json, --authfile, may be "
      "HOST/NAMESPACE)\n"
      "auth.yaml:2:39: unknown key \"usernam\" of auth is left alone: did you mean \"username\"?\n"
      "auth.yaml:2:19: the environment variable NONE is not set\n"
      "auth.yaml:2:8: the login to r.lan is left out: its user is empty\n");
  mirror_free(mirror);
}

static void reads_the_older_form(void **state) {
  (void)state;
  struct mirror *mirror = run("auth:\n  r.lan: {username: u, password: $USER}\n"
                              "images:\n  q.io/a: r.lan/a\n",
                              none);
  check_pairs(mirror, NULL, "q.io/a > r.lan/a\n");
  assert_string_equal(mirror_find_registry(mirror, "r.lan")->password, "$USER");
  mirror_free(mirror);
}

static void says_what_is_wrong_and_where(void **state) {
  (void)state;
  static const struct refusal rows[] = {
      {"q.io/a: ''", "f.yml:1:9: the target is empty"},
      {"q.io/a: $EMPTY", "f.yml:1:9: the target is empty"},
      {"q.io/a:\n", "f.yml:1:8: a value is missing: a text or a list"},
      {"q.io/a: []", "f.yml:1:9: the list of targets is empty"},
      {"q.io/a: r.lan/{name}", "f.yml:1:9: bad reference"},
      {"q.io/a: r.lan/", "f.yml:1:9: bad reference"},
      {"q.io/a: ruohe/a/${B", "f.yml:1:9: \"${\" begins no variable"},
      {"q.io/a: r.lan/a:1", "the target has 1 tags and the source 0"},
      {"q.io/a:1,2: r.lan/a:1", "f.yml:1:13: the target has 1 tags and the source 2"},
      {"q.io/a:1,: r.lan/a", "f.yml:1:1: \"\" is no tag"},
      {"q.io/a:1: r.lan/a@" SHA, "f.yml:1:11: a target's digest has to be the source's"},
      {"q.io/a:/x/: r.lan/a:/x/", "f.yml:1:13: a target has no expression"},
      {"q.io/a:/x: r.lan/a", "f.yml:1:1: an expression for tags ends with a slash"},
      {"q.io/a:/(/: r.lan/a", "f.yml:1:1: bad pattern"},
      {"Q.io/A: r.lan/a", "f.yml:1:1: bad reference"},
      {"q.io/a:1: r.lan/x\nq.io/b:1: r.lan/x\n", "f.yml:2:1: two images for r.lan/x:1"},
  };
  check_refusals(rows, COUNT(rows), none);
  static const struct refusal auths[] = {
      {"[]", "auth.yaml:1:1: a mapping"},
      {"'a b': {username: u}", "auth.yaml:1:1: \"a b\" is no registry"},
      {"q.io: {username: [u]}", "auth.yaml:1:18: a text is wanted"},
      {"q.io: {insecure: 1}", "auth.yaml:1:18: true or false"},
  };
  for (size_t i = 0; i < COUNT(auths); i++) {
    struct refusal row = {"q.io/a: r.lan/a", auths[i].message};
    check_refusals(&row, 1, auth(auths[i].text));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_a_whole_file),
      cmocka_unit_test(tags_and_digests_at_the_target),
      cmocka_unit_test(logins_come_from_auth),
      cmocka_unit_test(a_login_to_a_part_is_not_used_for_the_rest),
      cmocka_unit_test(reads_the_older_form),
      cmocka_unit_test(says_what_is_wrong_and_where),
  };
  return cmocka_run_group_tests(tests, NULL, end_runs);
}
