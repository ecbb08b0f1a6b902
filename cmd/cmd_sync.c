#include "command.h"
#include "session.h"

int sync_run(const struct args *args) {
  struct args checked = *args; /* --check is a dry run that is judged */
  struct session session;
  if (args->number[FLAG_CHECK])
    checked.number[FLAG_DRY_RUN] = 1;
  int status = session_begin(&session, &checked, UINT64_MAX);
  if (status != 0)
    return status;
  struct dray_sync sync = {.files = args_operands(args),
                           .to = args_text(args, FLAG_TO),
                           .scoped = args->number[FLAG_SCOPED],
                           .auth = args_text(args, FLAG_AUTH),
                           .check = args->number[FLAG_CHECK],
                           .delete = args->number[FLAG_DELETE],
                           .delete_max = (int)args->number[FLAG_DELETE_MAX],
                           .shard = args_text(args, FLAG_SHARD),
                           .shards = (int)args->number[FLAG_SHARDS],
                           .lock = args_text(args, FLAG_LOCK),
                           .locked = args->number[FLAG_LOCKED]};
  return session_end(&session, dray_sync(session.dray, &sync));
}
