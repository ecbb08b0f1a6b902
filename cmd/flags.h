/* cmd/flags.h - the flags: one table for parsing, help and suggestions. */
#ifndef DRAY_CMD_FLAGS_H
#define DRAY_CMD_FLAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "command.h"

/* In the order in which help lists them. */
enum flag_id {
  FLAG_JOBS,
  FLAG_MAX_CONNECTIONS,
  FLAG_CHUNK_SIZE,
  FLAG_LIMIT_RATE,
  FLAG_PLATFORM,
  FLAG_SPARSE,
  FLAG_REFERRERS,
  FLAG_IF_EXISTS,
  FLAG_DEADLINE,
  FLAG_STATE,
  FLAG_DRY_RUN,
  FLAG_FAIL_FAST,
  FLAG_ALL_TAGS,
  FLAG_FROM_FILE,
  FLAG_CHECK,
  FLAG_DELETE,
  FLAG_DELETE_MAX,
  FLAG_SHARD,
  FLAG_SHARDS,
  FLAG_LOCK,
  FLAG_LOCKED,
  FLAG_TO,
  FLAG_SCOPED,
  FLAG_AUTH,
  FLAG_TAGS,
  FLAG_EXCLUDE,
  FLAG_NEWEST,
  FLAG_DEEP,
  FLAG_USER,
  FLAG_PASSWORD_STDIN,
  FLAG_PASSWORD,
  FLAG_OUTPUT,
  FLAG_RESULT, /* the same word, of commands that have no events */
  FLAG_PROGRESS,
  FLAG_REPORT,
  FLAG_LOG_FORMAT,
  FLAG_RETRIES,
  FLAG_STALL_TIMEOUT,
  FLAG_CONNECT_TIMEOUT,
  FLAG_PLAIN_HTTP,
  FLAG_TLS,
  FLAG_INSECURE,
  FLAG_CA_FILE,
  FLAG_AUTHFILE,
  FLAG_QUIET,
  FLAG_VERBOSE,
  FLAG_HELP,
  FLAGS
};

enum flag_kind {
  FLAG_SWITCH,   /* a number: 0 or 1 */
  FLAG_NUMBER,   /* a number: min..max */
  FLAG_SIZE,     /* a number: bytes, 0 for "auto" */
  FLAG_DURATION, /* a number: milliseconds, min..max */
  FLAG_CHOICE,   /* a number: an index into choices */
  FLAG_TEXT,     /* the last word given */
  FLAG_TEXTS,    /* all words given */
  FLAG_HOSTS,    /* the same, each HOST[:PORT] */
  FLAG_REPORTS   /* the same, each a file whose ending is one of the choices */
};

enum output_format { OUTPUT_TEXT, OUTPUT_JSON, OUTPUT_NDJSON };
enum progress_kind { PROGRESS_AUTO, PROGRESS_BAR, PROGRESS_PLAIN, PROGRESS_NONE };
enum log_format { LOG_TEXT, LOG_JSON };

struct flag {
  const char *name;
  const char *alias; /* another long name, or NULL */
  char letter;       /* or 0 */
  bool automatic;    /* FLAG_SIZE: "auto" is one, 0 */
  bool negatable;    /* FLAG_SWITCH: --no-NAME is its opposite; the last one counts */
  enum flag_kind kind;
  unsigned group;    /* enum flag_group, any of these */
  const char *value; /* what help calls it; NULL: the flag takes none */
  int64_t min, max;
  const char *const *choices; /* NULL at the end */
  const char *env;            /* the variable that stands in for the flag, or NULL */
  const char *help;
  const char *refusal; /* why there is no such flag, though people expect it; NULL: there is */
};

extern const struct flag flags[FLAGS];

bool flags_known(const struct command *command, enum flag_id id);

/* Looks among the flags of a command; FLAGS where there is none. --no-NAME finds NAME. */
enum flag_id flags_find(const struct command *command, const char *name, size_t len);
enum flag_id flags_find_letter(const struct command *command, char letter);
/* Is it the --no-NAME of that flag? */
bool flags_negates(enum flag_id id, const char *name, size_t len);
/* The long name nearest to name, or NULL. */
const char *flags_nearest(const struct command *command, const char *name);

#endif
