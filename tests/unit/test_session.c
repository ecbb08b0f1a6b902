#include "transfer/session.h"

#include "unit.h"

#define URL "http://reg.test/v2/app/blobs/uploads/1?_state=old"

/* -- answers -- */

struct answer {
  struct http_reply reply;
  struct call_result result;
};

/* fields: "Name: value" strings, NULL at the end. */
static const struct call_result *answer_make(struct answer *answer, int status,
                                             const char *const *fields, const char *body) {
  *answer = (struct answer){.reply.status = status};
  buf_init(&answer->reply.head, 1000);
  buf_init(&answer->reply.body, 1000);
  for (; fields && *fields; fields++)
    buf_add(&answer->reply.head, *fields, strlen(*fields) + 1);
  buf_adds(&answer->reply.body, body);
  answer->result = (struct call_result){.reply = &answer->reply, .url = URL};
  return &answer->result;
}

static void answer_free(struct answer *answer) {
  buf_free(&answer->reply.head);
  buf_free(&answer->reply.body);
}

static int opened(struct session *session, const char *const *fields) {
  struct answer answer;
  int rc = session_opened(session, answer_make(&answer, 202, fields, ""));
  answer_free(&answer);
  return rc;
}

static void sent(struct session *session, const char *range, uint64_t body) {
  struct answer answer;
  session_sent(session, answer_make(&answer, 202, range ? (const char *[]){range, NULL} : NULL, ""),
               body);
  answer_free(&answer);
}

static enum session_verdict status_of(struct session *session, int status, const char *range,
                                      uint64_t body) {
  struct answer answer;
  enum session_verdict verdict = session_status(
      session, answer_make(&answer, status, range ? (const char *[]){range, NULL} : NULL, ""),
      body);
  answer_free(&answer);
  return verdict;
}

static struct session begin(void) {
  struct session session = {0};
  assert_int_equal(opened(&session, (const char *[]){"Location: /v2/app/blobs/uploads/1", NULL}),
                   0);
  return session;
}

/* -- where it is -- */

static void the_newest_location_is_the_one_that_counts(void **state) {
  (void)state;
  static const struct {
    const char *field, *url;
  } rows[] = {
      {"Location: https://other.test/u?a=b%2F&c", "https://other.test/u?a=b%2F&c"},
      {"location: /v2/app/blobs/uploads/2?_state=x%3D",
       "http://reg.test/v2/app/blobs/uploads/2?_state=x%3D"},
      {"Location: 3", "http://reg.test/v2/app/blobs/uploads/3"},
  };
  struct session session = begin();
  for (size_t i = 0; i < COUNT(rows); i++) {
    sent(&session, rows[i].field, 10);
    CHECK_STRING(session.location, rows[i].url, rows[i].field);
  }
  sent(&session, NULL, 10); /* where it did not change, some leave it out */
  assert_string_equal(session.location, rows[2].url);
  assert_int_equal(session.acked, 40);
  session_forget(&session);
  assert_null(session.location);
}

static void distributions_sessions_say_what_they_hold(void **state) {
  (void)state;
  struct session session = {0};
  assert_false(session_is_distributions(&session));
  opened(&session, (const char *[]){"Location: /v2/app/blobs/uploads/1?_state=abc%3D", NULL});
  assert_true(session_is_distributions(&session));
  opened(&session, (const char *[]){"Location: /v2/app/blobs/uploads/1?state=abc", NULL});
  assert_false(session_is_distributions(&session));
  session_forget(&session);
}

static void without_a_location_there_is_no_session(void **state) {
  (void)state;
  struct session session = {0};
  assert_int_equal(opened(&session, NULL), -1);
  assert_null(session.location);
}

static void the_least_chunk_outlives_the_session(void **state) {
  (void)state;
  static const struct {
    const char *field;
    uint64_t bytes;
  } rows[] = {
      {"OCI-Chunk-Min-Length: 5242880", 5242880},
      {"OCI-Chunk-Min-Length: 0", 0},
      {"OCI-Chunk-Min-Length: -5", 0},
      {"OCI-Chunk-Min-Length: many", 0},
      {"OCI-Chunk-Min-Length: 99999999999999999999", 0},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct session session = {0};
    opened(&session, (const char *[]){"Location: /u", rows[i].field, NULL});
    session_forget(&session);
    CHECK(session.chunk_min == rows[i].bytes, "%s: %llu", rows[i].field,
          (unsigned long long)session.chunk_min);
  }
}

/* -- how much it holds -- */

static void a_status_tells(void **state) {
  (void)state;
  static const struct {
    const char *range;
    enum session_verdict verdict;
    uint64_t held; /* where it holds, of 100 acknowledged and 50 that were lost */
  } rows[] = {
      {"Range: 0-99", SESSION_HOLDS, 100},
      {"Range: 0-119", SESSION_HOLDS, 120},
      {"Range: bytes=0-119", SESSION_HOLDS, 120},
      {"range:  0-149", SESSION_HOLDS, 150},
      {"Range: 0-150", SESSION_GONE, 0}, /* more than was ever sent */
      {"Range: 0-49", SESSION_HOLDS, 50},
      {"Range: 0-0", SESSION_HOLDS, 0},
      {"Range: 0--1", SESSION_HOLDS, 0},
      {"Range: 100-149", SESSION_HOLDS, 150}, /* of the last chunk alone */
      {"Range: ", SESSION_GONE, 0},
      {"Range: 9", SESSION_GONE, 0},
      {"Range: 0-18446744073709551615", SESSION_GONE, 0},
      {NULL, SESSION_GONE, 0},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct session session = begin();
    sent(&session, "Range: 0-99", 100);
    enum session_verdict verdict = status_of(&session, 204, rows[i].range, 50);
    CHECK(verdict == rows[i].verdict, "%s: %d", rows[i].range, (int)verdict);
    CHECK(verdict != SESSION_HOLDS || session.acked == rows[i].held, "%s: %llu", rows[i].range,
          (unsigned long long)session.acked);
    session_forget(&session);
  }
}

static void other_answers_to_it(void **state) {
  (void)state;
  static const struct {
    int status;
    enum session_verdict verdict;
  } rows[] = {
      {200, SESSION_HOLDS},  {202, SESSION_HOLDS},  {204, SESSION_HOLDS},  {400, SESSION_GONE},
      {404, SESSION_GONE},   {405, SESSION_GONE},   {416, SESSION_GONE},   {403, SESSION_GONE},
      {429, SESSION_SILENT}, {500, SESSION_SILENT}, {503, SESSION_SILENT}, {408, SESSION_SILENT},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct session session = begin();
    enum session_verdict verdict = status_of(&session, rows[i].status, "Range: 0-9", 50);
    CHECK(verdict == rows[i].verdict, "%d: %d", rows[i].status, (int)verdict);
    assert_non_null(session.location); /* for the DELETE, or another try */
    session_forget(&session);
  }
}

static void no_answer_is_silence(void **state) {
  (void)state;
  struct session session = begin();
  struct answer answer;
  answer_make(&answer, 0, NULL, "");
  answer.reply.err.code = ERR_NETWORK;
  assert_int_equal(session_status(&session, &answer.result, 50), SESSION_SILENT);
  answer_free(&answer);
  session_forget(&session);
}

static void an_offset_that_was_refused_is_not_believed(void **state) {
  (void)state;
  struct session session = begin();
  sent(&session, "Range: 0-99", 100);
  session_refused(&session);
  assert_int_equal(status_of(&session, 204, "Range: 0-119", 50), SESSION_HOLDS); /* realigned */
  session_refused(&session);
  assert_int_equal(status_of(&session, 204, "Range: 0-119", 50), SESSION_GONE);
  session_forget(&session);
}

static void a_loss_is_no_refusal(void **state) {
  (void)state;
  struct session session = begin();
  sent(&session, "Range: 0-99", 100);
  for (int i = 0; i < 9; i++)
    assert_int_equal(status_of(&session, 204, "Range: 0-99", 50), SESSION_HOLDS);
  assert_int_equal(session.acked, 100);
  session_forget(&session);
}

static void odd_ranges_leave_it_to_our_ledger(void **state) {
  (void)state;
  static const char *const ranges[] = {"Range: 0-0", "Range: 0-99", "Range: 7-8", NULL};
  for (size_t i = 0; i < COUNT(ranges); i++) {
    struct session session = begin();
    sent(&session, "Range: 0-99", 100);
    sent(&session, "Range: 0-99", 100); /* stuck */
    assert_true(session.odd_ranges);
    assert_int_equal(session.acked, 200);
    assert_int_equal(status_of(&session, 204, ranges[i], 50), SESSION_HOLDS);
    assert_int_equal(session.acked, 200);
    session_forget(&session);
  }
}

static void odd_ranges_are_assumed_once(void **state) {
  (void)state;
  struct session session = begin();
  sent(&session, "Range: 0-0", 100);
  session_refused(&session); /* what was lost had arrived, then */
  assert_int_equal(status_of(&session, 204, "Range: 0-0", 100), SESSION_HOLDS);
  assert_int_equal(session.acked, 200);
  /* What is lost after that is only lost. */
  assert_int_equal(status_of(&session, 204, "Range: 0-0", 100), SESSION_HOLDS);
  assert_int_equal(session.acked, 200);
  session_refused(&session);
  assert_int_equal(status_of(&session, 204, "Range: 0-0", 100), SESSION_GONE);
  session_forget(&session);
}

static void a_part_that_is_taken_ends_the_doubt(void **state) {
  (void)state;
  struct session session = begin();
  sent(&session, "Range: 0-0", 100);
  for (uint64_t i = 1; i < 5; i++) {
    session_refused(&session);
    assert_int_equal(status_of(&session, 204, "Range: 0-0", 100), SESSION_HOLDS);
    sent(&session, "Range: 0-0", 100);
    assert_int_equal(session.acked, 100 + i * 200);
  }
  session_forget(&session);
}

static void a_new_session_knows_nothing_of_the_old(void **state) {
  (void)state;
  struct session session = begin();
  sent(&session, "Range: 0-0", 100);
  session_refused(&session);
  opened(&session, (const char *[]){"Location: /v2/app/blobs/uploads/2", NULL});
  assert_int_equal(session.acked, 0);
  assert_false(session.odd_ranges);
  assert_int_equal(status_of(&session, 204, "Range: 0-0", 100), SESSION_HOLDS);
  assert_int_equal(session.acked, 0);
  session_forget(&session);
}

/* -- what a refusal is about -- */

#define ERROR(code) "{\"errors\":[{\"code\":\"" code "\",\"message\":\"m\"}]}"

static void what_a_refusal_is_about(void **state) {
  (void)state;
  static const struct {
    int status;
    const char *body;
    bool forgotten, spoilt;
    int refusal;
  } rows[] = {
      {404, ERROR("BLOB_UPLOAD_UNKNOWN"), true, false, 404},
      {404, ERROR("NAME_UNKNOWN"), false, false, 404},
      {404, "<html>", false, false, 404},
      {400, ERROR("DIGEST_INVALID"), false, true, 400},
      {400, ERROR("BLOB_UPLOAD_INVALID"), false, true, 400},
      {400, ERROR("UNSUPPORTED"), false, false, 405},
      {400, "", false, false, 400},
      {416, ERROR("RANGE_INVALID"), false, false, 416},
      {405, ERROR("UNSUPPORTED"), false, false, 405},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct answer answer;
    const struct call_result *result = answer_make(&answer, rows[i].status, NULL, rows[i].body);
    CHECK(session_is_forgotten(result) == rows[i].forgotten, "%d %s", rows[i].status, rows[i].body);
    CHECK(session_is_spoilt(result) == rows[i].spoilt, "%d %s", rows[i].status, rows[i].body);
    CHECK(session_refusal(result) == rows[i].refusal, "%d %s", rows[i].status, rows[i].body);
    answer_free(&answer);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_newest_location_is_the_one_that_counts),
      cmocka_unit_test(distributions_sessions_say_what_they_hold),
      cmocka_unit_test(without_a_location_there_is_no_session),
      cmocka_unit_test(the_least_chunk_outlives_the_session),
      cmocka_unit_test(a_status_tells),
      cmocka_unit_test(other_answers_to_it),
      cmocka_unit_test(no_answer_is_silence),
      cmocka_unit_test(an_offset_that_was_refused_is_not_believed),
      cmocka_unit_test(a_loss_is_no_refusal),
      cmocka_unit_test(odd_ranges_leave_it_to_our_ledger),
      cmocka_unit_test(odd_ranges_are_assumed_once),
      cmocka_unit_test(a_part_that_is_taken_ends_the_doubt),
      cmocka_unit_test(a_new_session_knows_nothing_of_the_old),
      cmocka_unit_test(what_a_refusal_is_about),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
