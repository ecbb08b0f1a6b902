#include "sync/lock.h"

#include <stdio.h>

#include "base/buf.h"
#include "unit.h"

#define A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define HEADING "# dray lock 1: TARGET SOURCE DIGEST\n"

static void put(struct lock *lock, const char *target, const char *source, const char *digest) {
  struct oci_ref to, from;
  struct oci_digest parsed;
  assert_int_equal(oci_ref_parse(target, &to, NULL), 0);
  assert_int_equal(oci_ref_parse(source, &from, NULL), 0);
  assert_int_equal(oci_digest_parse(digest, strlen(digest), &parsed, NULL), 0);
  lock_put(lock, &to, &from, &parsed);
  oci_ref_free(&to);
  oci_ref_free(&from);
}

static struct lock *parse(const char *text) {
  struct lock *lock;
  struct err err = {0};
  CHECK(lock_parse("x.lock", text, strlen(text), &lock, &err) == 0, "%s", err.message);
  return lock;
}

static const struct lock_entry *find(const struct lock *lock, const char *target) {
  struct oci_ref ref;
  assert_int_equal(oci_ref_parse(target, &ref, NULL), 0);
  const struct lock_entry *entry = lock_find(lock, &ref);
  oci_ref_free(&ref);
  return entry;
}

static void is_written_sorted_and_read_again(void **state) {
  (void)state;
  static const char text[] = HEADING "r.lan/a:1 q.io/a:1 " A "\n"
                                     "r.lan/a:10 q.io/a:10 " B "\n"
                                     "r.lan/a:2 q.io/a:2 " A "\n"
                                     "r.lan/b@" B " q.io/b@" B " " B "\n";
  struct lock *lock = lock_new();
  put(lock, "r.lan/b@" B, "q.io/b@" B, B);
  put(lock, "r.lan/a:10", "q.io/a:10", A);
  put(lock, "r.lan/a:2", "q.io/a:2", A);
  put(lock, "r.lan/a:1", "q.io/a:1", A);
  put(lock, "r.lan/a:10", "q.io/a:10", B); /* takes the place of the other */
  char *written = lock_format(lock);
  assert_string_equal(written, text);
  lock_free(lock);

  lock = parse(written);
  free(written);
  assert_int_equal(lock_count(lock), 4);
  assert_string_equal(find(lock, "r.lan/a:10")->source, "q.io/a:10");
  assert_string_equal(find(lock, "r.lan/a:10")->digest, B);
  assert_null(find(lock, "r.lan/a:3"));
  const struct lock_entry *entry;
  size_t seen = 0;
  for (size_t i = 0; (entry = lock_next(lock, &i));)
    seen += strcmp(find(lock, entry->target)->target, entry->target) == 0;
  assert_int_equal(seen, 4);
  written = lock_format(lock);
  assert_string_equal(written, text);
  free(written);
  lock_free(lock);
}

static void an_empty_one_has_a_heading(void **state) {
  (void)state;
  struct lock *lock = parse("");
  char *written = lock_format(lock);
  assert_string_equal(written, HEADING);
  free(written);
  lock_free(lock);
}

static void takes_what_people_and_merges_leave(void **state) {
  (void)state;
  struct lock *lock = parse("# dray lock 1: TARGET SOURCE DIGEST\r\n"
                            "\r\n"
                            "# pinned until May\r\n"
                            "  r.lan/b:1\tnginx:1   " A " \r\n"
                            "r.lan/a:1 q.io/a:1 " B);
  assert_int_equal(lock_count(lock), 2);
  assert_string_equal(find(lock, "r.lan/b:1")->source, "docker.io/library/nginx:1");
  assert_string_equal(find(lock, "r.lan/a:1")->digest, B);
  lock_free(lock);
}

static void says_what_is_wrong_and_where(void **state) {
  (void)state;
  static const struct {
    const char *text, *message;
  } rows[] = {
      {"version: 1\n", "x.lock:1: no lock file: the first line would be \"# dray lock 1: TARGET"},
      {"\n" HEADING, "x.lock:1: no lock file"},
      {"# dray lock 2: TARGET\n", "x.lock:1: a lock file of a format that is not known here"},
      {"# dray lock 10: TARGET\n", "a format that is not known here"},
      {HEADING "r.lan/a:1 q.io/a:1\n", "x.lock:2: TARGET SOURCE DIGEST is wanted"},
      {HEADING "r.lan/a:1 q.io/a:1 " A " x\n", "x.lock:2: TARGET SOURCE DIGEST is wanted"},
      {HEADING "<<<<<<< HEAD\n", "x.lock:2: TARGET SOURCE DIGEST is wanted"},
      {HEADING "r.lan/A:1 q.io/a:1 " A "\n", "x.lock:2: bad reference \"r.lan/A:1\""},
      {HEADING "r.lan/a:1 q.io/A:1 " A "\n", "x.lock:2: bad reference \"q.io/A:1\""},
      {HEADING "\nr.lan/a:1 q.io/a:1 sha256:abc\n", "x.lock:3: "},
      {HEADING "oci:dir q.io/a:1 " A "\n", "x.lock:2: only images in registries"},
      {HEADING "r.lan/a:1 q.io/a:1 " A "\nr.lan/a:1 q.io/b:1 " A "\n",
       "x.lock:3: r.lan/a:1 is there already"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct lock *lock;
    struct err err = {0};
    CHECK(lock_parse("x.lock", rows[i].text, strlen(rows[i].text), &lock, &err) == -ERR_CONFIG,
          "%s", rows[i].text);
    assert_null(lock);
    CHECK(strstr(err.message, rows[i].message), "%s: %s", rows[i].text, err.message);
  }
  static const char nul[] = HEADING "r.lan/a:1\0 q.io/a:1 " A "\n";
  struct lock *lock;
  struct err err = {0};
  assert_int_equal(lock_parse("x.lock", nul, sizeof nul - 1, &lock, &err), -ERR_CONFIG);
  assert_string_equal(err.message, "x.lock:2: a NUL character");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(is_written_sorted_and_read_again),
      cmocka_unit_test(an_empty_one_has_a_heading),
      cmocka_unit_test(takes_what_people_and_merges_leave),
      cmocka_unit_test(says_what_is_wrong_and_where),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
