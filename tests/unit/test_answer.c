#include "oci/answer.h"

#include "unit.h"

/* What a call came to, with this body. */
struct answer {
  struct http_reply reply;
  struct call_result result;
};

static void answer_init(struct answer *answer, int status, const char *body) {
  *answer = (struct answer){.reply.status = status};
  answer->result = (struct call_result){.reply = &answer->reply,
                                        .url = "https://ghcr.io/v2/a/manifests/v1",
                                        .attempts = 1,
                                        .retry_after_ms = -1};
  buf_init(&answer->reply.head, 1000);
  buf_init(&answer->reply.body, 100000);
  buf_adds(&answer->reply.body, body);
}

/* What is said of it. */
static struct err answer_err(struct answer *answer) {
  struct err err = {0};
  int rc = oci_answer(&answer->result, "ghcr.io", "the image", &err);
  buf_free(&answer->reply.body);
  assert_int_equal(rc, -(int)err.code);
  return err;
}

static void only_2xx_is_good(void **state) {
  (void)state;
  for (int status = 100; status <= 599; status++) {
    struct answer answer;
    answer_init(&answer, status, "");
    struct err err = answer_err(&answer);
    CHECK((err.code == ERR_NONE) == (status >= 200 && status <= 299), "%d: %s", status,
          err_code_name(err.code));
  }
}

static void every_class_of_status_has_its_code(void **state) {
  (void)state;
  static const struct {
    int status;
    enum err_code code;
  } cases[] = {
      {401, ERR_UNAUTHORIZED}, {403, ERR_DENIED},  {404, ERR_NOT_FOUND}, {429, ERR_RATE_LIMITED},
      {500, ERR_SERVER},       {503, ERR_SERVER},  {504, ERR_SERVER},    {400, ERR_REFUSED},
      {405, ERR_REFUSED},      {409, ERR_REFUSED}, {413, ERR_REFUSED},   {416, ERR_REFUSED},
      {304, ERR_REFUSED},      {307, ERR_REFUSED},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct answer answer;
    answer_init(&answer, cases[i].status, "");
    struct err err = answer_err(&answer);
    CHECK(err.code == cases[i].code, "%d: %s", cases[i].status, err_code_name(err.code));
    CHECK(err.http_status == cases[i].status, "%d: %d", cases[i].status, err.http_status);
  }
}

static void a_message_has_host_subject_status_attempts_and_the_registrys_words(void **state) {
  (void)state;
  struct answer answer;
  answer_init(&answer, 500,
              "{\"errors\":[{\"code\":\"UNKNOWN\",\"message\":\"disk is full\",\"detail\":1}]}");
  answer.result.attempts = 6;
  answer.result.retry_after_ms = 4000;
  struct err err = answer_err(&answer);
  assert_string_equal(err.message,
                      "ghcr.io: the image: answered 500 after 6 attempts (UNKNOWN: disk is full)");
  assert_string_equal(err.host, "ghcr.io");
  assert_int_equal(err.http_status, 500);
  assert_int_equal(err.retry_after_ms, 4000);
}

static void one_attempt_or_an_empty_body_is_nothing_to_mention(void **state) {
  (void)state;
  struct answer answer;
  answer_init(&answer, 502, "");
  struct err err = answer_err(&answer);
  assert_string_equal(err.message, "ghcr.io: the image: answered 502");
  assert_int_equal(err.retry_after_ms, -1);
  answer_init(&answer, 404, "{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\"}]}");
  err = answer_err(&answer);
  assert_string_equal(err.message, "ghcr.io: the image: answered 404 (MANIFEST_UNKNOWN)");
  answer_init(&answer, 502, "<html><title>Bad Gateway</title><body>x</body></html>");
  err = answer_err(&answer);
  assert_string_equal(err.message, "ghcr.io: the image: answered 502 (Bad Gateway)");
}

static void whoever_lacks_rights_is_told_what_to_do(void **state) {
  (void)state;
  static const struct {
    int status;
    const char *identity, *words;
  } cases[] = {
      {401, NULL, "no credentials"},  {401, "user joe, from /f", "user joe, from /f"},
      {403, NULL, "no credentials"},  {403, "user joe, from /f", "user joe, from /f"},
      {429, NULL, "try again later"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct answer answer;
    answer_init(&answer, cases[i].status, "");
    answer.result.identity = cases[i].identity;
    struct err err = answer_err(&answer);
    CHECK(strstr(err.message, cases[i].words), "%d: %s", cases[i].status, err.message);
  }
}

static void rights_that_lack_are_told_from_credentials_that_are_bad(void **state) {
  (void)state;
  static const char scope[] = "WWW-Authenticate: Bearer error=\"insufficient_scope\"";
  struct answer answer;
  answer_init(&answer, 401, "");
  buf_add(&answer.reply.head, scope, sizeof scope);
  answer.result.identity = "user joe";
  answer.result.push = true;
  answer.result.path = "a/b";
  struct err err = answer_err(&answer);
  assert_non_null(strstr(err.message, "; the credentials lack this permission (user joe); "));
  assert_non_null(strstr(err.message, "does not let push to a/b"));
  buf_free(&answer.reply.head);
  answer_init(&answer, 401, "");
  answer.result.identity = "user joe";
  err = answer_err(&answer);
  assert_string_equal(err.message, "ghcr.io: the image: answered 401; the credentials were not "
                                   "accepted (user joe)");
}

static void clocks_that_differ_are_told_where_credentials_are_refused(void **state) {
  (void)state;
  static const struct {
    int64_t ahead_ms;
    const char *words;
  } cases[] = {
      {0, NULL},
      {119999, NULL},
      {-119999, NULL},
      {420000, "its clock is 7 minutes ahead of this machine's"},
      {-480001, "its clock is 8 minutes behind this machine's"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct answer answer;
    answer_init(&answer, 401, "");
    answer.result.identity = "user joe";
    answer.result.clock_ahead_ms = cases[i].ahead_ms;
    struct err err = answer_err(&answer);
    if (cases[i].words)
      CHECK(strstr(err.message, cases[i].words), "%s", err.message);
    else
      CHECK(!strstr(err.message, "clock"), "%s", err.message);
  }
}

static void another_hosts_no_is_not_about_credentials(void **state) {
  (void)state;
  static const int statuses[] = {401, 403};
  for (size_t i = 0; i < COUNT(statuses); i++) {
    struct answer answer;
    answer_init(&answer, statuses[i], "{\"message\":\"permission_denied: write_package\"}");
    answer.result.url = "https://cdn.example:444/x?sig=SECRET";
    answer.result.abroad = answer.result.push = true;
    struct err err = answer_err(&answer);
    CHECK(strstr(err.message, "; it was asked at cdn.example:444, where ghcr.io has led"), "%s",
          err.message);
    CHECK(!strstr(err.message, "no credentials") && !strstr(err.message, "SECRET") &&
              !strstr(err.message, "GitHub"),
          "%s", err.message);
  }
}

static void the_item_that_a_refusal_names_is_added(void **state) {
  (void)state;
#define D1 "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define D2 "sha256:2222222222222222222222222222222222222222222222222222222222222222"
#define D3 "sha256:3333333333333333333333333333333333333333333333333333333333333333"
  static const char manifest[] =
      "{\"schemaVersion\":2,\"mediaType\":\"" OCI_TYPE_MANIFEST "\","
      "\"config\":{\"mediaType\":\"c/c\",\"size\":1,\"digest\":\"" D1 "\"},"
      "\"layers\":[{\"mediaType\":\"l/tar+gzip\",\"size\":1,\"digest\":\"" D2 "\"},"
      "{\"mediaType\":\"l/tar\",\"size\":1,\"digest\":\"" D3 "\"}]}";
  static const struct {
    const char *body, *added;
  } cases[] = {
      {"'l/tar' is not one of ['c/c', 'l/tar+gzip']", "; it is about " D3 " (l/tar)"},
      {"no l/tar+gzip here", "; it is about " D2 " (l/tar+gzip)"},
      {"where is " D1 "?", "; it is about " D1 " (c/c)"},
      {"l/tar+zstd is bad", ""},
      {"no", ""},
      {"", ""},
  };
  struct oci_manifest *parsed;
  struct err err;
  assert_int_equal(oci_manifest_parse(NULL, manifest, sizeof manifest - 1, &parsed, &err), 0);
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct answer answer;
    answer_init(&answer, 400, cases[i].body);
    err_set(&err, ERR_REFUSED, "no");
    oci_answer_item(&answer.result, parsed, &err);
    CHECK(strncmp(err.message, "no", 2) == 0, "%s", err.message);
    CHECK_STRING(err.message + 2, cases[i].added, cases[i].body);
    buf_free(&answer.reply.body);
  }
  oci_manifest_free(parsed);
}

static void a_limit_says_when_it_ends_where_that_is_known(void **state) {
  (void)state;
  static const struct {
    const char *identity;
    int64_t after_ms;
    const char *hint;
  } cases[] = {
      {NULL, -1, "; it limits how often it may be asked: try again later, or log in"},
      {"user joe", -1, "; it limits how often it may be asked: try again later"},
      {NULL, 2220000, "; its limit resets by 14:05 UTC, in 37 minutes: try again then, or log in"},
      {"user joe", 2160001, "; its limit resets by 14:05 UTC, in 37 minutes: try again then"},
      {"user joe", 0, "; its limit resets by 14:05 UTC, in 0 minutes: try again then"},
      {"user joe", 9000, "; its limit resets by 14:05 UTC, in 1 minute: try again then"},
      {"user joe", 172800000,
       "; its limit resets by 2023-11-14 14:05 UTC, in 2880 minutes: try again then"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct answer answer;
    answer_init(&answer, 429, "{\"errors\":[{\"code\":\"TOOMANYREQUESTS\"}]}");
    answer.result.identity = cases[i].identity;
    answer.result.retry_after_ms = cases[i].after_ms;
    answer.result.retry_at = (int64_t)1699970700 * 1000; /* 2023-11-14 14:05 */
    struct err err = answer_err(&answer);
    static const char said[] = "ghcr.io: the image: answered 429 (TOOMANYREQUESTS)";
    CHECK(strncmp(err.message, said, sizeof said - 1) == 0, "%s", err.message);
    CHECK_STRING(err.message + sizeof said - 1, cases[i].hint, "hint");
  }
}

static void what_was_not_asked_for_is_said_to_be_so(void **state) {
  (void)state;
  struct answer answer;
  answer_init(&answer, 0, "");
  err_set(&answer.reply.err, ERR_RATE_LIMITED, "any");
  answer.result.not_asked = true;
  answer.result.attempts = 0;
  answer.result.retry_after_ms = 21600000;
  answer.result.retry_at = (int64_t)1699970700 * 1000;
  struct err err = answer_err(&answer);
  assert_int_equal(err.code, ERR_RATE_LIMITED);
  assert_int_equal(err.http_status, 429);
  assert_string_equal(err.message,
                      "ghcr.io: the image: not asked for: a limit is used up; its limit "
                      "resets by 14:05 UTC, in 360 minutes: try again then, or log in");
}

static void a_limit_of_the_token_server_keeps_its_words(void **state) {
  (void)state;
  struct answer answer;
  answer_init(&answer, 0, "");
  err_set(&answer.reply.err, ERR_RATE_LIMITED, "no token for ghcr.io/a: answered 429");
  struct err err = answer_err(&answer);
  assert_string_equal(err.message, "no token for ghcr.io/a: answered 429");
}

static void plain_http_on_a_port_with_tls_is_recognised(void **state) {
  (void)state;
  static const char *const bodies[] = {
      "Client sent an HTTP request to an HTTPS server.\n",
      "<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>",
  };
  for (size_t i = 0; i < COUNT(bodies); i++) {
    struct answer answer;
    answer_init(&answer, 400, bodies[i]);
    answer.result.url = "http://ghcr.io/v2/a/manifests/v1";
    struct err err = answer_err(&answer);
    CHECK(strstr(err.message, "--tls"), "%s", err.message);
  }
  struct answer answer;
  answer_init(&answer, 400, "{\"errors\":[{\"code\":\"NAME_INVALID\"}]}");
  struct err err = answer_err(&answer);
  assert_null(strstr(err.message, "--tls"));
}

static void a_failure_without_an_answer_keeps_its_code_and_words(void **state) {
  (void)state;
  struct answer answer;
  answer_init(&answer, 0, "");
  err_set(&answer.reply.err, ERR_NETWORK, "127.0.0.1:5000: connection reset");
  struct err err = answer_err(&answer);
  assert_int_equal(err.code, ERR_NETWORK);
  assert_string_equal(err.message, "127.0.0.1:5000: connection reset");
  assert_string_equal(err.host, "ghcr.io");
  answer_init(&answer, 0, "");
  err_set(&answer.reply.err, ERR_NETWORK, "127.0.0.1:5000: connection reset");
  answer.result.attempts = 3;
  err = answer_err(&answer);
  assert_string_equal(err.message, "127.0.0.1:5000: connection reset, after 3 attempts");
  assert_int_equal(err.code, ERR_NETWORK);
}

static void half_an_answer_is_no_answer(void **state) {
  (void)state;
  struct answer answer;
  answer_init(&answer, 200, "half of it");
  err_set(&answer.reply.err, ERR_NETWORK, "ghcr.io: connection reset");
  struct err err = answer_err(&answer);
  assert_int_equal(err.code, ERR_NETWORK);
}

static void what_the_token_server_answered_is_not_lost(void **state) {
  (void)state;
  struct answer answer;
  answer_init(&answer, 0, "");
  err_set(&answer.reply.err, ERR_UNAUTHORIZED, "no token for ghcr.io/a");
  answer.reply.err.http_status = 401;
  struct err err = answer_err(&answer);
  assert_int_equal(err.code, ERR_UNAUTHORIZED);
  assert_int_equal(err.http_status, 401);
}

static void being_stopped_is_no_matter_of_attempts(void **state) {
  (void)state;
  struct answer answer;
  answer_init(&answer, 0, "");
  err_set(&answer.reply.err, ERR_CANCELED, "ghcr.io: canceled");
  answer.result.attempts = 3;
  struct err err = answer_err(&answer);
  assert_string_equal(err.message, "ghcr.io: canceled");
}

static void no_text_of_a_server_can_harm_a_terminal_or_a_log(void **state) {
  (void)state;
  static const char *const bodies[] = {
      "{\"errors\":[{\"code\":\"A\\u001b[2J\",\"message\":\"x\\n::error::y\\u202ez\"}]}",
      "plain \x1b]0;title\x07 text\r\n::error::injected",
      "\xff\xfe\x00",
  };
  for (size_t i = 0; i < COUNT(bodies); i++) {
    struct answer answer;
    answer_init(&answer, 400, bodies[i]);
    struct err err = answer_err(&answer);
    for (const char *c = err.message; *c; c++)
      CHECK((unsigned char)*c >= ' ' && *c != 0x7f, "a control character in \"%s\"", err.message);
    CHECK(!strstr(err.message, "\xe2\x80\xae"), "%s", err.message);
  }
}

static void endless_words_are_cut(void **state) {
  (void)state;
  char body[60000];
  memset(body, 'x', sizeof body);
  body[sizeof body - 1] = '\0';
  struct answer answer;
  answer_init(&answer, 403, body);
  struct err err = answer_err(&answer);
  assert_int_equal(err.code, ERR_DENIED);
  assert_non_null(strstr(err.message, "no credentials")); /* what to do is not cut off */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(only_2xx_is_good),
      cmocka_unit_test(every_class_of_status_has_its_code),
      cmocka_unit_test(a_message_has_host_subject_status_attempts_and_the_registrys_words),
      cmocka_unit_test(one_attempt_or_an_empty_body_is_nothing_to_mention),
      cmocka_unit_test(whoever_lacks_rights_is_told_what_to_do),
      cmocka_unit_test(rights_that_lack_are_told_from_credentials_that_are_bad),
      cmocka_unit_test(clocks_that_differ_are_told_where_credentials_are_refused),
      cmocka_unit_test(another_hosts_no_is_not_about_credentials),
      cmocka_unit_test(the_item_that_a_refusal_names_is_added),
      cmocka_unit_test(a_limit_says_when_it_ends_where_that_is_known),
      cmocka_unit_test(what_was_not_asked_for_is_said_to_be_so),
      cmocka_unit_test(a_limit_of_the_token_server_keeps_its_words),
      cmocka_unit_test(plain_http_on_a_port_with_tls_is_recognised),
      cmocka_unit_test(a_failure_without_an_answer_keeps_its_code_and_words),
      cmocka_unit_test(half_an_answer_is_no_answer),
      cmocka_unit_test(what_the_token_server_answered_is_not_lost),
      cmocka_unit_test(being_stopped_is_no_matter_of_attempts),
      cmocka_unit_test(no_text_of_a_server_can_harm_a_terminal_or_a_log),
      cmocka_unit_test(endless_words_are_cut),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
