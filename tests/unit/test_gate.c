#include "net/gate.h"

#include "net/retry.h"
#include "unit.h"

enum { WAITS = 24, FIRST = 8 /* a new gate's windows */ };

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
  char entered[WAITS * 4]; /* the letters of those who had a turn, in capitals if turned away */
  size_t count;
  int streams[GATE_KINDS]; /* inside */
  int changed;
};

static void on_entered(struct gate_wait *gate_wait) {
  struct wait *wait = list_entry(gate_wait, struct wait, wait);
  struct room *room = wait->room;
  assert_true(room->count < sizeof room->entered - 1);
  room->entered[room->count++] =
      (char)(gate_wait->refused_ms ? wait->letter - 'a' + 'A' : wait->letter);
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

static void leave_streams(struct room *room, enum gate_kind kind, int count) {
  for (int i = 0; i < count; i++)
    gate_leave_stream(room->gate, kind);
  room->streams[kind] -= count;
}

static int drop(void **state) {
  struct room *room = *state;
  for (int kind = 0; kind < GATE_KINDS; kind++)
    leave_streams(room, (enum gate_kind)kind, room->streams[kind]);
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

/* Until so many had a turn; how long that took, in ms. */
static uint64_t pass_until(struct room *room, size_t count) {
  uint64_t began = loop_now(room->loop);
  while (room->count < count) {
    assert_true(loop_now(room->loop) - began < 10000);
    pass(room, 1);
  }
  return loop_now(room->loop) - began;
}

static void enter_for(struct room *room, enum gate_kind kind, int from, int to) {
  for (int i = from; i < to; i++)
    gate_enter(room->gate, &room->waits[i].wait, kind, false);
}

static void enter(struct room *room, int from, int to) {
  enter_for(room, GATE_BLOB_READ, from, to);
}

static void leave(struct room *room, int from, int to) {
  for (int i = from; i < to; i++)
    gate_leave(&room->waits[i].wait);
}

static void answered(struct room *room, int from, int to) {
  for (int i = from; i < to; i++)
    gate_answered(&room->waits[i].wait);
}

static bool has_room(struct room *room, int reads, int writes) {
  return gate_has_room(room->gate, &(struct gate_places){.of[GATE_BLOB_READ] = reads,
                                                         .of[GATE_BLOB_WRITE] = writes});
}

static void enter_streams(struct room *room, enum gate_kind kind, int count) {
  struct gate_places places = {{0}};
  places.of[kind] = 1;
  for (int i = 0; i < count; i++) {
    assert_true(gate_has_room(room->gate, &places));
    gate_enter_stream(room->gate, kind);
    room->streams[kind]++;
  }
}

/* -- places -- */

static void lets_in_as_many_as_the_window_in_order_of_arrival(void **state) {
  struct room *room = *state;
  open_gate(room, 64);
  assert_int_equal(gate_window(room->gate, GATE_BLOB_READ), FIRST);
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

static void each_kind_has_a_window_of_its_own(void **state) {
  struct room *room = *state;
  open_gate(room, 64);
  enter_for(room, GATE_BLOB_READ, 0, FIRST + 1);
  enter_for(room, GATE_MANIFEST_READ, 12, 14);
  gate_bad(room->gate, GATE_MANIFEST_WRITE, 0);
  settle(room);
  assert_string_equal(room->entered, "abcdefghmn");
  assert_int_equal(gate_window(room->gate, GATE_MANIFEST_WRITE), FIRST / 2);
  assert_int_equal(gate_window(room->gate, GATE_BLOB_READ), FIRST);
  gate_unreachable(room->gate, GATE_HOST, 0);
  assert_int_equal(gate_window(room->gate, GATE_BLOB_READ), FIRST / 2);
}

static void all_kinds_together_keep_to_the_most(void **state) {
  struct room *room = *state;
  open_gate(room, 6);
  enter_for(room, GATE_BLOB_READ, 0, 5);
  enter_for(room, GATE_MANIFEST_READ, 5, 8);
  enter_for(room, GATE_LOOK, 8, 10);
  settle(room);
  assert_string_equal(room->entered, "abcdef");
  leave(room, 0, 2);
  settle(room);
  assert_string_equal(room->entered, "abcdefgh"); /* in order of arrival, over all kinds */
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

static void a_place_that_was_given_but_not_yet_told_goes_to_the_next(void **state) {
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

static void with_a_place_a_further_turn_needs_none(void **state) {
  struct room *room = *state;
  open_gate(room, 2);
  enter(room, 0, 4);
  settle(room);
  answered(room, 0, 1);
  enter(room, 0, 1); /* redirected, or asked who it is */
  settle(room);
  assert_string_equal(room->entered, "aba");
  leave(room, 0, 1);
  settle(room);
  assert_string_equal(room->entered, "abac");
}

static void within_a_stream_no_place_is_needed(void **state) {
  struct room *room = *state;
  open_gate(room, 2);
  enter_streams(room, GATE_BLOB_READ, 1);
  enter(room, 0, 3);
  settle(room);
  gate_enter(room->gate, &room->waits[5].wait, GATE_BLOB_READ, true);
  settle(room);
  assert_string_equal(room->entered, "af");
}

static void good_answers_let_more_in(void **state) {
  struct room *room = *state;
  open_gate(room, 10);
  enter(room, 0, 12);
  settle(room);
  gate_good(room->gate, GATE_BLOB_READ);
  settle(room);
  assert_string_equal(room->entered, "abcdefghi");
  for (int i = 0; i < 20; i++)
    gate_good(room->gate, GATE_BLOB_READ);
  settle(room);
  assert_int_equal(gate_window(room->gate, GATE_BLOB_READ), 10);
  assert_string_equal(room->entered, "abcdefghij");
}

static void refusals_let_fewer_in(void **state) {
  struct room *room = *state;
  open_gate(room, 64);
  enter(room, 0, FIRST);
  settle(room);
  enter(room, FIRST, FIRST + 2);
  gate_bad(room->gate, GATE_BLOB_READ, 0);
  leave(room, 0, 4);
  settle(room);
  assert_string_equal(room->entered, "abcdefgh"); /* 4 are inside, of 4 */
  leave(room, 4, 6);
  settle(room);
  assert_string_equal(room->entered, "abcdefghij");
}

/* -- streams -- */

static void one_place_is_left_to_requests(void **state) {
  struct room *room = *state;
  open_gate(room, 64);
  enter_streams(room, GATE_BLOB_READ, FIRST - 1);
  assert_false(has_room(room, 1, 0));
  assert_true(has_room(room, 0, 1));
  enter(room, 0, 2);
  settle(room);
  assert_string_equal(room->entered, "a");
}

static void one_connection_is_left_to_requests(void **state) {
  struct room *room = *state;
  open_gate(room, 5);
  enter_streams(room, GATE_BLOB_READ, 2);
  assert_false(has_room(room, 1, 2));
  enter_streams(room, GATE_BLOB_WRITE, 2);
  assert_false(has_room(room, 1, 0));
  assert_false(has_room(room, 0, 1));
  enter_for(room, GATE_LOOK, 0, 1);
  enter_for(room, GATE_LIST, 1, 2);
  settle(room);
  assert_string_equal(room->entered, "a");
}

static void requests_take_places_from_streams(void **state) {
  struct room *room = *state;
  open_gate(room, 8);
  enter(room, 0, 6);
  settle(room);
  assert_true(has_room(room, 1, 1));
  assert_false(has_room(room, 2, 1));
  enter(room, 6, 8);
  settle(room);
  assert_false(has_room(room, 0, 1));
}

static void waiting_requests_go_before_streams(void **state) {
  struct room *room = *state;
  open_gate(room, 4);
  enter(room, 0, 5);
  settle(room);
  leave(room, 0, 1);
  assert_false(has_room(room, 0, 1)); /* e has not entered yet */
  settle(room);
  assert_string_equal(room->entered, "abcde");
  leave(room, 1, 2);
  settle(room);
  assert_true(has_room(room, 0, 1));
}

static void requests_that_cannot_go_yet_hold_no_stream_up(void **state) {
  struct room *room = *state;
  open_gate(room, 64);
  enter_for(room, GATE_MANIFEST_READ, 0, FIRST + 1);
  gate_hold(room->gate, GATE_LIST, 100000);
  enter_for(room, GATE_LIST, 10, 11);
  settle(room);
  assert_true(has_room(room, 1, 1));
}

static void a_stream_from_a_host_to_itself_fits_into_two_connections(void **state) {
  struct room *room = *state;
  open_gate(room, 2);
  assert_true(has_room(room, 1, 1));
  enter(room, 0, 1);
  settle(room);
  assert_false(has_room(room, 1, 1));
  assert_true(has_room(room, 0, 1));
  leave(room, 0, 1);
  enter_streams(room, GATE_BLOB_WRITE, 1);
  assert_false(has_room(room, 1, 0)); /* that is left to requests */
  enter(room, 1, 2);
  settle(room);
  assert_string_equal(room->entered, "ab");
}

static void one_of_each_goes_though_the_windows_are_at_their_least(void **state) {
  struct room *room = *state;
  open_gate(room, 64);
  for (uint64_t i = 0; i < 6; i++) {
    pass(room, 2);
    gate_bad(room->gate, GATE_BLOB_READ, loop_now(room->loop));
    gate_bad(room->gate, GATE_BLOB_WRITE, loop_now(room->loop));
  }
  assert_int_equal(gate_window(room->gate, GATE_BLOB_READ), 1);
  enter(room, 0, 2);
  settle(room);
  assert_string_equal(room->entered, "a");
  assert_true(has_room(room, 1, 1));
  enter_streams(room, GATE_BLOB_READ, 1);
  enter_streams(room, GATE_BLOB_WRITE, 1);
  assert_false(has_room(room, 1, 0));
  assert_false(has_room(room, 0, 1));
  leave(room, 0, 1);
  settle(room);
  assert_string_equal(room->entered, "ab");
}

static void one_that_needs_more_than_there_is_goes_alone(void **state) {
  struct room *room = *state;
  open_gate(room, 4);
  assert_true(has_room(room, 1, 16));
  enter(room, 0, 1);
  settle(room);
  assert_false(has_room(room, 1, 16));
}

static void a_request_gets_in_though_the_streams_inside_are_more_than_a_new_window(void **state) {
  struct room *room = *state;
  open_gate(room, 64);
  enter_streams(room, GATE_BLOB_READ, FIRST - 1);
  gate_bad(room->gate, GATE_BLOB_READ, 0);
  assert_int_equal(gate_window(room->gate, GATE_BLOB_READ), FIRST / 2);
  enter(room, 0, 2);
  settle(room);
  assert_string_equal(room->entered, "a"); /* streams may last for hours */
}

static void streams_hear_of_every_chance(void **state) {
  struct room *room = *state;
  open_gate(room, 64);
  enter_streams(room, GATE_BLOB_READ, FIRST - 1);
  settle(room);

  room->changed = 0;
  leave_streams(room, GATE_BLOB_READ, 1); /* another has left */
  assert_int_equal(room->changed, 0);
  settle(room);
  assert_true(room->changed > 0 && has_room(room, 1, 0));

  enter_streams(room, GATE_BLOB_READ, 1);
  assert_false(has_room(room, 1, 0));
  room->changed = 0;
  gate_good(room->gate, GATE_BLOB_READ); /* the window opens */
  settle(room);
  assert_true(room->changed > 0 && has_room(room, 1, 0));

  gate_hold(room->gate, GATE_BLOB_READ, 100); /* the time of a hold is over */
  settle(room);
  assert_false(has_room(room, 1, 0));
  room->changed = 0;
  while (!has_room(room, 1, 0))
    pass(room, 1);
  settle(room);
  assert_true(room->changed > 0);
}

static void and_of_a_request_that_leaves(void **state) {
  struct room *room = *state;
  open_gate(room, 3);
  enter(room, 0, 4);
  settle(room);
  leave(room, 3, 4); /* the one that waits gives up … */
  settle(room);
  assert_false(has_room(room, 0, 1));
  room->changed = 0;
  leave(room, 0, 1); /* … and one that is inside leaves */
  settle(room);
  assert_true(room->changed > 0 && has_room(room, 0, 1));
}

/* -- holds -- */

static void nobody_of_a_kind_enters_while_it_is_held(void **state) {
  struct room *room = *state;
  open_gate(room, 64);
  assert_true(gate_hold(room->gate, GATE_BLOB_READ, 150));
  assert_true(gate_held_ms(room->gate, GATE_BLOB_READ) == 150);
  enter(room, 0, 1);
  gate_enter(room->gate, &room->waits[1].wait, GATE_BLOB_READ, true); /* in a stream neither */
  enter_for(room, GATE_BLOB_WRITE, 2, 3);
  settle(room);
  assert_string_equal(room->entered, "c");
  assert_false(has_room(room, 1, 0));
  assert_true(has_room(room, 0, 1));
  assert_true(pass_until(room, 2) >= 149);
  assert_true(has_room(room, 1, 0));
  assert_true(gate_held_ms(room->gate, GATE_BLOB_READ) == 0);
}

static void a_host_can_be_held(void **state) {
  struct room *room = *state;
  open_gate(room, 64);
  assert_true(gate_hold(room->gate, GATE_HOST, 30));
  for (int kind = 0; kind < GATE_KINDS; kind++)
    enter_for(room, (enum gate_kind)kind, kind, kind + 1);
  settle(room);
  assert_string_equal(room->entered, "");
  assert_true(pass_until(room, GATE_KINDS) >= 29);
}

static void the_longest_hold_counts(void **state) {
  struct room *room = *state;
  open_gate(room, 64);
  gate_hold(room->gate, GATE_BLOB_READ, 5);
  gate_hold(room->gate, GATE_BLOB_READ, 30);
  gate_hold(room->gate, GATE_BLOB_READ, 10);
  enter(room, 0, 1);
  assert_true(pass_until(room, 1) >= 30);
}

static void one_that_is_hardly_longer_is_nothing_new(void **state) {
  struct room *room = *state;
  open_gate(room, 64);
  assert_true(gate_hold(room->gate, GATE_BLOB_READ, 5000));
  assert_false(gate_hold(room->gate, GATE_BLOB_READ, 4000));
  assert_false(gate_hold(room->gate, GATE_BLOB_READ, 5900));
  assert_true(gate_hold(room->gate, GATE_BLOB_READ, 9000));
  assert_true(gate_hold(room->gate, GATE_HOST, 9000)); /* for all the others */
}

static void after_a_hold_one_goes_first(void **state) {
  struct room *room = *state;
  open_gate(room, 64);
  gate_hold(room->gate, GATE_BLOB_READ, 20);
  enter(room, 0, 5);
  pass(room, 60);
  assert_string_equal(room->entered, "a");
  answered(room, 0, 1); /* by what is no good answer, such as 500: another tries */
  settle(room);
  assert_string_equal(room->entered, "ab");
  answered(room, 1, 2);
  gate_good(room->gate, GATE_BLOB_READ);
  settle(room);
  assert_string_equal(room->entered, "abcde");
}

static void it_is_not_waited_for_without_end(void **state) {
  struct room *room = *state;
  open_gate(room, 64);
  gate_hold(room->gate, GATE_BLOB_READ, 1);
  enter(room, 0, 3);
  uint64_t first = pass_until(room, 1);
  uint64_t second = pass_until(room, 2); /* an answer that takes so long is no refusal */
  assert_in_range(first + second, 900, 3000);
}

static void limits_double_the_hold_where_no_time_is_told(void **state) {
  struct room *room = *state;
  open_gate(room, 64);
  int64_t most = 100;
  for (int i = 0; i < 12; i++, most = most >= 15000 ? 30000 : most * 2) {
    struct gate *gate = gate_new(room->loop, 64);
    for (int k = 0; k <= i; k++) {
      pass(room, 2);
      gate_limited(gate, GATE_BLOB_READ, loop_now(room->loop), -1);
    }
    int64_t held = gate_held_ms(gate, GATE_BLOB_READ);
    assert_true(held >= most / 2 - 30 && held <= (i < 9 ? most : 30000));
    gate_good(gate, GATE_BLOB_READ); /* and the next begins anew */
    gate_free(gate);
  }
}

static void several_limits_within_a_round_trip_are_one(void **state) {
  struct room *room = *state;
  open_gate(room, 64);
  uint64_t began = loop_now(room->loop);
  pass(room, 5);
  gate_limited(room->gate, GATE_BLOB_READ, began, -1);
  int64_t held = gate_held_ms(room->gate, GATE_BLOB_READ);
  for (int i = 0; i < 20; i++)
    assert_false(gate_limited(room->gate, GATE_BLOB_READ, began, -1));
  assert_int_equal(gate_window(room->gate, GATE_BLOB_READ), FIRST / 2);
  assert_true(gate_held_ms(room->gate, GATE_BLOB_READ) == held);
}

static void what_the_server_asks_for_is_kept_to(void **state) {
  struct room *room = *state;
  open_gate(room, 64);
  pass(room, 2);
  gate_limited(room->gate, GATE_BLOB_READ, loop_now(room->loop), 3000);
  int64_t held = gate_held_ms(room->gate, GATE_BLOB_READ);
  assert_in_range(held, 3000, 3250); /* clients part */
  assert_true(gate_held_ms(room->gate, GATE_BLOB_WRITE) == 0);
}

static void refused_connections_hold_the_host(void **state) {
  struct room *room = *state;
  open_gate(room, 64);
  int64_t last = 0;
  for (int i = 0; i < 4; i++) {
    pass(room, 2);
    gate_unreachable(room->gate, GATE_HOST, loop_now(room->loop));
    for (int kind = 0; kind < GATE_KINDS; kind++)
      assert_true(gate_held_ms(room->gate, (enum gate_kind)kind) > last / 2);
    last = gate_held_ms(room->gate, GATE_LOOK);
  }
  assert_in_range(last, 390, 800);
}

static void a_hold_that_is_too_long_turns_away(void **state) {
  struct room *room = *state;
  open_gate(room, 64);
  gate_hold(room->gate, GATE_BLOB_READ, RETRY_AFTER_MAX_MS);
  assert_false(gate_is_shut(room->gate, GATE_BLOB_READ));
  enter(room, 0, 1);
  settle(room);
  assert_string_equal(room->entered, "");
  gate_hold(room->gate, GATE_BLOB_READ, RETRY_AFTER_MAX_MS + 5000);
  assert_true(gate_is_shut(room->gate, GATE_BLOB_READ));
  gate_enter(room->gate, &room->waits[1].wait, GATE_BLOB_READ, true);
  enter_for(room, GATE_BLOB_WRITE, 2, 3);
  settle(room);
  assert_string_equal(room->entered, "BAc");
  assert_true(room->waits[0].wait.refused_ms > RETRY_AFTER_MAX_MS);
  assert_true(has_room(room, 1, 1)); /* a stream would find out, too */
}

static void only_the_server_turns_away(void **state) {
  struct room *room = *state;
  open_gate(room, 64);
  gate_set_deadline(room->gate, loop_now(room->loop) + 40);
  pass(room, 2);
  gate_unreachable(room->gate, GATE_HOST, loop_now(room->loop));
  gate_limited(room->gate, GATE_BLOB_READ, loop_now(room->loop) + 1, -1);
  assert_true(gate_held_ms(room->gate, GATE_BLOB_READ) > 0);
  assert_false(gate_is_shut(room->gate, GATE_BLOB_READ));
}

static void with_a_deadline_that_decides(void **state) {
  struct room *room = *state;
  open_gate(room, 64);
  gate_set_deadline(room->gate, loop_now(room->loop) + 3600000);
  gate_hold(room->gate, GATE_BLOB_READ, 3000000);
  assert_false(gate_is_shut(room->gate, GATE_BLOB_READ));
  gate_hold(room->gate, GATE_BLOB_READ, 3700000);
  assert_true(gate_is_shut(room->gate, GATE_BLOB_READ));
  gate_hold(room->gate, GATE_BLOB_WRITE, 2000);
  assert_false(gate_is_shut(room->gate, GATE_BLOB_WRITE));
  gate_set_deadline(room->gate, loop_now(room->loop) + 1000); /* it would be too late */
  assert_true(gate_is_shut(room->gate, GATE_BLOB_WRITE));
  gate_set_deadline(room->gate, 0);
  assert_false(gate_is_shut(room->gate, GATE_BLOB_WRITE));
}

/* -- rates and quotas -- */

static void turns_come_at_the_rate_of_the_host(void **state) {
  struct room *room = *state;
  open_gate(room, 64);
  gate_set_rate(room->gate, 50);
  uint64_t began = loop_now(room->loop);
  enter(room, 0, 4);
  enter_for(room, GATE_LOOK, 4, 8);
  gate_enter(room->gate, &room->waits[8].wait, GATE_BLOB_WRITE, true);
  pass_until(room, 9);
  assert_in_range(loop_now(room->loop) - began, 155, 400);
  assert_string_equal(room->entered, "abcdefghi");
}

static void repeated_limits_teach_a_rate(void **state) {
  struct room *room = *state;
  open_gate(room, 64);
  pass(room, 2);
  gate_limited(room->gate, GATE_BLOB_READ, loop_now(room->loop), -1);
  pass(room, 200);
  for (int i = 0; i < 5; i++)
    gate_good(room->gate, GATE_BLOB_READ);
  gate_limited(room->gate, GATE_BLOB_READ, loop_now(room->loop), -1); /* 25 a second are borne */
  pass(room, 101);
  gate_good(room->gate, GATE_BLOB_READ);
  enter(room, 0, 2);
  enter_for(room, GATE_BLOB_WRITE, 4, 6);
  settle(room);
  assert_string_equal(room->entered, "aef");
  assert_in_range(pass_until(room, 4), 30, 300);
}

static void no_more_go_than_a_quota_has_left(void **state) {
  struct room *room = *state;
  open_gate(room, 64);
  assert_false(gate_quota(room->gate, GATE_MANIFEST_READ, 3, -1));
  enter_for(room, GATE_MANIFEST_READ, 0, 6);
  enter_for(room, GATE_LOOK, 6, 7);
  settle(room);
  assert_string_equal(room->entered, "abcg");
  answered(room, 0, 1); /* and two more are under way: that makes three */
  settle(room);
  assert_string_equal(room->entered, "abcg");
  gate_quota(room->gate, GATE_MANIFEST_READ, 10, -1);
  settle(room);
  assert_string_equal(room->entered, "abcgdef");
}

static void with_none_left_nobody_goes_until_the_reset(void **state) {
  struct room *room = *state;
  open_gate(room, 64);
  assert_true(gate_quota(room->gate, GATE_MANIFEST_READ, 0, 60));
  enter_for(room, GATE_MANIFEST_READ, 0, 2);
  settle(room);
  assert_string_equal(room->entered, "");
  assert_true(pass_until(room, 1) >= 59);
  gate_good(room->gate, GATE_MANIFEST_READ);
  settle(room);
  assert_string_equal(room->entered, "ab");
}

static void with_none_left_and_no_reset_known_one_finds_out(void **state) {
  struct room *room = *state;
  open_gate(room, 64);
  gate_quota(room->gate, GATE_MANIFEST_READ, 0, -1);
  enter_for(room, GATE_MANIFEST_READ, 0, 3);
  settle(room);
  assert_string_equal(room->entered, "a");
  answered(room, 0, 1);
  settle(room);
  assert_string_equal(room->entered, "ab");
}

static void a_quota_ends_with_its_time(void **state) {
  struct room *room = *state;
  open_gate(room, 64);
  gate_quota(room->gate, GATE_MANIFEST_READ, 1, 30);
  enter_for(room, GATE_MANIFEST_READ, 0, 1);
  settle(room);
  pass(room, 40);
  enter_for(room, GATE_MANIFEST_READ, 1, 4);
  settle(room);
  assert_string_equal(room->entered, "abcd");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(lets_in_as_many_as_the_window_in_order_of_arrival),
      TEST(each_kind_has_a_window_of_its_own),
      TEST(all_kinds_together_keep_to_the_most),
      TEST(whoever_gives_up_waiting_has_no_turn),
      TEST(a_place_that_was_given_but_not_yet_told_goes_to_the_next),
      TEST(one_may_enter_again_after_leaving),
      TEST(with_a_place_a_further_turn_needs_none),
      TEST(within_a_stream_no_place_is_needed),
      TEST(good_answers_let_more_in),
      TEST(refusals_let_fewer_in),
      TEST(one_place_is_left_to_requests),
      TEST(one_connection_is_left_to_requests),
      TEST(requests_take_places_from_streams),
      TEST(waiting_requests_go_before_streams),
      TEST(requests_that_cannot_go_yet_hold_no_stream_up),
      TEST(a_stream_from_a_host_to_itself_fits_into_two_connections),
      TEST(one_of_each_goes_though_the_windows_are_at_their_least),
      TEST(one_that_needs_more_than_there_is_goes_alone),
      TEST(a_request_gets_in_though_the_streams_inside_are_more_than_a_new_window),
      TEST(streams_hear_of_every_chance),
      TEST(and_of_a_request_that_leaves),
      TEST(nobody_of_a_kind_enters_while_it_is_held),
      TEST(a_host_can_be_held),
      TEST(the_longest_hold_counts),
      TEST(one_that_is_hardly_longer_is_nothing_new),
      TEST(after_a_hold_one_goes_first),
      TEST(it_is_not_waited_for_without_end),
      TEST(limits_double_the_hold_where_no_time_is_told),
      TEST(several_limits_within_a_round_trip_are_one),
      TEST(what_the_server_asks_for_is_kept_to),
      TEST(refused_connections_hold_the_host),
      TEST(a_hold_that_is_too_long_turns_away),
      TEST(only_the_server_turns_away),
      TEST(with_a_deadline_that_decides),
      TEST(turns_come_at_the_rate_of_the_host),
      TEST(repeated_limits_teach_a_rate),
      TEST(no_more_go_than_a_quota_has_left),
      TEST(with_none_left_nobody_goes_until_the_reset),
      TEST(with_none_left_and_no_reset_known_one_finds_out),
      TEST(a_quota_ends_with_its_time),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
