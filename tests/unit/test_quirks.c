#include "transfer/quirks.h"

#include "unit.h"

#define KIB ((uint64_t)1024)
#define MIB (KIB * 1024)
#define GIB (MIB * 1024)

static const char usual[] = "registry.example", ghcr[] = "ghcr.io", gcr[] = "gcr.io",
                  ecr[] = "1.dkr.ecr.eu-west-1.amazonaws.com", acr[] = "x.azurecr.io";

/* -- which way -- */

static void each_registry_has_its_way(void **state) {
  (void)state;
  static const struct {
    const char *host;
    uint64_t size;
    enum upload_kind kind;
    uint64_t chunk;
    int64_t chunk_option;
    uint64_t chunk_min;
    uint64_t share;
    bool by_share, begun;
    struct quirks quirks;
  } cases[] = {
      {usual, 1, .kind = UPLOAD_WHOLE},
      {usual, 16 * MIB, .kind = UPLOAD_WHOLE},
      {usual, 16 * MIB + 1, .kind = UPLOAD_CHUNKS, .chunk = 32 * MIB},
      {usual, 20 * GIB, .kind = UPLOAD_CHUNKS, .chunk = 32 * MIB},
      {ghcr, 20 * MIB, .kind = UPLOAD_CHUNKS, .chunk = 4 * MIB},
      {ecr, 10 * MIB, .kind = UPLOAD_WHOLE},
      {ecr, 11 * MIB, .kind = UPLOAD_CHUNKS, .chunk = 10 * MIB},
      {acr, 17 * MIB, .kind = UPLOAD_CHUNKS, .chunk = 16 * MIB},
      {gcr, 20 * GIB, .kind = UPLOAD_WHOLE},
      /* --chunk-size: every PATCH then has a range, within what the registry takes */
      {usual, 1, .kind = UPLOAD_CHUNKS, .chunk = MIB, .chunk_option = MIB},
      {usual, 40 * MIB, .kind = UPLOAD_CHUNKS, .chunk = MIB, .chunk_option = MIB},
      {gcr, 40 * MIB, .kind = UPLOAD_CHUNKS, .chunk = MIB, .chunk_option = MIB},
      {ghcr, 40 * MIB, .kind = UPLOAD_CHUNKS, .chunk = 4 * MIB, .chunk_option = 32 * MIB},
      {ecr, 40 * MIB, .kind = UPLOAD_CHUNKS, .chunk = 5 * MIB, .chunk_option = MIB},
      /* OCI-Chunk-Min-Length wins */
      {usual, 40 * MIB, .kind = UPLOAD_CHUNKS, .chunk = 8 * MIB, .chunk_option = MIB,
       .chunk_min = 8 * MIB},
      {usual, GIB, .kind = UPLOAD_CHUNKS, .chunk = 64 * MIB, .chunk_min = 64 * MIB},
      /* what was refused before */
      {usual, MIB, .kind = UPLOAD_CHUNKS, .chunk = 32 * MIB, .quirks.no_whole = true},
      {usual, GIB, .kind = UPLOAD_WHOLE, .quirks.no_patch = true},
      {usual, GIB, .kind = UPLOAD_WHOLE, .chunk_option = MIB, .quirks.no_patch = true},
      {usual, GIB, .kind = UPLOAD_PATCH, .quirks.no_range = true},
      {usual, MIB, .kind = UPLOAD_WHOLE, .quirks.no_range = true},
      {usual, MIB, .kind = UPLOAD_PATCH, .quirks = {.no_whole = true, .no_range = true}},
      {usual, GIB, .kind = UPLOAD_CHUNKS, .chunk = 8 * MIB, .quirks.body_max = 8 * MIB},
      {usual, 10 * MIB, .kind = UPLOAD_CHUNKS, .chunk = 8 * MIB, .quirks.body_max = 8 * MIB},
      {usual, 8 * MIB, .kind = UPLOAD_WHOLE, .quirks.body_max = 8 * MIB},
      {gcr, GIB, .kind = UPLOAD_CHUNKS, .chunk = 100 * MIB, .quirks.body_max = 100 * MIB},
      /* many go at once */
      {usual, 2 * MIB, .kind = UPLOAD_WHOLE, .share = 2 * MIB},
      {usual, 2 * MIB + 1, .kind = UPLOAD_CHUNKS, .chunk = 32 * MIB, .share = 2 * MIB},
      {usual, 3 * MIB, .kind = UPLOAD_CHUNKS, .chunk = 2 * MIB, .share = 2 * MIB, .by_share = true},
      {usual, 16 * MIB, .kind = UPLOAD_WHOLE, .share = 32 * MIB, .by_share = true},
      {usual, GIB, .kind = UPLOAD_CHUNKS, .chunk = 32 * MIB, .share = 32 * MIB, .by_share = true},
      {ghcr, GIB, .kind = UPLOAD_CHUNKS, .chunk = 4 * MIB, .share = 5 * MIB, .by_share = true},
      {ecr, GIB, .kind = UPLOAD_CHUNKS, .chunk = 5 * MIB, .share = 2 * MIB, .by_share = true},
      {gcr, GIB, .kind = UPLOAD_WHOLE, .share = 2 * MIB, .by_share = true},
      {usual, GIB, .kind = UPLOAD_CHUNKS, .chunk = 8 * MIB, .chunk_min = 8 * MIB, .share = 2 * MIB,
       .by_share = true},
      {usual, GIB, .kind = UPLOAD_CHUNKS, .chunk = MIB, .share = 2 * MIB, .by_share = true,
       .quirks.body_max = MIB},
      {usual, GIB, .kind = UPLOAD_CHUNKS, .chunk = GIB, .chunk_option = GIB, .share = 2 * MIB,
       .by_share = true},
      /* what has a part already gets the rest */
      {usual, MIB, .kind = UPLOAD_CHUNKS, .chunk = 32 * MIB, .begun = true},
      {usual, MIB, .kind = UPLOAD_WHOLE, .begun = true, .quirks.no_patch = true},
      /* nothing to cut, nothing to choose */
      {usual, 0, .kind = UPLOAD_WHOLE},
      {usual, 0, .kind = UPLOAD_WHOLE, .chunk_option = MIB, .chunk_min = MIB},
      {usual, 0, .kind = UPLOAD_WHOLE, .quirks = {.no_whole = true, .body_max = MIB}},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct upload_terms terms = {.profile = oci_profile(cases[i].host),
                                 .chunk_option = cases[i].chunk_option,
                                 .chunk_min = cases[i].chunk_min,
                                 .size = cases[i].size,
                                 .share = cases[i].share,
                                 .by_share = cases[i].by_share,
                                 .begun = cases[i].begun};
    struct upload_way way = quirks_choose(&cases[i].quirks, &terms);
    CHECK(way.kind == cases[i].kind && (way.kind != UPLOAD_CHUNKS || way.chunk == cases[i].chunk),
          "case %zu, %s: %d in %llu", i, cases[i].host, way.kind, (unsigned long long)way.chunk);
  }
}

/* -- how much at once -- */

static void a_request_carries_the_less_the_more_are_under_way(void **state) {
  (void)state;
  static const struct {
    unsigned blobs;
    uint64_t each;
    int jobs;
    uint64_t share;
  } rows[] = {
      {1, GIB, 16, 32 * MIB},       {2, 16 * MIB, 16, 32 * MIB}, {32, MIB, 16, 32 * MIB},
      {2, 17 * MIB, 16, 16 * MIB},  {3, 40 * MIB, 16, 10 * MIB}, {8, 40 * MIB, 16, 4 * MIB},
      {16, 14 * MIB, 16, 2 * MIB},  {33, MIB, 16, 2 * MIB},      {200, 64 * MIB, 256, 2 * MIB},
      {200, 40 * MIB, 1, 32 * MIB}, {200, 40 * MIB, 4, 8 * MIB}, {6, GIB, 16, 5 * MIB},
      {16, GIB, 16, 2 * MIB},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct quirks quirks = {0};
    for (unsigned n = 0; n < rows[i].blobs; n++)
      quirks_join(&quirks, rows[i].each);
    uint64_t share = quirks_share(&quirks, rows[i].jobs);
    CHECK(share == rows[i].share, "row %zu: %llu", i, (unsigned long long)share);
    for (unsigned n = 1; n < rows[i].blobs; n++)
      quirks_leave(&quirks, rows[i].each);
    assert_int_equal(quirks_share(&quirks, rows[i].jobs), 32 * MIB);
  }
}

/* -- what answers teach -- */

static uint64_t body_of(const struct upload_terms *blob, struct upload_way way) {
  return way.kind == UPLOAD_CHUNKS && way.chunk < blob->size ? way.chunk : blob->size;
}

/* The first body of the blob, sent as chosen, is answered so. */
static bool refuse(struct quirks *quirks, const struct upload_terms *blob, int status) {
  struct upload_way way = quirks_choose(quirks, blob);
  return quirks_refused(quirks, blob, way, body_of(blob, way), status);
}

static void a_refused_kind_of_request_gives_way_to_the_other_once(void **state) {
  (void)state;
  static const int statuses[] = {404, 405, 501};
  for (size_t i = 0; i < COUNT(statuses); i++) {
    struct quirks quirks = {0};
    struct upload_terms small = {oci_profile(usual), .size = MIB},
                        large = {oci_profile(usual), .size = GIB};
    assert_int_equal(quirks_choose(&quirks, &small).kind, UPLOAD_WHOLE);
    assert_true(refuse(&quirks, &small, statuses[i]));
    assert_int_equal(quirks_choose(&quirks, &small).kind, UPLOAD_CHUNKS);
    assert_false(refuse(&quirks, &small, statuses[i]));

    quirks = (struct quirks){0};
    assert_int_equal(quirks_choose(&quirks, &large).kind, UPLOAD_CHUNKS);
    assert_true(refuse(&quirks, &large, statuses[i]));
    assert_int_equal(quirks_choose(&quirks, &large).kind, UPLOAD_WHOLE);
    assert_false(refuse(&quirks, &large, statuses[i]));
  }
}

static void a_refused_range_gives_way_to_one_patch_without(void **state) {
  (void)state;
  struct quirks quirks = {0};
  struct upload_terms blob = {oci_profile(ghcr), .size = 40 * MIB};
  assert_int_equal(quirks_choose(&quirks, &blob).chunk, 4 * MIB);
  assert_true(refuse(&quirks, &blob, 416));
  assert_int_equal(quirks_choose(&quirks, &blob).kind, UPLOAD_PATCH);
}

static void bodies_that_are_too_large_are_halved_down_to_a_mebibyte(void **state) {
  (void)state;
  struct quirks quirks = {0};
  struct upload_terms blob = {oci_profile(usual), .size = 10 * MIB};
  static const uint64_t chunks[] = {5 * MIB, 5 * MIB / 2, 5 * MIB / 4, MIB};
  for (size_t i = 0; i < COUNT(chunks); i++) {
    assert_true(refuse(&quirks, &blob, 413));
    assert_int_equal(quirks_choose(&quirks, &blob).kind, UPLOAD_CHUNKS);
    assert_int_equal(quirks_choose(&quirks, &blob).chunk, chunks[i]);
  }
  assert_false(refuse(&quirks, &blob, 413));
}

static void a_limit_holds_for_all_blobs_of_the_host(void **state) {
  (void)state;
  struct quirks quirks = {0};
  struct upload_terms first = {oci_profile(usual), .size = 16 * MIB},
                      second = {oci_profile(usual), .size = GIB},
                      third = {oci_profile(usual), .size = 8 * MIB};
  assert_true(refuse(&quirks, &first, 413));
  assert_int_equal(quirks_choose(&quirks, &second).chunk, 8 * MIB);
  assert_int_equal(quirks_choose(&quirks, &third).kind, UPLOAD_WHOLE);
}

static void a_small_body_that_is_too_large_teaches_no_limit(void **state) {
  (void)state;
  struct quirks quirks = {0};
  struct upload_terms blob = {oci_profile(usual), .size = MIB};
  assert_false(refuse(&quirks, &blob, 413)); /* full, or a quota: cutting it up won't help */
  assert_int_equal(quirks.body_max, 0);
}

static void other_answers_teach_nothing(void **state) {
  (void)state;
  static const int statuses[] = {0, 200, 201, 400, 401, 403, 409, 411, 429, 499, 500, 502, 503};
  struct upload_terms blob = {oci_profile(usual), .size = GIB};
  for (size_t i = 0; i < COUNT(statuses); i++) {
    struct quirks quirks = {0};
    CHECK(!refuse(&quirks, &blob, statuses[i]), "%d", statuses[i]);
    CHECK(!quirks.no_whole && !quirks.no_patch && !quirks.no_range && !quirks.body_max, "%d",
          statuses[i]);
  }
}

static void an_empty_blob_teaches_nothing(void **state) {
  (void)state;
  static const int statuses[] = {404, 405, 413, 416, 501};
  struct upload_terms empty = {oci_profile(usual), .size = 0},
                      other = {oci_profile(usual), .size = MIB};
  for (size_t i = 0; i < COUNT(statuses); i++) {
    struct quirks quirks = {0};
    CHECK(!refuse(&quirks, &empty, statuses[i]), "%d", statuses[i]);
    CHECK(quirks_choose(&quirks, &other).kind == UPLOAD_WHOLE, "%d", statuses[i]);
  }
}

static void what_another_blob_has_met_meanwhile_need_not_be_learnt_again(void **state) {
  (void)state;
  struct quirks quirks = {0};
  struct upload_terms blob = {oci_profile(usual), .size = GIB};
  struct upload_way sent = quirks_choose(&quirks, &blob);
  assert_true(refuse(&quirks, &blob, 405)); /* the same way, by another */
  assert_true(quirks_refused(&quirks, &blob, sent, sent.chunk, 405));
  assert_int_equal(quirks_choose(&quirks, &blob).kind, UPLOAD_WHOLE);
}

/* -- refusals end: all that a registry can answer, again and again -- */

static const char *const hosts[] = {usual, ghcr, ecr, "public.ecr.aws", gcr, "quay.io", acr};
static const int64_t options[] = {0, 1, 512 * 1024, 4 << 20, 100 << 20};
static const uint64_t minimums[] = {0, 64 * KIB, 8 * MIB, 64 * MIB};
static const uint64_t sizes[] = {0,        1,   1000,    MIB, 3 * MIB, 16 * MIB, 16 * MIB + 1,
                                 40 * MIB, GIB, 20 * GIB};
static const int refusals[] = {404, 413, 416}; /* 405 and 501 are as 404 */

static void each_blob(void (*check)(const struct upload_terms *)) {
  for (size_t h = 0; h < COUNT(hosts); h++)
    for (size_t o = 0; o < COUNT(options); o++)
      for (size_t m = 0; m < COUNT(minimums); m++)
        for (size_t s = 0; s < COUNT(sizes); s++)
          check(&(struct upload_terms){.profile = oci_profile(hosts[h]),
                                       .chunk_option = options[o],
                                       .chunk_min = minimums[m],
                                       .size = sizes[s],
                                       .share = s % 2 ? 2 * MIB : 32 * MIB,
                                       .by_share = h % 2});
}

enum { MOST = 40 /* ways that any registry is asked for one blob */ };

static void walk(struct quirks quirks, const struct upload_terms *blob, int depth) {
  CHECK(depth < MOST, "size %llu, chunks of %lld, at least %llu: no end of it",
        (unsigned long long)blob->size, (long long)blob->chunk_option,
        (unsigned long long)blob->chunk_min);
  for (size_t i = 0; i < COUNT(refusals); i++) {
    struct quirks then = quirks;
    if (refuse(&then, blob, refusals[i]))
      walk(then, blob, depth + 1);
  }
}

static void check_end(const struct upload_terms *blob) { walk((struct quirks){0}, blob, 0); }

static void whatever_is_answered_the_ways_come_to_an_end(void **state) {
  (void)state;
  each_blob(check_end);
}

static void walk_on(struct quirks quirks, const struct upload_terms *blob, int depth) {
  for (size_t i = 0; i < COUNT(refusals) && depth < MOST; i++) {
    struct quirks then = quirks;
    struct upload_way way = quirks_choose(&quirks, blob);
    if (!refuse(&then, blob, refusals[i]))
      continue;
    struct upload_way next = quirks_choose(&then, blob);
    CHECK(next.kind != way.kind || body_of(blob, next) < body_of(blob, way),
          "size %llu, chunks of %lld, at least %llu: %d after way %d of %llu, which is no other",
          (unsigned long long)blob->size, (long long)blob->chunk_option,
          (unsigned long long)blob->chunk_min, refusals[i], way.kind,
          (unsigned long long)way.chunk);
    walk_on(then, blob, depth + 1);
  }
}

static void check_other(const struct upload_terms *blob) { walk_on((struct quirks){0}, blob, 0); }

static void another_way_is_never_the_one_that_was_refused(void **state) {
  (void)state;
  each_blob(check_other);
}

/* Several blobs at once: what one learns is there before the answer to the other. */
static void blobs_that_learn_from_each_other_come_to_an_end_too(void **state) {
  (void)state;
  srand(1);
  for (int round = 0; round < 3000; round++) {
    struct quirks quirks = {0};
    struct upload_terms blobs[4];
    struct upload_way sent[4];
    bool over[4] = {false};
    const struct oci_profile *profile = oci_profile(hosts[(size_t)rand() % COUNT(hosts)]);
    int64_t option = options[(size_t)rand() % COUNT(options)];
    for (size_t i = 0; i < COUNT(blobs); i++) {
      blobs[i] = (struct upload_terms){.profile = profile,
                                       .chunk_option = option,
                                       .chunk_min = minimums[(size_t)rand() % COUNT(minimums)],
                                       .size = sizes[(size_t)rand() % COUNT(sizes)],
                                       .share = (uint64_t)(2 + rand() % 31) * MIB,
                                       .by_share = rand() % 2};
      sent[i] = quirks_choose(&quirks, &blobs[i]);
    }
    int steps = 0, left = COUNT(blobs);
    for (; left; steps++) {
      size_t i = (size_t)rand() % COUNT(blobs);
      if (over[i])
        continue;
      over[i] = !quirks_refused(&quirks, &blobs[i], sent[i], body_of(&blobs[i], sent[i]),
                                refusals[rand() % 3]);
      left -= over[i];
      sent[i] = quirks_choose(&quirks, &blobs[i]);
      CHECK(steps < 4 * 4 * MOST, "round %d: no end of it", round);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_registry_has_its_way),
      cmocka_unit_test(a_request_carries_the_less_the_more_are_under_way),
      cmocka_unit_test(a_refused_kind_of_request_gives_way_to_the_other_once),
      cmocka_unit_test(a_refused_range_gives_way_to_one_patch_without),
      cmocka_unit_test(bodies_that_are_too_large_are_halved_down_to_a_mebibyte),
      cmocka_unit_test(a_limit_holds_for_all_blobs_of_the_host),
      cmocka_unit_test(a_small_body_that_is_too_large_teaches_no_limit),
      cmocka_unit_test(other_answers_teach_nothing),
      cmocka_unit_test(an_empty_blob_teaches_nothing),
      cmocka_unit_test(what_another_blob_has_met_meanwhile_need_not_be_learnt_again),
      cmocka_unit_test(whatever_is_answered_the_ways_come_to_an_end),
      cmocka_unit_test(another_way_is_never_the_one_that_was_refused),
      cmocka_unit_test(blobs_that_learn_from_each_other_come_to_an_end_too),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
