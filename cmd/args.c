#include "args.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "help.h"

enum { OPERANDS = FLAGS, DELETE_MAX = 30 };

static void add_word(struct args *args, size_t kind, const char *word) {
  size_t at = args->start[kind + 1] - 1, end = args->start[OPERANDS + 1];
  memmove(&args->pool[at + 1], &args->pool[at], (end - at) * sizeof *args->pool);
  args->pool[at] = word;
  for (size_t i = kind + 1; i <= OPERANDS + 1; i++)
    args->start[i]++;
}

static const char *const *words(const struct args *args, size_t kind) {
  return &args->pool[args->start[kind]];
}

const char *const *args_words(const struct args *args, enum flag_id id) { return words(args, id); }

static size_t word_count(const struct args *args, size_t kind) {
  return args->start[kind + 1] - args->start[kind] - 1;
}

const char *const *args_operands(const struct args *args) { return words(args, OPERANDS); }

size_t args_operand_count(const struct args *args) { return word_count(args, OPERANDS); }

const char *args_text(const struct args *args, enum flag_id id) {
  size_t count = word_count(args, id);
  return count ? words(args, id)[count - 1] : NULL;
}

void args_defaults(struct args *args, const struct command *command) {
  struct dray_options options;
  dray_options_init(&options);
  *args = (struct args){.command = command};
  args->number[FLAG_JOBS] = options.jobs;
  args->number[FLAG_MAX_CONNECTIONS] = options.max_connections;
  args->number[FLAG_CHUNK_SIZE] = options.chunk_size;
  args->number[FLAG_RETRIES] = options.retries;
  args->number[FLAG_STALL_TIMEOUT] = options.stall_timeout_ms;
  args->number[FLAG_CONNECT_TIMEOUT] = options.connect_timeout_ms;
  args->number[FLAG_DELETE_MAX] = DELETE_MAX;
}

void args_options(const struct args *args, struct dray_options *options) {
  dray_options_init(options);
  options->jobs = (int)args->number[FLAG_JOBS];
  options->max_connections = (int)args->number[FLAG_MAX_CONNECTIONS];
  options->chunk_size = args->number[FLAG_CHUNK_SIZE];
  options->retries = (int)args->number[FLAG_RETRIES];
  options->stall_timeout_ms = args->number[FLAG_STALL_TIMEOUT];
  options->connect_timeout_ms = args->number[FLAG_CONNECT_TIMEOUT];
  options->limit_rate = args->number[FLAG_LIMIT_RATE];
  options->deadline_ms = args->number[FLAG_DEADLINE];
  options->dry_run = args->number[FLAG_DRY_RUN];
  options->platforms = words(args, FLAG_PLATFORM);
  options->sparse = args->number[FLAG_SPARSE];
  if (args->given[FLAG_REFERRERS])
    options->referrers = args->number[FLAG_REFERRERS] ? DRAY_REFERRERS : DRAY_NO_REFERRERS;
  options->if_exists = (enum dray_if_exists)args->number[FLAG_IF_EXISTS];
  options->fail_fast = args->number[FLAG_FAIL_FAST];
  options->plain_http = words(args, FLAG_PLAIN_HTTP);
  options->tls = words(args, FLAG_TLS);
  options->insecure = words(args, FLAG_INSECURE);
  options->ca_files = words(args, FLAG_CA_FILE);
  options->authfile = args_text(args, FLAG_AUTHFILE);
  options->log_level = args->number[FLAG_QUIET]     ? DRAY_LOG_ERROR
                       : args->number[FLAG_VERBOSE] ? DRAY_LOG_DEBUG
                                                    : DRAY_LOG_INFO;
}

static bool is_host(const char *text) {
  for (const char *c = text; *c; c++)
    if (!isalnum((unsigned char)*c) && !strchr(".-_:[]", *c))
      return false;
  return *text;
}

static int refuse_duration(const struct args *args, const struct flag *flag, const char *spelled,
                           const char *value) {
  char min[64], max[64];
  return help_error(args->command,
                    "%s: '%s' is not a duration from %s to %s, such as 500ms, 30s or 5m", spelled,
                    value, format_duration(min, flag->min), format_duration(max, flag->max));
}

static int refuse_choice(const struct args *args, const struct flag *flag, const char *spelled,
                         const char *value) {
  if (!flag->choices[1])
    return help_error(args->command, "%s: only '%s' is there yet, not '%s'", spelled,
                      flag->choices[0], value);
  const char *nearest = dray_nearest(value, flag->choices);
  return help_error(args->command, "%s: '%s' is not one of %s%s%s%s", spelled, value, flag->value,
                    nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
}

static bool ends_well(const struct flag *flag, const char *value) {
  size_t len = strlen(value);
  for (const char *const *ending = flag->choices; *ending; ending++)
    if (len > strlen(*ending) && strcmp(value + len - strlen(*ending), *ending) == 0)
      return true;
  return false;
}

static int refuse_ending(const struct args *args, const struct flag *flag, const char *spelled,
                         const char *value) {
  char endings[64] = "";
  for (const char *const *ending = flag->choices; *ending; ending++)
    snprintf(endings + strlen(endings), sizeof endings - strlen(endings), " %s", *ending);
  return help_error(args->command, "%s: '%s' ends in none of%s", spelled, value, endings);
}

/* spelled is the flag as it was given, or the variable's name. */
static int set(struct args *args, enum flag_id id, const char *spelled, const char *value) {
  const struct flag *flag = &flags[id];
  int64_t *number = &args->number[id];
  args->given[id] = true;
  switch (flag->kind) {
  case FLAG_SWITCH:
    *number = 1;
    return 0;
  case FLAG_NUMBER:
    if (dray_parse_number(value, flag->min, flag->max, number) != 0)
      return help_error(args->command, "%s: '%s' is not a number from %" PRId64 " to %" PRId64,
                        spelled, value, flag->min, flag->max);
    return 0;
  case FLAG_SIZE:
    if (flag->automatic && strcmp(value, "auto") == 0)
      *number = 0;
    else if (dray_parse_size(value, number) != 0 || *number == 0)
      return help_error(args->command, "%s: '%s' is %s a size, such as 4MiB or 512k%s", spelled,
                        value, flag->automatic ? "neither" : "not",
                        flag->automatic ? ", nor auto" : "");
    return 0;
  case FLAG_DURATION:
    if (dray_parse_duration(value, number) != 0 || *number < flag->min || *number > flag->max)
      return refuse_duration(args, flag, spelled, value);
    return 0;
  case FLAG_CHOICE:
    for (*number = 0; flag->choices[*number]; ++*number)
      if (strcmp(flag->choices[*number], value) == 0)
        return 0;
    return refuse_choice(args, flag, spelled, value);
  case FLAG_HOSTS:
    if (!is_host(value))
      return help_error(args->command, "%s: '%s' is not a host, such as registry.lan:5000", spelled,
                        value);
    add_word(args, id, value);
    return 0;
  case FLAG_REPORTS:
    if (!ends_well(flag, value))
      return refuse_ending(args, flag, spelled, value);
    add_word(args, id, value);
    return 0;
  case FLAG_TEXT:
  case FLAG_TEXTS:
    add_word(args, id, value);
    return 0;
  }
  abort();
}

static bool looks_like_flag(const char *word) {
  return word[0] == '-' && word[1] && !isdigit((unsigned char)word[1]);
}

/* value stands in the same word, or is NULL: then it is the next word. */
static int take(struct args *args, enum flag_id id, const char *spelled, const char *value,
                char ***next) {
  if (flags[id].refusal)
    return help_error(args->command, "%s: %s", spelled, flags[id].refusal);
  if (!flags[id].value) {
    if (value)
      return help_error(args->command, "%s takes no value", spelled);
  } else if (!value && **next && !looks_like_flag(**next)) {
    value = *(*next)++;
  }
  if (flags[id].value && (!value || !*value))
    return help_error(args->command, "%s needs a value: %s", spelled, flags[id].value);
  return set(args, id, spelled, value);
}

static int refuse_flag(const struct args *args, const char *word, const char *name) {
  const char *nearest = flags_nearest(args->command, name);
  return help_error(args->command, "unknown flag %s%s%s%s", word,
                    nearest ? "; did you mean --" : "", nearest ? nearest : "", nearest ? "?" : "");
}

/* --name, --name=value, --name value */
static int parse_long(struct args *args, char *word, char ***next) {
  char *equals = strchr(word, '=');
  if (equals)
    *equals = '\0'; /* so that messages have the name alone */
  enum flag_id id = flags_find(args->command, word + 2, strlen(word + 2));
  if (id == FLAGS)
    return refuse_flag(args, word, word + 2);
  int status = take(args, id, word, equals ? equals + 1 : NULL, next);
  if (flags_negates(id, word + 2, strlen(word + 2)))
    args->number[id] = 0;
  return status;
}

/* -v, -qj8, -j 8, -j=8 */
static int parse_letters(struct args *args, const char *word, char ***next) {
  /* "-jobs" is Go's way of "--jobs", not a number "obs". */
  size_t len = strcspn(word + 1, "=");
  if (len > 1 && flags_find(args->command, word + 1, len) != FLAGS)
    return help_error(args->command, "unknown flag %.*s; did you mean -%.*s?", (int)len + 1, word,
                      (int)len + 1, word);
  for (const char *c = word + 1; *c; c++) {
    char spelled[] = {'-', *c, '\0'};
    enum flag_id id = flags_find_letter(args->command, *c);
    if (id == FLAGS)
      return refuse_flag(args, len > 1 ? word : spelled, word + 1);
    const char *value = c[1] == '=' ? c + 2 : flags[id].value && c[1] ? c + 1 : NULL;
    int status = take(args, id, spelled, value, next);
    if (status != 0 || value)
      return status;
  }
  return 0;
}

static int read_variables(struct args *args) {
  for (enum flag_id id = 0; id < FLAGS; id++) {
    if (!flags[id].env || !flags_known(args->command, id) || args->given[id])
      continue;
    const char *value = getenv(flags[id].env);
    if (flags[id].kind == FLAG_SWITCH && value && strcmp(value, "1") != 0)
      continue;
    if (value && *value && set(args, id, flags[id].env, value) != 0)
      return DRAY_USAGE;
  }
  return 0;
}

static int check_operands(const struct args *args) {
  const struct command *command = args->command;
  size_t count = args_operand_count(args);
  if (args->given[FLAG_FROM_FILE])
    return count ? help_error(command, "with --from-file, '%s' has to stand in the file",
                              args_operands(args)[0])
                 : 0;
  if (count < command->least)
    return help_error(command, "%s needs %s", command->name, command->needs);
  if (count > command->most)
    return help_error(command, "unexpected '%s'; usage: dray %s%s%s",
                      args_operands(args)[command->most], command->name,
                      command->operands[0] ? " " : "", command->operands);
  return 0;
}

int args_parse(struct args *args, const struct command *command, char **argv, const char **pool) {
  args_defaults(args, command);
  args->pool = pool;
  for (size_t i = 0; i <= OPERANDS; i++) {
    args->pool[i] = NULL;
    args->start[i] = i;
  }
  args->start[OPERANDS + 1] = OPERANDS + 1;
  bool flags_ended = false;
  for (char **next = argv; *next;) {
    char *word = *next++;
    int status = 0;
    if (flags_ended || word[0] != '-' || !word[1])
      add_word(args, OPERANDS, word);
    else if (strcmp(word, "--") == 0)
      flags_ended = true;
    else if (word[1] == '-')
      status = parse_long(args, word, &next);
    else
      status = parse_letters(args, word, &next);
    if (status != 0 || args->number[FLAG_HELP])
      return status;
  }
  int status = check_operands(args);
  return status != 0 ? status : read_variables(args);
}
