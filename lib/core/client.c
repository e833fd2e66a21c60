/* SPDX-License-Identifier: MIT
 *
 * client.c - packets in, to the socket they are for; and what ends the peer that
 * sends the wrong ones.
 */
#include "core/client.h"

#include "core/connect.h"
#include "core/core.h"
#include "core/dispatch.h"
#include "core/dynamic.h"
#include "core/nsp.h"
#include "core/socket.h"
#include "packet/parser.h"
#include "packet/protocol4.h"

/* A client of Socket.IO 2. */
static bool is_legacy(const struct client *cl) { return sio_session_protocol(cl->session) == 3; }

/* ---- its sockets ------------------------------------------------------------------- */

void sio__client_add_socket(struct client *cl, sio_socket *s) {
  s->next = cl->sockets;
  cl->sockets = s;
  sio_nsp_ref(s->nsp);
}

void sio__client_remove_socket(struct client *cl, sio_socket *s) {
  sio_socket **at = &cl->sockets;
  while (*at != s) at = &(*at)->next;
  *at = s->next;
  sio_nsp_unref(s->nsp);
}

/* Without memory for a client the session is over before it begins. */
static sio_socket *sockets_of(const sio_session *c) {
  return client_of(c) ? client_of(c)->sockets : NULL;
}

static sio_socket *find(const struct client *cl, sio_slice nsp) {
  sio_socket *s = cl->sockets;
  while (s && !slice_is(nsp, s->nsp->name)) s = s->next;
  return s;
}

/* ---- namespaces the server made it leave -------------------------------------------- */

struct nsp_note **sio__client_find_nsp_note(struct client *cl, sio_slice nsp, bool asked) {
  struct nsp_note **at = &cl->nsp_notes;
  while (*at && ((*at)->asked != asked || !slice_is(nsp, (*at)->nsp))) at = &(*at)->next;
  return at;
}

static struct nsp_note **find_left(struct client *cl, sio_slice nsp) {
  return sio__client_find_nsp_note(cl, nsp, false);
}

static void forget_left(struct nsp_note **at) {
  struct nsp_note *l = *at;
  if (!l) return;
  *at = l->next;
  sio__free(l);
}

/* No more than it may be in: what is older its peer knows by now. */
static void bound_left(struct client *cl) {
  uint32_t room = client_core(cl)->opts->max_nsps;
  for (struct nsp_note **at = &cl->nsp_notes; *at;) {
    if ((*at)->asked || room > 0) {
      if (!(*at)->asked) room--;
      at = &(*at)->next;
    } else {
      forget_left(at);
    }
  }
}

/* Without memory for the note a late packet ends the connection, as from a peer that never
 * joined. */
void sio__client_note_left_nsp(struct client *cl, const sio_nsp *nsp) {
  size_t n = strlen(nsp->name) + 1;
  struct nsp_note *l = sio__malloc(sizeof *l + n);
  if (!l) return;
  *l = (struct nsp_note){ .next = cl->nsp_notes, .nsp = (char *)(l + 1) };
  memcpy(l + 1, nsp->name, n);
  cl->nsp_notes = l;
  bound_left(cl);
}

/* ---- the ends ------------------------------------------------------------------------ */

void sio__client_end_no_memory(struct client *cl) {
  sio__session_end(cl->session, true, SIO_REASON_TRANSPORT_ERROR, UV_ENOMEM, "out of memory");
}

static void violate(struct client *cl, const char *why) {
  client_core(cl)->stats.parse_errors++;
  sio__session_end(cl->session, false, SIO_REASON_FORCED_CLOSE, SIO_EPROTO, why);
}

static void on_refused(sio_session *c, int err, const char *why) {
  for (sio_socket *s = sockets_of(c); s; s = s->next)
    if (s->state == SOCKET_CONNECTED) sio__nsp_run_error_hooks(s->nsp, s, err, why);
}

static void undecodable(struct client *cl, int err, const char *why) {
  if (err == UV_ENOMEM) {
    sio__client_end_no_memory(cl);
    return;
  }
  client_core(cl)->stats.parse_errors++;
  on_refused(cl->session, err, why);
  sio__session_end(cl->session, false, SIO_REASON_FORCED_CLOSE, err, why);
}

/* ---- patience with one that joins nothing, or leaves a packet unfinished: only few are waited
 * for, so it is not in the client */

struct client_timeout {
  struct client *client;
  unsigned ms;
  bool joins;      /* else attachments are waited for, or were when the timer was started */
  bool heard;      /* a part of a packet came since then                                    */
  size_t arriving; /* bytes that were here then of a part that is not whole                 */
  bool excused;    /* the time was given once more                                          */
  struct timer timer;
};

static void start_clock(struct client_timeout *p) {
  sio__loop_timer(&client_core(p->client)->loop, &p->timer, p->ms);
}

static void end_client_timeout(struct client *cl) {
  if (!cl->client_timeout) return;
  sio__loop_untimer(&client_core(cl)->loop, &cl->client_timeout->timer);
  sio__free(cl->client_timeout);
  cl->client_timeout = NULL;
}

/* Has anything come of the attachments since this was last asked? What was not read may be that. */
static bool makes_progress(struct client_timeout *p) {
  sio_session *c = p->client->session;
  size_t arriving = sio__session_arriving(c);
  bool some = p->heard || (arriving && arriving != p->arriving) || sio__session_unread(c);
  p->heard = false;
  p->arriving = arriving;
  return some;
}

/* The host kept the loop while it ran out. */
static bool is_excused(struct client_timeout *p) {
  bool excused = loop_excuses(&client_core(p->client)->loop, p->excused);
  p->excused |= excused;
  return excused;
}

/* With attachments the timer is not touched for each packet. It may find that nothing is waited
 * for now. */
static void on_client_timeout(struct timer *t) {
  struct client_timeout *p = container_of(t, struct client_timeout, timer);
  if (!p->joins && !decoder_waits(&p->client->decoder))
    end_client_timeout(p->client);
  else if (is_excused(p) || (!p->joins && makes_progress(p)))
    start_clock(p);
  else
    sio__session_end(p->client->session, p->joins, SIO_REASON_FORCED_CLOSE, SIO_ETIMEOUT,
                     p->joins ? "it joined no namespace in time"
                              : "the attachments of a packet did not come in time");
}

static int start_client_timeout(struct client *cl, unsigned ms, bool joins) {
  struct client_timeout *p = cl->client_timeout = sio__malloc(sizeof *p);
  if (!p) return UV_ENOMEM;
  *p = (struct client_timeout){ .client = cl, .ms = ms, .joins = joins };
  timer_init(&p->timer, on_client_timeout);
  start_clock(p);
  return 0;
}

/* It has never been in a namespace: what it may cost is little (max_unjoined). */
static bool is_unjoined(const struct client *cl) {
  return cl->client_timeout && cl->client_timeout->joins;
}

/* Middleware may keep all of it waiting. */
static bool is_too_much_auth(struct client *cl, const struct packet *p) {
  if (!is_unjoined(cl)) return false;
  cl->auth_bytes += p->json.n + p->query.n;
  return cl->auth_bytes > client_core(cl)->opts->max_unjoined / 4;
}

/* One that joins none has a time already, and none behind it. */
static void await_rest(struct client *cl) {
  if (!decoder_waits(&cl->decoder)) return;
  if (cl->client_timeout)
    cl->client_timeout->heard = true;
  else if (start_client_timeout(cl, client_core(cl)->opts->packet_timeout_ms, false))
    sio__client_end_no_memory(cl);
}

void sio__client_on_joined(struct client *cl) {
  sio__session_joined(cl->session);
  end_client_timeout(cl);
  await_rest(cl);
}

/* ---- packets -------------------------------------------------------------------------- */

/* Its sockets, and what it asks for: at most max_nsps. */
static uint32_t places_taken(const struct client *cl) {
  uint32_t n = 0;
  for (const sio_socket *s = cl->sockets; s; s = s->next) n++;
  for (const struct nsp_note *a = cl->nsp_notes; a; a = a->next) n += a->asked;
  return n;
}

/* Namespaces it left in this turn: their ends, due anyway, come now if their places are needed. */
static bool is_full(struct client *cl) {
  uint32_t max = client_core(cl)->opts->max_nsps;
  for (sio_socket *s = cl->sockets, *next; s && places_taken(cl) >= max; s = next) {
    next = s->next;
    if (s->state == SOCKET_LEAVING) sio__socket_finish_leaving(s, NULL);
  }
  return places_taken(cl) >= max;
}

/* The official client sends CONNECT twice when its user connects, disconnects and connects again
 * before the first answer is there, as React's StrictMode does. With the same auth the second one
 * is the same wish; with another one the peer wants to be somebody else, and it begins anew. True
 * if the peer has no socket in the namespace now. */
static bool make_way(struct client *cl, sio_socket *s, sio_slice auth) {
  if (s->state == SOCKET_PENDING) {
    if (sio__connect_on_second_connect(s, auth)) sio__client_end_no_memory(cl);
    return false;
  }
  if (s->state == SOCKET_CONNECTED && sio__auth_equals(sio_socket_auth(s), auth)) {
    sio__connect_resend_answer(s);
    return false;
  }
  if (s->state == SOCKET_CONNECTED) sio__socket_start_leaving(s, SIO_REASON_CLIENT_NSP_DISCONNECT);
  sio__socket_finish_leaving(s, NULL);
  return true;
}

static void join(struct client *cl, sio_slice name, sio_slice auth) {
  sio_socket *s = find(cl, name);
  if (s ? !make_way(cl, s, auth) : sio__nsp_request_on_second_connect(cl, name, auth)) return;
  bool full = is_full(cl);
  if (!sio__session_open(cl->session)) return;
  forget_left(find_left(cl, name));
  sio_nsp *nsp = sio__nsp_find(client_core(cl), name);
  if (!nsp && !sio__nsp_may_be_requested(client_core(cl), name))
    sio__connect_refuse(cl, name, SIO_REFUSED_NO_NSP);
  else if (full)
    sio__connect_refuse(cl, name, SIO_REFUSED_TOO_MANY);
  else if (nsp)
    sio__connect_start(cl, nsp, auth);
  else
    sio__nsp_request_start(cl, name, auth);
}

static void on_connect(struct client *cl, const struct packet *p) {
  struct buf auth;
  if (is_too_much_auth(cl, p)) {
    undecodable(cl, SIO_ETOOBIG, "more auth than max_unjoined allows");
  } else if (!is_legacy(cl)) {
    join(cl, p->nsp, p->json);
  } else if (sio__legacy_auth(&auth, p->query)) {
    sio__client_end_no_memory(cl);
  } else {
    join(cl, p->nsp, slice(auth.p, auth.n));
    sio__buf_clear(&auth);
  }
}

/* DISCONNECT before the answer to CONNECT. */
static bool withdraw(struct client *cl, const struct packet *p, sio_socket *s) {
  if (p->type != PACKET_DISCONNECT) return false;
  if (!s) return sio__nsp_request_withdraw(cl, p->nsp);
  if (s->state != SOCKET_PENDING) return false;
  sio__connect_withdraw(s);
  return true;
}

/* A packet for a namespace that it is not connected to. */
static void on_stray(struct client *cl, const struct packet *p, const sio_socket *s) {
  bool unaware = s && s->state == SOCKET_LEAVING && s->reason != SIO_REASON_CLIENT_NSP_DISCONNECT;
  if (unaware || *find_left(cl, p->nsp)) return;
  violate(cl, "a packet for a namespace it has not joined");
}

static void on_packet(struct client *cl, const struct packet *p) {
  sio_socket *s = find(cl, p->nsp);
  if (!s || s->state != SOCKET_CONNECTED) {
    if (!withdraw(cl, p, s)) on_stray(cl, p, s);
    return;
  }
  switch (p->type) {
    case PACKET_EVENT: sio__dispatch_event(s, p); break;
    case PACKET_ACK: sio__pending_reply(s, p); break;
    default: sio__socket_start_leaving(s, SIO_REASON_CLIENT_NSP_DISCONNECT); break;
  }
}

/* What a CONNECT brings is for the host's eyes alone. */
static void log_packet(struct log *log, const struct packet *p) {
  static const char *const names[] = { "CONNECT", "DISCONNECT", "EVENT", "ACK", "CONNECT_ERROR" };
  LOG(log, SIO_LOG_DEBUG, SIO_ROOM_SIO, "%s for %.*s, %zu bytes, %u attachments", names[p->type],
      LOG_SLICE(p->nsp), p->json.n, p->nbins);
  if (p->type == PACKET_CONNECT || p->json.n == 0) return;
  LOG(log, SIO_LOG_TRACE, SIO_ROOM_SIO, "payload: %.*s",
      p->json.n < LOG_LINE ? (int)p->json.n : LOG_LINE, p->json.p);
}

static void route(struct client *cl, struct packet *p) {
  if (is_legacy(cl)) sio__legacy_split(p);
  struct log *log = &client_core(cl)->log;
  if (log->level[SIO_ROOM_SIO] >= SIO_LOG_DEBUG) log_packet(log, p);
  switch (p->type) {
    case PACKET_CONNECT: on_connect(cl, p); break;
    case PACKET_CONNECT_ERROR: violate(cl, "CONNECT_ERROR from a client"); break;
    default: on_packet(cl, p); break;
  }
}

/* ---- what the engine tells -------------------------------------------------------------- */

static bool on_open(sio_session *c) {
  struct client *cl = sio__calloc(1, sizeof *cl);
  if (!cl) return false;
  cl->session = c;
  if (start_client_timeout(cl, client_core(cl)->opts->connect_timeout_ms, true)) {
    sio__free(cl);
    return false;
  }
  sio__session_set_up(c, cl);
  /* Their connection is a CONNECT to "/" by itself. */
  if (is_legacy(cl))
    sio__connect_start(cl, sio__nsp_find(client_core(cl), SLICE("/")), slice("", 0));
  return true;
}

/* own is set only where there is a parser. */
static int decode(struct client *cl, struct core *core, struct sio_parser_out *own, bool binary,
                  sio_slice data, struct packet *p, const char **why) {
  const sio_parser_ops *parser = core->opts->parser;
  const struct decoder_limits *lim = is_unjoined(cl) ? &core->unjoined_limits : &core->limits;
  if (parser)
    return sio__parser_decode(parser, &core->loop.msgs, &core->scratch, lim, binary, data, own, p,
                              why);
  return binary ? sio__decode_binary(&cl->decoder, &core->scratch, lim, data, p, why)
                : sio__decode_text(&cl->decoder, &core->scratch, lim, data, p, why);
}

static void on_message(sio_session *c, bool binary, sio_slice data) {
  struct client *cl = client_of(c);
  struct core *core = client_core(cl);
  struct sio_parser_out own;
  struct packet p;
  const char *why = "";
  int got = decode(cl, core, &own, binary, data, &p, &why);
  if (got < 0) {
    undecodable(cl, got, why);
  } else if (got == DECODE_PACKET) {
    route(cl, &p);
    if (binary) sio__decoder_release(&cl->decoder);
  } else {
    await_rest(cl);
  }
  if (core->opts->parser) sio__parser_out_clear(&own);
}

/* Sockets that were leaving already keep their own reason. */
static void end_sockets(struct client *cl, const sio_close_info *why) {
  sio__nsp_requests_abandon(cl);
  for (sio_socket *s = cl->sockets; s; s = s->next)
    if (s->state == SOCKET_CONNECTED) sio__socket_start_leaving(s, why->reason);
  while (cl->sockets) {
    sio_socket *s = cl->sockets;
    if (s->state == SOCKET_PENDING)
      sio__connect_abandon(s);
    else
      sio__socket_finish_leaving(s, s->reason == why->reason ? why : NULL);
  }
}

static void on_close(sio_session *c, const sio_close_info *why) {
  struct client *cl = client_of(c);
  if (!cl) return;
  sio__decoder_release(&cl->decoder);
  end_client_timeout(cl);
  end_sockets(cl, why);
  while (cl->nsp_notes) forget_left(&cl->nsp_notes);
  sio__session_set_up(c, NULL);
  sio__free(cl);
}

static void on_writable(sio_session *c) {
  for (sio_socket *s = sockets_of(c); s; s = s->next)
    if (s->state == SOCKET_CONNECTED) sio__nsp_run_writable_hooks(s->nsp, s);
}

static void on_dropped(sio_session *c, const sio_drop *d) {
  for (sio_socket *s = sockets_of(c); s; s = s->next)
    if (s->state == SOCKET_CONNECTED) sio__nsp_run_drop_hooks(s->nsp, s, d);
}

const struct eio_ops sio__client_ops = {
  .open = on_open,
  .message = on_message,
  .close = on_close,
  .writable = on_writable,
  .dropped = on_dropped,
  .refused = on_refused,
};
