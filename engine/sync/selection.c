#include "sync/selection.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/version.h"

struct patterns {
  struct pattern **items;
  size_t count;
};

struct selection {
  struct patterns include, require, exclude;
  size_t newest;
};

struct selection *selection_new(void) {
  return mem_zalloc(sizeof(struct selection));
}

static void free_patterns(struct patterns *patterns) {
  for (size_t i = 0; i < patterns->count; i++)
    pattern_free(patterns->items[i]);
  free(patterns->items);
}

void selection_free(struct selection *selection) {
  if (!selection)
    return;
  free_patterns(&selection->include);
  free_patterns(&selection->require);
  free_patterns(&selection->exclude);
  free(selection);
}

static void append(struct patterns *patterns, struct pattern *pattern) {
  patterns->items = mem_realloc(patterns->items, patterns->count + 1, sizeof(struct pattern *));
  patterns->items[patterns->count++] = pattern;
}

static int add(struct patterns *patterns, const char *text, struct err *err) {
  struct pattern *pattern;
  int rc = pattern_parse(text, &pattern, err);
  if (rc == 0)
    append(patterns, pattern);
  return rc;
}

int selection_include(struct selection *selection, const char *pattern, struct err *err) {
  return add(&selection->include, pattern, err);
}

void selection_include_pattern(struct selection *selection, struct pattern *pattern) {
  append(&selection->include, pattern);
}

int selection_require(struct selection *selection, const char *pattern, struct err *err) {
  return add(&selection->require, pattern, err);
}

int selection_exclude(struct selection *selection, const char *pattern, struct err *err) {
  return add(&selection->exclude, pattern, err);
}

void selection_set_newest(struct selection *selection, size_t newest) {
  selection->newest = newest;
}

size_t selection_newest(const struct selection *selection) {
  return selection ? selection->newest : 0;
}

static bool any(const struct patterns *patterns, const char *tag, const char **gave_up) {
  for (size_t i = 0; i < patterns->count; i++) {
    bool slow = false;
    bool match = pattern_match(patterns->items[i], tag, &slow);
    if (slow && gave_up)
      *gave_up = pattern_text(patterns->items[i]);
    if (match)
      return true;
  }
  return false;
}

bool selection_wants(const struct selection *selection, const char *tag, const char **gave_up) {
  return !selection || ((!selection->include.count || any(&selection->include, tag, gave_up)) &&
                        (!selection->require.count || any(&selection->require, tag, gave_up)) &&
                        !any(&selection->exclude, tag, gave_up));
}

static int by_version(const void *a, const void *b) {
  return version_compare(*(const char *const *)a, *(const char *const *)b);
}

size_t selection_apply(const struct selection *selection, const char **tags, size_t count,
                       const char **gave_up) {
  size_t newest = selection_newest(selection), wanted = 0;
  for (size_t i = 0; i < count; i++)
    if ((!newest || version_is(tags[i])) && selection_wants(selection, tags[i], gave_up))
      tags[wanted++] = tags[i];
  if (wanted)
    qsort(tags, wanted, sizeof *tags, by_version);
  if (!newest || wanted <= newest)
    return wanted;
  memmove(tags, tags + (wanted - newest), newest * sizeof *tags);
  return newest;
}
