#include "net/trust.h"

#include <arpa/inet.h>
#include <openssl/ec_key.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/http.h"
#include "unit.h"

/* -- certificates -- */

struct pair {
  X509 *cert;
  EVP_PKEY *key;
};

static void add_extension(X509 *cert, int nid, const char *value) {
  X509_EXTENSION *extension = X509V3_EXT_nconf_nid(NULL, NULL, nid, value);
  assert_non_null(extension);
  X509_add_ext(cert, extension, -1);
  X509_EXTENSION_free(extension);
}

/* issuer NULL: self-signed. */
static struct pair issue(const char *name, bool is_ca, const struct pair *issuer) {
  EC_KEY *ec = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
  struct pair pair = {.cert = X509_new(), .key = EVP_PKEY_new()};
  assert_true(EC_KEY_generate_key(ec) && EVP_PKEY_assign_EC_KEY(pair.key, ec));
  X509_set_version(pair.cert, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(pair.cert), rand());
  X509_gmtime_adj(X509_getm_notBefore(pair.cert), -3600);
  X509_gmtime_adj(X509_getm_notAfter(pair.cert), 3600);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(pair.cert), "CN", MBSTRING_ASC,
                             (const unsigned char *)name, -1, -1, 0);
  X509_set_issuer_name(pair.cert, X509_get_subject_name(issuer ? issuer->cert : pair.cert));
  X509_set_pubkey(pair.cert, pair.key);
  add_extension(pair.cert, NID_basic_constraints, is_ca ? "critical,CA:TRUE" : "CA:FALSE");
  if (!is_ca)
    add_extension(pair.cert, NID_subject_alt_name, "IP:127.0.0.1");
  assert_true(X509_sign(pair.cert, issuer ? issuer->key : pair.key, EVP_sha256()));
  return pair;
}

static void pair_free(struct pair *pair) {
  X509_free(pair->cert);
  EVP_PKEY_free(pair->key);
}

/* -- a folder of files, an environment -- */

struct place {
  char folder[32];
  char *paths[24];
  int path_count;
  char *env[4][2];
  int env_count;
  struct trust_set *set;
  struct pair ca, other_ca, server;
  struct log log;
  int warnings;
};

static void on_line(void *arg, enum log_level level, const char *text) {
  (void)text;
  struct place *place = arg;
  place->warnings += level == LOG_WARN;
}

static int make(void **state) {
  struct place *place = mem_zalloc(sizeof *place);
  *state = place;
  snprintf(place->folder, sizeof place->folder, "/tmp/dray-test-XXXXXX");
  place->log = (struct log){.level = LOG_DEBUG, .fn = on_line, .arg = place};
  place->ca = issue("a CA", true, NULL);
  place->other_ca = issue("another CA", true, NULL);
  place->server = issue("a server", false, &place->ca);
  return mkdtemp(place->folder) ? 0 : -1;
}

static int drop(void **state) {
  struct place *place = *state;
  trust_free(place->set);
  while (place->path_count) {
    remove(place->paths[--place->path_count]);
    free(place->paths[place->path_count]);
  }
  for (int i = 0; i < place->env_count; i++) {
    free(place->env[i][0]);
    free(place->env[i][1]);
  }
  pair_free(&place->ca);
  pair_free(&place->other_ca);
  pair_free(&place->server);
  int rc = rmdir(place->folder);
  free(place);
  return rc;
}

static const char *add_path(struct place *place, const char *name) {
  return place->paths[place->path_count++] = mem_printf("%s/%s", place->folder, name);
}

static const char *folder(struct place *place, const char *name) {
  const char *path = add_path(place, name);
  assert_int_equal(mkdir(path, 0700), 0);
  return path;
}

static const char *text_file(struct place *place, const char *name, const char *text) {
  const char *path = add_path(place, name);
  FILE *file = fopen(path, "w");
  fputs(text, file);
  fclose(file);
  return path;
}

static const char *cert_file(struct place *place, const char *name, X509 *one, X509 *two) {
  const char *path = add_path(place, name);
  FILE *file = fopen(path, "w");
  fputs("# a comment\n", file);
  PEM_write_X509(file, one);
  if (two)
    PEM_write_X509(file, two);
  fclose(file);
  return path;
}

static const char *key_file(struct place *place, const char *name, EVP_PKEY *key) {
  const char *path = add_path(place, name);
  FILE *file = fopen(path, "w");
  PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
  fclose(file);
  return path;
}

static void set(struct place *place, const char *name, const char *value) {
  place->env[place->env_count][0] = mem_strdup(name);
  place->env[place->env_count++][1] = mem_strdup(value);
}

static const char *get(void *arg, const char *name) {
  struct place *place = arg;
  for (int i = 0; i < place->env_count; i++)
    if (strcmp(place->env[i][0], name) == 0)
      return place->env[i][1];
  return NULL;
}

static int open_set(struct place *place, const char *ca_file, const char *insecure,
                    struct err *err) {
  const char *ca_files[] = {ca_file, NULL}, *hosts[] = {insecure, NULL};
  return trust_new(&(struct trust_options){.ca_files = ca_files,
                                           .insecure_hosts = hosts,
                                           .getenv = get,
                                           .getenv_arg = place,
                                           .log = &place->log},
                   &place->set, err);
}

static const struct trust *trust(struct place *place, const char *host) {
  const struct trust *trust;
  struct err err;
  CHECK(trust_for(place->set, host, &trust, &err) == 0, "%s", err.message);
  return trust;
}

static bool trusts(const struct trust *trust, X509 *cert) {
  X509_STORE_CTX *ctx = X509_STORE_CTX_new();
  X509_STORE_CTX_init(ctx, trust->store, cert, NULL);
  bool yes = X509_verify_cert(ctx) == 1;
  X509_STORE_CTX_free(ctx);
  return yes;
}

/* -- stores -- */

static void the_environments_file_and_folder_are_both_read(void **state) {
  struct place *place = *state;
  set(place, "SSL_CERT_FILE", cert_file(place, "ca.pem", place->ca.cert, place->other_ca.cert));
  const char *one = folder(place, "certs"), *two = folder(place, "more");
  struct pair ignored = issue("ignored", true, NULL), pem = issue("pem", true, NULL),
              crt = issue("crt", true, NULL), hash = issue("hash", true, NULL);
  cert_file(place, "certs/a.pem", pem.cert, NULL);
  cert_file(place, "certs/b.crt", crt.cert, NULL);
  cert_file(place, "more/5ed36f99.0", hash.cert, NULL);
  cert_file(place, "certs/README", ignored.cert, NULL);
  cert_file(place, "certs/5ed36f9.0", ignored.cert, NULL);
  text_file(place, "certs/broken.pem",
            "-----BEGIN CERTIFICATE-----\nAAAA\n"
            "-----END CERTIFICATE-----\n");
  char *paths = mem_printf("%s:/nowhere:%s", one, two);
  set(place, "SSL_CERT_DIR", paths);
  free(paths);
  assert_int_equal(open_set(place, NULL, NULL, NULL), 0);
  const struct trust *host = trust(place, "h.io");
  assert_true(trusts(host, place->server.cert));
  assert_true(trusts(host, place->other_ca.cert));
  assert_true(trusts(host, pem.cert));
  assert_true(trusts(host, crt.cert));
  assert_true(trusts(host, hash.cert));
  assert_false(trusts(host, ignored.cert));
  assert_int_equal(sk_X509_OBJECT_num(X509_STORE_get0_objects(host->store)), 5);
  assert_int_equal(place->warnings, 0);
  pair_free(&ignored);
  pair_free(&pem);
  pair_free(&crt);
  pair_free(&hash);
}

static void hosts_share_what_is_not_their_own(void **state) {
  struct place *place = *state;
  set(place, "SSL_CERT_FILE", cert_file(place, "ca.pem", place->ca.cert, NULL));
  assert_int_equal(open_set(place, NULL, NULL, NULL), 0);
  assert_ptr_equal(trust(place, "a.io")->store, trust(place, "b.io:5000")->store);
  assert_ptr_equal(trust(place, "a.io"), trust(place, "A.io:443"));
}

static void without_any_there_is_a_warning(void **state) {
  struct place *place = *state;
  set(place, "SSL_CERT_DIR", "/nowhere");
  assert_int_equal(open_set(place, NULL, NULL, NULL), 0);
  assert_false(trusts(trust(place, "a.io"), place->server.cert));
  trust(place, "b.io");
  assert_int_equal(place->warnings, 1);
}

static void a_ca_file_is_added_for_all(void **state) {
  struct place *place = *state;
  set(place, "SSL_CERT_FILE", cert_file(place, "ca.pem", place->other_ca.cert, NULL));
  const char *given = cert_file(place, "given.pem", place->ca.cert, NULL);
  assert_int_equal(open_set(place, given, NULL, NULL), 0);
  assert_true(trusts(trust(place, "a.io"), place->server.cert));
  assert_true(trusts(trust(place, "a.io"), place->other_ca.cert));
}

static void a_ca_file_that_holds_none_is_named(void **state) {
  struct place *place = *state;
  struct err err;
  assert_int_equal(open_set(place, "/nowhere/ca.pem", NULL, &err), -ERR_CONFIG);
  assert_non_null(strstr(err.message, "/nowhere/ca.pem"));
  assert_null(place->set);
  const char *const texts[] = {"", "no PEM",
                               "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"};
  for (size_t i = 0; i < COUNT(texts); i++) {
    const char *path = text_file(place, "empty.pem", texts[i]);
    assert_int_equal(open_set(place, path, NULL, &err), -ERR_CONFIG);
    assert_non_null(strstr(err.message, path));
  }
}

static void a_trusted_certificate_need_not_be_a_cas(void **state) {
  struct place *place = *state;
  set(place, "SSL_CERT_DIR", "/nowhere");
  const char *given = cert_file(place, "given.pem", place->server.cert, NULL);
  assert_int_equal(open_set(place, given, NULL, NULL), 0);
  assert_true(trusts(trust(place, "a.io"), place->server.cert));
}

/* -- certs.d -- */

static const char *certs_d(struct place *place, const char *host) {
  set(place, "XDG_CONFIG_HOME", place->folder);
  folder(place, "containers");
  folder(place, "containers/certs.d");
  char *name = mem_printf("containers/certs.d/%s", host);
  const char *path = folder(place, name);
  free(name);
  return path;
}

static void a_hosts_own_cas_are_its_own(void **state) {
  struct place *place = *state;
  set(place, "SSL_CERT_FILE", cert_file(place, "ca.pem", place->other_ca.cert, NULL));
  certs_d(place, "registry.lan:5000");
  cert_file(place, "containers/certs.d/registry.lan:5000/ca.crt", place->ca.cert, NULL);
  text_file(place, "containers/certs.d/registry.lan:5000/README", "not looked at");
  assert_int_equal(open_set(place, NULL, NULL, NULL), 0);
  assert_true(trusts(trust(place, "registry.lan:5000"), place->server.cert));
  assert_true(trusts(trust(place, "registry.lan:5000"), place->other_ca.cert));
  assert_false(trusts(trust(place, "registry.lan"), place->server.cert));
}

static void a_client_pair_is_found(void **state) {
  struct place *place = *state;
  set(place, "SSL_CERT_DIR", "/nowhere");
  certs_d(place, "h.io");
  const char *cert = cert_file(place, "containers/certs.d/h.io/me.cert", place->ca.cert, NULL);
  const char *key = key_file(place, "containers/certs.d/h.io/me.key", place->ca.key);
  assert_int_equal(open_set(place, NULL, NULL, NULL), 0);
  assert_string_equal(trust(place, "h.io")->client_cert, cert);
  assert_string_equal(trust(place, "h.io")->client_key, key);
  assert_null(trust(place, "i.io")->client_cert);
}

static void what_is_wrong_in_certs_d_is_named(void **state) {
  struct place *place = *state;
  static const struct {
    const char *name, *message;
  } rows[] = {{"me.cert", "me.key"}, {"me.key", "me.cert"}, {"ca.crt", "ca.crt does not hold"}};
  set(place, "SSL_CERT_DIR", "/nowhere");
  certs_d(place, "h.io");
  assert_int_equal(open_set(place, NULL, NULL, NULL), 0);
  for (size_t i = 0; i < COUNT(rows); i++) {
    char *name = mem_printf("containers/certs.d/h.io/%s", rows[i].name);
    const char *path = text_file(place, name, "");
    const struct trust *trust;
    struct err err;
    assert_int_equal(trust_for(place->set, "h.io", &trust, &err), -ERR_CONFIG);
    CHECK(strstr(err.message, rows[i].message) && strstr(err.message, path), "%s", err.message);
    remove(path);
    free(name);
  }
}

static void a_hosts_name_leads_nowhere_else(void **state) {
  struct place *place = *state;
  set(place, "SSL_CERT_DIR", "/nowhere");
  certs_d(place, "h.io");
  cert_file(place, "containers/ca.crt", place->ca.cert, NULL);
  assert_int_equal(open_set(place, NULL, NULL, NULL), 0);
  assert_false(trusts(trust(place, ".."), place->server.cert));
}

static void an_insecure_host_has_no_store_and_warns(void **state) {
  struct place *place = *state;
  set(place, "SSL_CERT_FILE", cert_file(place, "ca.pem", place->ca.cert, NULL));
  assert_int_equal(open_set(place, NULL, "registry.lan:5000", NULL), 0);
  assert_true(trust(place, "Registry.lan:5000")->insecure);
  assert_null(trust(place, "registry.lan:5000")->store);
  assert_int_equal(place->warnings, 1);
  assert_false(trust(place, "registry.lan")->insecure);
  assert_non_null(trust(place, "registry.lan")->store);
}

/* -- a handshake -- */

struct tls_server {
  int fd;
  SSL_CTX *ctx;
  pthread_t thread;
  char url[64], host[32];
};

static void *serve(void *arg) {
  struct tls_server *server = arg;
  for (int fd; (fd = accept(server->fd, NULL, NULL)) >= 0; close(fd)) {
    static const char answer[] =
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    char request[4096];
    SSL *ssl = SSL_new(server->ctx);
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1 && SSL_read(ssl, request, sizeof request) > 0) {
      SSL_write(ssl, answer, sizeof answer - 1);
      SSL_shutdown(ssl);
    }
    SSL_free(ssl);
  }
  return NULL;
}

/* client_ca NULL: no client certificate is asked for. */
static void server_start(struct tls_server *server, const struct pair *pair, X509 *client_ca) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof address;
  server->ctx = SSL_CTX_new(TLS_method());
  assert_true(SSL_CTX_use_certificate(server->ctx, pair->cert));
  assert_true(SSL_CTX_use_PrivateKey(server->ctx, pair->key));
  if (client_ca) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(server->ctx), client_ca);
    SSL_CTX_set_verify(server->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  }
  server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(server->fd, (struct sockaddr *)&address, len), 0);
  assert_int_equal(listen(server->fd, 4), 0);
  assert_int_equal(getsockname(server->fd, (struct sockaddr *)&address, &len), 0);
  snprintf(server->host, sizeof server->host, "127.0.0.1:%d", ntohs(address.sin_port));
  snprintf(server->url, sizeof server->url, "https://%s/", server->host);
  assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void server_stop(struct tls_server *server) {
  shutdown(server->fd, SHUT_RDWR);
  pthread_join(server->thread, NULL);
  close(server->fd);
  SSL_CTX_free(server->ctx);
}

struct exchange {
  struct loop *loop;
  int status;
  struct err err;
};

static void on_reply(void *arg, const struct http_reply *reply) {
  struct exchange *exchange = arg;
  exchange->status = reply->status;
  exchange->err = reply->err;
  loop_stop(exchange->loop);
}

static struct exchange ask(struct place *place, struct tls_server *server) {
  struct exchange exchange = {0};
  assert_int_equal(loop_new(&exchange.loop, NULL), 0);
  struct http *http = http_new(exchange.loop, &(struct http_options){.connect_timeout_ms = 10000,
                                                                     .stall_timeout_ms = 10000,
                                                                     .user_agent = "dray-test",
                                                                     .log = &place->log});
  http_start(http, &(struct http_spec){.method = "GET",
                                       .url = server->url,
                                       .trust = trust(place, server->host),
                                       .done = on_reply,
                                       .arg = &exchange});
  loop_run(exchange.loop);
  http_free(http);
  loop_free(exchange.loop);
  return exchange;
}

static void a_handshake_uses_the_hosts_store(void **state) {
  struct place *place = *state;
  struct tls_server server;
  server_start(&server, &place->server, NULL);
  set(place, "SSL_CERT_FILE", cert_file(place, "ca.pem", place->other_ca.cert, NULL));
  const char *given = cert_file(place, "given.pem", place->ca.cert, NULL);
  assert_int_equal(open_set(place, given, NULL, NULL), 0);
  assert_int_equal(ask(place, &server).status, 200);
  trust_free(place->set);
  assert_int_equal(open_set(place, NULL, NULL, NULL), 0);
  assert_int_equal(ask(place, &server).err.code, ERR_TLS);
  trust_free(place->set);
  assert_int_equal(open_set(place, NULL, server.host, NULL), 0);
  assert_int_equal(ask(place, &server).status, 200);
  server_stop(&server);
}

static void a_certificate_for_another_name_is_refused(void **state) {
  struct place *place = *state;
  struct tls_server server;
  struct pair ca_as_server = issue("127.0.0.2", true, &place->ca);
  server_start(&server, &ca_as_server, NULL);
  set(place, "SSL_CERT_FILE", cert_file(place, "ca.pem", place->ca.cert, NULL));
  assert_int_equal(open_set(place, NULL, NULL, NULL), 0);
  assert_int_equal(ask(place, &server).err.code, ERR_TLS);
  server_stop(&server);
  pair_free(&ca_as_server);
}

static void a_handshake_shows_the_client_pair(void **state) {
  struct place *place = *state;
  struct tls_server server;
  struct pair client = issue("a client", false, &place->ca);
  server_start(&server, &place->server, place->ca.cert);
  set(place, "SSL_CERT_FILE", cert_file(place, "ca.pem", place->ca.cert, NULL));
  assert_int_equal(open_set(place, NULL, NULL, NULL), 0);
  assert_int_equal(ask(place, &server).status, 0);
  trust_free(place->set);
  certs_d(place, server.host);
  char *cert = mem_printf("containers/certs.d/%s/me.cert", server.host);
  char *key = mem_printf("containers/certs.d/%s/me.key", server.host);
  cert_file(place, cert, client.cert, NULL);
  key_file(place, key, client.key);
  free(cert);
  free(key);
  assert_int_equal(open_set(place, NULL, NULL, NULL), 0);
  assert_int_equal(ask(place, &server).status, 200);
  server_stop(&server);
  pair_free(&client);
}

int main(void) {
  signal(SIGPIPE, SIG_IGN); /* the server may answer a client that has gone */
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)
  const struct CMUnitTest tests[] = {
      TEST(the_environments_file_and_folder_are_both_read),
      TEST(hosts_share_what_is_not_their_own),
      TEST(without_any_there_is_a_warning),
      TEST(a_ca_file_is_added_for_all),
      TEST(a_ca_file_that_holds_none_is_named),
      TEST(a_trusted_certificate_need_not_be_a_cas),
      TEST(a_hosts_own_cas_are_its_own),
      TEST(a_client_pair_is_found),
      TEST(what_is_wrong_in_certs_d_is_named),
      TEST(a_hosts_name_leads_nowhere_else),
      TEST(an_insecure_host_has_no_store_and_warns),
      TEST(a_handshake_uses_the_hosts_store),
      TEST(a_certificate_for_another_name_is_refused),
      TEST(a_handshake_shows_the_client_pair),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
