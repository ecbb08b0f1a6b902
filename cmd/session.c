#include "session.h"

#include <stdlib.h>
#include <string.h>

/* The caller's. */
static char *default_state(struct output *output) {
  char *file = dray_default_state();
  if (!file)
    output_warning(output,
                   "neither XDG_STATE_HOME nor HOME is set: half-done transfers are not remembered "
                   "for the next run (--state FILE)");
  return file;
}

int session_begin(struct session *session, const struct args *args, uint64_t images) {
  output_init(&session->output, args, images);
  if (output_check(&session->output) != 0)
    return output_end(&session->output, DRAY_USAGE);
  struct dray_options options;
  args_options(args, &options);
  const char *given = args_text(args, FLAG_STATE);
  char *preset = images && !options.dry_run && !given ? default_state(&session->output) : NULL;
  options.state = given && strcmp(given, "none") != 0 ? given : preset;
  options.authfile_may_be_missing = args->command->makes_authfile;
  options.signals = true;
  options.event = output_event;
  options.event_arg = &session->output;
  struct dray_error error;
  session->dray = dray_new(&options, &error);
  free(preset);
  if (session->dray)
    return 0;
  output_error(&session->output, error.code, error.host, error.message);
  dray_error_free(&error);
  return output_end(&session->output, DRAY_USAGE);
}

int session_end(struct session *session, enum dray_status status) {
  const struct dray_error *error = dray_last_error(session->dray);
  if (status != DRAY_OK && error && !session->output.failed)
    output_error(&session->output, error->code, error->host, error->message);
  int result = output_end(&session->output, (int)status);
  dray_free(session->dray);
  return result;
}
