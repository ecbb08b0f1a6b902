#include "sync/pattern.h"

#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/mem.h"
#include "base/text.h"

/* An honest expression needs some steps a letter of a tag, which has 128 at most. These end one that
 * does not after a fraction of a millisecond. */
enum { STEPS_MAX = 20000, DEPTH_MAX = 2000, HEAP_MAX_KIB = 1024 };
enum { EXPRESSION_MAX = 4096, COMPILED_MAX = 16384 }; /* bytes */

struct pattern {
  char *text;
  struct range *range; /* one of these at most; neither: a glob */
  pcre2_code *code;
};

/* PCRE2 knows failing allocators only; ours do not fail. */
static void *allocate(size_t size, void *arg) {
  (void)arg;
  return mem_alloc(size);
}

static void release(void *data, void *arg) {
  (void)arg;
  free(data);
}

static int bad(struct err *err, const char *text, size_t at, const char *why) {
  return err_set(err, ERR_USAGE, "bad pattern \"%.300s\": character %zu: %s", text, at, why);
}

static int parse_expression(struct pattern *pattern, struct err *err) {
  const char *text = pattern->text;
  size_t len = strlen(text), size = 0;
  if (len < 2 || text[len - 1] != '/')
    return bad(err, text, len, "a regular expression ends with a slash");
  if (len == 2)
    return bad(err, text, len, "nothing stands between the slashes");
  pcre2_general_context *memory = pcre2_general_context_create(allocate, release, NULL);
  pcre2_compile_context *context = pcre2_compile_context_create(memory);
  pcre2_set_max_pattern_length(context, EXPRESSION_MAX);
  int code;
  PCRE2_SIZE offset;
  pattern->code = pcre2_compile((PCRE2_SPTR)(text + 1), len - 2,
                                PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_NEVER_UTF |
                                    PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C,
                                &code, &offset, context);
  pcre2_compile_context_free(context);
  pcre2_general_context_free(memory);
  if (!pattern->code) {
    PCRE2_UCHAR why[256];
    pcre2_get_error_message(code, why, sizeof why);
    return bad(err, text, offset + 2, (const char *)why);
  }
  pcre2_pattern_info(pattern->code, PCRE2_INFO_SIZE, &size);
  return size > COMPILED_MAX
             ? bad(err, text, len, "it is too large once its repetitions are laid out")
             : 0;
}

static int check_glob(const char *text, struct err *err) {
  size_t len = strspn(text, "*?.-_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
  if (!text[len])
    return *text ? 0 : bad(err, text, 1, "it is empty");
  return bad(err, text, len + 1,
             "no tag has that; a glob knows * and ?, a version range begins with one of "
             "< > = ^ ~, and a regular expression stands between slashes");
}

int pattern_parse(const char *text, struct pattern **out, struct err *err) {
  struct pattern *pattern = mem_zalloc(sizeof *pattern);
  pattern->text = mem_strdup(text);
  int rc;
  if (*text == '/')
    rc = parse_expression(pattern, err);
  else if (*text && strchr("<>=^~", *text))
    rc = range_parse(text, &pattern->range, err);
  else
    rc = check_glob(text, err);
  if (rc != 0) {
    pattern_free(pattern);
    pattern = NULL;
  }
  *out = pattern;
  return rc;
}

struct pattern *pattern_of_range(struct range *range) {
  struct pattern *pattern = mem_zalloc(sizeof *pattern);
  pattern->text = mem_strdup(range_text(range));
  pattern->range = range;
  return pattern;
}

void pattern_free(struct pattern *pattern) {
  if (!pattern)
    return;
  range_free(pattern->range);
  pcre2_code_free(pattern->code);
  free(pattern->text);
  free(pattern);
}

const char *pattern_text(const struct pattern *pattern) { return pattern->text; }

/* What matching needs is made anew each time: kept, it would be 20 KiB a pattern. */
static bool match_expression(const pcre2_code *code, const char *tag, bool *gave_up) {
  pcre2_general_context *memory = pcre2_general_context_create(allocate, release, NULL);
  pcre2_match_context *context = pcre2_match_context_create(memory);
  pcre2_match_data *data = pcre2_match_data_create(1, memory);
  pcre2_set_match_limit(context, STEPS_MAX);
  pcre2_set_depth_limit(context, DEPTH_MAX);
  pcre2_set_heap_limit(context, HEAP_MAX_KIB);
  int rc = pcre2_match(code, (PCRE2_SPTR)tag, strlen(tag), 0, 0, data, context);
  pcre2_match_data_free(data);
  pcre2_match_context_free(context);
  pcre2_general_context_free(memory);
  if (rc < 0 && rc != PCRE2_ERROR_NOMATCH && gave_up)
    *gave_up = true;
  return rc >= 0;
}

bool pattern_match(const struct pattern *pattern, const char *tag, bool *gave_up) {
  if (pattern->code)
    return match_expression(pattern->code, tag, gave_up);
  return pattern->range ? range_match(pattern->range, tag) : text_glob(pattern->text, tag);
}

char *pattern_library(void) {
  char *version = mem_alloc((size_t)pcre2_config(PCRE2_CONFIG_VERSION, NULL));
  pcre2_config(PCRE2_CONFIG_VERSION, version); /* "10.42 2022-12-11" */
  char *text = mem_printf("PCRE2/%.*s", (int)strcspn(version, " "), version);
  free(version);
  return text;
}
