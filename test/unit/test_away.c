/* SPDX-License-Identifier: MIT
 *
 * test_away.c - sockets that may come back, shared out by address.
 */
#include "core/away.h"

#include "alloc.h"
#include "test.h"

enum { MAX = 100 };

static struct away away;
static struct away_place places[4 * MAX];
static unsigned nplaces;

static void begin(void) {
  alloc_install();
  nplaces = 0;
  sio__away_init(&away);
}

static void end(void) {
  while (away.n) sio__away_remove(&away, sio__away_oldest(&away));
  sio__away_clear(&away);
  EQ(alloc_live, 0);
  sio_set_allocator(NULL, NULL, NULL);
}

/* As one leaves when there may be MAX; what is forgotten for it. */
static struct away_place *leaves(const char *address) {
  struct away_place *p = &places[nplaces++];
  list_init(&p->order);
  sio__away_add(&away, p, address);
  if (away.n <= MAX) return NULL;
  struct away_place *surplus = sio__away_surplus(&away, p);
  sio__away_remove(&away, surplus);
  return surplus;
}

static unsigned still_away(unsigned from, unsigned to) {
  unsigned n = 0;
  for (unsigned i = from; i < to; i++) n += away_has(&places[i]);
  return n;
}

static void hundred_addresses(void) {
  char address[32];
  for (int i = 0; i < MAX; i++) {
    snprintf(address, sizeof address, "10.0.0.%d", i);
    leaves(address);
  }
}

TEST(one_address_cannot_drive_out_the_others) {
  begin();
  hundred_addresses();
  for (int i = 0; i < 2 * MAX; i++) leaves("192.0.2.1");
  EQ(away.n, MAX);
  EQ(still_away(0, MAX), MAX - 1);
  CHECK(away_has(&places[nplaces - 1]));
  end();
}

TEST(neighbours_of_one_ipv6_site_are_one_address) {
  char address[40];
  begin();
  hundred_addresses();
  for (int i = 0; i < 2 * MAX; i++) {
    snprintf(address, sizeof address, "2001:db8::%x", i + 1);
    leaves(address);
  }
  EQ(still_away(0, MAX), MAX - 1);
  end();
}

TEST(who_has_filled_all_makes_room_for_newcomers) {
  begin();
  for (int i = 0; i < MAX; i++) leaves("192.0.2.1");
  hundred_addresses();
  EQ(still_away(MAX, 2 * MAX), MAX);
  end();
}

TEST(behind_one_address_who_left_first_goes_first) {
  begin();
  for (int i = 0; i < MAX; i++) CHECK(leaves("") == NULL);
  for (int i = 0; i < MAX; i++) CHECK(leaves("") == &places[i]);
  end();
}

TEST(one_that_is_put_back_is_the_first_again) {
  begin();
  leaves("192.0.2.1");
  leaves("192.0.2.1");
  sio__away_remove(&away, &places[0]);
  CHECK(sio__away_oldest(&away) == &places[1]);
  sio__away_put_back(&away, &places[0]);
  CHECK(sio__away_oldest(&away) == &places[0]);
  end();
}

TEST(without_memory_a_place_is_kept_and_counts_for_no_address) {
  begin();
  for (size_t i = 1; i < 3; i++) {
    alloc_fail_in(i);
    leaves("192.0.2.1");
  }
  alloc_fail_in(0);
  leaves("192.0.2.1");
  CHECK(!places[0].origin && !places[1].origin && places[2].origin);
  CHECK(sio__away_surplus(&away, &places[2]) == &places[0]);
  end();
}

TESTS_BEGIN
T(one_address_cannot_drive_out_the_others)
T(neighbours_of_one_ipv6_site_are_one_address)
T(who_has_filled_all_makes_room_for_newcomers)
T(behind_one_address_who_left_first_goes_first)
T(one_that_is_put_back_is_the_first_again)
T(without_memory_a_place_is_kept_and_counts_for_no_address)
TESTS_END
