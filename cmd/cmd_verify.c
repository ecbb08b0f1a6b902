#include <stdlib.h>

#include "command.h"
#include "format.h"
#include "session.h"

static void print_text(struct output *output, const struct dray_verified *verified) {
  char manifests[64], blobs[64], bytes[64], differences[64];
  for (size_t i = 0; i < verified->shown_count; i++)
    output_print(output, "%s\n", verified->shown[i].text);
  if (verified->differences > verified->shown_count)
    output_print(output, "and %zu more\n", verified->differences - verified->shown_count);
  if (verified->differences)
    output_print(output, "%s in %s -> %s\n",
                 format_count(differences, verified->differences, "difference"), verified->source,
                 verified->target);
  else
    output_print(
        output, "same %s -> %s\n%s  %s, %s, %s%s, %.1f s\n", verified->source, verified->target,
        verified->digest, format_count(manifests, verified->manifests, "manifest"),
        format_count(blobs, verified->blobs, "blob"), dray_format_bytes(bytes, verified->bytes),
        verified->deep ? " read on both sides" : "", verified->seconds);
}

static void print(struct output *output, bool json, enum dray_status status,
                  const struct dray_verified *verified, const struct dray_error *error) {
  if (json) {
    char *document = dray_verified_json(verified, error);
    output_json(output, document);
    free(document);
  } else if (!output->quiet && (status == DRAY_OK || verified->differences)) {
    print_text(output, verified);
  }
}

int verify_run(const struct args *args) {
  struct session session;
  int begun = session_begin(&session, args, 0);
  if (begun != 0)
    return begun;
  const char *const *operands = args_operands(args);
  struct dray_verified *verified;
  enum dray_status status =
      dray_verify(session.dray, operands[0], operands[1], args->number[FLAG_DEEP], &verified);
  if (verified)
    print(&session.output, args->number[FLAG_RESULT] == OUTPUT_JSON, status, verified,
          dray_last_error(session.dray));
  dray_verified_free(verified);
  return session_end(&session, status);
}
