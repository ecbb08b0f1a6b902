/* dray - moves container images between registries. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "args.h"
#include "command.h"
#include "engine/dray.h"
#include "help.h"

/* Where a standard stream is closed, the next socket would take its number and be sent the result.
 * What is put there instead refuses reads of stdin and writes to the others. */
static void hold_standard_streams(void) {
  for (int fd = 0; fd <= 2; fd++)
    if (fcntl(fd, F_GETFD) == -1)
      (void)open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

static int refuse_command(const char *name) {
  if (name[0] != '-')
    return help_unknown(name);
  static const char *const known[] = {"--help", "--version", NULL};
  const char *nearest = dray_nearest(name, known);
  if (nearest)
    return help_error(NULL, "unknown flag %s; did you mean %s?", name, nearest);
  return help_error(NULL, "a command must stand before %s", name);
}

int main(int argc, char **argv) {
  hold_standard_streams();
  signal(SIGPIPE, SIG_IGN);
  /* Like an unknown command: a script whose command got lost must not pass. */
  if (argc < 2) {
    help_print(stderr, NULL);
    return DRAY_USAGE;
  }
  const char *name = argv[1];
  if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
    name = "help";
  else if (strcmp(name, "--version") == 0)
    name = "version";
  const struct command *command = command_find(name);
  if (!command)
    return refuse_command(name);
  struct args args;
  const char *pool[ARGS_POOL(argc)];
  int status = args_parse(&args, command, argv + 2, pool);
  if (status != 0)
    return status;
  return args.number[FLAG_HELP] ? help_show(&args, command) : command->run(&args);
}
