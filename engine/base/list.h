/* base/list.h - an intrusive doubly linked list with a head node. Thread: one at a time. */
#ifndef DRAY_BASE_LIST_H
#define DRAY_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
  struct list *prev, *next;
};

#define list_entry(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))
#define list_each(node, head)                                                                      \
  for (struct list *node = (head)->next; node != (head); node = node->next)
/* Safe against removal of the node in hand. */
#define list_each_safe(node, head)                                                                 \
  for (struct list *node = (head)->next, *node##_next = node->next; node != (head);                \
       node = node##_next, node##_next = node->next)

static inline void list_init(struct list *head) { head->prev = head->next = head; }

static inline bool list_empty(const struct list *head) { return head->next == head; }

static inline void list_insert_before(struct list *where, struct list *node) {
  node->prev = where->prev;
  node->next = where;
  where->prev->next = node;
  where->prev = node;
}

static inline void list_push(struct list *head, struct list *node) {
  list_insert_before(head, node);
}

/* The node is initialised again: removing it twice is harmless, and list_empty(node) tells that it
 * is in no list. */
static inline void list_remove(struct list *node) {
  node->prev->next = node->next;
  node->next->prev = node->prev;
  list_init(node);
}

static inline struct list *list_pop(struct list *head) {
  struct list *node = head->next;
  if (node == head)
    return NULL;
  list_remove(node);
  return node;
}

#endif
