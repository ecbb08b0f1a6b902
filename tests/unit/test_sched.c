#include "transfer/sched.h"

#include <stdio.h>
#include <time.h>

#include "unit.h"

#define KIB ((uint64_t)1024)
#define MIB (KIB * 1024)

enum { JOBS = 300, GATES = 3, FIRST = 8 /* a new gate's window */ };

struct job {
  struct sched_grant grant;
  struct hall *hall;
  bool told;
};

struct hall {
  struct loop *loop;
  struct sched *sched;
  struct gate *gates[GATES];
  struct timer end;
  struct job jobs[JOBS];
  int order[JOBS]; /* whose turn came */
  size_t count;
};

static void on_granted(struct sched_grant *grant) {
  struct job *job = list_entry(grant, struct job, grant);
  struct hall *hall = job->hall;
  job->told = true;
  hall->order[hall->count++ % JOBS] = (int)(job - hall->jobs);
}

static void on_end(struct timer *timer) { loop_stop(list_entry(timer, struct hall, end)->loop); }

static int make(void **state) {
  struct hall *hall = calloc(1, sizeof *hall);
  *state = hall;
  timer_init(&hall->end, on_end);
  return loop_new(&hall->loop, NULL);
}

/* gate_max: of each host. */
static void open_hall(struct hall *hall, int jobs, int gate_max) {
  hall->sched = sched_new(hall->loop, jobs);
  for (int i = 0; i < GATES; i++)
    hall->gates[i] = gate_new(hall->loop, gate_max);
}

static void release(struct hall *hall, int i) {
  sched_release(hall->sched, &hall->jobs[i].grant);
  hall->jobs[i].told = false;
}

static int drop(void **state) {
  struct hall *hall = *state;
  for (int i = 0; i < JOBS; i++)
    if (hall->jobs[i].hall)
      release(hall, i);
  sched_free(hall->sched);
  for (int i = 0; i < GATES; i++)
    gate_free(hall->gates[i]);
  loop_free(hall->loop);
  free(hall);
  return 0;
}

/* Lets everything happen that is to happen now. */
static void settle(struct hall *hall) {
  timer_start(hall->loop, &hall->end, 0);
  loop_run(hall->loop);
}

static void init(struct hall *hall, int i, uint64_t size, bool small) {
  hall->jobs[i].hall = hall;
  hall->jobs[i].told = false;
  sched_grant_init(&hall->jobs[i].grant, size, small, on_granted);
}

/* A stream from the one gate to the other. */
static void ask(struct hall *hall, int i, uint64_t size, int from, int to) {
  init(hall, i, size, false);
  sched_grant_add(hall->sched, &hall->jobs[i].grant, hall->gates[from], GATE_BLOB_READ);
  sched_grant_add(hall->sched, &hall->jobs[i].grant, hall->gates[to], GATE_BLOB_WRITE);
  sched_ask(hall->sched, &hall->jobs[i].grant);
}

static void ask_small(struct hall *hall, int i, uint64_t size) {
  init(hall, i, size, true);
  sched_ask(hall->sched, &hall->jobs[i].grant);
}

static bool has_room(struct hall *hall, int gate, int reads, int writes) {
  return gate_has_room(hall->gates[gate], &(struct gate_places){.of[GATE_BLOB_READ] = reads,
                                                                .of[GATE_BLOB_WRITE] = writes});
}

static void the_largest_goes_first(void **state) {
  struct hall *hall = *state;
  static const uint64_t sizes[] = {MIB, 64 * MIB, 300 * KIB, 8 * MIB, 1 << 30, 2 * MIB};
  static const int order[] = {4, 1, 3, 5, 0, 2};
  open_hall(hall, 1, 64);
  for (int i = 0; i < (int)COUNT(sizes); i++)
    ask(hall, i, sizes[i], 0, 1);
  assert_int_equal(hall->count, 0); /* not from inside */
  for (size_t i = 0; i < COUNT(order); i++) {
    settle(hall);
    assert_int_equal(hall->count, i + 1);
    assert_int_equal(hall->order[i], order[i]);
    release(hall, order[i]);
  }
}

static void of_the_same_size_the_first_goes_first(void **state) {
  struct hall *hall = *state;
  open_hall(hall, 3, 64);
  for (int i = 0; i < 3; i++)
    ask(hall, i, MIB, 0, 1);
  settle(hall);
  for (int i = 0; i < 3; i++)
    assert_int_equal(hall->order[i], i);
}

static void no_more_than_the_jobs_are_under_way(void **state) {
  struct hall *hall = *state;
  open_hall(hall, 4, 64);
  for (int i = 0; i < 7; i++)
    ask(hall, i, MIB, 0, 1);
  settle(hall);
  assert_int_equal(hall->count, 4);
  release(hall, 1);
  release(hall, 2);
  settle(hall);
  assert_int_equal(hall->count, 6);
}

/* As wide as it gets, by use. */
static void open_window(struct gate *gate, enum gate_kind kind) {
  for (int i = 0; i < 256; i++)
    gate_enter_stream(gate, kind);
  for (int i = 0; i < 256; i++)
    gate_good(gate, kind);
  for (int i = 0; i < 256; i++)
    gate_leave_stream(gate, kind);
}

static void all_that_have_room_go_at_once(void **state) {
  struct hall *hall = *state;
  open_hall(hall, 256, 256);
  open_window(hall->gates[0], GATE_BLOB_READ);
  open_window(hall->gates[1], GATE_BLOB_WRITE);
  for (int i = 0; i < 200; i++)
    ask(hall, i, MIB, 0, 1);
  settle(hall);
  assert_int_equal(hall->count, 200);
}

static void a_stream_takes_a_place_at_both_its_hosts_or_none(void **state) {
  struct hall *hall = *state;
  open_hall(hall, 100, FIRST);
  for (int i = 0; i < FIRST - 1; i++) /* host 1 is full */
    ask(hall, i, MIB, 0, 1);
  settle(hall);
  assert_int_equal(hall->count, FIRST - 1);
  assert_false(has_room(hall, 1, 0, 1));
  ask(hall, 20, 100 * MIB, 2, 1);
  settle(hall);
  assert_false(hall->jobs[20].told);
  gate_enter_stream(hall->gates[2], GATE_BLOB_READ); /* none is taken while it waits */
  assert_true(has_room(hall, 2, FIRST - 2, 0));
  gate_leave_stream(hall->gates[2], GATE_BLOB_READ);
  release(hall, 3);
  settle(hall);
  assert_true(hall->jobs[20].told);
  assert_true(has_room(hall, 2, FIRST - 2, 0) && !has_room(hall, 2, FIRST - 1, 0));
  assert_true(has_room(hall, 0, 1, 0) && !has_room(hall, 0, 2, 0));
}

static void one_that_has_to_wait_does_not_hold_up_smaller_ones_elsewhere(void **state) {
  struct hall *hall = *state;
  open_hall(hall, 100, FIRST);
  for (int i = 0; i < FIRST + 20; i++)
    ask(hall, i, 100 * MIB, 0, 1);
  ask(hall, 50, MIB, 2, 2);
  settle(hall);
  assert_int_equal(hall->count, FIRST);
  assert_true(hall->jobs[50].told);
}

static void from_a_host_to_itself_takes_two_places(void **state) {
  struct hall *hall = *state;
  open_hall(hall, 100, FIRST);
  for (int i = 0; i < FIRST; i++)
    ask(hall, i, MIB, 0, 0);
  settle(hall);
  assert_int_equal(hall->count, (FIRST - 1) / 2);
  assert_true(has_room(hall, 0, 0, 1));
}

static void from_a_host_to_itself_goes_on_with_two_connections_alone(void **state) {
  struct hall *hall = *state;
  open_hall(hall, 100, 2);
  for (int i = 0; i < 3; i++) {
    ask(hall, 2 * i, MIB, 0, 0);
    ask(hall, 2 * i + 1, MIB, 0, 0);
    settle(hall);
    assert_int_equal(hall->count, i + 1); /* one by one */
    release(hall, hall->order[i]);
  }
  settle(hall);
  assert_int_equal(hall->count, 4);
}

static void small_ones_need_neither_jobs_nor_places(void **state) {
  struct hall *hall = *state;
  open_hall(hall, 1, 64);
  ask(hall, 0, MIB, 0, 1);
  ask(hall, 1, MIB, 0, 1);
  settle(hall);
  for (int i = 2; i < 10; i++)
    ask_small(hall, i, 1000);
  settle(hall);
  assert_int_equal(hall->count, 9);
  assert_true(has_room(hall, 0, FIRST - 2, 0));
  assert_false(hall->jobs[1].told);
}

static void small_ones_are_bounded_by_the_bytes_that_they_hold(void **state) {
  struct hall *hall = *state;
  open_hall(hall, 1, 64);
  for (int i = 0; i < 20; i++)
    ask_small(hall, i, 256 * KIB);
  settle(hall);
  assert_int_equal(hall->count, 16); /* 4 MiB */
  for (int i = 0; i < 16; i++)
    assert_int_equal(hall->order[i], i); /* in order of asking */
  release(hall, 7);
  settle(hall);
  assert_int_equal(hall->count, 17);
  assert_int_equal(hall->order[16], 16);
}

static void empty_ones_are_not_without_weight(void **state) {
  struct hall *hall = *state;
  open_hall(hall, 1, 64);
  for (int i = 0; i < JOBS; i++)
    ask_small(hall, i, 0);
  settle(hall);
  assert_int_equal(hall->count, 256); /* of 16 KiB each */
}

static void whoever_gives_up_waiting_has_no_turn(void **state) {
  struct hall *hall = *state;
  open_hall(hall, 1, 64);
  ask(hall, 0, MIB, 0, 1);
  settle(hall);
  ask(hall, 1, 64 * MIB, 0, 1);
  ask(hall, 2, MIB, 0, 1);
  settle(hall);
  release(hall, 1);
  release(hall, 1); /* once more: nothing */
  release(hall, 0);
  settle(hall);
  assert_int_equal(hall->count, 2);
  assert_int_equal(hall->order[1], 2);
}

/* Called off between the giving and the telling, by whoever runs before. */
struct spoiler {
  struct ready ready;
  struct hall *hall;
  int i;
};

static void spoil(struct ready *ready) {
  struct spoiler *spoiler = list_entry(ready, struct spoiler, ready);
  release(spoiler->hall, spoiler->i);
}

static void a_grant_that_was_given_but_not_yet_told_goes_to_the_next(void **state) {
  struct hall *hall = *state;
  struct spoiler spoiler = {.hall = hall, .i = 0};
  open_hall(hall, 1, 64);
  ready_init(&spoiler.ready, spoil);
  ask(hall, 0, 64 * MIB, 0, 1);
  ask(hall, 1, MIB, 0, 1);
  loop_ready(hall->loop, &spoiler.ready); /* behind the giving, before the telling */
  settle(hall);
  assert_int_equal(hall->count, 1);
  assert_int_equal(hall->order[0], 1);
  release(hall, 1);
  settle(hall);
  assert_true(has_room(hall, 0, 2 * FIRST, 0)); /* alone, it may have whatever it needs */
  assert_true(has_room(hall, 1, 0, 2 * FIRST));
}

static void one_may_ask_again_after_its_release(void **state) {
  struct hall *hall = *state;
  open_hall(hall, 1, 64);
  ask(hall, 0, MIB, 0, 1);
  settle(hall);
  release(hall, 0);
  sched_ask(hall->sched, &hall->jobs[0].grant);
  settle(hall);
  assert_int_equal(hall->count, 2);
}

static void on_entered(struct gate_wait *wait) { (void)wait; }

static void streams_go_on_when_requests_make_room(void **state) {
  struct hall *hall = *state;
  struct gate_wait waits[FIRST];
  open_hall(hall, 100, FIRST);
  for (int i = 0; i < FIRST; i++) {
    gate_wait_init(&waits[i], on_entered);
    gate_enter(hall->gates[1], &waits[i], GATE_BLOB_READ, false);
  }
  settle(hall);
  ask(hall, 0, MIB, 0, 1);
  settle(hall);
  assert_int_equal(hall->count, 0);
  gate_leave(&waits[0]);
  settle(hall);
  assert_int_equal(hall->count, 1);
  for (int i = 1; i < FIRST; i++)
    gate_leave(&waits[i]);
}

static void streams_go_on_when_the_window_opens(void **state) {
  struct hall *hall = *state;
  open_hall(hall, 100, 64);
  for (int i = 0; i < FIRST; i++)
    ask(hall, i, MIB, 0, 1);
  settle(hall);
  assert_int_equal(hall->count, FIRST - 1);
  gate_good(hall->gates[0], GATE_BLOB_READ);
  settle(hall);
  assert_int_equal(hall->count, FIRST - 1); /* the other host has not opened */
  gate_good(hall->gates[1], GATE_BLOB_WRITE);
  settle(hall);
  assert_int_equal(hall->count, FIRST);
}

static void streams_go_on_when_a_hold_is_over(void **state) {
  struct hall *hall = *state;
  open_hall(hall, 100, 64);
  gate_hold(hall->gates[1], GATE_HOST, 20);
  ask(hall, 0, MIB, 0, 1);
  while (!hall->count) {
    timer_start(hall->loop, &hall->end, 1);
    loop_run(hall->loop);
  }
  assert_false(has_room(hall, 1, 0, FIRST));
}

/* -- everything at once: nobody is forgotten, nothing is given twice -- */

static void check_bounds(struct hall *hall, int jobs, int streams_max) {
  int used = 0, at[GATES] = {0};
  uint64_t small = 0;
  for (int i = 0; i < JOBS; i++) {
    const struct sched_grant *grant = &hall->jobs[i].grant;
    if (!hall->jobs[i].hall || !hall->jobs[i].told)
      continue;
    assert_true(grant->held);
    if (grant->small) {
      small += grant->size > 16 * KIB ? grant->size : 16 * KIB;
      continue;
    }
    used++;
    for (int g = 0; g < GATES; g++)
      for (int k = 0; k < grant->gate_count; k++)
        at[g] += grant->gates[k] == hall->gates[g];
  }
  assert_true(used <= jobs);
  assert_true(small <= 4 * MIB);
  for (int g = 0; g < GATES; g++)
    assert_true(at[g] <= streams_max);
}

static void everybody_gets_a_turn_whatever_the_order_of_events(void **state) {
  struct hall *hall = *state;
  unsigned seed = (unsigned)time(NULL);
  print_message("seed %u\n", seed);
  srand(seed);
  int jobs = 1 + rand() % 6;
  open_hall(hall, jobs, FIRST);
  int asked = 0, ended = 0;
  for (int turns = 0; ended < JOBS; turns++) {
    assert_true(turns < 100000);
    if (asked < JOBS && rand() % 2) {
      uint64_t size = (uint64_t)rand() % (1u << (rand() % 30));
      if (size <= 256 * KIB)
        ask_small(hall, asked++, size);
      else
        ask(hall, asked++, size, rand() % GATES, rand() % GATES);
    }
    if (rand() % 3 == 0)
      settle(hall);
    check_bounds(hall, jobs, FIRST - 1);
    int i = rand() % JOBS;
    if (i < asked && hall->jobs[i].hall && (hall->jobs[i].told || rand() % 20 == 0)) {
      release(hall, i);
      hall->jobs[i].hall = NULL;
      ended++;
    } else if (asked == JOBS) {
      settle(hall);
      int held = 0, waiting = 0;
      for (int k = 0; k < JOBS; k++) {
        held += hall->jobs[k].hall && hall->jobs[k].told;
        waiting += hall->jobs[k].hall && !hall->jobs[k].told;
      }
      CHECK(held || !waiting, "%d wait, and nobody is at work", waiting);
    }
  }
  settle(hall);
  for (int g = 0; g < GATES; g++)
    assert_true(has_room(hall, g, 2 * FIRST, 2 * FIRST)); /* nobody is inside */
}

static void a_place_that_is_dropped_is_free_for_others(void **state) {
  struct hall *hall = *state;
  open_hall(hall, 100, FIRST);
  for (int i = 0; i < FIRST - 1; i++)
    ask(hall, i, MIB, 0, 1);
  settle(hall);
  ask(hall, 20, MIB, 2, 1);
  settle(hall);
  assert_false(hall->jobs[20].told);
  sched_grant_drop(hall->sched, &hall->jobs[0].grant, hall->gates[1], GATE_BLOB_WRITE);
  settle(hall);
  assert_true(hall->jobs[20].told);
  release(hall, 0); /* that place is not given back twice */
  assert_false(has_room(hall, 1, 0, 1));
  ask(hall, 21, MIB, 2, 1); /* nor taken, where it was dropped before */
  sched_grant_drop(hall->sched, &hall->jobs[21].grant, hall->gates[1], GATE_BLOB_WRITE);
  settle(hall);
  assert_true(hall->jobs[21].told);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(the_largest_goes_first, make, drop),
      cmocka_unit_test_setup_teardown(of_the_same_size_the_first_goes_first, make, drop),
      cmocka_unit_test_setup_teardown(no_more_than_the_jobs_are_under_way, make, drop),
      cmocka_unit_test_setup_teardown(all_that_have_room_go_at_once, make, drop),
      cmocka_unit_test_setup_teardown(a_stream_takes_a_place_at_both_its_hosts_or_none, make, drop),
      cmocka_unit_test_setup_teardown(one_that_has_to_wait_does_not_hold_up_smaller_ones_elsewhere,
                                      make, drop),
      cmocka_unit_test_setup_teardown(from_a_host_to_itself_takes_two_places, make, drop),
      cmocka_unit_test_setup_teardown(from_a_host_to_itself_goes_on_with_two_connections_alone,
                                      make, drop),
      cmocka_unit_test_setup_teardown(small_ones_need_neither_jobs_nor_places, make, drop),
      cmocka_unit_test_setup_teardown(small_ones_are_bounded_by_the_bytes_that_they_hold, make,
                                      drop),
      cmocka_unit_test_setup_teardown(empty_ones_are_not_without_weight, make, drop),
      cmocka_unit_test_setup_teardown(whoever_gives_up_waiting_has_no_turn, make, drop),
      cmocka_unit_test_setup_teardown(a_grant_that_was_given_but_not_yet_told_goes_to_the_next,
                                      make, drop),
      cmocka_unit_test_setup_teardown(one_may_ask_again_after_its_release, make, drop),
      cmocka_unit_test_setup_teardown(a_place_that_is_dropped_is_free_for_others, make, drop),
      cmocka_unit_test_setup_teardown(streams_go_on_when_requests_make_room, make, drop),
      cmocka_unit_test_setup_teardown(streams_go_on_when_the_window_opens, make, drop),
      cmocka_unit_test_setup_teardown(streams_go_on_when_a_hold_is_over, make, drop),
      cmocka_unit_test_setup_teardown(everybody_gets_a_turn_whatever_the_order_of_events, make,
                                      drop),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
