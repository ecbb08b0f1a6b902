#include "sync/expand.h"

#include "base/buf.h"
#include "base/mem.h"
#include "unit.h"

static const char *get(void *arg, const char *name) {
  (void)arg;
  return strcmp(name, "NAME") == 0 ? "value" : strcmp(name, "EMPTY") == 0 ? "" : NULL;
}

static char *get_file(void *arg, const char *name, struct err *err) {
  assert_string_equal(arg, "arg");
  if (strcmp(name, "/a b") == 0)
    return mem_strdup(" \n two words\t\r\n");
  err_set(err, ERR_NOT_FOUND, "%s: no such file", name);
  return NULL;
}

static const struct env env = {.get = get};
static char arg[] = "arg";

typedef int expand_fn(struct expand *, const char *, char **, struct err *);

struct row {
  const char *text, *wanted, *unset;
};

static void check_rows(expand_fn *fn, const struct row *rows, size_t count) {
  for (size_t i = 0; i < count; i++) {
    struct expand expand = {.env = &env, .file = get_file, .file_arg = arg, .source = "q.io/a"};
    struct err err = {.message = ""};
    char *out;
    CHECK(fn(&expand, rows[i].text, &out, &err) == 0, "%s: %s", rows[i].text, err.message);
    CHECK_STRING(out, rows[i].wanted, rows[i].text);
    CHECK_STRING(expand.unset, rows[i].unset, rows[i].text);
    free(out);
  }
}

static void shell_variables_are_replaced(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"", "", ""},
      {"plain", "plain", ""},
      {"$NAME", "value", ""},
      {"a${NAME}b$NAME", "avaluebvalue", ""},
      {"$NAME-x", "value-x", ""},
      {"${EMPTY}", "", ""},
      {"<$NONE>", "<>", "NONE"},
      {"<${NONE}>", "<>", "NONE"},
      {"100$ $1 $$", "100$ $1 $$", ""},
  };
  check_rows(expand_shell, rows, COUNT(rows));
}

static void templates_are_run(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"", "", ""},
      {"plain {x} $NAME", "plain {x} $NAME", ""},
      {"{{env \"NAME\"}}", "value", ""},
      {"<{{ env  \"NAME\" }}:{{env \"EMPTY\"}}>", "<value:>", ""},
      {"{{env \"NONE\"}}", "", "NONE"},
      {"{{file \"/a b\"}}", "two words", ""},
      {"r.lan/{{ .Sync.Source }}", "r.lan/q.io/a", ""},
      {"{{.Sync.Source}}{{.Sync.Source}}", "q.io/aq.io/a", ""},
  };
  check_rows(expand_template, rows, COUNT(rows));
}

static void says_what_is_wrong(void **state) {
  (void)state;
  static const struct {
    expand_fn *fn;
    const char *text, *message;
  } rows[] = {
      {expand_shell, "${", "\"${\" begins no variable"},
      {expand_shell, "a${}", "\"${\" begins no variable"},
      {expand_shell, "${NAME", "\"${\" begins no variable"},
      {expand_shell, "${NAME:-x}", "\"${\" begins no variable"},
      {expand_template, "{{", "has no }}"},
      {expand_template, "{{env \"NAME\"}", "has no }}"},
      {expand_template, "{{}}", "a template that is not known here"},
      {expand_template, "{{ }}", "a template that is not known here"},
      {expand_template, "{{env}}", "a template that is not known here"},
      {expand_template, "{{env NAME}}", "a template that is not known here"},
      {expand_template, "{{env \"NAME}}", "a template that is not known here"},
      {expand_template, "{{env \"NAME\" | lower}}", "a template that is not known here"},
      {expand_template, "{{env \"a\\\"b\"}}", "a template that is not known here"},
      {expand_template, "{{environ \"NAME\"}}", "a template that is not known here"},
      {expand_template, "{{.Sync.SourceX}}", "a template that is not known here"},
      {expand_template, "{{.Sync.Target}}", "a template that is not known here"},
      {expand_template, "{{file \"/none\"}}", "/none: no such file"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct expand expand = {.env = &env, .file = get_file, .file_arg = arg, .source = "q.io/a"};
    struct err err = {.message = ""};
    char *out;
    CHECK(rows[i].fn(&expand, rows[i].text, &out, &err) == -ERR_CONFIG, "%s", rows[i].text);
    assert_int_equal(err.code, ERR_CONFIG);
    assert_null(out);
    CHECK(strstr(err.message, rows[i].message), "%s: %s", rows[i].text, err.message);
  }
}

static void nothing_given_is_nothing_known(void **state) {
  (void)state;
  static const char *const texts[] = {"{{file \"/a b\"}}", "{{.Sync.Source}}"};
  struct expand expand = {0};
  struct err err;
  char *out;
  assert_int_equal(expand_shell(&expand, "$NAME", &out, &err), 0);
  assert_string_equal(out, "");
  free(out);
  for (size_t i = 0; i < COUNT(texts); i++)
    assert_int_equal(expand_template(&expand, texts[i], &out, &err), -ERR_CONFIG);
}

static void lengths_are_bounded(void **state) {
  (void)state;
  struct expand expand = {.env = &env};
  struct err err;
  struct buf text;
  char *out;
  buf_init(&text, SIZE_MAX);
  for (int i = 0; i < 14000; i++) /* of 5 letters each */
    buf_adds(&text, "$NAME ");
  assert_int_equal(expand_shell(&expand, text.data, &out, &err), -ERR_CONFIG);
  assert_non_null(strstr(err.message, "longer than 64 KiB"));
  assert_int_equal(expand_template(&expand, text.data, &out, &err), -ERR_CONFIG);
  assert_non_null(strstr(err.message, "longer than 64 KiB"));
  buf_free(&text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(shell_variables_are_replaced),
      cmocka_unit_test(templates_are_run),
      cmocka_unit_test(says_what_is_wrong),
      cmocka_unit_test(lengths_are_bounded),
      cmocka_unit_test(nothing_given_is_nothing_known),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
