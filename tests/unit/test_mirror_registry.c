#include "sync/mirror_registry.h"

#include <stdio.h>

#include "unit.h"

static const char *get(void *arg, const char *name) {
  (void)arg;
  return strcmp(name, "TOKEN") == 0 ? "hunter2" : strcmp(name, "EMPTY") == 0 ? "" : NULL;
}

/* An entry such as "ghcr.io: {tls: true}". */
static int read_entry(const char *text, struct mirror_registry *registry, struct err *err) {
  static const struct env env = {.get = get};
  struct tree *tree;
  CHECK(tree_parse("m.yaml", text, strlen(text), &env, &tree, err) == 0, "%s", err->message);
  const struct tree_node *root = tree_root(tree);
  int rc = mirror_registry_read(tree, root->keys[0], root->items[0], registry, err);
  tree_free(tree);
  return rc;
}

static struct mirror_registry entry(const char *text) {
  struct mirror_registry registry;
  struct err err = {0};
  CHECK(read_entry(text, &registry, &err) == 0, "%s: %s", text, err.message);
  return registry;
}

static void reads_all_keys(void **state) {
  (void)state;
  struct mirror_registry registry =
      entry("r.lan:5000: {username: me, password: 12345, plain-http: true, insecure: true, "
            "ca-file: a/ca.pem, chunk-size: 4MiB, max-connections: 8, requests-per-second: 20}");
  assert_string_equal(registry.host, "r.lan:5000");
  assert_string_equal(registry.user, "me");
  assert_string_equal(registry.password, "12345");
  assert_string_equal(registry.ca_file, "a/ca.pem");
  assert_true(registry.plain_http && registry.insecure && !registry.tls);
  assert_int_equal(registry.chunk_size, 4 * 1024 * 1024);
  assert_int_equal(registry.max_connections, 8);
  assert_int_equal(registry.requests_per_second, 20);
  assert_int_equal(registry.place.line, 1);
  assert_int_equal(registry.place.column, 1);
  mirror_registry_free(&registry);

  registry = entry("r.lan: {}");
  assert_null(registry.user);
  assert_null(registry.password);
  assert_null(registry.ca_file);
  assert_false(registry.plain_http || registry.insecure || registry.tls);
  assert_int_equal(registry.chunk_size, -1);
  assert_int_equal(registry.max_connections, 0);
  assert_int_equal(registry.requests_per_second, 0);
  mirror_registry_free(&registry);

  registry = entry("r.lan: {tls: true, plain-http: false, chunk-size: auto}");
  assert_true(registry.tls);
  assert_int_equal(registry.chunk_size, 0);
  mirror_registry_free(&registry);

  registry = entry("r.lan: {chunk-size: 1000000}");
  assert_int_equal(registry.chunk_size, 1000000);
  mirror_registry_free(&registry);
}

static void hosts_are_those_of_references(void **state) {
  (void)state;
  static const struct {
    const char *key, *host; /* NULL: none */
  } rows[] = {
      {"docker.io", "docker.io"},
      {"index.docker.io", "docker.io"},
      {"localhost", "localhost"},
      {"'127.0.0.1:5000'", "127.0.0.1:5000"},
      {"'[::1]:5000'", "[::1]:5000"},
      {"'host:443'", "host:443"},
      {"host", NULL}, /* for a reference that is a part of a repository */
      {"'host:'", NULL},
      {"'host:x'", NULL},
      {"ghcr.io/me", NULL},
      {"https://ghcr.io", NULL},
      {"oci:dir", NULL},
      {"''", NULL},
      {"<<", NULL},
      {"${EMPTY}.io", NULL},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    char text[100];
    struct mirror_registry registry;
    struct err err = {0};
    snprintf(text, sizeof text, "%s: {}", rows[i].key);
    int rc = read_entry(text, &registry, &err);
    CHECK((rc == 0) == (rows[i].host != NULL), "%s: %s", rows[i].key, err.message);
    if (rc == 0)
      CHECK_STRING(registry.host, rows[i].host, rows[i].key);
    else
      CHECK(strstr(err.message, "is no registry: HOST[:PORT] is wanted"), "%s", err.message);
    mirror_registry_free(&registry);
  }
}

static void an_empty_password_is_none(void **state) {
  (void)state;
  static const char *const texts[] = {"r.lan: {username: me, password: '${EMPTY}'}",
                                      "r.lan: {username: '', password: ''}"};
  for (size_t i = 0; i < COUNT(texts); i++) {
    struct mirror_registry registry = entry(texts[i]);
    assert_null(registry.user);
    assert_null(registry.password);
    mirror_registry_free(&registry);
  }
}

static void says_what_is_wrong_but_no_secret(void **state) {
  (void)state;
  static const struct {
    const char *text, *message;
  } rows[] = {
      {"r.lan: []", "m.yaml:1:8: a mapping (KEY: VALUE) is wanted here"},
      {"r.lan: {passwort: hunter2}", "m.yaml:1:9: unknown key \"passwort\": did you mean"},
      {"r.lan: {password: '${TOKEN}'}", "m.yaml:1:19: username and password come together"},
      {"r.lan: {username: me}", "m.yaml:1:19: username and password come together"},
      {"r.lan: {username: '', password: '${TOKEN}'}", "m.yaml:1:19: the username is empty"},
      {"r.lan: {username: me, password: [hunter2]}", "m.yaml:1:33: a text is wanted here"},
      {"r.lan: {username: me, password: }", "a value is missing"},
      {"r.lan: {tls: '${TOKEN}'}", "m.yaml:1:14: true or false is wanted"},
      {"r.lan: {tls: true, plain-http: true}", "m.yaml:1:14: plain-http and tls exclude"},
      {"r.lan: {max-connections: 1}", "m.yaml:1:26: a whole number from 2 to 1024 is wanted"},
      {"r.lan: {max-connections: '${TOKEN}'}", "a whole number from 2 to 1024 is wanted"},
      {"r.lan: {requests-per-second: 0}", "a whole number from 1 to 100000 is wanted"},
      {"r.lan: {requests-per-second: 0.5}", "a whole number from 1 to 100000 is wanted"},
      {"r.lan: {chunk-size: 0}", "m.yaml:1:21: a size is wanted here, such as 4MiB or 512k, or"},
      {"r.lan: {chunk-size: '${TOKEN}'}", "a size is wanted here"},
      {"r.lan: {ca-file: ''}", "m.yaml:1:18: the name of a file is wanted here"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct mirror_registry registry;
    struct err err = {0};
    CHECK(read_entry(rows[i].text, &registry, &err) == -ERR_CONFIG, "%s", rows[i].text);
    CHECK(strstr(err.message, rows[i].message), "%s: %s", rows[i].text, err.message);
    assert_null(strstr(err.message, "hunter2"));
    mirror_registry_free(&registry);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_all_keys),
      cmocka_unit_test(hosts_are_those_of_references),
      cmocka_unit_test(an_empty_password_is_none),
      cmocka_unit_test(says_what_is_wrong_but_no_secret),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
