#include "net/loop.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "unit.h"

/* A letter that is written down when its turn comes. */
struct item {
  struct timer timer;
  struct ready ready;
  struct run *run;
  char letter;
  int times;                   /* more than once: starts, or queues, itself again */
  struct item *also, *but_not; /* started too; stopped */
  bool ends;                   /* the run */
};

struct run {
  struct loop *loop;
  struct item items[8];
  char text[32];
  size_t len;
};

static void note(struct item *item) {
  struct run *run = item->run;
  assert_true(run->len < sizeof run->text - 1);
  run->text[run->len++] = item->letter;
  run->text[run->len] = '\0';
  if (item->ends)
    loop_stop(run->loop);
}

static void on_timer(struct timer *timer) {
  struct item *item = list_entry(timer, struct item, timer);
  note(item);
  if (--item->times > 0)
    timer_start(item->run->loop, timer, 0);
  if (item->also)
    timer_start(item->run->loop, &item->also->timer, 0);
  if (item->but_not)
    timer_stop(&item->but_not->timer);
}

static void on_ready(struct ready *ready) {
  struct item *item = list_entry(ready, struct item, ready);
  note(item);
  if (--item->times > 0)
    loop_ready(item->run->loop, ready);
  if (item->also)
    loop_ready(item->run->loop, &item->also->ready);
  if (item->but_not)
    ready_cancel(&item->but_not->ready);
}

static int make(void **state) {
  struct run *run = calloc(1, sizeof *run);
  *state = run;
  for (size_t i = 0; i < COUNT(run->items); i++) {
    struct item *item = &run->items[i];
    item->run = run;
    item->letter = (char)('a' + i);
    timer_init(&item->timer, on_timer);
    ready_init(&item->ready, on_ready);
  }
  return loop_new(&run->loop, NULL);
}

static int drop(void **state) {
  struct run *run = *state;
  loop_free(run->loop);
  free(run);
  return 0;
}

/* Runs until the item has had its turn. */
static void until(struct run *run, struct item *item) {
  item->ends = true;
  loop_run(run->loop);
}

/* -- timers -- */

static void timers_fire_in_the_order_of_their_times(void **state) {
  struct run *run = *state;
  static const uint64_t times[] = {30, 5, 20, 5, 0, 20};
  for (size_t i = 0; i < COUNT(times); i++)
    timer_start(run->loop, &run->items[i].timer, times[i]);
  until(run, &run->items[0]);
  assert_string_equal(run->text, "ebdcfa");
}

static void a_timer_does_not_fire_before_its_time(void **state) {
  struct run *run = *state;
  struct timespec before, after;
  clock_gettime(CLOCK_MONOTONIC, &before);
  uint64_t began = loop_now(run->loop);
  timer_start(run->loop, &run->items[0].timer, 25);
  until(run, &run->items[0]);
  clock_gettime(CLOCK_MONOTONIC, &after);
  long ms = (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
  assert_true(loop_now(run->loop) - began >= 25);
  assert_true(ms >= 24); /* the loop's clock has whole ms */
}

static void a_timer_fires_once_each_start(void **state) {
  struct run *run = *state;
  timer_start(run->loop, &run->items[0].timer, 1);
  timer_start(run->loop, &run->items[1].timer, 10);
  until(run, &run->items[1]);
  assert_string_equal(run->text, "ab");
  timer_start(run->loop, &run->items[0].timer, 1);
  timer_start(run->loop, &run->items[1].timer, 10);
  until(run, &run->items[1]);
  assert_string_equal(run->text, "abab");
}

static void starting_it_again_moves_it(void **state) {
  struct run *run = *state;
  for (int i = 0; i < 3; i++)
    timer_start(run->loop, &run->items[i].timer, 10);
  timer_start(run->loop, &run->items[0].timer, 15); /* behind the others */
  timer_start(run->loop, &run->items[2].timer, 1);  /* before them */
  timer_start(run->loop, &run->items[3].timer, 20);
  until(run, &run->items[3]);
  assert_string_equal(run->text, "cbad");
}

static void a_stopped_one_does_not_fire(void **state) {
  struct run *run = *state;
  for (int i = 0; i < 3; i++)
    timer_start(run->loop, &run->items[i].timer, (uint64_t)i);
  timer_stop(&run->items[0].timer);
  timer_stop(&run->items[0].timer);
  timer_stop(&run->items[4].timer);
  until(run, &run->items[2]);
  assert_string_equal(run->text, "bc");
}

static void one_may_stop_another_that_is_due_in_the_same_turn(void **state) {
  struct run *run = *state;
  for (int i = 0; i < 3; i++)
    timer_start(run->loop, &run->items[i].timer, 0);
  run->items[0].but_not = &run->items[1];
  until(run, &run->items[2]);
  assert_string_equal(run->text, "ac");
}

static void one_may_start_itself_and_others(void **state) {
  struct run *run = *state;
  timer_start(run->loop, &run->items[0].timer, 0);
  run->items[0].times = 3;
  run->items[0].also = &run->items[1];
  timer_start(run->loop, &run->items[2].timer, 20);
  until(run, &run->items[2]);
  size_t a = 0;
  for (const char *c = run->text; *c; c++)
    a += *c == 'a';
  assert_int_equal(a, 3);
  assert_non_null(strchr(run->text, 'b'));
}

struct greedy {
  struct timer timer;
  struct run *run;
  int times;
};

static void on_greedy(struct timer *timer) {
  struct greedy *greedy = list_entry(timer, struct greedy, timer);
  if (++greedy->times < 10000)
    timer_start(greedy->run->loop, timer, 0);
  else
    loop_stop(greedy->run->loop);
}

static void one_that_is_always_due_keeps_nobody_from_their_turn(void **state) {
  struct run *run = *state;
  struct greedy greedy = {.run = run};
  timer_init(&greedy.timer, on_greedy);
  timer_start(run->loop, &greedy.timer, 0);
  loop_ready(run->loop, &run->items[0].ready);
  until(run, &run->items[0]);
  timer_stop(&greedy.timer);
  assert_true(greedy.times < 100);
  assert_string_equal(run->text, "a");
}

/* -- the ready queue -- */

static void nothing_runs_before_the_loop_does(void **state) {
  struct run *run = *state;
  loop_ready(run->loop, &run->items[0].ready);
  assert_string_equal(run->text, "");
  until(run, &run->items[0]);
  assert_string_equal(run->text, "a");
}

static void each_has_its_turn_in_the_order_of_queueing(void **state) {
  struct run *run = *state;
  static const int order[] = {3, 0, 2, 0, 3, 1};
  for (size_t i = 0; i < COUNT(order); i++)
    loop_ready(run->loop, &run->items[order[i]].ready);
  until(run, &run->items[1]);
  assert_string_equal(run->text, "dacb"); /* twice in the queue is once */
}

static void one_may_queue_itself_again_behind_the_others(void **state) {
  struct run *run = *state;
  run->items[0].times = 3;
  loop_ready(run->loop, &run->items[0].ready);
  loop_ready(run->loop, &run->items[1].ready);
  timer_start(run->loop, &run->items[2].timer, 5);
  until(run, &run->items[2]);
  assert_string_equal(run->text, "abaac");
}

/* Wakes a loop that sleeps where it should not. */
static void start_watchdog(struct run *run) {
  struct item *dog = &run->items[7];
  timer_start(run->loop, &dog->timer, 5000);
  dog->ends = true;
}

static void what_is_queued_from_a_turn_runs_before_the_loop_sleeps(void **state) {
  struct run *run = *state;
  run->items[0].also = &run->items[1];
  run->items[1].also = &run->items[2];
  loop_ready(run->loop, &run->items[0].ready);
  start_watchdog(run);
  until(run, &run->items[2]);
  assert_string_equal(run->text, "abc");
}

static void on_timer_that_queues(struct timer *timer) {
  struct item *item = list_entry(timer, struct item, timer);
  note(item);
  loop_ready(item->run->loop, &item->also->ready);
}

static void what_a_timer_queues_runs_before_the_loop_sleeps(void **state) {
  struct run *run = *state;
  run->items[0].timer.fn = on_timer_that_queues;
  run->items[0].also = &run->items[1];
  timer_start(run->loop, &run->items[0].timer, 1);
  start_watchdog(run);
  until(run, &run->items[1]);
  assert_string_equal(run->text, "ab");
}

static void one_that_is_called_off_has_no_turn(void **state) {
  struct run *run = *state;
  for (int i = 0; i < 4; i++)
    loop_ready(run->loop, &run->items[i].ready);
  ready_cancel(&run->items[0].ready);
  ready_cancel(&run->items[0].ready);
  run->items[1].but_not = &run->items[2];
  until(run, &run->items[3]);
  assert_string_equal(run->text, "bd");
  loop_ready(run->loop, &run->items[2].ready); /* and may be queued again */
  until(run, &run->items[2]);
  assert_string_equal(run->text, "bdc");
}

/* -- loops -- */

static void what_a_run_left_is_done_by_the_next(void **state) {
  struct run *run = *state;
  timer_start(run->loop, &run->items[0].timer, 0);
  timer_start(run->loop, &run->items[1].timer, 10);
  until(run, &run->items[0]);
  timer_start(run->loop, &run->items[2].timer, 20);
  until(run, &run->items[2]);
  assert_string_equal(run->text, "abc");
}

static void *in_a_thread(void *arg) {
  void *state = NULL;
  (void)arg;
  if (make(&state) != 0)
    return NULL;
  struct run *run = state;
  timer_start(run->loop, &run->items[1].timer, 10);
  timer_start(run->loop, &run->items[0].timer, 5);
  until(run, &run->items[1]);
  bool right = strcmp(run->text, "ab") == 0;
  drop(&state);
  return right ? arg : NULL;
}

static void loops_run_side_by_side_in_threads(void **state) {
  (void)state;
  pthread_t threads[4];
  char right;
  for (size_t i = 0; i < COUNT(threads); i++)
    assert_int_equal(pthread_create(&threads[i], NULL, in_a_thread, &right), 0);
  for (size_t i = 0; i < COUNT(threads); i++) {
    void *result;
    pthread_join(threads[i], &result);
    assert_ptr_equal(result, &right);
  }
}

static void the_clocks_go_and_chance_differs(void **state) {
  struct run *run = *state;
  int64_t wall = loop_wall(), now = (int64_t)time(NULL) * 1000;
  assert_true(wall >= now - 1000 && wall <= now + 2000);
  uint64_t first = loop_random(run->loop), any = first, all = first;
  for (int i = 0; i < 64; i++) {
    uint64_t next = loop_random(run->loop);
    assert_true(next != first);
    any |= next;
    all &= next;
  }
  assert_true(any == UINT64_MAX && all == 0); /* each bit was 1, and was 0 */
}

struct signals {
  struct loop *loop;
  int seen[4];
  int count;
};

static void on_signal(void *arg, int number) {
  struct signals *signals = arg;
  signals->seen[signals->count++] = number;
  if (signals->count == 2)
    loop_stop(signals->loop);
}

static void signals_are_given_on_until_they_are_not_wanted(void **state) {
  struct run *run = *state;
  struct signals signals = {.loop = run->loop};
  struct sigaction action;
  assert_int_equal(loop_signals(run->loop, on_signal, &signals, NULL), 0);
  raise(SIGTERM);
  raise(SIGINT);
  loop_run(run->loop);
  assert_int_equal(signals.count, 2);
  assert_true((signals.seen[0] == SIGTERM && signals.seen[1] == SIGINT) ||
              (signals.seen[0] == SIGINT && signals.seen[1] == SIGTERM));
  assert_int_equal(loop_signals(run->loop, NULL, NULL, NULL), 0);
  assert_int_equal(sigaction(SIGTERM, NULL, &action), 0);
  assert_true(action.sa_handler == SIG_DFL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(timers_fire_in_the_order_of_their_times, make, drop),
      cmocka_unit_test_setup_teardown(a_timer_does_not_fire_before_its_time, make, drop),
      cmocka_unit_test_setup_teardown(a_timer_fires_once_each_start, make, drop),
      cmocka_unit_test_setup_teardown(starting_it_again_moves_it, make, drop),
      cmocka_unit_test_setup_teardown(a_stopped_one_does_not_fire, make, drop),
      cmocka_unit_test_setup_teardown(one_may_stop_another_that_is_due_in_the_same_turn, make,
                                      drop),
      cmocka_unit_test_setup_teardown(one_may_start_itself_and_others, make, drop),
      cmocka_unit_test_setup_teardown(one_that_is_always_due_keeps_nobody_from_their_turn, make,
                                      drop),
      cmocka_unit_test_setup_teardown(nothing_runs_before_the_loop_does, make, drop),
      cmocka_unit_test_setup_teardown(each_has_its_turn_in_the_order_of_queueing, make, drop),
      cmocka_unit_test_setup_teardown(one_may_queue_itself_again_behind_the_others, make, drop),
      cmocka_unit_test_setup_teardown(what_is_queued_from_a_turn_runs_before_the_loop_sleeps, make,
                                      drop),
      cmocka_unit_test_setup_teardown(what_a_timer_queues_runs_before_the_loop_sleeps, make, drop),
      cmocka_unit_test_setup_teardown(one_that_is_called_off_has_no_turn, make, drop),
      cmocka_unit_test_setup_teardown(what_a_run_left_is_done_by_the_next, make, drop),
      cmocka_unit_test(loops_run_side_by_side_in_threads),
      cmocka_unit_test_setup_teardown(the_clocks_go_and_chance_differs, make, drop),
      cmocka_unit_test_setup_teardown(signals_are_given_on_until_they_are_not_wanted, make, drop),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
