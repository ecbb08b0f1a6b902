/* dray_verified_json(): the document of dray_verify(). */
#include <jansson.h>
#include <stdlib.h>

#include "base/mem.h"
#include "dray.h"
#include "sync/report.h"

char *dray_verified_json(const struct dray_verified *verified, const struct dray_error *error) {
  json_t *list = json_array();
  double seconds = (double)(int64_t)(verified->seconds * 1000 + 0.5) / 1000;
  for (size_t i = 0; i < verified->shown_count; i++) {
    const struct dray_difference *shown = &verified->shown[i];
    json_array_append_new(list,
                          json_pack("{ss ss ss ss}", "part", shown->part, "problem", shown->problem,
                                    "digest", shown->digest, "text", shown->text));
  }
  json_t *document = json_pack(
      "{si ss ss ss ss sb sb si si sI sf sI so so}", "version", 1, "source", verified->source,
      "target", verified->target, "digest", verified->digest, "target_digest",
      verified->target_digest, "same", !error && !verified->differences, "deep", verified->deep,
      "manifests", (int)verified->manifests, "blobs", (int)verified->blobs, "bytes",
      (json_int_t)verified->bytes, "seconds", seconds, "difference_count",
      (json_int_t)verified->differences, "differences", list, "error", report_error(error));
  char *text = json_dumps(document, JSON_INDENT(1) | JSON_REAL_PRECISION(15));
  char *whole = mem_printf("%s\n", text);
  free(text);
  json_decref(document);
  return whole;
}
