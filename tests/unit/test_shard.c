#include "sync/shard.h"

#include <stdio.h>

#include "base/buf.h"
#include "unit.h"

/* -- which part -- */

/* An environment: "NAME=VALUE" texts, NULL at the end. */
static const char *get(void *arg, const char *name) {
  size_t len = strlen(name);
  for (const char *const *at = arg; *at; at++)
    if (strncmp(*at, name, len) == 0 && (*at)[len] == '=')
      return *at + len + 1;
  return NULL;
}

static void reads_parts(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int shards;
    const char *env[3];
    int index, count; /* 0: an error */
    const char *message;
  } rows[] = {
      {"1/1", 0, {NULL}, 1, 1, NULL},
      {"2/5", 0, {"CI_NODE_INDEX=1", "CI_NODE_TOTAL=3"}, 2, 5, NULL},
      {"10000/10000", 0, {NULL}, 10000, 10000, NULL},
      {"0/5", 0, {NULL}, 0, 0, "\"0/5\" is no part: I/N is wanted"},
      {"6/5", 0, {NULL}, 0, 0, "is no part"},
      {"1/10001", 0, {NULL}, 0, 0, "is no part"},
      {"1/0", 0, {NULL}, 0, 0, "is no part"},
      {"1", 0, {NULL}, 0, 0, "is no part"},
      {"/2", 0, {NULL}, 0, 0, "is no part"},
      {"1/2/3", 0, {NULL}, 0, 0, "is no part"},
      {"-1/2", 0, {NULL}, 0, 0, "is no part"},
      {"", 0, {NULL}, 0, 0, "is no part"},
      {"auto", 0, {"CI_NODE_INDEX=3", "CI_NODE_TOTAL=4"}, 3, 4, NULL},
      {"auto", 7, {"CI_NODE_INDEX=3", "CI_NODE_TOTAL=4"}, 3, 4, NULL},
      {"auto", 0, {"CI_NODE_TOTAL=1"}, 1, 1, NULL}, /* GitLab, no parallel: in the job */
      {"auto", 4, {"JOB_COMPLETION_INDEX=0"}, 1, 4, NULL},
      {"auto", 4, {"JOB_COMPLETION_INDEX=3", "CI_NODE_TOTAL=1"}, 4, 4, NULL},
      {"auto", 4, {"JOB_COMPLETION_INDEX=4"}, 0, 0, "JOB_COMPLETION_INDEX is not set, or not a"},
      {"auto", 0, {"JOB_COMPLETION_INDEX=0"}, 0, 0, "wants --shards N"},
      {"auto", 0, {"CI_NODE_INDEX=1"}, 0, 0, "CI_NODE_TOTAL is not set, or not a number"},
      {"auto", 0, {"CI_NODE_INDEX=5", "CI_NODE_TOTAL=4"}, 0, 0, "CI_NODE_INDEX is not set, or"},
      {"auto", 0, {"CI_NODE_INDEX=0", "CI_NODE_TOTAL=4"}, 0, 0, "CI_NODE_INDEX is not set, or"},
      {"auto", 0, {"CI_NODE_TOTAL=4"}, 0, 0, "neither CI_NODE_INDEX and CI_NODE_TOTAL nor"},
      {"auto", 4, {NULL}, 0, 0, "neither CI_NODE_INDEX and CI_NODE_TOTAL nor"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct env env = {.get = get, .arg = (void *)(uintptr_t)rows[i].env};
    struct shard shard = {0};
    struct err err = {0};
    int rc = shard_parse(rows[i].text, rows[i].shards, &env, &shard, &err);
    CHECK((rc == 0) == (rows[i].message == NULL), "row %zu: %s", i, err.message);
    CHECK(shard.index == rows[i].index && shard.count == rows[i].count, "row %zu: %d/%d", i,
          shard.index, shard.count);
    CHECK(rc == 0 || strstr(err.message, rows[i].message), "row %zu: %s", i, err.message);
  }
}

/* -- who is in it -- */

static struct mirror *parse(const char *text) {
  struct mirror *mirror;
  struct err err = {0};
  CHECK(mirror_parse("m.yaml", text, strlen(text), NULL, &mirror, &err) == 0, "%s", err.message);
  return mirror;
}

/* The part of a repository; it has to be in one, and in no other. */
static int part_of(const struct shard_plan *plan, const char *name, int count) {
  struct oci_ref ref;
  int part = 0;
  assert_int_equal(oci_ref_parse(name, &ref, NULL), 0);
  for (int i = 1; i <= count; i++)
    if (shard_plan_has(plan, &(struct shard){i, count}, &ref.repo)) {
      CHECK(part == 0, "%s is in %d and %d of %d", name, part, i, count);
      part = i;
    }
  CHECK(part > 0, "%s is in none of %d", name, count);
  oci_ref_free(&ref);
  return part;
}

/* If these change, machines of different versions leave images out. */
static void parts_are_the_same_for_ever(void **state) {
  (void)state;
  static const int counts[] = {1, 2, 3, 7, 10, 10000};
  static const struct {
    const char *source;
    int parts[COUNT(counts)];
  } rows[] = {
      {"q.io/a", {1, 1, 3, 2, 9, 5759}},
      {"q.io/b", {1, 1, 2, 5, 1, 4091}},
      {"nginx", {1, 2, 1, 2, 4, 6274}},
      {"Registry.LAN:5000/x/y", {1, 1, 3, 1, 9, 5589}},
  };
  struct mirror *mirror = parse("version: 1\nmirrors:\n"
                                "  - {from: q.io/a, to: r.lan/}\n"
                                "  - {from: 'q.io/b:1', to: r.lan/}\n"
                                "  - {from: [nginx, 'REGISTRY.lan:5000/x/y'], to: r.lan/}\n");
  struct shard_plan *plan = shard_plan_new(mirror);
  for (size_t i = 0; i < COUNT(rows); i++)
    for (size_t c = 0; c < COUNT(counts); c++)
      assert_int_equal(part_of(plan, rows[i].source, counts[c]), rows[i].parts[c]);
  shard_plan_free(plan);
  mirror_free(mirror);
}

static void a_target_repository_is_in_one_part(void **state) {
  (void)state;
  struct mirror *mirror = parse("version: 1\nmirrors:\n"
                                "  - {from: q.io/c, to: [r.lan/x, s.lan/y]}\n"
                                "  - {from: 'q.io/b:1', to: S.lan/y}\n"
                                "  - {from: q.io/d, to: r.lan/x}\n"
                                "  - {from: q.io/a, to: t.lan/z}\n"
                                "  - {from: 'q.io/d:1', to: t.lan/z}\n"
                                "  - {from: q.io/e, to: s.lan/x}\n"
                                "  - {from: r.lan/x, to: u.lan/x}\n");
  struct shard_plan *plan = shard_plan_new(mirror);
  int part = part_of(plan, "q.io/a", 10000);
  assert_int_equal(part, 5759); /* a is the least of them */
  assert_int_equal(part_of(plan, "q.io/b", 10000), part);
  assert_int_equal(part_of(plan, "q.io/c", 10000), part);
  assert_int_equal(part_of(plan, "q.io/d", 10000), part);
  assert_int_not_equal(part_of(plan, "q.io/e", 10000), part);
  assert_int_not_equal(part_of(plan, "r.lan/x", 10000), part); /* as a source it is another thing */
  shard_plan_free(plan);
  mirror_free(mirror);
}

static void add_rule(struct buf *text, int i) {
  buf_addf(text, "  - {from: q%d.io/app/%d, to: r.lan/%d/}\n", i % 7, i, i % 3);
}

static void new_rules_move_nothing_and_parts_are_even(void **state) {
  (void)state;
  enum { OLD = 1000, ALL = 1500, PARTS = 10 };
  struct buf old, all;
  int sizes[PARTS + 1] = {0};
  buf_init(&old, SIZE_MAX);
  buf_init(&all, SIZE_MAX);
  buf_adds(&old, "version: 1\nmirrors:\n");
  buf_adds(&all, "version: 1\nmirrors:\n");
  for (int i = ALL - 1; i >= 0; i--) /* the new ones in front */
    add_rule(&all, i);
  for (int i = 0; i < OLD; i++)
    add_rule(&old, i);
  struct mirror *before = parse(old.data), *after = parse(all.data);
  struct shard_plan *plan = shard_plan_new(before), *grown = shard_plan_new(after);
  for (int i = 0; i < OLD; i++) {
    char name[50];
    snprintf(name, sizeof name, "q%d.io/app/%d", i % 7, i);
    int part = part_of(plan, name, PARTS);
    assert_int_equal(part_of(grown, name, PARTS), part);
    sizes[part]++;
  }
  for (int i = 1; i <= PARTS; i++)
    CHECK(sizes[i] > 60 && sizes[i] < 140, "part %d has %d of %d", i, sizes[i], OLD);
  shard_plan_free(plan);
  shard_plan_free(grown);
  mirror_free(before);
  mirror_free(after);
  buf_free(&old);
  buf_free(&all);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_parts),
      cmocka_unit_test(parts_are_the_same_for_ever),
      cmocka_unit_test(a_target_repository_is_in_one_part),
      cmocka_unit_test(new_rules_move_nothing_and_parts_are_even),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
