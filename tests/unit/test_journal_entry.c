#include "transfer/journal_entry.h"

#include <stdio.h>

#include "unit.h"

#define KEY "ghcr.io/me/app@sha256:0123456789012345678901234567890123456789012345678901234567890123"
#define KEY_512 "ghcr.io/me/app@sha512:01234567"
#define LOCATION "https://ghcr.io/v2/me/app/blobs/uploads/1?_state=abc%3D"

static struct journal_entry entry_of(enum oci_algorithm algorithm, size_t hashed) {
  static const char data[300];
  struct journal_entry entry = {.location = LOCATION, .acked = 1000, .chunk_min = 5};
  oci_hasher_init(&entry.hasher, algorithm);
  oci_hasher_update(&entry.hasher, data, hashed);
  return entry;
}

static void comes_back_as_it_was(void **state) {
  (void)state;
  static const struct {
    const char *key;
    enum oci_algorithm algorithm;
    size_t hashed;
  } rows[] = {{KEY, OCI_SHA256, 0},       {KEY, OCI_SHA256, 64},      {KEY, OCI_SHA256, 255},
              {KEY_512, OCI_SHA512, 255}, {KEY_512, OCI_SHA512, 128}, {KEY_512, OCI_SHA512, 0}};
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct journal_entry entry = entry_of(rows[i].algorithm, rows[i].hashed), back;
    void *bytes;
    size_t len;
    assert_int_equal(journal_entry_store(rows[i].key, &entry, &bytes, &len), 0);
    assert_int_equal(journal_entry_load(rows[i].key, bytes, len, &back), 0);
    assert_string_equal(back.location, LOCATION);
    assert_int_equal(back.acked, 1000);
    assert_int_equal(back.chunk_min, 5);
    assert_int_equal(back.hasher.bytes, rows[i].hashed);
    struct oci_digest wanted, got;
    oci_hasher_update(&entry.hasher, "the rest", 8);
    oci_hasher_digest(&entry.hasher, &wanted);
    oci_hasher_update(&back.hasher, "the rest", 8);
    oci_hasher_digest(&back.hasher, &got);
    CHECK_STRING(got.text, wanted.text, rows[i].key);
    free(bytes);
  }
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
      cmocka_unit_test(what_makes_no_sense_is_not_stored),
      cmocka_unit_test(no_bit_may_change),
      cmocka_unit_test(a_key_names_all_three),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
