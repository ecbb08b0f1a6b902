/* cmd/command.h - the commands of dray: what they take, what their help says, what runs them. */
#ifndef DRAY_CMD_COMMAND_H
#define DRAY_CMD_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

struct args;

/* Which flags a command knows: bits, one for each group of the table in flags.c. */
enum flag_group {
  GROUP_EVERY = 1,
  GROUP_CONNECTION = 2,
  GROUP_COPY = 4,
  GROUP_TAGS = 8,
  GROUP_IMAGES = 16, /* which images copy is about */
  GROUP_SYNC = 32,
  GROUP_LOGIN = 256,
  GROUP_VERIFY = 512,
  GROUP_INSPECT = 1024
};

struct command {
  const char *name;
  const char *operands;                /* as the usage line shows them; "": none */
  const char *needs;                   /* "SRC and DST": what is missing when operands are */
  size_t least, most;                  /* operands */
  unsigned groups;                     /* enum flag_group */
  bool makes_authfile;                 /* that of --authfile may be missing */
  const char *summary;                 /* one line, for the list of commands */
  const char *text;                    /* what its help says; '\n' ends a paragraph */
  const char *examples;                /* one a line */
  int (*run)(const struct args *args); /* returns the exit status */
};

enum { COMMANDS = 11 };
extern const struct command commands[COMMANDS];

const struct command *command_find(const char *name); /* NULL: there is none */
/* The nearest command's name, or NULL. */
const char *command_nearest(const char *name);

int copy_run(const struct args *args);
int sync_run(const struct args *args);
int manifest_run(const struct args *args);
int digest_run(const struct args *args);
int tags_run(const struct args *args);
int inspect_run(const struct args *args);
int verify_run(const struct args *args);
int login_run(const struct args *args);
int logout_run(const struct args *args);
int version_run(const struct args *args);
int help_run(const struct args *args);

#endif
