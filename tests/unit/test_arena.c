#include "base/arena.h"

#include "unit.h"

static void gives_zeroed_aligned_memory_of_any_size(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena);
  for (size_t size = 0; size < 10000; size = size * 3 / 2 + 1) {
    unsigned char *data = arena_alloc(&arena, size);
    assert_int_equal((uintptr_t)data % _Alignof(max_align_t), 0);
    for (size_t i = 0; i < size; i++)
      assert_int_equal(data[i], 0);
    memset(data, 0xff, size); /* must not show in the next one */
  }
  arena_free(&arena);
}

static void pieces_do_not_overlap(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena);
  unsigned char *pieces[500];
  for (size_t i = 0; i < 500; i++) {
    pieces[i] = arena_alloc(&arena, i);
    memset(pieces[i], (int)(i & 0xff), i);
  }
  for (size_t i = 0; i < 500; i++)
    for (size_t j = 0; j < i; j++)
      assert_int_equal(pieces[i][j], i & 0xff);
  arena_free(&arena);
}

static void copies_and_formats_text(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena);
  assert_string_equal(arena_strdup(&arena, "abc"), "abc");
  assert_null(arena_strdup(&arena, NULL));
  assert_string_equal(arena_strndup(&arena, "abc", 2), "ab");
  assert_string_equal(arena_strndup(&arena, NULL, 0), "");
  assert_string_equal(arena_printf(&arena, "%s-%d", "x", 12), "x-12");
  assert_int_equal(strlen(arena_printf(&arena, "%9000d", 1)), 9000);
  arena_free(&arena);
}

static void small_pieces_share_blocks_and_free_gives_all_back(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena);
  assert_int_equal(arena_size(&arena), 0);
  for (int i = 0; i < 1000; i++)
    arena_alloc(&arena, 16);
  assert_in_range(arena_size(&arena), 16000, 32000);
  arena_free(&arena);
  assert_int_equal(arena_size(&arena), 0);
  assert_non_null(arena_alloc(&arena, 1));
  arena_free(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gives_zeroed_aligned_memory_of_any_size),
      cmocka_unit_test(pieces_do_not_overlap),
      cmocka_unit_test(copies_and_formats_text),
      cmocka_unit_test(small_pieces_share_blocks_and_free_gives_all_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
