/* net/trust.h - whom TLS trusts, host by host. Sources: docker's and containers' certs.d,
 * OpenSSL's SSL_CERT_FILE and SSL_CERT_DIR. Stores are read once, when first needed (a system
 * bundle takes 3-5 ms), and shared where a host has none of its own. Thread: the loop's. */
#ifndef DRAY_NET_TRUST_H
#define DRAY_NET_TRUST_H

#include <stdbool.h>

#include "base/err.h"
#include "base/log.h"

struct trust_set; /* all hosts */

/* One host's. */
struct trust {
  struct x509_store_st *store; /* NULL where insecure */
  bool insecure;               /* no verification */
  const char *client_cert;     /* PEM path, or NULL */
  const char *client_key;      /* PEM path, or NULL */
};

struct trust_options {
  const char *const *ca_files;       /* --ca-file (repeat), NULL at the end, or NULL */
  const char *const *insecure_hosts; /* --insecure HOST[:PORT], NULL at the end, or NULL */
  const char *(*getenv)(void *arg, const char *name);
  void *getenv_arg;
  const struct log *log;
};

/* Options are copied (log and getenv_arg borrowed). Errors: ERR_CONFIG: a ca_file that can't be
 * read or holds no certificate; the message names it. */
int trust_new(const struct trust_options *options, struct trust_set **set, struct err *err);
void trust_free(struct trust_set *set); /* NULL is fine */

/* For one host, before trust_for() is asked for it: no verification; another CA file.
 * Errors: ERR_CONFIG, as trust_new(). */
void trust_set_insecure(struct trust_set *set, const char *host);
int trust_add_ca(struct trust_set *set, const char *host, const char *file, struct err *err);

/* The trust for HOST[:PORT], kept until trust_free(). The store: SSL_CERT_FILE and SSL_CERT_DIR
 * (with colons: several; its *.pem, *.crt and hash-named files) where one is set, else the system's
 * (the usual places of Debian, Fedora, Alpine), plus ca_files, plus certs.d of that host (*.crt:
 * CAs;
 * *.cert with *.key: a client pair, the first by name) in $XDG_CONFIG_HOME/containers (else
 * ~/.config/containers), /etc/containers, /etc/docker. A certificate in a store is trusted by
 * itself, whether it is a CA's or not.
 * Errors: ERR_CONFIG, naming the file: one of certs.d that can't be read or holds no certificate, a
 * *.cert without its *.key or the reverse. Of the system's and of SSL_CERT_*, what can't be read is
 * left out; an empty store is no error (a warning): a certificate will fail then. */
int trust_for(struct trust_set *set, const char *host, const struct trust **trust, struct err *err);

/* Makes a curl easy handle use it. trust must live as long as the handle's transfer. */
void trust_apply(const struct trust *trust, void *curl_easy);

#endif
