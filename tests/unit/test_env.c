#include "sync/env.h"

#include <stdio.h>

#include "unit.h"

static const char *get(void *arg, const char *name) {
  static const struct {
    const char *name, *value;
  } set[] = {
      {"USER", "Me"},        {"EMPTY", ""},         {"TRICK", "${USER} $$ {x}: [y]"},
      {"REPO", "Me/My-App"}, {"_A1", "underscore"}, {"SECRET", "hunter2"},
  };
  (void)arg;
  for (size_t i = 0; i < COUNT(set); i++)
    if (strcmp(set[i].name, name) == 0)
      return set[i].value;
  return NULL;
}

static const struct env env = {.get = get};

static void replaces_variables(void **state) {
  (void)state;
  static const struct {
    const char *text, *wanted;
    bool replaced;
  } rows[] = {
      {"", "", false},
      {"plain", "plain", false},
      {"${USER}", "Me", true},
      {"a${USER}b${USER}c", "aMebMec", true},
      {"ghcr.io/${REPO,,}/x", "ghcr.io/me/my-app/x", true},
      {"${_A1}", "underscore", true},
      {"[${EMPTY}]", "[]", true},
      {"${EMPTY:-x}", "x", true},
      {"${NONE:-x y}", "x y", true},
      {"${NONE:-}", "", true},
      {"${NONE:-a:-b,,}", "a:-b,,", true},
      {"${NONE:-$5}", "$5", true},
      {"${USER:-x}", "Me", true},
      {"${USER,,:-X}", "me", true},
      {"${NONE,,:-X}", "X", true}, /* a default is as it is written */
      {"${TRICK}", "${USER} $$ {x}: [y]", true},
      {"$$", "$", false},
      {"$${USER}", "${USER}", false},
      {"$$${USER}", "$Me", true},
      {"$$$$", "$$", false},
      {"$", "$", false},
      {"a$", "a$", false},
      {"$USER $5 /x$/", "$USER $5 /x$/", false},
      {"${USER}}", "Me}", true},
      {"{USER}", "{USER}", false},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    char *out;
    bool replaced = !rows[i].replaced;
    struct err err = {0};
    CHECK(env_expand(&env, rows[i].text, &out, &replaced, &err) == 0, "%s: %s", rows[i].text,
          err.message);
    CHECK_STRING(out, rows[i].wanted, rows[i].text);
    CHECK(replaced == rows[i].replaced, "%s", rows[i].text);
    free(out);
  }
}

static void refuses_what_it_does_not_know_and_names_it(void **state) {
  (void)state;
  static const struct {
    const char *text, *message;
  } rows[] = {
      {"a ${NONE} b", "the environment variable NONE is not set"},
      {"${NONE,,}", "the environment variable NONE is not set"},
      {"${NONE", "\"${NONE\" has no closing brace"},
      {"${", "has no closing brace"},
      {"${}", "\"${}\" is no variable"},
      {"${1A}", "\"${1A}\" is no variable"},
      {"${A B}", "is no variable"},
      {"${USER-x}", "is no variable"},
      {"${USER:?x}", "is no variable"},
      {"${USER^^}", "is no variable"},
      {"${USER,}", "is no variable"},
      {"${USER,,,}", "is no variable"},
      {"${USER:-x}${NONE}", "NONE is not set"},
      {"${NONE:-${USER}}", "the default of ${NONE} can't have a variable in it"},
      {"${SECRET}${NONE}", "NONE is not set"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    char *out;
    struct err err = {0};
    CHECK(env_expand(&env, rows[i].text, &out, NULL, &err) == -ERR_CONFIG, "%s", rows[i].text);
    assert_null(out);
    CHECK(strstr(err.message, rows[i].message), "%s: %s", rows[i].text, err.message);
    assert_null(strstr(err.message, "hunter2"));
  }
}

static const char *get_long(void *arg, const char *name) {
  (void)name;
  return arg;
}

static void a_text_stays_below_64_kib(void **state) {
  (void)state;
  static char value[ENV_EXPANDED_MAX / 2 + 1];
  struct env longs = {.get = get_long, .arg = value};
  char *out;
  struct err err = {0};
  memset(value, 'x', sizeof value - 1);
  assert_int_equal(env_expand(&longs, "${A}${A}", &out, NULL, &err), 0);
  assert_int_equal(strlen(out), ENV_EXPANDED_MAX);
  free(out);
  static const char *const texts[] = {"${A}${A}x", "${A}${A}$", "${A}${A}${A}", "x${A}${A}"};
  for (size_t i = 0; i < COUNT(texts); i++) {
    assert_int_equal(env_expand(&longs, texts[i], &out, NULL, &err), -ERR_CONFIG);
    assert_string_equal(err.message, "with its variables it is longer than 64 KiB");
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(replaces_variables),
      cmocka_unit_test(refuses_what_it_does_not_know_and_names_it),
      cmocka_unit_test(a_text_stays_below_64_kib),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
