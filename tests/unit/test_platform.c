#include "oci/platform.h"

#include <stdio.h>

#include "unit.h"

static struct oci_platform parse(const char *text) {
  struct oci_platform platform;
  struct err err = {0};
  CHECK(oci_platform_parse(text, &platform, &err) == 0, "%s: %s", text, err.message);
  return platform;
}

static void one_thing_has_one_spelling(void **state) {
  (void)state;
  static const char *const rows[][2] = {
      {"linux/amd64", "linux/amd64"},
      {"linux/amd64/v1", "linux/amd64"},
      {"linux/amd64/v3", "linux/amd64/v3"},
      {"linux/x86_64", "linux/amd64"},
      {"linux/x86-64/v2", "linux/amd64/v2"},
      {"linux/i386", "linux/386"},
      {"linux/arm64", "linux/arm64"},
      {"linux/arm64/v8", "linux/arm64"},
      {"linux/arm64/8", "linux/arm64"},
      {"linux/aarch64", "linux/arm64"},
      {"linux/aarch64/v8", "linux/arm64"},
      {"linux/arm64/v9", "linux/arm64/v9"},
      {"linux/arm", "linux/arm"},
      {"linux/arm/7", "linux/arm/v7"},
      {"linux/arm/v6", "linux/arm/v6"},
      {"linux/armhf", "linux/arm/v7"},
      {"linux/armel", "linux/arm/v6"},
      {"linux/s390x", "linux/s390x"},
      {"wasi/wasm", "wasi/wasm"},
      {"windows/amd64:10.0.17763", "windows/amd64:10.0.17763"},
      {"templeos/abacus", "templeos/abacus"}, /* what is not known yet may be known there */
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    char text[OCI_PLATFORM_TEXT];
    struct oci_platform platform = parse(rows[i][0]);
    CHECK_STRING(oci_platform_format(text, &platform), rows[i][1], rows[i][0]);
  }
}

static void a_wrong_one_is_told_what_was_meant(void **state) {
  (void)state;
  static const char *const rows[][2] = {
      {"amd64", "linux/amd64"},
      {"aarch64", "linux/aarch64"},
      {"windows", "windows/amd64"},
      {"linux", "linux/amd64"},
      {"nonsense", "linux/amd64"},
      {"amd64/linux", "linux/amd64"},
      {"arm/linux/v7", "linux/arm/v7"},
      {"Linux/ARM64/V8", "linux/arm64/v8"},
      {"linux/amd46", "linux/amd64"},
      {"linus/arm64", "linux/arm64"},
      {"", "linux/amd64"},
      {"/", "linux/amd64"},
      {"linux/", "linux/amd64"},
      {"/amd64", "linux/amd64"},
      {"linux//v7", "linux/amd64"},
      {"linux/arm/v7/x", "linux/amd64"},
      {"linux/amd64:", "linux/amd64"},
      {"linux/amd64:1:2", "linux/amd64"},
      {"linux/am d64", "linux/amd64"},
      {"linux,windows/amd64", "linux/amd64"},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct oci_platform platform;
    struct err err = {0};
    char wanted[300];
    assert_int_equal(oci_platform_parse(rows[i][0], &platform, &err), -ERR_USAGE);
    snprintf(wanted, sizeof wanted,
             "\"%s\" is no platform: OS/ARCH[/VARIANT] is wanted, such as %s", rows[i][0],
             rows[i][1]);
    CHECK_STRING(err.message, wanted, rows[i][0]);
  }
}

static void names_are_bounded(void **state) {
  (void)state;
  struct oci_platform platform;
  struct err err = {0};
  char text[400];
  static const size_t lengths[] = {24, 60, 300};
  for (size_t i = 0; i < COUNT(lengths); i++) {
    memset(text, 'z', sizeof text);
    memcpy(text, "linux/", 6);
    text[6 + lengths[i]] = '\0';
    assert_int_equal(oci_platform_parse(text, &platform, &err), -ERR_USAGE);
  }
  text[6 + 23] = '\0';
  assert_int_equal(oci_platform_parse(text, &platform, &err), 0);
  text[6 + 23] = 'z';
  text[6 + 24] = '\0';
  assert_int_equal(oci_platform_read("linux", text + 6, NULL, NULL, &platform), -1);
}

static void an_entry_fits_by_its_own_words(void **state) {
  (void)state;
  static const struct {
    const char *wanted, *os, *architecture, *variant, *os_version;
    bool fits, serves;
  } rows[] = {
      {"linux/amd64", "linux", "amd64", NULL, NULL, true, false},
      {"linux/amd64", "linux", "amd64", "", NULL, true, false},
      {"linux/amd64", "linux", "amd64", "v1", NULL, true, false},
      {"linux/amd64", "linux", "amd64", "v2", NULL, false, false},
      {"linux/amd64/v2", "linux", "amd64", NULL, NULL, false, false},
      {"linux/amd64", "linux", "arm64", NULL, NULL, false, false},
      {"linux/amd64", "freebsd", "amd64", NULL, NULL, false, false},
      {"linux/amd64", "linux", "x86_64", NULL, NULL, true, false},
      {"linux/arm64", "linux", "arm64", "v8", NULL, true, false},
      {"linux/arm64", "linux", "arm64", NULL, NULL, true, false},
      {"linux/arm64/v8", "linux", "arm64", NULL, NULL, true, false},
      {"linux/arm64", "linux", "arm64", "v9", NULL, false, false},
      {"linux/arm/v7", "linux", "arm", "v7", NULL, true, false},
      {"linux/arm/v7", "linux", "arm", "7", NULL, true, false},
      {"linux/arm/v7", "linux", "arm", "v6", NULL, false, false},
      {"linux/arm/v7", "linux", "arm", NULL, NULL, false, false},
      {"linux/arm", "linux", "arm", "v7", NULL, true, true},
      {"linux/arm", "linux", "arm", "v6", NULL, false, true},
      {"linux/arm", "linux", "arm", NULL, NULL, false, true},
      {"linux/arm", "linux", "arm64", NULL, NULL, false, false},
      {"windows/amd64", "windows", "amd64", NULL, "10.0.17763.5122", true, false},
      {"windows/amd64:10.0.17763", "windows", "amd64", NULL, "10.0.17763.5122", true, false},
      {"windows/amd64:10.0.17763.5122", "windows", "amd64", NULL, "10.0.17763.5122", true, false},
      {"windows/amd64:10.0.1776", "windows", "amd64", NULL, "10.0.17763.5122", false, false},
      {"windows/amd64:10.0.20348", "windows", "amd64", NULL, "10.0.17763.5122", false, false},
      {"windows/amd64:10.0.20348", "windows", "amd64", NULL, NULL, false, false},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct oci_platform wanted = parse(rows[i].wanted), entry;
    assert_int_equal(oci_platform_read(rows[i].os, rows[i].architecture, rows[i].variant,
                                       rows[i].os_version, &entry),
                     0);
    CHECK(oci_platform_fits(&wanted, &entry) == rows[i].fits &&
              oci_platform_serves(&wanted, &entry) == rows[i].serves,
          "row %zu: %s", i, rows[i].wanted);
  }
}

static void an_entry_without_os_or_architecture_tells_no_platform(void **state) {
  (void)state;
  struct oci_platform entry;
  assert_int_equal(oci_platform_read(NULL, "amd64", NULL, NULL, &entry), -1);
  assert_int_equal(oci_platform_read("linux", NULL, NULL, NULL, &entry), -1);
  assert_int_equal(oci_platform_read("linux", "", NULL, NULL, &entry), -1);
}

static void each_is_wanted_once(void **state) {
  (void)state;
  struct oci_platforms platforms = {NULL, 0};
  struct err err = {0};
  assert_int_equal(oci_platforms_add(&platforms, "linux/arm64/v8", &err), 0);
  assert_int_equal(oci_platforms_add(&platforms, "linux/amd64", &err), 0);
  assert_int_equal(oci_platforms_add(&platforms, "linux/aarch64", &err), 0);
  assert_int_equal(oci_platforms_add(&platforms, "linux", &err), -ERR_USAGE);
  assert_int_equal(platforms.count, 2);
  assert_string_equal(platforms.items[0].architecture, "arm64");
  assert_string_equal(platforms.items[1].architecture, "amd64");
  oci_platforms_free(&platforms);
  assert_int_equal(platforms.count, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_thing_has_one_spelling),
      cmocka_unit_test(a_wrong_one_is_told_what_was_meant),
      cmocka_unit_test(names_are_bounded),
      cmocka_unit_test(an_entry_fits_by_its_own_words),
      cmocka_unit_test(an_entry_without_os_or_architecture_tells_no_platform),
      cmocka_unit_test(each_is_wanted_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
