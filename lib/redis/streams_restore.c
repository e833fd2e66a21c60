/* SPDX-License-Identifier: MIT
 *
 * streams_restore.c - restores a socket whose client has come to this server.
 *
 * A restore requests the stream entry at the client's offset, and the session's key, which it
 * deletes. Then the rooms of the socket are known, and the restore requests, in pages, the entries
 * after the offset up to the last one that this server has read. When it has handled all pages, it
 * adds events as this server delivers them. So an event comes either from a page or from a
 * delivery.
 */
#include "redis/streams_restore.h"

#include "base/base64.h"
#include "base/err.h"
#include "base/mem.h"
#include "redis/receive_session.h"
#include "redis/stream_adapter_map.h"
#include "redis/stream_commands.h"
#include "redis/stream_entries.h"
#include "redis/stream_parse.h"
#include "redis/stream_repeats.h"
#include <sio/nsp.h>
#include <sio/socket.h>
#include <sio/stats.h>
#include <uv.h>

enum { PAGE = 300 };

/* ---- requests to Redis ----------------------------------------------------------------------- */

/* The kinds of replies that a restore awaits; the command has the same kind, see
 * sio__stream_send_command(). */
enum { REPLY_KEY = 'g', REPLY_OFFSET = 'o', REPLY_PAGE = 'p' };

struct stream_restore {
  struct list link;
  uint64_t number;
  sio_restore *restore; /* NULL after sio__streams_forget_ended_restore() */
  bool has_key;         /* the reply with the session's key has come, or will not come */
  bool reading;         /* a page of entries was requested and has not come yet */
  bool following;       /* all pages were read; events are added when this server delivers them */
  bool offset_exists;
  bool done;
  struct stream_id offset; /* the id of the last event that the client has received */
  struct stream_id end;    /* the id of the last entry that is requested */
  struct stream_id at;     /* entries up to this id were handled; at first `offset` */
  char *key_value;         /* owned: the value of the session's key in Redis; NULL: not received */
  struct received_session session;
  char pid[PID_MAX];
};

static struct stream_restore *stream_restore_of_list_node(struct list *it) {
  return container_of(it, struct stream_restore, link);
}

static void remove_and_free_stream_restore(struct stream_restore *k) {
  list_remove(&k->link);
  sio__received_session_clear(&k->session);
  sio__free(k->key_value);
  sio__free(k);
}

void sio__streams_clear_restores(struct streams *x) {
  struct list *it;
  while ((it = list_first(&x->restores)))
    remove_and_free_stream_restore(stream_restore_of_list_node(it));
}

static void stream_restore_report_done(struct streams *x, struct stream_restore *k, int cause) {
  k->done = true;
  if (k->restore) x->adapter->api->restore_done(k->restore, cause);
}

static sio_slice stream_name_of_adapter(const struct streams *x) {
  return slice(x->stream->name, x->stream->name_len);
}

static int request_entry_at_offset(struct streams *x, const struct stream_restore *k) {
  char offset[STREAM_ID_MAX];
  const sio_slice id = sio__stream_id_format(k->offset, offset);
  const sio_slice words[] = { SLICE("XRANGE"), stream_name_of_adapter(x), id, id };
  return sio__stream_send_command(x->stream, REPLY_OFFSET, k->number, stream_name_of_adapter(x),
                                  words, 4);
}

/* Sends GETDEL: a single command can be sent again to another Redis server if the slot of the key
 * has moved. */
static int request_getdel_of_session_key(struct streams *x, const struct stream_restore *k,
                                         sio_slice key) {
  const sio_slice words[] = { SLICE("GETDEL"), key };
  return sio__stream_send_command(x->stream, REPLY_KEY, k->number, key, words, 2);
}

/* Sends GET and DEL in a transaction, because GETDEL needs Redis 6.2. After an error none of the
 * commands is sent: without EXEC, MULTI would keep Redis from executing the commands that
 * follow. */
static int request_get_and_del_in_transaction(struct streams *x, const struct stream_restore *k,
                                              sio_slice key) {
  const sio_slice multi[] = { SLICE("MULTI") }, exec[] = { SLICE("EXEC") };
  const sio_slice get[] = { SLICE("GET"), key }, del[] = { SLICE("DEL"), key };
  struct link *l = &x->stream->writer;
  const size_t bytes = l->out.n;
  const uint32_t replies = l->nexpects;
  int err = sio__stream_send_command(x->stream, '\0', 0, key, multi, 1);
  if (!err) err = sio__stream_send_command(x->stream, '\0', 0, key, get, 2);
  if (!err) err = sio__stream_send_command(x->stream, '\0', 0, key, del, 2);
  if (!err) err = sio__stream_send_command(x->stream, REPLY_KEY, k->number, key, exec, 1);
  if (err) sio__link_undo_queued_commands(l, bytes, replies);
  return err;
}

static int request_and_delete_session_key(struct streams *x, const struct stream_restore *k) {
  char text[SESSION_PREFIX_MAX + PID_MAX];
  size_t nprefix = strlen(x->prefix), npid = strlen(k->pid);
  if (nprefix + npid >= sizeof text) return UV_EINVAL;
  memcpy(text, x->prefix, nprefix);
  memcpy(text + nprefix, k->pid, npid);
  sio_slice key = slice(text, nprefix + npid);
  return redis_is_cluster(x->adapter->redis) ? request_getdel_of_session_key(x, k, key)
                                             : request_get_and_del_in_transaction(x, k, key);
}

/* Requests the entry at the client's offset and, except in a Redis Cluster, the session's key. In a
 * cluster replies may come in any order, so on_offset_entry_reply() requests the key later. */
static int request_offset_entry_and_maybe_session_key(struct streams *x,
                                                      const struct stream_restore *k) {
  int err = request_entry_at_offset(x, k);
  return err || redis_is_cluster(x->adapter->redis) ? err : request_and_delete_session_key(x, k);
}

static struct stream_restore *stream_restore_new_and_add_to_list(struct streams *x, sio_restore *r,
                                                                 const sio_restore_info *info) {
  struct stream_restore *k = sio__calloc(1, sizeof *k);
  if (!k) return NULL;
  k->number = ++x->adapter->redis->last_number;
  k->restore = r;
  memcpy(k->pid, info->pid.p, info->pid.n);
  (void)sio__stream_id_parse(&k->offset, info->offset);
  list_append(&x->restores, &k->link);
  return k;
}

void sio__streams_start_socket_restore(sio_adapter *a, sio_restore *r) {
  struct streams *x = a->streams;
  struct stream_id id;
  sio_restore_info info = { .size = sizeof info };
  a->api->restore_get_info(r, &info);
  if (a->shut || info.pid.n >= PID_MAX || memchr(info.pid.p, '\0', info.pid.n)) {
    a->api->restore_done(r, SIO_RECOVERY_NO_SESSION);
  } else if (!info.has_offset || !sio__stream_id_parse(&id, info.offset)) {
    a->api->restore_done(r, SIO_RECOVERY_BAD_OFFSET);
  } else {
    sio__streams_save_dirty_sessions(x);
    struct stream_restore *k = stream_restore_new_and_add_to_list(x, r, &info);
    if (!k || request_offset_entry_and_maybe_session_key(x, k)) {
      if (k) remove_and_free_stream_restore(k);
      a->api->restore_done(r, SIO_RECOVERY_NO_ANSWER);
    }
  }
}

/* Called when the restore r has ended. If the reply with the value of the session's key has not
 * come yet, the struct stream_restore is kept until then: Redis deletes the key when it is read, so
 * the value has to be written back. */
void sio__streams_forget_ended_restore(sio_adapter *a, sio_restore *r) {
  list_each (it, tmp, &a->streams->restores) {
    struct stream_restore *k = stream_restore_of_list_node(it);
    if (k->restore != r) continue;
    k->restore = NULL;
    k->following = false;
    if (k->has_key) remove_and_free_stream_restore(k);
  }
}

/* ---- missed events --------------------------------------------------------------------------- */

static bool is_session_in_target_list(const struct received_session *s, const char *const *names) {
  for (; *names; names++) {
    if (strcmp(*names, s->id) == 0) return true;
    for (const char *const *room = s->rooms.list; *room; room++)
      if (strcmp(*names, *room) == 0) return true;
  }
  return false;
}

static bool has_session_missed_event(const struct received_session *s,
                                     const struct received_event *ev) {
  if (ev->target.flags & SIO_VOLATILE) return false;
  return (ev->target.everybody || is_session_in_target_list(s, ev->target.rooms.list)) &&
         !is_session_in_target_list(s, ev->target.except.list);
}

static void add_event_to_restore_if_missed(sio_adapter *a, struct stream_restore *k,
                                           const struct received_event *ev, sio_slice offset) {
  if (k->restore && has_session_missed_event(&k->session, ev))
    (void)sio__received_event_add_to_restore(a, ev, k->restore, offset);
}

void sio__streams_add_delivered_event_to_restores(sio_adapter *a, const struct received_event *ev,
                                                  sio_slice offset) {
  struct stream_id id;
  bool has_id = sio__stream_id_parse(&id, offset);
  list_each (it, tmp, &a->streams->restores) {
    struct stream_restore *k = stream_restore_of_list_node(it);
    if (k->following && (!has_id || stream_id_compare(id, k->offset) > 0))
      add_event_to_restore_if_missed(a, k, ev, offset);
  }
}

/* If the entry contains an event of this namespace, decodes the entry's message and sets *out to
 * the message. Returns the memory of the message, which the caller frees. Returns NULL if the entry
 * contains no such event or memory ran out. */
static char *decode_missed_event_message(const sio_adapter *a, const struct stream_fields *f,
                                         sio_slice *out) {
  if (!slice_eq(f->nsp, a->nsp_name) || !slice_equals_str(f->type, "3") || !f->data.n) return NULL;
  bool json = *f->data.p == '{';
  char *bytes = sio__malloc(f->data.n + 3);
  if (!bytes) return NULL;
  size_t n = json ? f->data.n : sio__base64_decode(bytes, f->data.p, f->data.n);
  if (json) memcpy(bytes, f->data.p, n);
  *out = slice(bytes, n);
  return bytes;
}

static void add_entry_to_restore_if_missed(sio_adapter *a, struct stream_restore *k,
                                           const struct stream_fields *f, struct stream_id id) {
  char offset[STREAM_ID_MAX];
  struct received_event ev;
  sio_slice message;
  char *bytes = decode_missed_event_message(a, f, &message);
  if (!bytes) return;
  if (!sio__received_event_parse(&ev, a, message))
    add_event_to_restore_if_missed(a, k, &ev, sio__stream_id_format(id, offset));
  sio__received_event_clear(&ev);
  sio__free(bytes);
}

/* ---- pages of missed entries ----------------------------------------------------------------- */

static int request_missed_entries_page(struct streams *x, const struct stream_restore *k) {
  char from[STREAM_ID_MAX], to[STREAM_ID_MAX];
  const struct stream_id next = { k->at.ms, k->at.seq + 1 };
  const sio_slice words[] = { SLICE("XRANGE"),
                              stream_name_of_adapter(x),
                              sio__stream_id_format(next, from),
                              sio__stream_id_format(k->end, to),
                              SLICE("COUNT"),
                              SLICE("300") };
  return sio__stream_send_command(x->stream, REPLY_PAGE, k->number, stream_name_of_adapter(x),
                                  words, 6);
}

/* Requests the next page of the entries after k->at, up to the last entry that this server has read
 * from the stream. If k->at is that entry, reports that the restore is done; events that this
 * server delivers from then on are added as they are delivered.
 *
 * Requests nothing yet in two cases, in which sio__streams_continue_restores_and_refresh_keys()
 * calls this function again: if k->at is a later entry, because the client has received an entry
 * that this server has not read yet; and if events of this server were delivered before they were
 * read back, because the client may have missed these events, which will be among the entries of a
 * page. */
static void request_next_page_or_finish(struct streams *x, struct stream_restore *k) {
  if (!k->restore || k->done || k->following) return;
  k->end = x->stream->last;
  if (stream_id_compare(k->at, k->end) > 0) return;
  if (stream_id_compare(k->at, k->end) < 0) {
    k->reading = true;
    if (request_missed_entries_page(x, k)) stream_restore_report_done(x, k, SIO_RECOVERY_NO_ANSWER);
    return;
  }
  if (sio__stream_has_entries_delivered_early(x->stream, x->adapter)) return;
  k->following = true;
  stream_restore_report_done(x, k, 0);
}

static void on_missed_entries_page(struct streams *x, struct stream_restore *k,
                                   const redisReply *reply) {
  struct stream_fields f;
  struct stream_id id;
  k->reading = false;
  if (!reply || reply->type != REDIS_REPLY_ARRAY) {
    stream_restore_report_done(x, k, SIO_RECOVERY_NO_ANSWER);
    return;
  }
  for (size_t i = 0; i < reply->elements; i++) {
    if (!sio__stream_parse_entry(&f, reply->element[i], &id) || stream_id_compare(id, k->at) <= 0)
      continue;
    if (!sio__stream_is_id_of_recent_duplicate(x->stream, id))
      add_entry_to_restore_if_missed(x->adapter, k, &f, id);
    k->at = id;
  }
  if (reply->elements < PAGE) k->at = k->end;
  request_next_page_or_finish(x, k);
}

/* ---- the session's key ----------------------------------------------------------------------- */

static int decode_and_restore_session(struct streams *x, struct stream_restore *k) {
  size_t n = strlen(k->key_value);
  char *bytes = sio__malloc(n / 4 * 3 + 3);
  if (!bytes) return UV_ENOMEM;
  sio_slice message = slice(bytes, sio__base64_decode(bytes, k->key_value, n));
  int err = sio__received_session_parse(&k->session, x->adapter, message);
  const sio_saved_socket saved = { .size = sizeof saved,
                                   .id = k->session.id,
                                   .pid = k->session.pid,
                                   .rooms = k->session.rooms.list,
                                   .shared = err ? slice(NULL, 0)
                                                 : unpacked_json_text(&k->session.data) };
  if (!err) err = x->adapter->api->restore_found(k->restore, &saved);
  sio__unpacked_clear(&k->session.message);
  k->session.message = (struct unpacked){ 0 };
  sio__free(bytes);
  return err;
}

static void restore_session_and_request_missed_events(struct streams *x, struct stream_restore *k) {
  int err = decode_and_restore_session(x, k);
  if (err) {
    stream_restore_report_done(x, k,
                               err == UV_ENOMEM ? SIO_RECOVERY_NO_MEMORY : SIO_RECOVERY_NO_SESSION);
    return;
  }
  k->at = k->offset;
  request_next_page_or_finish(x, k);
}

/* Returns the part of the reply that is the value of the session's key: the whole reply to GETDEL,
 * or the first element of the reply to EXEC, which is [reply to GET, reply to DEL]. Returns NULL if
 * the reply has another form or is NULL. */
static const redisReply *find_session_in_getdel_or_exec_reply(const redisReply *reply) {
  if (!reply) return NULL;
  if (reply->type == REDIS_REPLY_ARRAY) return reply->elements == 2 ? reply->element[0] : NULL;
  return is_text_reply(reply) || reply->type == REDIS_REPLY_NIL ? reply : NULL;
}

static void on_session_key_reply(struct streams *x, struct stream_restore *k,
                                 const redisReply *reply) {
  const redisReply *value = find_session_in_getdel_or_exec_reply(reply);
  bool ok = value, found = ok && is_text_reply(value);
  k->has_key = true;
  if (found) k->key_value = sio__strndup(value->str, (size_t)value->len);
  if (!k->restore) {
    if (k->key_value)
      (void)sio__streams_queue_set_or_del_of_session_key(x, k->pid, slice_str(k->key_value), true);
    remove_and_free_stream_restore(k);
    return;
  }
  if (!ok)
    stream_restore_report_done(x, k, SIO_RECOVERY_NO_ANSWER);
  else if (!found)
    stream_restore_report_done(x, k, SIO_RECOVERY_NO_SESSION);
  else if (!k->key_value)
    stream_restore_report_done(x, k, SIO_RECOVERY_NO_MEMORY);
  else if (!k->offset_exists)
    stream_restore_report_done(x, k, SIO_RECOVERY_LOG_GONE);
  else
    restore_session_and_request_missed_events(x, k);
}

/* Handles the reply with the entry at the client's offset. In a Redis Cluster the session's key is
 * requested only now, and only if the entry exists and the restore has not ended. Without the entry
 * the socket cannot be restored. */
static void on_offset_entry_reply(struct streams *x, struct stream_restore *k,
                                  const redisReply *reply) {
  bool ok = reply && reply->type == REDIS_REPLY_ARRAY;
  k->offset_exists = ok && reply->elements > 0;
  if (!redis_is_cluster(x->adapter->redis)) return;
  bool asked = k->restore && k->offset_exists && request_and_delete_session_key(x, k) == 0;
  if (asked) return;
  k->has_key = true; /* no reply with the key will come */
  if (k->restore)
    stream_restore_report_done(
        x, k, ok && !k->offset_exists ? SIO_RECOVERY_LOG_GONE : SIO_RECOVERY_NO_ANSWER);
  else
    remove_and_free_stream_restore(k);
}

void sio__streams_queue_write_back_of_taken_keys(struct streams *x) {
  list_each (it, tmp, &x->restores) {
    const struct stream_restore *k = stream_restore_of_list_node(it);
    if (k->key_value)
      (void)sio__streams_queue_set_or_del_of_session_key(x, k->pid, slice_str(k->key_value), true);
  }
}

static struct stream_restore *find_stream_restore_by_number(struct stream *st, uint64_t number,
                                                            struct streams **out) {
  sio_adapter *a;
  for (uint32_t i = 0; (a = sio__stream_next_adapter(st, &i));) {
    *out = a->streams;
    list_each (it, tmp, &a->streams->restores) {
      if (stream_restore_of_list_node(it)->number == number) return stream_restore_of_list_node(it);
    }
  }
  return NULL;
}

void sio__streams_on_restore_reply(struct stream *st, char kind, uint64_t number,
                                   const redisReply *reply) {
  struct streams *x;
  struct stream_restore *k = find_stream_restore_by_number(st, number, &x);
  if (!k) return;
  switch (kind) {
    case REPLY_OFFSET: on_offset_entry_reply(x, k, reply); break;
    case REPLY_KEY: on_session_key_reply(x, k, reply); break;
    default: on_missed_entries_page(x, k, reply);
  }
}

/* ---- after entries were read ----------------------------------------------------------------- */

void sio__streams_continue_restores_and_refresh_keys(struct stream *st) {
  sio_adapter *a;
  for (uint32_t i = 0; (a = sio__stream_next_adapter(st, &i));) {
    list_each (it, tmp, &a->streams->restores) {
      struct stream_restore *k = stream_restore_of_list_node(it);
      if (k->session.id[0] && !k->reading) request_next_page_or_finish(a->streams, k);
    }
    if (a->streams->recovery_ms) sio__streams_mark_expiring_sessions_dirty(a->streams);
  }
}
