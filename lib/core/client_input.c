/* SPDX-License-Identifier: MIT
 *
 * client_input.c - decodes the messages of a session, and handles the packets: a CONNECT packet
 * requests a new socket, other packets belong to the socket of their namespace. An invalid packet
 * ends the session.
 */
#include "core/client_input.h"

#include "base/mem.h"
#include "core/client.h"
#include "core/client_timeout.h"
#include "core/connect.h"
#include "core/core.h"
#include "core/dispatch.h"
#include "core/held_events.h"
#include "core/ignored.h"
#include "core/nsp.h"
#include "core/nsp_note.h"
#include "core/nsp_request.h"
#include "core/pending_acks.h"
#include "core/socket.h"
#include "packet/parser.h"
#include "packet/protocol4.h"

/* True for a client of Socket.IO 2, which speaks version 3 of the Engine.IO protocol. */
static bool is_socketio2_client(const struct client *cl) {
  return sio__session_protocol_version(cl->session) == 3;
}

/* Returns NULL if the client has no sockets, or if the session has no struct client, for example
 * because memory ran out when the session was opened. */
static sio_socket *first_socket_of_session(const sio_session *c) {
  return client_of_session(c) ? client_of_session(c)->sockets : NULL;
}

/* ---- invalid input -------------------------------------------------------------------------- */

static void client_end_for_protocol_violation(struct client *cl, const char *why) {
  core_of_client(cl)->stats.parse_errors++;
  sio__session_end(cl->session, false, SIO_REASON_FORCED_CLOSE, SIO_EPROTO, why);
}

/* Calls the host's sio_on_error() callbacks, once for each connected socket of the session, for
 * input that was refused. */
static void client_run_error_hooks_of_sockets(sio_session *c, int err, const char *why) {
  sio_error_info info = { err, why, slice(NULL, 0) };
  for (sio_socket *s = first_socket_of_session(c); s; s = s->next)
    if (s->state == SOCKET_CONNECTED) sio__nsp_run_error_hooks(s->nsp, s, &info);
}

static void client_end_for_bad_packet_or_no_memory(struct client *cl, int err, const char *why) {
  if (err == UV_ENOMEM) {
    sio__client_disconnect_out_of_memory(cl);
    return;
  }
  core_of_client(cl)->stats.parse_errors++;
  client_run_error_hooks_of_sockets(cl->session, err, why);
  sio__session_end(cl->session, false, SIO_REASON_FORCED_CLOSE, err, why);
}

/* ---- CONNECT -------------------------------------------------------------------------------- */

/* If the client has joined no namespace yet, counts the auth of its CONNECT packet p. Returns true
 * if the auth of all CONNECT packets that were counted exceeds a quarter of max_unjoined: slow
 * middleware may keep all of it in memory. */
static bool add_auth_bytes_and_is_over_unjoined_limit(struct client *cl, const struct packet *p) {
  if (!sio__client_has_joined_no_namespace(cl)) return false;
  size_t total = sio__client_add_to_auth_byte_total(cl, p->json.n + p->query.n);
  return total > core_of_client(cl)->opts->max_unjoined / 4;
}

/* Returns the number that is limited by max_nsps: the sockets of the client, and its requests for
 * namespaces that do not exist yet (nsp_request.h). */
static uint32_t count_sockets_and_nsp_requests_of_client(const struct client *cl) {
  uint32_t n = 0;
  for (const sio_socket *s = cl->sockets; s; s = s->next) n++;
  for (const struct nsp_note *a = cl->nsp_notes; a; a = a->next) n += a->is_request;
  return n;
}

/* Returns true if the client has joined or requested max_nsps namespaces, so that it cannot join
 * another one. Sockets in state LEAVING count until they are removed, normally at the end of the
 * loop's turn. If the limit is reached, this function first removes as many LEAVING sockets as
 * necessary, which runs their disconnect callbacks. */
static bool finish_leaving_and_is_client_at_max_nsps(struct client *cl) {
  uint32_t max = core_of_client(cl)->opts->max_nsps;
  for (sio_socket *s = cl->sockets, *next; s && count_sockets_and_nsp_requests_of_client(cl) >= max;
       s = next) {
    next = s->next;
    if (s->state == SOCKET_LEAVING) sio__socket_finish_leaving_and_run_hooks(s, NULL);
  }
  return count_sockets_and_nsp_requests_of_client(cl) >= max;
}

/* Handles a CONNECT packet for a namespace in which the client has a socket. Returns true if it has
 * removed that socket, so that the packet is a request for a new one.
 *
 * The official client sends CONNECT twice if its user connects, disconnects and connects again
 * before the first answer has arrived, as React's StrictMode does. While the socket is PENDING or
 * CONNECTED, a second CONNECT with the same auth counts as a repetition of the first. A CONNECT
 * with another auth replaces the socket, because it may come from another user. */
static bool handle_connect_for_existing_socket(struct client *cl, sio_socket *s, sio_slice auth) {
  if (s->state == SOCKET_PENDING) {
    if (sio__connect_update_pending_by_new_connect(s, auth))
      sio__client_disconnect_out_of_memory(cl);
    return false;
  }
  if (s->state == SOCKET_CONNECTED && sio__is_same_auth(sio_socket_auth(s), auth)) {
    sio__connect_resend_answer_unless_just_sent(s);
    return false;
  }
  if (s->state == SOCKET_CONNECTED) sio__socket_start_leaving(s, SIO_REASON_CLIENT_NSP_DISCONNECT);
  sio__socket_finish_leaving_and_run_hooks(s, NULL);
  return true;
}

/* Handles a CONNECT packet for one namespace. The packet may replace a connected socket, and the
 * new socket may be refused. Until the peer receives the refusal, it may send events for the old
 * socket, which are ignored because sio__client_remember_left_nsp() is called here. That function
 * is not called if the list of notes (nsp_note.h) says that the peer left this namespace earlier,
 * after two answers to CONNECT: that note must stay, because the peer may take the second of those
 * answers for the answer to this packet. */
static void connect_client_to_namespace_or_refuse(struct client *cl, sio_slice name,
                                                  sio_slice auth) {
  sio_socket *s = sio__client_find_socket_by_nsp(cl, name);
  bool replaces = s && s->state == SOCKET_CONNECTED;
  if (s && !handle_connect_for_existing_socket(cl, s, auth)) return;
  if (!s && sio__nsp_request_update_by_new_connect(cl, name, auth)) return;
  bool full = finish_leaving_and_is_client_at_max_nsps(cl);
  if (!sio__session_is_open(cl->session)) return;
  if (!sio__client_has_left_nsp_after_connect_answered_twice(cl, name)) {
    sio__client_forget_left_nsp(cl, name);
    if (replaces) sio__client_remember_left_nsp(cl, name);
  }
  sio_nsp *nsp = sio__nsp_find(core_of_client(cl), name);
  if (!nsp && !sio__can_parents_be_asked_for_nsp(core_of_client(cl), name))
    sio__connect_log_and_refuse(cl, name, SIO_REFUSED_NO_NSP);
  else if (full)
    sio__connect_log_and_refuse(cl, name, SIO_REFUSED_TOO_MANY);
  else if (nsp)
    sio__connect_new_socket(cl, nsp, auth);
  else
    sio__nsp_request_start(cl, name, auth);
}

/* Handles a CONNECT packet. A Socket.IO 2 client sends its auth as a query string, later clients
 * send JSON. */
static void client_handle_connect_packet(struct client *cl, const struct packet *p) {
  struct buf auth;
  if (add_auth_bytes_and_is_over_unjoined_limit(cl, p)) {
    client_end_for_bad_packet_or_no_memory(
        cl, SIO_ETOOBIG,
        "the client sent more auth than a quarter of max_unjoined before it joined a namespace");
  } else if (!is_socketio2_client(cl)) {
    connect_client_to_namespace_or_refuse(cl, p->nsp, p->json);
  } else if (sio__auth_query_to_json_object(&auth, p->query)) {
    sio__client_disconnect_out_of_memory(cl);
  } else {
    connect_client_to_namespace_or_refuse(cl, p->nsp, slice(auth.p, auth.n));
    sio__buf_clear(&auth);
  }
}

/* ---- other packets -------------------------------------------------------------------------- */

/* Handles a DISCONNECT packet that arrives before CONNECT was answered. Returns false if p is not
 * such a packet. */
static bool withdraw_unanswered_connect_if_packet_is_disconnect(struct client *cl,
                                                                const struct packet *p,
                                                                sio_socket *s) {
  if (p->type != PACKET_DISCONNECT) return false;
  if (!s) return sio__nsp_request_mark_withdrawn(cl, p->nsp);
  if (s->state != SOCKET_PENDING) return false;
  sio__connect_mark_pending_withdrawn(s);
  return true;
}

/* Handles a packet for a namespace in which the client has no connected socket. If the state of the
 * socket or a note (nsp_note.h) shows that the peer may believe that it is connected to this
 * namespace, the packet is ignored. Otherwise the session is ended. */
static void ignore_packet_for_unjoined_nsp_or_end_session(struct client *cl, const struct packet *p,
                                                          const sio_socket *s) {
  bool server_left =
      s && s->state == SOCKET_LEAVING && s->reason != SIO_REASON_CLIENT_NSP_DISCONNECT;
  if (server_left || sio__client_has_left_nsp(cl, p->nsp))
    sio__count_and_log_ignored_packet(core_of_client(cl), sio__session_client_address(cl->session),
                                      p->nsp, SIO_IGNORED_LEFT);
  else
    client_end_for_protocol_violation(
        cl, "the client sent a packet for a namespace that it has left or not joined");
}

static void client_handle_non_connect_packet(struct client *cl, const struct packet *p) {
  sio_socket *s = sio__client_find_socket_by_nsp(cl, p->nsp);
  if (!s || s->state != SOCKET_CONNECTED) {
    if (!withdraw_unanswered_connect_if_packet_is_disconnect(cl, p, s))
      ignore_packet_for_unjoined_nsp_or_end_session(cl, p, s);
    return;
  }
  switch (p->type) {
    case PACKET_EVENT: sio__dispatch_event(s, p); break;
    case PACKET_ACK: sio__pending_ack_handle_received_ack(s, p); break;
    default:
      sio__client_forget_left_nsp(cl, p->nsp);
      if (s->answered_twice) sio__client_remember_nsp_left_after_connect_answered_twice(cl, p->nsp);
      sio__socket_start_leaving(s, SIO_REASON_CLIENT_NSP_DISCONNECT);
  }
}

/* The payload of a CONNECT packet is not logged, because it may contain a password or a token. */
static void log_received_packet(const struct client *cl, const struct packet *p) {
  struct log *log = &core_of_client(cl)->log;
  static const char *const names[] = { "CONNECT", "DISCONNECT", "EVENT", "ACK", "CONNECT_ERROR" };
  LOG_ABOUT_UNCHECKED(log, SIO_LOG_DEBUG, SIO_PART_SIO, ABOUT_SESSION_OF(cl->session),
                      "received %s for namespace %.*s: %zu bytes of JSON, %u attachments",
                      names[p->type], LOG_SLICE(p->nsp), p->json.n, p->nbins);
  if (p->type == PACKET_CONNECT || p->json.n == 0) return;
  LOG(log, SIO_LOG_TRACE, SIO_PART_SIO, "received payload: %.*s",
      p->json.n < LOG_LINE ? (int)p->json.n : LOG_LINE, p->json.p);
}

static void client_log_and_handle_packet(struct client *cl, struct packet *p) {
  if (is_socketio2_client(cl)) sio__packet_split_query_from_namespace(p);
  struct log *log = &core_of_client(cl)->log;
  if (log->level[SIO_PART_SIO] >= SIO_LOG_DEBUG) log_received_packet(cl, p);
  switch (p->type) {
    case PACKET_CONNECT: client_handle_connect_packet(cl, p); break;
    case PACKET_CONNECT_ERROR:
      client_end_for_protocol_violation(cl,
                                        "the client sent CONNECT_ERROR, which only servers send");
      break;
    default: client_handle_non_connect_packet(cl, p); break;
  }
}

/* ---- callbacks of the Engine.IO session ----------------------------------------------------- */

static bool client_new_for_opened_session(sio_session *c) {
  struct client *cl = sio__calloc(1, sizeof *cl);
  if (!cl) return false;
  cl->session = c;
  if (sio__client_start_join_timeout(cl)) {
    sio__free(cl);
    return false;
  }
  sio__session_set_user(c, cl);
  /* A Socket.IO 2 client sends no CONNECT packet for the namespace "/": opening a session counts as
   * one. */
  if (is_socketio2_client(cl))
    sio__connect_new_socket(cl, sio__nsp_find(core_of_client(cl), SLICE("/")), slice("", 0));
  return true;
}

/* Decodes a message with the host's custom parser (sio_options.parser), which sets *parser_out; if
 * there is none, with the library's decoder. */
static int decode_client_message(struct client *cl, struct sio_parser_out *parser_out, bool binary,
                                 sio_slice data, struct packet *p, const char **why) {
  struct core *core = core_of_client(cl);
  const sio_parser_ops *parser = core->opts->parser;
  const struct decoder_limits *lim =
      sio__client_has_joined_no_namespace(cl) ? &core->unjoined_limits : &core->limits;
  if (parser)
    return sio__custom_parser_decode_packet(parser, &core->loop.msgs, &core->scratch, lim, binary,
                                            data, parser_out, p, why);
  return binary ? sio__decode_packet_attachment(&cl->decoder, &core->scratch, lim, data, p, why)
                : sio__decode_packet_text(&cl->decoder, &core->scratch, lim, data, p, why);
}

static void client_decode_and_handle_message(sio_session *c, bool binary, sio_slice data) {
  struct client *cl = client_of_session(c);
  struct core *core = core_of_client(cl);
  struct sio_parser_out parser_out;
  struct packet p;
  const char *why = "";
  int result = decode_client_message(cl, &parser_out, binary, data, &p, &why);
  if (result < 0) {
    client_end_for_bad_packet_or_no_memory(cl, result, why);
  } else if (result == DECODE_PACKET) {
    client_log_and_handle_packet(cl, &p);
    if (binary) sio__decoder_free_packet(&cl->decoder);
  } else {
    sio__client_start_packet_timeout_or_mark_progress(cl);
  }
  if (core->opts->parser) sio__parser_out_clear(&parser_out);
}

/* Ends all sockets and namespace requests of a client whose session has closed. A socket
 * that was LEAVING already keeps the reason for which it left. */
static void client_end_all_sockets(struct client *cl, const sio_close_info *why) {
  sio__client_abandon_nsp_requests(cl);
  for (sio_socket *s = cl->sockets; s; s = s->next)
    if (s->state == SOCKET_CONNECTED) sio__socket_start_leaving(s, why->reason);
  while (cl->sockets) {
    sio_socket *s = cl->sockets;
    if (s->state == SOCKET_PENDING)
      sio__connect_discard_socket_and_stop_join(s);
    else
      sio__socket_finish_leaving_and_run_hooks(s, s->reason == why->reason ? why : NULL);
  }
}

static void client_end_sockets_and_free(sio_session *c, const sio_close_info *why) {
  struct client *cl = client_of_session(c);
  if (!cl) return;
  sio__decoder_free_packet(&cl->decoder);
  sio__client_timeout_clear(cl);
  client_end_all_sockets(cl, why);
  sio__held_events_forget_client(cl);
  sio__client_free_nsp_notes(cl);
  sio__session_set_user(c, NULL);
  sio__free(cl);
}

static void client_run_writable_hooks_of_sockets(sio_session *c) {
  for (sio_socket *s = first_socket_of_session(c); s; s = s->next)
    if (sio_socket_connected(s)) sio__nsp_run_writable_hooks(s->nsp, s);
}

static void client_run_drop_hooks_of_sockets(sio_session *c, const sio_drop *d) {
  for (sio_socket *s = first_socket_of_session(c); s; s = s->next)
    if (s->state == SOCKET_CONNECTED) sio__nsp_run_drop_hooks(s->nsp, s, d);
}

const struct eio_ops sio__client_ops = {
  .open = client_new_for_opened_session,
  .message = client_decode_and_handle_message,
  .close = client_end_sockets_and_free,
  .writable = client_run_writable_hooks_of_sockets,
  .dropped = client_run_drop_hooks_of_sockets,
  .refused = client_run_error_hooks_of_sockets,
};
