/* SPDX-License-Identifier: MIT
 *
 * test_list.c - the ring.
 */
#include "base/list.h"
#include "test.h"

struct item {
  char name;
  struct list link;
};

static void names(const struct list *head, char *out) {
  for (struct list *l = head->next; l != head; l = l->next)
    *out++ = container_of(l, struct item, link)->name;
  *out = '\0';
}

/* The head of a list of these items is static, too: it must live as long as they. */
static struct item items[4];

static void fill(struct list *head) {
  list_init(head);
  for (int i = 0; i < 4; i++) {
    items[i].name = (char)('a' + i);
    list_append(head, &items[i].link);
  }
}

TEST(members_come_out_in_the_order_they_went_in) {
  static struct list head;
  struct list *l;
  fill(&head);
  for (char want = 'a'; want < 'e'; want++) {
    l = list_take_first(&head);
    REQUIRE(l != NULL);
    EQ(container_of(l, struct item, link)->name, want);
    CHECK(list_is_empty(l));
  }
  CHECK(list_is_empty(&head));
  CHECK(list_take_first(&head) == NULL);
}

TEST(a_member_leaves_without_its_head_and_twice) {
  static struct list head;
  char text[8];
  fill(&head);
  list_remove(&items[1].link);
  list_remove(&items[1].link);
  names(&head, text);
  EQ_STR(text, "acd");
}

TEST(splicing_appends_and_empties) {
  static struct list from;
  struct list to;
  char text[8];
  struct item first = { .name = 'x' };
  list_init(&to);
  list_append(&to, &first.link);
  fill(&from);
  list_splice(&to, &from);
  CHECK(list_is_empty(&from));
  list_splice(&to, &from);
  names(&to, text);
  EQ_STR(text, "xabcd");
}

TEST(a_walk_may_remove_the_member_it_stands_on) {
  static struct list head;
  char text[8];
  fill(&head);
  list_each (it, tmp, &head) {
    if (container_of(it, struct item, link)->name != 'c') list_remove(it);
  }
  names(&head, text);
  EQ_STR(text, "c");
}

TESTS_BEGIN
T(members_come_out_in_the_order_they_went_in)
T(a_member_leaves_without_its_head_and_twice)
T(splicing_appends_and_empties)
T(a_walk_may_remove_the_member_it_stands_on)
TESTS_END
