#include "base/list.h"

#include "unit.h"

struct item {
  int number;
  struct list node;
};

/* The numbers in order, as digits. */
static int digits(const struct list *head) {
  int sum = 0;
  list_each(node, head) sum = sum * 10 + list_entry(node, struct item, node)->number;
  return sum;
}

static void keeps_the_order_of_pushes(void **state) {
  (void)state;
  struct list head;
  struct item items[4] = {{.number = 1}, {.number = 2}, {.number = 3}, {.number = 4}};
  list_init(&head);
  assert_true(list_empty(&head));
  assert_null(list_pop(&head));
  for (int i = 0; i < 3; i++)
    list_push(&head, &items[i].node);
  assert_false(list_empty(&head));
  assert_int_equal(digits(&head), 123);
  list_insert_before(&items[1].node, &items[3].node);
  assert_int_equal(digits(&head), 1423);
  assert_ptr_equal(list_pop(&head), &items[0].node);
  assert_int_equal(digits(&head), 423);
}

static void removing_twice_is_harmless(void **state) {
  (void)state;
  struct list head;
  struct item one = {.number = 1}, two = {.number = 2};
  list_init(&head);
  list_push(&head, &one.node);
  list_push(&head, &two.node);
  list_remove(&one.node);
  list_remove(&one.node);
  assert_true(list_empty(&one.node));
  assert_int_equal(digits(&head), 2);
  list_push(&head, &one.node);
  assert_int_equal(digits(&head), 21);
}

static void the_node_in_hand_may_be_removed(void **state) {
  (void)state;
  struct list head;
  struct item items[5];
  list_init(&head);
  for (int i = 0; i < 5; i++) {
    items[i].number = i + 1;
    list_push(&head, &items[i].node);
  }
  list_each_safe(node, &head) {
    if (list_entry(node, struct item, node)->number % 2)
      list_remove(node);
  }
  assert_int_equal(digits(&head), 24);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(keeps_the_order_of_pushes),
      cmocka_unit_test(removing_twice_is_harmless),
      cmocka_unit_test(the_node_in_hand_may_be_removed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
