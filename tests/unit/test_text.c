#include "base/text.h"

#include "unit.h"

static void what_comes_from_outside_is_made_printable(void **state) {
  (void)state;
  static const struct {
    const char *in, *out;
  } cases[] = {
      {"plain text", "plain text"},
      {"a\nb\rc\td", "a b c d"},
      {"\x1b[31mred\x7f", "?[31mred?"},
      {"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"},
      {"\xc2\x9b[", "?["},                           /* C1's control sequence introducer */
      {"\xff\xfe", "??"},                            /* never UTF-8 */
      {"\xc0\xaf\xe0\x80\xaf", "?????"},             /* overlong */
      {"\xed\xa0\x80", "???"},                       /* a surrogate */
      {"\xf4\x90\x80\x80\xf5", "?????"},             /* beyond Unicode */
      {"\xc3z\xe2\x82z", "?z??z"},                   /* not continued */
      {"\xe2\x82", "??"},                            /* cut */
      {"a\xe2\x80\xaetxt.exe", "a?txt.exe"},         /* right-to-left override */
      {"\xe2\x81\xa6x\xe2\x81\xa9\xd8\x9c", "?x??"}, /* isolates, Arabic letter mark */
      {"x\xe2\x80\xa8y\xc2\x85z", "x y z"},          /* Unicode's line breaks */
      {"", ""},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    char out[64], same[64];
    text_printable(out, sizeof out, cases[i].in, strlen(cases[i].in));
    CHECK_STRING(out, cases[i].out, cases[i].in);
    memcpy(same, cases[i].in, strlen(cases[i].in) + 1);
    text_printable(same, sizeof same, same, strlen(same));
    CHECK_STRING(same, cases[i].out, "in place");
  }
  char out[8];
  text_printable(out, sizeof out, "a\0b", 3);
  assert_string_equal(out, "a?b");
}

static void a_cut_falls_between_characters(void **state) {
  (void)state;
  static const size_t wanted[] = {0, 1, 1, 1, 4, 5};
  for (size_t room = 1; room <= 6; room++) {
    char out[8] = "untouch";
    text_printable(out, room, "a\xe2\x82\xaczz", 6);
    CHECK(strlen(out) == wanted[room - 1], "\"%s\" in %zu bytes", out, room);
  }
  char out[] = "x";
  text_printable(out, 0, "abc", 3);
  assert_string_equal(out, "x");
}

static void suggests_what_was_probably_meant(void **state) {
  (void)state;
  static const char *const words[] = {"copy", "sync", "digest", "manifest", "--retries", NULL};
  static const struct {
    const char *word, *nearest;
  } cases[] = {
      {"copy", "copy"},
      {"cpoy", "copy"},
      {"coppy", "copy"},
      {"snyc", "sync"},
      {"dgst", "digest"},
      {"--retry", "--retries"},
      {"mainfset", "manifest"},
      {"cp", NULL},
      {"push", NULL},
      {"", NULL},
      {"x", NULL},
      {"--retries-and-more-of-it", NULL},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    const char *nearest = text_nearest(cases[i].word, words);
    CHECK_STRING(nearest ? nearest : "none", cases[i].nearest ? cases[i].nearest : "none",
                 cases[i].word);
  }
  char endless[5000];
  memset(endless, 'c', sizeof endless);
  endless[sizeof endless - 1] = '\0';
  assert_null(text_nearest(endless, words));
  assert_null(text_nearest("copy", (const char *const[]){endless, NULL}));
}

static void reads_sizes(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int64_t bytes; /* -1: no size */
  } cases[] = {
      {"0", 0},
      {"10", 10},
      {"10B", 10},
      {"512k", 512000},
      {"512K", 512000},
      {"1kB", 1000},
      {"4MiB", 4194304},
      {"4Mi", 4194304},
      {"2M", 2000000},
      {"1.5G", 1500000000},
      {"0.5KiB", 512},
      {"3GiB", 3221225472},
      {"1.000000001G", 1000000001},
      {"9223372036854775807", INT64_MAX},
      {"9223372036854775808", -1},
      {"8589934591GiB", 8589934591 << 30},
      {"8589934592GiB", -1},
      {"99999999999999999999k", -1},
      {"", -1},
      {"k", -1},
      {"-1", -1},
      {"+1", -1},
      {" 1", -1},
      {"1 ", -1},
      {"1 k", -1},
      {"1m", -1},
      {"1kk", -1},
      {"1i", -1},
      {"1.5", -1},
      {"1.", -1},
      {".5k", -1},
      {"1e3", -1},
      {"0x10", -1},
      {"4MiBs", -1},
      {"1.0000000001G", -1},
      {"1T", -1},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    int64_t bytes = -1;
    int status = text_size(cases[i].text, &bytes);
    CHECK(status == (cases[i].bytes < 0 ? -1 : 0) && bytes == cases[i].bytes,
          "\"%s\" is %lld bytes (%d)", cases[i].text, (long long)bytes, status);
  }
}

static void reads_durations(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int64_t ms; /* -1: no duration */
  } cases[] = {
      {"0", 0},
      {"500ms", 500},
      {"2s", 2000},
      {"5m", 300000},
      {"1h", 3600000},
      {"1h30m", 5400000},
      {"1m1s1ms", 61001},
      {"1.5s", 1500},
      {"0s", 0},
      {"9223372036854775807ms", INT64_MAX},
      {"9223372036854775807s", -1},
      {"9223372036854775807ms1ms", -1},
      {"", -1},
      {"5", -1},
      {"s", -1},
      {"-1s", -1},
      {"1d", -1},
      {"1h30", -1},
      {"1 s", -1},
      {"00", -1},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    int64_t ms = -1;
    int status = text_duration(cases[i].text, &ms);
    CHECK(status == (cases[i].ms < 0 ? -1 : 0) && ms == cases[i].ms, "\"%s\" is %lld ms (%d)",
          cases[i].text, (long long)ms, status);
  }
}

static void reads_numbers_within_bounds(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int64_t min, max, value;
    int status;
  } cases[] = {
      {"1", 1, 64, 1, 0},
      {"64", 1, 64, 64, 0},
      {"0", 1, 64, 0, -1},
      {"65", 1, 64, 0, -1},
      {"007", 0, 9, 7, 0},
      {"-3", -5, 5, -3, 0},
      {"-3", 0, 5, 0, -1},
      {"9223372036854775807", 0, INT64_MAX, INT64_MAX, 0},
      {"9223372036854775808", 0, INT64_MAX, 0, -1},
      {"-9223372036854775808", INT64_MIN, 0, INT64_MIN, 0},
      {"", 0, 9, 0, -1},
      {"-", -9, 9, 0, -1},
      {"+1", 0, 9, 0, -1},
      {" 1", 0, 9, 0, -1},
      {"1x", 0, 9, 0, -1},
      {"1.0", 0, 9, 0, -1},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    int64_t value = 0;
    int status = text_number(cases[i].text, cases[i].min, cases[i].max, &value);
    CHECK(status == cases[i].status && value == cases[i].value, "\"%s\" is %lld (%d)",
          cases[i].text, (long long)value, status);
  }
}

static void writes_sizes_for_people(void **state) {
  (void)state;
  static const struct {
    uint64_t bytes;
    const char *text;
  } cases[] = {
      {0, "0 B"},
      {1023, "1023 B"},
      {1024, "1.0 KiB"},
      {1536, "1.5 KiB"},
      {1048524, "1023.9 KiB"},
      {1048575, "1.0 MiB"},
      {64 << 20, "64.0 MiB"},
      {(uint64_t)5 << 40, "5.0 TiB"},
      {UINT64_MAX, "16.0 EiB"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    char text[64];
    assert_string_equal(text_bytes(text, cases[i].bytes), cases[i].text);
  }
}

static void compares_beginnings_ends_and_without_case(void **state) {
  (void)state;
  assert_true(text_starts("docker://x", "docker://"));
  assert_true(text_starts("x", ""));
  assert_false(text_starts("dock", "docker"));
  assert_true(text_ends("a.json", ".json"));
  assert_true(text_ends("x", ""));
  assert_false(text_ends("json", ".json"));
  assert_true(text_same("Bearer", "bEARER"));
  assert_true(text_same("", ""));
  assert_false(text_same("a", "ab"));
  assert_false(text_same("[", "{")); /* 32 apart, but no letters */
}

static void globs_match_the_whole_text(void **state) {
  (void)state;
  static const struct {
    const char *pattern, *text;
    bool matches;
  } cases[] = {
      {"v1.*", "v1.2", true},
      {"v1.*", "v1.", true},
      {"v1.*", "v1", false},
      {"*", "", true},
      {"", "", true},
      {"", "a", false},
      {"?", "", false},
      {"?", "a", true},
      {"?", "\xc3\xa9", true},
      {"??", "\xc3\xa9", false},
      {"a*b*c", "axxbyybzc", true},
      {"a*b*c", "axxbyybz", false},
      {"*.*", "a.b.c", true},
      {"**a", "ba", true},
      {"*ab", "aab", true},
      {"a[b]", "ab", false},
      {"a[b]", "a[b]", true},
      {"A", "a", false},
      {"*-debug", "v1-debug", true},
      {"*-debug", "v1-debug2", false},
  };
  for (size_t i = 0; i < COUNT(cases); i++)
    CHECK(text_glob(cases[i].pattern, cases[i].text) == cases[i].matches, "%s on %s",
          cases[i].pattern, cases[i].text);
}

static void hostile_globs_end_soon(void **state) {
  (void)state;
  char text[4001];
  memset(text, 'a', 4000);
  text[4000] = '\0';
  assert_false(text_glob("*a*a*a*a*a*a*a*a*a*a*a*a*b", text));
}

static void base64_goes_both_ways(void **state) {
  (void)state;
  static const struct {
    const char *plain, *coded;
  } cases[] = {
      {"", ""},        {"f", "Zg=="},        {"fo", "Zm8="},
      {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"user:p\xc3\xa4ss\xff\xfe", "dXNlcjpww6Rzc//+"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    size_t len;
    char *coded = text_base64(cases[i].plain, strlen(cases[i].plain));
    CHECK_STRING(coded, cases[i].coded, cases[i].plain);
    coded[strcspn(coded, "=")] = '\0';
    for (int padded = 0; padded < 2; padded++) {
      char *plain = text_unbase64(padded ? cases[i].coded : coded, &len);
      CHECK(plain, "%s is base64", cases[i].coded);
      CHECK_STRING(plain, cases[i].plain, cases[i].coded);
      assert_int_equal(len, strlen(cases[i].plain));
      free(plain);
    }
    free(coded);
  }
  static const char *const wrong[] = {
      "Z", "Zg=", "Zg===", "====", "Z===", "Zm9v Zm9v", "Zm-_", "Zg==Zg==", "=", "Zm\xc3\xa9"};
  for (size_t i = 0; i < COUNT(wrong); i++) {
    size_t len;
    CHECK(!text_unbase64(wrong[i], &len), "\"%s\" is no base64", wrong[i]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_comes_from_outside_is_made_printable),
      cmocka_unit_test(a_cut_falls_between_characters),
      cmocka_unit_test(suggests_what_was_probably_meant),
      cmocka_unit_test(reads_sizes),
      cmocka_unit_test(reads_durations),
      cmocka_unit_test(reads_numbers_within_bounds),
      cmocka_unit_test(writes_sizes_for_people),
      cmocka_unit_test(compares_beginnings_ends_and_without_case),
      cmocka_unit_test(globs_match_the_whole_text),
      cmocka_unit_test(hostile_globs_end_soon),
      cmocka_unit_test(base64_goes_both_ways),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
