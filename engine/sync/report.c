#include "sync/report.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"

struct dray_report {
  struct buf images; /* as text, one a line: a fraction of what objects would hold */
  struct dray_totals totals;
  bool dry_run;
};

struct dray_report *dray_report_new(bool dry_run) {
  struct dray_report *report = mem_zalloc(sizeof *report);
  buf_init(&report->images, SIZE_MAX);
  report->dry_run = dry_run;
  return report;
}

void dray_report_free(struct dray_report *report) {
  if (!report)
    return;
  buf_free(&report->images);
  free(report);
}

const char *dray_image_status_name(enum dray_image_status status) {
  static const char *const names[] = {
      [DRAY_COPIED] = "copied",   [DRAY_UNCHANGED] = "unchanged", [DRAY_IMAGE_FAILED] = "failed",
      [DRAY_SKIPPED] = "skipped", [DRAY_DELETED] = "deleted",     [DRAY_PLANNED] = "planned"};
  return names[status];
}

static json_t *text_json(const char *text) { return text ? json_string(text) : json_null(); }

static json_t *count_json(uint64_t count) { return json_integer((json_int_t)count); }

/* To the millisecond: more is noise. */
static json_t *seconds_json(double seconds) {
  return json_real((double)(int64_t)(seconds * 1000 + 0.5) / 1000);
}

static void add(struct buf *buf, json_t *object) {
  /* Fewer digits than a double has, so that 1.1 is not 1.1000000000000001. */
  char *text = json_dumps(object, JSON_REAL_PRECISION(15));
  buf_adds(buf, text);
  free(text);
  json_decref(object);
}

json_t *report_error(const struct dray_error *error) {
  if (!error)
    return json_null();
  json_t *object = json_object();
  json_object_set_new(object, "code", text_json(error->code));
  json_object_set_new(object, "message", text_json(error->message));
  json_object_set_new(object, "host", text_json(error->host));
  json_object_set_new(object, "http_status",
                      error->http_status ? json_integer(error->http_status) : json_null());
  return object;
}

static json_t *image_json(const struct dray_image *image) {
  json_t *blobs = json_object(), *object = json_object();
  json_object_set_new(blobs, "transferred", count_json(image->transferred));
  json_object_set_new(blobs, "mounted", count_json(image->mounted));
  json_object_set_new(blobs, "existing", count_json(image->existing));
  json_object_set_new(object, "source", text_json(image->source));
  json_object_set_new(object, "target", text_json(image->target));
  json_object_set_new(object, "digest", text_json(image->digest));
  json_object_set_new(object, "status", text_json(dray_image_status_name(image->status)));
  json_object_set_new(object, "media_type", text_json(image->media_type));
  json_object_set_new(object, "bytes", count_json(image->bytes));
  json_object_set_new(object, "seconds", seconds_json(image->seconds));
  json_object_set_new(object, "blobs", blobs);
  json_object_set_new(object, "error", report_error(image->error));
  return object;
}

static json_t *totals_json(const struct dray_totals *totals, bool dry_run) {
  json_t *object = json_object();
  json_object_set_new(object, "images", count_json(totals->images));
  json_object_set_new(object, "copied", count_json(totals->copied));
  json_object_set_new(object, "unchanged", count_json(totals->unchanged));
  json_object_set_new(object, "failed", count_json(totals->failed));
  json_object_set_new(object, "skipped", count_json(totals->skipped));
  json_object_set_new(object, "deleted", count_json(totals->deleted));
  json_object_set_new(object, "bytes", count_json(totals->bytes));
  json_object_set_new(object, "requests", count_json(totals->requests));
  json_object_set_new(object, "retries", count_json(totals->retries));
  json_object_set_new(object, "seconds", seconds_json(totals->seconds));
  if (dry_run) {
    json_object_set_new(object, "planned_bytes", count_json(totals->planned_bytes));
    json_object_set_new(object, "pulls", count_json(totals->pulls));
  }
  return object;
}

/* -- the events -- */

static json_t *plan_json(const struct dray_event *event) {
  json_t *object = json_object();
  json_object_set_new(object, "source", text_json(event->u.plan.source));
  json_object_set_new(object, "target", text_json(event->u.plan.target));
  json_object_set_new(object, "digest", text_json(event->u.plan.digest));
  json_object_set_new(object, "manifests", count_json(event->u.plan.manifests));
  json_object_set_new(object, "blobs", count_json(event->u.plan.blobs));
  json_object_set_new(object, "bytes", count_json(event->u.plan.bytes));
  return object;
}

static json_t *blob_json(const struct dray_event *event) {
  json_t *object = json_object();
  json_object_set_new(object, "from", text_json(event->u.blob.from));
  json_object_set_new(object, "to", text_json(event->u.blob.to));
  json_object_set_new(object, "digest", text_json(event->u.blob.digest));
  json_object_set_new(object, "size", count_json(event->u.blob.size));
  json_object_set_new(object, "offset", count_json(event->u.blob.offset));
  json_object_set_new(object, "resumed", json_boolean(event->u.blob.resumed));
  json_object_set_new(object, "mounted", json_boolean(event->u.blob.mounted));
  json_object_set_new(object, "existing", json_boolean(event->u.blob.existed));
  json_object_set_new(object, "began", seconds_json(event->u.blob.began));
  json_object_set_new(object, "seconds", seconds_json(event->u.blob.seconds));
  return object;
}

static json_t *retry_json(const struct dray_event *event) {
  json_t *object = json_object();
  json_object_set_new(object, "host", text_json(event->u.retry.host));
  json_object_set_new(object, "request", text_json(event->u.retry.what));
  json_object_set_new(object, "reason", text_json(event->u.retry.reason));
  json_object_set_new(object, "attempt", count_json(event->u.retry.attempt));
  json_object_set_new(object, "wait_seconds", seconds_json((double)event->u.retry.wait_ms / 1000));
  return object;
}

char *dray_event_json(const struct dray_event *event, bool dry_run) {
  static const char *const names[] = {
      [DRAY_EVENT_START] = "start", [DRAY_EVENT_PLAN] = "plan",   [DRAY_EVENT_BLOB] = "blob",
      [DRAY_EVENT_RETRY] = "retry", [DRAY_EVENT_IMAGE] = "image", [DRAY_EVENT_END] = "end"};
  json_t *object = json_object(), *more = NULL;
  switch (event->kind) {
  case DRAY_EVENT_START:
    more = json_object();
    json_object_set_new(more, "version", json_integer(1));
    break;
  case DRAY_EVENT_PLAN:
    more = plan_json(event);
    break;
  case DRAY_EVENT_BLOB:
    more = blob_json(event);
    break;
  case DRAY_EVENT_RETRY:
    more = retry_json(event);
    break;
  case DRAY_EVENT_IMAGE:
    more = image_json(event->u.image);
    break;
  case DRAY_EVENT_END:
    more = json_object();
    json_object_set_new(more, "totals", totals_json(&event->u.end, dry_run));
    break;
  case DRAY_EVENT_LOG:
  case DRAY_EVENT_TICK:
  case DRAY_EVENT_SIGNAL:
    json_decref(object);
    return NULL;
  }
  json_object_set_new(object, "event", text_json(names[event->kind]));
  json_object_update(object, more);
  json_decref(more);
  struct buf line;
  buf_init(&line, SIZE_MAX);
  add(&line, object);
  buf_adds(&line, "\n");
  return buf_take(&line);
}

/* -- the document -- */

void dray_report_add(struct dray_report *report, const struct dray_event *event) {
  if (event->kind == DRAY_EVENT_IMAGE) {
    buf_adds(&report->images, report->images.len ? ",\n  " : "\n  ");
    add(&report->images, image_json(event->u.image));
  } else if (event->kind == DRAY_EVENT_END) {
    report->totals = event->u.end;
  }
}

char *dray_report_json(const struct dray_report *report) {
  struct buf document;
  buf_init(&document, SIZE_MAX);
  buf_addf(&document,
           "{\"version\": 1,\n \"images\": [%s],\n \"totals\": ", buf_str(&report->images));
  add(&document, totals_json(&report->totals, report->dry_run));
  buf_adds(&document, "}\n");
  return buf_take(&document);
}
