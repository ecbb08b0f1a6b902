#include "net/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <uv.h>

#include "base/mem.h"

/* What may still be in the pipe is read after the exit, but no child that inherited it and lives on
 * is waited for longer. */
enum { DRAIN_MS = 500, PIECE = 4096 };

struct process {
  struct loop *loop;
  void (*done)(void *arg, int status, const struct buf *output, const struct err *err);
  void *arg;
  uv_process_t child;
  uv_pipe_t output_pipe;
  struct timer timer;
  struct ready ready;
  struct buf output;
  struct err err;
  char *name;
  int open; /* handles whose closing has not ended */
  int status;
  bool exited, drained;
  char piece[PIECE];
};

static void on_ready(struct ready *ready) {
  struct process *process = list_entry(ready, struct process, ready);
  bool ok = process->err.code == ERR_NONE;
  process->done(process->arg, process->status, &process->output, ok ? NULL : &process->err);
  mem_wipe(process->piece, sizeof process->piece);
  if (process->output.data)
    mem_wipe(process->output.data, process->output.room);
  buf_free(&process->output);
  free(process->name);
  free(process);
}

static void on_closed(uv_handle_t *handle) {
  struct process *process = handle->data;
  if (--process->open == 0)
    loop_ready(process->loop, &process->ready);
}

static void close_handle(uv_handle_t *handle) {
  if (!uv_is_closing(handle))
    uv_close(handle, on_closed);
}

static void close_all(struct process *process) {
  timer_stop(&process->timer);
  if (process->child.type == UV_PROCESS)
    close_handle((uv_handle_t *)&process->child);
  close_handle((uv_handle_t *)&process->output_pipe);
}

/* The exit that follows ends it. */
static void kill_with(struct process *process, enum err_code code, const char *why) {
  if (process->err.code != ERR_NONE)
    return;
  err_set(&process->err, code, "%s %s", process->name, why);
  process->drained = true;
  uv_read_stop((uv_stream_t *)&process->output_pipe);
  if (process->exited)
    close_all(process);
  else
    uv_process_kill(&process->child, SIGKILL);
}

static void on_timer(struct timer *timer) {
  struct process *process = list_entry(timer, struct process, timer);
  if (process->exited)
    close_all(process);
  else
    kill_with(process, ERR_TIMEOUT, "did not end in time");
}

static void on_exit_status(uv_process_t *child, int64_t status, int signal) {
  struct process *process = child->data;
  process->exited = true;
  process->status = signal ? 128 + signal : (int)status;
  if (process->drained)
    close_all(process);
  else
    timer_start(process->loop, &process->timer, DRAIN_MS);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
  (void)suggested;
  struct process *process = handle->data;
  *buf = uv_buf_init(process->piece, sizeof process->piece);
}

static void on_output(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf) {
  struct process *process = stream->data;
  if (got > 0) {
    if (buf_add(&process->output, buf->base, (size_t)got) != 0)
      kill_with(process, ERR_TOO_LARGE, "printed more than is allowed");
  } else if (got < 0) { /* the end; an error breaks the text off just as well */
    process->drained = true;
    uv_read_stop(stream);
    if (process->exited)
      close_all(process);
  }
}

/* A file in memory that holds all of the input: nobody has to write on, and no helper that does not
 * read can raise SIGPIPE here. Returns a descriptor or -errno. */
static int input_file(const char *input) {
  size_t len = strlen(input);
  if (len > PROCESS_INPUT_MAX)
    return -EFBIG;
  int fd = memfd_create("input", MFD_CLOEXEC);
  if (fd < 0)
    return -errno;
  ssize_t put = write(fd, input, len);
  if (put == (ssize_t)len && lseek(fd, 0, SEEK_SET) == 0)
    return fd;
  int rc = put < 0 ? -errno : -EIO;
  close(fd);
  return rc;
}

static void close_fd(int fd) {
  if (fd >= 0)
    close(fd);
}

/* Returns 0 or a libuv code. (Not libuv's own pipes: those are sockets, and a script can't open
 * /dev/stdout on a socket.) */
static int spawn(struct process *process, const struct process_spec *spec) {
  int out[2] = {-1, -1}, in = input_file(spec->input);
  int rc = in < 0 ? in : pipe2(out, O_CLOEXEC) == 0 ? 0 : -errno;
  if (rc == 0) {
    uv_stdio_container_t stdio[] = {
        {.flags = UV_INHERIT_FD, .data.fd = in},
        {.flags = UV_INHERIT_FD, .data.fd = out[1]},
        {.flags = UV_IGNORE},
    };
    uv_process_options_t options = {
        .exit_cb = on_exit_status,
        .file = spec->argv[0],
        .args = (char **)(void *)spec->argv,
        .stdio = stdio,
        .stdio_count = sizeof stdio / sizeof stdio[0],
    };
    process->open++; /* a failed uv_spawn() leaves a handle to close, too */
    rc = uv_spawn(loop_uv(process->loop), &process->child, &options);
  }
  if (rc == 0) {
    uv_pipe_open(&process->output_pipe, out[0]);
    uv_read_start((uv_stream_t *)&process->output_pipe, on_alloc, on_output);
    out[0] = -1; /* the handle's */
  }
  close_fd(in);
  close_fd(out[0]);
  close_fd(out[1]);
  return rc;
}

struct process *process_start(struct loop *loop, const struct process_spec *spec) {
  struct process *process = mem_zalloc(sizeof *process);
  process->loop = loop;
  process->done = spec->done;
  process->arg = spec->arg;
  process->name = mem_strdup(spec->argv[0]);
  buf_init(&process->output, spec->output_max);
  timer_init(&process->timer, on_timer);
  ready_init(&process->ready, on_ready);
  uv_pipe_init(loop_uv(loop), &process->output_pipe, 0);
  process->child.data = process->output_pipe.data = process;
  process->open = 1;
  int rc = spawn(process, spec);
  if (rc == 0) {
    timer_start(loop, &process->timer, (uint64_t)spec->timeout_ms);
  } else {
    err_set(&process->err, rc == UV_ENOENT ? ERR_NOT_FOUND : ERR_IO, "cannot run %s: %s",
            process->name, uv_strerror(rc));
    close_all(process);
  }
  return process;
}

void process_cancel(struct process *process) { kill_with(process, ERR_CANCELED, "was canceled"); }
