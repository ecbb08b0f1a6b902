/* Files of skopeo sync. */
#include "foreign_run.h"

static const struct foreign_options to_lan = {.to = "r.lan/mirror/"};

static void reads_a_whole_file(void **state) {
  (void)state;
  static const char text[] = "registry.example.com:\n"
                             "  images:\n"
                             "    busybox: []\n"
                             "    team/redis: [1.0, \"2.0\", '" SHA "']\n"
                             "    base:\n"
                             "  images-by-tag-regex:\n"
                             "    nginx: ^1\\.13\\.[12]-alpine-perl$\n"
                             "  images-by-semver:\n"
                             "    alpine: \">= 3.12.0, < 4\"\n"
                             "  credentials: {username: john, password: this is a secret}\n"
                             "  tls-verify: yes\n"
                             "quay.io/coreos:\n"
                             "  tls-verify: false\n"
                             "  images: {etcd: [latest]}\n";
  static const char *const tags[] = {
      "1.13.1-alpine-perl", "1.13.3-alpine-perl", "3.12.0", "v3.20", "4.0.0", "3.13.0-rc.1", NULL};
  struct mirror *mirror = run(text, to_lan);
  check_pairs(mirror, tags,
              "registry.example.com/busybox > r.lan/mirror/busybox\n"
              "registry.example.com/team/redis:1.0 > r.lan/mirror/redis:1.0\n"
              "registry.example.com/team/redis:2.0 > r.lan/mirror/redis:2.0\n"
              "registry.example.com/team/redis@" SHA " > r.lan/mirror/redis@" SHA "\n"
              "registry.example.com/base > r.lan/mirror/base\n"
              "registry.example.com/nginx > r.lan/mirror/nginx 1.13.1-alpine-perl\n"
              "registry.example.com/alpine > r.lan/mirror/alpine 3.12.0 v3.20\n"
              "quay.io/coreos/etcd:latest > r.lan/mirror/etcd:latest\n");
  check_warnings("");
  const struct mirror_registry *example = mirror_find_registry(mirror, "registry.example.com");
  assert_string_equal(example->user, "john");
  assert_string_equal(example->password, "this is a secret");
  assert_false(example->insecure);
  assert_int_equal(example->chunk_size, -1);
  assert_true(mirror_find_registry(mirror, "quay.io")->insecure);
  mirror_free(mirror);
}

static void scoped_keeps_host_and_path(void **state) {
  (void)state;
  struct mirror *mirror = run("docker.io: {images: {nginx: ['1']}}\n"
                              "q.lan:5000: {images: {a/b: ['1']}}\n",
                              (struct foreign_options){.to = "r.lan", .scoped = true});
  check_pairs(mirror, NULL,
              "docker.io/library/nginx:1 > r.lan/docker.io/library/nginx:1\n"
              "q.lan:5000/a/b:1 > r.lan/q.lan-5000/a/b:1\n");
  mirror_free(mirror);
}

/* Go's expressions match anywhere in a tag. */
static void expressions_are_searched_for(void **state) {
  (void)state;
  static const char *const tags[] = {"alpine", "1-alpine-2", "1", "v1", "v1-x", NULL};
  struct mirror *mirror = run("q.io: {images-by-tag-regex: {a: alpine, b: '^v1', c: 'e$|^1$', "
                              "d: '(?i)ALP', e: ''}}",
                              to_lan);
  check_pairs(mirror, tags,
              "q.io/a > r.lan/mirror/a alpine 1-alpine-2\n"
              "q.io/b > r.lan/mirror/b v1 v1-x\n"
              "q.io/c > r.lan/mirror/c alpine 1\n"
              "q.io/d > r.lan/mirror/d alpine 1-alpine-2\n"
              "q.io/e > r.lan/mirror/e alpine 1-alpine-2 1 v1 v1-x\n");
  mirror_free(mirror);
}

/* Without verification skopeo goes on to plain HTTP: of this machine's registries that is the rule. */
static void this_machine_s_registries_are_on_plain_http(void **state) {
  (void)state;
  struct mirror *mirror = run("localhost:5000: {tls-verify: false, images: {a: ['1']}}\n"
                              "q.io: {tls-verify: true, images: {b: ['1']}}\n",
                              to_lan);
  assert_false(mirror_find_registry(mirror, "localhost:5000")->insecure);
  assert_null(mirror_find_registry(mirror, "q.io"));
  mirror_free(mirror);
}

static void says_what_is_left_out(void **state) {
  (void)state;
  mirror_free(run("q.io:\n"
                  "  cert-dir: /home/john/certs\n"
                  "  image: {a: []}\n"
                  "  images: {c: []}\n"
                  "  credentials: {username: j, identitytoken: t0ken}\n"
                  ".base: {tls-verify: false}\n"
                  "q.io/b:\n"
                  "  images: {a: []}\n"
                  "  credentials: {username: k, password: p}\n"
                  "q.io/c:\n"
                  "  images: {c: []}\n"
                  "  credentials: {username: l, password: p}\n",
                  to_lan));
  check_warnings(
      "f.yml:2:3: \"cert-dir\" of q.io is not honoured: put the files into "
      "/etc/docker/certs.d/HOST, or give an authority's by --ca-file\n"
      "f.yml:3:3: unknown key \"image\" of q.io is left alone: did you mean \"images\"?\n"
      "f.yml:5:30: \"identitytoken\" of credentials is not honoured: put it into a docker "
      "config.json (--authfile)\n"
      "f.yml:5:16: the login to q.io is left out: its password is empty\n"
      "f.yml:6:1: .base has no images: it is left out\n"
      "f.yml:12:16: a second login to q.io is left out: dray has one a registry (the keys of a "
      "docker config.json, --authfile, may be HOST/NAMESPACE)\n");
}

static void refuses_what_skopeo_skips(void **state) {
  (void)state;
  static const struct refusal rows[] = {
      {"q.io: {images: []}", "f.yml:1:16: a mapping"},
      {"q.io: {images: {A: []}}", "f.yml:1:17: bad reference \"q.io/A\""},
      {"q.io: {images: {'a:1': []}}", "f.yml:1:17: \"q.io/a:1\" is with a tag"},
      {"q.io: {images: {a: ['1/2']}}", "f.yml:1:21: \"1/2\" is no tag and no digest"},
      {"q.io: {images: {a: ['sha256:12']}}", "f.yml:1:21: bad reference"},
      {"q.io: {images: {a: {b: c}}}", "f.yml:1:20: a text or a list of texts"},
      {"q.io: {images-by-tag-regex: {a: '('}}", "f.yml:1:33: bad pattern \"/(/\""},
      {"q.io: {images-by-tag-regex: {a: 'a)(b'}}", "f.yml:1:33: bad pattern \"/a)(b/\""},
      {"q.io: {images-by-tag-regex: {a: [x]}}", "f.yml:1:33: a text is wanted"},
      {"q.io: {images-by-semver: {a: '>=latest'}}",
       "f.yml:1:30: bad version constraint \">=latest\": character 3"},
      {"q.io: {tls-verify: 1, images: {a: []}}", "f.yml:1:20: true or false"},
      {"q.io: {credentials: x, images: {a: []}}", "f.yml:1:21: a mapping"},
      {"q.io: {images: {a: []}}\nq.lan: x\n", "f.yml:2:8: a mapping"},
      {"q io: {images: {a: []}}\n", "f.yml:1:17: bad reference \"q io/a\""},
      {"q.io: {images: {a/x: ['1'], b/x: ['1']}}",
       "f.yml:1:35: two images for r.lan/mirror/x:1: q.io/b/x:1 here, and q.io/a/x:1 in line 1"},
  };
  check_refusals(rows, COUNT(rows), to_lan);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_a_whole_file),
      cmocka_unit_test(scoped_keeps_host_and_path),
      cmocka_unit_test(expressions_are_searched_for),
      cmocka_unit_test(says_what_is_left_out),
      cmocka_unit_test(this_machine_s_registries_are_on_plain_http),
      cmocka_unit_test(refuses_what_skopeo_skips),
  };
  return cmocka_run_group_tests(tests, NULL, end_runs);
}
