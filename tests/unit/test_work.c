#include "net/work.h"

#include <pthread.h>

#include "unit.h"

struct job {
  struct loop *loop;
  pthread_t thread;
  int ran, done;
};

static int make(void **state) {
  struct job *job = calloc(1, sizeof *job);
  *state = job;
  return loop_new(&job->loop, NULL);
}

static int drop(void **state) {
  struct job *job = *state;
  loop_free(job->loop);
  free(job);
  return 0;
}

static void run(void *arg) {
  struct job *job = arg;
  job->thread = pthread_self();
  job->ran++;
}

static void on_done(void *arg) {
  struct job *job = arg;
  job->done++;
  loop_stop(job->loop);
}

static void runs_on_another_thread_and_comes_back(void **state) {
  struct job *job = *state;
  work_start(job->loop, run, on_done, job);
  assert_int_equal(job->done, 0);
  loop_run(job->loop);
  assert_int_equal(job->ran, 1);
  assert_int_equal(job->done, 1);
  assert_false(pthread_equal(job->thread, pthread_self()));
}

static void one_that_was_waited_for_has_run_and_says_nothing(void **state) {
  struct job *job = *state;
  work_wait(work_start(job->loop, run, on_done, job));
  assert_int_equal(job->ran, 1);
  work_start(job->loop, run, on_done, job); /* ends the loop, behind the first one */
  loop_run(job->loop);
  assert_int_equal(job->ran, 2);
  assert_int_equal(job->done, 1);
}

static void one_that_was_waited_for_needs_no_turn_of_the_loop(void **state) {
  struct job *job = *state;
  work_wait(work_start(job->loop, run, on_done, job));
  assert_int_equal(job->ran, 1); /* and drop() frees the loop */
}

struct pair {
  struct job job;
  struct work *second;
};

static void first_is_through(void *arg) {
  struct pair *pair = arg;
  if (pair->second)
    work_wait(pair->second);
  loop_stop(pair->job.loop);
}

static void second_is_through(void *arg) {
  struct pair *pair = arg;
  pair->second = NULL;
}

static void nothing(void *arg) { (void)arg; }

/* Both may come back in the same turn of the loop: then the second's done is queued already. */
static void one_may_be_waited_for_at_any_time(void **state) {
  struct job *job = *state;
  struct pair pair = {.job.loop = job->loop};
  for (int i = 1; i <= 100; i++) {
    work_start(job->loop, nothing, first_is_through, &pair);
    pair.second = work_start(job->loop, run, second_is_through, &pair);
    loop_run(job->loop);
    assert_int_equal(pair.job.ran, i);
  }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)
  const struct CMUnitTest tests[] = {
      TEST(runs_on_another_thread_and_comes_back),
      TEST(one_that_was_waited_for_has_run_and_says_nothing),
      TEST(one_that_was_waited_for_needs_no_turn_of_the_loop),
      TEST(one_may_be_waited_for_at_any_time),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
