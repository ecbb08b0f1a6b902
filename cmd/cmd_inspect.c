#include <stdlib.h>

#include "command.h"
#include "format.h"
#include "session.h"

enum { STEP = 2 }; /* columns a level */

static void print_annotations(struct output *output, const struct dray_part *part, int column) {
  for (size_t i = 0; i < part->annotation_count; i++)
    output_print(output, "%*s%s: %s\n", column, "", part->annotations[i].name,
                 part->annotations[i].value);
}

/* "label digest, size type" */
static void print_blob(struct output *output, const struct dray_part *part, const char *label,
                       int column) {
  char size[64];
  output_print(output, "%*s%s %s, %s %s%s\n", column, "", label, part->digest,
               dray_format_bytes(size, part->size), part->media_type,
               part->is_foreign ? ", kept elsewhere" : "");
  print_annotations(output, part, column + STEP);
}

static void print_history(struct output *output, const struct dray_part *part, int column) {
  if (*part->created)
    output_print(output, "%*screated %s\n", column, "", part->created);
  for (size_t i = 0; i < part->history_count; i++) {
    const struct dray_step *step = &part->history[i];
    output_print(output, "%*sstep %s %s%s%s%s\n", column, "", step->created, step->created_by,
                 *step->comment ? " # " : "", step->comment, step->empty ? " (no layer)" : "");
  }
}

static const char *label_of(const struct dray_part *part) {
  return *part->platform        ? part->platform
         : part->is_index       ? "index"
         : *part->artifact_type ? "artifact"
                                : "image";
}

static size_t blobs_of(const struct dray_part *part) {
  size_t count = 0;
  for (size_t i = 0; i < part->part_count; i++)
    count += !part->parts[i].is_manifest;
  return count;
}

static void print_manifest(struct output *output, const struct dray_part *part, int column) {
  char bytes[64], count[64];
  output_print(output, "%*s%s %s", column, "", label_of(part), part->digest);
  if (part->is_missing)
    output_print(output, ", not in this repository");
  else if (part->is_index)
    output_print(output, ", %s in %s", dray_format_bytes(bytes, part->bytes),
                 format_count(count, part->part_count, "manifest"));
  else
    output_print(output, ", %s in %s", dray_format_bytes(bytes, part->bytes),
                 format_count(count, blobs_of(part), "blob"));
  output_print(output, "\n%*s%s %s%s%s\n", column + STEP, "", dray_format_bytes(bytes, part->size),
               part->media_type, *part->artifact_type ? ", " : "", part->artifact_type);
  if (*part->subject)
    output_print(output, "%*srefers to %s\n", column + STEP, "", part->subject);
  print_annotations(output, part, column + STEP);
  print_history(output, part, column + STEP);
  for (size_t i = 0; i < part->part_count; i++) {
    const struct dray_part *below = &part->parts[i];
    if (below->is_manifest)
      print_manifest(output, below, column + STEP);
    else
      print_blob(output, below,
                 part->is_index ? "blob"
                 : i == 0       ? "config"
                                : "layer",
                 column + STEP);
  }
}

static void print_referrers(struct output *output, const struct dray_inspected *inspected) {
  char count[64], size[64];
  output_print(output, "%s\n", format_count(count, inspected->referrer_count, "referrer"));
  for (size_t i = 0; i < inspected->referrer_count; i++) {
    const struct dray_part *part = &inspected->referrers[i];
    output_print(output, "%*s%s", STEP, "", part->digest);
    if (*part->tag)
      output_print(output, ", cosign's tag %s\n", part->tag);
    else
      output_print(output, ", %s %s\n", dray_format_bytes(size, part->size),
                   *part->artifact_type ? part->artifact_type : part->media_type);
    print_annotations(output, part, 2 * STEP);
  }
}

int inspect_run(const struct args *args) {
  struct session session;
  struct output *output = &session.output;
  int begun = session_begin(&session, args, 0);
  if (begun != 0)
    return begun;
  struct dray_inspected *inspected;
  enum dray_status status =
      dray_inspect(session.dray, args_operands(args)[0], args->number[FLAG_VERBOSE], &inspected);
  if (status == DRAY_OK && args->number[FLAG_RESULT] == OUTPUT_JSON) {
    char *document = dray_inspected_json(inspected);
    output_json(output, document);
    free(document);
  } else if (status == DRAY_OK) {
    output_print(output, "%s\n", inspected->reference);
    print_manifest(output, &inspected->image, 0);
    print_referrers(output, inspected);
  }
  dray_inspected_free(inspected);
  return session_end(&session, status);
}
