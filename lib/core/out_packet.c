/* SPDX-License-Identifier: MIT
 *
 * out_packet.c - encodes a packet once, and queues it for any number of sockets.
 */
#include "core/out_packet.h"

#include "base/mem.h"
#include "base/random.h"
#include "base/sized.h"
#include "core/core.h"
#include "core/nsp.h"
#include "core/pending_acks.h"
#include "core/query.h"
#include "core/recovery.h"
#include "core/socket.h"
#include "packet/parser.h"

/* ---- encoding ------------------------------------------------------------------------------- */

static void packet_forbid_compression(sio_packet *p) {
  for (struct msg *m = p->msg; m; m = m->next) m->plain = true;
}

void sio__packet_mark_droppable(sio_packet *p, const char *key) {
  p->msg->droppable = true;
  if (key) p->msg->key = sio__hash_bytes(key, strlen(key)) | 1;
  for (struct msg *m = p->msg->next; m; m = m->next) m->follows = true;
}

/* Converts the packet with the host's custom parser, if there is one. Receivers are sent the
 * result; the JSON is kept too, because adapters read that. */
static int packet_convert_with_custom_parser(sio_packet *p, enum packet_type type, int64_t id) {
  struct core *core = p->nsp->core;
  if (!core->opts->parser) return 0;
  p->text = p->msg;
  p->msg = NULL;
  int err = sio__custom_parser_encode_packet(core->opts->parser, &core->loop.msgs, p->text, type,
                                             slice_str(p->nsp->name), id, &p->msg);
  if (!err) return 0;
  msg_unref(p->text);
  p->text = NULL;
  return err;
}

static const struct msg *packet_get_msg_with_json(const sio_packet *p) {
  return p->text ? p->text : p->msg;
}

static void packet_log_sending(struct log *log, const sio_packet *p) {
  const struct msg *m = packet_get_msg_with_json(p);
  LOG_ABOUT_UNCHECKED(log, SIO_LOG_DEBUG, SIO_PART_SIO, ABOUT_NSP(p->nsp->name),
                      "sending %s \"%s\" in namespace %s, %u bytes without attachments",
                      p->event ? "event" : "ack", p->event ? p->event : "", p->nsp->name,
                      p->msg->len);
  LOG(log, SIO_LOG_TRACE, SIO_PART_SIO, "sent payload: %.*s",
      m->len <= LOG_LINE ? (int)m->len - 1 : LOG_LINE, msg_data(m) + 1);
}

static int packet_encode_with_optional_replay_offset(sio_packet *p, sio_nsp *nsp, unsigned flags,
                                                     const char *event, sio_args args,
                                                     int64_t ack_id, sio_slice offset) {
  struct core *core = nsp->core;
  *p = (sio_packet){ .nsp = nsp, .event = event, .args = args, .max_uncounted = UINT32_MAX };
  if (loop_refuse_call_inside_observer_callback(&core->loop, event ? "sending" : "sio_reply()"))
    return SIO_ESTATE;
  int err = sio__encode_event_with_extra_argument(&core->loop.msgs, &core->scratch, &p->msg,
                                                  nsp->name, event, args, ack_id, offset);
  if (!err) err = packet_convert_with_custom_parser(p, event ? PACKET_EVENT : PACKET_ACK, ack_id);
  if (err) return err;
  p->offset_len = offset.n ? (uint32_t)offset.n + 3 : 0; /* 3 for a comma and two quotes */
  if (flags & SIO_NO_COMPRESS) packet_forbid_compression(p);
  if (core->log.level[SIO_PART_SIO] >= SIO_LOG_DEBUG) packet_log_sending(&core->log, p);
  return 0;
}

int sio__packet_encode_event_or_ack(sio_packet *p, sio_nsp *nsp, unsigned flags, const char *event,
                                    sio_args args, int64_t ack_id, struct recovery *r) {
  char offset[REPLAY_OFFSET_MAX];
  bool is_volatile = flags & SIO_VOLATILE;
  size_t n = r ? sio__recovery_format_next_event_offset(r, is_volatile, offset) : 0;
  int err = packet_encode_with_optional_replay_offset(p, nsp, flags, event, args, ack_id,
                                                      slice(offset, n));
  if (!err && r && !is_volatile) p->seq = recovery_assign_next_event_number(r);
  return err;
}

int sio__packet_encode_broadcast_and_keep_for_replay(sio_packet *p, const sio_target *to,
                                                     const char *event, sio_args args, sio_query *q,
                                                     sio_slice offset) {
  sio_nsp *nsp = to->nsp;
  int64_t id = q ? q->ack_id : PACKET_NO_ID;
  struct recovery *r = q ? NULL : get_recovery_unless_kept_by_adapter(nsp->recovery);
  int err = offset.n ? packet_encode_with_optional_replay_offset(p, nsp, to->flags, event, args, id,
                                                                 offset)
                     : sio__packet_encode_event_or_ack(p, nsp, to->flags, event, args, id, r);
  p->query = q;
  if (!err && !q) sio__packet_mark_droppable(p, to->key);
  if (!err && p->seq) sio__packet_add_to_replay_log(p, to);
  return err;
}

void sio__packet_add_to_replay_log(const sio_packet *p, const sio_target *to) {
  struct recovery *r = p->nsp->recovery;
  sio__recovery_add_event_to_log(r, p->seq, p->msg, to);
  if (p->nsp->core->threads)
    sio__replay_log_set_text_of_newest_event(&r->log, p->seq, p->text, p->offset_len);
}

/* ---- sending -------------------------------------------------------------------------------- */

__attribute__((noinline)) static void packet_add_receivers_to_stats(sio_packet *p) {
  p->nsp->events_out += p->uncounted;
  sio__count_packets_sent(&p->nsp->core->stats, p->msg, p->uncounted);
  p->uncounted = 0;
}

/* Sends the packet, and changes its counters. The parameter is const only because packets come from
 * adapters, which must not change them. */
static inline int packet_send_to_session(const sio_packet *packet, sio_socket *s, unsigned flags) {
  sio_packet *p = (sio_packet *)(uintptr_t)packet;
  int err = sio__session_send_for_caller_to_count(s->session, p->msg, flags & SIO_VOLATILE);
  if (!err && ++p->uncounted < p->max_uncounted) return 0;
  if (err) p->send_err = err;
  if (!err)
    packet_add_receivers_to_stats(p);
  else if (err == SIO_EDROPPED && (flags & SIO_VOLATILE))
    p->nsp->core->stats.volatile_dropped++;
  return err;
}

/* Sends the event to one socket, and adds the socket's ack to those that p->query waits for. If the
 * query waits for an ack of this socket already, sends nothing and returns SIO_EEXISTS. If the
 * event was dropped because it is volatile, no ack is expected. After any other error the ack is
 * expected, but counted as lost at once. */
static int packet_send_and_await_ack_for_query(const sio_packet *p, sio_socket *s, unsigned flags) {
  sio_query *q = p->query;
  int err = sio__pending_ack_add_for_query(s, q);
  if (err == SIO_EEXISTS) return err;
  if (!err && (err = packet_send_to_session(p, s, flags)))
    sio__pending_ack_free_without_callback(s, q->ack_id);
  if (err == SIO_EDROPPED) return err;
  p->nsp->core->stats.acks_asked += !err;
  sio__query_expect_more_answers(q, 1);
  if (err) sio__query_count_lost_answers(q, 1);
  return err;
}

int sio__packet_deliver_to_socket(const sio_packet *p, sio_socket *s, unsigned flags) {
  if (s->state != SOCKET_CONNECTED) return SIO_ECLOSED;
  if (p->seq) recovery_record_set_last_sent(s->recovery_record, p->seq);
  if (!hooks_is_empty(&p->nsp->outgoing)) sio__nsp_run_outgoing_hooks(p->nsp, s, p->event, p->args);
  return p->query ? packet_send_and_await_ack_for_query(p, s, flags)
                  : packet_send_to_session(p, s, flags);
}

void sio__packet_clear(sio_packet *p) {
  if (p->uncounted) packet_add_receivers_to_stats(p);
  msg_unref(p->msg);
  msg_unref(p->text);
  sio__free((void *)(uintptr_t)p->json_without_offset.p);
  sio__free(p->bins);
}

/* ---- what adapters read --------------------------------------------------------------------- */

/* Returns the part of the packet's text that is a JSON array. Before the array there are the packet
 * types, and there may be the number of attachments, the namespace and the ack id. */
static sio_slice packet_find_json_array(const sio_packet *p) {
  const struct msg *m = packet_get_msg_with_json(p);
  const char *text = msg_data(m), *at = text + 2, *end = text + m->len;
  if (m->next) at = (const char *)memchr(text, '-', m->len) + 1;
  if (*at == '/') at += strlen(p->nsp->name);
  at = memchr(at, '[', (size_t)(end - at));
  return slice(at, (size_t)(end - at));
}

/* Sets p->json_without_offset to a copy of the JSON array without the replay offset at its end.
 * Adapters send this JSON to other servers, and those append the offset that is valid for their
 * clients. If memory runs out, json_without_offset stays empty. */
static void packet_store_json_without_replay_offset(sio_packet *p) {
  sio_slice json = packet_find_json_array(p);
  size_t n = json.n - p->offset_len;
  char *copy = sio__strndup(json.p, n);
  if (!copy) return;
  copy[n - 1] = ']';
  p->json_without_offset = slice(copy, n);
}

static sio_slice packet_get_json_without_replay_offset(sio_packet *p) {
  if (!p->offset_len) return packet_find_json_array(p);
  if (!p->json_without_offset.n) packet_store_json_without_replay_offset(p);
  return p->json_without_offset;
}

sio_slice sio__packet_get_replay_offset(const sio_packet *p) {
  if (!p->offset_len) return slice(NULL, 0);
  sio_slice json = packet_find_json_array(p); /* it ends with ,"offset"] */
  return slice(json.p + json.n - p->offset_len + 1, p->offset_len - 3);
}

static size_t packet_count_attachments(const sio_packet *p) {
  size_t n = 0;
  for (const struct msg *m = packet_get_msg_with_json(p)->next; m; m = m->next) n++;
  return n;
}

static int packet_make_attachment_array(sio_packet *p, size_t n) {
  if (!n || p->bins) return 0;
  sio_slice *at = p->bins = sio__malloc(size_mul(n, sizeof *p->bins));
  if (!at) return UV_ENOMEM;
  for (const struct msg *m = packet_get_msg_with_json(p)->next; m; m = m->next)
    *at++ = slice(msg_data(m), m->len);
  return 0;
}

/* May store in the packet what *out points to afterwards. The parameter is const only because
 * adapters, which call this function, must not change a packet. */
int sio__packet_get_info(const sio_packet *packet, sio_packet_info *out) {
  sio_packet *p = (sio_packet *)(uintptr_t)packet;
  sio_packet_info info = { .query = p->query, .origin = p->origin };
  sio_slice json = packet_get_json_without_replay_offset(p);
  size_t nbins = packet_count_attachments(p);
  int err = json.p ? packet_make_attachment_array(p, nbins) : UV_ENOMEM;
  if (!err) {
    info.json = json;
    info.bins = p->bins;
    info.nbins = nbins;
  }
  sio__fill_sized_struct(out, &info, sizeof info);
  return err;
}
