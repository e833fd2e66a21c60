/* SPDX-License-Identifier: MIT
 *
 * emit.c - encode once, queue for one or many.
 */
#include "core/emit.h"

#include "base/random.h"
#include "core/core.h"
#include "core/nsp.h"
#include "core/pending_acks.h"
#include "core/query.h"
#include "core/recovery.h"
#include "core/socket.h"
#include "packet/parser.h"

static void mark_plain(struct msg *chain) {
  for (struct msg *m = chain; m; m = m->next) m->plain = true;
}

/* Nobody waits for it: it may be dropped for a peer that does not read. */
static void mark_droppable(struct msg *chain, const char *key) {
  chain->droppable = true;
  if (key) chain->key = sio__hash(key, strlen(key)) | 1;
  for (struct msg *m = chain->next; m; m = m->next) m->follows = true;
}

/* For peers that speak another language than adapters do. */
static int packet_recode_with_parser(sio_packet *p, enum packet_type type, int64_t id) {
  struct core *core = p->nsp->core;
  if (!core->opts->parser) return 0;
  p->text = p->msg;
  p->msg = NULL;
  int err = sio__parser_encode(core->opts->parser, &core->loop.msgs, p->text, type,
                               slice_str(p->nsp->name), id, &p->msg);
  if (!err) return 0;
  msg_unref(p->text);
  p->text = NULL;
  return err;
}

static const struct msg *packet_text(const sio_packet *p) { return p->text ? p->text : p->msg; }

static void log_packet(struct log *log, const sio_packet *p) {
  const struct msg *m = packet_text(p);
  LOG(log, SIO_LOG_DEBUG, SIO_ROOM_SIO, "sending %s \"%s\" in %s, %u bytes",
      p->event ? "event" : "ack", p->event ? p->event : "", p->nsp->name, p->msg->len);
  LOG(log, SIO_LOG_TRACE, SIO_ROOM_SIO, "payload: %.*s",
      m->len <= LOG_LINE ? (int)m->len - 1 : LOG_LINE, msg_data(m) + 1);
}

static int packet_encode_event(sio_packet *p, sio_nsp *nsp, unsigned flags, const char *event,
                               sio_args args, int64_t id, struct recovery *r) {
  struct core *core = nsp->core;
  char offset[REPLAY_OFFSET_MAX];
  bool is_volatile = flags & SIO_VOLATILE;
  size_t n = r ? sio__recovery_offset(r, is_volatile, offset) : 0;
  *p = (sio_packet){ .nsp = nsp, .event = event, .args = args, .batch = UINT32_MAX };
  if (loop_refuses_call(&core->loop, event ? "sending" : "sio_reply()")) return SIO_ESTATE;
  int err = sio__encode_with_tail(&core->loop.msgs, &core->scratch, &p->msg, nsp->name, event, args,
                                  id, slice(offset, n));
  if (!err) err = packet_recode_with_parser(p, event ? PACKET_EVENT : PACKET_ACK, id);
  if (err) return err;
  if (r && !is_volatile) p->seq = recovery_take_number(r);
  p->tail = n ? (uint32_t)n + 3 : 0; /* a comma and quotes */
  if (flags & SIO_NO_COMPRESS) mark_plain(p->msg);
  if (core->log.level[SIO_ROOM_SIO] >= SIO_LOG_DEBUG) log_packet(&core->log, p);
  return 0;
}

__attribute__((noinline)) static void packet_count_sent(sio_packet *p) {
  p->nsp->events_out += p->sent;
  sio__count_packets_sent(&p->nsp->core->stats, p->msg, p->sent);
  p->sent = 0;
}

/* The packet is const for adapters; the counters in it are not theirs. */
static inline int packet_send_to_session(const sio_packet *packet, sio_socket *s, unsigned flags) {
  sio_packet *p = (sio_packet *)(uintptr_t)packet;
  int err = sio__session_send_uncounted(s->session, p->msg, flags & SIO_VOLATILE);
  if (!err && ++p->sent < p->batch) return 0;
  if (!err)
    packet_count_sent(p);
  else if (err == SIO_EDROPPED && (flags & SIO_VOLATILE))
    p->nsp->core->stats.volatile_dropped++;
  return err;
}

/* A socket that a volatile event is not sent to does not count as asked. One that cannot be asked
 * for another reason counts as lost. */
static int packet_send_and_await_ack(const sio_packet *p, sio_socket *s, unsigned flags) {
  sio_query *q = p->query;
  int err = sio__pending_ack_add_to_query(s, q);
  if (err == SIO_EEXISTS) return err;
  if (!err && (err = packet_send_to_session(p, s, flags))) sio__pending_ack_cancel(s, q->ack_id);
  if (err == SIO_EDROPPED) return err;
  p->nsp->core->stats.acks_asked += !err;
  sio_query_expect(q, 1);
  if (err) sio_query_lost(q, 1);
  return err;
}

int sio_packet_deliver(const sio_packet *p, sio_socket *s, unsigned flags) {
  if (s->state != SOCKET_CONNECTED) return SIO_ECLOSED;
  if (p->seq) recovery_note_sent(s->recovery_record, p->seq);
  if (!hooks_empty(&p->nsp->outgoing)) sio__nsp_run_outgoing_hooks(p->nsp, s, p->event, p->args);
  return p->query ? packet_send_and_await_ack(p, s, flags) : packet_send_to_session(p, s, flags);
}

/* Type, number of attachments, namespace and id stand before it. */
static sio_slice packet_json_in_text(const sio_packet *p) {
  const struct msg *m = packet_text(p);
  const char *text = msg_data(m), *at = text + 2, *end = text + m->len;
  if (m->next) at = (const char *)memchr(text, '-', m->len) + 1;
  if (*at == '/') at += strlen(p->nsp->name);
  at = memchr(at, '[', (size_t)(end - at));
  return slice(at, (size_t)(end - at));
}

int sio__packet_encode(sio_packet *p, const sio_target *to, const char *event, sio_args args,
                       sio_query *q) {
  sio_nsp *nsp = to->nsp;
  int err = q ? packet_encode_event(p, nsp, to->flags, event, args, q->ack_id, NULL)
              : packet_encode_event(p, nsp, to->flags, event, args, PACKET_NO_ID, nsp->recovery);
  p->query = q;
  if (!err && !q) mark_droppable(p->msg, to->key);
  if (!err) sio__recovery_keep(p, to);
  return err;
}

void sio__packet_clear(sio_packet *p) {
  if (p->sent) packet_count_sent(p);
  msg_unref(p->msg);
  msg_unref(p->text);
  sio__free((void *)(uintptr_t)p->json.p);
}

/* ---- what adapters read ------------------------------------------------------------------ */

/* Replay offsets are local: ours is removed from the JSON that goes to other servers, which append
 * their own. */
static void packet_make_json_without_offset(sio_packet *p) {
  sio_slice json = packet_json_in_text(p);
  size_t n = json.n - p->tail;
  char *copy = sio__strndup(json.p, n);
  if (!copy) return;
  copy[n - 1] = ']';
  p->json = slice(copy, n);
}

/* The packet is const for adapters; the copy that it keeps is not theirs. */
sio_slice sio_packet_json(const sio_packet *packet) {
  sio_packet *p = (sio_packet *)(uintptr_t)packet;
  if (!p->tail) return packet_json_in_text(p);
  if (!p->json.n) packet_make_json_without_offset(p);
  return p->json;
}

size_t sio_packet_bins(const sio_packet *p) {
  size_t n = 0;
  for (const struct msg *m = packet_text(p)->next; m; m = m->next) n++;
  return n;
}

sio_slice sio_packet_bin(const sio_packet *p, size_t k) {
  const struct msg *m = packet_text(p)->next;
  while (m && k--) m = m->next;
  return m ? slice(msg_data(m), m->len) : slice(NULL, 0);
}

sio_query *sio_packet_query(const sio_packet *p) { return p->query; }

/* ---- to one ---------------------------------------------------------------------------- */

static int emit_to_socket(sio_socket *s, unsigned flags, const char *key, const char *event,
                          sio_args args, int64_t id) {
  sio_packet p;
  if (!event) return SIO_ENAME;
  if (!sio_socket_connected(s)) return SIO_ECLOSED;
  struct recovery *r = s->recovery_record && id == PACKET_NO_ID ? s->nsp->recovery : NULL;
  int err = packet_encode_event(&p, s->nsp, flags, event, args, id, r);
  if (err) return err;
  if (id == PACKET_NO_ID) mark_droppable(p.msg, key);
  sio__recovery_keep(&p, &(sio_target){ .nsp = s->nsp, .rooms = SIO_ROOMS(s->id) });
  err = sio_packet_deliver(&p, s, flags);
  sio__packet_clear(&p);
  return err;
}

int sio_emit(sio_socket *s, const char *event, sio_args args) {
  return emit_to_socket(s, 0, NULL, event, args, PACKET_NO_ID);
}

int sio_emit_flags(sio_socket *s, unsigned flags, const char *event, sio_args args) {
  return emit_to_socket(s, flags, NULL, event, args, PACKET_NO_ID);
}

int sio_emit_keyed(sio_socket *s, unsigned flags, const char *key, const char *event,
                   sio_args args) {
  return emit_to_socket(s, flags, key, event, args, PACKET_NO_ID);
}

int sio_emit_ack(sio_socket *s, const char *event, sio_args args, unsigned timeout_ms,
                 sio_reply_cb cb, void *user) {
  int64_t id;
  if (!cb) return UV_EINVAL;
  if (!sio_socket_connected(s)) return SIO_ECLOSED;
  if (!timeout_ms) timeout_ms = s->nsp->core->opts->ack_timeout_ms;
  int err = sio__pending_ack_add(s, timeout_ms, cb, user, &id);
  if (err) return err;
  err = emit_to_socket(s, 0, NULL, event, args, id);
  if (err) sio__pending_ack_cancel(s, id);
  s->nsp->core->stats.acks_asked += !err;
  return err;
}

int sio__emit_ack_packet(sio_socket *s, int64_t id, sio_args args) {
  sio_packet p;
  if (!sio_socket_connected(s)) return SIO_ECLOSED;
  int err = packet_encode_event(&p, s->nsp, 0, NULL, args, id, NULL);
  if (err) return err;
  err = sio__session_send(s->session, p.msg, 0);
  s->nsp->core->stats.acks_sent += !err;
  sio__packet_clear(&p);
  return err;
}

/* ---- to many ----------------------------------------------------------------------------- */

static unsigned count_names(const char *const *names) {
  unsigned n = 0;
  while (names && names[n]) n++;
  return n;
}

static void log_broadcast(const sio_target *to, const char *event) {
  LOG(&to->nsp->core->log, SIO_LOG_DEBUG, SIO_ROOM_ADAPTER,
      "\"%s\" to %u rooms (0: all) but %u of %s", event, count_names(to->rooms),
      count_names(to->except), to->nsp->name);
}

static int send_to_target(const sio_target *to, const char *event, sio_args args, sio_query *q) {
  sio_packet p;
  if (to->nsp->core->log.level[SIO_ROOM_ADAPTER] >= SIO_LOG_DEBUG) log_broadcast(to, event);
  int err = sio__packet_encode(&p, to, event, args, q);
  if (!err) err = to->nsp->ops->broadcast(to->nsp->adapter, to, &p);
  if (err && p.seq) sio__recovery_discard(&p);
  /* One to a parent is one to each of its children. */
  to->nsp->core->stats.broadcasts += !err && !to->nsp->as_parent;
  sio__packet_clear(&p);
  return err;
}

int sio_broadcast(sio_target to, const char *event, sio_args args) {
  if (!to.nsp) return UV_EINVAL;
  return event ? send_to_target(&to, event, args, NULL) : SIO_ENAME;
}

static void end_broadcast_ack(sio_query *q, int status) {
  q->cb.replies(status, &q->replies, q->user);
}

int sio_broadcast_ack(sio_target to, const char *event, sio_args args, unsigned timeout_ms,
                      sio_broadcast_ack_cb cb, void *user) {
  sio_query *q;
  if (!to.nsp || !cb) return UV_EINVAL;
  if (!event) return SIO_ENAME;
  if (!timeout_ms) timeout_ms = to.nsp->core->opts->ack_timeout_ms;
  int err = sio__query_new(&q, to.nsp, timeout_ms, end_broadcast_ack, user);
  if (err) return err;
  q->cb.replies = cb;
  err = send_to_target(&to, event, args, q);
  if (err)
    sio__query_discard(q);
  else
    sio__query_start(q, timeout_ms == 0);
  return err;
}

int sio_all_join(sio_target to, const char *const *rooms) {
  if (!to.nsp || !rooms) return UV_EINVAL;
  if (loop_refuses_room_change(&to.nsp->core->loop, "sio_all_join()")) return SIO_ESTATE;
  return to.nsp->ops->all_join(to.nsp->adapter, &to, rooms);
}

int sio_all_leave(sio_target to, const char *const *rooms) {
  if (!to.nsp || !rooms) return UV_EINVAL;
  if (loop_refuses_room_change(&to.nsp->core->loop, "sio_all_leave()")) return SIO_ESTATE;
  return to.nsp->ops->all_leave(to.nsp->adapter, &to, rooms);
}

int sio_all_disconnect(sio_target to, bool session) {
  if (!to.nsp) return UV_EINVAL;
  if (loop_refuses_room_change(&to.nsp->core->loop, "sio_all_disconnect()")) return SIO_ESTATE;
  return to.nsp->ops->all_disconnect(to.nsp->adapter, &to, session);
}

int sio_all_each(sio_target to, void (*cb)(sio_socket *s, void *user), void *user) {
  if (!to.nsp || !cb) return UV_EINVAL;
  if (loop_refuses_call(&to.nsp->core->loop, "sio_all_each()")) return SIO_ESTATE;
  return to.nsp->ops->each(to.nsp->adapter, &to, cb, user);
}
