#include "terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

enum { INPUT, SIGNALS };

bool terminal_is_there(void) { return isatty(STDIN_FILENO); }

/* Reads byte by byte, so that what is typed behind the line is left for the next question. Returns as
 * terminal_ask(). */
static int read_line(int signals, char *line, size_t room) {
  struct pollfd fds[] = {[INPUT] = {.fd = STDIN_FILENO, .events = POLLIN},
                         [SIGNALS] = {.fd = signals, .events = POLLIN}};
  for (size_t len = 0;;) {
    struct signalfd_siginfo info;
    char c;
    if (poll(fds, 2, -1) < 0 && errno != EINTR)
      return -1;
    if (fds[SIGNALS].revents && read(signals, &info, sizeof info) == (ssize_t)sizeof info)
      return (int)info.ssi_signo;
    if (!fds[INPUT].revents)
      continue;
    ssize_t got = read(STDIN_FILENO, &c, 1);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
      continue;
    if (got <= 0)
      return -1;
    if (c == '\n') {
      line[len] = '\0';
      return 0;
    }
    if (len + 1 == room || len + 1 == TERMINAL_LINE_MAX)
      return -1;
    line[len++] = c;
  }
}

/* The signals come by a descriptor meanwhile, so that none ends us before the terminal is restored. */
int terminal_ask(const char *prompt, bool hidden, char *line, size_t room) {
  struct termios old, silent;
  sigset_t caught, before;
  sigemptyset(&caught);
  sigaddset(&caught, SIGINT);
  sigaddset(&caught, SIGTERM);
  sigaddset(&caught, SIGHUP);
  sigaddset(&caught, SIGQUIT);
  line[0] = '\0';
  if (tcgetattr(STDIN_FILENO, &old) < 0)
    return -1;
  sigprocmask(SIG_BLOCK, &caught, &before);
  int signals = signalfd(-1, &caught, SFD_CLOEXEC);
  silent = old;
  silent.c_lflag &= ~(tcflag_t)ECHO;
  if (hidden)
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  fputs(prompt, stderr);
  int result = signals < 0 ? -1 : read_line(signals, line, room);
  if (hidden) {
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
    fputc('\n', stderr);
  }
  if (signals >= 0)
    close(signals);
  sigprocmask(SIG_SETMASK, &before, NULL);
  return result;
}
