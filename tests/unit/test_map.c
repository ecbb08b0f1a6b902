#include "base/map.h"

#include <stdio.h>

#include "base/mem.h"
#include "unit.h"

enum { MANY = 20000 };

static const char *key_of(int i, char room[32]) {
  snprintf(room, 32, "key-%d", i);
  return room;
}

static void finds_what_was_put(void **state) {
  (void)state;
  struct map *map = map_new();
  int one, two;
  char key[] = "alpha";
  assert_null(map_get(map, key));
  assert_null(map_remove(map, key));
  assert_null(map_put(map, key, &one));
  key[0] = 'A'; /* the map has a copy */
  assert_ptr_equal(map_get(map, "alpha"), &one);
  assert_null(map_get(map, "Alpha"));
  assert_null(map_get(map, ""));
  assert_ptr_equal(map_put(map, "alpha", &two), &one);
  assert_ptr_equal(map_get(map, "alpha"), &two);
  assert_int_equal(map_count(map), 1);
  map_free(map, NULL);
}

static void holds_many_and_forgets_what_was_removed(void **state) {
  (void)state;
  struct map *map = map_new();
  static char values[MANY];
  char key[32];
  for (int i = 0; i < MANY; i++)
    assert_null(map_put(map, key_of(i, key), &values[i]));
  for (int i = 0; i < MANY; i += 3)
    assert_ptr_equal(map_remove(map, key_of(i, key)), &values[i]);
  assert_null(map_remove(map, "key-0"));
  assert_null(map_remove(map, "nobody's"));
  for (int i = 0; i < MANY; i++)
    assert_ptr_equal(map_get(map, key_of(i, key)), i % 3 ? &values[i] : NULL);
  assert_int_equal(map_count(map), MANY - (MANY + 2) / 3);
  map_free(map, NULL);
}

static void keys_of_every_length_are_told_apart(void **state) {
  (void)state;
  struct map *map = map_new();
  static char values[65];
  char key[65] = "";
  for (int i = 0; i < 64; i++) {
    key[i] = 'x';
    assert_null(map_put(map, key, &values[i]));
  }
  memset(key, 0, sizeof key);
  for (int i = 0; i < 64; i++) {
    key[i] = 'x';
    assert_ptr_equal(map_get(map, key), &values[i]);
  }
  map_free(map, NULL);
}

static void iteration_meets_each_entry_once(void **state) {
  (void)state;
  struct map *map = map_new();
  static char values[100];
  static int seen[100];
  char room[32];
  for (int i = 0; i < 100; i++)
    map_put(map, key_of(i, room), &values[i]);
  const char *key;
  void *value;
  for (size_t i = 0; map_next(map, &i, &key, &value);) {
    int number = (int)((char *)value - values);
    seen[number]++;
    assert_string_equal(key, key_of(number, room));
  }
  for (int i = 0; i < 100; i++)
    assert_int_equal(seen[i], 1);
  size_t count = 0;
  for (size_t i = 0; map_next(map, &i, NULL, NULL);)
    count++;
  assert_int_equal(count, 100);
  map_free(map, NULL);
}

static void frees_its_values_when_told(void **state) {
  (void)state;
  struct map *map = map_new();
  map_put(map, "a", mem_strdup("a's"));
  map_put(map, "b", mem_strdup("b's"));
  map_free(map, free); /* the leak checker proves it */
  map_free(NULL, free);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(finds_what_was_put),
      cmocka_unit_test(holds_many_and_forgets_what_was_removed),
      cmocka_unit_test(keys_of_every_length_are_told_apart),
      cmocka_unit_test(iteration_meets_each_entry_once),
      cmocka_unit_test(frees_its_values_when_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
