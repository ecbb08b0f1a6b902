#include "oci/digest.h"

#include "unit.h"

#define EMPTY256 "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC256 "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define ABC512                                                                                     \
  "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"                        \
  "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"

static void known_digests_are_read(void **state) {
  (void)state;
  struct oci_digest digest;
  assert_int_equal(oci_digest_parse(ABC256 "and more", 71, &digest, NULL), 0);
  assert_int_equal(digest.algorithm, OCI_SHA256);
  assert_string_equal(digest.text, ABC256);
  assert_string_equal(oci_digest_hex(&digest), &ABC256[7]);
  assert_int_equal(oci_digest_parse(ABC512, 135, &digest, NULL), 0);
  assert_int_equal(digest.algorithm, OCI_SHA512);
  assert_string_equal(digest.text, ABC512);
}

static void others_are_refused_by_kind(void **state) {
  (void)state;
  static const struct {
    const char *text;
    enum err_code code;
  } cases[] = {
      {"", ERR_PROTOCOL},
      {"sha256", ERR_PROTOCOL},
      {"sha256:", ERR_PROTOCOL},
      {"sha256:abc", ERR_PROTOCOL},
      {EMPTY256 "0", ERR_PROTOCOL},
      {EMPTY256 "\n", ERR_PROTOCOL},
      {" " EMPTY256, ERR_PROTOCOL},
      {"sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855", ERR_PROTOCOL},
      {"sha256:../../../../../../../../../../../../../../../../../../etc/passwd", ERR_PROTOCOL},
      {"sha512:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", ERR_PROTOCOL},
      {"SHA256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", ERR_PROTOCOL},
      {"md5:d41d8cd98f00b204e9800998ecf8427e", ERR_UNSUPPORTED},
      {"blake3:abc", ERR_UNSUPPORTED},
      {"multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8", ERR_UNSUPPORTED},
      {"a_b.c-d:A=_-", ERR_UNSUPPORTED},
      {"a++b:c", ERR_PROTOCOL},
      {"+a:c", ERR_PROTOCOL},
      {"a+:c", ERR_PROTOCOL},
      {":c", ERR_PROTOCOL},
      {"a:c d", ERR_PROTOCOL},
      {"a:c:d", ERR_PROTOCOL},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct oci_digest digest;
    struct err err = {0};
    int status = oci_digest_parse(cases[i].text, strlen(cases[i].text), &digest, &err);
    CHECK(status == -(int)cases[i].code, "\"%s\": %d", cases[i].text, status);
    assert_false(oci_digest_is_set(&digest));
    assert_string_equal(oci_digest_hex(&digest), "");
  }
}

static void an_unset_digest_equals_nothing(void **state) {
  (void)state;
  struct oci_digest none = {0}, a, b;
  oci_digest_of(OCI_SHA256, "a", 1, &a);
  oci_digest_of(OCI_SHA256, "b", 1, &b);
  assert_true(oci_digest_equal(&a, &a));
  assert_false(oci_digest_equal(&a, &b));
  assert_false(oci_digest_equal(&a, &none));
  assert_false(oci_digest_equal(&none, &none));
}

static void published_vectors_come_out(void **state) {
  (void)state;
  struct oci_digest digest;
  oci_digest_of(OCI_SHA256, NULL, 0, &digest);
  assert_string_equal(digest.text, EMPTY256);
  oci_digest_of(OCI_SHA256, "abc", 3, &digest);
  assert_string_equal(digest.text, ABC256);
  oci_digest_of(OCI_SHA512, "abc", 3, &digest);
  assert_string_equal(digest.text, ABC512);
}

static unsigned char data[1000];

static int fill_data(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof data; i++)
    data[i] = (unsigned char)(i * 7 + i / 256);
  return 0;
}

static const enum oci_algorithm algorithms[] = {OCI_SHA256, OCI_SHA512};

static void pieces_of_any_size_give_the_same(void **state) {
  (void)state;
  for (size_t a = 0; a < 2; a++) {
    struct oci_digest whole, pieces;
    oci_digest_of(algorithms[a], data, sizeof data, &whole);
    for (size_t step = 1; step < 300; step += 13) {
      struct oci_hasher hasher;
      oci_hasher_init(&hasher, algorithms[a]);
      for (size_t at = 0; at < sizeof data; at += step)
        oci_hasher_update(&hasher, data + at, at + step < sizeof data ? step : sizeof data - at);
      assert_int_equal(hasher.bytes, sizeof data);
      oci_hasher_digest(&hasher, &pieces);
      assert_true(oci_digest_equal(&whole, &pieces));
    }
  }
}

static void a_copy_is_a_checkpoint_to_return_to(void **state) {
  (void)state;
  struct oci_hasher hasher, checkpoint;
  struct oci_digest wanted, got;
  oci_digest_of(OCI_SHA256, data, sizeof data, &wanted);
  oci_hasher_init(&hasher, OCI_SHA256);
  oci_hasher_update(&hasher, data, 100);
  checkpoint = hasher;
  oci_hasher_update(&hasher, "wrong", 5);
  hasher = checkpoint;
  oci_hasher_digest(&hasher, &got); /* a look on the way changes nothing */
  oci_hasher_update(&hasher, data + 100, sizeof data - 100);
  oci_hasher_digest(&hasher, &got);
  assert_true(oci_digest_equal(&wanted, &got));
}

static void a_stored_state_goes_on_where_it_was(void **state) {
  (void)state;
  for (size_t a = 0; a < 2; a++) {
    struct oci_digest wanted, got;
    oci_digest_of(algorithms[a], data, sizeof data, &wanted);
    for (size_t at = 0; at <= 300; at++) {
      struct oci_hasher hasher, loaded;
      unsigned char stored[OCI_HASHER_STORED];
      oci_hasher_init(&hasher, algorithms[a]);
      oci_hasher_update(&hasher, data, at);
      size_t len = oci_hasher_store(&hasher, stored);
      assert_true(len <= sizeof stored);
      assert_int_equal(oci_hasher_load(&loaded, stored, len), 0);
      assert_int_equal(loaded.algorithm, algorithms[a]);
      assert_int_equal(loaded.bytes, at);
      oci_hasher_update(&loaded, data + at, sizeof data - at);
      oci_hasher_digest(&loaded, &got);
      CHECK(oci_digest_equal(&wanted, &got), "stored at %zu", at);
    }
  }
}

static void the_bit_counter_survives_beyond_32_bits(void **state) {
  (void)state;
  struct oci_hasher hasher, loaded;
  unsigned char stored[OCI_HASHER_STORED];
  struct oci_digest wanted, got;
  oci_hasher_init(&hasher, OCI_SHA256);
  static unsigned char zeros[1 << 20];
  for (int i = 0; i < 520; i++) /* 2^32 bits are 512 MiB */
    oci_hasher_update(&hasher, zeros, sizeof zeros);
  size_t len = oci_hasher_store(&hasher, stored);
  assert_int_equal(oci_hasher_load(&loaded, stored, len), 0);
  oci_hasher_digest(&hasher, &wanted);
  oci_hasher_digest(&loaded, &got);
  assert_string_equal(got.text, wanted.text);
}

static void the_stored_form_is_the_same_on_every_machine(void **state) {
  (void)state;
  struct oci_hasher hasher;
  unsigned char stored[OCI_HASHER_STORED];
  oci_hasher_init(&hasher, OCI_SHA256);
  oci_hasher_update(&hasher, "xyz", 3);
  static const unsigned char wanted[] = {'d',  'r',  'h',  1,    1,    0,    0,    0,    0,    0,
                                         0,    0,    3,    0x6a, 0x09, 0xe6, 0x67, 0xbb, 0x67, 0xae,
                                         0x85, 0x3c, 0x6e, 0xf3, 0x72, 0xa5, 0x4f, 0xf5, 0x3a, 0x51,
                                         0x0e, 0x52, 0x7f, 0x9b, 0x05, 0x68, 0x8c, 0x1f, 0x83, 0xd9,
                                         0xab, 0x5b, 0xe0, 0xcd, 0x19, 'x',  'y',  'z'};
  assert_int_equal(oci_hasher_store(&hasher, stored), sizeof wanted);
  assert_memory_equal(stored, wanted, sizeof wanted);
}

static void a_foreign_or_damaged_state_is_refused(void **state) {
  (void)state;
  struct oci_hasher hasher, loaded;
  unsigned char stored[OCI_HASHER_STORED + 1] = {0};
  oci_hasher_init(&hasher, OCI_SHA512);
  oci_hasher_update(&hasher, data, 5);
  size_t len = oci_hasher_store(&hasher, stored);
  for (size_t other = 0; other <= len + 1; other++)
    CHECK(oci_hasher_load(&loaded, stored, other) == (other == len ? 0 : -1), "%zu bytes", other);
  for (size_t i = 0; i < 6; i++) { /* magic, version, algorithm, the counter's top */
    stored[i] ^= 0x40;
    CHECK(oci_hasher_load(&loaded, stored, len) == -1, "byte %zu changed", i);
    stored[i] ^= 0x40;
  }
  stored[12] = 6; /* a byte more than what is there */
  assert_int_equal(oci_hasher_load(&loaded, stored, len), -1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(known_digests_are_read),
      cmocka_unit_test(others_are_refused_by_kind),
      cmocka_unit_test(an_unset_digest_equals_nothing),
      cmocka_unit_test(published_vectors_come_out),
      cmocka_unit_test(pieces_of_any_size_give_the_same),
      cmocka_unit_test(a_copy_is_a_checkpoint_to_return_to),
      cmocka_unit_test(a_stored_state_goes_on_where_it_was),
      cmocka_unit_test(the_bit_counter_survives_beyond_32_bits),
      cmocka_unit_test(the_stored_form_is_the_same_on_every_machine),
      cmocka_unit_test(a_foreign_or_damaged_state_is_refused),
  };
  return cmocka_run_group_tests(tests, fill_data, NULL);
}
