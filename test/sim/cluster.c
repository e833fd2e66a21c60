/* SPDX-License-Identifier: MIT
 *
 * cluster.c - what the host of such a life sends, and what must reach each peer.
 */
#include "cluster.h"

#include "draw.h"
#include "fault.h"
#include "host.h"
#include "loop.h"
#include "memory.h"
#include "redis.h"
#include <stdlib.h>
#include <string.h>

enum { EVENTS = 20000, COST = 4000 };
_Static_assert((int)MEMBERS == (int)CLUSTER_MEMBERS, "cluster.h does not include host.h");

static const char *const cluster_rooms[] = { "x", "y", "z" };

static struct {
  struct cluster_event events[EVENTS];
  unsigned n;
  uint64_t last[MEMBERS]; /* the last that each has sent to everybody when all was calm */
} x;

void cluster_begin(void) { memset(&x, 0, sizeof x); }

/* ---- the host ----------------------------------------------------------------------- */

static bool broadcast_event(unsigned room, bool local) {
  const char *const list[] = { room < CLUSTER_ROOMS ? cluster_rooms[room] : NULL, NULL };
  sio_target to = { .nsp = host.here->nsps[0],
                    .rooms = *list ? list : NULL,
                    .flags = local ? SIO_LOCAL : 0 };
  uint64_t n = host.number + 1;
  host.caused[memory.owner] += COST * (size_t)host.nmembers;
  host.sending++;
  int err = sio_broadcast(to, "k", SIO_ARGS(n, "k"));
  host.sending--;
  TELL("member %d sends %llu to %s%s: %d", host_member(), (unsigned long long)n,
       *list ? *list : "everybody", local ? " of its own" : "", err);
  return !err;
}

static void send_to(unsigned room, bool local) {
  if (!host.here->srv || host.here->closing || x.n == EVENTS) return;
  bool sent = broadcast_event(room, local);
  host.number++;
  if (sent)
    x.events[x.n++] = (struct cluster_event){
      .number = host.number, .from = host_member(), .room = room, .local = local
    };
}

void cluster_broadcast(void) {
  for (unsigned i = draw_size(6) + 1; i > 0; i--)
    send_to((CLUSTER_ROOMS + draw(4)) % 4, draw(6) == 5);
}

static void broadcast_to_all(void) {
  uv_update_time(&loop.uv[loop.current]);
  send_to(CLUSTER_ROOMS, false);
  x.last[host_member()] = host.number;
}

void cluster_broadcast_all(void) { host_for_each_member(broadcast_to_all); }

/* Its peer asks to be put into a room. The answer is the number of the next event. */
static void on_join(sio_socket *s, sio_event *e, void *user) {
  int64_t room;
  (void)user;
  if (!sio_event_int(e, 0, &room) || room < 0 || room >= CLUSTER_ROOMS) return;
  int err = sio_join(s, cluster_rooms[room]);
  host.sending++;
  sio_reply(e, SIO_ARGS(err ? (uint64_t)0 : host.number + 1));
  host.sending--;
}

void cluster_handle(sio_nsp *nsp) { sio_on(nsp, "j", on_join, NULL); }

/* ---- what must hold ----------------------------------------------------------------- */

static const struct cluster_event *event_find(uint64_t number) {
  for (unsigned i = x.n; i > 0; i--)
    if (x.events[i - 1].number == number) return &x.events[i - 1];
  return NULL;
}

/* What Redis lost, or what there was no memory for, nobody gets. */
static bool may_be_lost(void) {
  return redis.losses || memory.failed || host.opts.queue_high || host_redis_counted(0);
}

static bool is_for(const struct cluster_event *e, const struct cluster_seen *seen) {
  if (e->local) return false;
  if (e->room == CLUSTER_ROOMS) return true;
  return seen->in_since[e->room] && e->number >= seen->in_since[e->room];
}

static void must_have_all(unsigned peer, const struct cluster_seen *seen, int from, uint64_t to) {
  for (unsigned i = 0; i < x.n; i++) {
    const struct cluster_event *e = &x.events[i];
    if (e->from != from || e->number <= seen->last[from] || e->number >= to || !is_for(e, seen))
      continue;
    if (seen->first[from] && !may_be_lost())
      fault("an event of a cluster is lost", "number %llu of member %d to peer %u, as %llu came",
            (unsigned long long)e->number, from, peer, (unsigned long long)to);
  }
}

/* An event that was delivered before the stream had it has no offset. */
static void must_follow(unsigned peer, struct cluster_seen *seen, uint64_t number,
                        const char *offset) {
  char *end;
  if (!*offset || memory.failed) return;
  uint64_t ms = strtoull(offset, &end, 10), seq = *end ? strtoull(end + 1, NULL, 10) : 0;
  if (ms < seen->ms || (ms == seen->ms && seq <= seen->seq))
    fault("events of a cluster come in another order than in the stream",
          "number %llu at %s to peer %u", (unsigned long long)number, offset, peer);
  seen->ms = ms;
  seen->seq = seq;
}

void cluster_received(unsigned peer, struct cluster_seen *seen, uint64_t number,
                      const char *offset) {
  const struct cluster_event *e = event_find(number);
  TELL("peer %u receives %llu at %s", peer, (unsigned long long)number, offset);
  if (!e)
    fault("an event of a cluster that was not sent", "number %llu to peer %u",
          (unsigned long long)number, peer);
  if (number <= seen->loose[e->from] && *offset) return;
  if (!*offset && !e->local) seen->loose[e->from] = number;
  if (!*offset && number == x.last[e->from] && !may_be_lost())
    fault("an event of a cluster that is calm has no offset", "number %llu to peer %u",
          (unsigned long long)number, peer);
  if ((number <= seen->last[e->from] || number <= seen->local[e->from]) && !memory.failed)
    fault("an event of a cluster comes twice, or late", "number %llu behind %llu to peer %u",
          (unsigned long long)number, (unsigned long long)seen->last[e->from], peer);
  if (e->local) {
    /* After a stall it is taken for one that waits for a message which is lost. */
    if (!loop.last_stall) seen->local[e->from] = number;
    return;
  }
  must_follow(peer, seen, number, offset);
  must_have_all(peer, seen, e->from, number);
  if (!seen->first[e->from]) seen->first[e->from] = number;
  seen->last[e->from] = number;
}

void cluster_settled(unsigned peer, const struct cluster_seen *seen) {
  for (int m = 0; m < host.nmembers; m++) must_have_all(peer, seen, m, x.last[m] + 1);
}
