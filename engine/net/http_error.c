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

/* Every code of libcurl-errors(3) that HTTP can end with. Those of other protocols cannot occur,
 * and one that is newer than this table is taken for a lost connection. */
static const struct row rows[] = {
    /* what we asked for makes no sense */
    {CURLE_UNSUPPORTED_PROTOCOL, ERR_PROTOCOL, true, true, NULL}, /* and an answer in HTTP/0.9 */
    {CURLE_FAILED_INIT, ERR_IO, true, false, NULL},
    {CURLE_URL_MALFORMAT, ERR_PROTOCOL, true, false, "that is no URL"},
    {CURLE_NOT_BUILT_IN, ERR_IO, true, false, NULL},
    {CURLE_BAD_FUNCTION_ARGUMENT, ERR_IO, true, false, NULL},
    {CURLE_UNKNOWN_OPTION, ERR_IO, true, false, NULL},
    {CURLE_RECURSIVE_API_CALL, ERR_IO, true, false, NULL},
    {CURLE_AUTH_ERROR, ERR_PROTOCOL, true, true, NULL},

    /* no connection: final only where the host has never answered (retry.c) */
    {CURLE_COULDNT_RESOLVE_PROXY, ERR_RESOLVE, false, false, NULL},
    {CURLE_COULDNT_RESOLVE_HOST, ERR_RESOLVE, false, false, "unknown host (no address found)"},
    {CURLE_COULDNT_CONNECT, ERR_CONNECT, false, false, NULL},
    {CURLE_INTERFACE_FAILED, ERR_CONNECT, false, false, NULL},
    {CURLE_NO_CONNECTION_AVAILABLE, ERR_CONNECT, false, false, NULL},
    {CURLE_PROXY, ERR_CONNECT, false, false, NULL},
    {CURLE_OPERATION_TIMEDOUT, ERR_CONNECT, false, false, NULL}, /* of connecting */

    /* no trust: a certificate does not get better; a handshake that broke off may */
    {CURLE_SSL_CONNECT_ERROR, ERR_TLS, false, false, NULL},
    {CURLE_PEER_FAILED_VERIFICATION, ERR_TLS, true, false, NULL},
    {CURLE_SSL_CERTPROBLEM, ERR_TLS, true, false, NULL},
    {CURLE_SSL_CLIENTCERT, ERR_TLS, true, false, NULL},
    {CURLE_SSL_CIPHER, ERR_TLS, true, false, NULL},
    {CURLE_SSL_CACERT_BADFILE, ERR_TLS, true, false, NULL},
    {CURLE_SSL_CRL_BADFILE, ERR_TLS, true, false, NULL},
    {CURLE_SSL_ISSUER_ERROR, ERR_TLS, true, false, NULL},
    {CURLE_SSL_PINNEDPUBKEYNOTMATCH, ERR_TLS, true, false, NULL},
    {CURLE_SSL_INVALIDCERTSTATUS, ERR_TLS, true, false, NULL},
    {CURLE_SSL_ENGINE_NOTFOUND, ERR_TLS, true, false, NULL},
    {CURLE_SSL_ENGINE_SETFAILED, ERR_TLS, true, false, NULL},
    {CURLE_SSL_ENGINE_INITFAILED, ERR_TLS, true, false, NULL},

    /* a connection was lost */
    {CURLE_HTTP2, ERR_NETWORK, false, true, NULL},
    {CURLE_HTTP2_STREAM, ERR_NETWORK, false, true, NULL},
    {CURLE_PARTIAL_FILE, ERR_NETWORK, false, true, "the answer ended before its announced length"},
    {CURLE_GOT_NOTHING, ERR_NETWORK, false, true, "the connection was closed without an answer"},
    {CURLE_SEND_ERROR, ERR_NETWORK, false, true, NULL},
    {CURLE_RECV_ERROR, ERR_NETWORK, false, true, NULL},
    {CURLE_SEND_FAIL_REWIND, ERR_NETWORK, false, true, "the connection was lost while sending"},
    {CURLE_ABORTED_BY_CALLBACK, ERR_NETWORK, false, true, /* by on_send() in http.c */
     "the connection was closed without an answer"},
    {CURLE_SSL_SHUTDOWN_FAILED, ERR_NETWORK, false, true, NULL},
    {CURLE_AGAIN, ERR_NETWORK, false, true, NULL},

    /* an answer that makes no sense: it would not make more the next time */
    {CURLE_WEIRD_SERVER_REPLY, ERR_PROTOCOL, true, true, NULL},
    {CURLE_BAD_CONTENT_ENCODING, ERR_PROTOCOL, true, true, NULL},
    {CURLE_RANGE_ERROR, ERR_PROTOCOL, true, true, NULL},
    {CURLE_BAD_DOWNLOAD_RESUME, ERR_PROTOCOL, true, true, NULL},
    {CURLE_HTTP_POST_ERROR, ERR_PROTOCOL, true, true, NULL},
    {CURLE_UPLOAD_FAILED, ERR_PROTOCOL, true, true, NULL},
    {CURLE_TOO_MANY_REDIRECTS, ERR_PROTOCOL, true, true, NULL},
    {CURLE_FILESIZE_EXCEEDED, ERR_TOO_LARGE, true, true, NULL},
    {CURLE_LOGIN_DENIED, ERR_UNAUTHORIZED, true, true, NULL},

    /* stopped by our own callbacks, or by this machine */
    {CURLE_WRITE_ERROR, ERR_CANCELED, false, true, NULL},
    {CURLE_READ_ERROR, ERR_CANCELED, false, true, NULL},
    {CURLE_OUT_OF_MEMORY, ERR_IO, true, false, NULL},
    {CURLE_UNRECOVERABLE_POLL, ERR_IO, true, false, NULL},
};

/* What to do about it, where curl's words (BoringSSL's, most of them) tell. Keys as in
 * oci/advice.c. Source: X509_verify_cert_error_string(). */
static const struct {
  const char *key;
  const char *words;
  const char *advice;
} advices[] = {
    {"unknown authority", "issuer",
     "if its certificate authority is your own, give it with --ca-file FILE"},
    {"unknown authority", "self-signed",
     "if its certificate authority is your own, give it with --ca-file FILE"},
    {"unknown authority", "self signed",
     "if its certificate authority is your own, give it with --ca-file FILE"},
    {"certificate that has expired", "certificate has expired",
     "if this machine's clock is right, it must be renewed at the registry, or its authority's by "
     "whoever runs that"},
    {"certificate that is not valid yet", "certificate is not yet valid",
     "this machine's clock is most likely behind: set it"},
};

static const char *advice_for(const char *words) {
  for (size_t i = 0; i < sizeof advices / sizeof *advices; i++)
    if (strstr(words, advices[i].words))
      return advices[i].advice;
  return NULL;
}

const char *http_error_unreachable(bool has_v4, bool has_v6) {
  return has_v4 == has_v6 ? "the network is unreachable: is this machine online?"
         : has_v6
             ? "the network is unreachable: it has IPv6 addresses only, and this machine no way "
               "to them (is it online?); a web proxy (HTTPS_PROXY) may have one"
             : "the network is unreachable: it has IPv4 addresses only, and this machine no way "
               "to them (is it online?); a web proxy (HTTPS_PROXY) may have one";
}

static const struct row *row_of(int code) {
  static const struct row other = {CURLE_OK, ERR_NETWORK, false, true, NULL};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if ((int)rows[i].code == code)
      return &rows[i];
  return &other;
}

bool http_error(struct err *err, int code, const char *detail, const char *url) {
  const struct row *row = row_of(code);
  const char *words = row->words ? row->words
                      : http_error_is_goaway(code, detail)
                          ? "the server closed the HTTP/2 connection (GOAWAY)"
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
  } else {
    const char *advice = row->err == ERR_TLS ? advice_for(words) : NULL;
    err_set(err, row->err, "%s: %s%s%s", host, words, advice ? "; " : "", advice ? advice : "");
  }
  free(own);
  return final;
}

/* 7.88.1 ends a stream above GOAWAY's last one so, without a word of its own; for broken framing it
 * has words (lib/http2.c). */
bool http_error_is_goaway(int code, const char *detail) {
  return code == CURLE_HTTP2 && !(detail && *detail);
}

bool http_error_after_connect(int code) { return row_of(code)->connected; }
