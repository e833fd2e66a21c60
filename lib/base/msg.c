/* SPDX-License-Identifier: MIT
 *
 * msg.c - reference-counted blocks of encoded bytes. A block for at most MSG_SMALL bytes of text
 * comes from a pool and is returned to it. A larger block is allocated with the requested size. If
 * the text outgrows its block, the room for text is at least doubled, up to 4 GiB.
 */
#include "base/msg.h"

#include <string.h>

#include "base/err.h"

enum { KEEP_SMALL = 256 };

static bool compute_msg_block_size_and_check_overflow(size_t cap, size_t *size) {
  return cap > UINT32_MAX || add_and_check_overflow(sizeof(struct msg) + MSG_HEADROOM, cap, size);
}

void sio__msg_allocator_init(struct msgs *home) {
  *home = (struct msgs){ .made = 0 };
  sio__pool_init(&home->small, sizeof(struct msg) + MSG_HEADROOM + MSG_SMALL, KEEP_SMALL);
}

void sio__msg_allocator_clear(struct msgs *home) { sio__pool_clear(&home->small); }

static struct msg *alloc_large_msg(size_t cap) {
  size_t size;
  return compute_msg_block_size_and_check_overflow(cap, &size) ? NULL : sio__malloc(size);
}

static struct msg *init_msg_block(struct msg *m, struct msgs *home, size_t cap, bool pooled) {
  if (!m) return NULL;
  *m = (struct msg){
    .home = home, .serial = home->made++, .refs = 1, .cap = (uint32_t)cap, .pooled = pooled
  };
  home->bytes += msg_memory_size(m);
  return m;
}

struct msg *sio__msg_new(struct msgs *home, size_t cap) {
  if (cap > MSG_SMALL) return init_msg_block(alloc_large_msg(cap), home, cap, false);
  return init_msg_block(sio__pool_get(&home->small), home, MSG_SMALL, true);
}

struct msg *sio__msg_new_without_text(struct msgs *home) {
  return init_msg_block(sio__pool_get(&home->small), home, 0, true);
}

struct msg *sio__msg_from_bytes(struct msgs *home, const void *p, size_t n) {
  struct msg *m = sio__msg_new(home, n);
  if (!m || n == 0) return m;
  memcpy(msg_data(m), p, n);
  m->len = (uint32_t)n;
  return m;
}

static void free_msg_block(struct msg *m) {
  m->home->bytes -= msg_memory_size(m);
  if (m->pooled)
    sio__pool_put(&m->home->small, m);
  else
    sio__free(m);
}

static struct msg *copy_pooled_msg_to_larger_block(struct msg *m, size_t size) {
  struct msg *big = sio__malloc(size);
  if (!big) return NULL;
  memcpy(big, m, sizeof *m + MSG_HEADROOM + m->len);
  big->pooled = false;
  sio__pool_put(&m->home->small, m);
  return big;
}

static int grow_msg(struct msg **m, size_t need) {
  size_t cap = (size_t)(*m)->cap * 2, size;
  if (cap < need) cap = need;
  if (cap > UINT32_MAX) cap = UINT32_MAX;
  if (compute_msg_block_size_and_check_overflow(cap, &size)) return SIO_ETOOBIG;
  struct msg *bigger =
      (*m)->pooled ? copy_pooled_msg_to_larger_block(*m, size) : sio__realloc(*m, size);
  if (!bigger) return UV_ENOMEM;
  bigger->home->bytes += cap - bigger->cap;
  bigger->cap = (uint32_t)cap;
  *m = bigger;
  return 0;
}

int sio__msg_reserve(struct msg **m, size_t n) {
  if (n <= (*m)->cap - (*m)->len) return 0;
  size_t need;
  if (add_and_check_overflow((*m)->len, n, &need) || need > UINT32_MAX) return SIO_ETOOBIG;
  return grow_msg(m, need);
}

int sio__msg_put(struct msg **m, const void *p, size_t n) {
  if (n == 0) return 0;
  int err = sio__msg_reserve(m, n);
  if (err) return err;
  memcpy(msg_data(*m) + (*m)->len, p, n);
  (*m)->len += (uint32_t)n;
  return 0;
}

/* Frees a msg, and the attachments linked after it up to the first that has another reference. The
 * attachments are freed in a loop and not recursively, because a peer decides how many a packet
 * has. */
void sio__msg_free_with_attachments(struct msg *m) {
  do {
    struct msg *next = m->next;
    msg_unref(m->deflated);
    free_msg_block(m);
    m = next;
  } while (m && --m->refs == 0);
}
