/* SPDX-License-Identifier: MIT
 *
 * check.c - ledgers, counters, and bounds.
 */
#include "check.h"

#include "disk.h"
#include "fault.h"
#include "host.h"
#include "loop.h"
#include "memory.h"
#include "peer.h"
#include "redis.h"
#include "stats.h"
#include <stdlib.h>
#include <string.h>
#include <uv.h>

static struct {
  struct ledger *first;
  uint64_t calls, allocations, bytes_in; /* at the end of the last turn */
  uint64_t unspent;
} c;

/* ---- ledgers ------------------------------------------------------------------------ */

void check_begin(void) { memset(&c, 0, sizeof c); }

void check_end(void) {
  for (struct ledger *l = c.first, *next; l; l = next) {
    next = l->next;
    free(l->entries);
    free(l);
  }
  c.first = NULL;
}

struct ledger *ledger_find(const char *id, size_t n) {
  for (struct ledger *l = c.first; l; l = l->next)
    if (strlen(l->id) == n && memcmp(l->id, id, n) == 0) return l;
  return NULL;
}

/* One that comes back as who it was goes on with its old one. */
struct ledger *ledger_of(const char *id) {
  struct ledger *l = ledger_find(id, strlen(id));
  if (l) return l;
  l = calloc(1, sizeof *l);
  if (!l) abort();
  l->next = c.first;
  l->since = host.number;
  strncpy(l->id, id, sizeof l->id - 1);
  return c.first = l;
}

/* With protocol 3 a socket that leaves a namespace and joins it again has the same id again. */
struct ledger *ledger_again(struct ledger *l) {
  char id[ID_SIZE];
  memcpy(id, l->id, sizeof id);
  l->id[0] = '\0';
  l = ledger_of(id);
  l->skips = true; /* its peer may count on */
  return l;
}

struct ledger *ledger_first(void) {
  return c.first;
}

bool aim_includes(struct aim aim, unsigned rooms) {
  return !aim.skipped && (!aim.rooms || aim.rooms & rooms) && !(aim.except & rooms);
}

void ledger_broadcast(struct ledger *l, uint64_t number, enum entry_kind kind, struct aim aim) {
  if (!l) return;
  if (l->n == l->room) {
    l->room = l->room ? l->room * 2 : 16;
    l->entries = realloc(l->entries, l->room * sizeof *l->entries);
    if (!l->entries) abort();
  }
  l->entries[l->n++] = (struct entry){ number, kind, aim, false };
}

void ledger_sent(struct ledger *l, uint64_t number, enum entry_kind kind) {
  ledger_broadcast(l, number, kind, (struct aim){ 0 });
}

static bool may_be_missed(const struct ledger *l, size_t i) {
  enum entry_kind kind = l->entries[i].kind;
  return kind == ENTRY_OPTIONAL || kind == ENTRY_ELSEWHERE || memory.failed;
}

/* All before entry i has come, or may be missed. */
static void pass(struct ledger *l, size_t i, uint64_t number) {
  for (; l->seen < i; l->seen++)
    if (!may_be_missed(l, l->seen))
      fault("a message is lost", "number %llu to %s, as %llu came",
            (unsigned long long)l->entries[l->seen].number, l->id, (unsigned long long)number);
}

static bool is_unnoted(const struct ledger *l, uint64_t number) {
  return l->seen == 0 && number <= l->since && number > l->unnoted;
}

static void receive_unnoted(struct ledger *l, uint64_t number) {
  size_t i = l->seen;
  while (i < l->n && l->entries[i].number < number) i++;
  pass(l, i, number);
  l->unnoted = number;
}

/* An event that when_full dropped, or that went to a room which the socket joined later, is in the
 * namespace's log, and comes when the socket is back: behind a question that was put later, which
 * has no place in the log. */
static bool comes_after_all(struct ledger *l, uint64_t number) {
  if (!l->returned) return false;
  for (size_t i = 0; i < l->seen; i++) {
    struct entry *e = &l->entries[i];
    if (e->number == number && e->kind == ENTRY_OPTIONAL && !e->came) return e->came = true;
  }
  return false;
}

void ledger_received(struct ledger *l, uint64_t number) {
  size_t i = l->seen;
  while (i < l->n && l->entries[i].number != number) i++;
  if (i < l->n && l->entries[i].kind != ENTRY_ELSEWHERE) {
    pass(l, i, number);
    l->entries[i].came = true;
    l->seen = i + 1;
  } else if (is_unnoted(l, number)) {
    receive_unnoted(l, number);
  } else if (!comes_after_all(l, number)) {
    fault("a message that was not sent, or came already, or too late", "number %llu to %s",
          (unsigned long long)number, l->id);
  }
}

/* Whether what is under way comes is open: some was sent and is not sent again, some is sent now
 * that was not meant for it then. */
static void aim_again(struct ledger *l, unsigned rooms) {
  l->rooms = rooms;
  for (size_t i = 0; i < l->n; i++) {
    struct entry *e = &l->entries[i];
    bool meant = aim_includes(e->aim, rooms);
    if (e->kind == ENTRY_QUESTION || (e->kind == ENTRY_DUE && !meant) ||
        (e->kind == ENTRY_ELSEWHERE && meant))
      e->kind = ENTRY_OPTIONAL;
  }
}

void ledger_broken(struct ledger *l, unsigned rooms) {
  l->open = false;
  l->closed = l->skips = true;
  aim_again(l, rooms);
}

void ledger_excuse(struct ledger *l) {
  for (size_t i = l->seen; i < l->n; i++) l->entries[i].kind = ENTRY_OPTIONAL;
  l->skips = true;
}

/* Data and questions to it come soon: a window of little room takes long for much. */
static bool is_prompt(const struct peer *p) {
  return p->here && p->reading == READS_ALL && p->room >= 65536 &&
         p->delay_us + p->jitter_us <= 50000;
}

static uint64_t patience_us(const sio_options *o) {
  return ((o->ping_interval_ms ? o->ping_interval_ms : 25000) + (uint64_t)o->ping_timeout_ms) *
         1000;
}

/* With protocol 3 the peer pings. Where the loop was kept while the session was opened, the peer
 * heard of it late, and pings late. */
static bool was_kept_from(const sio_options *o) {
  return loop.last_stall && kernel.now - loop.last_stall < patience_us(o);
}

/* Peers do nothing while the loop is kept. So behind a stall that is too short for the library to
 * notice, an answer comes late that a real peer would have given in time. */
static bool is_late_by_stall(void) {
  return loop.last_stall && kernel.now - loop.last_stall < 500000 && !loop.must_notice;
}

/* A request that waits for the host's verdict may be the poll for the ping. */
static bool host_holds_requests(const sio_options *o) {
  return host_keeps_waiting(kernel.now - patience_us(o));
}

/* What the library says of a peer when it ends its session must be true. */
void ledger_accused(const struct ledger *l, int protocol, const sio_close_info *why,
                    const sio_options *o) {
  const struct peer *p = l->peer;
  if (!p || p->crooked || memory.failed) return;
  if (why->err == SIO_EPROTO)
    fault("an honest peer is said to break a rule", "%s: %s", l->id, why->detail);
  if (why->err == UV_ENOMEM || why->err == UV_ENOBUFS || why->err == UV_EINTR)
    fault("an honest peer goes for want of something of ours", "%s: %s", l->id, why->detail);
  if (why->reason == SIO_REASON_PING_TIMEOUT && is_prompt(p) && o->ping_timeout_ms >= 1000 &&
      !o->packets_per_s && !o->bytes_per_s && !host_holds_requests(o) && !is_late_by_stall() &&
      !(protocol == 3 && was_kept_from(o)))
    fault("an honest peer is said not to answer", "%s: %s", l->id, why->detail);
}

/* Middleware may have put it into other rooms. */
void ledger_mended(struct ledger *l, unsigned rooms) {
  l->returned = true;
  if (rooms != l->rooms) aim_again(l, rooms);
}

void ledger_settled(const struct ledger *l) {
  for (size_t k = l->seen; k < l->n; k++)
    if (!may_be_missed(l, k))
      fault("a message does not arrive", "number %llu to %s",
            (unsigned long long)l->entries[k].number, l->id);
}

void ledger_heard(struct ledger *l, uint64_t n) {
  if (!l->peer || l->peer->crooked) return;
  if (n != l->heard + 1 && !(l->skips && n > l->heard))
    fault("an event of a peer's is lost, comes twice, or out of order", "%llu behind %llu of %s",
          (unsigned long long)n, (unsigned long long)l->heard, l->id);
  l->heard = n;
  l->skips = false;
}

/* ---- counters ----------------------------------------------------------------------- */

static void check_counters(const sio_server *srv) {
  sio_stats st;
  sio_server_get_stats(srv, &st, sizeof st);
  const char *wrong = stats_fault(&st);
  if (wrong) fault("the counters do not add up", "%s", wrong);
  if (st.thread_messages_lost && !memory.failed && !kernel.refused)
    fault("a message between threads is lost", "%llu", (unsigned long long)st.thread_messages_lost);
}

void check_rest(const sio_server *srv) {
  sio_stats st;
  sio_server_get_stats(srv, &st, sizeof st);
  const char *wrong = stats_fault_at_rest(&st);
  if (wrong) fault("the counters do not come to rest", "%s", wrong);
}

/* ---- memory ------------------------------------------------------------------------- */

enum {
  UNKNOWN_HOLDS = 256 * 1024, /* who has not joined is owed little           */
  HELD_PER_BYTE = 4,          /* bytes held for each byte sent               */
  BASE = 3 * 1024 * 1024,     /* a server: its buffer, pools, zlib's streams */
  REDIS = 8 * 1024 * 1024     /* what waits for Redis: max_queued, and buffers */
};

/* What one peer alone may cause to be held, whatever it does: what it sends is kept while it is not
 * whole, and what it is owed while it does not read. */
static size_t bound_of_one(const sio_options *o, const struct peer *p) {
  size_t queued = o->max_queued ? o->max_queued : 16 << 20;
  size_t payload = o->max_payload ? o->max_payload : 1000000;
  size_t sent = (size_t)p->sent * HELD_PER_BYTE;
  size_t most = queued + 12 * payload + 1024 * 1024;
  size_t free_of_charge = UNKNOWN_HOLDS;
  return free_of_charge + (sent < most ? sent : most);
}

static void check_memory(const sio_options *o) {
  size_t all = (size_t)BASE * (size_t)host.nmembers + host_memory_bound();
  if (redis.on) all += (size_t)REDIS * (size_t)host.nmembers;
  for (unsigned i = 1; i <= peers_count(); i++) {
    const struct peer *p = peer_by_number(i);
    size_t bound = bound_of_one(o, p) + host_caused_bound(i);
    all += bound;
    if (memory.held[i] > bound)
      fault("a peer makes the server hold too much", "peer %u (%s): %zu bytes for %llu sent", i,
            p->kind->name, memory.held[i], (unsigned long long)p->sent);
  }
  if (memory.bytes > all)
    fault("the server holds too much", "%zu bytes, the bound is %zu", memory.bytes, all);
}

/* ---- work --------------------------------------------------------------------------- */

/* In system calls and allocations, which can be counted the same on every machine. What was
 * read in an earlier turn may be worked on in a later one: `unspent` are its allocations. */
static void check_work(void) {
  uint64_t calls = kernel.calls - c.calls, allocations = memory.calls - c.allocations;
  uint64_t bytes = kernel.bytes_in - c.bytes_in;
  uint64_t free_of_charge = 4000 + host_turn_work() * 4;
  c.unspent += bytes * 2;
  if (calls > 2000 + bytes / 4 + host_turn_work())
    fault("a turn makes too many system calls", "%llu", (unsigned long long)calls);
  if (allocations > free_of_charge + c.unspent)
    fault("a turn allocates too often", "%llu for %llu bytes", (unsigned long long)allocations,
          (unsigned long long)bytes);
  if (allocations > free_of_charge) c.unspent -= allocations - free_of_charge;
  c.calls = kernel.calls;
  c.allocations = memory.calls;
  c.bytes_in = kernel.bytes_in;
}

void check_turn(const sio_server *srv, const sio_options *o) {
  if (srv) check_counters(srv);
  check_memory(o);
  check_work();
}

/* The pings of a session, or of a plain WebSocket, that one who has just left does not answer: 25 s
 * and 20 s, if the options say nothing else. */
enum { NOTICED_US = 46000000 };

static sio_stats stats_of_all(void) {
  sio_stats sum = { 0 }, st;
  for (int i = 0; i < host.nmembers; i++) {
    if (!host.members[i].srv) continue;
    sio_server_get_stats(host.members[i].srv, &st, sizeof st);
    sum.sessions += st.sessions;
    sum.connections += st.connections;
    sum.queued_bytes += st.queued_bytes;
  }
  return sum;
}

void check_no_ghosts(void) {
  sio_stats st = stats_of_all();
  unsigned here = peers_here_since(kernel.now - NOTICED_US), plain = 0;
  for (int i = 0; i < host.nmembers; i++) plain += (unsigned)host.members[i].nplain;
  if (st.sessions + plain > here)
    fault("a peer that is gone is not noticed", "%llu sessions, %u plain WebSockets, %u peers",
          (unsigned long long)st.sessions, plain, here);
  /* A session that is over waits for its last poll for so long. */
  bool lingers = !host.opts.close_timeout_ms || host.opts.close_timeout_ms > 5000;
  if (!st.connections && !st.sessions && !lingers && st.queued_bytes)
    fault("bytes wait for nobody", "%llu", (unsigned long long)st.queued_bytes);
}

void check_nothing_left(void) {
  if (loop_has_handles()) fault("a handle is left on the loop", "%d", loop.n + loop.nclosing);
  if (kernel.open_fds) fault("a descriptor is left open", "%u", kernel.open_fds);
  if (disk.open) fault("a file is left open", "%u", disk.open);
  if (memory.blocks)
    fault("memory is left", "%zu blocks of %zu bytes", memory.blocks, memory.bytes);
}
