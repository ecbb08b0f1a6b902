#include "summary.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "format.h"

static void append(char dst[SUMMARY_ROOM], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void append(char dst[SUMMARY_ROOM], const char *format, ...) {
  size_t len = strlen(dst);
  va_list ap;
  va_start(ap, format);
  vsnprintf(dst + len, SUMMARY_ROOM - len, format, ap);
  va_end(ap);
}

void summary_head(char dst[SUMMARY_ROOM], const struct dray_image *image) {
  const char *verb =
      image->status == DRAY_PLANNED ? "would copy" : dray_image_status_name(image->status);
  snprintf(dst, SUMMARY_ROOM, "%s %s -> %s", verb, image->source, image->target);
}

static void append_blobs(char dst[SUMMARY_ROOM], const struct dray_image *image) {
  const struct {
    unsigned count;
    const char *name;
  } parts[] = {
      {image->resumed, "resumed"}, {image->mounted, "mounted"}, {image->existing, "existing"}};
  const char *separator = " (";
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    if (parts[i].count == 0)
      continue;
    append(dst, "%s%u %s", separator, parts[i].count, parts[i].name);
    separator = ", ";
  }
  if (image->resumed || image->mounted || image->existing)
    append(dst, ")");
}

void summary_figures(char dst[SUMMARY_ROOM], const struct dray_image *image) {
  char bytes[64], blobs[64], pulls[64];
  bool planned = image->status == DRAY_PLANNED;
  dst[0] = '\0';
  if (image->status == DRAY_IMAGE_FAILED)
    return;
  if (image->status == DRAY_COPIED || planned) {
    dray_format_bytes(bytes, planned ? image->planned_bytes : image->bytes);
    append(dst, "%s in %s", bytes, format_count(blobs, image->transferred, "blob"));
    append_blobs(dst, image);
    append(dst, ", ");
  }
  if (planned)
    append(dst, "%s", format_count(pulls, image->pulls, "metered pull"));
  else
    append(dst, "%.1f s", image->seconds);
  if (image->status != DRAY_SKIPPED && *image->source_digest &&
      strcmp(image->digest, image->source_digest) != 0)
    append(dst, "; another digest than the source's, %s", image->source_digest);
}

void summary_line(char dst[SUMMARY_ROOM], const struct dray_image *image) {
  char figures[SUMMARY_ROOM];
  summary_figures(figures, image);
  summary_head(dst, image);
  if (*image->digest && !image->error)
    append(dst, ", %s", image->digest);
  if (*figures)
    append(dst, ", %s", figures);
}

void summary_totals(char dst[SUMMARY_ROOM], const struct dray_totals *totals) {
  const struct {
    uint64_t count;
    const char *name;
  } parts[] = {{totals->planned, "to copy"},     {totals->copied, "copied"},
               {totals->unchanged, "unchanged"}, {totals->skipped, "skipped"},
               {totals->deleted, "deleted"},     {totals->failed, "failed"}};
  char images[64], bytes[64], pulls[64];
  snprintf(dst, SUMMARY_ROOM, "%s", format_count(images, totals->images, "image"));
  const char *separator = ": ";
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    if (parts[i].count == 0)
      continue;
    append(dst, "%s%" PRIu64 " %s", separator, parts[i].count, parts[i].name);
    separator = ", ";
  }
  if (totals->planned)
    append(dst, "; %s, %s", dray_format_bytes(bytes, totals->planned_bytes),
           format_count(pulls, totals->pulls, "metered pull"));
  else
    append(dst, "; %s, %.1f s", dray_format_bytes(bytes, totals->bytes), totals->seconds);
}
