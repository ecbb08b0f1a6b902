#include "help.h"

#include <stdarg.h>
#include <string.h>

#include "args.h"
#include "format.h"
#include "output.h"

enum { WIDTH = 80, HELP_COLUMN = 38 };

/* Prints text from column on, broken at spaces and at '\n'. The first line is there already up to
 * the column. */
static void print_wrapped(FILE *file, int column, const char *text) {
  size_t room = (size_t)(WIDTH - column);
  for (;;) {
    size_t len = strcspn(text, "\n");
    if (len > room)
      for (len = room; len > 0 && text[len] != ' '; len--)
        ;
    fprintf(file, "%.*s\n", (int)len, text);
    if (!text[len])
      return;
    text += len + 1;
    fprintf(file, "%*s", column, "");
  }
}

/* "" where there is nothing to say. */
static char *default_text(char dst[64], const struct args *defaults, enum flag_id id) {
  const struct flag *flag = &flags[id];
  int64_t number = defaults->number[id];
  switch (flag->kind) {
  case FLAG_NUMBER:
    dst[0] = '\0';
    if (number)
      snprintf(dst, 64, "%lld", (long long)number);
    break;
  case FLAG_SIZE:
    snprintf(dst, 64, "%s", flag->automatic ? "auto" : "");
    break;
  case FLAG_DURATION:
    dst[0] = '\0';
    if (number)
      format_duration(dst, number);
    break;
  case FLAG_CHOICE:
    snprintf(dst, 64, "%s", flag->choices[number]);
    break;
  case FLAG_SWITCH:
  case FLAG_TEXT:
  case FLAG_TEXTS:
  case FLAG_HOSTS:
  case FLAG_REPORTS:
    dst[0] = '\0';
  }
  return dst;
}

static void print_flag(FILE *file, const struct args *defaults, enum flag_id id) {
  const struct flag *flag = &flags[id];
  char letter[] = {'-', flag->letter, ',', ' ', '\0'};
  char left[HELP_COLUMN], preset[64], alias[64] = "", env[64] = "", text[256];
  bool repeats = flag->kind == FLAG_TEXTS || flag->kind == FLAG_HOSTS || flag->kind == FLAG_REPORTS;
  snprintf(left, sizeof left, "%s--%s%s%s", flag->letter ? letter : "    ", flag->name,
           flag->value ? " " : "", flag->value ? flag->value : "");
  default_text(preset, defaults, id);
  if (flag->alias)
    snprintf(alias, sizeof alias, "; also --%s", flag->alias);
  if (flag->negatable)
    snprintf(alias, sizeof alias, "; its opposite is --no-%s", flag->name);
  if (flag->env)
    snprintf(env, sizeof env, "; variable %s", flag->env);
  snprintf(text, sizeof text, "%s%s%s%s%s%s%s", flag->help, preset[0] ? " (default " : "", preset,
           preset[0] ? ")" : "", alias, env, repeats ? "; may be repeated" : "");
  fprintf(file, "  %-*s", HELP_COLUMN - 2, left);
  print_wrapped(file, HELP_COLUMN, text);
}

static void print_examples(FILE *file, const char *examples) {
  fputs("\nExamples:\n  ", file);
  print_wrapped(file, 2, examples);
}

static void print_command(FILE *file, const struct command *command) {
  fprintf(file, "Usage: dray %s [flags]%s%s\n\n", command->name, command->operands[0] ? " " : "",
          command->operands);
  print_wrapped(file, 0, command->text);
  fputs("\nFlags:\n", file);
  struct args defaults;
  args_defaults(&defaults, command);
  for (enum flag_id id = 0; id < FLAGS; id++)
    if (flags_known(command, id) && !flags[id].refusal)
      print_flag(file, &defaults, id);
  print_examples(file, command->examples);
}

static void print_dray(FILE *file) {
  fputs("dray moves container images between registries, their digests unchanged.\n\n"
        "Usage: dray COMMAND [flags] [operands]\n\nCommands:\n",
        file);
  for (size_t i = 0; i < COMMANDS; i++)
    fprintf(file, "  %-10s%s\n", commands[i].name, commands[i].summary);
  print_examples(file, commands[0].examples);
  fputs("\nExit status: 0 all is well, 1 an image failed, 2 usage or configuration error\n"
        "before anything was sent, 3 verify found a difference or sync --check something\n"
        "to do, 130 or 143 ended by SIGINT or SIGTERM.\n\n"
        "'dray COMMAND --help' has the flags of a command.\n",
        file);
}

void help_print(FILE *file, const struct command *command) {
  if (command)
    print_command(file, command);
  else
    print_dray(file);
}

int help_show(const struct args *args, const struct command *command) {
  struct output output;
  output_init(&output, args, 0);
  help_print(stdout, command);
  return output_end(&output, DRAY_OK);
}

int help_run(const struct args *args) {
  const char *name = args_operands(args)[0];
  const struct command *command = name ? command_find(name) : NULL;
  return name && !command ? help_unknown(name) : help_show(args, command);
}

int help_unknown(const char *name) {
  const char *nearest = command_nearest(name);
  return help_error(NULL, "unknown command %s%s%s%s", name, nearest ? "; did you mean " : "",
                    nearest ? nearest : "", nearest ? "?" : "");
}

int help_error(const struct command *command, const char *format, ...) {
  char text[1024];
  va_list ap;
  va_start(ap, format);
  vsnprintf(text, sizeof text, format, ap);
  va_end(ap);
  for (char *c = text; *c; c++)
    if ((unsigned char)*c < ' ' || *c == 127)
      *c = '?';
  fprintf(stderr, "dray: %s\nSee 'dray %s%s--help'.\n", text, command ? command->name : "",
          command ? " " : "");
  return DRAY_USAGE;
}
