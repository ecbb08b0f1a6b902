/* transfer/pipe.h - a blob's bytes on their way: a bounded ring with one writer and n readers.
 * Offsets are those of the blob. The ring keeps the newest bytes until they are overwritten, and
 * the writer never overwrites the last `keep` bytes that the slowest reader has taken: those can be
 * sent again. The blob's last byte is held back from readers until pipe_release(): nothing that is
 * not what its digest says is ever sent whole.
 * Thread: the loop's. wake functions may be called from inside any of these functions and must only
 * note it (loop_ready, call_resume). */
#ifndef DRAY_TRANSFER_PIPE_H
#define DRAY_TRANSFER_PIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

struct pipe;

/* A plain member of whoever reads. */
struct pipe_reader {
  struct list node;
  struct pipe *pipe;
  uint64_t offset; /* of the next byte it reads */
  bool starving;   /* it found too little, and is to be woken */
  void (*wake)(void *arg);
  void *arg;
};

/* capacity in bytes, of which keep (less than half of it) can always be sent again; size is the
 * blob's. A blob that fits into capacity is kept whole. wake: the writer found no room, and has
 * some now. */
struct pipe *pipe_new(size_t capacity, size_t keep, uint64_t size, void (*wake)(void *arg),
                      void *arg);
void pipe_free(struct pipe *pipe); /* readers may still be attached: they are detached */

void pipe_attach(struct pipe *pipe, struct pipe_reader *reader, void (*wake)(void *arg), void *arg);
void pipe_detach(struct pipe_reader *reader); /* not attached: nothing happens */
size_t pipe_readers(const struct pipe *pipe); /* attached ones */

/* Takes all of data (0), or nothing (-1): the writer is woken when there is good room. len must not
 * exceed what is left of the blob, nor half the capacity. */
int pipe_write(struct pipe *pipe, const void *data, size_t len);
uint64_t pipe_written(const struct pipe *pipe); /* the offset of the next byte to be written */

/* The blob is whole and its digest right. */
void pipe_release(struct pipe *pipe);
bool pipe_released(const struct pipe *pipe);

/* Copies at most len bytes and returns how many; 0: nothing for now (the reader is woken when there
 * is a good piece, or the end). */
size_t pipe_read(struct pipe_reader *reader, void *to, size_t len);

bool pipe_readable(const struct pipe_reader *reader); /* pipe_read() would give something */
void pipe_wait(struct pipe_reader *reader);           /* to be woken as by an empty pipe_read() */

/* All of a released blob that fits into the ring, in one piece; NULL otherwise. */
const void *pipe_whole(const struct pipe *pipe);

/* Moves a reader to offset, which may be anything that is still in the ring. -1: it is not. */
int pipe_seek(struct pipe_reader *reader, uint64_t offset);

/* Puts a reader where the writer has yet to come: it reads on from there. */
void pipe_await(struct pipe_reader *reader, uint64_t offset);

bool pipe_holds(const struct pipe *pipe, uint64_t offset); /* pipe_seek() could go there */

/* The writer waits for a reader, and another reader for the writer. */
bool pipe_is_held_up(const struct pipe *pipe);

/* Empties the ring: the next byte written will be that at offset; all readers are put there. For a
 * source that has to begin again. Not released any more. */
void pipe_restart(struct pipe *pipe, uint64_t offset);

#endif
