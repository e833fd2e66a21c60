/* SPDX-License-Identifier: MIT
 *
 * list.h - a circular doubly linked list. The links are members of the items. So adding an item
 * allocates nothing, and to remove an item its list need not be known.
 */
#ifndef SIO_BASE_LIST_H
#define SIO_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
  struct list *next, *prev;
};

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline void list_init(struct list *l) { l->next = l->prev = l; }

/* Returns true for the head of an empty list, and for an item that is in no list. */
static inline bool list_is_empty(const struct list *l) { return l->next == l; }

static inline void list_append(struct list *head, struct list *item) {
  item->prev = head->prev;
  item->next = head;
  head->prev->next = item;
  head->prev = item;
}

static inline void list_remove(struct list *item) {
  item->prev->next = item->next;
  item->next->prev = item->prev;
  list_init(item);
}

static inline struct list *list_first(const struct list *head) {
  return list_is_empty(head) ? NULL : head->next;
}

static inline struct list *list_take_first(struct list *head) {
  struct list *item = list_first(head);
  if (item) list_remove(item);
  return item;
}

/* Moves all items of the list `from` to the end of the list `to`. */
static inline void list_splice(struct list *to, struct list *from) {
  if (list_is_empty(from)) return;
  from->next->prev = to->prev;
  to->prev->next = from->next;
  from->prev->next = to;
  to->prev = from->prev;
  list_init(from);
}

/* Visits each item of a list in order. The loop body may remove `it` from the list, but must not
 * remove the item after it. */
#define list_each(it, tmp, head) \
  for (struct list *it = (head)->next, *tmp = it->next; it != (head); it = tmp, tmp = it->next)

#endif
