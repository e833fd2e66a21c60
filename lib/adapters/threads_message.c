/* SPDX-License-Identifier: MIT
 *
 * threads_message.c - copies a message for another thread into one block of memory. The first pass
 * computes how much memory the copy needs; the second one copies everything to the memory after the
 * struct.
 */
#include "adapters/threads_message.h"
#include "base/mem.h"

/* A block of memory that is being filled. If `at` is NULL, its size is only computed. */
struct block {
  char *at;
  size_t used;
};

/* Returns memory for n bytes in the block, aligned for any pointer; or NULL if the size is only
 * computed. */
static void *message_block_reserve_or_measure(struct block *b, size_t n) {
  size_t from = b->used;
  b->used = size_add(from, size_add(n, -n % sizeof(void *)));
  return b->at ? b->at + from : NULL;
}

static const char *message_block_copy_bytes_with_nul(struct block *b, const void *p, size_t n) {
  char *to = message_block_reserve_or_measure(b, size_add(n, 1));
  if (!to) return NULL;
  if (n) memcpy(to, p, n);
  to[n] = '\0';
  return to;
}

static const char *message_block_copy_text(struct block *b, const char *s) {
  return s ? message_block_copy_bytes_with_nul(b, s, strlen(s)) : NULL;
}

static sio_slice message_block_copy_slice(struct block *b, sio_slice s) {
  return slice(message_block_copy_bytes_with_nul(b, s.p, s.n), s.n);
}

/* Copies a NULL-terminated list of names. Appends the name `more`, unless it is NULL. */
static const char *const *message_block_copy_names(struct block *b, const char *const *names,
                                                   const char *more) {
  size_t n = 0;
  if (!names && !more) return NULL;
  while (names && names[n]) n++;
  const char **to = message_block_reserve_or_measure(b, (n + 2) * sizeof *to);
  for (size_t i = 0; i <= n; i++) {
    const char *copy = message_block_copy_text(b, i < n ? names[i] : more);
    if (to) to[i] = copy;
  }
  if (to) to[n + 1] = NULL;
  return to;
}

static const sio_slice *message_block_copy_attachments(struct block *b, const sio_slice *bins,
                                                       size_t n) {
  sio_slice *to = n ? message_block_reserve_or_measure(b, size_mul(n, sizeof *to)) : NULL;
  for (size_t i = 0; i < n; i++) {
    sio_slice copy = message_block_copy_slice(b, bins[i]);
    if (to) to[i] = copy;
  }
  return to;
}

/* ---- requests ------------------------------------------------------------------------------ */

static struct request copy_or_measure_request_in_block(struct block *b, const struct request *from,
                                                       const char *skip) {
  struct request r = {
    .kind = from->kind,
    .from = from->from,
    .number = from->number,
    .serial = from->serial,
    .origin = from->origin,
    .route = from->route,
    .cause = from->cause,
    .timeout_ms = from->timeout_ms,
    .flags = from->flags,
    .session = from->session,
    .nsp = message_block_copy_text(b, from->nsp),
    .key = message_block_copy_text(b, from->key),
    .rooms = message_block_copy_names(b, from->rooms, NULL),
    .except = message_block_copy_names(b, from->except, skip),
    .changed = message_block_copy_names(b, from->changed, NULL),
    .id = message_block_copy_text(b, from->id),
    .json = message_block_copy_slice(b, from->json),
    .offset = message_block_copy_slice(b, from->offset),
    .bins = message_block_copy_attachments(b, from->bins, from->nbins),
    .nbins = from->nbins,
  };
  return r;
}

struct request *sio__thread_request_copy(const struct request *from, const char *skip) {
  struct block b = { .used = sizeof(struct request) };
  copy_or_measure_request_in_block(&b, from, skip);
  size_t size = b.used;
  struct request *r = sio__malloc(size);
  if (!r) return NULL;
  b = (struct block){ (char *)r, sizeof *r };
  *r = copy_or_measure_request_in_block(&b, from, skip);
  r->size = size;
  atomic_init(&r->refs, 1);
  return r;
}

void sio__thread_request_unref(struct request *r) {
  if (atomic_fetch_sub(&r->refs, 1) == 1) sio__free(r);
}

/* ---- answers ------------------------------------------------------------------------------- */

static struct answer copy_or_measure_answer_in_block(struct block *b, const struct answer *from) {
  const sio_remote *remote = &from->remote;
  struct answer a = { .kind = from->kind,
                      .status = from->status,
                      .counted = from->counted,
                      .number = from->number,
                      .n = from->n,
                      .nsp = message_block_copy_text(b, from->nsp),
                      .id = message_block_copy_text(b, from->id),
                      .json = message_block_copy_slice(b, from->json),
                      .bins = message_block_copy_attachments(b, from->bins, from->nbins),
                      .nbins = from->nbins };
  if (from->kind != ANSWER_REMOTE) return a;
  a.remote = (sio_remote){ .id = message_block_copy_text(b, remote->id),
                           .rooms = message_block_copy_names(b, remote->rooms, NULL),
                           .auth = message_block_copy_slice(b, remote->auth),
                           .data = message_block_copy_slice(b, remote->data),
                           .handshake = message_block_copy_slice(b, remote->handshake) };
  return a;
}

struct answer *sio__thread_answer_copy(const struct answer *from) {
  struct block b = { .used = sizeof(struct answer) };
  copy_or_measure_answer_in_block(&b, from);
  size_t size = b.used;
  struct answer *a = sio__malloc(size);
  if (!a) return NULL;
  b = (struct block){ (char *)a, sizeof *a };
  *a = copy_or_measure_answer_in_block(&b, from);
  a->size = size;
  return a;
}
