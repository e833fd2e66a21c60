/* SPDX-License-Identifier: MIT
 *
 * crossing.c - a list of what was sent between servers. A server makes a packet of an event of
 * another one with sio__packet_new_from_remote_event(): that call is where an event arrives.
 */
#include "crossing.h"

#include "base/base64.h"
#include "core/out_packet.h"
#include "fault.h"
#include "host.h"
#include "memory.h"
#include "redis.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* An event to a parent reaches each child alone, so the same one may come to several namespaces. */
struct arrival {
  uint64_t number;
  int member;
  char nsp[32];
};

struct crossing {
  uint64_t number;
  int from;
  unsigned due; /* members that have to get it and have not yet: bits */
  struct aim aim;
  unsigned flags;
  /* Over Redis: */
  bool asks;                /* its answers go another way, so it is in no order with others */
  bool counted;             /* if Redis does not get it, its sender counts it               */
  bool everywhere;          /* every server has its namespace                               */
  bool published;           /* Redis has it                                                 */
  unsigned by;              /* the connection over which Redis got it; 0: an entry          */
  bool late;                /* its sender had closed that connection by then                */
  bool stood;               /* it was added when no later one of its sender was there       */
  unsigned got;             /* members to which it has come: bits                           */
  unsigned via[MEMBERS];    /* the connection on which each gets it, or VIA_STREAM          */
  uint64_t pushed[MEMBERS]; /* to each: counted on all connections together              */
};

#define VIA_STREAM UINT_MAX

static struct {
  struct crossing *sent;
  struct arrival *arrived;
  size_t nsent, narrived;
  uint64_t pushes;
  bool reads[MEMBERS]; /* it reads the stream */
} x;

void crossings_begin(void) { memset(&x, 0, sizeof x); }

void crossings_end(void) {
  free(x.sent);
  free(x.arrived);
  crossings_begin();
}

/* The list grows to the next power of two when it is full. */
static void *grow(void *list, size_t n, size_t size) {
  if (n & (n - 1) || (n && n < 16)) return list;
  list = realloc(list, (n ? 2 * n : 16) * size);
  if (!list) abort();
  return list;
}

static bool stays(int member) {
  const struct member *m = &host.members[member];
  return m->srv && !m->closing && !m->draining;
}

/* These exist on every server as long as it does. */
static bool exists_everywhere(const sio_nsp *nsp) {
  return strcmp(sio_nsp_name(nsp), "/") == 0 || strcmp(sio_nsp_name(nsp), "/a") == 0;
}

void crossings_sent(const sio_target *to, uint64_t number, bool certain, bool asks) {
  struct crossing k = {
    .number = number, .from = host_member(), .aim = host_aim_of(to, NULL), .flags = to->flags
  };
  if (host.nmembers == 1 || to->flags & SIO_LOCAL) return;
  k.asks = asks;
  k.everywhere = certain && exists_everywhere(to->nsp);
  k.counted = k.everywhere && !asks;
  for (int i = 0; i < host.nmembers; i++)
    if (i != k.from && k.everywhere && stays(i) && host_redis_is_sure(k.from, i)) k.due |= 1u << i;
  x.sent = grow(x.sent, x.nsent, sizeof *x.sent);
  x.sent[x.nsent++] = k;
}

static void must_be_gone(const struct crossing *k, int member) {
  if (k->due & 1u << member && stays(member) && !memory.failed)
    fault(redis.on ? "an event to another server is lost" : "an event to another thread is lost",
          "number %llu from %d to %d", (unsigned long long)k->number, k->from, member);
}

static struct crossing *find_if_any(uint64_t number) {
  for (size_t i = x.nsent; i > 0; i--)
    if (x.sent[i - 1].number == number) return &x.sent[i - 1];
  return NULL;
}

static struct crossing *find(uint64_t number) {
  struct crossing *k = find_if_any(number);
  if (k) return k;
  fault("an event comes from another thread that did not send it", "number %llu",
        (unsigned long long)number);
}

/* A reader that has no memory to note a server delivers what that server adds twice. */
static bool may_come_again(void) { return redis.on && memory.failed; }

static void must_be_first(uint64_t number, const char *nsp) {
  for (size_t i = x.narrived; i > 0; i--) {
    const struct arrival *a = &x.arrived[i - 1];
    if (a->number == number && a->member == host_member() && strcmp(a->nsp, nsp) == 0)
      fault("an event comes twice from another thread", "number %llu", (unsigned long long)number);
  }
}

static void note_arrival(uint64_t number, const char *nsp) {
  struct arrival a = { .number = number, .member = host_member() };
  if (!may_come_again()) must_be_first(number, nsp);
  strncpy(a.nsp, nsp, sizeof a.nsp - 1);
  x.arrived = grow(x.arrived, x.narrived, sizeof *x.arrived);
  x.arrived[x.narrived++] = a;
}

static void must_be_the_same(const struct crossing *k, const sio_target *to) {
  struct aim aim = host_aim_of(to, NULL);
  const unsigned kept = SIO_VOLATILE | SIO_NO_COMPRESS;
  bool same_flags =
      redis.on ? (to->flags & kept) == (k->flags & kept) : to->flags == (k->flags | SIO_LOCAL);
  if (aim.rooms != k->aim.rooms || aim.except != k->aim.except || !same_flags)
    fault("an event comes from another thread for somebody else", "number %llu",
          (unsigned long long)k->number);
}

/* Redis may execute what was written to a connection after the sender has closed it, and what was
 * published over the next connection before. */
static bool may_overtake(const struct crossing *later, const struct crossing *k) {
  return k->late && later->by > k->by;
}

/* Over Redis the answers of a question go another way than other events. */
static bool share_an_order(const struct crossing *a, const struct crossing *b) {
  return a->from == b->from && (!redis.on || a->asks == b->asks);
}

static void must_be_in_order(const struct crossing *k, int here) {
  for (const struct crossing *c = k + 1; c < x.sent + x.nsent; c++)
    if (share_an_order(c, k) && c->got & 1u << here && !may_overtake(c, k))
      fault("events of another thread come out of order", "%llu behind %llu",
            (unsigned long long)k->number, (unsigned long long)c->number);
}

/* What Redis sends on a connection comes in the order in which it was sent there. */
static bool comes_before(const struct crossing *c, const struct crossing *k, int here) {
  if (c->via[here] != k->via[here]) return false;
  if (!redis.on || k->via[here] == VIA_STREAM) return c < k && share_an_order(c, k);
  return c->pushed[here] && c->pushed[here] < k->pushed[here];
}

static void arrive(const sio_target *to, uint64_t number) {
  int here = host_member();
  struct crossing *k = find(number);
  must_be_the_same(k, to);
  note_arrival(number, sio_nsp_name(to->nsp));
  if (!may_come_again()) must_be_in_order(k, here);
  k->due &= ~(1u << here);
  k->got |= 1u << here;
  for (const struct crossing *c = x.sent; c < x.sent + x.nsent; c++)
    if (comes_before(c, k, here)) must_be_gone(c, here);
}

/* What Redis has not got its sender has counted. */
static void must_be_counted(int member) {
  uint64_t lost = 0;
  for (size_t i = 0; i < x.nsent; i++)
    lost += x.sent[i].from == member && x.sent[i].counted && !x.sent[i].published;
  if (redis.on && stays(member) && !memory.failed && lost > host_redis_counted(member))
    fault("events are lost on the way to Redis, and not counted", "%llu of server %d, counted %llu",
          (unsigned long long)lost, member, (unsigned long long)host_redis_counted(member));
}

void crossings_settled(void) {
  for (size_t i = 0; i < x.nsent; i++)
    for (int m = 0; m < host.nmembers; m++) must_be_gone(&x.sent[i], m);
  for (int m = 0; m < host.nmembers; m++) must_be_counted(m);
}

/* ---- Redis -------------------------------------------------------------------------- */

/* In JSON, or in MessagePack: ["m",number,... */
static uint64_t packed_number(const unsigned char *p, size_t n) {
  unsigned bytes = n && p[0] >= 0xcc && p[0] <= 0xcf ? 1u << (p[0] - 0xcc) : 0;
  uint64_t v = 0;
  if (!bytes) return n && p[0] < 0x80 ? p[0] : 0;
  for (unsigned i = 1; i <= bytes && i < n; i++) v = v << 8 | p[i];
  return v;
}

static uint64_t plain_number_in(const char *p, size_t n) {
  const char *json = memmem(p, n, "[\"m\",", 5);
  const char *packed = json ? NULL : memmem(p, n, "\xa1m", 2);
  if (json) return strtoull(json + 5, NULL, 10);
  return packed ? packed_number((const unsigned char *)packed + 2, n - (size_t)(packed + 2 - p))
                : 0;
}

/* An entry of a stream has MessagePack as Base64. */
uint64_t crossings_number_in(const char *p, size_t n) {
  uint64_t number = plain_number_in(p, n);
  char *bytes = number ? NULL : malloc(n + 3);
  if (number) return number;
  if (!bytes) abort();
  number = plain_number_in(bytes, sio__base64_decode(bytes, p, n));
  free(bytes);
  return number;
}

void crossings_published(uint64_t number, int from, unsigned connection, bool late) {
  struct crossing *k = find_if_any(number);
  if (!k || k->from != from)
    fault("an event is published that this server did not send", "number %llu from %d",
          (unsigned long long)number, from);
  k->published = true;
  k->by = connection;
  k->late = late;
}

static void become_due(struct crossing *k, int member, unsigned via) {
  if (!k || member == k->from || !k->everywhere || k->got & 1u << member) return;
  k->due |= 1u << member;
  k->via[member] = via;
}

/* A server ignores what comes for a room that nobody is in there. One that has a new connection has
 * closed the old one, even if Redis does not know it yet. */
void crossings_pushed(uint64_t number, int member, unsigned connection) {
  struct crossing *k = find_if_any(number);
  if (!k || connection < k->via[member]) return;
  if (k->via[member] != connection) k->pushed[member] = ++x.pushes;
  k->via[member] = connection;
  if (!k->aim.rooms) become_due(k, member, connection);
}

void crossings_cut(unsigned connection) {
  for (size_t i = 0; i < x.nsent; i++)
    for (int m = 0; m < MEMBERS; m++)
      if (x.sent[i].via[m] == connection) x.sent[i].due &= ~(1u << m);
}

void crossings_reads(int member) { x.reads[member] = true; }

/* There is one stream. An entry that everybody ignores is ignored by its sender, too, which counts
 * it as lost, unless it was in the stream before (stream_repeats.h). */
void crossings_added(uint64_t number, unsigned ignore) {
  struct crossing *k = find_if_any(number);
  if (!k) return;
  k->stood |= ignore != EVERYBODY;
  k->published = k->stood;
  for (int m = 0; m < MEMBERS; m++)
    if (x.reads[m] && !(ignore & 1u << m)) become_due(k, m, VIA_STREAM);
}

void crossings_lost(uint64_t number) {
  for (size_t i = 0; i < x.nsent; i++) {
    struct crossing *k = &x.sent[i];
    if (number && k->number != number) continue;
    for (int m = 0; m < MEMBERS; m++)
      if (k->via[m] == VIA_STREAM) k->due &= ~(1u << m);
  }
}

/* ---- arrival ------------------------------------------------------------------------ */

/* ["m",number,... */
static uint64_t number_of(sio_slice json) {
  return json.n > 5 && memcmp(json.p, "[\"m\",", 5) == 0 ? strtoull(json.p + 5, NULL, 10) : 0;
}

/* Declared as the header declares it, so that a change there is noticed here. */
__typeof__(sio__packet_new_from_remote_event) __real_sio__packet_new_from_remote_event;
__typeof__(sio__packet_new_from_remote_event) __wrap_sio__packet_new_from_remote_event;

int __wrap_sio__packet_new_from_remote_event(const sio_target *to, sio_slice json,
                                             const sio_slice *bins, size_t nbins, sio_query *q,
                                             sio_slice offset, sio_packet **out) {
  uint64_t number = number_of(json);
  int err = __real_sio__packet_new_from_remote_event(to, json, bins, nbins, q, offset, out);
  TELL("server %d gets %llu of another server in %s: %d", host_member(), (unsigned long long)number,
       sio_nsp_name(to->nsp), err);
  if (number) arrive(to, number);
  if (number && !err) host_note_foreign(to, number, q != NULL);
  return err;
}
