#include "net/trust.h"

#include <curl/curl.h>
#include <dirent.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"
#include "net/creds.h"

enum { BUNDLE_MAX = 8 * 1024 * 1024, FOLDER_FILES_MAX = 4096, CERTS_D = 3 };

struct trust_set {
  struct log log;
  char *certs_d[CERTS_D]; /* in the order in which they are looked at; NULL: none */
  char *cert_file;        /* SSL_CERT_FILE, or NULL */
  char *cert_dir;         /* SSL_CERT_DIR, or NULL */
  struct map *insecure;   /* as creds_host() spells them */
  STACK_OF(X509) * given; /* ca_files */
  struct map *own;        /* host → certificates by trust_add_ca() */
  X509_STORE *common;     /* NULL: not read yet */
  struct map *hosts;      /* → struct trust */
};

/* -- reading certificates -- */

/* Adds all certificates of a PEM text; what else it holds is skipped. False: a certificate in it is
 * broken; the others are added all the same. */
static bool add_pem(STACK_OF(X509) * certs, const char *text, size_t len) {
  BIO *bio = BIO_new_mem_buf(text, (int)len);
  bool ok = true;
  for (;;) {
    X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    uint32_t why = cert ? 0 : ERR_peek_last_error();
    ERR_clear_error();
    if (cert)
      sk_X509_push(certs, cert);
    else if (ERR_GET_LIB(why) == ERR_LIB_PEM && ERR_GET_REASON(why) == PEM_R_NO_START_LINE)
      break;
    else
      ok = false;
  }
  BIO_free(bio);
  return ok;
}

/* A file that somebody named: it must be readable, whole, and hold something. */
static int add_file(STACK_OF(X509) * certs, const char *path, struct err *err) {
  char *text;
  size_t len, before = sk_X509_num(certs);
  struct err why;
  if (file_read(path, BUNDLE_MAX, &text, &len, &why) != 0)
    return err_set(err, ERR_CONFIG, "CA certificates: %s", why.message);
  bool ok = add_pem(certs, text, len) && sk_X509_num(certs) > before;
  free(text);
  return ok ? 0 : err_set(err, ERR_CONFIG, "%s does not hold certificates in PEM form", path);
}

/* One of the system's: what is wrong with it is not the user's business. Returns whether it brought
 * any. */
static bool add_system_file(STACK_OF(X509) * certs, const char *path) {
  char *text;
  size_t len, before = sk_X509_num(certs);
  if (file_read(path, BUNDLE_MAX, &text, &len, NULL) != 0)
    return false;
  add_pem(certs, text, len);
  free(text);
  return sk_X509_num(certs) > before;
}

/* "5ed36f99.0", as c_rehash names them. */
static bool is_hash_name(const char *name) {
  return strspn(name, "0123456789abcdef") == 8 && name[8] == '.' && name[9] &&
         name[9 + strspn(name + 9, "0123456789")] == '\0';
}

static void add_system_folder(STACK_OF(X509) * certs, const char *path) {
  DIR *folder = opendir(path);
  if (!folder)
    return;
  struct dirent *item;
  for (int files = 0; files < FOLDER_FILES_MAX && (item = readdir(folder));) {
    const char *name = item->d_name;
    if (!text_ends(name, ".pem") && !text_ends(name, ".crt") && !is_hash_name(name))
      continue;
    char *file = mem_printf("%s/%s", path, name);
    add_system_file(certs, file);
    free(file);
    files++;
  }
  closedir(folder);
}

static void add_system_folders(STACK_OF(X509) * certs, const char *paths) {
  while (*paths) {
    size_t len = strcspn(paths, ":");
    char *path = mem_strndup(paths, len);
    if (len)
      add_system_folder(certs, path);
    free(path);
    paths += len + (paths[len] == ':');
  }
}

static void add_system(const struct trust_set *set, STACK_OF(X509) * certs) {
  static const char *const bundles[] = {
      "/etc/ssl/certs/ca-certificates.crt",                /* Debian, Ubuntu, Alpine */
      "/etc/pki/tls/certs/ca-bundle.crt",                  /* Fedora, RHEL */
      "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", /* newer ones */
      "/etc/ssl/ca-bundle.pem",                            /* openSUSE */
      "/etc/ssl/cert.pem",                                 /* Alpine, BSDs */
  };
  if (set->cert_file && !add_system_file(certs, set->cert_file))
    log_at(&set->log, LOG_WARN, "SSL_CERT_FILE: no certificates in %s", set->cert_file);
  if (set->cert_dir)
    add_system_folders(certs, set->cert_dir);
  if (set->cert_file || set->cert_dir)
    return;
  for (size_t i = 0; i < sizeof bundles / sizeof bundles[0]; i++)
    if (add_system_file(certs, bundles[i]))
      return;
  add_system_folder(certs, "/etc/ssl/certs");
}

/* -- stores -- */

static X509_STORE *store_new(void) {
  X509_STORE *store = X509_STORE_new();
  X509_STORE_set_flags(store, X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN);
  return store;
}

static void store_add(X509_STORE *store, STACK_OF(X509) * certs) {
  for (size_t i = 0; i < sk_X509_num(certs); i++)
    X509_STORE_add_cert(store, sk_X509_value(certs, i));
}

static X509_STORE *common_store(struct trust_set *set) {
  if (set->common)
    return set->common;
  STACK_OF(X509) *certs = sk_X509_new_null();
  add_system(set, certs);
  if (sk_X509_num(certs) + sk_X509_num(set->given) == 0)
    log_at(&set->log, LOG_WARN,
           "no trusted certificates found: install ca-certificates, or name a file by "
           "SSL_CERT_FILE or --ca-file");
  set->common = store_new();
  store_add(set->common, certs);
  store_add(set->common, set->given);
  sk_X509_pop_free(certs, X509_free);
  return set->common;
}

/* The common one, unless there are certificates of the host's own. The caller's reference. */
static X509_STORE *store_with(struct trust_set *set, STACK_OF(X509) * own) {
  X509_STORE *common = common_store(set);
  if (sk_X509_num(own) == 0) {
    X509_STORE_up_ref(common);
    return common;
  }
  X509_STORE *store = store_new();
  STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(common);
  for (size_t i = 0; i < sk_X509_OBJECT_num(objects); i++)
    X509_STORE_add_cert(store, X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i)));
  store_add(store, own);
  return store;
}

/* -- certs.d -- */

/* The file beside path with another suffix must be there: both of a pair or none. */
static int find_pair(const char *path, const char *suffix, const char *other, struct trust *trust,
                     struct err *err) {
  char *beside = mem_printf("%.*s%s", (int)(strlen(path) - strlen(suffix)), path, other);
  bool is_cert = strcmp(suffix, ".cert") == 0;
  FILE *file = fopen(beside, "re");
  int rc = 0;
  if (!file)
    rc = err_set(err, ERR_CONFIG,
                 is_cert ? "%s: there is no key %s for this client certificate (a CA's certificate "
                           "has to end in .crt)"
                         : "%s: there is no client certificate %s for this key",
                 path, beside);
  else
    fclose(file);
  if (rc == 0 && is_cert && !trust->client_cert) {
    trust->client_cert = mem_strdup(path);
    trust->client_key = beside;
    return 0;
  }
  free(beside);
  return rc;
}

static int add_certs_d_file(STACK_OF(X509) * own, const char *path, struct trust *trust,
                            struct err *err) {
  if (text_ends(path, ".crt"))
    return add_file(own, path, err);
  if (text_ends(path, ".cert"))
    return find_pair(path, ".cert", ".key", trust, err);
  if (text_ends(path, ".key"))
    return find_pair(path, ".key", ".cert", trust, err);
  return 0;
}

static int add_certs_d(struct trust_set *set, const char *folder, STACK_OF(X509) * own,
                       struct trust *trust, struct err *err) {
  struct dirent **items;
  int count = scandir(folder, &items, NULL, alphasort), rc = 0;
  if (count < 0 && errno != ENOENT && errno != ENOTDIR)
    log_at(&set->log, LOG_WARN, "%s is left out: %s", folder, strerror(errno));
  for (int i = 0; i < count; i++) {
    char *path = mem_printf("%s/%s", folder, items[i]->d_name);
    if (rc == 0)
      rc = add_certs_d_file(own, path, trust, err);
    free(path);
    free(items[i]);
  }
  if (count >= 0)
    free(items);
  return rc;
}

static void add_own(struct trust_set *set, const char *host, STACK_OF(X509) * certs) {
  STACK_OF(X509) *own = map_get(set->own, host);
  for (size_t i = 0; own && i < sk_X509_num(own); i++) {
    X509_up_ref(sk_X509_value(own, i));
    sk_X509_push(certs, sk_X509_value(own, i));
  }
}

static void trust_free_value(void *value) {
  struct trust *trust = value;
  X509_STORE_free(trust->store);
  free((char *)trust->client_cert);
  free((char *)trust->client_key);
  free(trust);
}

/* host is as creds_host() spells it. */
static int trust_read(struct trust_set *set, const char *host, struct trust **out,
                      struct err *err) {
  struct trust *trust = mem_zalloc(sizeof *trust);
  STACK_OF(X509) *own = sk_X509_new_null();
  int rc = 0;
  trust->insecure = map_get(set->insecure, host) != NULL;
  add_own(set, host, own);
  for (int i = 0; rc == 0 && i < CERTS_D && *host != '.'; i++) {
    if (!set->certs_d[i])
      continue;
    char *folder = mem_printf("%s/%s", set->certs_d[i], host);
    rc = add_certs_d(set, folder, own, trust, err);
    free(folder);
  }
  if (trust->insecure)
    log_at(&set->log, LOG_WARN, "%s: its certificate is not verified (--insecure)", host);
  else if (rc == 0)
    trust->store = store_with(set, own);
  sk_X509_pop_free(own, X509_free);
  if (rc == 0)
    *out = trust;
  else
    trust_free_value(trust);
  return rc;
}

int trust_for(struct trust_set *set, const char *host, const struct trust **out, struct err *err) {
  char *key = creds_host(host);
  struct trust *trust = map_get(set->hosts, key);
  int rc = 0;
  if (!trust && (rc = trust_read(set, key, &trust, err)) == 0)
    map_put(set->hosts, key, trust);
  free(key);
  *out = trust;
  return rc;
}

/* -- the set -- */

static char *env(const struct trust_options *options, const char *name) {
  const char *value = options->getenv(options->getenv_arg, name);
  return value && *value ? mem_strdup(value) : NULL;
}

static char *user_certs_d(const struct trust_options *options) {
  char *config = env(options, "XDG_CONFIG_HOME"), *home = env(options, "HOME");
  char *path = config ? mem_printf("%s/containers/certs.d", config)
               : home ? mem_printf("%s/.config/containers/certs.d", home)
                      : NULL;
  free(config);
  free(home);
  return path;
}

int trust_new(const struct trust_options *options, struct trust_set **out, struct err *err) {
  struct trust_set *set = mem_zalloc(sizeof *set);
  if (options->log)
    set->log = *options->log;
  set->certs_d[0] = user_certs_d(options);
  set->certs_d[1] = mem_strdup("/etc/containers/certs.d");
  set->certs_d[2] = mem_strdup("/etc/docker/certs.d");
  set->cert_file = env(options, "SSL_CERT_FILE");
  set->cert_dir = env(options, "SSL_CERT_DIR");
  set->insecure = map_new();
  set->own = map_new();
  set->hosts = map_new();
  set->given = sk_X509_new_null();
  for (const char *const *host = options->insecure_hosts; host && *host; host++)
    trust_set_insecure(set, *host);
  int rc = 0;
  for (const char *const *file = options->ca_files; rc == 0 && file && *file; file++)
    rc = add_file(set->given, *file, err);
  if (rc == 0) {
    *out = set;
  } else {
    trust_free(set);
    *out = NULL;
  }
  return rc;
}

void trust_set_insecure(struct trust_set *set, const char *host) {
  char *key = creds_host(host);
  map_put(set->insecure, key, set);
  free(key);
}

int trust_add_ca(struct trust_set *set, const char *host, const char *file, struct err *err) {
  char *key = creds_host(host);
  STACK_OF(X509) *own = map_get(set->own, key);
  if (!own)
    map_put(set->own, key, own = sk_X509_new_null());
  free(key);
  return add_file(own, file, err);
}

static void certs_free(void *value) { sk_X509_pop_free(value, X509_free); }

void trust_free(struct trust_set *set) {
  if (!set)
    return;
  map_free(set->own, certs_free);
  map_free(set->hosts, trust_free_value);
  map_free(set->insecure, NULL);
  X509_STORE_free(set->common);
  sk_X509_pop_free(set->given, X509_free);
  for (int i = 0; i < CERTS_D; i++)
    free(set->certs_d[i]);
  free(set->cert_file);
  free(set->cert_dir);
  free(set);
}

/* -- curl -- */

static CURLcode use_store(CURL *easy, void *ssl_ctx, void *arg) {
  (void)easy;
  const struct trust *trust = arg;
  return SSL_CTX_set1_verify_cert_store(ssl_ctx, trust->store) ? CURLE_OK : CURLE_SSL_CERTPROBLEM;
}

void trust_apply(const struct trust *trust, void *easy) {
  long verify = !trust->insecure;
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, verify);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, verify * 2);
  curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, verify ? use_store : NULL);
  curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, trust);
  curl_easy_setopt(easy, CURLOPT_SSLCERT, trust->client_cert);
  curl_easy_setopt(easy, CURLOPT_SSLKEY, trust->client_key);
}
