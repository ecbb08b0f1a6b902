#include "net/gate.h"

#include "unit.h"

enum { WAITS = 16, FIRST = 8 /* a new gate's window */ };

struct wait {
  struct gate_wait wait;
  struct room *room;
  char letter;
};

struct room {
  struct loop *loop;
  struct gate *gate;
  struct timer end;
  struct wait waits[WAITS];
  char entered[WAITS * 2]; /* the letters of those who entered */
  size_t count;
  int streams; /* inside */
  int changed;
};

static void on_entered(struct gate_wait *gate_wait) {
  struct wait *wait = list_entry(gate_wait, struct wait, wait);
  struct room *room = wait->room;
  room->entered[room->count++] = wait->letter;
}

static void on_changed(void *arg) { ((struct room *)arg)->changed++; }

static void on_end(struct timer *timer) { loop_stop(list_entry(timer, struct room, end)->loop); }

static int make(void **state) {
  struct room *room = calloc(1, sizeof *room);
  *state = room;
  for (size_t i = 0; i < WAITS; i++) {
    room->waits[i].room = room;
    room->waits[i].letter = (char)('a' + i);
    gate_wait_init(&room->waits[i].wait, on_entered);
  }
  timer_init(&room->end, on_end);
  return loop_new(&room->loop, NULL);
}

static void open_gate(struct room *room, int max) {
  room->gate = gate_new(room->loop, max);
  gate_watch(room->gate, on_changed, room);
}

static void leave_streams(struct room *room, int count) {
  for (int i = 0; i < count; i++)
    gate_leave_stream(room->gate);
  room->streams -= count;
}

static int drop(void **state) {
  struct room *room = *state;
  leave_streams(room, room->streams);
  for (size_t i = 0; i < WAITS; i++)
    gate_leave(&room->waits[i].wait);
  gate_free(room->gate);
  loop_free(room->loop);
  free(room);
  return 0;
}

/* Lets everything happen that is to happen within so many ms. */
static void pass(struct room *room, uint64_t ms) {
  timer_start(room->loop, &room->end, ms);
  loop_run(room->loop);
}

static void settle(struct room *room) { pass(room, 0); }

static void enter(struct room *room, int from, int to) {
  for (int i = from; i < to; i++)
    gate_enter(room->gate, &room->waits[i].wait);
}

static void leave(struct room *room, int from, int to) {
  for (int i = from; i < to; i++)
    gate_leave(&room->waits[i].wait);
}

static void enter_streams(struct room *room, int count) {
  for (int i = 0; i < count; i++) {
    assert_true(gate_has_room_for_stream(room->gate, 1));
    gate_enter_stream(room->gate);
    room->streams++;
  }
}

static void lets_in_as_many_as_the_window_in_order_of_arrival(void **state) {
  struct room *room = *state;
  open_gate(room, 64);
  assert_int_equal(gate_window(room->gate), FIRST);
  enter(room, 0, 11);
  assert_string_equal(room->entered, ""); /* not from inside */
  settle(room);
  assert_string_equal(room->entered, "abcdefgh");
  leave(room, 3, 5);
  assert_string_equal(room->entered, "abcdefgh");
  settle(room);
  assert_string_equal(room->entered, "abcdefghij");
  leave(room, 0, 1);
  settle(room);
  assert_string_equal(room->entered, "abcdefghijk");
}

static void whoever_gives_up_waiting_has_no_turn(void **state) {
  struct room *room = *state;
  open_gate(room, 2);
  enter(room, 0, 5);
  settle(room);
  leave(room, 2, 3); /* waits */
  leave(room, 0, 1);
  leave(room, 0, 1); /* once more: nothing */
  settle(room);
  assert_string_equal(room->entered, "abd");
}

static void a_turn_that_is_given_up_goes_to_the_next(void **state) {
  struct room *room = *state;
  open_gate(room, 2);
  enter(room, 0, 4);
  leave(room, 0, 1); /* before anything ran */
  settle(room);
  assert_string_equal(room->entered, "bc");
  leave(room, 1, 3);
  enter(room, 0, 1);
  settle(room);
  assert_string_equal(room->entered, "bcda");
}

/* Called off between the giving and the telling, by whoever runs before. */
struct spoiler {
  struct ready ready;
  struct room *room;
};

static void spoil(struct ready *ready) {
  leave(list_entry(ready, struct spoiler, ready)->room, 0, 1);
}

static void who_leaves_before_being_told_is_not_told(void **state) {
  struct room *room = *state;
  struct spoiler spoiler = {.room = room};
  open_gate(room, 2);
  ready_init(&spoiler.ready, spoil);
  enter(room, 0, 3);
  loop_ready(room->loop, &spoiler.ready); /* behind the giving, before the telling */
  settle(room);
  assert_string_equal(room->entered, "bc");
}

static void one_may_enter_again_after_leaving(void **state) {
  struct room *room = *state;
  open_gate(room, 2);
  for (int i = 0; i < 3; i++) {
    enter(room, 0, 1);
    settle(room);
    leave(room, 0, 1);
  }
  assert_string_equal(room->entered, "aaa");
}

static void one_place_is_left_to_requests(void **state) {
  struct room *room = *state;
  open_gate(room, 64);
  enter_streams(room, FIRST - 1);
  assert_false(gate_has_room_for_stream(room->gate, 1));
  enter(room, 0, 2);
  settle(room);
  assert_string_equal(room->entered, "a");
}

static void requests_take_places_from_streams(void **state) {
  struct room *room = *state;
  open_gate(room, 64);
  enter(room, 0, FIRST - 2);
  settle(room);
  assert_true(gate_has_room_for_stream(room->gate, 2));
  assert_false(gate_has_room_for_stream(room->gate, 3));
  enter(room, FIRST - 2, FIRST);
  settle(room);
  assert_false(gate_has_room_for_stream(room->gate, 1));
}

static void waiting_requests_go_before_streams(void **state) {
  struct room *room = *state;
  open_gate(room, 64);
  enter(room, 0, FIRST + 1);
  settle(room);
  leave(room, 0, 1);
  assert_false(gate_has_room_for_stream(room->gate, 1)); /* i has not entered yet */
  settle(room);
  assert_string_equal(room->entered, "abcdefghi");
  leave(room, 1, 2);
  settle(room);
  assert_true(gate_has_room_for_stream(room->gate, 1));
}

static void a_stream_from_a_host_to_itself_fits_into_the_smallest_window(void **state) {
  struct room *room = *state;
  open_gate(room, 2);
  assert_true(gate_has_room_for_stream(room->gate, 2));
  enter(room, 0, 1);
  settle(room);
  assert_false(gate_has_room_for_stream(room->gate, 2));
  assert_true(gate_has_room_for_stream(room->gate, 1));
  leave(room, 0, 1);
  enter_streams(room, 1);
  assert_false(gate_has_room_for_stream(room->gate, 1)); /* that is left to requests */
  enter(room, 1, 2);
  settle(room);
  assert_string_equal(room->entered, "ab");
}

static void a_request_gets_in_though_the_streams_inside_are_more_than_a_new_window(void **state) {
  struct room *room = *state;
  open_gate(room, 64);
  enter_streams(room, FIRST - 1);
  gate_bad(room->gate, 0);
  assert_int_equal(gate_window(room->gate), FIRST / 2);
  enter(room, 0, 2);
  settle(room);
  assert_string_equal(room->entered, "a"); /* streams may last for hours */
}

static void good_answers_let_more_in(void **state) {
  struct room *room = *state;
  open_gate(room, 10);
  enter(room, 0, 12);
  settle(room);
  gate_good(room->gate);
  settle(room);
  assert_string_equal(room->entered, "abcdefghi");
  for (int i = 0; i < 20; i++)
    gate_good(room->gate);
  settle(room);
  assert_int_equal(gate_window(room->gate), 10);
  assert_string_equal(room->entered, "abcdefghij");
}

static void refusals_let_fewer_in(void **state) {
  struct room *room = *state;
  open_gate(room, 64);
  enter(room, 0, FIRST);
  settle(room);
  enter(room, FIRST, FIRST + 2);
  gate_bad(room->gate, 0);
  leave(room, 0, 4);
  settle(room);
  assert_string_equal(room->entered, "abcdefgh"); /* 4 are inside, of 4 */
  leave(room, 4, 6);
  settle(room);
  assert_string_equal(room->entered, "abcdefghij");
}

static void nobody_enters_while_it_is_held(void **state) {
  struct room *room = *state;
  open_gate(room, 64);
  gate_hold(room->gate, 150);
  enter(room, 0, 2);
  uint64_t began = loop_now(room->loop);
  settle(room);
  assert_string_equal(room->entered, "");
  assert_false(gate_has_room_for_stream(room->gate, 1));
  while (!room->count)
    pass(room, 1);
  assert_true(loop_now(room->loop) - began >= 150);
  assert_string_equal(room->entered, "ab");
  assert_true(gate_has_room_for_stream(room->gate, 1));
}

static void the_longest_hold_counts(void **state) {
  struct room *room = *state;
  open_gate(room, 64);
  uint64_t began = loop_now(room->loop);
  gate_hold(room->gate, 5);
  gate_hold(room->gate, 30);
  gate_hold(room->gate, 10);
  enter(room, 0, 1);
  while (!room->count)
    pass(room, 1);
  assert_true(loop_now(room->loop) - began >= 30);
}

static void streams_hear_of_every_chance(void **state) {
  struct room *room = *state;
  open_gate(room, 64);
  enter_streams(room, FIRST - 1);
  settle(room);

  room->changed = 0;
  leave_streams(room, 1); /* another has left */
  assert_int_equal(room->changed, 0);
  settle(room);
  assert_true(room->changed > 0 && gate_has_room_for_stream(room->gate, 1));

  enter(room, 0, 3); /* requests have come and, in part, gone */
  settle(room);
  assert_false(gate_has_room_for_stream(room->gate, 1));
  leave(room, 2, 3); /* the one that waits gives up … */
  settle(room);
  room->changed = 0;
  leave(room, 0, 1); /* … and one that is inside leaves */
  settle(room);
  assert_true(room->changed > 0 && gate_has_room_for_stream(room->gate, 1));

  enter_streams(room, 1);
  assert_false(gate_has_room_for_stream(room->gate, 1));
  room->changed = 0;
  gate_good(room->gate); /* the window opens */
  settle(room);
  assert_true(room->changed > 0 && gate_has_room_for_stream(room->gate, 1));

  gate_hold(room->gate, 100); /* the time of a hold is over */
  settle(room);
  assert_false(gate_has_room_for_stream(room->gate, 1));
  room->changed = 0;
  while (!gate_has_room_for_stream(room->gate, 1))
    pass(room, 1);
  settle(room);
  assert_true(room->changed > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(lets_in_as_many_as_the_window_in_order_of_arrival, make,
                                      drop),
      cmocka_unit_test_setup_teardown(whoever_gives_up_waiting_has_no_turn, make, drop),
      cmocka_unit_test_setup_teardown(a_turn_that_is_given_up_goes_to_the_next, make, drop),
      cmocka_unit_test_setup_teardown(who_leaves_before_being_told_is_not_told, make, drop),
      cmocka_unit_test_setup_teardown(one_may_enter_again_after_leaving, make, drop),
      cmocka_unit_test_setup_teardown(one_place_is_left_to_requests, make, drop),
      cmocka_unit_test_setup_teardown(requests_take_places_from_streams, make, drop),
      cmocka_unit_test_setup_teardown(waiting_requests_go_before_streams, make, drop),
      cmocka_unit_test_setup_teardown(a_stream_from_a_host_to_itself_fits_into_the_smallest_window,
                                      make, drop),
      cmocka_unit_test_setup_teardown(
          a_request_gets_in_though_the_streams_inside_are_more_than_a_new_window, make, drop),
      cmocka_unit_test_setup_teardown(good_answers_let_more_in, make, drop),
      cmocka_unit_test_setup_teardown(refusals_let_fewer_in, make, drop),
      cmocka_unit_test_setup_teardown(nobody_enters_while_it_is_held, make, drop),
      cmocka_unit_test_setup_teardown(the_longest_hold_counts, make, drop),
      cmocka_unit_test_setup_teardown(streams_hear_of_every_chance, make, drop),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
