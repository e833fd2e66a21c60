/* SPDX-License-Identifier: MIT
 *
 * memory.c - a header before each block says how big it is and whose. AddressSanitizer guards it.
 */
#include "memory.h"

#include "draw.h"
#include <sio/server.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define GUARDED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GUARDED 1
#endif
#endif

#ifdef GUARDED
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

struct head {
  size_t size;
  size_t owner;
};

enum { SPARE = 8192 };

struct memory memory;

static void count(const struct head *h) {
  memory.blocks++;
  memory.bytes += h->size;
  memory.held[h->owner] += h->size;
  if (memory.bytes > memory.peak) memory.peak = memory.bytes;
}

static void uncount(const struct head *h) {
  memory.blocks--;
  memory.bytes -= h->size;
  memory.held[h->owner] -= h->size;
}

static bool fails(void) {
  memory.calls++;
  bool yes = draw_one_in(memory.fail_one_in);
  memory.failed += yes;
  return yes;
}

static void *give(size_t n) {
  struct head *h = malloc(sizeof *h + n);
  if (!h) abort();
  *h = (struct head){ n, memory.owner };
  count(h);
  ASAN_POISON_MEMORY_REGION(h, sizeof *h);
  return h + 1;
}

static void *sim_malloc(size_t n) { return fails() ? NULL : give(n); }

static void sim_free(void *p) {
  if (!p) return;
  struct head *h = (struct head *)p - 1;
  ASAN_UNPOISON_MEMORY_REGION(h, sizeof *h);
  uncount(h);
  free(h);
}

/* A small block that grows may be one that another peer's request has left in a spare request. */
static unsigned heir(const struct head *old, size_t n) {
  bool was_spare = old->size <= SPARE && n > old->size && memory.owner;
  return was_spare ? memory.owner : (unsigned)old->owner;
}

/* Always moves, so that who keeps an old pointer is found out. */
static void *sim_realloc(void *p, size_t n) {
  if (fails()) return NULL;
  if (!p) return give(n);
  struct head *h = (struct head *)p - 1;
  ASAN_UNPOISON_MEMORY_REGION(h, sizeof *h);
  struct head old = *h;
  unsigned now = memory.owner;
  memory.owner = heir(&old, n);
  void *q = give(n);
  memory.owner = now;
  memcpy(q, p, old.size < n ? old.size : n);
  sim_free(p);
  return q;
}

/* A block that a pool keeps is nobody's, and who gets it next is its owner. */
static void pass_on(void *p, unsigned owner) {
  if (!p) return;
  struct head *h = (struct head *)p - 1;
  ASAN_UNPOISON_MEMORY_REGION(h, sizeof *h);
  memory.held[h->owner] -= h->size;
  memory.held[owner] += h->size;
  h->owner = owner;
  ASAN_POISON_MEMORY_REGION(h, sizeof *h);
}

struct pool;
void *__real_sio__pool_get(struct pool *pool);
void *__wrap_sio__pool_get(struct pool *pool);
void __real_sio__pool_put(struct pool *pool, void *block);
void __wrap_sio__pool_put(struct pool *pool, void *block);

void *__wrap_sio__pool_get(struct pool *pool) {
  void *block = __real_sio__pool_get(pool);
  pass_on(block, memory.owner);
  return block;
}

void __wrap_sio__pool_put(struct pool *pool, void *block) {
  pass_on(block, 0);
  __real_sio__pool_put(pool, block);
}

/* What waits for a peer was charged to whom the server was busy with when the host said it. A poll
 * or an upgrade of the peer's only has it copied: the copies are nobody's. */
struct eio;
struct msg;
typedef void taker(sio_session *c, struct msg *m);
void __real_sio__answer_request_with_packets(struct eio *e, sio_request *r, struct msg *body,
                                             bool binary, bool initial);
void __wrap_sio__answer_request_with_packets(struct eio *e, sio_request *r, struct msg *body,
                                             bool binary, bool initial);
void __real_sio__polling_hand_over_to_websocket(sio_session *c, taker *take);
void __wrap_sio__polling_hand_over_to_websocket(sio_session *c, taker *take);

void __wrap_sio__answer_request_with_packets(struct eio *e, sio_request *r, struct msg *body,
                                             bool binary, bool initial) {
  unsigned owner = memory.owner;
  memory.owner = 0;
  pass_on(body, 0);
  __real_sio__answer_request_with_packets(e, r, body, binary, initial);
  memory.owner = owner;
}

void __wrap_sio__polling_hand_over_to_websocket(sio_session *c, taker *take) {
  unsigned owner = memory.owner;
  memory.owner = 0;
  __real_sio__polling_hand_over_to_websocket(c, take);
  memory.owner = owner;
}

void memory_install(void) { sio_set_allocator(sim_malloc, sim_realloc, sim_free); }

/* What an earlier life left is none of this one's; there is none, or that life has failed. */
void memory_begin(void) { memory = (struct memory){ 0 }; }
