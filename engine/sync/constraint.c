#include "sync/constraint.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "sync/version.h"

enum op { EQ, NE, GT, GE, LT, LE, TILDE, CARET };

static const struct {
  const char *text;
  enum op op;
  bool masterminds_only;
} ops[] = {
    {">=", GE, false}, {"=>", GE, true},    {"<=", LE, false},   {"=<", LE, true},
    {"!=", NE, true},  {"~>", TILDE, true}, {"~", TILDE, false}, {"^", CARET, false},
    {">", GT, false},  {"<", LT, false},    {"=", EQ, false},
};

struct parser {
  struct range *range;
  enum constraint_dialect dialect;
  const char *at;
  struct err *err;
};

static int bad(const struct parser *parser, const char *why) {
  const char *text = range_text(parser->range);
  return err_set(parser->err, ERR_USAGE, "bad version constraint \"%.300s\": character %d: %s",
                 text, (int)(parser->at - text) + 1, why);
}

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

static void skip_blanks(struct parser *parser) {
  while (is_blank(*parser->at))
    parser->at++;
}

/* -- what each form means, in comparators -- */

/* version with this number raised by 1 and nothing behind it. */
static struct version raised(const struct version *version, int number, const char *pre) {
  struct version next = {.given = 3, .pre = pre, .pre_len = pre ? strlen(pre) : 0};
  for (int i = 0; i <= number; i++)
    next.number[i] = version->number[i] + (i == number);
  return next;
}

static void add_span(struct range *range, const struct version *version, int number,
                     const char *pre) {
  struct version next = raised(version, number, pre);
  range_add(range, RANGE_GE, version);
  range_add(range, RANGE_LT, &next);
}

/* Of a version without any number ("*"), which the library takes for 0.0.0 in odd ways. */
static void add_wildcard(struct range *range, enum op op, const struct version *zero) {
  struct version next;
  switch (op) {
  case EQ:
  case GE:
  case TILDE:
    range_add(range, RANGE_GE, zero);
    break;
  case GT:
    range_add(range, RANGE_GT, zero);
    break;
  case NE:
    range_add(range, RANGE_NE, zero);
    break;
  case LT:
    range_add(range, RANGE_LT, zero);
    break;
  case LE:
    next = raised(zero, 1, "0");
    range_add(range, RANGE_LT, &next);
    break;
  case CARET:
    add_span(range, zero, 2, "0");
    break;
  }
}

static void add_masterminds(struct range *range, enum op op, const struct version *version) {
  int last = version->given - 1, number = 0;
  bool partial = version->given < 3;
  struct version floor = *version, next;
  floor.given = 3;
  if (version->given == 0) {
    add_wildcard(range, op, &floor);
    return;
  }
  switch (op) {
  case NE:
    range_add(range, RANGE_NE, version);
    break;
  case GT:
    next = raised(version, last, "0");
    range_add(range, partial ? RANGE_GE : RANGE_GT, partial ? &next : version);
    break;
  case GE:
    range_add(range, RANGE_GE, &floor);
    break;
  case LT:
    range_add(range, RANGE_LT, &floor);
    break;
  case LE:
    next = raised(version, last, "0");
    range_add(range, partial ? RANGE_LT : RANGE_LE, partial ? &next : version);
    break;
  case EQ:
    if (!partial)
      range_add(range, RANGE_EQ, version);
    else
      add_span(range, &floor, last, "0");
    break;
  case TILDE:
    if (!partial && !(version->number[0] | version->number[1] | version->number[2]))
      range_add(range, RANGE_GE, version);
    else
      add_span(range, &floor, last > 1 ? 1 : last, "0");
    break;
  case CARET: /* the first number that is not 0 stays */
    while (number < last && version->number[number] == 0)
      number++;
    add_span(range, &floor, number, "0");
    break;
  }
}

static void add_regclient(struct range *range, enum op op, const struct version *version) {
  static const enum range_op same[] = {
      [EQ] = RANGE_EQ, [NE] = RANGE_NE, [GT] = RANGE_GT,
      [GE] = RANGE_GE, [LT] = RANGE_LT, [LE] = RANGE_LE,
  };
  if (op == TILDE)
    add_span(range, version, 1, NULL);
  else if (op == CARET)
    add_span(range, version, version->number[0] ? 0 : version->number[1] ? 1 : 2, NULL);
  else
    range_add(range, same[op], version);
}

/* -- the grammar -- */

static enum op parse_op(struct parser *parser) {
  for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
    if (text_starts(parser->at, ops[i].text) &&
        (parser->dialect == CONSTRAINT_MASTERMINDS || !ops[i].masterminds_only)) {
      parser->at += strlen(ops[i].text);
      return ops[i].op;
    }
  return EQ;
}

static int parse_version(struct parser *parser, struct version *version) {
  const char *end = version_parse_partial(parser->at, version);
  if (!end || (version->wild && parser->dialect == CONSTRAINT_REGCLIENT))
    return bad(parser, "a version is wanted here, such as 1.2.3 or v1.2 (numbers below 2^53)");
  if (*end == '-') { /* of fewer than three numbers */
    size_t len =
        strspn(end + 1, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-.");
    version->pre = end + 1;
    version->pre_len = len;
    end += 1 + len;
    if (!len || version->wild || version->pre[0] == '.' || strstr(version->pre, "..") ||
        end[-1] == '.')
      return bad(parser, "no pre-release stands there");
  }
  parser->at = end;
  if (!*end || is_blank(*end))
    return 0;
  if (parser->dialect == CONSTRAINT_MASTERMINDS && (*end == ',' || *end == '|'))
    return 0;
  return bad(parser, "no version goes on like this");
}

/* A - B: blanks around the hyphen tell it from a pre-release. */
static bool is_hyphen(const struct parser *parser) {
  const char *at = parser->at + strspn(parser->at, " \t");
  return parser->dialect == CONSTRAINT_MASTERMINDS && is_blank(*parser->at) && *at == '-' &&
         is_blank(at[1]);
}

static int parse_hyphen(struct parser *parser, const struct version *from, bool *pre) {
  struct version to;
  parser->at = strchr(parser->at, '-') + 1;
  skip_blanks(parser);
  int rc = parse_version(parser, &to);
  if (rc != 0)
    return rc;
  *pre |= to.pre != NULL;
  add_masterminds(parser->range, GE, from);
  add_masterminds(parser->range, LE, &to);
  return 0;
}

static int parse_comparator(struct parser *parser, bool *pre) {
  struct version version;
  const char *start = parser->at;
  enum op op = parse_op(parser);
  bool plain = parser->at == start;
  if (parser->dialect == CONSTRAINT_MASTERMINDS)
    skip_blanks(parser);
  int rc = parse_version(parser, &version);
  if (rc != 0)
    return rc;
  *pre |= version.pre != NULL;
  if (plain && is_hyphen(parser))
    return parse_hyphen(parser, &version, pre);
  if (parser->dialect == CONSTRAINT_MASTERMINDS)
    add_masterminds(parser->range, op, &version);
  else
    add_regclient(parser->range, op, &version);
  return 0;
}

static int parse_alternative(struct parser *parser) {
  bool pre = parser->dialect == CONSTRAINT_REGCLIENT, comma = false;
  int rc = 0;
  do {
    skip_blanks(parser);
    rc = parse_comparator(parser, &pre);
    skip_blanks(parser);
    comma = rc == 0 && *parser->at == ',';
    parser->at += comma;
  } while (rc == 0 && (comma || (*parser->at && *parser->at != '|')));
  if (rc == 0 && pre)
    range_add_pre(parser->range);
  return rc;
}

int constraint_parse(const char *text, enum constraint_dialect dialect, struct range **out,
                     struct err *err) {
  struct range *range = range_new(text);
  struct parser parser = {.range = range, .dialect = dialect, .at = range_text(range), .err = err};
  int rc = parse_alternative(&parser);
  while (rc == 0 && *parser.at) {
    if (dialect == CONSTRAINT_REGCLIENT || !text_starts(parser.at, "||")) {
      rc = bad(&parser, dialect == CONSTRAINT_REGCLIENT ? "\"or\" is no word here: a list has it"
                                                        : "\"or\" is ||");
      break;
    }
    parser.at += 2;
    range_add_or(range);
    rc = parse_alternative(&parser);
  }
  if (rc != 0) {
    range_free(range);
    range = NULL;
  }
  *out = range;
  return rc;
}
