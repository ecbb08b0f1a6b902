/* Whose file it is, and which flags it wants. */
#include "foreign_run.h"

#define OURS "version: 1\nmirrors:\n  - {from: 'q.io/${ORG}:1', to: 'r.lan/'}\n"
#define SKOPEO "q.io: {images: {a: []}}\n"
#define SYNCER "q.io/a: r.lan/a\n"
#define REGSYNC "version: 1\nsync: []\n"

static void ours_is_read_as_ever(void **state) {
  (void)state;
  struct mirror *mirror = run(OURS, (struct foreign_options){0});
  check_pairs(mirror, NULL, "q.io/our:1 > r.lan/our:1\n");
  mirror_free(mirror);
}

static void files_are_told_apart_by_their_keys(void **state) {
  (void)state;
  static const struct {
    const char *text, *message; /* "": taken */
  } rows[] = {
      {SKOPEO, "f.yml: a file of skopeo sync says not where images go: give --to TARGET/"},
      {"{\"q.io\": {\"tls-verify\": false}}", "a file of skopeo sync"},
      {SYNCER, ""},
      {"{\"q.io/a\": [\"r.lan/a\", \"s.lan/a\"]}", ""},
      {"images: {q.io/a: r.lan/a}", ""},
      {"auth: {}\nimages: {q.io/a: r.lan/a}", ""},
      {REGSYNC, ""},
      {"creds: []", ""},
      {"version: 1\nregistries: {}\n", "f.yml:1:1: \"mirrors\" is missing"},
      {"version: 1\nmirors: []\n", "f.yml:2:1: unknown key \"mirors\""},
      {"mirrors: []\nsync: []\n", "f.yml:1:1: \"version: 1\" is missing"},
      {"mirrors: []\n", "f.yml:1:1: \"version: 1\" is missing"},
      {"{}", "f.yml:1:1: \"version: 1\" is missing"},
      {"[a]", "f.yml:1:1: a mapping (KEY: VALUE) is wanted here"},
      {"a: [[b]]", "f.yml:1:1: \"version: 1\" is missing"},
      {"a: b: c", "f.yml:1:5: no YAML"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct mirror *mirror;
    struct err err = {.message = ""};
    int rc = try(rows[i].text, (struct foreign_options){0}, &mirror, &err);
    CHECK((rc == 0) == !*rows[i].message && strstr(err.message, rows[i].message), "%s\n%s",
          rows[i].text, err.message);
    mirror_free(mirror);
  }
}

static void flags_have_to_fit(void **state) {
  (void)state;
  static const struct {
    const char *text, *to;
    bool scoped;
    const char *auth, *message; /* NULL: taken */
  } rows[] = {
      {SKOPEO, "r.lan", true, NULL, NULL},
      {SKOPEO, "", false, NULL, "f.yml: a file of skopeo sync says not where images go"},
      {SKOPEO, "r.lan", false, "{}", "f.yml: --auth is for files of image-syncer"},
      {SKOPEO, "r.lan/a:1", false, NULL, "f.yml: --to \"r.lan/a:1\" is no registry"},
      {SKOPEO, "r.lan/{path}", false, NULL, "braces have no meaning in it"},
      {SKOPEO, "oci:dir", false, NULL, "is no registry and no place in one"},
      {SYNCER, NULL, false, "{}", NULL},
      {SYNCER, "r.lan", false, NULL, "f.yml: --to is for files of skopeo sync"},
      {REGSYNC, NULL, true, NULL, "f.yml: --scoped is for files of skopeo sync"},
      {REGSYNC, NULL, false, "{}", "f.yml: --auth is for files of image-syncer"},
      {OURS, "r.lan", true, NULL, "f.yml: --to is for files of skopeo sync, and this is none"},
      {OURS, NULL, false, "{}", "f.yml: --auth is for files of image-syncer, and this is none"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct foreign_options options = {.to = rows[i].to,
                                      .scoped = rows[i].scoped,
                                      .auth_name = rows[i].auth ? "a.yaml" : NULL,
                                      .auth_text = rows[i].auth,
                                      .auth_len = rows[i].auth ? strlen(rows[i].auth) : 0};
    struct mirror *mirror;
    struct err err = {.message = ""};
    int rc = try(rows[i].text, options, &mirror, &err);
    CHECK(rc == (rows[i].message ? -ERR_USAGE : 0), "row %zu: %s", i, err.message);
    CHECK(!rows[i].message || strstr(err.message, rows[i].message), "row %zu: %s", i, err.message);
    mirror_free(mirror);
  }
}

static void maps_are_merged(void **state) {
  (void)state;
  static const struct foreign_options to_lan = {.to = "r.lan"};
  struct mirror *mirror = run("a.io: &a {tls-verify: false, images: &i {x: ['1'], y: ['1']}}\n"
                              "b.io: {<<: *a, tls-verify: true}\n"
                              "c.io: {images: {<<: [{z: ['3']}, *i], x: ['2']}}\n",
                              (struct foreign_options){.to = "r.lan", .scoped = true});
  check_pairs(mirror, NULL,
              "a.io/x:1 > r.lan/a.io/x:1\na.io/y:1 > r.lan/a.io/y:1\n"
              "b.io/x:1 > r.lan/b.io/x:1\nb.io/y:1 > r.lan/b.io/y:1\n"
              "c.io/x:2 > r.lan/c.io/x:2\nc.io/z:3 > r.lan/c.io/z:3\nc.io/y:1 > r.lan/c.io/y:1\n");
  assert_true(mirror_find_registry(mirror, "a.io")->insecure);
  assert_null(mirror_find_registry(mirror, "b.io")); /* nothing is said of it */
  mirror_free(mirror);
  static const struct refusal row = {"a.io: {<<: [x], images: {}}", "f.yml:1:13: a mapping"};
  check_refusals(&row, 1, to_lan);
}

static void the_same_warning_is_said_once(void **state) {
  (void)state;
  struct mirror *mirror =
      run("sync:\n"
          "  - {source: q.io/a, target: r.lan/a, type: image, schedule: '1 * * * *'}\n"
          "  - {source: q.io/b, target: r.lan/b, type: image, schedule: '2 * * * *'}\n"
          "  - {source: q.io/c, target: r.lan/c, type: image, schedule: '3 * * * *'}\n",
          (struct foreign_options){0});
  check_warnings("f.yml:2:52: \"schedule\" of sync is not honoured: dray runs once; cron or CI "
                 "starts it (and 2 more like it)\n");
  mirror_free(mirror);
}

static struct mirror *with_auth(const char *text, const char *auth) {
  return run(text, (struct foreign_options){
                       .auth_name = "auth.yaml", .auth_text = auth, .auth_len = strlen(auth)});
}

/* Files that share their logins are joined like any others. */
static void the_same_registry_twice_is_no_mistake(void **state) {
  (void)state;
  static const char login[] = "r.lan: {username: u, password: p}\n";
  struct err err = {0};
  struct mirror *mirror = with_auth("q.io/a: r.lan/a\n", login);
  assert_int_equal(mirror_join(mirror, with_auth("q.io/b: r.lan/b\n", login), &err), 0);
  check_pairs(mirror, NULL, "q.io/a > r.lan/a\nq.io/b > r.lan/b\n");
  assert_int_equal(
      mirror_join(mirror, with_auth("q.io/c: r.lan/c\n", "r.lan: {username: u, password: x}\n"),
                  &err),
      -ERR_CONFIG);
  assert_string_equal(err.message, "auth.yaml:1:1: r.lan is there already, in auth.yaml:1");
  assert_string_equal(mirror->registries[1].place.file, "auth.yaml");
  mirror_free(mirror);
}

/* A password is in no message, whatever is wrong around it. */
static void secrets_stay_so(void **state) {
  (void)state;
  static const char *const texts[] = {
      "creds: [{registry: r.lan, user: '', pass: hunter2}]",
      "creds: [{registry: r.lan, user: u, pass: '{{print \"hunter2\"}}'}]",
      "creds: [{registry: r.lan, user: u, pass: 'hunter2{{'}]",
      "creds: [{registry: r.lan, user: u, pass: hunter2, token: hunter2}]",
      "auth: {r.lan: {username: u, password: [hunter2]}}\nimages: {q.io/a: r.lan/a}",
  };
  for (size_t i = 0; i < COUNT(texts); i++) {
    struct mirror *mirror;
    struct err err = {.message = ""};
    try(texts[i], (struct foreign_options){0}, &mirror, &err);
    CHECK(*err.message || warnings.len, "nothing is said of %s", texts[i]);
    CHECK(!strstr(err.message, "hunter2") && !strstr(buf_str(&warnings), "hunter2"), "%s\n%s",
          err.message, buf_str(&warnings));
    mirror_free(mirror);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ours_is_read_as_ever),
      cmocka_unit_test(files_are_told_apart_by_their_keys),
      cmocka_unit_test(flags_have_to_fit),
      cmocka_unit_test(maps_are_merged),
      cmocka_unit_test(the_same_warning_is_said_once),
      cmocka_unit_test(the_same_registry_twice_is_no_mistake),
      cmocka_unit_test(secrets_stay_so),
  };
  return cmocka_run_group_tests(tests, NULL, end_runs);
}
