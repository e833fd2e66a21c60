/* SPDX-License-Identifier: MIT
 *
 * streams_adapter.c - the adapter that speaks the protocol of createAdapter() of
 * @socket.io/redis-streams-adapter. Broadcasts without acks, joins, leaves and disconnects are
 * entries of a stream of Redis. Other messages are published on channels, as in the sharded
 * adapter.
 *
 * With connection state recovery the offset of an event is the id of its entry. So an event of this
 * server is delivered to the local sockets when its entry has been read back from the stream, in
 * the order of the stream; the exceptions are in stream_types.h.
 */
#include "redis/streams_adapter.h"

#include "base/base64.h"
#include "base/err.h"
#include "base/mem.h"
#include "redis/receive_event.h"
#include "redis/receive_sharded.h"
#include "redis/sharded.h"
#include "redis/stream.h"
#include "redis/stream_entries.h"
#include "redis/stream_parse.h"
#include "redis/stream_writer.h"
#include "redis/streams_restore.h"
#include "redis/streams_session.h"
#include <sio/nsp.h>
#include <sio/socket.h>
#include <uv.h>

/* The largest value of the option read_count. A reply with 300 entries of libsio or Node.js has
 * less than REPLY_ELEMENTS elements, the smallest value of reply_reader.max_elements. */
enum { READ_COUNT_MAX = 300 };

static struct msgs *streams_message_pool(const sio_adapter *a) { return &a->redis->msgs; }

/* ---- data: JSON, or base64 of MessagePack ---------------------------------------------------- */

/* Calls use() with the message in the field `data` of an entry: JSON as it is, or MessagePack,
 * which is decoded from base64. */
static int decode_entry_data_and_call(sio_adapter *a, sio_slice data,
                                      int (*use)(sio_adapter *a, sio_slice message, void *user),
                                      void *user) {
  (void)a;
  if (data.n && *data.p == '{') return use(a, data, user);
  char *bytes = sio__malloc(data.n / 4 * 3 + 3);
  if (!bytes) return UV_ENOMEM;
  int err = use(a, slice(bytes, sio__base64_decode(bytes, data.p, data.n)), user);
  sio__free(bytes);
  return err;
}

/* Encodes m as the field `data` of an entry: JSON, or with attachments base64 of MessagePack.
 * Clears m. The caller frees *out. */
static int encode_entry_data(sio_adapter *a, struct message *m, const sio_slice *bins, size_t nbins,
                             char **out, size_t *n) {
  struct message packed;
  sio__message_init(&packed, streams_message_pool(a));
  if (nbins) sio__message_convert_to_msgpack(&packed, m, bins, nbins);
  int err = m->err ? m->err : packed.err;
  sio_slice text = err ? slice(NULL, 0) : sio__message_text(nbins ? &packed : m);
  *n = nbins ? BASE64_LEN(text.n) : text.n;
  *out = err ? NULL : sio__malloc(*n + 1);
  if (!err && !*out) err = UV_ENOMEM;
  if (!err && nbins)
    sio__base64_encode(*out, text.p, text.n);
  else if (!err)
    memcpy(*out, text.p, text.n);
  sio__message_clear(&packed);
  sio__message_clear(m);
  return err;
}

/* ---- making and queueing entries ------------------------------------------------------------- */

static sio_slice copy_slice_and_advance(char **at, sio_slice word) {
  char *to = *at;
  if (word.n) memcpy(to, word.p, word.n);
  *at += word.n;
  return slice(to, word.n);
}

static struct stream_entry *streams_entry_new(sio_adapter *a, enum sharded_type type,
                                              sio_slice data, const char *key) {
  char digit = (char)('0' + type), *at;
  sio_slice uid = slice_str(a->uid);
  struct stream_entry *e =
      sio__stream_entry_new(a, ENTRY_ADD, uid.n + a->nsp_name.n + 1 + data.n, &at);
  if (!e) return NULL;
  if (key && !(e->key = sio__strndup(key, strlen(key)))) {
    sio__free(e);
    return NULL;
  }
  e->uid = copy_slice_and_advance(&at, uid);
  e->nsp = copy_slice_and_advance(&at, a->nsp_name);
  e->type = copy_slice_and_advance(&at, slice(&digit, 1));
  e->data = copy_slice_and_advance(&at, data);
  return e;
}

/* Queues an entry with the data m for the stream, and clears m. wait: see
 * sio__stream_queue_entry(). If an error is returned, no entry was queued, and
 * sio__redis_count_and_log_dropped_message() was called. */
static int streams_encode_and_queue_entry(sio_adapter *a, enum sharded_type type, struct message *m,
                                          const sio_packet_info *info, const char *key, bool wait) {
  char *data;
  size_t n;
  int err = encode_entry_data(a, m, info ? info->bins : NULL, info ? info->nbins : 0, &data, &n);
  struct stream_entry *e = err ? NULL : streams_entry_new(a, type, slice(data, n), key);
  if (!err && !e) err = UV_ENOMEM;
  if (e && info) e->origin = info->origin;
  sio__free(data);
  if (!err && (err = sio__stream_queue_entry(a->streams->stream, e, wait)))
    sio__stream_entry_free(a->streams->stream, e);
  if (err) sio__redis_count_and_log_dropped_message(a->redis, err);
  return err;
}

/* ---- local delivery -------------------------------------------------------------------------- */

/* An event for local sockets only, which waits until the entries before it are delivered. */
struct local_event {
  sio_adapter *adapter;
  sio_packet *packet;
  sio_query *query; /* collects the acks, or NULL; query_hold() was called for it */
  uint64_t origin;  /* sio_packet_info.origin */
  sio_target to;    /* to.rooms, to.except and to.key point into `names` */
  const char **names;
};

static void local_event_free(struct local_event *v) {
  const sio_adapter_api *api = v->adapter->api;
  if (v->query) api->query_release(v->query, 0);
  api->packet_free(v->packet);
  sio__free(v->names);
  sio__free(v);
}

static size_t count_names_of_list_and_their_bytes(const char *const *list, size_t *n) {
  size_t bytes = 0;
  for (; list && *list; list++, ++*n) bytes += strlen(*list) + 1;
  return bytes;
}

static const char **copy_name_list(const char ***slots, char **text, const char *const *list,
                                   const char *one_more) {
  const char **first = *slots;
  for (; (list && *list) || one_more; list = list ? list + 1 : NULL) {
    const char *name = list && *list ? *list : one_more;
    if (name == one_more) one_more = NULL;
    size_t n = strlen(name) + 1;
    *(*slots)++ = memcpy(*text, name, n);
    *text += n;
    if (!one_more && !(list && *list)) break;
  }
  *(*slots)++ = NULL;
  return first;
}

/* Copies the namespace, the flags, the key, and the names in rooms and except of the target to
 * v->to. The id of the socket to->skip becomes one more name in v->to.except. */
static int local_event_copy_target(struct local_event *v, const sio_target *to) {
  const char *skip = to->skip ? sio_socket_id(to->skip) : NULL;
  size_t n = 3;
  size_t bytes = count_names_of_list_and_their_bytes(to->rooms, &n) +
                 count_names_of_list_and_their_bytes(to->except, &n);
  if (skip) bytes += strlen(skip) + 1;
  if (to->key) bytes += strlen(to->key) + 1;
  v->names = sio__malloc((n + 1) * sizeof *v->names + bytes);
  if (!v->names) return UV_ENOMEM;
  const char **slots = v->names;
  char *text = (char *)(v->names + n + 1);
  v->to = (sio_target){ .nsp = to->nsp, .flags = to->flags };
  if (to->rooms) v->to.rooms = copy_name_list(&slots, &text, to->rooms, NULL);
  v->to.except = copy_name_list(&slots, &text, to->except, skip);
  if (to->key) v->to.key = memcpy(text, to->key, strlen(to->key) + 1);
  return 0;
}

static int local_event_new(struct local_event **out, sio_adapter *a, const sio_target *to,
                           const sio_packet *p) {
  sio_packet_info info = { .size = sizeof info };
  struct local_event *v = sio__calloc(1, sizeof *v);
  if (!v) return UV_ENOMEM;
  v->adapter = a;
  int err = a->api->packet_get_info(p, &info);
  if (!err) err = local_event_copy_target(v, to);
  if (!err) err = a->api->packet_copy(p, &v->packet);
  if (err) {
    local_event_free(v);
    return err;
  }
  v->query = info.query;
  v->origin = info.origin;
  if (v->query) a->api->query_hold(v->query);
  *out = v;
  return 0;
}

static int streams_queue_local_event(sio_adapter *a, const sio_target *to, const sio_packet *p) {
  char *at;
  struct local_event *v;
  struct stream_entry *e = sio__stream_entry_new(a, ENTRY_LOCAL, 0, &at);
  if (!e) return UV_ENOMEM;
  int err = local_event_new(&v, a, to, p);
  if (!err) {
    sio_packet_info info = { .size = sizeof info };
    (void)a->api->packet_get_info(p, &info);
    e->local = v;
    e->bytes += sizeof *v + info.json.n;
    err = sio__stream_queue_entry(a->streams->stream, e, false);
  }
  if (err) sio__stream_entry_free(a->streams->stream, e);
  return err;
}

/* With several threads and recovery, this adapter is given the broadcasts of all threads, and
 * delivers them to the sockets of all threads. Otherwise, or if the event is for this thread alone,
 * it delivers the event to the sockets of this thread. */
static int streams_deliver_event_without_queueing(sio_adapter *a, const sio_target *to,
                                                  const sio_packet *p, uint64_t origin) {
  bool here_only = (to->flags & SIO_PROCESS) == SIO_LOCAL;
  sio_target all = *to;
  if (here_only || !a->streams->recovery_ms || !a->api->has_threads(a->nsp))
    return memory_adapter_ops(a)->broadcast(a->local, to, p);
  all.flags |= SIO_PROCESS;
  return sio__deliver_packet_to_local_sockets(a, p, &all, origin);
}

int sio__streams_deliver_after_waiting_entries(sio_adapter *a, const sio_target *to,
                                               const sio_packet *p) {
  sio_packet_info info = { .size = sizeof info };
  if (!a->shut && has_stream_undelivered_entries(a->streams->stream) &&
      !streams_queue_local_event(a, to, p))
    return 0;
  if (a->streams->recovery_ms && a->api->has_threads(a->nsp))
    (void)a->api->packet_get_info(p, &info);
  return streams_deliver_event_without_queueing(a, to, p, info.origin);
}

static void free_local_event_of_entry(struct stream_entry *e) { local_event_free(e->local); }

void sio__streams_drop_local_events_of_ended_query(sio_adapter *a, const sio_query *query) {
  struct list *lists[] = { &a->streams->stream->queued, &a->streams->stream->sent };
  if (a->shut) return;
  for (int i = 0; i < 2; i++) {
    list_each (it, tmp, lists[i]) {
      struct stream_entry *e = container_of(it, struct stream_entry, link);
      struct local_event *v = e->local;
      if (!v || v->query != query) continue;
      e->delivered = true;
      a->api->query_release(v->query, 0);
      v->query = NULL;
    }
  }
}

struct delivery {
  const struct stream_entry *entry; /* NULL if another server has added the entry */
  sio_slice offset;
};

static int parse_and_deliver_entry_event(sio_adapter *a, sio_slice message, void *user) {
  const struct delivery *d = user;
  struct received_event ev;
  int err = sio__received_event_parse(&ev, a, message);
  if (!err)
    err = sio__received_event_deliver(a, &ev, d->entry ? d->entry->key : NULL,
                                      a->streams->recovery_ms ? d->offset : slice(NULL, 0),
                                      d->entry ? d->entry->origin : 0);
  if (!err) sio__streams_add_delivered_event_to_restores(a, &ev, d->offset);
  sio__received_event_clear(&ev);
  return err;
}

static void deliver_own_entry_to_local_sockets(struct stream_entry *e, const struct stream_id *id) {
  char text[STREAM_ID_MAX];
  struct delivery d = { .entry = e,
                        .offset = id ? sio__stream_id_format(*id, text) : slice(NULL, 0) };
  struct local_event *v = e->local;
  if (v)
    (void)streams_deliver_event_without_queueing(e->adapter, &v->to, v->packet, v->origin);
  else
    (void)decode_entry_data_and_call(e->adapter, e->data, parse_and_deliver_entry_event, &d);
}

/* ---- adding entries to the stream ------------------------------------------------------------ */

static void streams_write_broadcast(struct message *m, sio_slice event,
                                    const struct message_target *to) {
  sio__message_write_raw_json(m, SLICE("{\"packet\":{\"type\":2,\"data\":"));
  sio__message_write_raw_json(m, event);
  sio__message_write_raw_json(m, SLICE("},\"opts\":"));
  sio__message_write_target(m, to, true);
  sio__message_write_raw_json(m, SLICE("}"));
}

int sio__streams_broadcast(sio_adapter *a, const sio_target *to, const sio_packet *p,
                           const sio_packet_info *info) {
  struct message m;
  const struct message_target target = { .rooms = to->rooms,
                                         .except = to->except,
                                         .skip = to->skip ? sio_socket_id(to->skip) : NULL,
                                         .flags = to->flags };
  bool wait = a->streams->recovery_ms && !(to->flags & SIO_VOLATILE);
  sio__message_init(&m, streams_message_pool(a));
  streams_write_broadcast(&m, info->json, &target);
  int err = streams_encode_and_queue_entry(a, SHARDED_BROADCAST, &m, info, to->key, wait);
  return wait && !err ? 0 : sio__streams_deliver_after_waiting_entries(a, to, p);
}

void sio__streams_queue_join_leave_or_disconnect(sio_adapter *a, enum message_type type,
                                                 const struct message_target *to,
                                                 const char *const *rooms, bool session) {
  struct message m;
  sio__message_init(&m, streams_message_pool(a));
  sio__message_write_raw_json(&m, SLICE("{\"opts\":"));
  sio__message_write_target(&m, to, true);
  if (type == MESSAGE_DISCONNECT) {
    sio__message_write_raw_json(&m,
                                session ? SLICE(",\"close\":true}") : SLICE(",\"close\":false}"));
  } else {
    sio__message_write_raw_json(&m, SLICE(",\"rooms\":"));
    sio__message_write_names_as_json_array(&m, rooms);
    sio__message_write_raw_json(&m, SLICE("}"));
  }
  (void)streams_encode_and_queue_entry(a,
                                       type == MESSAGE_JOIN    ? SHARDED_JOIN
                                       : type == MESSAGE_LEAVE ? SHARDED_LEAVE
                                                               : SHARDED_DISCONNECT,
                                       &m, NULL, NULL, false);
}

/* ---- entries of other servers ---------------------------------------------------------------- */

static int receive_stream_request(sio_adapter *a, sio_slice message, void *user) {
  return sio__handle_stream_request(a, *(const unsigned *)user, message);
}

/* Handles an entry that another Socket.IO server has added. Entries of types that are not named
 * below are ignored: older versions of the Node.js adapter add them to the stream; newer ones
 * publish these messages on channels. */
static void on_remote_entry(sio_adapter *a, const struct stream_fields *f, struct stream_id id) {
  char text[STREAM_ID_MAX];
  struct delivery d = { .offset = sio__stream_id_format(id, text) };
  unsigned type = f->type.n == 1 ? (unsigned)(f->type.p[0] - '0') : 0;
  int err = 0;
  if (a->shut) return;
  if (type == SHARDED_BROADCAST)
    err = decode_entry_data_and_call(a, f->data, parse_and_deliver_entry_event, &d);
  else if (type == SHARDED_JOIN || type == SHARDED_LEAVE || type == SHARDED_DISCONNECT ||
           type == SHARDED_SERVER_EMIT)
    err = decode_entry_data_and_call(a, f->data, receive_stream_request, &type);
  if (err)
    sio__redis_count_and_log_ignored_message(
        a->redis, slice(a->streams->stream->name, a->streams->stream->name_len), err);
}

/* ---- disconnected sockets -------------------------------------------------------------------- */

static bool is_id_or_room_of_socket(const sio_adapter *a, const sio_socket *s, const char *name) {
  return strcmp(name, sio_socket_id(s)) == 0 || memory_adapter_ops(a)->in_room(a->local, s, name);
}

static bool is_socket_in_target_list(const sio_adapter *a, const sio_socket *s,
                                     const char *const *list) {
  for (; list && *list; list++)
    if (is_id_or_room_of_socket(a, s, *list)) return true;
  return false;
}

struct last_event {
  sio_socket *socket;
  const struct stream_entry *entry;
};

/* Sends the event of the entry l->entry, which was not read back yet, to l->socket, if the target
 * of the event includes this socket. */
static int send_waiting_event_to_socket(sio_adapter *a, sio_slice message, void *user) {
  const struct last_event *l = user;
  struct received_event ev;
  int err = sio__received_event_parse(&ev, a, message);
  bool meant =
      !err &&
      (ev.target.everybody || is_socket_in_target_list(a, l->socket, ev.target.rooms.list)) &&
      !is_socket_in_target_list(a, l->socket, ev.target.except.list);
  if (meant) {
    const char *alone[] = { sio_socket_id(l->socket), NULL };
    struct received_event one = ev;
    one.target.rooms.list = alone;
    one.target.except.list = NULL;
    one.target.everybody = false;
    err = sio__received_event_deliver(a, &one, l->entry->key, slice(NULL, 0), 0);
  }
  sio__received_event_clear(&ev);
  return err;
}

/* Sends an event for local sockets only, which waits until the entries before it are delivered, to
 * the socket, if the target of the event includes this socket. */
static void send_waiting_local_event_to_socket(const struct local_event *v, sio_socket *s) {
  const sio_adapter *a = v->adapter;
  const char *alone[] = { sio_socket_id(s), NULL };
  sio_target one = v->to;
  if (v->to.rooms && !is_socket_in_target_list(a, s, v->to.rooms)) return;
  if (is_socket_in_target_list(a, s, v->to.except)) return;
  one.rooms = alone;
  one.except = NULL;
  (void)memory_adapter_ops(a)->broadcast(a->local, &one, v->packet);
}

/* Called when this server disconnects the socket. Sends the socket the events that wait until they,
 * or the entries before them, are read back from the stream: they cannot be sent later, because the
 * socket cannot be recovered. */
void sio__streams_send_waiting_events_to_leaving_socket(sio_adapter *a, sio_socket *s) {
  struct list *lists[] = { &a->streams->stream->sent, &a->streams->stream->queued };
  if (a->shut || !has_stream_undelivered_entries(a->streams->stream)) return;
  for (int i = 0; i < 2; i++) {
    list_each (it, tmp, lists[i]) {
      struct stream_entry *e = container_of(it, struct stream_entry, link);
      struct last_event l = { .socket = s, .entry = e };
      if (e->adapter != a || e->delivered) continue;
      if (e->local)
        send_waiting_local_event_to_socket(e->local, s);
      else
        (void)decode_entry_data_and_call(a, e->data, send_waiting_event_to_socket, &l);
    }
  }
}

/* ---- opening --------------------------------------------------------------------------------- */

static sio_slice streams_adapter_nsp_name(const sio_adapter *a) { return a->nsp_name; }

static const struct stream_ops streams_stream_ops = {
  .deliver = deliver_own_entry_to_local_sockets,
  .free_local = free_local_event_of_entry,
  .on_remote_entry = on_remote_entry,
  .nsp = streams_adapter_nsp_name,
  .reply = sio__streams_on_restore_reply,
  .read = sio__streams_continue_restores_and_refresh_keys,
  .flush = sio__streams_save_dirty_sessions_on_flush,
};

/* Returns the hash that the Node.js adapter computes: h = h * 31 + c for each UTF-16 code unit c,
 * as a signed 32-bit number, which may be negative. */
static int32_t hash_nsp_name_like_nodejs(sio_slice name) {
  uint32_t h = 0;
  for (size_t i = 0; i < name.n;) {
    unsigned char c = (unsigned char)name.p[i];
    size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    uint32_t cp = n == 1 ? c : c & (0x7fu >> n);
    for (size_t k = 1; k < n && i + k < name.n; k++)
      cp = cp << 6 | ((unsigned char)name.p[i + k] & 0x3f);
    i += n;
    if (cp >= 0x10000) h = h * 31 + (0xd7c0 + (cp >> 10));
    h = h * 31 + (cp >= 0x10000 ? 0xdc00 + (cp & 0x3ff) : cp);
  }
  return (int32_t)h;
}

static void write_stream_name(struct message *m, sio_slice nsp, const char *name, unsigned count) {
  sio__message_write_raw_json(m, slice_str(name ? name : "socket.io"));
  if (count <= 1) return;
  int64_t i = (int64_t)hash_nsp_name_like_nodejs(nsp) % (int64_t)count;
  sio__message_write_raw_json(m, i < 0 ? SLICE("--") : SLICE("-"));
  sio__message_write_number(m, (uint64_t)(i < 0 ? -i : i));
}

int sio__streams_new(sio_adapter *a, const sio_redis_adapter_options *o) {
  const char *prefix = o->session_key_prefix ? o->session_key_prefix : "sio:session:";
  size_t n = strlen(prefix);
  if (n > SESSION_PREFIX_MAX || o->read_count > READ_COUNT_MAX || o->stream_count > INT32_MAX)
    return UV_EINVAL;
  struct streams *x = sio__calloc(1, sizeof *x + n + 1);
  if (!x) return UV_ENOMEM;
  x->adapter = a;
  x->recovery_ms = a->api->recovery_ms(a->nsp);
  memcpy(x->prefix, prefix, n);
  sio__streams_init_sessions(x);
  a->streams = x;
  return 0;
}

int sio__streams_start(sio_adapter *a, const sio_redis_adapter_options *o) {
  struct message name;
  struct stream_options so = { .max_len = o->max_len ? o->max_len : 10000,
                               .read_count = o->read_count ? o->read_count : 100,
                               .block_ms = o->block_time_in_ms ? o->block_time_in_ms : 5000 };
  sio__message_init(&name, streams_message_pool(a));
  write_stream_name(&name, a->nsp_name, o->stream_name, o->stream_count);
  int err = name.err;
  if (!err) {
    so.name = sio__message_text(&name);
    err = sio__stream_open_for_adapter(a->redis, &so, &streams_stream_ops, a, &a->streams->stream);
  }
  sio__message_clear(&name);
  return err;
}

void sio__streams_stop(sio_adapter *a) {
  struct streams *x = a->streams;
  if (!x->stream) return;
  sio__streams_queue_write_back_of_taken_keys(x);
  sio__streams_save_dirty_sessions_on_flush(x->stream);
  sio__stream_remove_adapter_and_close_if_last(x->stream, a);
  sio__streams_clear_restores(x);
  sio__streams_clear_sessions(x);
}

void sio__streams_free(sio_adapter *a) {
  sio__free(a->streams);
  a->streams = NULL;
}
