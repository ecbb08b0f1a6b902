#include "sync/mirror_registry.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "sync/value.h"

enum { CONNECTIONS_MIN = 2, CONNECTIONS_MAX = 1024, REQUESTS_MAX = 100000 };

char *mirror_registry_host(const char *text) {
  struct oci_ref ref = {0};
  char *sample = mem_printf("%s/x/x", text), *host = NULL;
  if (!strpbrk(text, "/@") && oci_ref_parse(sample, &ref, NULL) == 0 &&
      ref.transport == OCI_REGISTRY && strcmp(ref.repo.path, "x/x") == 0)
    host = mem_strdup(ref.repo.host);
  free(sample);
  oci_ref_free(&ref);
  return host;
}

static int read_host(const struct tree *tree, const struct tree_node *node, char **host,
                     struct err *err) {
  *host = mirror_registry_host(node->text);
  return *host ? 0
               : tree_error(tree, node, err,
                            "\"%.100s\" is no registry: HOST[:PORT] is wanted, such as ghcr.io or "
                            "registry.lan:5000",
                            node->text);
}

static int read_credentials(const struct tree *tree, const struct tree_node *node,
                            struct mirror_registry *registry, struct err *err) {
  const struct tree_node *user_node = tree_get(node, "username");
  const struct tree_node *password_node = tree_get(node, "password");
  const char *user = "", *password = "";
  int rc = user_node ? value_text(tree, user_node, &user, err) : 0;
  if (rc == 0 && password_node)
    rc = value_text(tree, password_node, &password, err);
  if (rc != 0)
    return rc;
  if (!user_node != !password_node)
    return tree_error(tree, user_node ? user_node : password_node, err,
                      "username and password come together");
  if (*password && !*user)
    return tree_error(tree, user_node, err, "the username is empty");
  if (*password) { /* else a variable that may be empty: whoever has it set logs in */
    registry->user = mem_strdup(user);
    registry->password = mem_strdup(password);
  }
  return 0;
}

static int read_security(const struct tree *tree, const struct tree_node *node,
                         struct mirror_registry *registry, struct err *err) {
  static const char *const keys[] = {"plain-http", "tls", "insecure"};
  bool *const values[] = {&registry->plain_http, &registry->tls, &registry->insecure};
  const struct tree_node *ca_file = tree_get(node, "ca-file");
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    const struct tree_node *value = tree_get(node, keys[i]);
    int rc = value ? value_bool(tree, value, values[i], err) : 0;
    if (rc != 0)
      return rc;
  }
  if (registry->plain_http && registry->tls)
    return tree_error(tree, tree_get(node, "tls"), err, "plain-http and tls exclude each other");
  if (!ca_file)
    return 0;
  const char *file;
  int rc = value_text(tree, ca_file, &file, err);
  if (rc != 0)
    return rc;
  if (!*file)
    return tree_error(tree, ca_file, err, "the name of a file is wanted here");
  registry->ca_file = mem_strdup(file);
  return 0;
}

static int read_number(const struct tree *tree, const struct tree_node *node, int min, int max,
                       int *number, struct err *err) {
  int64_t value = 0;
  int rc = node ? value_number(tree, node, min, max, &value, err) : 0;
  *number = (int)value;
  return rc;
}

static int read_limits(const struct tree *tree, const struct tree_node *node,
                       struct mirror_registry *registry, struct err *err) {
  const struct tree_node *chunk = tree_get(node, "chunk-size");
  const char *text;
  registry->chunk_size = -1;
  int rc = read_number(tree, tree_get(node, "max-connections"), CONNECTIONS_MIN, CONNECTIONS_MAX,
                       &registry->max_connections, err);
  if (rc == 0)
    rc = read_number(tree, tree_get(node, "requests-per-second"), 1, REQUESTS_MAX,
                     &registry->requests_per_second, err);
  if (rc == 0 && chunk)
    rc = value_text(tree, chunk, &text, err);
  if (rc != 0 || !chunk)
    return rc;
  if (strcmp(text, "auto") == 0)
    registry->chunk_size = 0;
  else if (text_size(text, &registry->chunk_size) != 0 || registry->chunk_size == 0)
    return tree_error(tree, chunk, err, "a size is wanted here, such as 4MiB or 512k, or auto");
  return 0;
}

int mirror_registry_read(const struct tree *tree, const struct tree_node *host,
                         const struct tree_node *node, struct mirror_registry *registry,
                         struct err *err) {
  *registry = (struct mirror_registry){.place = {.line = host->line, .column = host->column}};
  int rc = read_host(tree, host, &registry->host, err);
  if (rc == 0)
    rc = value_map(tree, node, mirror_keys(MIRROR_REGISTRY), err);
  if (rc == 0)
    rc = read_credentials(tree, node, registry, err);
  if (rc == 0)
    rc = read_security(tree, node, registry, err);
  return rc == 0 ? read_limits(tree, node, registry, err) : rc;
}

static bool same_text(const char *a, const char *b) { return a && b ? strcmp(a, b) == 0 : a == b; }

bool mirror_registry_same(const struct mirror_registry *a, const struct mirror_registry *b) {
  return text_same(a->host, b->host) && same_text(a->user, b->user) &&
         same_text(a->password, b->password) && same_text(a->ca_file, b->ca_file) &&
         a->plain_http == b->plain_http && a->tls == b->tls && a->insecure == b->insecure &&
         a->chunk_size == b->chunk_size && a->max_connections == b->max_connections &&
         a->requests_per_second == b->requests_per_second;
}

void mirror_registry_free(struct mirror_registry *registry) {
  if (registry->password)
    mem_wipe(registry->password, strlen(registry->password));
  free(registry->host);
  free(registry->user);
  free(registry->password);
  free(registry->ca_file);
  *registry = (struct mirror_registry){0};
}
