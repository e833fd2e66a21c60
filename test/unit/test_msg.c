/* SPDX-License-Identifier: MIT
 *
 * test_msg.c - references, chains, growth, recycling.
 */
#include "alloc.h"
#include "base/msg.h"
#include "test.h"

#include <sio/error.h>
#include <uv.h>

static struct msgs home;

static void begin(void) {
  alloc_install();
  sio__msg_allocator_init(&home);
}

static void end(void) {
  sio__msg_allocator_clear(&home);
  EQ(alloc_live, 0);
}

TEST(small_messages_are_recycled_and_allocate_nothing) {
  begin();
  for (int i = 0; i < 1000; i++) {
    struct msg *m = sio__msg_from_bytes(&home, "hello", 5);
    EQ_MEM(msg_data(m), m->len, "hello", 5);
    EQ(m->refs, 1);
    EQ(m->cap, MSG_SMALL);
    CHECK(!m->next && !m->ws_head && !m->binary && !m->raw);
    m->ws_head = m->binary = m->raw = 1;
    msg_unref(m);
  }
  EQ(alloc_calls, 1);
  end();
}

TEST(a_message_lives_until_its_last_reference_goes) {
  begin();
  struct msg *m = sio__msg_new(&home, MSG_SMALL + 1);
  EQ(m->cap, MSG_SMALL + 1);
  msg_ref(m);
  msg_unref(m);
  EQ(alloc_live, 1);
  msg_unref(m);
  EQ(alloc_live, 0);
  msg_unref(NULL);
  end();
}

TEST(growing_keeps_text_headroom_flags_and_attachments) {
  char want[3000];
  for (size_t i = 0; i < sizeof want; i++) want[i] = (char)(i * 7);
  begin();
  struct msg *m = sio__msg_new(&home, 0), *next = sio__msg_new(&home, 1);
  m->next = next;
  m->binary = 1;
  memcpy(msg_data(m) - MSG_HEADROOM, "0123456789", 10);
  for (size_t i = 0; i < sizeof want; i++) EQ(sio__msg_put(&m, want + i, 1), 0);
  EQ_MEM(msg_data(m), m->len, want, sizeof want);
  EQ_MEM(msg_data(m) - MSG_HEADROOM, 10, "0123456789", 10);
  CHECK(m->next == next && m->binary && !m->pooled);
  CHECK(alloc_calls < 8);
  EQ(sio__msg_put(&m, NULL, 0), 0);
  msg_unref(m);
  end();
}

TEST(a_long_chain_goes_with_its_head_without_recursion) {
  begin();
  struct msg *head = NULL;
  for (int i = 0; i < 300000; i++) {
    struct msg *m = sio__msg_new(&home, 0);
    REQUIRE(m != NULL);
    m->next = head;
    head = m;
  }
  msg_unref(head);
  EQ(alloc_live, home.small.held);
  end();
}

TEST(a_member_held_alone_keeps_itself_and_what_follows) {
  begin();
  struct msg *a = sio__msg_from_bytes(&home, "a", 1), *b = sio__msg_from_bytes(&home, "b", 1);
  a->next = b;
  b->next = sio__msg_from_bytes(&home, "c", 1);
  msg_ref(b);
  msg_unref(a);
  EQ(home.small.held, 1);
  EQ(b->refs, 1);
  EQ_MEM(msg_data(b->next), b->next->len, "c", 1);
  msg_unref(b);
  EQ(home.small.held, 3);
  end();
}

TEST(without_memory_a_message_is_not_made_and_does_not_change) {
  begin();
  alloc_fail_all();
  CHECK(sio__msg_new(&home, 1) == NULL);
  CHECK(sio__msg_new(&home, 10000) == NULL);
  CHECK(sio__msg_from_bytes(&home, "abc", 3) == NULL);
  alloc_fail_in(0);
  struct msg *m = sio__msg_from_bytes(&home, "abc", 3), *before = m;
  alloc_fail_all();
  EQ(sio__msg_reserve(&m, 1000), UV_ENOMEM);
  CHECK(m == before && m->pooled);
  alloc_fail_in(0);
  EQ(sio__msg_reserve(&m, 1000), 0);
  before = m;
  alloc_fail_all();
  EQ(sio__msg_reserve(&m, 10000), UV_ENOMEM);
  CHECK(m == before);
  EQ_MEM(msg_data(m), m->len, "abc", 3);
  alloc_fail_in(0);
  msg_unref(m);
  end();
}

TEST(past_four_gigabytes_is_too_big) {
  begin();
  struct msg *m = sio__msg_from_bytes(&home, "abc", 3);
  EQ(sio__msg_reserve(&m, SIZE_MAX), SIO_ETOOBIG);
  EQ(sio__msg_reserve(&m, UINT32_MAX - 2), SIO_ETOOBIG);
#if SIZE_MAX > UINT32_MAX
  CHECK(sio__msg_new(&home, (size_t)UINT32_MAX + 1) == NULL);
#endif
  CHECK(sio__msg_new(&home, SIZE_MAX) == NULL);
  EQ(alloc_calls, 1);
  msg_unref(m);
  end();
}

TESTS_BEGIN
T(small_messages_are_recycled_and_allocate_nothing)
T(a_message_lives_until_its_last_reference_goes)
T(growing_keeps_text_headroom_flags_and_attachments)
T(a_long_chain_goes_with_its_head_without_recursion)
T(a_member_held_alone_keeps_itself_and_what_follows)
T(without_memory_a_message_is_not_made_and_does_not_change)
T(past_four_gigabytes_is_too_big)
TESTS_END
