#include "net/url.h"

#include "unit.h"

static const char base[] = "https://ghcr.io/v2/a/b/blobs/uploads/?x=1";

static void locations_are_read_from_where_they_were_given(void **state) {
  (void)state;
  static const struct {
    const char *base, *location, *joined; /* NULL: refused */
  } cases[] = {
      {base, "https://ghcr.io/v2/a/b/blobs/uploads/1", "https://ghcr.io/v2/a/b/blobs/uploads/1"},
      {base, "/v2/a/b/blobs/uploads/1", "https://ghcr.io/v2/a/b/blobs/uploads/1"},
      {base, "1", "https://ghcr.io/v2/a/b/blobs/uploads/1"},
      {base, "../1", "https://ghcr.io/v2/a/b/blobs/1"},
      {base, "./1/./2", "https://ghcr.io/v2/a/b/blobs/uploads/1/2"},
      {base, "?y=2", "https://ghcr.io/v2/a/b/blobs/uploads/?y=2"},
      {base, "//cdn.example/b", "https://cdn.example/b"},
      {base, "http://other:81/b", "http://other:81/b"},
      {base, "HTTPS://ghcr.io/b", "https://ghcr.io/b"}, /* as url_is_https() wants it */
      {"http://127.0.0.1:5000/v2/", "/v2/x", "http://127.0.0.1:5000/v2/x"},
      {"http://[::1]:5000/v2/", "/v2/x", "http://[::1]:5000/v2/x"},
      {"https://h", "x", "https://h/x"},
      /* a query is the session's state: kept as it is */
      {base, "/u?_state=a%2Fb%3D&sig=x+y&&z", "https://ghcr.io/u?_state=a%2Fb%3D&sig=x+y&&z"},
      {base, "/u?a=/../b", "https://ghcr.io/u?a=/../b"},
      {base, "/a%2Fb", "https://ghcr.io/a%2Fb"},
      /* a fragment is nothing to a server */
      {base, "/u?a=b#c", "https://ghcr.io/u?a=b"},
      {base, "/u#?a=b", "https://ghcr.io/u"},
      {"https://h/a#b", "c", "https://h/c"},
      /* credentials would be sent on by curl */
      {base, "https://user:secret@ghcr.io/u", NULL},
      {base, "https://user@ghcr.io/u", NULL},
      {base, "https://:secret@ghcr.io/u", NULL},
      {base, "//user:secret@ghcr.io/u", NULL},
      {base, "https://ghcr.io@evil.example/u", NULL},
      {base, "ftp://ghcr.io/u", NULL},
      {base, "file:///etc/passwd", NULL},
      {base, "gopher://h/", NULL},
      {base, "unix://h/", NULL},
      {base, "https://", NULL},
      {base, "https://h:99999/", NULL},
      {base, "https://h:x/", NULL},
      {base, "https://[::1/", NULL},
      {base, "https://a b/", NULL},
      {base, "/u\r\nHost: evil", NULL},
      {base, "/u\x01", NULL},
      {"no url at all", "/u", NULL},
      {"", "/u", NULL},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    char *joined = url_join(cases[i].base, cases[i].location);
    CHECK_STRING(joined ? joined : "refused", cases[i].joined ? cases[i].joined : "refused",
                 cases[i].location);
    free(joined);
  }
}

static void an_origin_is_scheme_host_and_port(void **state) {
  (void)state;
  static const struct {
    const char *a, *b;
    bool same;
  } cases[] = {
      {"https://ghcr.io/v2/", "https://ghcr.io/token?x=1#y", true},
      {"https://ghcr.io", "https://GHCR.IO/", true},
      {"https://ghcr.io", "https://ghcr.io:443/", true},
      {"http://h", "http://h:80", true},
      {"http://[::1]:5000/", "http://[::1]:5000/x", true},
      {"https://ghcr.io", "http://ghcr.io", false},
      {"https://h:80", "http://h:80", false},
      {"http://h", "http://h:443", false},
      {"https://h", "https://h:80", false},
      {"http://h:5000", "http://h:5001", false},
      {"https://ghcr.io", "https://ghcr.io.evil.example", false},
      {"https://ghcr.io", "https://evil.example/ghcr.io", false},
      {"https://ghcr.io", "https://ghcr.io@evil.example/", false},
      {"https://ghcr.io", "https://sub.ghcr.io/", false},
      {"http://127.0.0.1:5000", "http://localhost:5000", false},
      {"", "", false},
      {"https://h", "rubbish://", false},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    CHECK(url_same_origin(cases[i].a, cases[i].b) == cases[i].same, "%s and %s", cases[i].a,
          cases[i].b);
    CHECK(url_same_origin(cases[i].b, cases[i].a) == cases[i].same, "%s and %s", cases[i].b,
          cases[i].a);
  }
}

static void hosts_come_with_the_port_that_was_written(void **state) {
  (void)state;
  static const struct {
    const char *url, *host;
  } cases[] = {
      {"https://ghcr.io/v2/", "ghcr.io"},
      {"https://ghcr.io:443/v2/", "ghcr.io:443"},
      {"http://127.0.0.1:5000", "127.0.0.1:5000"},
      {"http://[::1]:5000/v2/?x=1", "[::1]:5000"},
      {"http://[::1]/", "[::1]"},
      {"https://h?x=a@b", "h"},
      {"", NULL},
      {"https://", NULL},
      {"rubbish://h", NULL},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    char *host = url_host(cases[i].url);
    CHECK_STRING(host ? host : "none", cases[i].host ? cases[i].host : "none", cases[i].url);
    free(host);
  }
}

static void https_is_told_from_the_rest(void **state) {
  (void)state;
  assert_true(url_is_https("https://h/"));
  assert_false(url_is_https("http://h/"));
  assert_false(url_is_https("http://https://h/"));
  assert_false(url_is_https(""));
}

static void logs_do_not_see_queries(void **state) {
  (void)state;
  static const struct {
    const char *url, *shown;
  } cases[] = {
      {"https://h/a/b?X-Amz-Signature=secret", "https://h/a/b"},
      {"https://h/a#secret", "https://h/a"},
      {"https://h/a#b?secret", "https://h/a"},
      {"https://h/a", "https://h/a"},
      {"", ""},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    char *shown = url_for_log(cases[i].url);
    CHECK_STRING(shown, cases[i].shown, cases[i].url);
    free(shown);
  }
}

static void all_but_unreserved_characters_are_escaped(void **state) {
  (void)state;
  static const struct {
    const char *text, *escaped;
  } cases[] = {
      {"", ""},
      {"AZaz09-._~", "AZaz09-._~"},
      {"a/b c:d", "a%2Fb%20c%3Ad"},
      {"repository:a/b:pull,push", "repository%3Aa%2Fb%3Apull%2Cpush"},
      {"50%&x=y+z", "50%25%26x%3Dy%2Bz"},
      {"\xc3\xa4\n", "%C3%A4%0A"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    char *escaped = url_escape(cases[i].text);
    CHECK_STRING(escaped, cases[i].escaped, cases[i].text);
    free(escaped);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(locations_are_read_from_where_they_were_given),
      cmocka_unit_test(an_origin_is_scheme_host_and_port),
      cmocka_unit_test(hosts_come_with_the_port_that_was_written),
      cmocka_unit_test(https_is_told_from_the_rest),
      cmocka_unit_test(logs_do_not_see_queries),
      cmocka_unit_test(all_but_unreserved_characters_are_escaped),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
