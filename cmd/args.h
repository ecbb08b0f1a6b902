/* cmd/args.h - what stands behind the command, read by the table of flags. */
#ifndef DRAY_CMD_ARGS_H
#define DRAY_CMD_ARGS_H

#include "engine/dray.h"
#include "flags.h"

struct args {
  const struct command *command;
  int64_t number[FLAGS]; /* of those kinds that are numbers */
  bool given[FLAGS];
  /* All words, those of one flag side by side with a NULL behind them, the operands last.
   * start[id] is where those of a flag begin, start[FLAGS] where the operands do. */
  const char **pool;
  size_t start[FLAGS + 2];
};

/* Room that pool needs. argv is a quarter of the stack at most, so an array there holds it. */
#define ARGS_POOL(argc) ((size_t)(argc) + FLAGS + 1)

/* Flags that were not given, or whose variable stands in for them, get their defaults. --help ends
 * parsing at once, without an error. pool and argv stay the caller's and must outlive args.
 * Returns 0, or DRAY_USAGE after having said on stderr what is wrong. */
int args_parse(struct args *args, const struct command *command, char **argv, const char **pool);
/* As if nothing had been given. */
void args_defaults(struct args *args, const struct command *command);

const char *const *args_operands(const struct args *args); /* NULL at the end */
size_t args_operand_count(const struct args *args);

/* All words given for a FLAG_TEXTS or FLAG_HOSTS; NULL at the end. */
const char *const *args_words(const struct args *args, enum flag_id id);

/* The last word given for a FLAG_TEXT, or NULL. */
const char *args_text(const struct args *args, enum flag_id id);

/* What points from options points into args. */
void args_options(const struct args *args, struct dray_options *options);

#endif
