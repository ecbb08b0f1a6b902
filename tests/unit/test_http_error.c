#include "net/http_error.h"

#include <curl/curl.h>

#include "unit.h"

static const char url[] = "https://ghcr.io:444/v2/a/blobs/x?X-Amz-Signature=secret";

static void every_failure_has_a_code_a_message_and_a_verdict(void **state) {
  (void)state;
  static const struct {
    CURLcode code;
    const char *detail; /* what curl wrote */
    enum err_code err;
    bool final, after_connect;
    const char *words; /* of the message */
  } cases[] = {
      {CURLE_UNSUPPORTED_PROTOCOL, "Unsupported protocol", ERR_PROTOCOL, true, true, "Unsupported"},
      {CURLE_URL_MALFORMAT, "", ERR_PROTOCOL, true, false, "no URL"},
      {CURLE_COULDNT_RESOLVE_PROXY, "Could not resolve proxy: p", ERR_RESOLVE, false, false,
       "proxy: p"},
      {CURLE_COULDNT_RESOLVE_HOST, "Could not resolve host: ghcr.io", ERR_RESOLVE, false, false,
       "unknown host"},
      {CURLE_COULDNT_CONNECT, "Failed to connect to ghcr.io port 444: Connection refused",
       ERR_CONNECT, false, false, "Connection refused"},
      {CURLE_WEIRD_SERVER_REPLY, "Weird", ERR_PROTOCOL, true, true, "Weird"},
      {CURLE_HTTP2, "GOAWAY", ERR_NETWORK, false, true, "GOAWAY"},
      {CURLE_PARTIAL_FILE, "transfer closed with 5 bytes remaining", ERR_NETWORK, false, true,
       "ended before"},
      {CURLE_OUT_OF_MEMORY, "", ERR_IO, true, false, "emory"},
      {CURLE_OPERATION_TIMEDOUT, "no connection within 15 s", ERR_CONNECT, false, false,
       "no connection within 15 s"},
      {CURLE_SSL_CONNECT_ERROR, "unexpected eof", ERR_TLS, false, false, "unexpected eof"},
      {CURLE_GOT_NOTHING, "Empty reply from server", ERR_NETWORK, false, true, "without an answer"},
      {CURLE_SEND_ERROR, "Send failure: Broken pipe", ERR_NETWORK, false, true, "Broken pipe"},
      {CURLE_RECV_ERROR, "Recv failure: Connection reset by peer", ERR_NETWORK, false, true,
       "reset by peer"},
      {CURLE_SSL_CERTPROBLEM, "could not load PEM client certificate", ERR_TLS, true, false,
       "client certificate"},
      {CURLE_SSL_CIPHER, "failed setting cipher list", ERR_TLS, true, false, "cipher"},
      {CURLE_PEER_FAILED_VERIFICATION, "unable to get local issuer certificate", ERR_TLS, true,
       false, "issuer certificate"},
      {CURLE_SEND_FAIL_REWIND, "necessary data rewind wasn't possible", ERR_NETWORK, false, true,
       "lost while sending"},
      {CURLE_SSL_CACERT_BADFILE, "error setting certificate file", ERR_TLS, true, false,
       "certificate file"},
      {CURLE_HTTP2_STREAM, "stream 1 was reset", ERR_NETWORK, false, true, "stream 1"},
      {CURLE_FTP_WEIRD_PASV_REPLY, "something new", ERR_NETWORK, false, true, "something new"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct err err;
    bool final = http_error(&err, (int)cases[i].code, cases[i].detail, url);
    CHECK(err.code == cases[i].err, "curl's %d: %s", cases[i].code, err_code_name(err.code));
    CHECK(final == cases[i].final, "curl's %d", cases[i].code);
    CHECK(http_error_after_connect((int)cases[i].code) == cases[i].after_connect, "curl's %d",
          cases[i].code);
    CHECK(strstr(err.message, cases[i].words), "curl's %d: %s", cases[i].code, err.message);
    CHECK(strncmp(err.message, "ghcr.io:444: ", 13) == 0, "curl's %d: %s", cases[i].code,
          err.message);
    CHECK(!strstr(err.message, "secret"), "curl's %d: %s", cases[i].code, err.message);
  }
}

static void without_a_detail_it_says_what_curl_says_of_the_code(void **state) {
  (void)state;
  static const char *const details[] = {NULL, ""};
  for (size_t i = 0; i < COUNT(details); i++) {
    struct err err;
    http_error(&err, CURLE_RECV_ERROR, details[i], url);
    assert_non_null(strstr(err.message, curl_easy_strerror(CURLE_RECV_ERROR)));
  }
}

static void details_are_made_printable(void **state) {
  (void)state;
  struct err err;
  http_error(&err, CURLE_RECV_ERROR, "a\x1b[31mb\nc", url);
  assert_string_equal(err.message, "ghcr.io:444: a?[31mb c");
}

static void a_goaway_is_told_from_broken_framing(void **state) {
  (void)state;
  struct err err;
  assert_true(http_error_is_goaway(CURLE_HTTP2, ""));
  assert_true(http_error_is_goaway(CURLE_HTTP2, NULL));
  assert_false(http_error_is_goaway(CURLE_HTTP2, "nghttp2 error -505"));
  assert_false(http_error_is_goaway(CURLE_HTTP2_STREAM, ""));
  assert_false(http_error(&err, CURLE_HTTP2, "", url));
  assert_string_equal(err.message, "ghcr.io:444: the server closed the HTTP/2 connection (GOAWAY)");
}

static void tls_where_there_is_none_names_the_flag(void **state) {
  (void)state;
  struct err err;
  assert_true(http_error(&err, CURLE_SSL_CONNECT_ERROR,
                         "error:100000f7:SSL routines:OPENSSL_internal:WRONG_VERSION_NUMBER", url));
  assert_int_equal(err.code, ERR_TLS);
  assert_non_null(strstr(err.message, "--plain-http ghcr.io:444"));
}

static void plain_http_where_there_is_tls_names_the_flag(void **state) {
  (void)state;
  struct err err;
  assert_true(http_error(&err, CURLE_UNSUPPORTED_PROTOCOL, "Received HTTP/0.9 when not allowed",
                         "http://127.0.0.1:5000/v2/"));
  assert_int_equal(err.code, ERR_PROTOCOL);
  assert_non_null(strstr(err.message, "--tls 127.0.0.1:5000"));
}

static void an_unknown_issuer_names_the_flag_for_ones_own(void **state) {
  (void)state;
  struct err err;
  assert_true(http_error(&err, CURLE_PEER_FAILED_VERIFICATION,
                         "SSL certificate problem: unable to get local issuer certificate", url));
  assert_non_null(strstr(err.message, "--ca-file"));
  assert_true(http_error(&err, CURLE_PEER_FAILED_VERIFICATION,
                         "SSL certificate problem: self-signed certificate", url));
  assert_non_null(strstr(err.message, "--ca-file"));
  http_error(&err, CURLE_RECV_ERROR, "Connection reset by peer", url);
  assert_null(strstr(err.message, "--"));
}

static void a_certificate_s_dates_lead_to_the_clock(void **state) {
  (void)state;
  static const struct {
    const char *detail, *words;
  } cases[] = {
      {"SSL certificate problem: certificate has expired", "; if this machine's clock is right"},
      {"SSL certificate problem: certificate is not yet valid", "; this machine's clock is most"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct err err;
    assert_true(http_error(&err, CURLE_PEER_FAILED_VERIFICATION, cases[i].detail, url));
    CHECK(strstr(err.message, cases[i].detail), "%s", err.message);
    CHECK(strstr(err.message, cases[i].words), "%s", err.message);
    http_error(&err, CURLE_RECV_ERROR, cases[i].detail, url); /* not of TLS */
    CHECK(!strstr(err.message, "clock"), "%s", err.message);
  }
}

static void an_unreachable_network_is_told_by_the_kinds_of_addresses(void **state) {
  (void)state;
  assert_non_null(strstr(http_error_unreachable(false, true), "IPv6 addresses only"));
  assert_non_null(strstr(http_error_unreachable(true, false), "IPv4 addresses only"));
  assert_null(strstr(http_error_unreachable(true, true), "IPv"));
  assert_null(strstr(http_error_unreachable(false, false), "IPv"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_failure_has_a_code_a_message_and_a_verdict),
      cmocka_unit_test(without_a_detail_it_says_what_curl_says_of_the_code),
      cmocka_unit_test(details_are_made_printable),
      cmocka_unit_test(a_goaway_is_told_from_broken_framing),
      cmocka_unit_test(tls_where_there_is_none_names_the_flag),
      cmocka_unit_test(plain_http_where_there_is_tls_names_the_flag),
      cmocka_unit_test(an_unknown_issuer_names_the_flag_for_ones_own),
      cmocka_unit_test(a_certificate_s_dates_lead_to_the_clock),
      cmocka_unit_test(an_unreachable_network_is_told_by_the_kinds_of_addresses),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
