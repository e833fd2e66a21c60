/* SPDX-License-Identifier: MIT
 *
 * test_recovery_queue.c - disconnected sockets that may be recovered, limited by address.
 */
#include "core/recovery_queue.h"

#include "alloc.h"
#include "test.h"

enum { MAX = 100 };

static struct recovery_queue away;
static struct recovery_queue_entry entries[4 * MAX];
static unsigned nentries;

static void begin(void) {
  alloc_install();
  nentries = 0;
  sio__recovery_queue_init(&away);
}

static void end(void) {
  while (away.n) sio__recovery_queue_remove_entry(&away, sio__recovery_queue_get_oldest(&away));
  sio__recovery_queue_clear(&away);
  EQ(alloc_live, 0);
  sio_set_allocator(NULL, NULL, NULL);
}

/* Adds an entry for a socket that left. If there are more than MAX, removes one and returns it. */
static struct recovery_queue_entry *add_left_socket(const char *address) {
  struct recovery_queue_entry *p = &entries[nentries++];
  list_init(&p->by_time);
  sio__recovery_queue_entry_set_address(p, address);
  sio__recovery_queue_add_as_newest(&away, p);
  if (away.n <= MAX) return NULL;
  struct recovery_queue_entry *dropped = sio__recovery_queue_choose_entry_to_drop(&away, p);
  sio__recovery_queue_remove_entry(&away, dropped);
  return dropped;
}

static unsigned count_kept(unsigned from, unsigned to) {
  unsigned n = 0;
  for (unsigned i = from; i < to; i++) n += is_recovery_entry_in_queue(&entries[i]);
  return n;
}

static void add_from_hundred_addresses(void) {
  char address[32];
  for (int i = 0; i < MAX; i++) {
    snprintf(address, sizeof address, "10.0.0.%d", i);
    add_left_socket(address);
  }
}

TEST(one_address_cannot_drive_out_the_others) {
  begin();
  add_from_hundred_addresses();
  for (int i = 0; i < 2 * MAX; i++) add_left_socket("192.0.2.1");
  EQ(away.n, MAX);
  EQ(count_kept(0, MAX), MAX - 1);
  CHECK(is_recovery_entry_in_queue(&entries[nentries - 1]));
  end();
}

TEST(neighbours_of_one_ipv6_site_are_one_address) {
  char address[40];
  begin();
  add_from_hundred_addresses();
  for (int i = 0; i < 2 * MAX; i++) {
    snprintf(address, sizeof address, "2001:db8::%x", i + 1);
    add_left_socket(address);
  }
  EQ(count_kept(0, MAX), MAX - 1);
  end();
}

TEST(an_address_with_all_entries_loses_its_own_to_newcomers) {
  begin();
  for (int i = 0; i < MAX; i++) add_left_socket("192.0.2.1");
  add_from_hundred_addresses();
  EQ(count_kept(MAX, 2 * MAX), MAX);
  end();
}

TEST(of_one_address_the_oldest_entry_is_dropped_first) {
  begin();
  for (int i = 0; i < MAX; i++) CHECK(add_left_socket("") == NULL);
  for (int i = 0; i < MAX; i++) CHECK(add_left_socket("") == &entries[i]);
  end();
}

TEST(an_entry_added_as_the_oldest_is_the_oldest_again) {
  begin();
  add_left_socket("192.0.2.1");
  add_left_socket("192.0.2.1");
  sio__recovery_queue_remove_entry(&away, &entries[0]);
  CHECK(sio__recovery_queue_get_oldest(&away) == &entries[1]);
  sio__recovery_queue_add_as_oldest(&away, &entries[0]);
  CHECK(sio__recovery_queue_get_oldest(&away) == &entries[0]);
  end();
}

TEST(without_memory_an_entry_is_kept_and_counts_for_no_address) {
  begin();
  for (size_t i = 1; i < 3; i++) {
    alloc_fail_in(i);
    add_left_socket("192.0.2.1");
  }
  alloc_fail_in(0);
  add_left_socket("192.0.2.1");
  CHECK(!entries[0].address && !entries[1].address && entries[2].address);
  CHECK(sio__recovery_queue_choose_entry_to_drop(&away, &entries[2]) == &entries[0]);
  end();
}

TESTS_BEGIN
T(one_address_cannot_drive_out_the_others)
T(neighbours_of_one_ipv6_site_are_one_address)
T(an_address_with_all_entries_loses_its_own_to_newcomers)
T(of_one_address_the_oldest_entry_is_dropped_first)
T(an_entry_added_as_the_oldest_is_the_oldest_again)
T(without_memory_an_entry_is_kept_and_counts_for_no_address)
TESTS_END
