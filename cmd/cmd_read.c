/* The commands that ask a registry one thing and print the answer. */
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "session.h"

int manifest_run(const struct args *args) {
  struct session session;
  int begun = session_begin(&session, args, 0);
  if (begun != 0)
    return begun;
  char *data;
  size_t len;
  enum dray_status status = dray_manifest(session.dray, args_operands(args)[0], &data, &len);
  if (status == DRAY_OK) {
    output_write(&session.output, data, len);
    free(data);
  }
  return session_end(&session, status);
}

int digest_run(const struct args *args) {
  struct session session;
  int begun = session_begin(&session, args, 0);
  if (begun != 0)
    return begun;
  char *digest;
  enum dray_status status = dray_digest(session.dray, args_operands(args)[0], &digest);
  if (status == DRAY_OK) {
    output_print(&session.output, "%s\n", digest);
    free(digest);
  }
  return session_end(&session, status);
}

int tags_run(const struct args *args) {
  struct session session;
  int begun = session_begin(&session, args, 0);
  if (begun != 0)
    return begun;
  struct dray_selection selection = {.include = args_words(args, FLAG_TAGS),
                                     .exclude = args_words(args, FLAG_EXCLUDE),
                                     .newest = args->number[FLAG_NEWEST]};
  char **tags;
  enum dray_status status = dray_tags(session.dray, args_operands(args)[0], &selection, &tags);
  if (status == DRAY_OK) {
    for (char **tag = tags; *tag; tag++)
      output_print(&session.output, "%s\n", *tag);
    free(tags);
  }
  return session_end(&session, status);
}
