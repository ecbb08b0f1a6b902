#include "net/work.h"

#include <stdlib.h>
#include <uv.h>

#include "base/mem.h"

struct work {
  uv_work_t request;
  uv_sem_t returned; /* fn has */
  struct loop *loop;
  struct ready ready;
  void (*fn)(void *arg);
  void (*done)(void *arg);
  void *arg;
  bool finished; /* libuv is through with the request */
  bool waited;   /* work_wait() was called: nobody wants done */
};

static void forget(struct work *work) {
  uv_sem_destroy(&work->returned);
  free(work);
}

static void on_ready(struct ready *ready) {
  struct work *work = list_entry(ready, struct work, ready);
  work->done(work->arg);
  forget(work);
}

static void on_thread(uv_work_t *request) {
  struct work *work = request->data;
  work->fn(work->arg);
  uv_sem_post(&work->returned);
}

static void on_finished(uv_work_t *request, int status) {
  struct work *work = request->data;
  (void)status; /* nobody cancels it */
  work->finished = true;
  if (work->waited)
    forget(work);
  else
    loop_ready(work->loop, &work->ready);
}

struct work *work_start(struct loop *loop, void (*fn)(void *arg), void (*done)(void *arg),
                        void *arg) {
  struct work *work = mem_zalloc(sizeof *work);
  work->request.data = work;
  work->loop = loop;
  work->fn = fn;
  work->done = done;
  work->arg = arg;
  ready_init(&work->ready, on_ready);
  uv_sem_init(&work->returned, 0);
  uv_queue_work(loop_uv(loop), &work->request, on_thread, on_finished);
  return work;
}

void work_wait(struct work *work) {
  uv_sem_wait(&work->returned);
  work->waited = true;
  ready_cancel(&work->ready);
  if (work->finished)
    forget(work);
}
