#include "command.h"
#include "help.h"
#include "session.h"

/* Which of the three kinds of copy it is, and whether the other flags are of that kind. */
static int check(const struct args *args) {
  if (args->given[FLAG_FROM_FILE] && args->given[FLAG_ALL_TAGS])
    return help_error(args->command, "--from-file and --all-tags exclude each other");
  static const enum flag_id choosing[] = {FLAG_TAGS, FLAG_EXCLUDE, FLAG_NEWEST};
  for (size_t i = 0; i < sizeof choosing / sizeof *choosing; i++)
    if (args->given[choosing[i]] && !args->given[FLAG_ALL_TAGS])
      return help_error(args->command, "--%s goes with --all-tags", flags[choosing[i]].name);
  if (args->given[FLAG_SPARSE] && !args->given[FLAG_PLATFORM])
    return help_error(args->command, "--sparse goes with --platform");
  return 0;
}

static enum dray_status copy(struct dray *dray, const struct args *args) {
  const char *const *operands = args_operands(args);
  if (args->given[FLAG_FROM_FILE])
    return dray_copy_list(dray, args_text(args, FLAG_FROM_FILE));
  if (!args->given[FLAG_ALL_TAGS])
    return dray_copy(dray, &(struct dray_copy){.source = operands[0], .targets = &operands[1]}, 1);
  return dray_copy_tags(dray, operands[0], &operands[1],
                        &(struct dray_selection){.include = args_words(args, FLAG_TAGS),
                                                 .exclude = args_words(args, FLAG_EXCLUDE),
                                                 .newest = args->number[FLAG_NEWEST]});
}

int copy_run(const struct args *args) {
  bool several = args->given[FLAG_FROM_FILE] || args->given[FLAG_ALL_TAGS];
  struct session session;
  int status = check(args);
  if (status == 0)
    status = session_begin(&session, args, several ? UINT64_MAX : args_operand_count(args) - 1);
  return status != 0 ? status : session_end(&session, copy(session.dray, args));
}
