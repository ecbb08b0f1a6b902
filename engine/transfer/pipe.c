#include "transfer/pipe.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct pipe {
  unsigned char *ring;
  size_t capacity, keep;
  uint64_t size;
  uint64_t first; /* offset of the oldest byte that is in the ring */
  uint64_t head;  /* offset of the next byte to be written */
  bool released;
  bool full; /* the writer is to be woken */
  struct list readers;
  void (*wake)(void *arg);
  void *arg;
};

struct pipe *pipe_new(size_t capacity, size_t keep, uint64_t size, void (*wake)(void *arg),
                      void *arg) {
  struct pipe *pipe = mem_zalloc(sizeof *pipe);
  if (size < capacity)
    capacity = size ? (size_t)size : 1;
  pipe->ring = mem_alloc(capacity);
  pipe->capacity = capacity;
  pipe->keep = keep;
  pipe->size = size;
  pipe->wake = wake;
  pipe->arg = arg;
  list_init(&pipe->readers);
  return pipe;
}

void pipe_free(struct pipe *pipe) {
  if (!pipe)
    return;
  pipe->full = false; /* nobody is to be woken any more */
  list_each_safe(node, &pipe->readers) pipe_detach(list_entry(node, struct pipe_reader, node));
  free(pipe->ring);
  free(pipe);
}

/* How much the writer may add without touching what a reader may still want. */
static size_t room(const struct pipe *pipe) {
  uint64_t oldest = pipe->head;
  list_each(node, &pipe->readers) {
    uint64_t offset = list_entry(node, struct pipe_reader, node)->offset;
    if (offset < oldest)
      oldest = offset;
  }
  uint64_t kept = oldest - pipe->first < pipe->keep ? pipe->first : oldest - pipe->keep;
  return pipe->capacity - (size_t)(pipe->head - kept);
}

static void wake_writer(struct pipe *pipe) {
  if (!pipe->full || room(pipe) < pipe->capacity / 4)
    return;
  pipe->full = false;
  pipe->wake(pipe->arg);
}

static uint64_t readable_end(const struct pipe *pipe) {
  bool held_back = !pipe->released && pipe->head == pipe->size && pipe->size;
  return held_back ? pipe->size - 1 : pipe->head;
}

static void wake_readers(struct pipe *pipe) {
  uint64_t end = readable_end(pipe);
  list_each(node, &pipe->readers) {
    struct pipe_reader *reader = list_entry(node, struct pipe_reader, node);
    if (!reader->starving || reader->offset >= end)
      continue;
    /* A good piece, so that sends are not tiny; but what there is when the source stands still or
     * has ended. */
    if (end - reader->offset < pipe->capacity / 8 && end + 1 < pipe->size && !pipe->full)
      continue;
    reader->starving = false;
    reader->wake(reader->arg);
  }
}

size_t pipe_readers(const struct pipe *pipe) {
  size_t count = 0;
  list_each(node, &pipe->readers) count++;
  return count;
}

void pipe_attach(struct pipe *pipe, struct pipe_reader *reader, void (*wake)(void *arg),
                 void *arg) {
  *reader = (struct pipe_reader){.pipe = pipe, .offset = pipe->first, .wake = wake, .arg = arg};
  list_push(&pipe->readers, &reader->node);
}

void pipe_detach(struct pipe_reader *reader) {
  struct pipe *pipe = reader->pipe;
  if (!pipe)
    return;
  list_remove(&reader->node);
  reader->pipe = NULL;
  wake_writer(pipe);
}

int pipe_write(struct pipe *pipe, const void *data, size_t len) {
  assert(len <= pipe->size - pipe->head);
  if (room(pipe) < len) {
    pipe->full = true;
    wake_readers(pipe);
    return -1;
  }
  size_t at = (size_t)(pipe->head % pipe->capacity), first = pipe->capacity - at;
  if (first > len)
    first = len;
  memcpy(pipe->ring + at, data, first);
  memcpy(pipe->ring, (const unsigned char *)data + first, len - first);
  pipe->head += len;
  if (pipe->head - pipe->first > pipe->capacity)
    pipe->first = pipe->head - pipe->capacity;
  wake_readers(pipe);
  return 0;
}

uint64_t pipe_written(const struct pipe *pipe) { return pipe->head; }

void pipe_release(struct pipe *pipe) {
  assert(pipe->head == pipe->size);
  pipe->released = true;
  list_each(node, &pipe->readers) { /* also who waits for just this, with nothing left to read */
    struct pipe_reader *reader = list_entry(node, struct pipe_reader, node);
    if (!reader->starving)
      continue;
    reader->starving = false;
    reader->wake(reader->arg);
  }
}

bool pipe_released(const struct pipe *pipe) { return pipe->released; }

bool pipe_readable(const struct pipe_reader *reader) {
  return reader->offset < readable_end(reader->pipe);
}

void pipe_wait(struct pipe_reader *reader) { reader->starving = true; }

const void *pipe_whole(const struct pipe *pipe) {
  return pipe->released && pipe->first == 0 && pipe->size <= pipe->capacity ? pipe->ring : NULL;
}

size_t pipe_read(struct pipe_reader *reader, void *to, size_t len) {
  struct pipe *pipe = reader->pipe;
  if (!pipe_readable(reader)) {
    pipe_wait(reader);
    return 0;
  }
  uint64_t end = readable_end(pipe);
  if (len > end - reader->offset)
    len = (size_t)(end - reader->offset);
  size_t at = (size_t)(reader->offset % pipe->capacity), first = pipe->capacity - at;
  if (first > len)
    first = len;
  memcpy(to, pipe->ring + at, first);
  memcpy((unsigned char *)to + first, pipe->ring, len - first);
  reader->offset += len;
  wake_writer(pipe);
  return len;
}

bool pipe_holds(const struct pipe *pipe, uint64_t offset) {
  return offset >= pipe->first && offset <= pipe->head;
}

bool pipe_is_held_up(const struct pipe *pipe) {
  uint64_t end = readable_end(pipe);
  if (!pipe->full)
    return false;
  list_each(node, &pipe->readers) {
    const struct pipe_reader *reader = list_entry(node, struct pipe_reader, node);
    if (reader->starving && reader->offset >= end)
      return true;
  }
  return false;
}

void pipe_await(struct pipe_reader *reader, uint64_t offset) {
  assert(offset >= reader->pipe->head);
  reader->offset = offset;
  wake_writer(reader->pipe);
}

int pipe_seek(struct pipe_reader *reader, uint64_t offset) {
  if (!pipe_holds(reader->pipe, offset))
    return -1;
  reader->offset = offset;
  wake_writer(reader->pipe);
  return 0;
}

void pipe_restart(struct pipe *pipe, uint64_t offset) {
  pipe->first = pipe->head = offset;
  pipe->released = false;
  list_each(node, &pipe->readers) list_entry(node, struct pipe_reader, node)->offset = offset;
}
