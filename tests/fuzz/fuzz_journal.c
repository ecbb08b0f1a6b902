/* What a state file may hold: stored entries, names of owners, and a file as a whole. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "transfer/journal.h"
#include "transfer/owner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct oci_repo repo = {.host = "h", .path = "p"};

/* As if the writer had meant these bytes: gives them the right checksum. */
static void seal(const char *key, unsigned char *bytes, size_t size) {
  struct oci_hasher hasher;
  struct oci_digest digest;
  oci_hasher_init(&hasher, OCI_SHA256);
  oci_hasher_update(&hasher, key, strlen(key) + 1);
  oci_hasher_update(&hasher, bytes + 32, size - 32);
  oci_hasher_digest(&hasher, &digest);
  memcpy(bytes, oci_digest_hex(&digest), 32);
}

static void check_entry(const struct journal_entry *entry) {
  struct oci_digest digest;
  const struct oci_hasher *first = entry->hasher;
  assert(strncmp(entry->location, "http", 4) == 0);
  assert(strlen(entry->location) <= JOURNAL_LOCATION_MAX);
  assert(!strpbrk(entry->location, "\r\n "));
  assert(journal_entry_hasher(entry, first->bytes) == first && first->bytes <= entry->acked);
  for (int i = 0; i < JOURNAL_HASHERS && first[i].algorithm; i++)
    oci_hasher_digest(&first[i], &digest);
}

static void read_row(const char *key, const uint8_t *data, size_t size) {
  unsigned char *bytes = memcpy(malloc(size + 1), data, size);
  struct journal_entry entry;
  journal_entry_load(key, bytes, size, &entry);
  if (size > 32) {
    seal(key, bytes, size);
    if (journal_entry_load(key, bytes, size, &entry) == 0) {
      check_entry(&entry);
      void *again;
      size_t len;
      assert(journal_entry_store(key, &entry, &again, &len) == 0);
      assert(len == size && memcmp(again, bytes, len) == 0);
      free(again);
    }
  }
  free(bytes);
}

static void read_owner(const uint8_t *data, size_t size) {
  char self[OWNER_TEXT], *name = memcpy(malloc(size + 1), data, size);
  name[size] = '\0';
  owner_new(self);
  owner_lives(name, self, 0);
  free(name);
}

static void read_file(const uint8_t *data, size_t size) {
  char folder[] = "/dev/shm/dray-fuzz-XXXXXX", path[64];
  if (!mkdtemp(folder))
    return;
  snprintf(path, sizeof path, "%s/f", folder);
  FILE *file = fopen(path, "w");
  assert(file && fwrite(data, 1, size, file) == size);
  fclose(file);

  struct loop *loop;
  struct log log = {0};
  struct oci_digest digest;
  struct journal_entry entry;
  oci_digest_of(OCI_SHA256, "", 0, &digest);
  assert(loop_new(&loop, NULL) == 0);
  struct journal *journal =
      journal_open(&(struct journal_options){.loop = loop, .path = path, .log = &log});
  if (journal_take(journal, &repo, &digest, &entry)) {
    check_entry(&entry);
    entry.acked++;
    journal_note(journal, &repo, &digest, &entry);
  } else {
    journal_drop(journal, &repo, &digest);
  }
  journal_close(journal);
  loop_free(loop);

  static const char *const suffixes[] = {"",     "-wal",     "-shm",     "-journal",
                                         ".bad", ".bad-wal", ".bad-shm", ".bad-journal"};
  for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
    snprintf(path, sizeof path, "%s/f%s", folder, suffixes[i]);
    unlink(path);
  }
  assert(rmdir(folder) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size > 6 && memcmp(data, "SQLite", 6) == 0) {
    read_file(data, size);
    return 0;
  }
  read_row("h/p@sha256:00", data, size);
  read_row("h/p@sha512:00", data, size);
  read_owner(data, size);
  return 0;
}
