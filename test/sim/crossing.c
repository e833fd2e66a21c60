/* SPDX-License-Identifier: MIT
 *
 * crossing.c - a list of what was sent between members. A member makes a packet of an event of
 * another one with sio__packet_new(): that call is where an event arrives.
 */
#include "crossing.h"

#include "core/out_packet.h"

#include "fault.h"
#include "host.h"
#include "memory.h"
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
};

static struct {
  struct crossing *sent;
  struct arrival *arrived;
  size_t nsent, narrived;
  uint64_t last[MEMBERS][MEMBERS]; /* that came from one to another */
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

void crossings_sent(const sio_target *to, uint64_t number, bool certain) {
  struct crossing k = {
    .number = number, .from = host_member(), .aim = host_aim_of(to, NULL), .flags = to->flags
  };
  if (host.nmembers == 1 || to->flags & SIO_LOCAL) return;
  for (int i = 0; i < host.nmembers; i++)
    if (i != k.from && certain && stays(i) && exists_everywhere(to->nsp)) k.due |= 1u << i;
  x.sent = grow(x.sent, x.nsent, sizeof *x.sent);
  x.sent[x.nsent++] = k;
}

static void must_be_gone(const struct crossing *k, int member) {
  if (k->due & 1u << member && stays(member) && !memory.failed)
    fault("an event to another thread is lost", "number %llu from %d to %d",
          (unsigned long long)k->number, k->from, member);
}

static struct crossing *find(uint64_t number) {
  for (size_t i = x.nsent; i > 0; i--)
    if (x.sent[i - 1].number == number) return &x.sent[i - 1];
  fault("an event comes from another thread that did not send it", "number %llu",
        (unsigned long long)number);
  return NULL;
}

static void must_be_first(uint64_t number, const char *nsp) {
  for (size_t i = x.narrived; i > 0; i--) {
    const struct arrival *a = &x.arrived[i - 1];
    if (a->number == number && a->member == host_member() && strcmp(a->nsp, nsp) == 0)
      fault("an event comes twice from another thread", "number %llu", (unsigned long long)number);
  }
}

static void note_arrival(uint64_t number, const char *nsp) {
  struct arrival a = { .number = number, .member = host_member() };
  must_be_first(number, nsp);
  strncpy(a.nsp, nsp, sizeof a.nsp - 1);
  x.arrived = grow(x.arrived, x.narrived, sizeof *x.arrived);
  x.arrived[x.narrived++] = a;
}

static void must_be_the_same(const struct crossing *k, const sio_target *to) {
  struct aim aim = host_aim_of(to, NULL);
  if (aim.rooms != k->aim.rooms || aim.except != k->aim.except ||
      to->flags != (k->flags | SIO_LOCAL))
    fault("an event comes from another thread for somebody else", "number %llu",
          (unsigned long long)k->number);
}

static void arrive(const sio_target *to, uint64_t number) {
  int here = host_member();
  struct crossing *k = find(number);
  must_be_the_same(k, to);
  note_arrival(number, sio_nsp_name(to->nsp));
  if (number < x.last[k->from][here])
    fault("events of another thread come out of order", "%llu behind %llu",
          (unsigned long long)number, (unsigned long long)x.last[k->from][here]);
  x.last[k->from][here] = number;
  k->due &= ~(1u << here);
  for (const struct crossing *c = x.sent; c < k; c++)
    if (c->from == k->from) must_be_gone(c, here);
}

void crossings_settled(void) {
  for (size_t i = 0; i < x.nsent; i++)
    for (int m = 0; m < host.nmembers; m++) must_be_gone(&x.sent[i], m);
}

/* ["m",number,... */
static uint64_t number_of(sio_slice json) {
  return json.n > 5 && memcmp(json.p, "[\"m\",", 5) == 0 ? strtoull(json.p + 5, NULL, 10) : 0;
}

/* Declared as the header declares it, so that a change there is noticed here. */
__typeof__(sio__packet_new) __real_sio__packet_new;
__typeof__(sio__packet_new) __wrap_sio__packet_new;

int __wrap_sio__packet_new(const sio_target *to, sio_slice json, const sio_slice *bins,
                           size_t nbins, sio_query *q, sio_slice offset, sio_packet **out) {
  uint64_t number = number_of(json);
  int err = __real_sio__packet_new(to, json, bins, nbins, q, offset, out);
  TELL("server %d gets %llu of another thread in %s: %d", host_member(), (unsigned long long)number,
       sio_nsp_name(to->nsp), err);
  if (number) arrive(to, number);
  if (number && !err) host_note_foreign(to, number, q != NULL);
  return err;
}
