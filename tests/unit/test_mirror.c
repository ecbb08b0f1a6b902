#include "sync/mirror.h"

#include <stdio.h>

#include "base/buf.h"
#include "unit.h"

#define SHA "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char *get(void *arg, const char *name) {
  static const struct {
    const char *name, *value;
  } set[] = {{"GITHUB_ACTOR", "Me"},
             {"GITHUB_REPOSITORY", "Me/App"},
             {"GITHUB_TOKEN", "hunter2"},
             {"EMPTY", ""}};
  (void)arg;
  for (size_t i = 0; i < COUNT(set); i++)
    if (strcmp(set[i].name, name) == 0)
      return set[i].value;
  return NULL;
}

static const struct env env = {.get = get};

static struct mirror *parse(const char *text) {
  struct mirror *mirror;
  struct err err = {0};
  CHECK(mirror_parse("m.yaml", text, strlen(text), &env, &mirror, &err) == 0, "%s\n%s", text,
        err.message);
  return mirror;
}

/* Of all pairs of a rule, blanks in between. */
static char *pairs(const struct mirror_rule *rule) {
  struct buf buf;
  buf_init(&buf, 10000);
  for (size_t s = 0; s < rule->source_count; s++)
    for (size_t t = 0; t < rule->target_count; t++) {
      struct oci_ref ref;
      assert_int_equal(mirror_expand(&rule->sources[s], &rule->targets[t], &ref, NULL), 0);
      char *source = oci_ref_format(&rule->sources[s].ref), *target = oci_ref_format(&ref);
      buf_addf(&buf, "%s%s>%s", buf.len ? " " : "", source, target);
      free(source);
      free(target);
      oci_ref_free(&ref);
    }
  return buf_take(&buf);
}

/* Each with a blank behind it. */
static void check_platforms(const struct oci_platforms *platforms, const char *wanted) {
  struct buf text;
  char one[OCI_PLATFORM_TEXT];
  buf_init(&text, 1000);
  for (size_t i = 0; i < platforms->count; i++)
    buf_addf(&text, "%s ", oci_platform_format(one, &platforms->items[i]));
  assert_string_equal(buf_str(&text), wanted);
  buf_free(&text);
}

static void check_pairs(const struct mirror_rule *rule, const char *wanted) {
  char *got = pairs(rule);
  assert_string_equal(got, wanted);
  free(got);
}

/* The one that interface.md shows. */
static void reads_the_example(void **state) {
  (void)state;
  struct mirror *mirror =
      parse("version: 1\n"
            "defaults:\n"
            "  platforms: [linux/amd64, linux/arm64]   # leave out for all: digest unchanged\n"
            "  referrers: true\n"
            "registries:\n"
            "  ghcr.io: {username: \"${GITHUB_ACTOR}\", password: \"${GITHUB_TOKEN}\", "
            "max-connections: 8, requests-per-second: 20}\n"
            "  registry.lan:5000: {plain-http: true}\n"
            "mirrors:\n"
            "  - from: gcr.io/kaniko-project/executor\n"
            "    to: ghcr.io/${GITHUB_REPOSITORY,,}/kaniko-executor      # or a list of targets\n"
            "    tags: {include: [\"v1.*\", \"/^v2\\\\.[0-9]+$/\", \">=1.8.0 <2\"], exclude: "
            "[\"*-debug\"], newest: 5}\n"
            "    delete: false          # true: remove tags\n"
            "  - from: registry.k8s.io/pause:3.9                        # one image\n"
            "    to: registry.lan:5000/pause                            # keeps the tag\n"
            "  - from: [quay.io/coreos/etcd:v3.5.9, quay.io/coreos/flannel:v0.15.1]\n"
            "    to: registry.lan:5000/mirror/                          # a trailing slash\n"
            "  - from: docker.io/library/nginx\n"
            "    to: registry.lan:5000/hub/{name}                       # {host} {path}\n"
            "    tags: {include: [\">=1.25\"], newest: 3}\n");
  assert_string_equal(mirror->name, "m.yaml");
  assert_int_equal(mirror->registry_count, 2);
  const struct mirror_registry *ghcr = mirror_find_registry(mirror, "GHCR.io");
  assert_string_equal(ghcr->user, "Me");
  assert_string_equal(ghcr->password, "hunter2");
  assert_int_equal(ghcr->max_connections, 8);
  assert_int_equal(ghcr->requests_per_second, 20);
  assert_true(mirror_find_registry(mirror, "registry.lan:5000")->plain_http);
  assert_null(mirror_find_registry(mirror, "registry.lan"));

  assert_int_equal(mirror->rule_count, 4);
  const struct mirror_rule *rules = mirror->rules;
  check_pairs(&rules[0], "gcr.io/kaniko-project/executor>ghcr.io/me/app/kaniko-executor");
  check_pairs(&rules[1], "registry.k8s.io/pause:3.9>registry.lan:5000/pause:3.9");
  check_pairs(&rules[2], "quay.io/coreos/etcd:v3.5.9>registry.lan:5000/mirror/coreos/etcd:v3.5.9 "
                         "quay.io/coreos/flannel:v0.15.1>registry.lan:5000/mirror/coreos/"
                         "flannel:v0.15.1");
  check_pairs(&rules[3], "docker.io/library/nginx>registry.lan:5000/hub/nginx");
  for (size_t i = 0; i < 4; i++) {
    check_platforms(&rules[i].platforms, "linux/amd64 linux/arm64 ");
    assert_true(rules[i].referrers);
    assert_false(rules[i].delete);
  }
  assert_int_equal(selection_newest(rules[0].tags), 5);
  assert_true(selection_wants(rules[0].tags, "v2.17", NULL));
  assert_false(selection_wants(rules[0].tags, "v1.2-debug", NULL));
  assert_null(rules[1].tags);
  assert_int_equal(rules[0].place.line, 9);
  assert_int_equal(rules[0].place.column, 5);
  assert_int_equal(rules[2].sources[1].place.line, 15);
  assert_int_equal(rules[2].sources[1].place.column, 40);
  assert_int_equal(rules[3].targets[0].place.line, 18);
  mirror_free(mirror);
}

#define RULE "version: 1\nmirrors:\n  - from: q.io/a\n    to: r.lan/a\n"

static void rules_may_have_their_own_options(void **state) {
  (void)state;
  struct mirror *mirror = parse("{\"version\": 1,\n"
                                " \"defaults\": {\"platforms\": [\"linux/amd64\"], "
                                "\"referrers\": true},\n"
                                " \"mirrors\": [{\"from\": \"q.io/a\", \"to\": [\"r.lan/a\", "
                                "\"s.lan/\"],\n"
                                "   \"platforms\": \"linux/arm/v7\", \"referrers\": false, "
                                "\"delete\": true},\n"
                                "  {\"from\": \"q.io/b\", \"to\": \"r.lan/b\", \"platforms\": [],\n"
                                "   \"tags\": {\"exclude\": \"*-rc\"}}]}");
  check_pairs(&mirror->rules[0], "q.io/a>r.lan/a q.io/a>s.lan/a");
  check_platforms(&mirror->rules[0].platforms, "linux/arm/v7 ");
  assert_false(mirror->rules[0].referrers);
  assert_true(mirror->rules[0].delete);
  check_platforms(&mirror->rules[1].platforms, ""); /* an empty list is all */
  assert_true(mirror->rules[1].referrers);
  assert_false(selection_wants(mirror->rules[1].tags, "1-rc", NULL));
  mirror_free(mirror);

  mirror = parse(RULE);
  check_platforms(&mirror->rules[0].platforms, "");
  assert_false(mirror->rules[0].referrers);
  assert_false(mirror->rules[0].delete);
  assert_null(mirror->rules[0].tags);
  assert_int_equal(mirror->registry_count, 0);
  mirror_free(mirror);

  mirror = parse("version: 1\nmirrors: []\n");
  assert_int_equal(mirror->rule_count, 0);
  mirror_free(mirror);
}

static void versions_without_quotes_stay_as_they_are(void **state) {
  (void)state;
  struct mirror *mirror = parse(RULE "    tags: {include: [1.10, 2, 1e3], exclude: 1.0}\n");
  const struct selection *tags = mirror->rules[0].tags;
  assert_true(selection_wants(tags, "1.10", NULL));
  assert_true(selection_wants(tags, "1e3", NULL));
  assert_false(selection_wants(tags, "1.1", NULL));
  assert_false(selection_wants(tags, "1.0", NULL));
  mirror_free(mirror);
}

static void anchors_save_repetition(void **state) {
  (void)state;
  struct mirror *mirror = parse("version: 1\n"
                                "mirrors:\n"
                                "  - from: q.io/a\n"
                                "    to: &to ['r.lan/{name}', 's.lan/{name}']\n"
                                "    tags: &tags {include: [v1.*], newest: 2}\n"
                                "  - {from: q.io/b, to: *to, tags: *tags}\n");
  check_pairs(&mirror->rules[1], "q.io/b>r.lan/b q.io/b>s.lan/b");
  assert_int_equal(selection_newest(mirror->rules[1].tags), 2);
  mirror_free(mirror);
}

static void one_tag_may_follow_the_newest(void **state) {
  (void)state;
  struct mirror *mirror = parse("version: 1\nmirrors:\n  - from: q.io/a\n    to: r.lan/a:latest\n"
                                "    tags: {include: '>=1', newest: 1}\n");
  check_pairs(&mirror->rules[0], "q.io/a>r.lan/a");
  mirror_free(mirror);
}

#define FILE_OF(rest) "version: 1\nmirrors:\n  - " rest "\n"

static void says_what_is_wrong_and_where(void **state) {
  (void)state;
  static const struct {
    const char *text, *message;
  } rows[] = {
      /* the file */
      {"[]", "m.yaml:1:1: a mapping (KEY: VALUE) is wanted here, not a list"},
      {"mirrors: []\n", "m.yaml:1:1: \"version: 1\" is missing"},
      {"version: 2\nnews: x\n", "m.yaml:1:10: version 2 is not known here, only 1 is"},
      {"version: \"1\"\n", "m.yaml:1:10: a whole number"},
      {"version: 1\n", "m.yaml:1:1: \"mirrors\" is missing"},
      {"version: 1\nmirors: []\n", "m.yaml:2:1: unknown key \"mirors\": did you mean \"mirrors\"?"},
      {"version: 1\nmirrors: {}\n", "m.yaml:2:10: a list of mirrors is wanted here"},
      {"version: 1\nmirrors: [x]\n", "m.yaml:2:11: a mapping (KEY: VALUE) is wanted"},
      {"version: 1\ndefaults:\nmirrors: []\n", "m.yaml:2:10: a value is missing"},
      {"version: 1\ndefaults: {delete: true}\nmirrors: []\n", "m.yaml:2:12: unknown key"},
      {"version: 1\nversion: 1\n", "m.yaml:2:1: the key \"version\" is there already"},
      {"version: 1\ndefaults: {platforms: [linux]}\n",
       "m.yaml:2:24: \"linux\" is no platform: OS/ARCH[/VARIANT]"},
      {"version: 1\ndefaults: {platforms: linux/AMD64}\n", "is no platform"},
      {"version: 1\ndefaults: {platforms: a/b/c/d}\n", "is no platform"},
      {"version: 1\ndefaults: {platforms: a//b}\n", "is no platform"},
      {"version: 1\ndefaults: {referrers: yes}\n", "m.yaml:2:23: true or false is wanted"},
      /* registries */
      {"version: 1\nregistries: []\n", "m.yaml:2:13: a mapping"},
      {"version: 1\nregistries: {ghcr.io: {user: x}}\n", "m.yaml:2:24: unknown key \"user\""},
      {"version: 1\nregistries:\n  docker.io: {}\n  index.docker.io: {}\n",
       "m.yaml:4:3: docker.io is there already, in line 3"},
      {"version: 1\nregistries:\n  ghcr.io: {}\n  GHCR.IO: {}\n", "is there already, in line 3"},
      /* rules */
      {FILE_OF("{to: r.lan/a}"), "m.yaml:3:5: \"from\" is missing"},
      {FILE_OF("{from: q.io/a}"), "m.yaml:3:5: \"to\" is missing"},
      {FILE_OF("{from: [], to: r.lan/a}"), "m.yaml:3:12: the list is empty"},
      {FILE_OF("{from: q.io/a, to: []}"), "m.yaml:3:24: the list is empty"},
      {FILE_OF("{form: q.io/a, to: r.lan/a}"),
       "m.yaml:3:6: unknown key \"form\": did you mean \"from\"?"},
      {FILE_OF("{from: q.io/A, to: r.lan/a}"),
       "m.yaml:3:12: bad reference \"q.io/A\": repositories have no capitals; \"q.io/a\" would "},
      {FILE_OF("{from: [q.io/a, 'q.io/b:'], to: r.lan/}"), "m.yaml:3:21: bad reference"},
      {FILE_OF("{from: 'oci:dir', to: r.lan/a}"),
       "m.yaml:3:12: only images in registries can be mirrored"},
      {FILE_OF("{from: q.io/a, to: 'oci:dir'}"), "m.yaml:3:24: bad target \"oci:dir\""},
      {FILE_OF("{from: q.io/a, to: a}"), "where only Docker publishes"},
      {FILE_OF("{from: q.io/a, to: {name}}"), "m.yaml:3:24: a text or a list of texts is wanted"},
      {FILE_OF("{from: q.io/a, to: 'r.lan/{nam}'}"),
       "m.yaml:3:24: bad target \"r.lan/{nam}\": unknown placeholder {nam}: did you mean {name}?"},
      {FILE_OF("{from: q.io/a, to: r.lan/{name}}"), "a text with braces wants quotes)"},
      {FILE_OF("{from: nginx, to: 'docker.io/'}"),
       "m.yaml:3:23: bad target \"docker.io/\": that is docker.io/library/nginx, where only "},
      {FILE_OF("{from: 'q.io/a@" SHA "', to: 'r.lan/a:{tag}'}"), "its source has no tag for {tag}"},
      {FILE_OF("{from: q.io/a, to: 'r.lan/a:v1'}"),
       "m.yaml:3:24: all tags of the source in line 3 would become this one"},
      {FILE_OF("{from: q.io/a, to: 'r.lan/a:v1', tags: {newest: 2}}"), "would become this one"},
      {FILE_OF("{from: q.io/a, to: 'r.lan/{tag}/a', delete: true}"),
       "m.yaml:3:24: with delete, {tag} can't be a part of the repository"},
      {FILE_OF("{from: q.io/a, to: r.lan/a, delete: 1}"), "m.yaml:3:41: true or false is wanted"},
      {FILE_OF("{from: 'q.io/a:1', to: r.lan/a, delete: true}"),
       "m.yaml:3:45: only a whole repository's tags can be deleted"},
      {FILE_OF("{from: 'q.io/a:1', to: r.lan/a, tags: {newest: 1}}"),
       "m.yaml:3:43: tags choose from a whole repository"},
      {FILE_OF("{from: q.io/a, to: r.lan/a, tags: v1}"), "m.yaml:3:39: a mapping"},
      {FILE_OF("{from: q.io/a, to: r.lan/a, tags: {new: 1}}"), "m.yaml:3:40: unknown key \"new\""},
      {FILE_OF("{from: q.io/a, to: r.lan/a, tags: {newest: 0}}"),
       "m.yaml:3:48: a whole number from 1 to 1000000 is wanted here"},
      {FILE_OF("{from: q.io/a, to: r.lan/a, tags: {include: []}}"),
       "m.yaml:3:49: the list is empty: leave include out for all tags"},
      {FILE_OF("{from: q.io/a, to: r.lan/a, tags: {include: [v1, '/(/']}}"),
       "m.yaml:3:54: bad pattern \"/(/\": character"},
      {FILE_OF("{from: q.io/a, to: r.lan/a, tags: {exclude: '>=1,<2'}}"),
       "m.yaml:3:49: bad version range \">=1,<2\": character 4: a blank stands between"},
      {FILE_OF("{from: q.io/a, to: 'r.lan/${NONE}'}"),
       "m.yaml:3:24: the environment variable NONE is not set"},
      {FILE_OF("{from: q.io/a, to: r.lan/a, <<: {delete: true}}"), "unknown key \"<<\""},
      /* two images for one tag */
      {FILE_OF("{from: 'q.io/a:1', to: r.lan/x}\n  - {from: 'q.io/b:1', to: R.lan/x}"),
       "m.yaml:4:12: two images for r.lan/x:1: q.io/b:1 here, and q.io/a:1 in line 3"},
      {FILE_OF("{from: ['q.io/a/x:1',\n 'q.io/b/x:1'], to: 'r.lan/{name}'}"),
       "m.yaml:4:2: two images for r.lan/x:1: q.io/b/x:1 here, and q.io/a/x:1 in line 3"},
      {FILE_OF("{from: 'q.io/a:1', to: r.lan/x, platforms: linux/amd64}\n"
               "  - {from: 'q.io/a:1', to: r.lan/x}"),
       "two images for r.lan/x:1: q.io/a:1 here, and q.io/a:1 for linux/amd64 in line 3"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct mirror *mirror;
    struct err err = {0};
    CHECK(mirror_parse("m.yaml", rows[i].text, strlen(rows[i].text), &env, &mirror, &err) ==
              -ERR_CONFIG,
          "%s is taken", rows[i].text);
    assert_null(mirror);
    CHECK(strstr(err.message, rows[i].message), "%s\n%s", rows[i].text, err.message);
  }
}

static void the_same_image_twice_is_no_mistake(void **state) {
  (void)state;
  mirror_free(parse(FILE_OF("{from: 'q.io/a:1', to: r.lan/x}\n"
                            "  - {from: ['q.io/a:1', 'q.io/a:2'], to: r.lan/x}\n"
                            "  - {from: q.io/b, to: r.lan/x}")));
}

static void pairs_are_counted(void **state) {
  (void)state;
  struct buf text;
  struct mirror *mirror;
  struct err err = {0};
  buf_init(&text, SIZE_MAX);
  buf_adds(&text, "version: 1\nmirrors:\n  - from:\n");
  for (int i = 0; i < 400; i++)
    buf_addf(&text, "      - q.io/a%d\n", i);
  buf_adds(&text, "    to:\n");
  for (int i = 0; i < 300; i++)
    buf_addf(&text, "      - r.lan/%d/\n", i);
  assert_int_equal(mirror_parse("m.yaml", text.data, text.len, &env, &mirror, &err), -ERR_CONFIG);
  assert_string_equal(err.message, "m.yaml:3:5: more than 100000 pairs of a source and a target");
  buf_free(&text);
}

static void later_errors_name_the_place_too(void **state) {
  (void)state;
  struct mirror *mirror = parse(RULE);
  struct err err;
  assert_int_equal(mirror_error(mirror, &mirror->rules[0].place, &err, "%d tags", 5), -ERR_CONFIG);
  assert_string_equal(err.message, "m.yaml:3:5: 5 tags");
  mirror_free(mirror);
}

static struct mirror *parse_as(const char *name, const char *text) {
  struct mirror *mirror;
  struct err err = {0};
  CHECK(mirror_parse(name, text, strlen(text), &env, &mirror, &err) == 0, "%s", err.message);
  return mirror;
}

static int join(const char *first, const char *second, struct mirror **mirror, struct err *err) {
  *mirror = parse_as("one.yaml", first);
  return mirror_join(*mirror, parse_as("two.yaml", second), err);
}

static void files_are_one_and_errors_know_which(void **state) {
  (void)state;
  struct mirror *mirror;
  struct err err = {0};
  assert_int_equal(join("version: 1\nregistries: {r.lan: {tls: true}}\n"
                        "mirrors: [{from: 'q.io/a:1', to: r.lan/a}]",
                        "version: 1\nregistries: {s.lan: {tls: true}}\n"
                        "mirrors: [{from: q.io/b, to: s.lan/b}]",
                        &mirror, &err),
                   0);
  assert_int_equal(mirror->rule_count, 2);
  check_pairs(&mirror->rules[1], "q.io/b>s.lan/b");
  assert_non_null(mirror_find_registry(mirror, "s.lan"));
  mirror_error(mirror, &mirror->rules[0].sources[0].place, &err, "x");
  assert_string_equal(err.message, "one.yaml:3:18: x");
  mirror_error(mirror, &mirror->rules[1].sources[0].place, &err, "x");
  assert_string_equal(err.message, "two.yaml:3:18: x");
  mirror_free(mirror);

  assert_int_equal(join("version: 1\nmirrors: [{from: 'q.io/a:1', to: r.lan/a}]",
                        "version: 1\nmirrors:\n  - {from: 'q.io/b:1', to: r.lan/a}", &mirror, &err),
                   -ERR_CONFIG);
  assert_string_equal(err.message, "two.yaml:3:12: two images for r.lan/a:1: q.io/b:1 here, and "
                                   "q.io/a:1 in one.yaml:2");
  mirror_free(mirror);
  assert_int_equal(join("version: 1\nregistries: {r.lan: {tls: true}}\nmirrors: []",
                        "version: 1\nregistries: {R.lan: {tls: true}}\nmirrors: []", &mirror, &err),
                   0); /* the same of the same registry */
  mirror_free(mirror);
  assert_int_equal(join("version: 1\nregistries: {r.lan: {tls: true}}\nmirrors: []",
                        "version: 1\nregistries: {R.lan: {}}\nmirrors: []", &mirror, &err),
                   -ERR_CONFIG);
  assert_non_null(strstr(err.message, "is there already, in one.yaml:2"));
  mirror_free(mirror);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_the_example),
      cmocka_unit_test(rules_may_have_their_own_options),
      cmocka_unit_test(versions_without_quotes_stay_as_they_are),
      cmocka_unit_test(anchors_save_repetition),
      cmocka_unit_test(one_tag_may_follow_the_newest),
      cmocka_unit_test(says_what_is_wrong_and_where),
      cmocka_unit_test(the_same_image_twice_is_no_mistake),
      cmocka_unit_test(pairs_are_counted),
      cmocka_unit_test(later_errors_name_the_place_too),
      cmocka_unit_test(files_are_one_and_errors_know_which),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
