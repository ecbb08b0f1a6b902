#include "transfer/pipe.h"

#include <stdio.h>
#include <time.h>

#include "unit.h"

static unsigned char byte_at(uint64_t offset) {
  return (unsigned char)((offset * 2654435761u) >> 9 ^ offset);
}

/* -- one step after the other -- */

struct calls {
  int writer, reader;
};

static void on_room(void *arg) { ((struct calls *)arg)->writer++; }
static void on_bytes(void *arg) { ((struct calls *)arg)->reader++; }

static void write_bytes(struct pipe *pipe, size_t len, int wanted) {
  unsigned char bytes[4096];
  for (size_t i = 0; i < len; i++)
    bytes[i] = byte_at(pipe_written(pipe) + i);
  assert_int_equal(pipe_write(pipe, bytes, len), wanted);
}

static void read_bytes(struct pipe_reader *reader, size_t len, size_t wanted) {
  unsigned char bytes[4096];
  uint64_t offset = reader->offset;
  assert_int_equal(pipe_read(reader, bytes, len), wanted);
  for (size_t i = 0; i < wanted; i++)
    assert_int_equal(bytes[i], byte_at(offset + i));
  assert_int_equal(reader->offset, offset + wanted);
}

static void the_last_byte_is_held_back_until_the_release(void **state) {
  (void)state;
  struct calls calls = {0};
  struct pipe_reader reader;
  struct pipe *pipe = pipe_new(100, 25, 10, on_room, &calls);
  pipe_attach(pipe, &reader, on_bytes, &calls);
  read_bytes(&reader, 10, 0);
  write_bytes(pipe, 10, 0);
  assert_int_equal(pipe_written(pipe), 10);
  assert_int_equal(calls.reader, 1);
  read_bytes(&reader, 100, 9);
  assert_false(pipe_readable(&reader));
  read_bytes(&reader, 1, 0);
  assert_int_equal(calls.reader, 1);
  assert_false(pipe_released(pipe));
  pipe_release(pipe);
  assert_true(pipe_released(pipe));
  assert_int_equal(calls.reader, 2);
  assert_true(pipe_readable(&reader));
  read_bytes(&reader, 100, 1);
  assert_false(pipe_readable(&reader));
  pipe_free(pipe);
}

static void a_blob_of_one_byte_waits_for_the_release_too(void **state) {
  (void)state;
  struct calls calls = {0};
  struct pipe_reader reader;
  struct pipe *pipe = pipe_new(100, 25, 1, on_room, &calls);
  pipe_attach(pipe, &reader, on_bytes, &calls);
  read_bytes(&reader, 1, 0);
  write_bytes(pipe, 1, 0);
  assert_false(pipe_readable(&reader));
  assert_int_equal(calls.reader, 0);
  assert_null(pipe_whole(pipe));
  pipe_release(pipe);
  assert_int_equal(calls.reader, 1);
  assert_non_null(pipe_whole(pipe));
  read_bytes(&reader, 1, 1);
  pipe_free(pipe);
}

static void of_an_empty_blob_there_is_nothing_to_read(void **state) {
  (void)state;
  struct calls calls = {0};
  struct pipe_reader reader;
  struct pipe *pipe = pipe_new(100, 25, 0, on_room, &calls);
  pipe_attach(pipe, &reader, on_bytes, &calls);
  assert_int_equal(pipe_written(pipe), 0);
  assert_false(pipe_readable(&reader));
  pipe_release(pipe);
  assert_non_null(pipe_whole(pipe));
  assert_false(pipe_readable(&reader));
  read_bytes(&reader, 1, 0);
  pipe_free(pipe);
}

static void whoever_waits_hears_of_the_end_even_of_an_empty_blob(void **state) {
  (void)state;
  struct calls calls = {0};
  struct pipe_reader reader;
  struct pipe *pipe = pipe_new(100, 25, 0, on_room, &calls);
  pipe_attach(pipe, &reader, on_bytes, &calls);
  pipe_wait(&reader);
  pipe_release(pipe);
  assert_int_equal(calls.reader, 1);
  pipe_free(pipe);
}

static void a_blob_that_fits_is_kept_whole(void **state) {
  (void)state;
  struct calls calls = {0};
  struct pipe_reader reader;
  struct pipe *pipe = pipe_new(100, 10, 100, on_room, &calls);
  pipe_attach(pipe, &reader, on_bytes, &calls);
  for (int i = 0; i < 10; i++) {
    write_bytes(pipe, 10, 0);
    read_bytes(&reader, 100, i < 9 ? 10 : 9);
    assert_null(pipe_whole(pipe));
  }
  pipe_release(pipe);
  for (uint64_t offset = 0; offset < 100; offset += 7) {
    assert_int_equal(pipe_seek(&reader, offset), 0);
    read_bytes(&reader, 100, 100 - (size_t)offset);
  }
  const unsigned char *whole = pipe_whole(pipe);
  assert_non_null(whole);
  for (size_t i = 0; i < 100; i++)
    assert_int_equal(whole[i], byte_at(i));
  pipe_free(pipe);
}

static void a_blob_that_does_not_fit_is_never_whole(void **state) {
  (void)state;
  struct calls calls = {0};
  struct pipe_reader reader;
  struct pipe *pipe = pipe_new(100, 10, 101, on_room, &calls);
  pipe_attach(pipe, &reader, on_bytes, &calls);
  for (int i = 0; i < 3; i++) {
    write_bytes(pipe, i < 2 ? 40 : 21, 0);
    read_bytes(&reader, 100, i < 2 ? 40 : 20);
  }
  pipe_release(pipe);
  assert_null(pipe_whole(pipe));
  pipe_free(pipe);
}

static void a_full_ring_takes_nothing_until_there_is_good_room(void **state) {
  (void)state;
  struct calls calls = {0};
  struct pipe_reader reader;
  struct pipe *pipe = pipe_new(100, 0, 1000, on_room, &calls);
  pipe_attach(pipe, &reader, on_bytes, &calls);
  write_bytes(pipe, 50, 0);
  write_bytes(pipe, 45, 0);
  write_bytes(pipe, 10, -1);
  assert_int_equal(pipe_written(pipe), 95);
  read_bytes(&reader, 1, 1);
  assert_int_equal(calls.writer, 0); /* a byte is no good room */
  read_bytes(&reader, 60, 60);
  assert_int_equal(calls.writer, 1);
  write_bytes(pipe, 50, 0);
  read_bytes(&reader, 5, 5);
  assert_int_equal(calls.writer, 1); /* once for each time that it had to wait */
  pipe_free(pipe);
}

static void what_was_just_taken_can_be_sent_again(void **state) {
  (void)state;
  struct calls calls = {0};
  struct pipe_reader reader;
  struct pipe *pipe = pipe_new(100, 30, 1000, on_room, &calls);
  pipe_attach(pipe, &reader, on_bytes, &calls);
  for (int i = 0; i < 15; i++) {
    write_bytes(pipe, 50, 0);
    read_bytes(&reader, 100, 50);
    uint64_t at = reader.offset;
    assert_int_equal(pipe_seek(&reader, at - 30), 0);
    read_bytes(&reader, 100, 30);
    assert_int_equal(pipe_seek(&reader, at + 1), -1); /* not yet there */
    assert_int_equal(reader.offset, at);
  }
  assert_int_equal(pipe_seek(&reader, 0), -1); /* no longer there */
  assert_int_equal(reader.offset, 750);
  pipe_free(pipe);
}

static void the_slowest_reader_holds_the_writer_up_until_it_leaves(void **state) {
  (void)state;
  struct calls calls = {0}, others = {0};
  struct pipe_reader slow, fast;
  struct pipe *pipe = pipe_new(100, 10, 1000, on_room, &calls);
  pipe_attach(pipe, &slow, on_bytes, &calls);
  pipe_attach(pipe, &fast, on_bytes, &others);
  write_bytes(pipe, 50, 0);
  write_bytes(pipe, 50, 0);
  read_bytes(&fast, 100, 100);
  write_bytes(pipe, 1, -1);
  assert_int_equal(calls.writer, 0);
  pipe_detach(&slow);
  pipe_detach(&slow);
  assert_int_equal(calls.writer, 1);
  write_bytes(pipe, 50, 0);
  read_bytes(&fast, 100, 50);
  pipe_free(pipe);
  assert_null(fast.pipe);
  pipe_detach(&fast); /* nothing to detach from */
}

static void a_reader_is_woken_for_a_good_piece_but_not_for_crumbs(void **state) {
  (void)state;
  struct calls calls = {0};
  struct pipe_reader reader;
  struct pipe *pipe = pipe_new(800, 100, 10000, on_room, &calls);
  pipe_attach(pipe, &reader, on_bytes, &calls);
  read_bytes(&reader, 1, 0);
  write_bytes(pipe, 10, 0);
  assert_int_equal(calls.reader, 0);
  assert_true(pipe_readable(&reader)); /* to whoever asks */
  write_bytes(pipe, 90, 0);
  assert_int_equal(calls.reader, 1);
  write_bytes(pipe, 100, 0);
  assert_int_equal(calls.reader, 1); /* once for each time that it had to wait */
  pipe_free(pipe);
}

static void crumbs_are_given_when_the_writer_stands_still(void **state) {
  (void)state;
  struct calls calls = {0}, others = {0};
  struct pipe_reader slow, fast;
  struct pipe *pipe = pipe_new(800, 100, 10000, on_room, &calls);
  pipe_attach(pipe, &slow, on_bytes, &others);
  pipe_attach(pipe, &fast, on_bytes, &calls);
  write_bytes(pipe, 400, 0);
  write_bytes(pipe, 390, 0);
  read_bytes(&fast, 800, 790);
  read_bytes(&fast, 800, 0);
  write_bytes(pipe, 5, 0);
  assert_int_equal(calls.reader, 0);
  write_bytes(pipe, 100, -1);
  assert_int_equal(calls.reader, 1);
  read_bytes(&fast, 800, 5);
  pipe_free(pipe);
}

static void crumbs_are_given_at_the_end(void **state) {
  (void)state;
  struct calls calls = {0};
  struct pipe_reader reader;
  struct pipe *pipe = pipe_new(800, 100, 805, on_room, &calls);
  pipe_attach(pipe, &reader, on_bytes, &calls);
  write_bytes(pipe, 400, 0);
  write_bytes(pipe, 400, 0);
  read_bytes(&reader, 800, 800);
  read_bytes(&reader, 800, 0);
  write_bytes(pipe, 2, 0);
  assert_int_equal(calls.reader, 0);
  write_bytes(pipe, 3, 0);
  assert_int_equal(calls.reader, 1);
  read_bytes(&reader, 800, 4);
  pipe_free(pipe);
}

static void a_restart_puts_everybody_where_it_begins(void **state) {
  (void)state;
  struct calls calls = {0};
  struct pipe_reader readers[2];
  struct pipe *pipe = pipe_new(100, 25, 130, on_room, &calls);
  for (int i = 0; i < 2; i++)
    pipe_attach(pipe, &readers[i], on_bytes, &calls);
  write_bytes(pipe, 50, 0);
  read_bytes(&readers[0], 100, 50);
  pipe_restart(pipe, 0);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(readers[i].offset, 0);
    assert_false(pipe_readable(&readers[i]));
    read_bytes(&readers[i], 10, 0);
  }
  write_bytes(pipe, 50, 0);
  assert_int_equal(calls.reader, 2);
  for (int i = 0; i < 2; i++)
    read_bytes(&readers[i], 100, 50);
  pipe_restart(pipe, 100);
  assert_int_equal(pipe_written(pipe), 100);
  write_bytes(pipe, 30, 0);
  pipe_release(pipe);
  read_bytes(&readers[0], 100, 30);
  pipe_restart(pipe, 120); /* what was released is so no more */
  assert_false(pipe_released(pipe));
  write_bytes(pipe, 10, 0);
  read_bytes(&readers[1], 100, 9);
  read_bytes(&readers[1], 100, 0);
  pipe_free(pipe);
}

static void a_blob_that_fits_but_began_later_is_not_whole(void **state) {
  (void)state;
  struct calls calls = {0};
  struct pipe *pipe = pipe_new(100, 25, 80, on_room, &calls);
  pipe_restart(pipe, 30);
  write_bytes(pipe, 50, 0);
  pipe_release(pipe);
  assert_null(pipe_whole(pipe));
  pipe_free(pipe);
}

static void a_reader_that_moves_on_makes_room(void **state) {
  (void)state;
  struct calls calls = {0};
  struct pipe_reader reader;
  struct pipe *pipe = pipe_new(100, 10, 1000, on_room, &calls);
  pipe_attach(pipe, &reader, on_bytes, &calls);
  write_bytes(pipe, 50, 0);
  write_bytes(pipe, 50, 0);
  write_bytes(pipe, 50, -1);
  assert_int_equal(pipe_seek(&reader, 100), 0);
  read_bytes(&reader, 10, 0); /* both wait for each other, unless the writer is woken */
  assert_int_equal(calls.writer, 1);
  pipe_free(pipe);
}

static void a_reader_may_wait_ahead_of_the_writer(void **state) {
  (void)state;
  struct calls calls = {0}, others = {0};
  struct pipe_reader ahead, behind;
  struct pipe *pipe = pipe_new(100, 10, 1000, on_room, &calls);
  pipe_attach(pipe, &ahead, on_bytes, &calls);
  pipe_attach(pipe, &behind, on_bytes, &others);
  pipe_await(&ahead, 120);
  assert_true(pipe_holds(pipe, 0));
  assert_false(pipe_holds(pipe, 120));
  assert_false(pipe_readable(&ahead));
  read_bytes(&ahead, 10, 0);
  for (int i = 0; i < 2; i++) {
    write_bytes(pipe, 50, 0);
    read_bytes(&behind, 100, 50);
  }
  assert_int_equal(calls.reader, 0);
  write_bytes(pipe, 50, 0);
  assert_int_equal(calls.reader, 1);
  read_bytes(&ahead, 100, 30); /* from 120 on */
  pipe_free(pipe);
}

static void it_is_held_up_where_one_reader_has_nothing_because_of_another(void **state) {
  (void)state;
  struct calls calls = {0};
  struct pipe_reader slow, fast;
  struct pipe *pipe = pipe_new(100, 10, 1000, on_room, &calls);
  pipe_attach(pipe, &slow, on_bytes, &calls);
  pipe_attach(pipe, &fast, on_bytes, &calls);
  read_bytes(&fast, 100, 0);
  assert_false(pipe_is_held_up(pipe)); /* the writer is what is slow */
  write_bytes(pipe, 50, 0);
  write_bytes(pipe, 50, 0);
  write_bytes(pipe, 50, -1);
  assert_false(pipe_is_held_up(pipe)); /* both may read */
  read_bytes(&fast, 100, 100);
  read_bytes(&fast, 100, 0);
  assert_true(pipe_is_held_up(pipe));
  read_bytes(&slow, 50, 50);
  assert_false(pipe_is_held_up(pipe)); /* the writer was woken */
  pipe_free(pipe);
}

/* -- anything in any order, beside a model that knows only offsets -- */

enum { READERS = 4 };

struct model_reader {
  struct pipe_reader reader;
  struct model *model;
  bool attached, waits;
  uint64_t offset;
};

struct model {
  struct pipe *pipe;
  size_t capacity, keep;
  uint64_t size;
  uint64_t head;  /* written so far */
  uint64_t floor; /* what lies from here on can't have been overwritten */
  bool released, writer_waits;
  struct model_reader readers[READERS];
  bool inside; /* a function of the pipe */
};

static uint64_t below(uint64_t limit) {
  uint64_t random = (uint64_t)rand() << 31 ^ (uint64_t)rand();
  return limit ? random % limit : 0;
}

static uint64_t end_of(const struct model *model) {
  return model->head == model->size && !model->released && model->size ? model->size - 1
                                                                       : model->head;
}

static uint64_t available(const struct model_reader *reader) {
  uint64_t end = end_of(reader->model);
  return end > reader->offset ? end - reader->offset : 0;
}

static void writer_woken(void *arg) {
  struct model *model = arg;
  assert_true(model->inside);
  model->writer_waits = false;
}

static void reader_woken(void *arg) {
  struct model_reader *reader = arg;
  assert_true(reader->model->inside);
  reader->waits = false;
}

#define INSIDE(model, call)                                                                        \
  do {                                                                                             \
    (model)->inside = true;                                                                        \
    call;                                                                                          \
    (model)->inside = false;                                                                       \
  } while (0)

static uint64_t slowest(const struct model *model) {
  uint64_t offset = model->head;
  for (int i = 0; i < READERS; i++)
    if (model->readers[i].attached && model->readers[i].offset < offset)
      offset = model->readers[i].offset;
  return offset;
}

static void do_write(struct model *model) {
  unsigned char bytes[2048];
  uint64_t left = model->size - model->head;
  size_t most = model->capacity / 2 < sizeof bytes ? model->capacity / 2 : sizeof bytes;
  size_t len = 1 + (size_t)below(most);
  if (len > left)
    len = (size_t)left;
  for (size_t i = 0; i < len; i++)
    bytes[i] = byte_at(model->head + i);
  bool fits = model->size <= model->capacity, idle = slowest(model) >= end_of(model);
  uint64_t kept = slowest(model) > model->keep ? slowest(model) - model->keep : 0;
  int rc;
  /* Before the call: it may wake somebody. */
  model->writer_waits = true;
  uint64_t before = model->head;
  model->head += len;
  INSIDE(model, rc = pipe_write(model->pipe, bytes, len));
  if (rc < 0) {
    model->head = before;
    CHECK(!fits && !idle, "no room for %zu bytes, though nobody needs what is there", len);
    return;
  }
  model->writer_waits = false;
  if (!fits && kept > model->floor)
    model->floor = kept;
}

static void do_read(struct model_reader *reader) {
  unsigned char bytes[2048];
  size_t len = 1 + (size_t)below(rand() % 4 ? reader->model->capacity : 5), got;
  if (len > sizeof bytes)
    len = sizeof bytes;
  uint64_t there = available(reader);
  assert_int_equal(pipe_readable(&reader->reader), there > 0);
  reader->waits = there == 0;
  INSIDE(reader->model, got = pipe_read(&reader->reader, bytes, len));
  CHECK(got <= len && got <= there && (got > 0) == (there > 0), "%zu of %llu bytes", got,
        (unsigned long long)there);
  for (size_t i = 0; i < got; i++)
    CHECK(bytes[i] == byte_at(reader->offset + i), "a wrong byte at %llu",
          (unsigned long long)(reader->offset + i));
  reader->offset += got;
}

static void do_seek(struct model_reader *reader) {
  struct model *model = reader->model;
  uint64_t offset = below(model->size + 2);
  if (rand() % 4) /* mostly to where it must be possible */
    offset = model->floor + below(model->head - model->floor + 1);
  int rc;
  INSIDE(model, rc = pipe_seek(&reader->reader, offset));
  CHECK(rc == 0 || offset < model->floor || offset > model->head,
        "%llu is not there, though it is in %llu..%llu", (unsigned long long)offset,
        (unsigned long long)model->floor, (unsigned long long)model->head);
  assert_true(rc < 0 || offset <= model->head);
  if (rc == 0) {
    reader->offset = offset;
    reader->waits = false;
  }
  assert_int_equal(reader->reader.offset, reader->offset);
}

static void do_attach(struct model_reader *reader) {
  pipe_attach(reader->model->pipe, &reader->reader, reader_woken, reader);
  reader->attached = true;
  reader->waits = false;
  reader->offset = reader->reader.offset;
  assert_true(reader->offset <= reader->model->head);
}

static void do_detach(struct model_reader *reader) {
  reader->attached = false;
  INSIDE(reader->model, pipe_detach(&reader->reader));
}

static void do_release(struct model *model) {
  model->released = true;
  INSIDE(model, pipe_release(model->pipe));
  for (int i = 0; i < READERS; i++)
    CHECK(!model->readers[i].attached || !model->readers[i].waits,
          "reader %d has not heard of the end", i);
}

static void do_restart(struct model *model) {
  uint64_t offset = rand() % 2 ? 0 : below(model->size + 1);
  model->head = model->floor = offset;
  model->released = model->writer_waits = false;
  INSIDE(model, pipe_restart(model->pipe, offset));
  for (int i = 0; i < READERS; i++)
    if (model->readers[i].attached)
      model->readers[i].offset = offset;
}

/* What must hold between any two calls, or somebody waits for ever. */
static void check_model(const struct model *model) {
  assert_int_equal(pipe_written(model->pipe), model->head);
  assert_int_equal(pipe_released(model->pipe), model->released);
  const unsigned char *whole = pipe_whole(model->pipe);
  assert_true(!whole || (model->released && model->size <= model->capacity));
  assert_false(model->writer_waits && slowest(model) >= end_of(model));
  for (int i = 0; i < READERS; i++) {
    const struct model_reader *reader = &model->readers[i];
    if (!reader->attached || !reader->waits || !available(reader))
      continue;
    CHECK(!model->writer_waits, "reader %d and the writer both wait, with %llu bytes to read", i,
          (unsigned long long)available(reader));
    CHECK(model->head < model->size, "reader %d waits at the end, with %llu bytes to read", i,
          (unsigned long long)available(reader));
  }
}

/* One step of somebody who is not waiting; false: there is nobody. */
static bool step(struct model *model) {
  bool readers_can = false, writer_can = !model->writer_waits && model->head < model->size;
  bool can_release = model->head == model->size && !model->released;
  for (int i = 0; i < READERS; i++)
    readers_can |= model->readers[i].attached && !model->readers[i].waits &&
                   model->readers[i].offset < model->size;
  if (!readers_can && !writer_can && !can_release)
    return false;
  for (;;) {
    struct model_reader *reader = &model->readers[rand() % READERS];
    switch (rand() % 8) {
    case 0:
    case 1:
    case 2:
      if (!writer_can)
        continue;
      do_write(model);
      return true;
    case 3:
      if (!can_release)
        continue;
      do_release(model);
      return true;
    default:
      if (!reader->attached || reader->waits || reader->offset == model->size)
        continue;
      do_read(reader);
      return true;
    }
  }
}

/* Something that nobody has to do. */
static void disturb(struct model *model, int *readers) {
  struct model_reader *reader = &model->readers[rand() % READERS];
  switch (rand() % 12) {
  case 0:
    if (reader->attached && *readers > 1) {
      do_detach(reader);
      --*readers;
    }
    return;
  case 1:
    if (!reader->attached) {
      do_attach(reader);
      ++*readers;
    }
    return;
  case 2:
    if (rand() % 20 == 0)
      do_restart(model);
    return;
  case 3:
    if (reader->attached && !available(reader) && reader->offset < model->size) {
      pipe_wait(&reader->reader);
      reader->waits = true;
    }
    return;
  default:
    if (reader->attached)
      do_seek(reader);
    return;
  }
}

static bool all_is_read(const struct model *model) {
  for (int i = 0; i < READERS; i++)
    if (model->readers[i].attached && model->readers[i].offset < model->size)
      return false;
  return model->released;
}

static void play(struct model *model, int readers) {
  int disturbances = 1 << rand() % 9;
  model->pipe = pipe_new(model->capacity, model->keep, model->size, writer_woken, model);
  for (int i = 0; i < READERS; i++)
    model->readers[i].model = model;
  for (int i = 0; i < readers; i++)
    do_attach(&model->readers[i]);
  check_model(model);
  while (!all_is_read(model)) {
    if (disturbances && rand() % 8 == 0) {
      disturbances--;
      disturb(model, &readers);
    } else {
      CHECK(step(model), "all wait: %llu of %llu written, the slowest is at %llu",
            (unsigned long long)model->head, (unsigned long long)model->size,
            (unsigned long long)slowest(model));
    }
    check_model(model);
  }
  pipe_free(model->pipe);
}

static void whatever_happens_the_bytes_arrive(void **state) {
  (void)state;
  const char *wanted = getenv("SEED");
  unsigned seed = wanted ? (unsigned)strtoul(wanted, NULL, 10) : (unsigned)time(NULL);
  print_message("SEED=%u\n", seed);
  srand(seed);
  for (int round = 0; round < 20000; round++) {
    struct model model = {.capacity = 8 + (size_t)below(rand() % 2 ? 57 : 1500)};
    model.keep = (size_t)below((model.capacity + 1) / 2);
    uint64_t sizes[] = {1,
                        2,
                        below(model.capacity) + 1,
                        model.capacity - 1,
                        model.capacity,
                        model.capacity + 1,
                        model.capacity * 2 + below(10),
                        model.capacity + below(20 * model.capacity)};
    model.size = sizes[(size_t)rand() % COUNT(sizes)];
    play(&model, 1 + rand() % READERS);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_last_byte_is_held_back_until_the_release),
      cmocka_unit_test(a_blob_of_one_byte_waits_for_the_release_too),
      cmocka_unit_test(of_an_empty_blob_there_is_nothing_to_read),
      cmocka_unit_test(whoever_waits_hears_of_the_end_even_of_an_empty_blob),
      cmocka_unit_test(a_blob_that_fits_is_kept_whole),
      cmocka_unit_test(a_blob_that_does_not_fit_is_never_whole),
      cmocka_unit_test(a_full_ring_takes_nothing_until_there_is_good_room),
      cmocka_unit_test(what_was_just_taken_can_be_sent_again),
      cmocka_unit_test(the_slowest_reader_holds_the_writer_up_until_it_leaves),
      cmocka_unit_test(a_reader_is_woken_for_a_good_piece_but_not_for_crumbs),
      cmocka_unit_test(crumbs_are_given_when_the_writer_stands_still),
      cmocka_unit_test(crumbs_are_given_at_the_end),
      cmocka_unit_test(a_restart_puts_everybody_where_it_begins),
      cmocka_unit_test(a_blob_that_fits_but_began_later_is_not_whole),
      cmocka_unit_test(a_reader_that_moves_on_makes_room),
      cmocka_unit_test(a_reader_may_wait_ahead_of_the_writer),
      cmocka_unit_test(it_is_held_up_where_one_reader_has_nothing_because_of_another),
      cmocka_unit_test(whatever_happens_the_bytes_arrive),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
