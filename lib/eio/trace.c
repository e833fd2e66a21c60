/* SPDX-License-Identifier: MIT
 *
 * trace.c - calls the engine hooks for packets, and logs the type and the size of packets.
 */
#include "eio/trace.h"

static const char *const packet_names[] = { "open",    "close",   "ping", "pong",
                                            "message", "upgrade", "noop" };

/* The payload is not logged: it may hold passwords or tokens. */
static void log_packet_type_and_size(sio_session *c, const char *way, const sio_engine_packet *p) {
  LOG_ABOUT(c->eio->log, SIO_LOG_DEBUG, SIO_PART_EIO, ABOUT_SESSION(c),
            "packet %s %s: %s%s, %zu bytes", way, sio__session_client_address(c),
            p->binary ? "binary " : "", packet_names[p->type], p->data.n);
}

bool sio__trace_incoming_packet_to_log_and_hooks(sio_session *c, const struct eio_in *in) {
  sio_engine_packet p = { (int)in->type, in->binary, in->data };
  log_packet_type_and_size(c, "from", &p);
  EACH_ENGINE_HOOK(h, c) {
    if (h->engine->packet) h->engine->packet(c, &p, h->user);
    if (c->state != SESSION_OPEN) return false;
  }
  return true;
}

bool sio__trace_call_incoming_message_hooks(sio_session *c, const struct eio_in *in) {
  EACH_ENGINE_HOOK(h, c)
  if (h->engine->message && h->engine->message(c, in->binary, in->data, h->user)) return true;
  return c->state != SESSION_OPEN;
}

static sio_engine_packet engine_packet_from_msg(const struct msg *m) {
  sio_slice all = slice(msg_data(m), m->len);
  if (m->binary) return (sio_engine_packet){ SIO_ENGINE_MESSAGE, true, all };
  return (sio_engine_packet){ all.p[0] - '0', false, slice(all.p + 1, all.n - 1) };
}

void sio__trace_outgoing_packet_to_log_and_hooks(sio_session *c, const struct msg *m) {
  sio_engine_packet p = engine_packet_from_msg(m);
  log_packet_type_and_size(c, "to", &p);
  if (!c->opened) return;
  struct loop *l = c->eio->loop;
  const char *outer = l->watcher;
  l->watcher = "packet_create";
  EACH_ENGINE_HOOK(h, c)
  if (h->engine->packet_create) h->engine->packet_create(c, &p, h->user);
  l->watcher = outer;
}

void sio__trace_outgoing_msgs_to_log_and_hooks(sio_session *c, const struct msg *chain) {
  for (const struct msg *m = chain; m; m = m->next)
    sio__trace_outgoing_packet_to_log_and_hooks(c, m);
}

void sio__trace_call_flush_hooks(sio_session *c) {
  /* The session may have ended earlier in the same turn of the loop. */
  if (!c->opened || c->state != SESSION_OPEN) return;
  CALL_ENGINE_HOOKS(c, flush);
}
