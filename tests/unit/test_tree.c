#include "sync/tree.h"

#include <stdio.h>

#include "base/buf.h"
#include "unit.h"

static const char *get(void *arg, const char *name) {
  (void)arg;
  return strcmp(name, "SECRET") == 0 ? "hunter2" : strcmp(name, "YAML") == 0 ? "{a: [1, 2]}" : NULL;
}

static const struct env env = {.get = get};

static struct tree *parse(const char *text) {
  struct tree *tree;
  struct err err = {0};
  CHECK(tree_parse("m.yaml", text, strlen(text), &env, &tree, &err) == 0, "%s: %s", text,
        err.message);
  return tree;
}

static void add_shape(struct buf *buf, const struct tree_node *node) {
  if (node->kind == TREE_TEXT) {
    static const char *const before[] = {"", "'", "<"}, *const behind[] = {"", "'", ">"};
    buf_addf(buf, "%s%s%s", before[node->style], node->text, behind[node->style]);
    return;
  }
  buf_adds(buf, node->kind == TREE_LIST ? "[" : "{");
  for (size_t i = 0; i < node->count; i++) {
    buf_addf(buf, "%s", i ? " " : "");
    if (node->kind == TREE_MAP) {
      add_shape(buf, node->keys[i]);
      buf_adds(buf, "=");
    }
    add_shape(buf, node->items[i]);
  }
  buf_adds(buf, node->kind == TREE_LIST ? "]" : "}");
}

static void reads_yaml_and_json(void **state) {
  (void)state;
  static const struct {
    const char *text, *shape;
  } rows[] = {
      {"a: 1\nb:\n  - x\n  - 1.10\n", "{a=1 b=[x 1.10]}"},
      {"{\"a\": [1, \"2\", true, null], \"b\": {}}", "{'a'=[1 '2' true null] 'b'={}}"},
      {"- 'it''s'\n- \"a\\tb\"\n", "['it's' 'a\tb']"},
      {"a: |\n  x\n  y\n", "{a='x\ny\n'}"},
      {"a: >-\n  x\n  y\n", "{a='x y'}"},
      {"a:\nb: ~\n", "{a= b=~}"},
      {"v: !!str 1.10\n", "{v='1.10'}"},
      {"v: ! 1.10\n", "{v='1.10'}"},
      {"v: !!seq [!!map {a: b}]\n", "{v=[{a=b}]}"},
      {"--- # comment\na: b # c\n...\n", "{a=b}"},
      {"%YAML 1.1\n---\na: b\n", "{a=b}"},
      {"\xef\xbb\xbf"
       "a: b\n",
       "{a=b}"},
      {"a: b\r\nc: d\r\n", "{a=b c=d}"},
      {"a: h\xc3\xa9\n", "{a=h\xc3\xa9}"},
      {"just text", "just text"},
      {"yes: no\n", "{yes=no}"},
      {"<<: {a: 1}\n", "{<<={a=1}}"},
      {"? a\n: b\n", "{a=b}"},
      /* aliases */
      {"a: &x [1, 2]\nb: *x\nc: [*x, *x]\n", "{a=[1 2] b=[1 2] c=[[1 2] [1 2]]}"},
      {"a: &x 1\nb: *x\nc: &x 2\nd: *x\n", "{a=1 b=1 c=2 d=2}"},
      {"- &x {k: &y v}\n- *y\n- *x\n", "[{k=v} v {k=v}]"},
      {"- &k name\n- {*k : v}\n", "[name {name=v}]"},
      /* variables: in values only, never read as YAML */
      {"a: ${SECRET}\n", "{a=<hunter2>}"},
      {"a: \"${SECRET}\"\n", "{a=<hunter2>}"},
      {"\"${SECRET}\": x\n", "{'${SECRET}'=x}"},
      {"a: ${YAML}\n", "{a=<{a: [1, 2]}>}"},
      {"a: $$x\n", "{a=$x}"},
      {"a: '$$x'\n", "{a='$x'}"},
      {"[\"${NONE:-8}\"]", "[<8>]"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct tree *tree = parse(rows[i].text);
    struct buf buf;
    buf_init(&buf, 10000);
    add_shape(&buf, tree_root(tree));
    CHECK_STRING(buf_str(&buf), rows[i].shape, rows[i].text);
    buf_free(&buf);
    tree_free(tree);
  }
}

static void reads_utf_16(void **state) {
  (void)state;
  static const char text[] = "\xff\xfe"
                             "a\0:\0 \0b\0\n\0";
  struct tree *tree;
  struct err err = {0};
  assert_int_equal(tree_parse("m.yaml", text, sizeof text - 1, NULL, &tree, &err), 0);
  assert_string_equal(tree_get(tree_root(tree), "a")->text, "b");
  tree_free(tree);
}

static void without_an_environment_texts_stay(void **state) {
  (void)state;
  static const char text[] = "a: ${SECRET} $$\n";
  struct tree *tree;
  struct err err = {0};
  assert_int_equal(tree_parse("m.yaml", text, strlen(text), NULL, &tree, &err), 0);
  assert_string_equal(tree_get(tree_root(tree), "a")->text, "${SECRET} $$");
  assert_null(tree_get(tree_root(tree), "b"));
  tree_free(tree);
}

static void nodes_know_where_they_are(void **state) {
  (void)state;
  struct tree *tree = parse("a: &x 1\nlist:\n  - one\n  - *x\n  - {k: 'v'}\n");
  const struct tree_node *root = tree_root(tree), *list = tree_get(root, "list");
  struct err err;
  static const struct { int line, column; } places[] = {{3, 5}, {4, 5}, {5, 5}};
  assert_int_equal(root->line, 1);
  assert_int_equal(root->keys[1]->line, 2);
  for (size_t i = 0; i < COUNT(places); i++) {
    assert_int_equal(list->items[i]->line, places[i].line);
    assert_int_equal(list->items[i]->column, places[i].column);
  }
  assert_int_equal(tree_error(tree, tree_get(list->items[2], "k"), &err, "%d is wrong", 5),
                   -ERR_CONFIG);
  assert_string_equal(err.message, "m.yaml:5:9: 5 is wrong");
  tree_free(tree);
}

static void says_what_is_wrong_and_where(void **state) {
  (void)state;
  static const struct {
    const char *text, *message;
  } rows[] = {
      {"", "m.yaml:1:1: it is empty"},
      {"# nothing\n", "m.yaml:2:1: it is empty"},
      {"a: 1\nb: 2\na: 3\n", "m.yaml:3:1: the key \"a\" is there already, in line 1"},
      {"{\"a\": 1, 'a': 2}", "m.yaml:1:10: the key \"a\" is there already, in line 1"},
      {"a: b\n c: d\n", "m.yaml:2:3: no YAML: mapping values are not allowed"},
      {"a: [1, 2\nb: 3\n", "m.yaml:2:"},
      {"a: \"x\n", "m.yaml:2:1: no YAML: found unexpected end of stream"},
      {"a:\n\t- b\n", "m.yaml:2:1: no YAML: found character that cannot start any token (a tab"},
      {"a: @x\n", "m.yaml:1:4: no YAML: found character that cannot start any token (a text that"},
      {"- >=1.8 <2\n", "(a text that begins like this wants quotes)"},
      {"- [>=1.8]\n", "(a text that begins like this wants quotes)"},
      {"- *-debug\n", "m.yaml:1:3: nothing in front of this has the anchor &-debug (a text that"},
      {"- *\n", "(a text that begins like this wants quotes)"},
      {"- *.1\n", "wants quotes)"},
      {"- !x\n", "m.yaml:1:3: the tag !x means nothing here"},
      {"- !!int 5\n", "the tag tag:yaml.org,2002:int means nothing here"},
      {"- !!seq {a: b}\n", "means nothing here"},
      {"a: {b: ${SECRET}}\n", "(within braces and brackets a text with braces wants quotes)"},
      {"a: ${NONE}\n", "m.yaml:1:4: the environment variable NONE is not set"},
      {"a: x\nb: *c\n", "m.yaml:2:4: nothing in front of this has the anchor &c"},
      {"a: &x [*x]\n", "m.yaml:1:8: nothing in front of this has the anchor &x"},
      {"&x a: *y\n", "the anchor &y"},
      {"? [a]\n: b\n", "m.yaml:1:3: a key is a text"},
      {"{{a: b}: c}\n", "m.yaml:1:2: a key is a text"},
      {"a: b\n---\nc: d\n", "m.yaml:2:1: a second document begins here"},
      {"a: \"x\\0y\"\n", "m.yaml:1:4: a text can't have a NUL character"},
      {"a: h\xe9\n", "m.yaml:1:5: no YAML: "},
      {"a: \x01\n", "m.yaml:1:4: no YAML: control characters are not allowed"},
      {"%YAML 3.0\n---\na\n", "no YAML: found incompatible YAML document"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct tree *tree;
    struct err err = {0};
    CHECK(tree_parse("m.yaml", rows[i].text, strlen(rows[i].text), &env, &tree, &err) ==
              -ERR_CONFIG,
          "%s is taken", rows[i].text);
    assert_null(tree);
    CHECK(strstr(err.message, rows[i].message), "%s: %s", rows[i].text, err.message);
    assert_null(strstr(err.message, "hunter2"));
  }
}

static void check_refused(const struct buf *text, const char *message) {
  struct tree *tree;
  struct err err = {0};
  CHECK(tree_parse("m.yaml", text->data, text->len, &env, &tree, &err) == -ERR_CONFIG, "%s",
        message);
  CHECK(strstr(err.message, message), "%s", err.message);
}

static void aliases_can_not_grow_without_end(void **state) {
  (void)state;
  struct buf text;
  buf_init(&text, TREE_FILE_MAX);
  buf_adds(&text, "- &a0 [x, x, x, x, x, x, x, x, x]\n");
  for (int i = 1; i < 20; i++)
    buf_addf(&text, "- &a%d [*a%d, *a%d, *a%d, *a%d]\n", i, i - 1, i - 1, i - 1, i - 1);
  check_refused(&text, "more than 100000 values, aliases followed");

  buf_reset(&text);
  buf_adds(&text, "- &a ");
  for (int i = 0; i < 60000; i++)
    buf_adds(&text, "x");
  buf_adds(&text, "\n- [");
  for (int i = 0; i < 300; i++)
    buf_adds(&text, "*a, ");
  buf_adds(&text, "]\n");
  check_refused(&text, "more than 16 MiB of text");

  buf_reset(&text);
  buf_adds(&text, "- &a0 [x]\n");
  for (int i = 1; i < 40; i++)
    buf_addf(&text, "- &a%d [*a%d]\n", i, i - 1);
  check_refused(&text, "more than 32 levels deep");
  buf_free(&text);
}

static void has_limits(void **state) {
  (void)state;
  struct buf text;
  struct tree *tree;
  struct err err = {0};
  buf_init(&text, SIZE_MAX);
  for (int i = 0; i < TREE_NODES_MAX; i++)
    buf_adds(&text, "- x\n");
  check_refused(&text, "m.yaml:100000:3: more than 100000 values");

  for (int depth = 31; depth <= 5000; depth += depth == 32 ? 4968 : 1) {
    buf_reset(&text);
    for (int i = 0; i < depth; i++)
      buf_adds(&text, "[");
    buf_adds(&text, "x");
    for (int i = 0; i < depth; i++)
      buf_adds(&text, "]");
    if (depth == 31) {
      assert_int_equal(tree_parse("m.yaml", text.data, text.len, &env, &tree, &err), 0);
      tree_free(tree);
    } else {
      check_refused(&text, "more than 32 levels deep");
    }
  }

  buf_reset(&text);
  while (text.len <= TREE_FILE_MAX)
    buf_adds(&text, "# 4 MiB, all of it comments\n");
  check_refused(&text, "m.yaml: larger than 4 MiB");

  buf_reset(&text);
  buf_adds(&text, "a: ");
  while (text.len <= ENV_EXPANDED_MAX + 3)
    buf_adds(&text, "x");
  check_refused(&text, "m.yaml:1:4: with its variables it is longer than 64 KiB");
  buf_free(&text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_yaml_and_json),
      cmocka_unit_test(reads_utf_16),
      cmocka_unit_test(without_an_environment_texts_stay),
      cmocka_unit_test(nodes_know_where_they_are),
      cmocka_unit_test(says_what_is_wrong_and_where),
      cmocka_unit_test(aliases_can_not_grow_without_end),
      cmocka_unit_test(has_limits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
