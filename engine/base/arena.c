#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct arena_block {
  struct arena_block *next;
  size_t size, used; /* of data */
  _Alignas(max_align_t) unsigned char data[];
};

enum { BLOCK = 4096 - sizeof(struct arena_block) };

void arena_init(struct arena *arena) { arena->blocks = NULL; }

void arena_free(struct arena *arena) {
  while (arena->blocks) {
    struct arena_block *next = arena->blocks->next;
    free(arena->blocks);
    arena->blocks = next;
  }
}

static struct arena_block *add_block(struct arena *arena, size_t size) {
  struct arena_block *block = mem_zalloc(sizeof *block + size);
  block->size = size;
  block->next = arena->blocks;
  arena->blocks = block;
  return block;
}

void *arena_alloc(struct arena *arena, size_t size) {
  const size_t align = _Alignof(max_align_t);
  struct arena_block *block = arena->blocks;
  if (!block || size > block->size - block->used)
    block = add_block(arena, size > BLOCK ? size : BLOCK);
  void *data = block->data + block->used;
  size_t padded = size + (align - size % align) % align;
  size_t left = block->size - block->used;
  block->used += padded < left ? padded : left;
  return data;
}

char *arena_strdup(struct arena *arena, const char *text) {
  return text ? arena_strndup(arena, text, strlen(text)) : NULL;
}

char *arena_strndup(struct arena *arena, const char *text, size_t len) {
  char *copy = arena_alloc(arena, len + 1);
  if (len)
    memcpy(copy, text, len);
  return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int len = vsnprintf(NULL, 0, format, args);
  va_end(args);
  size_t room = len < 0 ? 1 : (size_t)len + 1;
  char *text = arena_alloc(arena, room);
  va_start(args, format);
  vsnprintf(text, room, format, args);
  va_end(args);
  return text;
}

size_t arena_size(const struct arena *arena) {
  size_t size = 0;
  for (const struct arena_block *block = arena->blocks; block; block = block->next)
    size += sizeof *block + block->size;
  return size;
}
