/* SPDX-License-Identifier: MIT
 *
 * peer.c - who comes, when each of them acts, and how they go.
 */
#include "peer.h"

#include "draw.h"
#include "fault.h"
#include "host.h"
#include "loop.h"
#include "redis.h"
#include <stdlib.h>

static struct peer peers[PEERS];
static unsigned npeers;
static bool calm;

/* What comes, and how often in so many. */
static const struct {
  const struct peer_kind *kind;
  unsigned weight;
} kinds[] = {
  { &peer_socketio, 12 }, { &peer_plain, 3 },        { &peer_hoarder, 2 }, { &peer_hasty, 1 },
  { &peer_files, 1 },     { &peer_half, 1 },         { &peer_crowd, 1 },   { &peer_raw, 2 },
  { &peer_restless, 3 },  { &peer_restless_raw, 2 },
};

enum { KINDS = sizeof kinds / sizeof *kinds, SIP_US = 100000 };
enum { CALM_DELAY_US = 150000, CALM_ROOM = 65536 };

void peers_begin(void) {
  npeers = 0;
  calm = false;
}

unsigned peers_count(void) { return npeers; }
unsigned peers_here_since(uint64_t then) {
  unsigned n = 0;
  for (unsigned i = 0; i < npeers; i++) n += peers[i].here || peers[i].left_at >= then;
  return n;
}
uint64_t peers_most_sent(void) {
  uint64_t most = 0;
  for (unsigned i = 0; i < npeers; i++)
    if (peers[i].here && peers[i].sent > most) most = peers[i].sent;
  return most;
}
unsigned peer_number(const struct peer *p) { return p ? p->number : 0; }
struct peer *peer_by_number(unsigned number) {
  return number > 0 && number <= npeers ? &peers[number - 1] : NULL;
}

/* ---- coming ------------------------------------------------------------------------- */

static const struct peer_kind *draw_kind(void) {
  unsigned all = 0, at;
  for (int i = 0; i < KINDS; i++) all += kinds[i].weight;
  at = draw(all);
  for (int i = 0; i < KINDS; i++) {
    if (at < kinds[i].weight) return kinds[i].kind;
    at -= kinds[i].weight;
  }
  return kinds[0].kind;
}

static void draw_line(struct peer *p) {
  static const uint32_t delays[] = { 500, 0, 20000, 150000, 2000000 };
  p->delay_us = delays[draw(5)];
  p->jitter_us = draw_one_in(3) ? draw_size(500000) : 0;
  p->room = draw(3) ? draw_between(200, 20000) : (size_t)65536 << draw(5);
  p->address = 0x0a000001 + draw(4);
  p->port = draw(3) < 2 ? PORT_PLAIN : draw(2) ? PORT_UNIX : PORT_TLS;
  if (p->port == PORT_UNIX) p->address = 0;
  p->server = host_each_listens() ? draw((uint32_t)host.nmembers) : 0;
}

/* Where the loop is kept when a ping has left, most peers answer pings at once: only of those is it
 * certain that they must not be ended. */
static void make_prompt(struct peer *p) {
  p->delay_us = DRAW_OF(uint32_t, 500, 0, 20000);
  p->jitter_us = draw(2) ? draw(20000) : 0;
  p->room = 262144;
  p->reading = READS_ALL;
  p->breaks = p->leaves = 0;
}

/* It upgrades with a good line, while the server handles what it says late. */
static void make_upgrader(struct peer *p) {
  p->kind = draw(3) ? &peer_restless_raw : &peer_restless;
  make_prompt(p);
  p->port = PORT_PLAIN;
  if (!p->address) p->address = 0x0a000001;
}

/* It returns, and much of what it is sent waits in its queue. */
static void make_returner(struct peer *p) {
  make_prompt(p);
  p->kind = &peer_socketio;
  p->room = draw_between(500, 4000);
  if (draw(2)) p->reading = READS_SLOWLY;
}

static void draw_character(struct peer *p) {
  p->reading = DRAW_OF(enum reading, READS_ALL, READS_ALL, READS_ALL, READS_SLOWLY, READS_NOTHING);
  p->breaks = draw(3) == 2 ? draw_between(2, 30) : 0;
  p->leaves = draw(2) ? draw_between(2, 60) : 0;
}

static void tell_coming(const struct peer *p) {
  static const char *const reads[] = {
    [READS_ALL] = "all", [READS_SLOWLY] = "slowly", [READS_NOTHING] = "nothing"
  };
  TELL("peer %u comes: %s, reads %s, breaks rules 1 in %u, leaves 1 in %u, delay %u us, room %zu",
       p->number, p->kind->name, reads[p->reading], p->breaks, p->leaves, p->delay_us, p->room);
}

void peers_invite(void) {
  if (npeers == PEERS || calm) return;
  draw_span();
  struct peer *p = &peers[npeers++];
  *p = (struct peer){ .kind = draw_kind(), .number = npeers, .wake = NEVER, .here = true };
  draw_line(p);
  draw_character(p);
  if (loop.ping_stalls && draw(4)) make_prompt(p);
  if (host.upgraders && draw(4)) make_upgrader(p);
  if (host.full_returns && draw(8)) make_returner(p);
  if (host.clustered) p->kind = &peer_returning;
  p->state = calloc(1, p->kind->size);
  if (!p->state) abort();
  tell_coming(p);
  p->sip_at = p->reading == READS_SLOWLY ? kernel.now + SIP_US : NEVER;
  p->kind->start(p);
}

struct wire *peer_connect(struct peer *p) {
  struct wire *w = wire_open(p, p->server, p->port, p->address);
  if (!w) return NULL;
  w->delay_us = p->delay_us;
  w->jitter_us = p->jitter_us;
  w->room = p->room;
  if (p->reading == READS_NOTHING) w->allowance = 0;
  if (p->reading == READS_SLOWLY) w->allowance = 500;
  return w;
}

/* ---- acting ------------------------------------------------------------------------- */

void peer_say(struct peer *p, struct wire *w, const void *bytes, size_t n) {
  TELL("peer %u sends %zu bytes on wire %d: %s", p->number, n, w->id, tell_bytes(bytes, n));
  p->sent += n;
  wire_write(w, bytes, n);
}

void peer_sleep(struct peer *p, uint64_t us) { p->wake = kernel.now + us; }

bool peer_breaks(struct peer *p) {
  bool yes = draw_one_in(p->breaks);
  p->crooked |= yes;
  return yes;
}

static void sip(struct peer *p) {
  for (int i = 0; i < kernel.nwires; i++) {
    struct wire *w = &kernel.wires[i];
    if (w->used && w->peer == p && w->allowance != NEVER) w->allowance += 1000;
  }
  p->sip_at = kernel.now + SIP_US;
}

uint64_t peers_next(void) {
  uint64_t next = NEVER;
  for (unsigned i = 0; i < npeers; i++) {
    if (!peers[i].here) continue;
    if (peers[i].wake < next) next = peers[i].wake;
    if (peers[i].sip_at < next) next = peers[i].sip_at;
  }
  return next > kernel.now ? next : next == NEVER ? NEVER : kernel.now;
}

void peers_step(void) {
  for (unsigned i = 0; i < npeers; i++) {
    struct peer *p = &peers[i];
    if (p->here && p->sip_at <= kernel.now) sip(p);
    if (!p->here || p->wake > kernel.now) continue;
    draw_span();
    p->wake = NEVER;
    if (draw_one_in(p->leaves))
      peer_leave(p);
    else
      p->kind->step(p);
  }
}

void peer_data(struct peer *p, struct wire *w) {
  if (p->here) p->kind->data(p, w);
}

void peer_ended(struct peer *p, struct wire *w) {
  if (p->here) p->kind->ended(p, w);
}

/* ---- going -------------------------------------------------------------------------- */

static void hang_up(struct wire *w, unsigned how) {
  switch (how) {
    case 0: wire_close(w); break;
    case 1: wire_reset(w); break;
    case 2: wire_vanish(w); break;
    case 3:
      wire_fin(w);
      wire_close(w);
      break;
  }
}

void peer_leave(struct peer *p) {
  unsigned how = draw(4);
  if (!p->here) return;
  TELL("peer %u leaves: %s", p->number,
       how == 0   ? "closes"
       : how == 1 ? "resets"
       : how == 2 ? "vanishes"
                  : "half-closes first");
  p->here = false;
  p->left_at = kernel.now;
  p->kind->stop(p);
  for (int i = 0; i < kernel.nwires; i++)
    if (kernel.wires[i].used && kernel.wires[i].peer == p) hang_up(&kernel.wires[i], how);
}

/* What waits for it must be there in time, through whatever line. */
static void better_line(struct peer *p) {
  bool is_good = p->delay_us + p->jitter_us <= CALM_DELAY_US && p->room >= CALM_ROOM;
  if (!is_good) p->line_since = kernel.now;
  if (p->delay_us > CALM_DELAY_US) p->delay_us = CALM_DELAY_US;
  if (p->jitter_us > CALM_DELAY_US) p->jitter_us = CALM_DELAY_US;
  if (p->room < CALM_ROOM) p->room = CALM_ROOM;
  for (int i = 0; i < kernel.nwires; i++) {
    struct wire *w = &kernel.wires[i];
    if (!w->used || w->peer != p) continue;
    w->delay_us = p->delay_us;
    w->jitter_us = p->jitter_us;
    w->room = p->room;
  }
}

void peers_calm(void) {
  calm = true;
  for (unsigned i = 0; i < npeers; i++) {
    struct peer *p = &peers[i];
    p->leaves = 0;
    if (!p->here) continue;
    if (p->crooked || p->breaks || p->reading != READS_ALL) {
      peer_leave(p);
      continue;
    }
    better_line(p);
    if (p->kind->calm) p->kind->calm(p);
  }
}

void peers_settled(void) {
  for (unsigned i = 0; i < npeers; i++)
    if (peers[i].here && peers[i].kind->settled) peers[i].kind->settled(&peers[i]);
}

void peers_leave(void) {
  for (unsigned i = 0; i < npeers; i++)
    if (peers[i].here) peer_leave(&peers[i]);
}

/* A vanished one is never heard of again: for the end of a life the kernel gives it up. */
bool peers_gone(void) {
  for (unsigned i = 0; i < npeers; i++)
    if (peers[i].here) return false;
  return true;
}

void peers_end(void) {
  for (unsigned i = 0; i < npeers; i++) {
    if (peers[i].here) peers[i].kind->stop(&peers[i]);
    free(peers[i].state);
  }
  npeers = 0;
}
