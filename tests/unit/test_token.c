#include "net/token.h"

#include <stdio.h>

#include "unit.h"

static void the_get_url_repeats_each_scope(void **state) {
  (void)state;
  static const struct {
    const char *realm, *service, *scopes, *user, *url;
  } rows[] = {
      {"https://auth.docker.io/token", "registry.docker.io", "repository:library/alpine:pull", NULL,
       "https://auth.docker.io/token?service=registry.docker.io"
       "&scope=repository%3Alibrary%2Falpine%3Apull"},
      {"https://h/t", "s", "repository:a:pull,push repository:b:pull", "bob",
       "https://h/t?service=s&scope=repository%3Aa%3Apull%2Cpush&scope=repository%3Ab%3Apull"
       "&account=bob"},
      {"https://h/t", NULL, "x:y:z", NULL, "https://h/t?scope=x%3Ay%3Az"},
      {"https://h/t?k=v", "s", "", NULL, "https://h/t?k=v&service=s"},
      {"https://h/t?", "s", "", NULL, "https://h/t?service=s"},
      {"https://h/t?k=v&", "s", "", NULL, "https://h/t?k=v&service=s"},
      {"https://h/t", "a b&c=d#e", "", "m\xc3\xbc+",
       "https://h/t?service=a%20b%26c%3Dd%23e"
       "&account=m%C3%BC%2B"},
      {"https://h/t", NULL, "", NULL, "https://h/t"},
      {"https://h/t", NULL, "  a:b:c   d:e:f ", NULL,
       "https://h/t?scope=a%3Ab%3Ac&scope=d%3Ae%3Af"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    char *url = token_get_url(rows[i].realm, rows[i].service, rows[i].scopes, rows[i].user);
    CHECK_STRING(url, rows[i].url, rows[i].realm);
    free(url);
  }
}

static void the_post_body_joins_the_scopes(void **state) {
  (void)state;
  char *body = token_post_body("a service", "repository:a:pull,push repository:b:pull", "t/o&k=en");
  assert_string_equal(body, "grant_type=refresh_token&client_id=dray&service=a%20service"
                            "&scope=repository%3Aa%3Apull%2Cpush%20repository%3Ab%3Apull"
                            "&refresh_token=t%2Fo%26k%3Den");
  free(body);
  body = token_post_body(NULL, "a:b:c", "t");
  assert_string_equal(body,
                      "grant_type=refresh_token&client_id=dray&scope=a%3Ab%3Ac&refresh_token=t");
  free(body);
}

static void reads_what_token_servers_send(void **state) {
  (void)state;
  static const struct {
    const char *body, *token;
    int64_t expires_s;
  } rows[] = {
      {"{\"token\":\"abc\"}", "abc", 60},
      {"{\"access_token\":\"abc\"}", "abc", 60},
      {"{\"token\":\"one\",\"access_token\":\"two\"}", "one", 60},
      {"{\"token\":\"\",\"access_token\":\"two\"}", "two", 60},
      {"{\"token\":null,\"access_token\":\"two\"}", "two", 60},
      {"{\"token\":\"a\",\"expires_in\":300,\"issued_at\":\"1970-01-01T00:00:00Z\"}", "a", 300},
      {"{\"token\":\"a\",\"expires_in\":299.5}", "a", 299},
      {"{\"token\":\"a\",\"expires_in\":3e2}", "a", 300},
      {"{\"token\":\"a\",\"expires_in\":59}", "a", 60},
      {"{\"token\":\"a\",\"expires_in\":0}", "a", 60},
      {"{\"token\":\"a\",\"expires_in\":-300}", "a", 60},
      {"{\"token\":\"a\",\"expires_in\":null}", "a", 60},
      {"{\"token\":\"a\",\"expires_in\":\"300\"}", "a", 60},
      {"{\"token\":\"a\",\"expires_in\":86401}", "a", 86400},
      {"{\"token\":\"a\",\"expires_in\":99999999999999999999999}", "a", 86400},
      {" {\"token\" : \"a.b-c_d~e+f/g==\"}\n", "a.b-c_d~e+f/g==", 60},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct token token;
    struct err err;
    CHECK(token_parse(rows[i].body, strlen(rows[i].body), &token, &err) == 0, "%s: %s",
          rows[i].body, err.message);
    CHECK_STRING(token.text, rows[i].token, rows[i].body);
    CHECK(token.expires_ms / 1000 == rows[i].expires_s, "%s: %lld ms", rows[i].body,
          (long long)token.expires_ms);
    token_free(&token);
    assert_null(token.text);
  }
}

static void what_is_no_token_is_a_protocol_error_without_secrets(void **state) {
  (void)state;
  static const char *const bodies[] = {
      "",
      "<html>SECRET</html>",
      "{\"token\":\"SECRET\"",
      "{}",
      "[]",
      "\"SECRET\"",
      "{\"token\":17}",
      "{\"token\":\"\"}",
      "{\"token\":\"SECRET\\r\\nX-Evil: 1\"}",
      "{\"token\":\"SECRET 2\"}",
      "{\"token\":\"SECRET\\u00fc\"}",
      "{\"token\":\"SECRET\\u0000\"}",
      "{\"token\":\"SECRET\",\"expires_in\":1e999}",
  };
  for (size_t i = 0; i < COUNT(bodies); i++) {
    struct token token;
    struct err err;
    CHECK(token_parse(bodies[i], strlen(bodies[i]), &token, &err) == -ERR_PROTOCOL, "%s",
          bodies[i]);
    CHECK(!strstr(err.message, "SECRET"), "%s: %s", bodies[i], err.message);
    CHECK(!token.text, "%s", bodies[i]);
  }
}

static void a_refusal_has_the_servers_words(void **state) {
  (void)state;
  static const struct {
    const char *body, *words;
  } cases[] = {
      {"{\"errors\":[{\"code\":\"DENIED\",\"message\":\"access forbidden\"}]}",
       "DENIED: access forbidden"},
      {"{\"details\":\"incorrect username or password\"}", "incorrect username or password"},
      {"{\"error\":\"invalid_grant\",\"error_description\":\"it has ended\"}", "it has ended"},
      {"{\"error\":\"invalid_grant\"}", "invalid_grant"},
      {"{\"errors\":[{\"code\":\"UNAUTHORIZED\"}]}", "UNAUTHORIZED"},
      {"{\"message\":\"a\\nb\\u001b[31m\"}", "a b?[31m"},
      {"{\"errors\":[7],\"message\":8}", ""},
      {"<html>no</html>", ""},
      {"[]", ""},
      {"", ""},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    char words[30];
    token_refusal(cases[i].body, strlen(cases[i].body), words, sizeof words);
    CHECK(strncmp(words, cases[i].words, sizeof words - 1) == 0 &&
              strlen(words) <= strlen(cases[i].words),
          "%s: %s", cases[i].body, words);
  }
}

static void a_token_covers_what_it_was_fetched_for_or_less(void **state) {
  (void)state;
  static const struct {
    const char *have, *want;
    bool covers;
  } rows[] = {
      {"repository:a/b:pull", "repository:a/b:pull", true},
      {"repository:a/b:pull,push", "repository:a/b:pull", true},
      {"repository:a/b:pull,push", "repository:a/b:push,pull", true},
      {"repository:a/b:push,pull", "repository:a/b:push", true},
      {"repository:a/b:pull", "repository:a/b:pull,push", false},
      {"repository:a/b:pull", "repository:a/bc:pull", false},
      {"repository:a/bc:pull", "repository:a/b:pull", false},
      {"repository:a/b:pulls", "repository:a/b:pull", false},
      {"repository:a/b:pull", "repository:a/b:pulls", false},
      {"repository:a:pull,push repository:b:pull", "repository:b:pull", true},
      {"repository:a:pull,push repository:b:pull", "repository:b:pull repository:a:pull", true},
      {"repository:a:pull,push repository:b:pull", "repository:b:push", false},
      {"repository:a:pull", "repository:a:pull repository:b:pull", false},
      {"repository:h:5000/a:pull", "repository:h:5000/a:pull", true},
      {"repository:a:pull", "", true},
      {"", "repository:a:pull", false},
  };
  for (size_t i = 0; i < COUNT(rows); i++)
    CHECK(token_scopes_cover(rows[i].have, rows[i].want) == rows[i].covers, "%s for %s",
          rows[i].have, rows[i].want);
}

static void only_pull_means_no_other_action(void **state) {
  (void)state;
  assert_true(token_scopes_only_pull("repository:a:pull"));
  assert_true(token_scopes_only_pull("repository:a:pull repository:b:pull"));
  assert_false(token_scopes_only_pull("repository:a:pull,push"));
  assert_false(token_scopes_only_pull("repository:a:pull repository:b:push"));
  assert_false(token_scopes_only_pull("repository:a:*"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_get_url_repeats_each_scope),
      cmocka_unit_test(the_post_body_joins_the_scopes),
      cmocka_unit_test(reads_what_token_servers_send),
      cmocka_unit_test(what_is_no_token_is_a_protocol_error_without_secrets),
      cmocka_unit_test(a_refusal_has_the_servers_words),
      cmocka_unit_test(a_token_covers_what_it_was_fetched_for_or_less),
      cmocka_unit_test(only_pull_means_no_other_action),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
