#include "sync/lock.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"

static const char mark[] = "# dray lock ";
static const char heading[] = "# dray lock 1: TARGET SOURCE DIGEST";

struct lock {
  struct map *entries; /* target -> struct lock_entry, its texts in the same allocation */
};

struct lock *lock_new(void) {
  struct lock *lock = mem_zalloc(sizeof *lock);
  lock->entries = map_new();
  return lock;
}

void lock_free(struct lock *lock) {
  if (!lock)
    return;
  map_free(lock->entries, free);
  free(lock);
}

static void put(struct lock *lock, const char *target, const char *source, const char *digest) {
  size_t target_size = strlen(target) + 1, source_size = strlen(source) + 1;
  size_t digest_size = strlen(digest) + 1;
  struct lock_entry *entry = mem_alloc(sizeof *entry + target_size + source_size + digest_size);
  char *at = (char *)(entry + 1);
  entry->target = memcpy(at, target, target_size);
  entry->source = memcpy(at + target_size, source, source_size);
  entry->digest = memcpy(at + target_size + source_size, digest, digest_size);
  free(map_put(lock->entries, target, entry));
}

void lock_put(struct lock *lock, const struct oci_ref *target, const struct oci_ref *source,
              const struct oci_digest *digest) {
  char *target_text = oci_ref_format(target), *source_text = oci_ref_format(source);
  put(lock, target_text, source_text, digest->text);
  free(target_text);
  free(source_text);
}

void lock_keep(struct lock *lock, const struct lock_entry *line) {
  if (!map_get(lock->entries, line->target))
    put(lock, line->target, line->source, line->digest);
}

const struct lock_entry *lock_find(const struct lock *lock, const struct oci_ref *target) {
  char *text = oci_ref_format(target);
  const struct lock_entry *entry = map_get(lock->entries, text);
  free(text);
  return entry;
}

size_t lock_count(const struct lock *lock) { return map_count(lock->entries); }

const struct lock_entry *lock_next(const struct lock *lock, size_t *cursor) {
  void *entry;
  return map_next(lock->entries, cursor, NULL, &entry) ? entry : NULL;
}

static int by_target(const void *a, const void *b) {
  return strcmp((*(const struct lock_entry *const *)a)->target,
                (*(const struct lock_entry *const *)b)->target);
}

char *lock_format(const struct lock *lock) {
  const struct lock_entry **entries = mem_alloc((lock_count(lock) + 1) * sizeof(void *)), *entry;
  size_t count = 0;
  for (size_t i = 0; (entry = lock_next(lock, &i));)
    entries[count++] = entry;
  qsort(entries, count, sizeof(void *), by_target);
  struct buf buf;
  buf_init(&buf, SIZE_MAX);
  buf_addf(&buf, "%s\n", heading);
  for (size_t i = 0; i < count; i++)
    buf_addf(&buf, "%s %s %s\n", entries[i]->target, entries[i]->source, entries[i]->digest);
  free(entries);
  return buf_take(&buf);
}

/* -- reading -- */

struct reader {
  struct lock *lock;
  const char *name;
  int line;
  struct err *err;
};

__attribute__((format(printf, 2, 3))) static int bad(const struct reader *reader,
                                                     const char *format, ...) {
  va_list args;
  va_start(args, format);
  int rc = err_setv(reader->err, ERR_CONFIG, format, args);
  va_end(args);
  err_prefix(reader->err, "%s:%d", reader->name, reader->line);
  return rc;
}

static int read_heading(const struct reader *reader, const char *line) {
  if (!text_starts(line, mark))
    return bad(reader, "no lock file: the first line would be \"%s\"", heading);
  const char *version = line + strlen(mark);
  if (version[0] != '1' || version[1] != ':')
    return bad(reader, "a lock file of a format that is not known here");
  return 0;
}

static int read_image(const struct reader *reader, const char *target_text, const char *source_text,
                      const char *digest_text) {
  struct oci_ref target = {0}, source = {0};
  struct oci_digest digest;
  struct err why;
  int rc = 0;
  if (oci_ref_parse(target_text, &target, &why) != 0 ||
      oci_ref_parse(source_text, &source, &why) != 0 ||
      oci_digest_parse(digest_text, strlen(digest_text), &digest, &why) != 0)
    rc = bad(reader, "%s", why.message);
  else if (target.transport != OCI_REGISTRY || source.transport != OCI_REGISTRY)
    rc = bad(reader, "only images in registries are mirrored");
  else if (lock_find(reader->lock, &target))
    rc = bad(reader, "%.300s is there already", target_text);
  else
    lock_put(reader->lock, &target, &source, &digest);
  oci_ref_free(&target);
  oci_ref_free(&source);
  return rc;
}

/* line is changed. */
static int read_line(const struct reader *reader, char *line) {
  char *parts[4], *save = NULL;
  size_t count = 0;
  if (text_ends(line, "\r"))
    line[strlen(line) - 1] = '\0';
  if (reader->line == 1)
    return read_heading(reader, line);
  if (*line == '#')
    return 0;
  for (char *part = strtok_r(line, " \t", &save); part && count < 4;
       part = strtok_r(NULL, " \t", &save))
    parts[count++] = part;
  if (count == 0)
    return 0;
  if (count != 3)
    return bad(reader, "TARGET SOURCE DIGEST is wanted, with blanks in between");
  return read_image(reader, parts[0], parts[1], parts[2]);
}

int lock_parse(const char *name, const char *text, size_t len, struct lock **out, struct err *err) {
  struct reader reader = {.lock = lock_new(), .name = name, .err = err};
  int rc = 0;
  for (const char *end = text + len; text < end && rc == 0;) {
    const char *newline = memchr(text, '\n', (size_t)(end - text));
    size_t line_len = (size_t)((newline ? newline : end) - text);
    char *line = mem_strndup(text, line_len);
    reader.line++;
    rc = strlen(line) == line_len ? read_line(&reader, line) : bad(&reader, "a NUL character");
    free(line);
    text = newline ? newline + 1 : end;
  }
  if (rc != 0) {
    lock_free(reader.lock);
    reader.lock = NULL;
  }
  *out = reader.lock;
  return rc;
}
