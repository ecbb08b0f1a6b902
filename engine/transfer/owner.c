#include "transfer/owner.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

enum { SILENCE_S = 10 * 60 };

struct owner {
  char boot[40];  /* "-": unknown */
  uint64_t space; /* of its process ids, by inode; 0: unknown */
  int64_t pid;
  uint64_t start; /* ticks since the boot: process ids come again */
};

/* Reads the state and the start of a process. -1: there is none, or it can't be seen. */
static int look_at(int64_t pid, char *state, uint64_t *start) {
  char path[64], *text;
  snprintf(path, sizeof path, "/proc/%" PRId64 "/stat", pid);
  if (file_read(path, 4096, &text, NULL, NULL) < 0)
    return -1;
  /* The name, in parentheses, may hold anything; the state is the 3rd field, the start the 22nd. */
  const char *at = strrchr(text, ')');
  for (int field = 2; at && field < 22; field++) {
    at = strchr(at + 1, ' ');
    if (at && field == 2)
      *state = at[1];
  }
  int rc = at && sscanf(at, "%" SCNu64, start) == 1 ? 0 : -1;
  free(text);
  return rc;
}

/* The inode of the namespace of process ids, where /proc shows just that one; else 0. */
static uint64_t space_of_ids(void) {
  char self[32];
  ssize_t len = readlink("/proc/self", self, sizeof self - 1);
  struct stat space;
  if (len < 0 || stat("/proc/self/ns/pid", &space) != 0)
    return 0;
  self[len] = '\0';
  int64_t pid;
  return text_number(self, 1, INT64_MAX, &pid) == 0 && pid == getpid() ? space.st_ino : 0;
}

void owner_new(char name[OWNER_TEXT]) {
  struct owner self = {.boot = "-", .space = space_of_ids(), .pid = getpid()};
  char *boot, state;
  if (file_read("/proc/sys/kernel/random/boot_id", 256, &boot, NULL, NULL) == 0) {
    sscanf(boot, "%39s", self.boot);
    free(boot);
  }
  if (look_at(self.pid, &state, &self.start) < 0)
    self.space = 0;
  uint64_t own = 0;
  (void)!getrandom(&own, sizeof own, GRND_NONBLOCK);
  snprintf(name, OWNER_TEXT, "%s %" PRIu64 " %" PRId64 " %" PRIu64 " %016" PRIx64, self.boot,
           self.space, self.pid, self.start, own);
}

static int parse(const char *name, struct owner *owner) {
  return sscanf(name, "%39s %" SCNu64 " %" SCNd64 " %" SCNu64, owner->boot, &owner->space,
                &owner->pid, &owner->start) == 4 &&
                 owner->pid > 0 && owner->pid <= INT32_MAX
             ? 0
             : -1;
}

static bool has_boot(const struct owner *owner) { return strcmp(owner->boot, "-") != 0; }

bool owner_lives(const char *name, const char *self, int64_t heard_s) {
  struct owner it, us;
  if (parse(name, &it) < 0 || parse(self, &us) < 0)
    return false;
  bool lately = heard_s < SILENCE_S && heard_s > -SILENCE_S;
  if (!has_boot(&it) || !has_boot(&us))
    return lately;
  if (strcmp(it.boot, us.boot) != 0)
    return false;
  if (it.space == 0 || it.space != us.space)
    return lately;
  char state;
  uint64_t start;
  if (look_at(it.pid, &state, &start) == 0)
    return start == it.start && state != 'Z' && state != 'X';
  return (kill((pid_t)it.pid, 0) == 0 || errno == EPERM) && lately;
}
