/* SPDX-License-Identifier: MIT
 *
 * streams_session.c - writes and deletes the keys of sockets that may be recovered.
 */
#include "redis/streams_session.h"

#include "base/base64.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "redis/stream_adapter_map.h"
#include "redis/stream_entries.h"
#include "redis/stream_writer.h"
#include <sio/nsp.h>
#include <sio/socket.h>
#include <uv.h>

static struct msgs *session_message_pool(const struct streams *x) {
  return &x->adapter->redis->msgs;
}
static uint64_t session_now_ms(const struct streams *x) { return uv_now(x->adapter->redis->loop); }

/* ---- keys ------------------------------------------------------------------------------------ */

static void write_rooms_and_list_end(struct message *m, const char *const *rooms) {
  for (; rooms && *rooms; rooms++) {
    sio__message_write_raw_json(m, SLICE(","));
    sio__message_write_json_string(m, slice_str(*rooms));
  }
  sio__message_write_raw_json(m, SLICE("]"));
}

static void write_session_start(struct message *m, const char *id, const char *pid) {
  sio__message_write_raw_json(m, SLICE("{\"sid\":"));
  sio__message_write_json_string(m, slice_str(id));
  sio__message_write_raw_json(m, SLICE(",\"pid\":"));
  sio__message_write_json_string(m, slice_str(pid));
  sio__message_write_raw_json(m, SLICE(",\"rooms\":["));
  sio__message_write_json_string(m, slice_str(id));
}

static void write_session_data_and_end(struct message *m, sio_slice shared) {
  sio__message_write_raw_json(m, SLICE(",\"data\":"));
  sio__message_write_raw_json(m, shared.n ? shared : SLICE("{}"));
  sio__message_write_raw_json(m, SLICE("}"));
}

static sio_slice copy_bytes_and_advance(char **at, const void *p, size_t n) {
  char *to = *at;
  memcpy(to, p, n);
  *at += n;
  return slice(to, n);
}

int sio__streams_queue_set_or_del_of_session_key(struct streams *x, const char *pid,
                                                 sio_slice value, bool encoded) {
  char ms[NUM_MAX], *at;
  size_t nms = sio__u64_to_text(ms, x->recovery_ms),
         nvalue = encoded ? value.n : BASE64_LEN(value.n);
  size_t nprefix = strlen(x->prefix), npid = strlen(pid);
  struct stream_entry *e =
      sio__stream_entry_new(x->adapter, ENTRY_KEY, nprefix + npid + nvalue + nms + 5, &at);
  if (!e) return UV_ENOMEM;
  e->words[0] = copy_bytes_and_advance(&at, value.p ? "SET" : "DEL", 3);
  e->words[1] = copy_bytes_and_advance(&at, x->prefix, nprefix);
  e->words[1].n += copy_bytes_and_advance(&at, pid, npid).n;
  e->nwords = 2;
  if (value.p) {
    e->words[2] = slice(at, nvalue);
    if (encoded)
      memcpy(at, value.p, value.n);
    else
      sio__base64_encode(at, value.p, value.n);
    at += nvalue;
    e->words[3] = copy_bytes_and_advance(&at, "PX", 2);
    e->words[4] = copy_bytes_and_advance(&at, ms, nms);
    e->nwords = 5;
  }
  int err = sio__stream_queue_entry(x->stream, e, false);
  if (err) sio__stream_entry_free(x->stream, e);
  return err;
}

/* Queues a SET command with the session in m, as base64 of MessagePack. Clears m. */
static int queue_set_command_of_session(struct streams *x, const char *pid, struct message *m) {
  struct message packed;
  sio__message_init(&packed, session_message_pool(x));
  sio__message_convert_to_msgpack(&packed, m, NULL, 0);
  int err = packed.err;
  if (!err)
    err = sio__streams_queue_set_or_del_of_session_key(x, pid, sio__message_text(&packed), false);
  sio__message_clear(&packed);
  sio__message_clear(m);
  return err;
}

/* ---- connected sockets ----------------------------------------------------------------------- */

struct live_session {
  struct list by_age, dirty;
  sio_socket *socket;
  uint64_t set_ms;
  char pid[PID_MAX];
};

static sio_slice get_map_key_of_live_session(const void *item) {
  return slice_str(((const struct live_session *)item)->pid);
}

void sio__streams_init_sessions(struct streams *x) {
  sio__map_init(&x->live, get_map_key_of_live_session);
  list_init(&x->by_age);
  list_init(&x->dirty);
  list_init(&x->restores);
}

static void remove_and_free_live_session(struct streams *x, struct live_session *l) {
  sio__map_del(&x->live, get_map_key_of_live_session(l));
  list_remove(&l->by_age);
  list_remove(&l->dirty);
  sio__free(l);
}

void sio__streams_clear_sessions(struct streams *x) {
  struct list *it;
  while ((it = list_first(&x->by_age)))
    remove_and_free_live_session(x, container_of(it, struct live_session, by_age));
  sio__map_clear(&x->live);
}

static void live_session_mark_dirty(struct streams *x, struct live_session *l) {
  if (list_is_empty(&l->dirty)) list_append(&x->dirty, &l->dirty);
  sio__redis_schedule_flush(x->adapter->redis);
}

static void mark_session_of_socket_dirty(sio_adapter *a, const sio_socket *s) {
  const char *pid = a->streams->recovery_ms ? a->api->socket_pid(s) : NULL;
  struct live_session *l = pid ? sio__map_get(&a->streams->live, slice_str(pid)) : NULL;
  if (l) live_session_mark_dirty(a->streams, l);
}

/* If memory runs out, the socket has no live_session, and its key is written only when the
 * connection of the client breaks: the socket cannot be recovered if this server is killed. */
void sio__streams_on_connect_create_live_session(sio_adapter *a, sio_socket *s) {
  struct streams *x = a->streams;
  const char *pid = x->recovery_ms ? a->api->socket_pid(s) : NULL;
  struct live_session *l = pid ? sio__calloc(1, sizeof *l) : NULL;
  if (l) {
    l->socket = s;
    memcpy(l->pid, pid, strlen(pid) + 1);
    list_init(&l->dirty);
    list_append(&x->by_age, &l->by_age);
    if (sio__map_put(&x->live, l))
      remove_and_free_live_session(x, l);
    else
      live_session_mark_dirty(x, l);
  }
  memory_adapter_ops(a)->arrive(a->local, s);
}

int sio__streams_join_room_and_mark_session_dirty(sio_adapter *a, sio_socket *s, const char *room) {
  int err = memory_adapter_ops(a)->join(a->local, s, room);
  if (!err) mark_session_of_socket_dirty(a, s);
  return err;
}

void sio__streams_leave_room_and_mark_session_dirty(sio_adapter *a, sio_socket *s,
                                                    const char *room) {
  mark_session_of_socket_dirty(a, s);
  memory_adapter_ops(a)->leave(a->local, s, room);
}

void sio__streams_mark_session_of_socket_dirty(sio_adapter *a, sio_socket *s) {
  mark_session_of_socket_dirty(a, s);
}

static void write_comma_and_room_name(const char *room, void *user) {
  const char *const list[] = { room, NULL };
  struct message *m = user;
  sio__message_write_raw_json(m, SLICE(","));
  sio__message_write_json_string(m, slice_str(list[0]));
}

static int queue_save_of_live_session(struct streams *x, struct live_session *l) {
  struct message m;
  sio__message_init(&m, session_message_pool(x));
  write_session_start(&m, sio_socket_id(l->socket), l->pid);
  memory_adapter_ops(x->adapter)
      ->rooms(x->adapter->local, l->socket, write_comma_and_room_name, &m);
  sio__message_write_raw_json(&m, SLICE("]"));
  write_session_data_and_end(&m, sio_socket_shared(l->socket));
  int err = queue_set_command_of_session(x, l->pid, &m);
  if (err) return err;
  l->set_ms = session_now_ms(x);
  list_remove(&l->dirty);
  list_remove(&l->by_age);
  list_append(&x->by_age, &l->by_age);
  return 0;
}

void sio__streams_save_dirty_sessions(struct streams *x) {
  struct list *it;
  while ((it = list_first(&x->dirty)))
    if (queue_save_of_live_session(x, container_of(it, struct live_session, dirty))) return;
}

void sio__streams_mark_expiring_sessions_dirty(struct streams *x) {
  uint64_t now = session_now_ms(x);
  list_each (it, tmp, &x->by_age) {
    struct live_session *l = container_of(it, struct live_session, by_age);
    if (now - l->set_ms < x->recovery_ms / 3) return;
    live_session_mark_dirty(x, l);
  }
}

void sio__streams_save_socket(sio_adapter *a, const sio_saved_socket *s) {
  struct streams *x = a->streams;
  struct live_session *l = sio__map_get(&x->live, slice_str(s->pid));
  struct message m;
  if (l) remove_and_free_live_session(x, l);
  if (a->shut) return;
  sio__message_init(&m, session_message_pool(x));
  write_session_start(&m, s->id, s->pid);
  write_rooms_and_list_end(&m, s->rooms);
  write_session_data_and_end(&m, s->shared);
  int err = queue_set_command_of_session(x, s->pid, &m);
  if (err) sio__redis_count_and_log_dropped_message(a->redis, err);
}

void sio__streams_delete_saved_socket(sio_adapter *a, const char *pid) {
  struct streams *x = a->streams;
  struct live_session *l = sio__map_get(&x->live, slice_str(pid));
  if (l) remove_and_free_live_session(x, l);
  if (a->shut) return;
  int err = sio__streams_queue_set_or_del_of_session_key(x, pid, slice(NULL, 0), true);
  if (err) sio__redis_count_and_log_dropped_message(a->redis, err);
}

/* ---- flushing -------------------------------------------------------------------------------- */

void sio__streams_save_dirty_sessions_on_flush(struct stream *st) {
  sio_adapter *a;
  for (uint32_t i = 0; (a = sio__stream_next_adapter(st, &i));)
    sio__streams_save_dirty_sessions(a->streams);
}
