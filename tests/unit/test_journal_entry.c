#include "transfer/journal_entry.h"

#include <stdio.h>

#include "unit.h"

#define KEY "ghcr.io/me/app@sha256:0123456789012345678901234567890123456789012345678901234567890123"
#define KEY_512 "ghcr.io/me/app@sha512:01234567"
#define LOCATION "https://ghcr.io/v2/me/app/blobs/uploads/1?_state=abc%3D"

static const char data[300];

static struct journal_entry entry_of(enum oci_algorithm algorithm, size_t hashed) {
  struct journal_entry entry = {.location = LOCATION, .acked = 1000, .chunk_min = 5};
  oci_hasher_init(entry.hasher, algorithm);
  oci_hasher_update(entry.hasher, data, hashed);
  return entry;
}

/* Adds a state, so many bytes behind the last. */
static void add(struct journal_entry *entry, size_t more) {
  struct oci_hasher *end = entry->hasher;
  while (end->algorithm)
    end++;
  *end = end[-1];
  oci_hasher_update(end, data, more);
}

static void check_same(struct oci_hasher *got, struct oci_hasher *wanted, const char *what) {
  struct oci_digest got_digest, wanted_digest;
  assert_int_equal(got->algorithm, wanted->algorithm);
  if (!got->algorithm)
    return;
  assert_int_equal(got->bytes, wanted->bytes);
  oci_hasher_update(got, "the rest", 8);
  oci_hasher_update(wanted, "the rest", 8);
  oci_hasher_digest(got, &got_digest);
  oci_hasher_digest(wanted, &wanted_digest);
  CHECK_STRING(got_digest.text, wanted_digest.text, what);
}

static void comes_back_as_it_was(void **state) {
  (void)state;
  static const struct {
    const char *key;
    enum oci_algorithm algorithm;
    size_t hashed;
    int states;
  } rows[] = {{KEY, OCI_SHA256, 0, 1},       {KEY, OCI_SHA256, 64, 2},
              {KEY, OCI_SHA256, 255, 3},     {KEY_512, OCI_SHA512, 255, 3},
              {KEY_512, OCI_SHA512, 128, 1}, {KEY_512, OCI_SHA512, 0, 2}};
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct journal_entry entry = entry_of(rows[i].algorithm, rows[i].hashed), back;
    void *bytes;
    size_t len;
    for (int n = 1; n < rows[i].states; n++)
      add(&entry, 100);
    assert_int_equal(journal_entry_store(rows[i].key, &entry, &bytes, &len), 0);
    assert_int_equal(journal_entry_load(rows[i].key, bytes, len, &back), 0);
    assert_string_equal(back.location, LOCATION);
    assert_int_equal(back.acked, 1000);
    assert_int_equal(back.chunk_min, 5);
    for (int n = 0; n < JOURNAL_HASHERS; n++)
      check_same(&back.hasher[n], &entry.hasher[n], rows[i].key);
    free(bytes);
  }
}

static void the_last_state_that_is_not_too_far_is_found(void **state) {
  (void)state;
  static const struct {
    uint64_t offset;
    int found; /* -1: none */
  } rows[] = {{0, -1}, {99, -1}, {100, 0}, {149, 0}, {150, 1}, {399, 1}, {400, 2}, {UINT64_MAX, 2}};
  struct journal_entry entry = entry_of(OCI_SHA256, 100);
  assert_ptr_equal(journal_entry_hasher(&entry, 500), entry.hasher);
  add(&entry, 50);
  add(&entry, 250);
  for (size_t i = 0; i < COUNT(rows); i++) {
    const struct oci_hasher *wanted = rows[i].found < 0 ? NULL : &entry.hasher[rows[i].found];
    CHECK(journal_entry_hasher(&entry, rows[i].offset) == wanted, "row %zu", i);
  }
}

static void states_that_do_not_rise_are_not_stored(void **state) {
  (void)state;
  void *bytes;
  size_t len;
  struct journal_entry entry = entry_of(OCI_SHA256, 100);
  add(&entry, 0);
  assert_int_equal(journal_entry_store(KEY, &entry, &bytes, &len), -1);
  entry = entry_of(OCI_SHA256, 100);
  add(&entry, 10);
  add(&entry, 10);
  entry.hasher[1] = entry.hasher[2];
  assert_int_equal(journal_entry_store(KEY, &entry, &bytes, &len), -1);
  entry = entry_of(OCI_SHA256, 100);
  entry.hasher[1] = entry_of(OCI_SHA512, 200).hasher[0];
  assert_int_equal(journal_entry_store(KEY, &entry, &bytes, &len), -1);
  assert_null(bytes);
}

static void what_makes_no_sense_is_not_stored(void **state) {
  (void)state;
  struct journal_entry entry = entry_of(OCI_SHA256, 100);
  void *bytes;
  size_t len;
  assert_int_equal(journal_entry_store(KEY_512, &entry, &bytes, &len), -1); /* another's digest */
  assert_null(bytes);
  entry.acked = 99; /* and the digest knows of 100 */
  assert_int_equal(journal_entry_store(KEY, &entry, &bytes, &len), -1);
  entry.acked = UINT64_MAX;
  assert_int_equal(journal_entry_store(KEY, &entry, &bytes, &len), -1);
  char *huge = malloc(JOURNAL_LOCATION_MAX + 2);
  memset(huge, 'x', JOURNAL_LOCATION_MAX + 1);
  memcpy(huge, "https://h/", 10);
  huge[JOURNAL_LOCATION_MAX + 1] = '\0';
  const char *const locations[] = {"",
                                   "/v2/me/app/blobs/uploads/1",
                                   "ftp://h/x",
                                   "file:///etc/passwd",
                                   "https://user:secret@h/x",
                                   "https://h/x\r\nX: y",
                                   "https://h/a b",
                                   "https://",
                                   huge};
  for (size_t i = 0; i < COUNT(locations); i++) {
    struct journal_entry one = entry_of(OCI_SHA256, 100);
    one.location = locations[i];
    CHECK(journal_entry_store(KEY, &one, &bytes, &len) == -1, "%s", locations[i]);
  }
  huge[JOURNAL_LOCATION_MAX] = '\0';
  entry = entry_of(OCI_SHA256, 100);
  entry.location = huge;
  assert_int_equal(journal_entry_store(KEY, &entry, &bytes, &len), 0);
  free(bytes);
  free(huge);
}

static void no_bit_may_change(void **state) {
  (void)state;
  struct journal_entry entry = entry_of(OCI_SHA256, 100), back;
  void *stored;
  size_t len;
  add(&entry, 28);
  assert_int_equal(journal_entry_store(KEY, &entry, &stored, &len), 0);
  unsigned char *bytes = stored;
  for (size_t i = 0; i < 8 * len; i++) {
    bytes[i / 8] ^= (unsigned char)(1 << i % 8);
    CHECK(journal_entry_load(KEY, bytes, len, &back) == -1, "bit %zu", i);
    bytes[i / 8] ^= (unsigned char)(1 << i % 8);
  }
  for (size_t i = 0; i < len; i++) {
    void *part = memcpy(malloc(i + 1), bytes, i); /* its end is watched */
    CHECK(journal_entry_load(KEY, part, i, &back) == -1, "%zu bytes", i);
    free(part);
  }
  assert_int_equal(journal_entry_load("docker.io" KEY, bytes, len, &back), -1);
  free(stored);
}

static void a_key_names_all_three(void **state) {
  (void)state;
  struct oci_digest digest;
  oci_digest_of(OCI_SHA256, "", 0, &digest);
  char *key = journal_key(&(struct oci_repo){.host = "[::1]:5000", .path = "a/b"}, &digest);
  assert_string_equal(
      key,
      "[::1]:5000/a/b@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  free(key);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(comes_back_as_it_was),
      cmocka_unit_test(the_last_state_that_is_not_too_far_is_found),
      cmocka_unit_test(states_that_do_not_rise_are_not_stored),
      cmocka_unit_test(what_makes_no_sense_is_not_stored),
      cmocka_unit_test(no_bit_may_change),
      cmocka_unit_test(a_key_names_all_three),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
