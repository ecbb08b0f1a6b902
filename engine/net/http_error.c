#include "net/http_error.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "net/url.h"

struct row {
  CURLcode code;
  enum err_code err;
  bool final;        /* trying again is pointless */
  bool connected;    /* it happened on a connection that was up */
  const char *words; /* NULL: curl's own */
};

static const struct row rows[] = {
    {CURLE_UNSUPPORTED_PROTOCOL, ERR_PROTOCOL, true, true, NULL},
    {CURLE_URL_MALFORMAT, ERR_PROTOCOL, true, false, "that is no URL"},
    {CURLE_COULDNT_RESOLVE_PROXY, ERR_RESOLVE, false, false, NULL},
    {CURLE_COULDNT_RESOLVE_HOST, ERR_RESOLVE, false, false, "unknown host (no address found)"},
    {CURLE_COULDNT_CONNECT, ERR_CONNECT, false, false, NULL},
    {CURLE_WEIRD_SERVER_REPLY, ERR_PROTOCOL, true, true, NULL},
    {CURLE_HTTP2, ERR_NETWORK, false, true, NULL},
    {CURLE_PARTIAL_FILE, ERR_NETWORK, false, true, "the answer ended before its announced length"},
    {CURLE_WRITE_ERROR, ERR_CANCELED, false, true, NULL},
    {CURLE_READ_ERROR, ERR_CANCELED, false, true, NULL},
    {CURLE_OUT_OF_MEMORY, ERR_IO, true, false, NULL},
    {CURLE_OPERATION_TIMEDOUT, ERR_CONNECT, false, false, "no connection in time"},
    {CURLE_SSL_CONNECT_ERROR, ERR_TLS, false, false, NULL},
    {CURLE_ABORTED_BY_CALLBACK, ERR_NETWORK, false, true, /* by on_send() in http.c */
     "the connection was closed without an answer"},
    {CURLE_GOT_NOTHING, ERR_NETWORK, false, true, "the connection was closed without an answer"},
    {CURLE_SEND_ERROR, ERR_NETWORK, false, true, NULL},
    {CURLE_RECV_ERROR, ERR_NETWORK, false, true, NULL},
    {CURLE_SSL_CERTPROBLEM, ERR_TLS, true, false, NULL},
    {CURLE_SSL_CIPHER, ERR_TLS, true, false, NULL},
    {CURLE_PEER_FAILED_VERIFICATION, ERR_TLS, true, false, NULL},
    {CURLE_SEND_FAIL_REWIND, ERR_NETWORK, false, true, "the connection was lost while sending"},
    {CURLE_SSL_CACERT_BADFILE, ERR_TLS, true, false, NULL},
    {CURLE_HTTP2_STREAM, ERR_NETWORK, false, true, NULL},
};

static const struct row *row_of(int code) {
  static const struct row other = {CURLE_OK, ERR_NETWORK, false, true, NULL};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if ((int)rows[i].code == code)
      return &rows[i];
  return &other;
}

bool http_error(struct err *err, int code, const char *detail, const char *url) {
  const struct row *row = row_of(code);
  const char *words = row->words          ? row->words
                      : detail && *detail ? detail
                                          : curl_easy_strerror((CURLcode)code);
  bool final = row->final;
  char *own = url_host(url);
  const char *host = own ? own : url;
  if (row->err == ERR_TLS && strstr(words, "WRONG_VERSION_NUMBER")) {
    final = true;
    err_set(err, ERR_TLS,
            "%s: it does not speak TLS; if it is meant to be plain HTTP, add --plain-http %s", host,
            host);
  } else if (code == CURLE_UNSUPPORTED_PROTOCOL && strstr(words, "HTTP/0.9")) {
    err_set(err, ERR_PROTOCOL, "%s: the answer is not HTTP; if the registry uses TLS, add --tls %s",
            host, host);
  } else if (row->err == ERR_TLS && (strstr(words, "issuer") || strstr(words, "self-signed") ||
                                     strstr(words, "self signed"))) {
    err_set(err, ERR_TLS,
            "%s: %s; if its certificate authority is your own, give it with --ca-file FILE", host,
            words);
  } else {
    err_set(err, row->err, "%s: %s", host, words);
  }
  free(own);
  return final;
}

bool http_error_after_connect(int code) { return row_of(code)->connected; }
