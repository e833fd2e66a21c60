/* SPDX-License-Identifier: MIT
 *
 * peer.h - a server and its peers without a network: real sessions on a transport that writes what
 * it is given into a string.
 *
 *     start(NULL);
 *     struct peer *p = peer_new();
 *     say(p, "40");
 *     HEARD(p, "40{\"sid\":\"?\"} ");
 *     stop();
 *
 * Messages heard end in a blank each; attachments are "b:" and hexadecimal digits; a session's end
 * is "end " (what was queued goes first) or "cut ". Ids are written "?". turn() is the end of the
 * loop's turn; later(ms) lets time pass for timers. trace() collects what the callbacks saw.
 */
#ifndef SIO_TEST_PEER_H
#define SIO_TEST_PEER_H

#include "alloc.h"
#include "clock.h"
#include "core/event.h"
#include "core/nsp.h"
#include "core/socket.h"
#include "eio/sent.h"
#include "eio/session.h"
#include "server/server.h"
#include "trace.h"
#include <sio/adapter.h>
#include <sio/engine.h>
#include <sio/http.h>
#include <sio/metrics.h>
#include <sio/parser.h>
#include <sio/sio.h>
#include <uv.h>

enum { PEERS = 128, HEARD = 1 << 16 };

struct peer {
  sio_session *session; /* NULL once it is over */
  bool busy;            /* not ready for volatile packets */
  size_t queued;
  size_t packets; /* msgs sent to it, ever */
  size_t n;
  char out[HEARD];
  char last[HEARD];
};

static uv_loop_t loop;
static uv_async_t alive; /* so that the loop has turns although nothing listens */
static sio_server *srv;
static sio_nsp *root;
static struct peer *peers[PEERS];
static unsigned npeers;
static bool closed;

/* ---- the transport ---------------------------------------------------------------------- */

static inline struct peer *peer_of(const sio_session *c) {
  for (unsigned i = 0; i < npeers; i++)
    if (peers[i]->session == c) return peers[i];
  abort();
}

static inline void note(struct peer *p, const char *s, size_t n) {
  if (p->n + n >= HEARD) abort();
  memcpy(p->out + p->n, s, n);
  p->n += n;
}

static int fake_send(sio_session *c, struct msg *m) {
  struct peer *p = peer_of(c);
  char hex[3];
  p->packets++;
  if (!m->binary) note(p, msg_data(m), m->len);
  if (m->binary) note(p, "b:", 2);
  for (uint32_t i = 0; m->binary && i < m->len; i++) {
    snprintf(hex, sizeof hex, "%02x", (unsigned char)msg_data(m)[i]);
    note(p, hex, 2);
  }
  note(p, " ", 1);
  return 0;
}

static bool fake_ready(const sio_session *c) { return !peer_of(c)->busy; }
static size_t fake_queued(const sio_session *c) { return peer_of(c)->queued; }

static bool fake_end(sio_session *c, bool graceful) {
  struct peer *p = peer_of(c);
  note(p, graceful ? "end " : "cut ", 4);
  p->session = NULL;
  return false;
}

/* Nothing waits here. */
static int fake_mark(sio_session *c) {
  sio__sent_callbacks_schedule_oldest(c, 1);
  return 0;
}

static const struct transport fake_transport = { .name = "fake",
                                                 .send = fake_send,
                                                 .ready = fake_ready,
                                                 .queued = fake_queued,
                                                 .held = fake_queued,
                                                 .queue_sent_mark = fake_mark,
                                                 .end = fake_end };

/* ---- server and loop ---------------------------------------------------------------------- */

static inline void turn(void) { uv_run(&loop, UV_RUN_NOWAIT); }

static inline void later(uint64_t ms) {
  clock_ms += ms;
  sio__timers_fire_due(&srv->core.loop.timers, clock_ms);
  turn();
}

static void on_alive(uv_async_t *h) { (void)h; }

static inline int start_code(const sio_options *opts) {
  alloc_install();
  traced[0] = '\0';
  npeers = 0;
  closed = false;
  uv_loop_init(&loop);
  uv_async_init(&loop, &alive, on_alive);
  int err = sio_server_new(&loop, opts, &srv);
  return err ? err : sio_of(srv, "/", &root);
}

static inline void start(const sio_options *opts) {
  if (start_code(opts)) abort();
}

static void on_done(void *user) {
  (void)user;
  closed = true;
}

static inline void end_loop(void) {
  uv_close((uv_handle_t *)&alive, NULL);
  uv_run(&loop, UV_RUN_DEFAULT);
  EQ(uv_loop_close(&loop), 0);
}

/* The server goes; what the host still holds of it may be given back behind this. */
static inline void server_gone(void) {
  if (!closed && !srv->core.closing) sio_server_close(srv, on_done, NULL);
  for (int i = 0; i < 20 && !closed; i++) turn();
  CHECK(closed);
}

/* Nothing may stay in memory. */
static inline void nothing_left(void) {
  end_loop();
  EQ(alloc_live, 0);
  while (npeers) free(peers[--npeers]);
}

static inline void stop(void) {
  alloc_fail_in(0);
  server_gone();
  nothing_left();
}

/* ---- peers ----------------------------------------------------------------------------------- */

static inline struct peer *peer_speaking(unsigned protocol) {
  struct peer *p = calloc(1, sizeof *p);
  if (!p || npeers == PEERS) abort();
  if (sio__session_new(&p->session, &srv->eio, NULL, NULL, protocol)) {
    free(p);
    return NULL;
  }
  peers[npeers++] = p;
  p->session->transport = &fake_transport;
  sio__session_count_and_report_open(p->session);
  return p;
}

static inline struct peer *peer_new(void) { return peer_speaking(4); }
static inline struct peer *peer_new3(void) { return peer_speaking(3); }

/* The bytes go away after the call, as those of a read do. */
static inline void say_n(struct peer *p, bool binary, const void *data, size_t n) {
  if (!p->session) return;
  char *copy = malloc(n ? n : 1);
  if (n) memcpy(copy, data, n);
  if (binary)
    sio__session_handle_packet(p->session, &(struct eio_in){ true, EIO_MESSAGE, slice(copy, n) });
  else
    sio__session_handle_websocket_text(p->session, slice(copy, n));
  memset(copy, '#', n);
  free(copy);
}

static inline void say(struct peer *p, const char *text) { say_n(p, false, text, strlen(text)); }

static inline void say_bin(struct peer *p, const char *bytes, size_t n) {
  say_n(p, true, bytes, n);
}

static inline void hang_up(struct peer *p) {
  if (p->session) sio__session_end_by_peer(p->session, SIO_REASON_TRANSPORT_CLOSE, 0, 0, "hung up");
  turn();
}

/* What it was sent since the last call. */
static inline const char *heard(struct peer *p) {
  static const char key[] = "\"sid\":\"";
  size_t n = 0;
  for (size_t i = 0; i < p->n; i++) {
    p->last[n++] = p->out[i];
    if (i + 1 < sizeof key - 1 || memcmp(p->out + i + 2 - sizeof key, key, sizeof key - 1))
      continue;
    p->last[n++] = '?';
    i += SIO__ID_LEN;
  }
  p->last[n] = '\0';
  p->n = 0;
  return p->last;
}

#define HEARD(p, text)             \
  do {                             \
    const char *heard_ = heard(p); \
    EQ_STR(heard_, text);          \
  } while (0)

/* A peer in "/", with nothing left to hear. */
static inline struct peer *joined(void) {
  struct peer *p = peer_new();
  say(p, "40");
  heard(p);
  return p;
}

#endif
