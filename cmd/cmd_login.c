#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "help.h"
#include "session.h"
#include "terminal.h"

enum { PASSWORD_MAX = 64 * 1024 };

struct answers {
  char user[TERMINAL_LINE_MAX + 1];
  char password[PASSWORD_MAX + 2]; /* a line's end, which is none of it, and a NUL */
};

/* 0, or the exit status. */
static int read_password(const struct args *args, char *password, size_t room) {
  size_t len = 0;
  ssize_t got;
  while (len < room && (got = read(STDIN_FILENO, password + len, room - len)) != 0) {
    if (got < 0 && errno != EINTR)
      return help_error(args->command, "the password cannot be read from standard input: %s",
                        strerror(errno));
    len += got > 0 ? (size_t)got : 0;
  }
  if (len == room)
    return help_error(args->command,
                      "standard input holds more than the %d KiB that a password "
                      "may have",
                      PASSWORD_MAX / 1024);
  password[len] = '\0';
  if (memchr(password, '\0', len))
    return help_error(args->command, "the password on standard input holds a NUL");
  if (len && password[len - 1] == '\n')
    password[--len] = '\0';
  if (len && password[len - 1] == '\r')
    password[--len] = '\0';
  return len ? 0 : help_error(args->command, "standard input holds no password");
}

static int ask(const struct args *args, const char *prompt, bool hidden, char *line, size_t room) {
  int result = terminal_ask(prompt, hidden, line, room);
  if (result > 0)
    return DRAY_SIGNALLED + result;
  if (result < 0 || !*line)
    return help_error(args->command,
                      "nothing usable was typed: a line of up to %d bytes is needed, "
                      "or -u USER --password-stdin",
                      TERMINAL_LINE_MAX - 1);
  return 0;
}

static int get_answers(const struct args *args, struct answers *answers) {
  const char *user = args_text(args, FLAG_USER);
  bool by_stdin = args->number[FLAG_PASSWORD_STDIN];
  if (user && strlen(user) >= sizeof answers->user)
    return help_error(args->command, "--user: that is too long for a name");
  if (!user && (by_stdin || !terminal_is_there()))
    return help_error(args->command, "login needs -u USER%s",
                      by_stdin ? " with --password-stdin" : "");
  if (!by_stdin && !terminal_is_there())
    return help_error(args->command,
                      "standard input is no terminal to ask at: give the password by "
                      "--password-stdin");
  snprintf(answers->user, sizeof answers->user, "%s", user ? user : "");
  int status = user ? 0 : ask(args, "User: ", false, answers->user, sizeof answers->user);
  if (status != 0)
    return status;
  return by_stdin
             ? read_password(args, answers->password, sizeof answers->password)
             : ask(args, "Password or token: ", true, answers->password, sizeof answers->password);
}

static int login(const struct args *args, const struct answers *answers) {
  struct session session;
  int begun = session_begin(&session, args, 0);
  if (begun != 0)
    return begun;
  const struct dray_login asked = {
      .registry = args_operands(args)[0], .user = answers->user, .password = answers->password};
  char *place;
  enum dray_status status = dray_login(session.dray, &asked, &place);
  if (status == DRAY_OK && !session.output.quiet)
    output_print(&session.output, "logged in to %s as %s; kept in %s\n", asked.registry, asked.user,
                 place);
  free(place);
  return session_end(&session, status);
}

int login_run(const struct args *args) {
  struct answers answers;
  int status = get_answers(args, &answers);
  if (status == 0)
    status = login(args, &answers);
  explicit_bzero(&answers, sizeof answers);
  return status;
}

int logout_run(const struct args *args) {
  struct session session;
  int begun = session_begin(&session, args, 0);
  if (begun != 0)
    return begun;
  const char *registry = args_operands(args)[0];
  char *place;
  enum dray_status status = dray_logout(session.dray, registry, &place);
  if (status == DRAY_OK && !session.output.quiet) {
    if (place)
      output_print(&session.output, "logged out of %s; forgotten in %s\n", registry, place);
    else
      output_print(&session.output, "not logged in to %s\n", registry);
  }
  free(place);
  return session_end(&session, status);
}
