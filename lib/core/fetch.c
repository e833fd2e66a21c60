/* SPDX-License-Identifier: MIT
 *
 * fetch.c - sio_all_fetch(): makes a sio_remote for each socket that was found. The strings of a
 * sio_remote are in a block of memory that belongs to the sio_remote. If the socket is one of this
 * server, the sio_remote also holds a reference to the socket; its id and auth are then not copied.
 */
#include "base/mem.h"
#include "core/core.h"
#include "core/handshake.h"
#include "core/nsp.h"
#include "core/query.h"
#include "core/remote_event.h"
#include "core/socket.h"

/* The memory block of one sio_remote. The strings follow the array rooms. */
struct remote_block {
  struct buf handshake; /* used only for a socket of this server; see sio_remote_handshake() */
  const char *rooms[];
};

static struct remote_block *memory_block_of_remote_socket(const sio_remote *r) {
  return (struct remote_block *)r->reserved[0];
}

static void free_remote_socket_info(sio_remote *r) {
  if (r->socket) sio_socket_unref(r->socket);
  sio__buf_clear(&memory_block_of_remote_socket(r)->handshake);
  sio__free(memory_block_of_remote_socket(r));
}

void sio__query_free_remote_sockets(sio_query *q) {
  for (uint32_t i = 0; i < q->nremotes; i++) free_remote_socket_info(&q->remotes[i]);
  sio__free(q->remotes);
}

/* ---- one sio_remote -------------------------------------------------------------------------- */

struct remote_size {
  size_t rooms, bytes;
};

/* Where in a remote_block the next room pointer and the next string are written. */
struct remote_writer {
  const char **room;
  char *text;
};

/* Adds the memory of a string of n bytes and its NUL to c->bytes. */
static void add_size_of_remote_socket_string(struct remote_size *c, size_t n) {
  c->bytes = size_add(c->bytes, size_add(n, 1));
}

static sio_slice write_remote_socket_string(struct remote_writer *c, sio_slice text) {
  char *p = c->text;
  if (text.n) memcpy(p, text.p, text.n);
  p[text.n] = '\0';
  c->text += text.n + 1;
  return slice(p, text.n);
}

static int reserve_remote_socket_slot(sio_query *q) {
  if (q->nremotes < q->remotes_cap) return 0;
  sio_remote *v = sio__array_grow(q->remotes, &q->remotes_cap, sizeof *v, 16);
  if (!v) return UV_ENOMEM;
  q->remotes = v;
  return 0;
}

static sio_remote *allocate_remote_socket_in_query(sio_query *q, const struct remote_size *content,
                                                   struct remote_writer *w) {
  size_t n = content->rooms + 1, names = sizeof(struct remote_block) + n * sizeof(char *);
  size_t size = size_add(names, content->bytes);
  struct remote_block *block = reserve_remote_socket_slot(q) ? NULL : sio__malloc(size);
  if (!block) {
    sio__query_count_dropped_answer(q, UV_ENOMEM);
    return NULL;
  }
  buf_init(&block->handshake, SIZE_MAX / 2);
  *w = (struct remote_writer){ block->rooms, (char *)(block->rooms + n) };
  sio_remote *r = &q->remotes[q->nremotes++];
  *r = (sio_remote){ .rooms = block->rooms, .reserved = { (uintptr_t)block } };
  return r;
}

/* ---- local sockets --------------------------------------------------------------------------- */

static void add_size_of_remote_socket_room_name(const char *room, void *user) {
  struct remote_size *c = user;
  c->rooms++;
  c->bytes += strlen(room) + 1;
}

static void write_remote_socket_room_name(const char *room, void *user) {
  struct remote_writer *c = user;
  *c->room++ = write_remote_socket_string(c, slice_str(room)).p;
}

static void add_local_socket_to_fetch_query(sio_socket *s, void *user) {
  sio_query *q = user;
  struct remote_writer w;
  struct remote_size size = { .bytes = sio_socket_shared(s).n + 1 };
  sio__socket_each_room(s, add_size_of_remote_socket_room_name, &size);
  sio_remote *r = allocate_remote_socket_in_query(q, &size, &w);
  if (!r) return;
  r->id = s->id;
  r->socket = sio_socket_ref(s);
  r->auth = sio_socket_auth(s);
  r->data = write_remote_socket_string(&w, sio_socket_shared(s));
  sio__socket_each_room(s, write_remote_socket_room_name, &w);
  *w.room = NULL;
}

sio_slice sio_remote_handshake(sio_remote *r) {
  struct buf *b = &memory_block_of_remote_socket(r)->handshake;
  if (r->handshake.n || !r->socket || !r->socket->session) return r->handshake;
  if (sio__handshake_to_json(b, r->socket))
    sio__buf_clear(b);
  else
    r->handshake = slice(b->p, b->n);
  return r->handshake;
}

/* ---- sockets of other servers ---------------------------------------------------------------- */

static void add_size_of_remote_socket_strings(struct remote_size *c, const sio_remote *r) {
  add_size_of_remote_socket_string(c, strlen(r->id));
  add_size_of_remote_socket_string(c, r->auth.n);
  add_size_of_remote_socket_string(c, r->data.n);
  add_size_of_remote_socket_string(c, r->handshake.n);
  for (const char *const *room = r->rooms; room && *room; room++, c->rooms++)
    add_size_of_remote_socket_string(c, strlen(*room) + sizeof(char *));
}

static sio_slice json_or_empty_object(sio_slice json) { return json.n ? json : SLICE("{}"); }

static bool is_received_remote_socket_valid(const sio_remote *r) {
  return r->id && sio__is_single_remote_json_value_valid(r->auth, 0) &&
         sio__is_single_remote_json_value_valid(r->data, 0) &&
         sio__is_single_remote_json_value_valid(r->handshake, 0);
}

static void copy_remote_socket_to_query(sio_query *q, const sio_remote *from) {
  struct remote_writer w;
  struct remote_size size = { 0 };
  add_size_of_remote_socket_strings(&size, from);
  if (!sio__query_reserve_answer_bytes_or_drop(q, size.bytes)) return;
  sio_remote *r = allocate_remote_socket_in_query(q, &size, &w);
  if (!r) return;
  r->id = write_remote_socket_string(&w, slice_str(from->id)).p;
  r->auth = write_remote_socket_string(&w, from->auth);
  r->data = write_remote_socket_string(&w, from->data);
  r->handshake = write_remote_socket_string(&w, from->handshake);
  for (const char *const *room = from->rooms; room && *room; room++)
    write_remote_socket_room_name(*room, &w);
  *w.room = NULL;
}

void sio__query_check_and_add_remote_socket(sio_query *q, const sio_remote *r) {
  sio_remote from = *r;
  if (q->over) return;
  from.auth = json_or_empty_object(r->auth);
  from.data = json_or_empty_object(r->data);
  from.handshake = json_or_empty_object(r->handshake);
  if (is_received_remote_socket_valid(&from))
    copy_remote_socket_to_query(q, &from);
  else
    sio__query_count_dropped_answer(q, SIO_EJSON);
}

/* ---- sio_all_fetch() ------------------------------------------------------------------------- */

static void call_fetch_callback(sio_query *q, int status) {
  q->cb.fetch(status, q->remotes, q->nremotes, q->user);
}

/* True if no other server has to be asked: the flags contain SIO_LOCAL but not SIO_PROCESS, or they
 * contain SIO_PROCESS and this server is not one of several threads. */
static bool is_fetch_for_this_server_only(const sio_target *to) {
  bool is_local = (to->flags & SIO_PROCESS) == SIO_LOCAL;
  return is_local || ((to->flags & SIO_LOCAL) && !to->nsp->core->threads);
}

static int fetch_sockets_of_this_and_other_servers(sio_query *q, const sio_target *to) {
  const sio_adapter_ops *ops = to->nsp->ops;
  int err = ops->each(to->nsp->adapter, to, add_local_socket_to_fetch_query, q);
  bool only_here = !ops->fetch || is_fetch_for_this_server_only(to);
  return err || only_here ? err : ops->fetch(to->nsp->adapter, to, q);
}

int sio_all_fetch(sio_target to, unsigned timeout_ms, sio_fetch_cb cb, void *user) {
  sio_query *q;
  if (!to.nsp || !cb) return UV_EINVAL;
  if (loop_refuse_call_inside_observer_callback(&to.nsp->core->loop, "sio_all_fetch()"))
    return SIO_ESTATE;
  int err = sio__query_new(&q, to.nsp, timeout_ms, call_fetch_callback, user);
  if (err) return err;
  q->cb.fetch = cb;
  err = fetch_sockets_of_this_and_other_servers(q, &to);
  if (err)
    sio__query_discard_without_callback(q);
  else
    sio__query_start_timeout_and_end_hold(q, false);
  return err;
}
