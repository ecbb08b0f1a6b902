#include "transfer/rate.h"

#include "unit.h"

enum { MOVERS = 8, PIECE = 16384 };

/* Moves a piece each time that it may, and is never done. */
struct mover {
  struct rate_wait wait;
  uint64_t moved;
  size_t piece; /* bytes that it moves at once */
  bool leaves;  /* when it is woken, it does not want to move any more */
  int woken;
};

struct room {
  struct loop *loop;
  struct rate *rate;
  struct timer end, later;
  struct mover movers[MOVERS];
  struct mover *newcomer;
};

static void move(struct mover *mover) {
  while (rate_ready(&mover->wait)) {
    rate_charge(&mover->wait, mover->piece);
    mover->moved += mover->piece;
  }
}

static void on_wake(struct rate_wait *wait) {
  struct mover *mover = list_entry(wait, struct mover, wait);
  mover->woken++;
  if (mover->leaves)
    rate_leave(wait);
  else
    move(mover);
}

static void on_end(struct timer *timer) { loop_stop(list_entry(timer, struct room, end)->loop); }

static void on_later(struct timer *timer) { move(list_entry(timer, struct room, later)->newcomer); }

static int make(void **state) {
  struct room *room = calloc(1, sizeof *room);
  *state = room;
  timer_init(&room->end, on_end);
  timer_init(&room->later, on_later);
  return loop_new(&room->loop, NULL);
}

static void open_rate(struct room *room, int64_t bytes_per_second) {
  room->rate = rate_new(room->loop, bytes_per_second);
  for (size_t i = 0; i < MOVERS; i++) {
    room->movers[i].piece = PIECE;
    rate_wait_init(&room->movers[i].wait, room->rate, 0, on_wake);
  }
}

static int drop(void **state) {
  struct room *room = *state;
  if (room->rate)
    for (size_t i = 0; i < MOVERS; i++)
      rate_leave(&room->movers[i].wait);
  rate_free(room->rate);
  loop_free(room->loop);
  free(room);
  return 0;
}

/* Lets count of them move for that long; returns all that was moved. */
static uint64_t run(struct room *room, size_t count, uint64_t ms) {
  uint64_t moved = 0;
  for (size_t i = 0; i < count; i++)
    move(&room->movers[i]);
  timer_start(room->loop, &room->end, ms);
  loop_run(room->loop);
  for (size_t i = 0; i < MOVERS; i++)
    moved += room->movers[i].moved;
  return moved;
}

static void without_a_rate_all_may_go(void **state) {
  (void)state;
  struct rate_wait wait;
  rate_wait_init(&wait, NULL, 0, on_wake);
  assert_true(rate_ready(&wait));
  rate_charge(&wait, 1 << 30);
  assert_true(rate_ready(&wait));
  rate_leave(&wait);
  rate_free(NULL);
}

static void the_rate_is_kept(void **state) {
  static const int64_t rates[] = {400 * 1024, 10 << 20, (int64_t)1 << 32};
  struct room *room = *state;
  for (size_t i = 0; i < COUNT(rates); i++) {
    open_rate(room, rates[i]);
    for (size_t m = 0; m < MOVERS; m++)
      room->movers[m].moved = 0;
    uint64_t began = loop_now(room->loop), moved = run(room, 3, 400);
    double wanted = (double)rates[i] * (double)(loop_now(room->loop) - began) / 1000;
    double off = (double)moved - wanted, turn = (double)rates[i] * 0.025 + 2 * PIECE;
    CHECK(off < turn && -off < turn, "%lld: %llu where %.0f was due", (long long)rates[i],
          (unsigned long long)moved, wanted);
    for (size_t m = 0; m < MOVERS; m++)
      rate_leave(&room->movers[m].wait);
    if (i + 1 < COUNT(rates))
      rate_free(room->rate);
  }
}

static void all_get_the_same(void **state) {
  struct room *room = *state;
  open_rate(room, 5 << 20);
  uint64_t share = run(room, MOVERS, 500) / MOVERS;
  for (size_t i = 0; i < MOVERS; i++)
    CHECK(room->movers[i].moved + 2 * PIECE > share && room->movers[i].moved < share + 2 * PIECE,
          "%zu: %llu of %llu", i, (unsigned long long)room->movers[i].moved,
          (unsigned long long)share);
}

static void larger_pieces_bring_no_more(void **state) {
  struct room *room = *state;
  open_rate(room, 10 << 20);
  room->movers[1].piece = 10 * (size_t)PIECE;
  rate_wait_init(&room->movers[1].wait, room->rate, room->movers[1].piece, on_wake);
  uint64_t share = run(room, 2, 500) / 2;
  assert_in_range(room->movers[0].moved, share - 10 * PIECE, share + 10 * PIECE);
}

static void a_newcomer_has_no_claim_to_the_past(void **state) {
  struct room *room = *state;
  open_rate(room, 5 << 20);
  room->newcomer = &room->movers[1];
  timer_start(room->loop, &room->later, 300);
  uint64_t moved = run(room, 1, 600);
  /* All of the first half, and half of the other. */
  assert_in_range(room->movers[0].moved, moved * 65 / 100, moved * 85 / 100);
}

static void an_idle_bucket_does_not_fill_without_end(void **state) {
  struct room *room = *state;
  open_rate(room, 1 << 20);
  timer_start(room->loop, &room->end, 500);
  loop_run(room->loop);
  uint64_t began = loop_now(room->loop), moved = run(room, 1, 100);
  uint64_t due = (1 << 20) * (loop_now(room->loop) - began + 100) / 1000;
  assert_in_range(moved, 1, due + 2 * PIECE);
}

static void a_debt_is_paid(void **state) {
  struct room *room = *state;
  open_rate(room, 1 << 20);
  rate_charge(&room->movers[0].wait, 1 << 20); /* which nobody was asked for: a second's worth */
  assert_int_equal(run(room, 1, 300), 0);
}

static void what_was_granted_and_not_moved_is_given_back(void **state) {
  struct room *room = *state;
  open_rate(room, 1 << 20);
  room->movers[0].leaves = true;
  rate_wait_init(&room->movers[0].wait, room->rate, 150 * 1024, on_wake);
  uint64_t began = loop_now(room->loop), moved = run(room, 2, 400);
  uint64_t due = (1 << 20) * (loop_now(room->loop) - began) / 1000;
  assert_int_equal(room->movers[0].woken, 1);
  assert_in_range(moved, due - due / 10, due + 2 * PIECE);
}

static void who_leaves_is_not_woken(void **state) {
  struct room *room = *state;
  open_rate(room, 1 << 20);
  assert_false(rate_ready(&room->movers[0].wait));
  rate_leave(&room->movers[0].wait);
  rate_leave(&room->movers[0].wait);
  run(room, 0, 60);
  assert_int_equal(room->movers[0].woken, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(without_a_rate_all_may_go),
      cmocka_unit_test_setup_teardown(the_rate_is_kept, make, drop),
      cmocka_unit_test_setup_teardown(all_get_the_same, make, drop),
      cmocka_unit_test_setup_teardown(larger_pieces_bring_no_more, make, drop),
      cmocka_unit_test_setup_teardown(a_newcomer_has_no_claim_to_the_past, make, drop),
      cmocka_unit_test_setup_teardown(an_idle_bucket_does_not_fill_without_end, make, drop),
      cmocka_unit_test_setup_teardown(a_debt_is_paid, make, drop),
      cmocka_unit_test_setup_teardown(what_was_granted_and_not_moved_is_given_back, make, drop),
      cmocka_unit_test_setup_teardown(who_leaves_is_not_woken, make, drop),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
