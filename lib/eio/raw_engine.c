/* SPDX-License-Identifier: MIT
 *
 * raw_engine.c - sio_engine_route(): engines without Socket.IO, whose messages go to the host's
 * callbacks.
 */
#include "base/utf8.h"
#include "eio/session.h"
#include <sio/emit.h>

struct raw {
  struct eio eio;
  sio_options opts;
  sio_engine_callbacks cbs;
  void *user;
  char path[];
};

static struct raw *raw_engine_of_session(const sio_session *c) {
  return container_of(c->eio, struct raw, eio);
}

/* ---- callbacks of the engine -------------------------------------------------------------- */

static bool raw_engine_on_session_open(sio_session *c) {
  struct raw *r = raw_engine_of_session(c);
  if (r->cbs.open) r->cbs.open(c, r->user);
  if (r->opts.drop_handshake) sio__session_free_request_url_and_headers(c);
  return true;
}

static void raw_engine_on_message(sio_session *c, bool binary, sio_slice data) {
  struct raw *r = raw_engine_of_session(c);
  if (r->cbs.message) r->cbs.message(c, binary, data, r->user);
}

static void raw_engine_on_session_close(sio_session *c, const sio_close_info *why) {
  struct raw *r = raw_engine_of_session(c);
  if (r->cbs.close) r->cbs.close(c, why, r->user);
}

static void raw_engine_on_session_writable(sio_session *c) {
  struct raw *r = raw_engine_of_session(c);
  if (r->cbs.writable) r->cbs.writable(c, r->user);
}

static void raw_engine_on_events_dropped(sio_session *c, const sio_drop *d) {
  struct raw *r = raw_engine_of_session(c);
  if (r->cbs.drop) r->cbs.drop(c, d, r->user);
}

static const struct eio_ops raw_ops = { .open = raw_engine_on_session_open,
                                        .message = raw_engine_on_message,
                                        .close = raw_engine_on_session_close,
                                        .writable = raw_engine_on_session_writable,
                                        .dropped = raw_engine_on_events_dropped,
                                        .raw = true };

/* ---- creating an engine ------------------------------------------------------------------- */

static void raw_engine_free(struct eio *e) { sio__free(container_of(e, struct raw, eio)); }

static bool raw_engine_path_exists(const struct eio_group *g, const char *path) {
  list_each (it, next, &g->engines) {
    const struct eio *e = container_of(it, struct eio, link);
    if (e->ops->raw && strcmp(e->opts->path, path) == 0) return true;
  }
  return false;
}

int sio__raw_engine_new(struct eio *like, const char *path, const sio_engine_callbacks *cbs,
                        void *user) {
  if (raw_engine_path_exists(like->group, path)) return SIO_EEXISTS;
  size_t n = strlen(path) + 1;
  struct raw *r = sio__calloc(1, sizeof *r + n);
  if (!r) return UV_ENOMEM;
  memcpy(r->path, path, n);
  r->opts = *like->opts;
  r->opts.path = r->path;
  r->cbs = *cbs;
  r->user = user;
  int err = sio__eio_init(&r->eio, &(struct eio_plan){ .group = like->group,
                                                       .loop = like->loop,
                                                       .log = like->log,
                                                       .opts = &r->opts,
                                                       .ws = like->ws,
                                                       .ops = &raw_ops,
                                                       .owner = like->owner,
                                                       .stats = like->stats });
  if (err) {
    sio__free(r);
    return err;
  }
  r->eio.release = raw_engine_free;
  if (like->initial) r->eio.initial = msg_ref(like->initial);
  return 0;
}

/* ---- public functions --------------------------------------------------------------------- */

/* The length of a msg has 32 bits, and a text message takes one more byte, for the packet type. */
static bool is_message_too_long(sio_slice data) { return data.n > UINT32_MAX - 1; }

int sio_session_send(sio_session *c, unsigned flags, bool binary, sio_slice data) {
  struct eio *e = c->eio;
  if (loop_refuse_call_inside_observer_callback(e->loop, "sio_session_send()")) return SIO_ESTATE;
  if (c->state != SESSION_OPEN) return SIO_ECLOSED;
  if (is_message_too_long(data)) return SIO_ETOOBIG;
  if (!binary && !sio__utf8_is_valid(data.p, data.n)) return UV_EINVAL;
  struct msg *m = sio__eio_message_packet_new(e, binary, data);
  if (!m) return UV_ENOMEM;
  m->plain = (flags & SIO_NO_COMPRESS) != 0;
  m->droppable = e->ops->raw;
  int err = sio__session_send(c, m, flags & SIO_VOLATILE);
  if (err == SIO_EDROPPED && (flags & SIO_VOLATILE)) e->stats->volatile_dropped++;
  msg_unref(m);
  return err;
}

void *sio_session_data(const sio_session *c) { return c->eio->ops->raw ? c->user : NULL; }

int sio_session_set_data(sio_session *c, void *data) {
  if (!c->eio->ops->raw) return UV_ENOTSUP;
  c->user = data;
  return 0;
}
