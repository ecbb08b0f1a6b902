#include "sync/range.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/version.h"

enum op { LT, LE, EQ, GE, GT, OR };

struct comparator {
  enum op op; /* OR: no comparator; the next alternative begins */
  struct version version;
};

struct range {
  char *text; /* what pre-releases point into */
  size_t count;
  struct comparator *items; /* alternatives with an OR in between; an empty one fits all releases */
};

struct parser {
  struct range *range;
  const char *at;
  struct err *err;
};

/* -- what each form means, in comparators -- */

static void add(struct range *range, enum op op, const struct version *version) {
  range->items = mem_realloc(range->items, range->count + 1, sizeof *range->items);
  range->items[range->count++] = (struct comparator){.op = op, .version = *version};
}

/* Below all that has the numbers of version up to this one raised by 1, pre-releases included. */
static struct version raised(const struct version *version, int number) {
  struct version next = {.pre = "0", .pre_len = 1};
  for (int i = 0; i <= number; i++)
    next.number[i] = version->number[i] + (i == number);
  return next;
}

/* The least release with the numbers that are given. */
static struct version floor_of(const struct version *version) {
  struct version floor = {0};
  for (int i = 0; i < version->given; i++)
    floor.number[i] = version->number[i];
  if (version->given == 3) {
    floor.pre = version->pre;
    floor.pre_len = version->pre_len;
  }
  return floor;
}

/* From version up to what differs from it in this number. */
static void add_span(struct range *range, const struct version *version, int number) {
  struct version from = floor_of(version), to = raised(version, number);
  add(range, GE, &from);
  add(range, LT, &to);
}

static void add_nothing(struct range *range) {
  add(range, LT, &(struct version){.pre = "0", .pre_len = 1});
}

static void add_primitive(struct range *range, enum op op, const struct version *version) {
  struct version floor = floor_of(version);
  int last = version->given - 1;
  if (version->given == 0) { /* a wildcard: all, or nothing */
    if (op == LT || op == GT)
      add_nothing(range);
  } else if (version->given == 3) {
    add(range, op, version);
  } else if (op == EQ) {
    add_span(range, version, last);
  } else if (op == GE) {
    add(range, GE, &floor);
  } else if (op == GT) {
    floor = raised(version, last);
    floor.pre = NULL;
    add(range, GE, &floor);
  } else {
    if (op == LE)
      floor = raised(version, last);
    floor.pre = "0";
    floor.pre_len = 1;
    add(range, LT, &floor);
  }
}

static void add_tilde(struct range *range, const struct version *version) {
  if (version->given)
    add_span(range, version, version->given == 1 ? 0 : 1);
}

/* The first number that is not 0 stays. */
static void add_caret(struct range *range, const struct version *version) {
  int number = 0;
  while (number < version->given - 1 && version->number[number] == 0)
    number++;
  if (version->given)
    add_span(range, version, number);
}

static void add_hyphen(struct range *range, const struct version *from, const struct version *to) {
  add_primitive(range, GE, from);
  add_primitive(range, LE, to);
}

/* -- the grammar -- */

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

static void skip_blanks(struct parser *parser) {
  while (is_blank(*parser->at))
    parser->at++;
}

static bool take(struct parser *parser, const char *token) {
  size_t len = strlen(token);
  if (strncmp(parser->at, token, len) != 0)
    return false;
  parser->at += len;
  return true;
}

static int bad(struct parser *parser, const char *why) {
  const char *text = parser->range->text;
  return err_set(parser->err, ERR_USAGE, "bad version range \"%.300s\": character %d: %s", text,
                 (int)(parser->at - text) + 1, why);
}

static int parse_partial(struct parser *parser, struct version *version) {
  const char *end = version_parse_partial(parser->at, version);
  if (!end)
    return bad(parser, "a version is wanted here, such as 1.2.3, v1.2 or 1.x (numbers below 2^53)");
  parser->at = end;
  if (!*end || is_blank(*end) || *end == '|')
    return 0;
  if (*end == '-')
    return bad(parser, "a pre-release stands behind three numbers only, such as 1.2.0-rc.1");
  if (*end == ',')
    return bad(parser, "a blank stands between comparators, not a comma");
  return bad(parser, "no version goes on like this");
}

static enum op parse_op(struct parser *parser) {
  if (take(parser, "<"))
    return take(parser, "=") ? LE : LT;
  if (take(parser, ">"))
    return take(parser, "=") ? GE : GT;
  take(parser, "=");
  return EQ;
}

/* VERSION - VERSION is a whole alternative. Blanks around the hyphen tell it from a pre-release. */
static bool is_hyphen(const struct parser *parser) {
  const char *at = parser->at;
  return is_blank(*at) && (at += strspn(at, " \t"), *at == '-') && is_blank(at[1]);
}

static int parse_hyphen(struct parser *parser, const struct version *from) {
  struct version to;
  skip_blanks(parser);
  parser->at++;
  skip_blanks(parser);
  take(parser, "=");
  int rc = parse_partial(parser, &to);
  if (rc != 0)
    return rc;
  add_hyphen(parser->range, from, &to);
  skip_blanks(parser);
  return *parser->at && *parser->at != '|'
             ? bad(parser, "nothing but || may follow a range with a hyphen")
             : 0;
}

static int parse_alternative(struct parser *parser) {
  struct range *range = parser->range;
  size_t first = range->count;
  for (;;) {
    struct version version;
    skip_blanks(parser);
    if (!*parser->at || *parser->at == '|')
      return 0;
    bool tilde = *parser->at == '~', caret = *parser->at == '^', plain = true;
    enum op op = EQ;
    if (tilde || caret) {
      parser->at++;
      if (tilde)
        take(parser, ">");
    } else {
      op = parse_op(parser);
      plain = op == EQ;
    }
    skip_blanks(parser);
    int rc = parse_partial(parser, &version);
    if (rc != 0)
      return rc;
    if (plain && !tilde && !caret && range->count == first && is_hyphen(parser))
      return parse_hyphen(parser, &version);
    if (tilde)
      add_tilde(range, &version);
    else if (caret)
      add_caret(range, &version);
    else
      add_primitive(range, op, &version);
  }
}

int range_parse(const char *text, struct range **out, struct err *err) {
  struct range *range = mem_zalloc(sizeof *range);
  range->text = mem_strdup(text);
  struct parser parser = {.range = range, .at = range->text, .err = err};
  int rc = 0;
  while ((rc = parse_alternative(&parser)) == 0 && *parser.at) {
    if (!take(&parser, "||")) {
      rc = bad(&parser, "\"or\" is ||");
      break;
    }
    add(range, OR, &(struct version){0});
  }
  if (rc != 0) {
    range_free(range);
    range = NULL;
  }
  *out = range;
  return rc;
}

void range_free(struct range *range) {
  if (!range)
    return;
  free(range->text);
  free(range->items);
  free(range);
}

/* -- matching -- */

static bool fulfils(const struct comparator *item, const struct version *version) {
  int order = version_order(version, &item->version);
  switch (item->op) {
  case LT:
    return order < 0;
  case LE:
    return order <= 0;
  case EQ:
    return order == 0;
  case GE:
    return order >= 0;
  case GT:
    return order > 0;
  case OR:
    break;
  }
  return false;
}

bool range_match(const struct range *range, const char *tag) {
  struct version version;
  if (!version_parse(tag, &version))
    return false;
  for (size_t i = 0;; i++) {
    bool all = true, named = !version.pre;
    for (; i < range->count && range->items[i].op != OR; i++) {
      const struct comparator *item = &range->items[i];
      all = all && fulfils(item, &version);
      named = named || (item->version.pre &&
                        memcmp(item->version.number, version.number, sizeof version.number) == 0);
    }
    if (all && named)
      return true;
    if (i == range->count)
      return false;
  }
}
