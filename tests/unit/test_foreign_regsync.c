/* Files of regsync. */
#include "foreign_run.h"

static const struct foreign_options none;

static void reads_a_whole_file(void **state) {
  (void)state;
  static const char *const tags[] = {"latest", "3", "3.9", "3.9.1", "8.0", "8.0-rc1", NULL};
  struct mirror *mirror = run("version: 1\n"
                              "x-hub: &hub\n"
                              "  type: repository\n"
                              "  target: 'registry:5000/hub/{{ .Sync.Source }}'\n"
                              "creds:\n"
                              "  - registry: registry:5000\n"
                              "    tls: disabled\n"
                              "  - registry: docker.io\n"
                              "    user: \"{{env \\\"USER\\\"}}\"\n"
                              "    pass: \"{{file \\\"/run/secrets/hub\\\"}}\"\n"
                              "    reqPerSec: 2.5\n"
                              "    reqConcurrent: 5\n"
                              "    blobChunk: 4194304\n"
                              "defaults:\n"
                              "  referrers: true\n"
                              "sync:\n"
                              "  - source: busybox\n"
                              "    target: registry:5000/library/busybox\n"
                              "    type: image\n"
                              "  - <<: *hub\n"
                              "    source: alpine\n"
                              "    tags: {allow: [latest, '3', '3.\\d+']}\n"
                              "  - <<: [*hub]\n"
                              "    source: debian\n"
                              "    referrers: false\n"
                              "    platform: linux/amd64\n"
                              "    tagSets:\n"
                              "      - {semverRange: ['>=8.0-0 <9'], deny: ['.*\\.1']}\n"
                              "      - {semverRange: ['~3', ''], allow: ['3.*']}\n"
                              "  - {source: 'q.io/a:1', target: 'r.lan/a:2', type: image}\n"
                              "  - {source: 'q.io/a@" SHA "', target: r.lan/b, type: image}\n",
                              none);
  check_pairs(mirror, tags,
              "docker.io/library/busybox:latest > registry:5000/library/busybox:latest referrers\n"
              "docker.io/library/alpine > registry:5000/hub/alpine latest 3 3.9 referrers\n"
              "docker.io/library/debian > registry:5000/hub/debian 8.0 8.0-rc1 linux/amd64\n"
              "docker.io/library/debian > registry:5000/hub/debian 3 linux/amd64\n"
              "q.io/a:1 > r.lan/a:2 referrers\n"
              "q.io/a@" SHA " > r.lan/b:latest referrers\n");
  check_warnings("");
  assert_true(mirror_find_registry(mirror, "registry:5000")->plain_http);
  const struct mirror_registry *hub = mirror_find_registry(mirror, "docker.io");
  assert_string_equal(hub->user, "me");
  assert_string_equal(hub->password, "s3cret");
  assert_int_equal(hub->requests_per_second, 2);
  assert_int_equal(hub->max_connections, 5);
  assert_int_equal(hub->chunk_size, 4194304);
  mirror_free(mirror);
}

static void registries_have_a_security(void **state) {
  (void)state;
  struct mirror *mirror = run("creds:\n"
                              "  - {registry: a.lan, tls: Insecure, reqConcurrent: 1}\n"
                              "  - {registry: b.lan, tls: enabled, reqPerSec: 0.1}\n"
                              "  - {registry: b.lan, user: u, pass: p, reqConcurrent: 5000}\n",
                              none);
  assert_int_equal(mirror->registry_count, 2);
  assert_true(mirror->registries[0].insecure);
  assert_int_equal(mirror->registries[0].max_connections, 2);
  assert_true(mirror->registries[1].tls);
  assert_string_equal(mirror->registries[1].user, "u");
  assert_int_equal(mirror->registries[1].max_connections, 1024);
  check_warnings("f.yml:2:53: a reqConcurrent of 1 is 2 connections here\n"
                 "f.yml:3:48: a reqPerSec below 1 is 1 here\n");
  mirror_free(mirror);
}

static void says_what_is_left_out(void **state) {
  (void)state;
  struct mirror *mirror = run(
      "version: 1\n"
      "defaults: {parallel: 2, interval: 60m, fastCheck: false}\n"
      "sync:\n"
      "  - {source: q.io/a, target: r.lan/a, type: repository, digestTags: true, interval: 1h}\n"
      "  - source: q.io/b:1\n"
      "    target: 'r.lan/b{{env \"NONE\"}}:1'\n"
      "    type: image\n"
      "    interval: 2h\n"
      "    forceRecursive: true\n"
      "    tags: {allow: [x]}\n"
      "    platforms: [linux/amd64, linux/arm64]\n"
      "    plattform: linux/amd64\n"
      "    backup: 'bkup-{{.Ref.Tag}}'\n",
      none);
  check_pairs(mirror, NULL,
              "q.io/a > r.lan/a referrers\nq.io/b:1 > r.lan/b:1 linux/amd64 linux/arm64\n");
  check_warnings(
      "f.yml:2:12: \"parallel\" of defaults is not honoured: see --jobs\n"
      "f.yml:2:25: \"interval\" of defaults is not honoured: dray runs once; cron or CI starts it\n"
      "f.yml:4:75: \"interval\" of sync is not honoured: dray runs once; cron or CI starts it "
      "(and 1 more like it)\n"
      "f.yml:4:69: \"digestTags\" is done as referrers: true, which has all that refers to an "
      "image\n"
      "f.yml:9:5: \"forceRecursive\" of sync is not honoured: dray verify --deep checks a copy\n"
      "f.yml:12:5: unknown key \"plattform\" of sync is left alone: did you mean \"platform\"?\n"
      "f.yml:13:5: \"backup\" of sync is not honoured: tags are replaced; --if-exists skip leaves "
      "them alone\n"
      "f.yml:6:13: the environment variable NONE is not set\n"
      "f.yml:10:11: \"tags\" has no meaning with type: image\n"
      "f.yml:11:16: \"platforms\" makes a smaller image (for one platform its own manifest, for "
      "several a new index): with --sparse the index stays as it is, as regsync leaves it\n");
  mirror_free(mirror);
}

#define SYNC(rest) "sync:\n  - {" rest "}\n"

static void says_what_is_wrong_and_where(void **state) {
  (void)state;
  static const struct refusal rows[] = {
      {"version: 2\nsync: []\n", "f.yml:1:10: version 2 is not known here, only 1 is"},
      {"version: x\nsync: []\n", "f.yml:1:10: a whole number"},
      {"sync: []\ncreds: {a: b}\n", "f.yml:2:8: a list is wanted here"},
      {"sync: [x]\n", "f.yml:1:8: a mapping"},
      {"sync: []\ndefaults: [x]\n", "f.yml:2:11: a mapping"},
      {"creds: [{user: x}]\n", "f.yml:1:9: \"\" is no registry"},
      {"creds: [{registry: r.lan, tls: on}]\n", "f.yml:1:32: enabled, insecure or disabled"},
      {"creds: [{registry: r.lan, reqPerSec: x}]\n", "f.yml:1:38: a number is wanted here"},
      {"creds: [{registry: r.lan, reqConcurrent: -1}]\n", "f.yml:1:42: a whole number"},
      {"creds: [{registry: r.lan, pass: '{{file \"/x\"}}'}]\n", "f.yml:1:33: /x: no such file"},
      {"creds: [{registry: r.lan, user: '{{.X}}'}]\n",
       "f.yml:1:33: a template that is not known here"},
      {SYNC("source: a, type: image"), "f.yml:2:5: \"target\" is missing"},
      {SYNC("source: a, target: r.lan/a"), "f.yml:2:5: \"type\" is missing"},
      {SYNC("source: a, target: r.lan/a, type: x"), "repository or image is wanted here"},
      {SYNC("source: a, target: r.lan, type: registry"),
       "f.yml:2:38: dray does not ask a registry"},
      {SYNC("source: 'a:1', target: r.lan/a, type: repository"),
       "f.yml:2:14: \"a:1\" is with a tag"},
      {SYNC("source: a, target: 'r.lan/a:1', type: repository"),
       "f.yml:2:25: \"r.lan/a:1\" is with"},
      {SYNC("source: 'ocidir://x', target: r.lan/a, type: image"), "f.yml:2:14: "},
      {SYNC("source: a, target: r.lan/a, type: repository, tags: x"), "f.yml:2:58: a mapping"},
      {SYNC("source: a, target: r.lan/a, type: repository, tags: {allow: ['(']}"),
       "f.yml:2:67: bad pattern \"/(/\""},
      {SYNC("source: a, target: r.lan/a, type: repository, tags: {semverRange: ['>=1, <2']}"),
       "f.yml:2:73: bad version constraint \">=1, <2\": character 4"},
      {SYNC("source: a, target: r.lan/a, type: repository, tagSets: {allow: x}"),
       "f.yml:2:61: a list is wanted"},
      {SYNC("source: a, target: r.lan/a, type: image, platform: arm"), "\"arm\" is no platform"},
      {SYNC("source: a, target: r.lan/a, type: image, referrers: 1"), "true or false is wanted"},
      {SYNC("source: '{{ file }}', target: r.lan/a, type: image"),
       "f.yml:2:14: a template that is not"},
  };
  check_refusals(rows, COUNT(rows), none);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_a_whole_file),
      cmocka_unit_test(registries_have_a_security),
      cmocka_unit_test(says_what_is_left_out),
      cmocka_unit_test(says_what_is_wrong_and_where),
  };
  return cmocka_run_group_tests(tests, NULL, end_runs);
}
