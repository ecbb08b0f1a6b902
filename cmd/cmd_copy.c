#include "command.h"
#include "session.h"

int copy_run(const struct args *args) {
  const char *const *operands = args_operands(args);
  struct dray_copy copy = {.source = operands[0], .targets = &operands[1]};
  struct session session;
  int status = session_begin(&session, args, args_operand_count(args) - 1);
  if (status != 0)
    return status;
  return session_end(&session, dray_copy(session.dray, &copy, 1));
}
