#include "sync/range.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/version.h"

struct comparator {
  enum range_op op;
  struct version version;
};

struct range {
  char *text; /* what pre-releases point into */
  size_t count;
  struct comparator
      *items; /* alternatives with an RANGE_OR in between; an empty one fits all releases */
};

struct parser {
  struct range *range;
  const char *at;
  struct err *err;
};

/* -- filling one -- */

struct range *range_new(const char *text) {
  struct range *range = mem_zalloc(sizeof *range);
  range->text = mem_strdup(text);
  return range;
}

const char *range_text(const struct range *range) { return range->text; }

void range_add(struct range *range, enum range_op op, const struct version *version) {
  range->items = mem_realloc(range->items, range->count + 1, sizeof *range->items);
  range->items[range->count++] = (struct comparator){.op = op, .version = *version};
}

void range_add_or(struct range *range) { range_add(range, RANGE_OR, &(struct version){0}); }

void range_add_pre(struct range *range) { range_add(range, RANGE_PRE, &(struct version){0}); }

/* -- what each form means, in comparators -- */

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
  range_add(range, RANGE_GE, &from);
  range_add(range, RANGE_LT, &to);
}

static void add_nothing(struct range *range) {
  range_add(range, RANGE_LT, &(struct version){.pre = "0", .pre_len = 1});
}

static void add_primitive(struct range *range, enum range_op op, const struct version *version) {
  struct version floor = floor_of(version);
  int last = version->given - 1;
  if (version->given == 0) { /* a wildcard: all, or nothing */
    if (op == RANGE_LT || op == RANGE_GT)
      add_nothing(range);
  } else if (version->given == 3) {
    range_add(range, op, version);
  } else if (op == RANGE_EQ) {
    add_span(range, version, last);
  } else if (op == RANGE_GE) {
    range_add(range, RANGE_GE, &floor);
  } else if (op == RANGE_GT) {
    floor = raised(version, last);
    floor.pre = NULL;
    range_add(range, RANGE_GE, &floor);
  } else {
    if (op == RANGE_LE)
      floor = raised(version, last);
    floor.pre = "0";
    floor.pre_len = 1;
    range_add(range, RANGE_LT, &floor);
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
  add_primitive(range, RANGE_GE, from);
  add_primitive(range, RANGE_LE, to);
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

static enum range_op parse_op(struct parser *parser) {
  if (take(parser, "<"))
    return take(parser, "=") ? RANGE_LE : RANGE_LT;
  if (take(parser, ">"))
    return take(parser, "=") ? RANGE_GE : RANGE_GT;
  take(parser, "=");
  return RANGE_EQ;
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
    enum range_op op = RANGE_EQ;
    if (tilde || caret) {
      parser->at++;
      if (tilde)
        take(parser, ">");
    } else {
      op = parse_op(parser);
      plain = op == RANGE_EQ;
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
  struct range *range = range_new(text);
  struct parser parser = {.range = range, .at = range->text, .err = err};
  int rc = 0;
  while ((rc = parse_alternative(&parser)) == 0 && *parser.at) {
    if (!take(&parser, "||")) {
      rc = bad(&parser, "\"or\" is ||");
      break;
    }
    range_add_or(range);
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

/* Has version another of the numbers that are given, or another pre-release? */
static bool differs(const struct version *version, const struct version *given) {
  for (int i = 0; i < given->given; i++)
    if (version->number[i] != given->number[i])
      return true;
  struct version same = *given;
  memcpy(same.number, version->number, sizeof same.number);
  return given->given > 1 && version_order(version, &same) != 0;
}

static bool fulfils(const struct comparator *item, const struct version *version) {
  int order = version_order(version, &item->version);
  switch (item->op) {
  case RANGE_NE:
    return differs(version, &item->version);
  case RANGE_LT:
    return order < 0;
  case RANGE_LE:
    return order <= 0;
  case RANGE_EQ:
    return order == 0;
  case RANGE_GE:
    return order >= 0;
  case RANGE_GT:
    return order > 0;
  case RANGE_PRE:
  case RANGE_OR:
    break;
  }
  return true;
}

bool range_match(const struct range *range, const char *tag) {
  struct version version;
  if (!version_parse(tag, &version))
    return false;
  for (size_t i = 0;; i++) {
    bool all = true, named = !version.pre;
    for (; i < range->count && range->items[i].op != RANGE_OR; i++) {
      const struct comparator *item = &range->items[i];
      all = all && fulfils(item, &version);
      named = named || item->op == RANGE_PRE ||
              (item->version.pre &&
               memcmp(item->version.number, version.number, sizeof version.number) == 0);
    }
    if (all && named)
      return true;
    if (i == range->count)
      return false;
  }
}
