#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

static char folder[] = "/tmp/dray-test-XXXXXX";

static int make_folder(void **state) {
  (void)state;
  return mkdtemp(folder) ? 0 : -1;
}

static const char *path_of(const char *name, char room[64]) {
  snprintf(room, 64, "%s/%s", folder, name);
  return room;
}

static int remove_folder(void **state) {
  (void)state;
  char room[64];
  unlink(path_of("file", room));
  return rmdir(folder);
}

static void write_file(const char *path, const void *data, size_t len) {
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  assert_int_equal(fwrite(data, 1, len, file), len);
  assert_int_equal(fclose(file), 0);
}

static void reads_a_file_whole(void **state) {
  (void)state;
  char room[64], *data;
  size_t len;
  static char large[100000] = "a\0b";
  memset(large + 3, 'c', sizeof large - 3);
  write_file(path_of("file", room), large, sizeof large);
  assert_int_equal(file_read(room, sizeof large, &data, &len, NULL), 0);
  assert_int_equal(len, sizeof large);
  assert_memory_equal(data, large, sizeof large);
  assert_int_equal(data[len], '\0');
  free(data);
}

static void an_empty_file_is_an_empty_string(void **state) {
  (void)state;
  char room[64], *data;
  write_file(path_of("file", room), "", 0);
  assert_int_equal(file_read(room, 0, &data, NULL, NULL), 0);
  assert_string_equal(data, "");
  free(data);
}

static void a_file_above_the_limit_is_refused_by_name(void **state) {
  (void)state;
  char room[64], *data;
  struct err err;
  write_file(path_of("file", room), "12345", 5);
  assert_int_equal(file_read(room, 4, &data, NULL, &err), -ERR_TOO_LARGE);
  assert_null(data);
  assert_non_null(strstr(err.message, room));
}

static void what_is_not_there_is_not_found(void **state) {
  (void)state;
  char room[64], *data;
  struct err err;
  assert_int_equal(file_read(path_of("none", room), 9, &data, NULL, &err), -ERR_NOT_FOUND);
  assert_non_null(strstr(err.message, room));
  write_file(path_of("file", room), "x", 1);
  assert_int_equal(file_read(path_of("file/below", room), 9, &data, NULL, &err), -ERR_NOT_FOUND);
}

static void a_folder_is_no_file(void **state) {
  (void)state;
  char *data;
  struct err err;
  assert_int_equal(file_read(folder, 9, &data, NULL, &err), -ERR_IO);
  assert_non_null(strstr(err.message, folder));
}

static void a_pipe_is_read_to_its_end_even_when_it_is_not_ready(void **state) {
  (void)state;
  int ends[2];
  char *data;
  assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
  pid_t child = fork();
  if (child == 0) { /* writes once the reader waits, or just before: both must do */
    close(ends[0]);
    _exit(write(ends[1], "late", 4) == 4 ? 0 : 1);
  }
  close(ends[1]);
  assert_int_equal(file_read_fd(ends[0], "standard input", 9, &data, NULL, NULL), 0);
  assert_string_equal(data, "late");
  free(data);
  close(ends[0]);
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
}

static void a_broken_stream_is_named(void **state) {
  (void)state;
  char *data;
  struct err err;
  assert_int_equal(file_read_fd(-1, "standard input", 9, &data, NULL, &err), -ERR_IO);
  assert_non_null(strstr(err.message, "standard input"));
}

static void check_content(const char *path, const char *wanted, mode_t mode) {
  char *data;
  struct stat found;
  assert_int_equal(file_read(path, 100, &data, NULL, NULL), 0);
  assert_string_equal(data, wanted);
  assert_int_equal(stat(path, &found), 0);
  assert_int_equal(found.st_mode & 07777, mode);
  free(data);
}

static void writes_a_file_as_a_whole(void **state) {
  (void)state;
  char path[64], link[64];
  path_of("file", path);
  unlink(path);
  assert_int_equal(file_write(path, "one", 3, 0600, NULL), 0);
  check_content(path, "one", 0600);
  assert_int_equal(chmod(path, 0640), 0);
  assert_int_equal(symlink("file", path_of("link", link)), 0);
  assert_int_equal(file_write(link, "", 0, 0600, NULL), 0);
  check_content(path, "", 0640);
  struct stat found;
  assert_int_equal(lstat(link, &found), 0);
  assert_true(S_ISLNK(found.st_mode));
  assert_int_equal(unlink(link), 0);
}

static void nothing_is_left_of_what_cannot_be_written(void **state) {
  (void)state;
  struct err err;
  char path[64];
  assert_int_equal(file_write(path_of("no/file", path), "x", 1, 0600, &err), -ERR_IO);
  assert_non_null(strstr(err.message, path));
  assert_int_equal(file_write(folder, "x", 1, 0600, &err), -ERR_IO);
  /* remove_folder() fails where something is left */
}

static void expect_text(const char *path, const char *wanted) {
  char *text;
  assert_int_equal(file_read(path, 100, &text, NULL, NULL), 0);
  CHECK_STRING(text, wanted, path);
  free(text);
}

static unsigned mode_of(const char *path) {
  struct stat stat;
  assert_int_equal(lstat(path, &stat), 0);
  return stat.st_mode;
}

/* Nothing but these names, the last of them NULL. */
static void expect_names(const char *path, const char *const *names) {
  DIR *entries = opendir(path);
  size_t found = 0, wanted = 0;
  assert_non_null(entries);
  for (struct dirent *entry; (entry = readdir(entries));)
    found += entry->d_name[0] != '.';
  closedir(entries);
  for (; names[wanted]; wanted++) {
    char *name;
    assert_true(asprintf(&name, "%s/%s", path, names[wanted]) > 0);
    CHECK(access(name, F_OK) == 0, "%s", name);
    free(name);
  }
  assert_int_equal(found, wanted);
}

static void a_secret_is_for_its_owner_alone(void **state) {
  (void)state;
  char room[64];
  write_file(path_of("file", room), "old and longer", 14);
  assert_int_equal(chmod(room, 0644), 0);
  assert_int_equal(file_write_secret(room, "new", 3, NULL), 0);
  expect_text(room, "new");
  assert_int_equal(mode_of(room), S_IFREG | 0600);
  expect_names(folder, (const char *[]){"file", NULL});
}

static void folders_on_the_way_to_a_secret_are_made(void **state) {
  (void)state;
  char room[64], below[64];
  assert_int_equal(file_write_secret(path_of("a/b/file", room), "", 0, NULL), 0);
  expect_text(room, "");
  assert_int_equal(mode_of(path_of("a", below)), S_IFDIR | 0700);
  assert_int_equal(unlink(room), 0);
  assert_int_equal(rmdir(path_of("a/b", room)), 0);
  assert_int_equal(rmdir(below), 0);
}

static void a_link_to_a_secret_stays_one(void **state) {
  (void)state;
  char room[64], link[64];
  write_file(path_of("file", room), "old", 3);
  assert_int_equal(symlink("file", path_of("link", link)), 0);
  assert_int_equal(file_write_secret(link, "new", 3, NULL), 0);
  assert_true(S_ISLNK(mode_of(link)));
  expect_text(room, "new");
  assert_int_equal(unlink(link), 0);
}

static void a_secret_that_cannot_be_written_leaves_nothing(void **state) {
  (void)state;
  char room[64];
  struct err err;
  assert_int_equal(symlink("nowhere", path_of("link", room)), 0);
  assert_int_equal(file_write_secret(room, "new", 3, &err), -ERR_IO);
  assert_non_null(strstr(err.message, room));
  assert_int_equal(unlink(room), 0);
  assert_int_equal(mkdir(path_of("taken", room), 0700), 0);
  assert_int_equal(file_write_secret(room, "new", 3, &err), -ERR_IO);
  assert_non_null(strstr(err.message, room));
  assert_int_equal(rmdir(room), 0);
  write_file(path_of("file", room), "old", 3);
  assert_int_equal(file_write_secret(path_of("file/below", room), "new", 3, &err), -ERR_IO);
  expect_text(path_of("file", room), "old");
  expect_names(folder, (const char *[]){"file", NULL});
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_a_file_whole),
      cmocka_unit_test(an_empty_file_is_an_empty_string),
      cmocka_unit_test(a_file_above_the_limit_is_refused_by_name),
      cmocka_unit_test(what_is_not_there_is_not_found),
      cmocka_unit_test(a_folder_is_no_file),
      cmocka_unit_test(a_pipe_is_read_to_its_end_even_when_it_is_not_ready),
      cmocka_unit_test(a_broken_stream_is_named),
      cmocka_unit_test(writes_a_file_as_a_whole),
      cmocka_unit_test(nothing_is_left_of_what_cannot_be_written),
      cmocka_unit_test(a_secret_is_for_its_owner_alone),
      cmocka_unit_test(folders_on_the_way_to_a_secret_are_made),
      cmocka_unit_test(a_link_to_a_secret_stays_one),
      cmocka_unit_test(a_secret_that_cannot_be_written_leaves_nothing),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
