/* SPDX-License-Identifier: MIT
 *
 * remote.c - fetching: one row for each socket that is found, with a block behind it for what
 * has to be copied. A row of this server holds a reference to its socket.
 */
#include "core/remote.h"

#include "base/mem.h"
#include "core/core.h"
#include "core/foreign.h"
#include "core/nsp.h"
#include "core/query.h"
#include "core/socket.h"

/* First the pointers to rooms, then all texts. */
struct block {
  struct buf handshake; /* of a socket here, once asked for */
  const char *rooms[];
};

static struct block *block_of_row(const sio_remote *r) { return (struct block *)r->reserved[0]; }

static void free_remote_row(sio_remote *r) {
  if (r->socket) sio_socket_unref(r->socket);
  sio__buf_clear(&block_of_row(r)->handshake);
  sio__free(block_of_row(r));
}

void sio__remotes_clear(sio_query *q) {
  for (uint32_t i = 0; i < q->nremotes; i++) free_remote_row(&q->remotes[i]);
  sio__free(q->remotes);
}

/* ---- one row -------------------------------------------------------------------------------- */

struct count {
  size_t rooms, bytes;
};

/* Where the next copy goes. */
struct copy {
  const char **room;
  char *text;
};

/* Every text gets its NUL. */
static void count_text(struct count *c, size_t n) { c->bytes = size_add(c->bytes, size_add(n, 1)); }

static sio_slice copy_text(struct copy *c, sio_slice text) {
  char *p = c->text;
  if (text.n) memcpy(p, text.p, text.n);
  p[text.n] = '\0';
  c->text += text.n + 1;
  return slice(p, text.n);
}

static int reserve_remote_row(sio_query *q) {
  if (q->nremotes < q->remotes_cap) return 0;
  sio_remote *v = sio__array_grow(q->remotes, &q->remotes_cap, sizeof *v, 16);
  if (!v) return UV_ENOMEM;
  q->remotes = v;
  return 0;
}

static sio_remote *remote_row_new(sio_query *q, const struct count *count, struct copy *copy) {
  size_t n = count->rooms + 1, names = sizeof(struct block) + n * sizeof(char *);
  struct block *block = reserve_remote_row(q) ? NULL : sio__malloc(size_add(names, count->bytes));
  if (!block) {
    sio__query_drop_answer(q, UV_ENOMEM);
    return NULL;
  }
  buf_init(&block->handshake, SIZE_MAX / 2);
  *copy = (struct copy){ block->rooms, (char *)(block->rooms + n) };
  sio_remote *r = &q->remotes[q->nremotes++];
  *r = (sio_remote){ .rooms = block->rooms, .reserved = { (uintptr_t)block } };
  return r;
}

/* ---- of this server -------------------------------------------------------------------------- */

static void count_room(const char *room, void *user) {
  struct count *c = user;
  c->rooms++;
  c->bytes += strlen(room) + 1;
}

static void copy_room(const char *room, void *user) {
  struct copy *c = user;
  *c->room++ = copy_text(c, slice_str(room)).p;
}

static void add_local(sio_socket *s, void *user) {
  sio_query *q = user;
  struct copy copy;
  struct count count = { .bytes = sio_socket_shared(s).n + 1 };
  sio_rooms(s, count_room, &count);
  sio_remote *r = remote_row_new(q, &count, &copy);
  if (!r) return;
  r->id = s->id;
  r->socket = sio_socket_ref(s);
  r->auth = sio_socket_auth(s);
  r->data = copy_text(&copy, sio_socket_shared(s));
  sio_rooms(s, copy_room, &copy);
  *copy.room = NULL;
}

sio_slice sio_remote_handshake(sio_remote *r) {
  struct buf *b = &block_of_row(r)->handshake;
  if (r->handshake.n || !r->socket || !r->socket->session) return r->handshake;
  if (sio__handshake_json(b, r->socket))
    sio__buf_clear(b);
  else
    r->handshake = slice(b->p, b->n);
  return r->handshake;
}

/* ---- of another one -------------------------------------------------------------------------- */

static void count_remote(struct count *c, const sio_remote *r) {
  count_text(c, strlen(r->id));
  count_text(c, r->auth.n);
  count_text(c, r->data.n);
  count_text(c, r->handshake.n);
  for (const char *const *room = r->rooms; room && *room; room++, c->rooms++)
    count_text(c, strlen(*room) + sizeof(char *));
}

static sio_slice json_or_empty_object(sio_slice json) { return json.n ? json : SLICE("{}"); }

static bool is_valid_remote(const sio_remote *r) {
  return r->id && sio__foreign_is_value(r->auth, 0) && sio__foreign_is_value(r->data, 0) &&
         sio__foreign_is_value(r->handshake, 0);
}

static void add_remote(sio_query *q, const sio_remote *from) {
  struct copy copy;
  struct count count = { 0 };
  count_remote(&count, from);
  if (!sio__query_reserve_bytes(q, count.bytes)) return;
  sio_remote *r = remote_row_new(q, &count, &copy);
  if (!r) return;
  r->id = copy_text(&copy, slice_str(from->id)).p;
  r->auth = copy_text(&copy, from->auth);
  r->data = copy_text(&copy, from->data);
  r->handshake = copy_text(&copy, from->handshake);
  for (const char *const *room = from->rooms; room && *room; room++) copy_room(*room, &copy);
  *copy.room = NULL;
}

void sio_query_remote(sio_query *q, const sio_remote *r) {
  sio_remote from = *r;
  if (q->over) return;
  from.auth = json_or_empty_object(r->auth);
  from.data = json_or_empty_object(r->data);
  from.handshake = json_or_empty_object(r->handshake);
  if (is_valid_remote(&from))
    add_remote(q, &from);
  else
    sio__query_drop_answer(q, SIO_EJSON);
}

/* ---- the call -------------------------------------------------------------------------------- */

static void end_fetch(sio_query *q, int status) {
  q->cb.fetch(status, q->remotes, q->nremotes, q->user);
}

static int ask_other_servers(sio_query *q, const sio_target *to) {
  const sio_adapter_ops *ops = to->nsp->ops;
  int err = ops->each(to->nsp->adapter, to, add_local, q);
  bool alone = !ops->fetch || (to->flags & SIO_LOCAL);
  return err || alone ? err : ops->fetch(to->nsp->adapter, to, q);
}

int sio_all_fetch(sio_target to, unsigned timeout_ms, sio_fetch_cb cb, void *user) {
  sio_query *q;
  if (!to.nsp || !cb) return UV_EINVAL;
  if (loop_refuses_call(&to.nsp->core->loop, "sio_all_fetch()")) return SIO_ESTATE;
  int err = sio__query_new(&q, to.nsp, timeout_ms, end_fetch, user);
  if (err) return err;
  q->cb.fetch = cb;
  err = ask_other_servers(q, &to);
  if (err)
    sio__query_discard(q);
  else
    sio__query_start(q, false);
  return err;
}
