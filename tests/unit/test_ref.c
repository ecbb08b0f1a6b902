#include "oci/ref.h"

#include <stdio.h>

#include "unit.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SHA "sha256:" HEX64
#define A63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void check_text(const char *got, const char *wanted, const char *what) {
  CHECK_STRING(got ? got : "none", wanted ? wanted : "none", what);
}

static void reads_what_docker_reads(void **state) {
  (void)state;
  static const struct {
    const char *text, *host, *path, *tag, *digest;
  } cases[] = {
      {"alpine", "docker.io", "library/alpine", NULL, ""},
      {"docker.io/alpine", "docker.io", "library/alpine", NULL, ""},
      {"docker.io/library/alpine", "docker.io", "library/alpine", NULL, ""},
      {"index.docker.io/alpine", "docker.io", "library/alpine", NULL, ""},
      {"registry-1.docker.io/a/b", "docker.io", "a/b", NULL, ""},
      {"alpine:3.19", "docker.io", "library/alpine", "3.19", ""},
      {"alpine:3.19@" SHA, "docker.io", "library/alpine", "3.19", SHA},
      {"alpine@" SHA, "docker.io", "library/alpine", NULL, SHA},
      {"foo/bar", "docker.io", "foo/bar", NULL, ""},
      {"foo/bar/baz:x", "docker.io", "foo/bar/baz", "x", ""},
      {"localhost", "docker.io", "library/localhost", NULL, ""},
      {"localhost:5000", "docker.io", "library/localhost", "5000", ""},
      {"r.io", "docker.io", "library/r.io", NULL, ""},
      {"localhost/foo", "localhost", "foo", NULL, ""},
      {"localhost:5000/foo:5000", "localhost:5000", "foo", "5000", ""},
      {"host:443/foo", "host:443", "foo", NULL, ""},
      {"127.0.0.1:5000/a/b/c:v1", "127.0.0.1:5000", "a/b/c", "v1", ""},
      {"[::1]/a", "[::1]", "a", NULL, ""},
      {"[2001:DB8::1]:5000/a:t", "[2001:DB8::1]:5000", "a", "t", ""},
      {"ghcr.io/o-w.n_e__r/x---y:T.a-g_", "ghcr.io", "o-w.n_e__r/x---y", "T.a-g_", ""},
      {"Foo/bar", "Foo", "bar", NULL, ""},
      {"r.example/0", "r.example", "0", NULL, ""},
      {"xn--n3h.com/a", "xn--n3h.com", "a", NULL, ""},
      {"docker://quay.io/a/b:c", "quay.io", "a/b", "c", ""},
      {"docker://oci:latest", "docker.io", "library/oci", "latest", ""},
      {"a.b/" HEX64, "a.b", HEX64, NULL, ""},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct oci_ref ref;
    struct err err = {0};
    CHECK(oci_ref_parse(cases[i].text, &ref, &err) == 0, "%s: %s", cases[i].text, err.message);
    assert_int_equal(ref.transport, OCI_REGISTRY);
    check_text(ref.repo.host, cases[i].host, cases[i].text);
    check_text(ref.repo.path, cases[i].path, cases[i].text);
    check_text(ref.tag, cases[i].tag, cases[i].text);
    check_text(ref.digest.text, cases[i].digest, cases[i].text);
    assert_null(ref.file);
    oci_ref_free(&ref);
  }
}

static void reads_files_and_folders(void **state) {
  (void)state;
  static const struct {
    const char *text;
    enum oci_transport transport;
    const char *file, *tag;
  } cases[] = {
      {"oci:dir", OCI_LAYOUT, "dir", NULL},
      {"oci:/a b/c:v1", OCI_LAYOUT, "/a b/c", "v1"},
      {"oci:a:b:v1", OCI_LAYOUT, "a:b", "v1"},
      {"oci:/a:b/c", OCI_LAYOUT, "/a:b/c", NULL},
      {"oci-archive:x.tar:latest", OCI_ARCHIVE, "x.tar", "latest"},
      {"docker-archive:x.tar", OCI_DOCKER_ARCHIVE, "x.tar", NULL},
      {"docker-archive:x.tar:r.io/a/b:v1", OCI_DOCKER_ARCHIVE, "x.tar", "r.io/a/b:v1"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct oci_ref ref;
    struct err err = {0};
    CHECK(oci_ref_parse(cases[i].text, &ref, &err) == 0, "%s: %s", cases[i].text, err.message);
    assert_int_equal(ref.transport, cases[i].transport);
    check_text(ref.file, cases[i].file, cases[i].text);
    check_text(ref.tag, cases[i].tag, cases[i].text);
    assert_null(ref.repo.host);
    assert_null(ref.repo.path);
    char *text = oci_ref_format(&ref);
    assert_string_equal(text, cases[i].text);
    free(text);
    oci_ref_free(&ref);
  }
}

static void refuses_what_is_none_and_quotes_it(void **state) {
  (void)state;
  static const char *const cases[] = {
      "",
      " ",
      "/",
      "a/",
      "/a",
      "a//b",
      "a/../b",
      "../a",
      ".",
      "..",
      "a/.b",
      "a.",
      "a/b.",
      "-a",
      "a-",
      "a/-b",
      "_a",
      "a___b",
      "a._b",
      "a..b",
      "a b",
      "a\tb",
      "a\nb",
      "alpine ",
      " alpine",
      "a%2eb",
      "r.io/a%2f..%2fb",
      "a?b",
      "a#b",
      "a&b",
      "a\x1b[31m",
      "caf\xc3\xa9",
      "a:",
      "a:b:c",
      "a:-x",
      "a:.x",
      "a: x",
      "a:b/",
      "a:\xc3\xa9",
      "r.io/",
      "r.io//a",
      "r.io:5000/",
      "r.io:/a",
      "r.io:0/a",
      "r.io:65536/a",
      "r.io:x/a",
      "r.io:5000x/a",
      ".io/a",
      "r..io/a",
      "-r.io/a",
      "r-.io/a",
      "r.io-/a",
      "r_x.io/a",
      "r.io./a",
      "u:p@r.io/a",
      "[::1/a",
      "[]/a",
      "[::g]/a",
      "[::1]5000/a",
      "[::1]:/a",
      "::1/a",
      "[fe80::1%25eth0]/a",
      "a@",
      "a@sha256",
      "a@sha256:",
      "a@sha256:abc",
      "a@" SHA "0",
      "a@sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
      "a@SHA256:" HEX64,
      "a@md5:d41d8cd98f00b204e9800998ecf8427e",
      "a@" SHA "@" SHA,
      "a@" SHA ":t",
      HEX64,
      "oci:",
      "oci::v1",
      "oci:dir:",
      "oci-archive:",
      "docker-archive:",
      "docker-archive:x:",
      "docker-archive::a",
      "docker-archive:x:A",
      "docker://",
      "docker://docker://a",
      "dir:/tmp/x",
      "ftp://r.io/a",
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct oci_ref ref;
    struct err err = {0};
    CHECK(oci_ref_parse(cases[i], &ref, &err) == -ERR_USAGE && err.code == ERR_USAGE,
          "\"%s\" was taken", cases[i]);
    CHECK(strncmp(err.message, "bad reference \"", 15) == 0, "%s", err.message);
    assert_null(ref.repo.host);
    oci_ref_free(&ref);
  }
}

/* A reference whose path or tag is made of len letters. */
static int parse_long(const char *format, size_t len, struct err *err) {
  static char letters[200000], text[200100];
  memset(letters, 'a', len);
  letters[len] = '\0';
  snprintf(text, sizeof text, format, letters);
  struct oci_ref ref;
  int status = oci_ref_parse(text, &ref, err);
  oci_ref_free(&ref);
  return status;
}

static void lengths_are_limited(void **state) {
  (void)state;
  struct err err = {0};
  assert_int_equal(parse_long("r.io/%s", 250, &err), 0);
  assert_int_equal(parse_long("r.io/%s", 251, &err), -ERR_USAGE);
  assert_int_equal(parse_long("a:%s", 128, &err), 0);
  assert_int_equal(parse_long("a:%s", 129, &err), -ERR_USAGE);
  assert_int_equal(parse_long("%s.io/a", 199000, &err), -ERR_USAGE);
  assert_int_equal(parse_long("r.io/a:%s", 199000, &err), -ERR_USAGE);
  assert_int_equal(parse_long("a@sha256:%s", 199000, &err), -ERR_USAGE);
  assert_true(strlen(err.message) < sizeof err.message);
}

static void capitals_get_the_lower_case_form(void **state) {
  (void)state;
  static const struct {
    const char *text, *right;
  } cases[] = {
      {"ghcr.io/Me/App:V1", "\"ghcr.io/me/app:V1\""},
      {"Alpine", "\"alpine\""},
      {"docker://r.io/A@" SHA, "\"docker://r.io/a@" SHA "\""},
      {"LocalHost:5000/Foo", "\"LocalHost:5000/foo\""},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct oci_ref ref;
    struct err err = {0};
    assert_int_equal(oci_ref_parse(cases[i].text, &ref, &err), -ERR_USAGE);
    CHECK(strstr(err.message, cases[i].right), "%s", err.message);
  }
}

static void a_scheme_is_told_to_be_left_out(void **state) {
  (void)state;
  struct oci_ref ref;
  struct err err = {0};
  assert_int_equal(oci_ref_parse("https://ghcr.io/a", &ref, &err), -ERR_USAGE);
  CHECK(strstr(err.message, "leave \"https://\" out"), "%s", err.message);
  assert_int_equal(oci_ref_parse("HTTP://ghcr.io/a", &ref, &err), -ERR_USAGE);
  CHECK(strstr(err.message, "leave \"HTTP://\" out"), "%s", err.message);
}

static void a_repository_has_no_tag_or_digest(void **state) {
  (void)state;
  struct oci_ref ref;
  struct err err = {0};
  assert_int_equal(oci_ref_parse_repo("ghcr.io/a/b", &ref, &err), 0);
  assert_string_equal(ref.repo.path, "a/b");
  oci_ref_free(&ref);
  static const char *const cases[] = {"ghcr.io/a:t", "ghcr.io/a@" SHA, "oci:dir", "a/"};
  for (size_t i = 0; i < COUNT(cases); i++) {
    assert_int_equal(oci_ref_parse_repo(cases[i], &ref, &err), -ERR_USAGE);
    CHECK(strstr(err.message, cases[i]), "%s", err.message);
    assert_null(ref.tag);
  }
}

static void what_is_written_reads_the_same(void **state) {
  (void)state;
  static const struct {
    const char *text, *written, *reference;
  } cases[] = {
      {"alpine", "docker.io/library/alpine", "latest"},
      {"alpine:3", "docker.io/library/alpine:3", "3"},
      {"[::1]:5000/a@" SHA, "[::1]:5000/a@" SHA, SHA},
      {"ghcr.io/a/b:t@" SHA, "ghcr.io/a/b:t@" SHA, SHA},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct oci_ref ref, again, copy;
    assert_int_equal(oci_ref_parse(cases[i].text, &ref, NULL), 0);
    assert_string_equal(oci_ref_reference(&ref), cases[i].reference);
    char *text = oci_ref_format(&ref);
    assert_string_equal(text, cases[i].written);
    assert_int_equal(oci_ref_parse(text, &again, NULL), 0);
    assert_true(oci_repo_equal(&ref.repo, &again.repo));
    oci_ref_copy(&copy, &again);
    oci_ref_free(&again);
    char *copied = oci_ref_format(&copy);
    assert_string_equal(copied, text);
    free(text);
    free(copied);
    oci_ref_free(&ref);
    oci_ref_free(&copy);
  }
}

static void tags_follow_the_grammar(void **state) {
  (void)state;
  static const char *const valid[] = {"latest", "_", "0", "v1.2.3-rc.1_x", "A"};
  static const char *const invalid[] = {"",    "-a",  ".a",  "a/b",       "a:b",
                                        "a b", "a\n", "a+b", "sha256:abc"};
  for (size_t i = 0; i < COUNT(valid); i++)
    CHECK(oci_tag_valid(valid[i]), "\"%s\" is a tag", valid[i]);
  for (size_t i = 0; i < COUNT(invalid); i++)
    CHECK(!oci_tag_valid(invalid[i]), "\"%s\" is no tag", invalid[i]);
}

static void only_this_machine_is_loopback(void **state) {
  (void)state;
  static const char *const yes[] = {"localhost",  "localhost:5000",   "LOCALHOST",
                                    "127.0.0.1",  "127.255.3.4:80",   "[::1]",
                                    "[::1]:5000", "[0:0:0:0:0:0:0:1]"};
  static const char *const no[] = {"",
                                   "localhost.evil.com",
                                   "127.0.0.1.evil.com",
                                   "127.evil.com",
                                   "128.0.0.1",
                                   "10.0.0.1:5000",
                                   "127.1",
                                   "0.0.0.0",
                                   "[::2]",
                                   "[::]",
                                   "docker.io",
                                   "[127.0.0.1]",
                                   "::1",
                                   "xlocalhost",
                                   A63 A63 ".com"};
  for (size_t i = 0; i < COUNT(yes); i++)
    CHECK(oci_host_is_loopback(yes[i]), "%s", yes[i]);
  for (size_t i = 0; i < COUNT(no); i++)
    CHECK(!oci_host_is_loopback(no[i]), "%s", no[i]);
}

static void docker_hub_is_reached_elsewhere(void **state) {
  (void)state;
  assert_string_equal(oci_api_host("docker.io"), "registry-1.docker.io");
  assert_string_equal(oci_api_host("ghcr.io"), "ghcr.io");
}

static void repositories_are_equal_without_the_hosts_case(void **state) {
  (void)state;
  const struct oci_repo a = {"ghcr.io", "a/b"}, b = {"GHCR.io", "a/b"}, c = {"ghcr.io", "a/c"},
                        d = {"quay.io", "a/b"};
  assert_true(oci_repo_equal(&a, &b));
  assert_false(oci_repo_equal(&a, &c));
  assert_false(oci_repo_equal(&a, &d));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_what_docker_reads),
      cmocka_unit_test(reads_files_and_folders),
      cmocka_unit_test(refuses_what_is_none_and_quotes_it),
      cmocka_unit_test(lengths_are_limited),
      cmocka_unit_test(capitals_get_the_lower_case_form),
      cmocka_unit_test(a_scheme_is_told_to_be_left_out),
      cmocka_unit_test(a_repository_has_no_tag_or_digest),
      cmocka_unit_test(what_is_written_reads_the_same),
      cmocka_unit_test(tags_follow_the_grammar),
      cmocka_unit_test(only_this_machine_is_loopback),
      cmocka_unit_test(docker_hub_is_reached_elsewhere),
      cmocka_unit_test(repositories_are_equal_without_the_hosts_case),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
