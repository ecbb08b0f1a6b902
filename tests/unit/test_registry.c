#include "oci/registry.h"

#include <stdio.h>

#include "oci/manifest.h"
#include "unit.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct oci_repo repo = {"r.io", "a/b"}, other = {"r.io", "c/d_e"};
static const struct oci_digest sha256 = {OCI_SHA256, "sha256:" HEX64};
static const struct oci_digest sha512 = {OCI_SHA512, "sha512:" HEX64 HEX64};

/* Frees got. */
static void check(char *got, const char *wanted) {
  CHECK_STRING(got ? got : "none", wanted ? wanted : "none", "text");
  free(got);
}

static void requests_go_where_the_standard_says(void **state) {
  (void)state;
  check(oci_path_manifest(&repo, "v1.0"), "/v2/a/b/manifests/v1.0");
  check(oci_path_manifest(&repo, sha256.text), "/v2/a/b/manifests/sha256:" HEX64);
  check(oci_path_blob(&repo, &sha256), "/v2/a/b/blobs/sha256:" HEX64);
  check(oci_path_upload(&repo, &sha256, NULL), "/v2/a/b/blobs/uploads/");
  check(oci_path_upload(&repo, &sha512, NULL), "/v2/a/b/blobs/uploads/?digest-algorithm=sha512");
  check(oci_path_upload(&repo, &sha256, &other),
        "/v2/a/b/blobs/uploads/?mount=sha256%3A" HEX64 "&from=c%2Fd_e");
  check(oci_path_upload(&repo, &sha512, &other),
        "/v2/a/b/blobs/uploads/?mount=sha512%3A" HEX64 HEX64 "&from=c%2Fd_e");
  check(oci_path_tags(&repo, 1000), "/v2/a/b/tags/list?n=1000");
  check(oci_scope(&repo, false), "repository:a/b:pull");
  check(oci_scope(&repo, true), "repository:a/b:pull,push");
}

static void every_manifest_type_is_accepted(void **state) {
  (void)state;
  static const char *const types[] = {OCI_TYPE_INDEX, OCI_TYPE_MANIFEST, DOCKER_TYPE_LIST,
                                      DOCKER_TYPE_MANIFEST, "*/*"};
  for (size_t i = 0; i < COUNT(types); i++)
    CHECK(strstr(oci_accept_manifest, types[i]), "%s", types[i]);
}

static void a_commit_keeps_the_locations_query(void **state) {
  (void)state;
#define DIGEST "digest=sha256%3A" HEX64
  static const struct {
    const char *location, *url;
  } cases[] = {
      {"/v2/a/blobs/uploads/1", "/v2/a/blobs/uploads/1?" DIGEST},
      {"https://r.io/u?_state=a%3D&b", "https://r.io/u?_state=a%3D&b&" DIGEST},
      {"/u?", "/u?" DIGEST},
      {"/u?a=1&", "/u?a=1&" DIGEST},
      {"/u#part?", "/u?" DIGEST},
      {"/u?a#b", "/u?a&" DIGEST},
      {"", "?" DIGEST},
  };
  for (size_t i = 0; i < COUNT(cases); i++)
    check(oci_commit_url(cases[i].location, &sha256), cases[i].url);
}

static void an_uploads_range_tells_what_the_server_holds(void **state) {
  (void)state;
  static const struct {
    const char *value;
    int64_t received; /* -1: no range */
  } cases[] = {
      {"0-99", 100},
      {"bytes=0-99", 100},
      {" 0-99 ", 100},
      {"0-0", 1},
      {"0--1", 0},
      {"bytes=0--1", 0},
      {"100-199", 200},
      {"0-9223372036854775806", INT64_MAX},
      {"0-18446744073709551615", -1},
      {"0-18446744073709551616", -1},
      {"", -1},
      {"-", -1},
      {"0-", -1},
      {"-9", -1},
      {"9", -1},
      {"0--2", -1},
      {"5--1", -1},
      {"9-8", -1},
      {"0-9x", -1},
      {"0 - 9", -1},
      {"bytes 0-9/10", -1},
      {"0-9,20-29", -1},
      {"+0-9", -1},
      {"0x0-0x9", -1},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    uint64_t received = 0;
    int status = oci_range_parse(cases[i].value, &received);
    if (cases[i].received < 0)
      CHECK(status == -1, "\"%s\" is no range", cases[i].value);
    else
      CHECK(status == 0 && received == (uint64_t)cases[i].received, "\"%s\"", cases[i].value);
  }
}

static void a_content_range_must_make_sense(void **state) {
  (void)state;
  static const struct {
    const char *value;
    uint64_t first, last;
    int64_t total;
  } good[] = {
      {"bytes 0-0/1", 0, 0, 1},
      {"bytes 5-9/10", 5, 9, 10},
      {"Bytes  5-9/* ", 5, 9, -1},
      {"bytes 0-9223372036854775806/9223372036854775807", 0, INT64_MAX - 1, INT64_MAX},
  };
  static const char *const bad[] = {"",
                                    "bytes",
                                    "bytes */10",
                                    "5-9/10",
                                    "bytes 5-10/10",
                                    "bytes 9-5/10",
                                    "bytes 5-9",
                                    "bytes 5-9/",
                                    "bytes 5-9/10x",
                                    "bytes 5-9/*x",
                                    "bytes=5-9/10",
                                    "bytes -9/10",
                                    "bytes 5-/10",
                                    "items 5-9/10",
                                    "bytes 0-1/9223372036854775808",
                                    "bytes 0-99999999999999999999/*"};
  uint64_t first, last;
  int64_t total;
  for (size_t i = 0; i < COUNT(good); i++) {
    assert_int_equal(oci_content_range_parse(good[i].value, &first, &last, &total), 0);
    CHECK(first == good[i].first && last == good[i].last && total == good[i].total, "\"%s\"",
          good[i].value);
  }
  for (size_t i = 0; i < COUNT(bad); i++)
    CHECK(oci_content_range_parse(bad[i], &first, &last, &total) == -1, "\"%s\"", bad[i]);
}

static void the_next_page_is_found_among_links(void **state) {
  (void)state;
  static const struct {
    const char *value, *next;
  } cases[] = {
      {"</v2/a/tags/list?n=2&last=b>; rel=\"next\"", "/v2/a/tags/list?n=2&last=b"},
      {"<https://r.io/x?a,b;c>;rel=next", "https://r.io/x?a,b;c"},
      {"<a>; rel=prev, <b>; title=\"x, <y>; rel=next\"; REL=\"last Next\"", "b"},
      {"<a>; title=\"\\\"\"; rel=\"next\"", "a"},
      {"<a>; x; rel = next ;y=1", "a"},
      {" , <a>;rel=next", "a"},
      {"<a>; rel=\"prev\"", NULL},
      {"<a>; rel=\"nextish\"", NULL},
      {"<a>; title=next", NULL},
      {"<a>; relx=next", NULL},
      {"<a>", NULL},
      {"<a", NULL},
      {"<a>; rel=\"ne", NULL},
      {"<>; rel=next", NULL},
      {"a; rel=next", NULL},
      {"<a>; rel=prev <b>; rel=next", NULL},
      {"", NULL},
  };
  for (size_t i = 0; i < COUNT(cases); i++)
    check(oci_link_next(cases[i].value), cases[i].next);
}

static void errors_are_understood_as_registries_send_them(void **state) {
  (void)state;
  static const struct {
    const char *body, *code, *message;
  } cases[] = {
      {"{\"errors\":[{\"code\":\"NAME_UNKNOWN\",\"message\":\"repository name not known to "
       "registry\",\"detail\":{\"name\":\"a\"}},{\"code\":\"X\"}]}\n",
       "NAME_UNKNOWN", "repository name not known to registry"},
      {"{\"errors\":[{\"code\":\"DENIED\",\"message\":\"\",\"detail\":\"no such project\"}]}",
       "DENIED", "no such project"},
      {"{\"errors\":[{\"code\":\"UNKNOWN\"}]}", "UNKNOWN", ""},
      {"{\"errors\":[{\"status\":404,\"message\":\"Not\\n found\"}]}", "", "Not found"},
      {"{\"error\":\"project not found\"}", "", "project not found"},
      {"{\"error\":\"invalid_grant\",\"error_description\":\"token expired\"}", "invalid_grant",
       "token expired"},
      {"{\"error\":{\"code\":403,\"message\":\"Permission denied\",\"status\":\"X\"}}", "",
       "Permission denied"},
      {"{\"code\":\"TOOMANYREQUESTS\",\"message\":\"slow down\"}", "TOOMANYREQUESTS", "slow down"},
      {"{\"errors\":[{\"code\":\"MANIFEST_INVALID\",\"detail\":{\"message\":\"'a' is not one of "
       "['b']\"},\"message\":\"manifest invalid\"}]}",
       "MANIFEST_INVALID", "manifest invalid: 'a' is not one of ['b']"},
      {"{\"errors\":[{\"code\":\"A\",\"message\":\"b\",\"detail\":{\"digest\":\"c\"}}]}", "A", "b"},
      {"{\"details\":\"incorrect username or password\"}", "", "incorrect username or password"},
      {"{\"message\":\"401 Unauthorized\"}", "", "401 Unauthorized"},
      {"<html>\r\n<head><title>413 Request Entity Too Large</title></head>\r\n<body>\r\n<center>"
       "<h1>413</h1></center><hr><center>nginx</center>",
       "", "413 Request Entity Too Large"},
      {"\n <!DOCTYPE html><HTML><TITLE lang=\"en\">\n  502\n  Bad Gateway </TITLE>", "",
       "502 Bad Gateway"},
      {"<?xml version='1.0'?><Error><Code>NoSuchKey</Code><Message>The key is "
       "gone.</Message></Error>",
       "", "The key is gone."},
      {"<html><body><h1>Bad</h1>\n<p>Try <b>later</b></body></html>", "", "Bad Try later"},
      {"<html><body>cut <a href=", "", "cut"},
      {"<p>cut <title lang", "", "cut"},
      {"  You have  reached your\npull rate limit.\n", "",
       "You have reached your pull rate limit."},
      {"{\"errors\":[]}", "", "{\"errors\":[]}"},
      {"{\"errors\":\"x\"", "", "{\"errors\":\"x\""},
      {"[1]", "", "[1]"},
      {"\x1b[2J::error::\xff", "", "?[2J::error::?"},
      {"{\"message\":\"\\u001b[31m\\u202e\"}", "", "?[31m?"},
      {"", "", ""},
      {" \n", "", ""},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct oci_error error;
    oci_error_parse(cases[i].body, strlen(cases[i].body), &error);
    CHECK_STRING(error.code, cases[i].code, cases[i].body);
    CHECK_STRING(error.message, cases[i].message, cases[i].body);
  }
  struct oci_error error;
  oci_error_parse(NULL, 0, &error);
  assert_string_equal(error.message, "");
}

static void long_errors_are_cut(void **state) {
  (void)state;
  static char body[60000];
  memset(body, 'x', sizeof body);
  struct oci_error error;
  oci_error_parse(body, sizeof body, &error);
  assert_int_equal(strlen(error.message), sizeof error.message - 1);
}

static void tags_are_listed_without_what_is_none(void **state) {
  (void)state;
  static const struct {
    const char *body, *tags; /* each followed by a comma */
    size_t count;
  } cases[] = {
      {"{\"name\":\"a/b\",\"tags\":[\"v1\",\"latest\",\"_x.y-z\"]}", "v1,latest,_x.y-z,", 3},
      {"{\"tags\":[null,\"a\",1,\"sha256:" HEX64 "\",\"\",\"b c\",[\"d\"],\"../e\",\"\\n\"]}", "a,",
       1},
      {"{\"name\":\"a/b\",\"tags\":null}", "", 0},
      {"{\"name\":\"a/b\"}", "", 0},
      {"{\"tags\":[]}", "", 0},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct buf out;
    size_t count;
    struct err err = {0};
    buf_init(&out, 1000);
    CHECK(oci_tags_parse(cases[i].body, strlen(cases[i].body), &out, &count, &err) == 0, "%s: %s",
          cases[i].body, err.message);
    assert_int_equal(count, cases[i].count);
    for (size_t at = 0; at < out.len; at++)
      if (!out.data[at])
        out.data[at] = ',';
    CHECK_STRING(buf_str(&out), cases[i].tags, cases[i].body);
    buf_free(&out);
  }
}

static void what_is_no_list_of_tags_is_refused(void **state) {
  (void)state;
  static const char *const cases[] = {
      "", "<html>", "[]", "\"a\"", "{\"tags\":\"a\"}", "{\"tags\":{}}", "{\"tags\":[\"a\"]"};
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct buf out;
    size_t count = 7;
    struct err err = {0};
    buf_init(&out, 1000);
    CHECK(oci_tags_parse(cases[i], strlen(cases[i]), &out, &count, &err) == -ERR_PROTOCOL, "%s",
          cases[i]);
    CHECK(strstr(err.message, "list of tags"), "%s", err.message);
    assert_int_equal(count, 0);
    buf_free(&out);
  }
}

static void tag_pages_add_up_to_a_limit(void **state) {
  (void)state;
  struct buf out;
  size_t count;
  struct err err = {0};
  buf_init(&out, 6);
  static const char one[] = "{\"tags\":[\"aa\"]}", two[] = "{\"tags\":[\"bb\",\"cc\"]}";
  assert_int_equal(oci_tags_parse(one, strlen(one), &out, &count, &err), 0);
  assert_int_equal(oci_tags_parse(one, strlen(one), &out, &count, &err), 0);
  assert_memory_equal(out.data, "aa\0aa", 6);
  assert_int_equal(oci_tags_parse(two, strlen(two), &out, &count, &err), -ERR_TOO_LARGE);
  buf_free(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(requests_go_where_the_standard_says),
      cmocka_unit_test(every_manifest_type_is_accepted),
      cmocka_unit_test(a_commit_keeps_the_locations_query),
      cmocka_unit_test(an_uploads_range_tells_what_the_server_holds),
      cmocka_unit_test(a_content_range_must_make_sense),
      cmocka_unit_test(the_next_page_is_found_among_links),
      cmocka_unit_test(errors_are_understood_as_registries_send_them),
      cmocka_unit_test(long_errors_are_cut),
      cmocka_unit_test(tags_are_listed_without_what_is_none),
      cmocka_unit_test(what_is_no_list_of_tags_is_refused),
      cmocka_unit_test(tag_pages_add_up_to_a_limit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
