#include "net/challenge.h"

#include <stdio.h>
#include <time.h>

#include "unit.h"

struct row {
  const char *header, *second; /* second: another header of the same reply, or NULL */
  enum challenge_scheme scheme;
  const char *realm, *service, *scope; /* "": none */
};

#define HUB "https://auth.docker.io/token"

static const struct row rows[] = {
    {"Bearer realm=\"" HUB "\",service=\"registry.docker.io\",scope=\"repository:a/b:pull\"", NULL,
     CHALLENGE_BEARER, HUB, "registry.docker.io", "repository:a/b:pull"},
    {"bEARER REALM=\"" HUB "\",Service=\"s\"", NULL, CHALLENGE_BEARER, HUB, "s", ""},
    {"Basic realm=\"Registry Realm\"", NULL, CHALLENGE_BASIC, "Registry Realm", "", ""},
    {"Basic", NULL, CHALLENGE_BASIC, "", "", ""},
    {"Bearer realm=\"/token\"", NULL, CHALLENGE_BEARER, "/token", "", ""},
    /* commas, blanks and escapes within quotes */
    {"Bearer realm=\"r\",scope=\"repository:a/b:pull,push repository:c:pull\",service=\"s\"", NULL,
     CHALLENGE_BEARER, "r", "s", "repository:a/b:pull,push repository:c:pull"},
    {"Bearer realm=\"r\",service=\"a \\\"quoted\\\" \\\\ one\"", NULL, CHALLENGE_BEARER, "r",
     "a \"quoted\" \\ one", ""},
    {"Bearer realm=\"r\",service=\"\"", NULL, CHALLENGE_BEARER, "r", "", ""},
    /* blanks around '=', empty list members, values without quotes */
    {"Bearer  realm = \"r\" ,,\t service\t=\ts", NULL, CHALLENGE_BEARER, "r", "s", ""},
    {"Bearer realm=https://h:5000/t?a=b,service=s", NULL, CHALLENGE_BEARER, "https://h:5000/t?a=b",
     "s", ""},
    {", Bearer realm=r", NULL, CHALLENGE_BEARER, "r", "", ""},
    /* several: the best wins, whatever the order */
    {"Basic realm=\"b\", Bearer realm=\"r\",service=\"s\"", NULL, CHALLENGE_BEARER, "r", "s", ""},
    {"Bearer realm=\"r\",service=\"s\", Basic realm=\"b\"", NULL, CHALLENGE_BEARER, "r", "s", ""},
    {"Basic realm=\"b\"", "Bearer realm=\"r\"", CHALLENGE_BEARER, "r", "", ""},
    {"Bearer realm=\"r\"", "Basic realm=\"b\"", CHALLENGE_BEARER, "r", "", ""},
    {"Bearer realm=\"one\"", "Bearer realm=\"two\"", CHALLENGE_BEARER, "one", "", ""},
    {"Bearer service=\"s\", Basic realm=\"b\"", NULL, CHALLENGE_BASIC, "b", "", ""},
    {"Bearer service=\"s\"", NULL, CHALLENGE_BEARER, "", "s", ""},
    {"Bearer realm=\"\", Basic", NULL, CHALLENGE_BASIC, "", "", ""},
    /* schemes that nobody here speaks, with and without token68 */
    {"Negotiate", NULL, CHALLENGE_NONE, "", "", ""},
    {"NTLM Bearer", NULL, CHALLENGE_NONE, "", "", ""},
    {"Negotiate dG9r/ZW4+==, Bearer realm=\"r\"", NULL, CHALLENGE_BEARER, "r", "", ""},
    {"Digest realm=\"d\", nonce=\"n\", Basic realm=\"b\"", NULL, CHALLENGE_BASIC, "b", "", ""},
    {"Digest realm=\"d\", qop=\"Basic\"", NULL, CHALLENGE_NONE, "", "", ""},
    /* the first of a name counts */
    {"Bearer realm=\"one\",realm=\"two\"", NULL, CHALLENGE_BEARER, "one", "", ""},
    /* garbage */
    {"", NULL, CHALLENGE_NONE, "", "", ""},
    {"=", NULL, CHALLENGE_NONE, "", "", ""},
    {"realm=\"r\"", NULL, CHALLENGE_NONE, "", "", ""},
    {"Bearer realm=\"never closed", NULL, CHALLENGE_BEARER, "", "", ""},
    {"Bearer realm=\"never closed\\", NULL, CHALLENGE_BEARER, "", "", ""},
    {"@@@ \"x\" Bearer realm=\"r\" ???, service=\"s\"", NULL, CHALLENGE_BEARER, "r", "s", ""},
};

static const char *or_none(const char *text) { return text ? text : ""; }

static void reads_challenges(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    const struct row *row = &rows[i];
    struct challenge challenge = {0};
    challenge_parse(&challenge, row->header);
    if (row->second)
      challenge_parse(&challenge, row->second);
    CHECK(challenge.scheme == row->scheme, "%s: scheme %d", row->header, (int)challenge.scheme);
    CHECK_STRING(or_none(challenge.realm), row->realm, row->header);
    CHECK_STRING(or_none(challenge.service), row->service, row->header);
    CHECK_STRING(or_none(challenge.scope), row->scope, row->header);
    challenge_free(&challenge);
    assert_int_equal(challenge.scheme, CHALLENGE_NONE);
  }
}

static char *long_header(size_t len) {
  static const char start[] = "Bearer realm=\"r\",x=";
  char *header = malloc(len + 1);
  memset(header, 'x', len);
  memcpy(header, start, sizeof start - 1);
  header[len] = '\0';
  return header;
}

static void a_header_above_8_kib_is_ignored(void **state) {
  (void)state;
  struct challenge challenge = {0};
  char *fits = long_header(8192), *too_long = long_header(8193);
  challenge_parse(&challenge, too_long);
  assert_int_equal(challenge.scheme, CHALLENGE_NONE);
  challenge_parse(&challenge, fits);
  assert_int_equal(challenge.scheme, CHALLENGE_BEARER);
  challenge_free(&challenge);
  free(fits);
  free(too_long);
}

/* The first letters of a long header can't tell that it is cheap: each of these repeats something
 * that a careless parser would look through again and again. */
static void a_hostile_header_costs_no_time(void **state) {
  (void)state;
  static const char *const pieces[] = {"a=\"", "a=\"\",", "a ",     "a, ",
                                       "\"",   "\\",      "Basic ", "a=\"\\"};
  for (size_t i = 0; i < COUNT(pieces); i++) {
    char header[8193];
    size_t len = strlen(pieces[i]);
    for (size_t at = 0; at < sizeof header - 1; at++)
      header[at] = pieces[i][at % len];
    header[sizeof header - 1] = '\0';
    clock_t began = clock();
    for (int times = 0; times < 20; times++) {
      struct challenge challenge = {0};
      challenge_parse(&challenge, header);
      challenge_free(&challenge);
    }
    CHECK((double)(clock() - began) / CLOCKS_PER_SEC < 2, "%s is slow", pieces[i]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_challenges),
      cmocka_unit_test(a_header_above_8_kib_is_ignored),
      cmocka_unit_test(a_hostile_header_costs_no_time),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
