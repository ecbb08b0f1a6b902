#include "sync/report.h"

#include <jansson.h>

#include "unit.h"

static const struct dray_image copied = {.source = "gcr.io/p/app:v1",
                                         .target = "ghcr.io/me/app:v1",
                                         .digest = "sha256:abc",
                                         .media_type = "application/vnd.oci.image.index.v1+json",
                                         .status = DRAY_COPIED,
                                         .bytes = 123,
                                         .seconds = 1.1,
                                         .transferred = 4,
                                         .mounted = 1,
                                         .existing = 2};

static void add_image(struct dray_report *report, const struct dray_image *image) {
  dray_report_add(report, &(struct dray_event){.kind = DRAY_EVENT_IMAGE, .u.image = image});
}

static void add_end(struct dray_report *report, struct dray_totals totals) {
  dray_report_add(report, &(struct dray_event){.kind = DRAY_EVENT_END, .u.end = totals});
}

/* The document, which must be JSON to its end. Frees the report. */
static json_t *take_document(struct dray_report *report) {
  char *text = dray_report_json(report);
  assert_int_equal(text[strlen(text) - 1], '\n');
  json_t *document = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
  assert_non_null(document);
  free(text);
  dray_report_free(report);
  return document;
}

static const char *image_text(json_t *document, size_t i, const char *key) {
  return json_string_value(
      json_object_get(json_array_get(json_object_get(document, "images"), i), key));
}

static void assert_same_json(json_t *got, const char *wanted) {
  char *text = json_dumps(got, JSON_REAL_PRECISION(15));
  assert_string_equal(text, wanted);
  free(text);
}

static void an_image_has_the_documented_keys_in_their_order(void **state) {
  (void)state;
  struct dray_report *report = dray_report_new(false);
  add_image(report, &copied);
  add_end(report, (struct dray_totals){
                      .images = 1, .copied = 1, .bytes = 123, .requests = 20, .seconds = 1.25});
  json_t *document = take_document(report);
  assert_same_json(
      document,
      "{\"version\": 1, \"images\": [{\"source\": \"gcr.io/p/app:v1\", \"target\": "
      "\"ghcr.io/me/app:v1\", \"digest\": \"sha256:abc\", \"status\": \"copied\", \"media_type\": "
      "\"application/vnd.oci.image.index.v1+json\", \"bytes\": 123, \"seconds\": 1.1, \"blobs\": "
      "{\"transferred\": 4, \"mounted\": 1, \"existing\": 2}, \"error\": null}], \"totals\": "
      "{\"images\": 1, \"copied\": 1, \"unchanged\": 0, \"failed\": 0, \"skipped\": 0, "
      "\"deleted\": 0, \"bytes\": 123, \"requests\": 20, \"retries\": 0, \"seconds\": 1.25}}");
  json_decref(document);
}

static void images_come_in_the_order_of_completion(void **state) {
  (void)state;
  static const char *const targets[] = {"b.example/x", "a.example/x", "c.example/x"};
  struct dray_report *report = dray_report_new(false);
  for (size_t i = 0; i < COUNT(targets); i++) {
    struct dray_image image = copied;
    image.target = targets[i];
    add_image(report, &image);
  }
  json_t *document = take_document(report);
  assert_int_equal(json_array_size(json_object_get(document, "images")), COUNT(targets));
  for (size_t i = 0; i < COUNT(targets); i++)
    assert_string_equal(image_text(document, i, "target"), targets[i]);
  json_decref(document);
}

static void each_status_has_its_name(void **state) {
  (void)state;
  static const char *const names[] = {"copied",  "unchanged", "failed",
                                      "skipped", "deleted",   "planned"};
  struct dray_report *report = dray_report_new(false);
  for (size_t i = 0; i < COUNT(names); i++) {
    struct dray_image image = copied;
    image.status = (enum dray_image_status)i;
    add_image(report, &image);
  }
  json_t *document = take_document(report);
  for (size_t i = 0; i < COUNT(names); i++)
    assert_string_equal(image_text(document, i, "status"), names[i]);
  json_decref(document);
}

static void an_error_tells_code_message_host_and_status(void **state) {
  (void)state;
  struct dray_error denied = {"denied", "ghcr.io/me/app:v1: say \"please\"\\", "ghcr.io", 403};
  struct dray_error unknown = {"io", "a pipe broke", NULL, 0};
  struct dray_image image = copied;
  struct dray_report *report = dray_report_new(false);
  image.status = DRAY_IMAGE_FAILED;
  image.error = &denied;
  add_image(report, &image);
  image.error = &unknown;
  add_image(report, &image);
  json_t *document = take_document(report), *images = json_object_get(document, "images");
  assert_same_json(json_object_get(json_array_get(images, 0), "error"),
                   "{\"code\": \"denied\", \"message\": \"ghcr.io/me/app:v1: say "
                   "\\\"please\\\"\\\\\", \"host\": \"ghcr.io\", \"http_status\": 403}");
  assert_same_json(json_object_get(json_array_get(images, 1), "error"),
                   "{\"code\": \"io\", \"message\": \"a pipe broke\", \"host\": null, "
                   "\"http_status\": null}");
  json_decref(document);
}

static void a_dry_run_adds_planned_bytes_and_pulls(void **state) {
  (void)state;
  struct dray_report *report = dray_report_new(true);
  add_end(report,
          (struct dray_totals){.images = 1, .planned = 1, .planned_bytes = 1u << 30, .pulls = 4});
  json_t *document = take_document(report), *totals = json_object_get(document, "totals");
  assert_int_equal(json_integer_value(json_object_get(totals, "planned_bytes")), 1 << 30);
  assert_int_equal(json_integer_value(json_object_get(totals, "pulls")), 4);
  json_decref(document);
}

static void without_an_event_it_is_an_empty_document(void **state) {
  (void)state;
  json_t *document = take_document(dray_report_new(false));
  assert_int_equal(json_array_size(json_object_get(document, "images")), 0);
  assert_true(json_is_array(json_object_get(document, "images")));
  assert_int_equal(
      json_integer_value(json_object_get(json_object_get(document, "totals"), "images")), 0);
  json_decref(document);
}

static void other_events_change_nothing(void **state) {
  (void)state;
  struct dray_report *report = dray_report_new(false);
  char *before = dray_report_json(report);
  dray_report_add(report, &(struct dray_event){.kind = DRAY_EVENT_START});
  dray_report_add(report, &(struct dray_event){.kind = DRAY_EVENT_TICK,
                                               .u.tick = {.totals = {.images = 1, .copied = 1}}});
  dray_report_add(report, &(struct dray_event){.kind = DRAY_EVENT_SIGNAL, .u.signal = 2});
  char *after = dray_report_json(report);
  assert_string_equal(before, after);
  free(before);
  free(after);
  dray_report_free(report);
}

static void assert_event(struct dray_event event, const char *wanted) {
  char *line = dray_event_json(&event, false);
  assert_string_equal(line, wanted);
  free(line);
}

static void each_event_is_a_line(void **state) {
  (void)state;
  assert_event((struct dray_event){.kind = DRAY_EVENT_START},
               "{\"event\": \"start\", \"version\": 1}\n");
  assert_event((struct dray_event){.kind = DRAY_EVENT_PLAN,
                                   .u.plan = {.source = "a.example/x:v1",
                                              .target = "b.example/x:v1",
                                              .digest = "sha256:abc",
                                              .manifests = 3,
                                              .blobs = 7,
                                              .bytes = 123}},
               "{\"event\": \"plan\", \"source\": \"a.example/x:v1\", \"target\": "
               "\"b.example/x:v1\", \"digest\": \"sha256:abc\", \"manifests\": 3, \"blobs\": 7, "
               "\"bytes\": 123}\n");
  assert_event((struct dray_event){.kind = DRAY_EVENT_BLOB,
                                   .u.blob = {.to = "b.example",
                                              .digest = "sha256:abc",
                                              .size = 9,
                                              .mounted = true,
                                              .began = 1.25,
                                              .seconds = 0.5}},
               "{\"event\": \"blob\", \"from\": null, \"to\": \"b.example\", \"digest\": "
               "\"sha256:abc\", \"size\": 9, \"offset\": 0, \"resumed\": false, \"mounted\": true, "
               "\"existing\": false, \"began\": 1.25, \"seconds\": 0.5}\n");
  assert_event((struct dray_event){.kind = DRAY_EVENT_RETRY,
                                   .u.retry = {.host = "b.example",
                                               .what = "PUT /v2/x",
                                               .reason = "503",
                                               .attempt = 2,
                                               .wait_ms = 1500}},
               "{\"event\": \"retry\", \"host\": \"b.example\", \"request\": \"PUT /v2/x\", "
               "\"reason\": \"503\", \"attempt\": 2, \"wait_seconds\": 1.5}\n");
}

static void an_image_s_event_has_the_document_s_object(void **state) {
  (void)state;
  struct dray_event event = {.kind = DRAY_EVENT_IMAGE, .u.image = &copied};
  char *line = dray_event_json(&event, false);
  json_t *got = json_loads(line, 0, NULL);
  struct dray_report *report = dray_report_new(false);
  add_image(report, &copied);
  json_t *document = take_document(report);
  assert_string_equal(json_string_value(json_object_get(got, "event")), "image");
  json_object_del(got, "event");
  assert_true(json_equal(got, json_array_get(json_object_get(document, "images"), 0)));
  json_decref(document);
  json_decref(got);
  free(line);
}

static void the_last_event_has_the_totals(void **state) {
  (void)state;
  struct dray_event event = {.kind = DRAY_EVENT_END,
                             .u.end = {.images = 2, .planned = 2, .planned_bytes = 5, .pulls = 3}};
  for (int dry_run = 0; dry_run < 2; dry_run++) {
    char *line = dray_event_json(&event, dry_run);
    json_t *got = json_loads(line, 0, NULL), *totals = json_object_get(got, "totals");
    assert_int_equal(json_integer_value(json_object_get(totals, "images")), 2);
    assert_int_equal(json_object_get(totals, "pulls") != NULL, dry_run);
    json_decref(got);
    free(line);
  }
}

static void what_is_for_people_is_no_event(void **state) {
  (void)state;
  for (enum dray_event_kind kind = DRAY_EVENT_LOG; kind <= DRAY_EVENT_SIGNAL; kind++)
    assert_null(dray_event_json(&(struct dray_event){.kind = kind}, false));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_image_has_the_documented_keys_in_their_order),
      cmocka_unit_test(images_come_in_the_order_of_completion),
      cmocka_unit_test(each_status_has_its_name),
      cmocka_unit_test(an_error_tells_code_message_host_and_status),
      cmocka_unit_test(a_dry_run_adds_planned_bytes_and_pulls),
      cmocka_unit_test(without_an_event_it_is_an_empty_document),
      cmocka_unit_test(other_events_change_nothing),
      cmocka_unit_test(each_event_is_a_line),
      cmocka_unit_test(an_image_s_event_has_the_document_s_object),
      cmocka_unit_test(the_last_event_has_the_totals),
      cmocka_unit_test(what_is_for_people_is_no_event),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
