#include "sync/pairs.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { WORD_MAX = 4096, TARGETS_MAX = 1000 };

static struct mirror_rule *add_rule(struct mirror *mirror) {
  mirror->rules = mem_realloc(mirror->rules, mirror->rule_count + 1, sizeof *mirror->rules);
  struct mirror_rule *rule = &mirror->rules[mirror->rule_count++];
  *rule = (struct mirror_rule){0};
  return rule;
}

static void add_source(struct mirror_rule *rule, struct mirror_place place,
                       const struct oci_ref *ref) {
  rule->sources = mem_alloc(sizeof *rule->sources);
  rule->sources[0] = (struct mirror_source){.place = place, .ref = *ref};
  rule->source_count = 1;
}

static int add_target(struct mirror_rule *rule, struct mirror_place place, const char *text,
                      struct err *err) {
  struct target *target;
  int rc = target_parse(text, &target, err);
  if (rc != 0)
    return rc;
  rule->targets = mem_realloc(rule->targets, rule->target_count + 1, sizeof *rule->targets);
  rule->targets[rule->target_count++] = (struct mirror_target){.place = place, .target = target};
  return 0;
}

/* Whether the targets can be had of the source is known once both are. */
static int check_targets(const struct mirror_rule *rule, struct err *err) {
  int rc = 0;
  for (size_t i = 0; rc == 0 && i < rule->target_count; i++) {
    struct oci_ref ref;
    rc = mirror_expand(&rule->sources[0], &rule->targets[i], &ref, err);
    oci_ref_free(&ref);
  }
  return rc;
}

/* -- lines -- */

static int read_source(struct mirror_rule *rule, struct mirror_place place, const char *word,
                       struct err *err) {
  struct oci_ref ref;
  int rc = oci_ref_parse(word, &ref, err);
  if (rc == 0 && ref.transport != OCI_REGISTRY)
    rc = err_set(err, ERR_USAGE, "%s: only images in registries can be copied so far", word);
  if (rc != 0) {
    oci_ref_free(&ref);
    return rc;
  }
  if (!ref.tag && !oci_digest_is_set(&ref.digest))
    ref.tag = mem_strdup("latest");
  add_source(rule, place, &ref);
  return 0;
}

static int read_word(struct mirror *mirror, struct mirror_rule *rule, struct mirror_place place,
                     const char *start, size_t len, struct err *err) {
  struct err why;
  if (len > WORD_MAX || rule->target_count == TARGETS_MAX)
    return mirror_error(mirror, &place, err, "the line is too long");
  char *word = mem_strndup(start, len);
  int rc = rule->source_count ? add_target(rule, place, word, &why)
                              : read_source(rule, place, word, &why);
  free(word);
  return rc == 0 ? 0 : mirror_error(mirror, &place, err, "%s", why.message);
}

static int read_line(struct mirror *mirror, int number, const char *line, const char *end,
                     struct err *err) {
  struct mirror_rule *rule = NULL;
  const char *at = line;
  struct err why;
  for (;;) {
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r'))
      at++;
    if (at == end || *at == '#')
      break;
    const char *start = at;
    while (at < end && *at != ' ' && *at != '\t' && *at != '\r')
      at++;
    struct mirror_place place = {.line = number, .column = (int)(start - line) + 1};
    if (!rule) {
      if (mirror->rule_count == MIRROR_PAIRS_MAX)
        return mirror_error(mirror, &place, err, "more than %d lines", MIRROR_PAIRS_MAX);
      rule = add_rule(mirror);
      rule->place = place;
    }
    int rc = read_word(mirror, rule, place, start, (size_t)(at - start), err);
    if (rc != 0)
      return rc;
  }
  if (!rule)
    return 0;
  if (!rule->target_count)
    return mirror_error(mirror, &rule->place, err,
                        "a line has a source and its targets: SRC DST [DST...]");
  return check_targets(rule, &why) == 0
             ? 0
             : mirror_error(mirror, &rule->place, err, "%s", why.message);
}

int pairs_parse(const char *name, const char *text, size_t len, struct mirror **out,
                struct err *err) {
  struct mirror *mirror = mem_zalloc(sizeof *mirror);
  const char *end = text + len;
  int number = 0, rc = 0;
  mirror->name = mem_strdup(name);
  while (rc == 0 && text < end) {
    const char *line_end = memchr(text, '\n', (size_t)(end - text));
    if (!line_end)
      line_end = end;
    rc = read_line(mirror, ++number, text, line_end, err);
    text = line_end + (line_end < end);
  }
  if (rc == 0)
    rc = mirror_check(mirror, err);
  *out = rc == 0 ? mirror : NULL;
  if (rc != 0)
    mirror_free(mirror);
  return rc;
}

/* -- a repository -- */

int pairs_repository(const char *source, const char *const *targets, struct selection *selection,
                     struct mirror **out, struct err *err) {
  struct mirror *mirror = mem_zalloc(sizeof *mirror);
  struct mirror_rule *rule = add_rule(mirror);
  struct oci_ref ref;
  mirror->name = mem_strdup("the command line");
  rule->tags = selection;
  int rc = oci_ref_parse_repo(source, &ref, err);
  if (rc == 0)
    add_source(rule, (struct mirror_place){0}, &ref);
  else
    oci_ref_free(&ref);
  for (; rc == 0 && *targets; targets++)
    rc = add_target(rule, (struct mirror_place){0}, *targets, err);
  if (rc == 0)
    rc = check_targets(rule, err);
  for (size_t i = 0; rc == 0 && i < rule->target_count; i++)
    if (target_has_fixed_tag(rule->targets[i].target))
      rc = err_set(err, ERR_USAGE,
                   "%s: all tags would become this one: with --all-tags a target is a repository",
                   target_text(rule->targets[i].target));
  *out = rc == 0 ? mirror : NULL;
  if (rc != 0)
    mirror_free(mirror);
  return rc;
}
