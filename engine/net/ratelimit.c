#include "net/ratelimit.h"

#include <string.h>
#include <strings.h>

#include "base/text.h"

#define SECONDS_MAX ((int64_t)366 * 24 * 3600) /* a reset farther away is no time span … */
#define TIMES_IN_MS ((int64_t)100000000000)    /* … but a time, from here on in ms */
#define REQUESTS_MAX ((int64_t)1000000000000)

/* A name=value, or a value alone (name is then empty). */
struct part {
  char name[16], value[24];
  bool first; /* of its limit: behind a comma, or at the beginning */
};

static void take(char *to, size_t room, const char *from, size_t len) {
  while (len && (*from == ' ' || *from == '\t')) {
    from++;
    len--;
  }
  while (len && (from[len - 1] == ' ' || from[len - 1] == '\t'))
    len--;
  if (len >= 2 && *from == '"' && from[len - 1] == '"') {
    from++;
    len -= 2;
  }
  if (len >= room) /* whatever is that long is nothing that we look for */
    len = 0;
  memcpy(to, from, len);
  to[len] = '\0';
}

/* The end of the part that begins here: a ',' or ';' outside of quotes, or the end of all. */
static size_t part_len(const char *text) {
  bool quoted = false;
  size_t len = 0;
  for (; text[len] && (quoted || (text[len] != ',' && text[len] != ';')); len++)
    quoted = quoted != (text[len] == '"');
  return len;
}

static bool next_part(const char **cursor, struct part *part) {
  const char *text = *cursor;
  part->first = *text != ';';
  text += *text == ',' || *text == ';';
  if (!*text)
    return false;
  size_t len = part_len(text);
  const char *equals = *text == '"' ? NULL : memchr(text, '=', len);
  size_t name = equals ? (size_t)(equals - text) : 0;
  take(part->name, sizeof part->name, text, name);
  take(part->value, sizeof part->value, equals ? equals + 1 : text, equals ? len - name - 1 : len);
  *cursor = text + len;
  return true;
}

static int64_t number(const char *text, int64_t max) {
  int64_t value;
  return text_number(text, 0, max, &value) == 0 ? value : -1;
}

static int64_t seconds(const char *text) {
  int64_t value = number(text, SECONDS_MAX);
  return value < 0 ? -1 : value * 1000;
}

/* A time span, or a time. */
static int64_t reset(const char *text, int64_t wall_ms) {
  int64_t value = number(text, INT64_MAX / 1000);
  if (value <= SECONDS_MAX)
    return value < 0 ? -1 : value * 1000;
  int64_t wait = (value >= TIMES_IN_MS ? value : value * 1000) - wall_ms;
  return wait < 0 ? 0 : wait / 1000 <= SECONDS_MAX ? wait : -1;
}

/* Keeps the one of which less remains; of two, the one that lasts longer. */
static void keep(struct ratelimit *told, const struct ratelimit *other) {
  if (other->remaining < 0)
    return;
  if (told->remaining < 0 || other->remaining < told->remaining ||
      (other->remaining == told->remaining &&
       (other->reset_ms > told->reset_ms || other->window_ms > told->window_ms)))
    *told = *other;
}

static const struct ratelimit nothing = {-1, -1, -1};

/* RateLimit: the members of one limit, as of draft 7, or a list of limits with a name each. */
static void read_one_field(struct ratelimit *told, const char *text, int64_t wall_ms) {
  struct ratelimit one = nothing;
  struct part part;
  while (next_part(&text, &part)) {
    if (part.first && !*part.name) {
      keep(told, &one);
      one = nothing;
    } else if (text_same(part.name, "r") || text_same(part.name, "remaining")) {
      one.remaining = number(part.value, REQUESTS_MAX);
    } else if (text_same(part.name, "t") || text_same(part.name, "reset")) {
      one.reset_ms = reset(part.value, wall_ms);
    } else if (text_same(part.name, "w")) {
      one.window_ms = seconds(part.value);
    }
  }
  keep(told, &one);
}

/* …-Remaining, …-Limit: numbers, each with its window or without. */
static void read_numbers(struct ratelimit *told, const char *text) {
  struct ratelimit one = nothing;
  struct part part;
  while (next_part(&text, &part)) {
    if (part.first) {
      keep(told, &one);
      one = nothing;
      one.remaining = number(part.value, REQUESTS_MAX);
    } else if (text_same(part.name, "w")) {
      one.window_ms = seconds(part.value);
    }
  }
  keep(told, &one);
}

static void read_three_fields(struct ratelimit *told, const struct http_reply *reply,
                              const char *const names[3], int64_t wall_ms) {
  const char *remaining = http_header(reply, names[0]), *limit = http_header(reply, names[1]);
  const char *until = http_header(reply, names[2]);
  if (!remaining)
    return;
  read_numbers(told, remaining);
  if (told->remaining < 0)
    return;
  if (told->window_ms < 0 && limit) {
    struct ratelimit most = nothing;
    read_numbers(&most, limit);
    told->window_ms = most.window_ms;
  }
  if (until)
    told->reset_ms = reset(until, wall_ms);
}

void ratelimit_read(struct ratelimit *told, const struct http_reply *reply, int64_t wall_ms) {
  static const char *const standard[] = {"RateLimit-Remaining", "RateLimit-Limit",
                                         "RateLimit-Reset"};
  static const char *const older[] = {"X-RateLimit-Remaining", "X-RateLimit-Limit",
                                      "X-RateLimit-Reset"};
  const char *one = http_header(reply, "RateLimit");
  *told = nothing;
  if (one)
    read_one_field(told, one, wall_ms);
  if (told->remaining < 0)
    read_three_fields(told, reply, standard, wall_ms);
  if (told->remaining < 0)
    read_three_fields(told, reply, older, wall_ms);
}
