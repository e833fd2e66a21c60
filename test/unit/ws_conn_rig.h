/* SPDX-License-Identifier: MIT
 *
 * ws_conn_rig.h - a WebSocket on one end of a socketpair, the test on the other.
 *
 *     begin();
 *     SAY(0x81, "hi");      a frame of the peer's
 *     turn();
 *     SAW("Thi|");          what the owner was given
 *     HEARD("...");         what the peer read
 *     end();                nothing may be left
 */
#ifndef SIO_TEST_WS_CONN_RIG_H
#define SIO_TEST_WS_CONN_RIG_H

#include "alloc.h"
#include "test.h"
#include "ws/conn.h"
#include "ws_client.h"
#include <fcntl.h>
#include <poll.h>
#include <sio/error.h>
#include <sys/socket.h>
#include <unistd.h>

static uv_loop_t uv;
static struct loop loop;
static struct log quiet;
static struct ws_pool *pool;
static struct ws_shared shared;
static struct ws_conn *w; /* NULL once closed or dropped */
static int fd;            /* the peer's end */
static struct wire got;   /* what the peer read, without what it has looked at */
static bool got_fin;

static struct wire seen; /* messages, T or B before each, | behind */
static unsigned closed_count, drained_count;
static struct ws_close why;
static char why_reason[130];
static bool in_call; /* inside a call of the owner's, where `closed` must not come */
static void (*on_text)(void);
static void (*on_closed)(struct ws_conn *from);

/* ---- the owner ------------------------------------------------------------------------------- */

static char owner_tag;

static inline void message(struct ws_conn *from, bool binary, char *p, size_t n) {
  CHECK(from == w);
  wire_put(&seen, binary ? "B" : "T", 1);
  wire_put(&seen, p, n);
  wire_put(&seen, "|", 1);
  if (on_text) on_text();
}

static inline void closed(struct ws_conn *from, void *owner, const struct ws_close *info) {
  CHECK(from == w);
  CHECK(owner == &owner_tag);
  CHECK(from->owner == NULL);
  CHECK(!in_call);
  CHECK(info->detail && *info->detail);
  closed_count++;
  why = *info;
  snprintf(why_reason, sizeof why_reason, "%s", info->reason);
  w = NULL;
  if (on_closed) on_closed(from);
}

static inline void drained(struct ws_conn *from) {
  CHECK(from == w);
  CHECK(ws_is_queue_empty_and_socket_writable(from));
  drained_count++;
}

static const struct ws_conn_ops ops = { .message = message, .closed = closed, .drained = drained };

static inline int send_msg(const char *text, bool binary) {
  struct msg *m = sio__msg_from_bytes(&loop.msgs, text, strlen(text));
  if (!m) return UV_ENOMEM;
  m->binary = binary;
  in_call = true;
  int err = sio__ws_send(w, m);
  in_call = false;
  msg_unref(m);
  return err;
}

static inline void close_ws(unsigned code, const char *reason) {
  in_call = true;
  sio__ws_close(w, code, reason);
  in_call = false;
}

static inline void drop_ws(void) {
  in_call = true;
  sio__ws_close_immediately(w);
  in_call = false;
  w = NULL;
}

/* ---- the rig --------------------------------------------------------------------------------- */

static const struct conn_ops no_ops;

static inline int open_ws(void) {
  int pair[2];
  struct conn *c;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0) abort();
  fd = pair[1];
  int err = sio__conn_new(&c, &loop, pair[0], &no_ops, NULL);
  return err ? err : sio__ws_conn_new(&w, &shared, c, &ops, &owner_tag);
}

/* Without a WebSocket yet. */
static inline bool begin_bare(void) {
  w = NULL;
  fd = -1;
  closed_count = drained_count = 0;
  why = (struct ws_close){ 0 };
  got_fin = false;
  on_text = NULL;
  on_closed = NULL;
  uv_loop_init(&uv);
  sio__log_init(&quiet, NULL, NULL, SIO_LOG_WARN);
  if (sio__loop_init(&loop, &uv, &quiet) != 0) return false;
  loop.high_water = 1 << 20;
  pool = sio__ws_frame_parser_pool_new();
  shared = (struct ws_shared){ .loop = &loop, .log = &quiet, .close_ms = 1000000 };
  shared.recv = (struct ws_recv_shared){
    .ops = &sio__ws_conn_recv_ops,
    .pool = pool,
    .limits = { .max_message = 100000, .max_fragments = 16 },
  };
  return pool != NULL;
}

static inline void begin(void) {
  alloc_install();
  if (!begin_bare()) abort();
  EQ(open_ws(), 0);
}

static inline void nothing(struct loop *l) { (void)l; }

static inline void end_bare(void) {
  if (w) drop_ws();
  if (fd >= 0) close(fd);
  if (loop.rbuf) {
    sio__loop_close(&loop, nothing);
    uv_run(&uv, UV_RUN_DEFAULT);
  }
  EQ(uv_loop_close(&uv), 0);
  sio__ws_frame_parser_pool_free(pool);
  loop = (struct loop){ 0 };
  pool = NULL;
  wire_clear(&seen);
  wire_clear(&got);
}

static inline void end(void) {
  end_bare();
  EQ(alloc_live, 0);
}

static inline void read_all(void) {
  char buf[70000];
  ssize_t n;
  while ((n = recv(fd, buf, sizeof buf, 0)) > 0) wire_put(&got, buf, (size_t)n);
  if (n == 0) got_fin = true;
}

static inline void turn(void) {
  for (int i = 0; i < 4; i++) uv_run(&uv, UV_RUN_NOWAIT);
}

static inline void say(const char *bytes, size_t n) {
  EQ(send(fd, bytes, n, MSG_NOSIGNAL), n);
  turn();
}

static inline void say_wire(struct wire *out) {
  say(out->p, out->n);
  wire_clear(out);
}

static inline void say_frame(unsigned first, const char *text, size_t n) {
  struct wire out = { 0 };
  wire_frame(&out, first, text, n);
  say_wire(&out);
}
#define SAY(first, text) say_frame(first, text, sizeof(text) - 1)

/* The peer's half of the stream. */
static inline void fin(void) {
  shutdown(fd, SHUT_WR);
  turn();
}

static inline void heard(const char *want, size_t n) {
  read_all();
  EQ_MEM(got.p, got.n, want, n);
  got.n = 0;
}
#define HEARD(want) heard(want, sizeof(want) - 1)
#define SAW(want) EQ_MEM(seen.p, seen.n, want, sizeof(want) - 1)

/* ---- the closing handshake ------------------------------------------------------------------- */

static inline void wait_for_closed(void) {
  for (int i = 0; i < 1000 && !closed_count; i++) uv_run(&uv, UV_RUN_ONCE);
}

static inline void wait_for_no_conns(void) {
  for (int i = 0; i < 1000 && loop.nconns; i++) uv_run(&uv, UV_RUN_ONCE);
  EQ(loop.nconns, 0);
}

#endif
