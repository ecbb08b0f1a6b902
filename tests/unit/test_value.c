#include "sync/value.h"

#include <stdio.h>

#include "base/buf.h"
#include "unit.h"

static const char *get(void *arg, const char *name) {
  (void)arg;
  return strcmp(name, "TRUE") == 0     ? "true"
         : strcmp(name, "EIGHT") == 0  ? "8"
         : strcmp(name, "EMPTY") == 0  ? ""
         : strcmp(name, "SECRET") == 0 ? "hunter2"
                                       : NULL;
}

/* The value of the key v in text, and what was said of it. */
struct given {
  struct tree *tree;
  const struct tree_node *node;
  struct err err;
};

static struct given give(const char *text) {
  static const struct env env = {.get = get};
  struct given given = {0};
  CHECK(tree_parse("m.yaml", text, strlen(text), &env, &given.tree, &given.err) == 0, "%s: %s",
        text, given.err.message);
  given.node = tree_get(tree_root(given.tree), "v");
  return given;
}

static void check_error(const struct given *given, int rc, const char *text, const char *message) {
  CHECK(rc == -ERR_CONFIG, "%s", text);
  CHECK(strstr(given->err.message, message), "%s: %s", text, given->err.message);
  assert_null(strstr(given->err.message, "hunter2"));
}

static void texts(void **state) {
  (void)state;
  static const struct {
    const char *text, *value;
  } rows[] = {
      {"v: x", "x"},           {"v: 1.10", "1.10"}, {"v: true", "true"},
      {"v: \"null\"", "null"}, {"v: ''", ""},       {"v: ${EMPTY}", ""},
      {"v: 'a b'", "a b"},     {"v: 0x10", "0x10"}, {"v: !!str null", "null"},
  };
  static const struct {
    const char *text, *message;
  } wrong[] = {
      {"v:", "m.yaml:1:3: a value is missing: a text is wanted here"},
      {"v: ~", "m.yaml:1:4: a value is missing"},
      {"v: null", "a value is missing"},
      {"v: [x]", "a text is wanted here, not a list"},
      {"v: {x: y}", "a text is wanted here, not a mapping"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct given given = give(rows[i].text);
    const char *text;
    CHECK(value_text(given.tree, given.node, &text, &given.err) == 0, "%s", given.err.message);
    CHECK_STRING(text, rows[i].value, rows[i].text);
    tree_free(given.tree);
  }
  for (size_t i = 0; i < COUNT(wrong); i++) {
    struct given given = give(wrong[i].text);
    const char *text;
    check_error(&given, value_text(given.tree, given.node, &text, &given.err), wrong[i].text,
                wrong[i].message);
    tree_free(given.tree);
  }
}

static void booleans(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int value; /* -1: none */
  } rows[] = {
      {"v: true", 1},      {"v: false", 0}, {"v: ${TRUE}", 1},    {"v: \"${TRUE}\"", 1},
      {"v: yes", -1},      {"v: no", -1},   {"v: on", -1},        {"v: True", -1},
      {"v: \"true\"", -1}, {"v: 1", -1},    {"v: ${SECRET}", -1}, {"v: [true]", -1},
      {"v:", -1},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct given given = give(rows[i].text);
    bool value = rows[i].value != 1;
    int rc = value_bool(given.tree, given.node, &value, &given.err);
    if (rows[i].value < 0)
      check_error(&given, rc, rows[i].text, "true or false is wanted here");
    else
      CHECK(rc == 0 && value == rows[i].value, "%s", rows[i].text);
    tree_free(given.tree);
  }
}

static void numbers(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int64_t value; /* -1: none */
  } rows[] = {
      {"v: 2", 2},     {"v: 1024", 1024},    {"v: ${EIGHT}", 8}, {"v: \"${EIGHT}\"", 8},
      {"v: 1", -1},    {"v: 1025", -1},      {"v: \"8\"", -1},   {"v: 8.0", -1},
      {"v: 0x10", -1}, {"v: 1_000", -1},     {"v: x", -1},       {"v: [8]", -1},
      {"v:", -1},      {"v: ${SECRET}", -1},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct given given = give(rows[i].text);
    int64_t value;
    int rc = value_number(given.tree, given.node, 2, 1024, &value, &given.err);
    if (rows[i].value < 0)
      check_error(&given, rc, rows[i].text, "number");
    else
      CHECK(rc == 0 && value == rows[i].value, "%s", rows[i].text);
    tree_free(given.tree);
  }
}

static void mappings_have_known_keys(void **state) {
  (void)state;
  static const char *const keys[] = {"platforms", "referrers", NULL};
  static const struct {
    const char *text, *message; /* NULL: well */
  } rows[] = {
      {"v: {}", NULL},
      {"v: {referrers: x}", NULL},
      {"v: {referers: x}", "m.yaml:1:5: unknown key \"referers\": did you mean \"referrers\"?"},
      {"v: {platforms: a, zebra: x}", "m.yaml:1:19: unknown key \"zebra\"; there are platforms "
                                      "and referrers"},
      {"v: {<<: {platforms: x}}", "unknown key \"<<\""},
      {"v: []", "a mapping (KEY: VALUE) is wanted here, not a list"},
      {"v: x", "a mapping (KEY: VALUE) is wanted here, not a text"},
      {"v:", "a value is missing: a mapping (KEY: VALUE) is wanted here"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct given given = give(rows[i].text);
    int rc = value_map(given.tree, given.node, keys, &given.err);
    if (rows[i].message)
      check_error(&given, rc, rows[i].text, rows[i].message);
    else
      CHECK(rc == 0, "%s", given.err.message);
    tree_free(given.tree);
  }
  struct given given = give("v: {any: x}");
  assert_int_equal(value_map(given.tree, given.node, NULL, &given.err), 0);
  tree_free(given.tree);
}

static int add(void *arg, const struct tree_node *node, struct err *err) {
  buf_addf(arg, "<%s>", node->text);
  return strcmp(node->text, "stop") == 0 ? err_set(err, ERR_CONFIG, "stopped") : 0;
}

static void lists_of_texts_may_be_one_text(void **state) {
  (void)state;
  static const struct {
    const char *text, *seen, *message; /* NULL: well */
  } rows[] = {
      {"v: x", "<x>", NULL},
      {"v: [x, 1.10, 'y z']", "<x><1.10><y z>", NULL},
      {"v: []", "", NULL},
      {"v: [x, stop, y]", "<x><stop>", "stopped"},
      {"v: [x, [y]]", "<x>", "m.yaml:1:8: a text is wanted here, not a list"},
      {"v: [x, ~]", "<x>", "a value is missing"},
      {"v: {x: y}", "", "a text or a list of texts is wanted here, not a mapping"},
      {"v:", "", "a value is missing: a text or a list of texts is wanted here"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct given given = give(rows[i].text);
    struct buf seen;
    buf_init(&seen, 1000);
    int rc = value_each(given.tree, given.node, add, &seen, &given.err);
    CHECK_STRING(buf_str(&seen), rows[i].seen, rows[i].text);
    if (rows[i].message)
      check_error(&given, rc, rows[i].text, rows[i].message);
    else
      CHECK(rc == 0, "%s", given.err.message);
    buf_free(&seen);
    tree_free(given.tree);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(texts),
      cmocka_unit_test(booleans),
      cmocka_unit_test(numbers),
      cmocka_unit_test(mappings_have_known_keys),
      cmocka_unit_test(lists_of_texts_may_be_one_text),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
