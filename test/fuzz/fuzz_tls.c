/* SPDX-License-Identifier: MIT
 *
 * fuzz_tls.c - a connection under TLS, with the provider of veil.h, and an owner that does what the
 * input says: bytes come whole and in pieces, it answers, pauses, pushes, ends, closes.
 */
#include "fuzz.h"

#include "../veil.h"
#include "net/tls.h"
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

static uv_loop_t uv;
static struct log silent;
static struct loop loop;
static struct conn *conn;
static int far_fd;
static unsigned secured, refused;

static void send_back(struct conn *c, const char *p, size_t n) {
  struct msg *m = sio__msg_from_bytes(&loop.msgs, p, n);
  if (m) conn_queue_msg_without_frame_header(c, m);
  msg_unref(m);
}

/* The plaintext's first byte is an order. */
static void on_read(struct conn *c, char *p, size_t n) {
  DEMAND(secured == 1 && !refused && n > 0 && n <= NET_RBUF);
  char order = *p;
  memset(p, 'x', n); /* it may be changed in place */
  switch (order & 7) {
    case 0: sio__conn_end_writing(c); return;
    case 1: sio__conn_close(c); return;
    case 2: sio__conn_pause_reading(c); return;
    case 3:
      send_back(c, p, n);
      sio__conn_write_queue_now(c);
      return;
    default: send_back(c, p, n);
  }
}
static void on_eof(struct conn *c) { sio__conn_end_writing(c); }
static void on_failed(struct conn *c, int err) { DEMAND(c == conn && err < 0); }
static void on_secured(struct conn *c) {
  DEMAND(c == conn && !refused);
  secured++;
}
static void on_refused(struct conn *c, const char *why) {
  DEMAND(!secured && *why);
  refused++;
  sio__conn_end_writing(c);
}
static const struct conn_ops ops = {
  .read = on_read, .eof = on_eof, .failed = on_failed, .secured = on_secured, .refused = on_refused
};

static void turns(int n) {
  while (n-- > 0) uv_run(&uv, UV_RUN_NOWAIT);
}

static void open_conn(void) {
  int pair[2];
  secured = refused = 0;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair)) abort();
  far_fd = pair[1];
  if (sio__conn_new_of_kind(&conn, &loop, pair[0], &ops, NULL, CONN_TLS)) abort();
  if (sio__tls_start(conn, &veil_tls, "")) abort();
}

/* What is heard, so that the kernel has room. */
static void hear(void) {
  char in[4096];
  while (recv(far_fd, in, sizeof in, 0) > 0) continue;
}

static void run(const uint8_t *p, size_t n, size_t step) {
  open_conn();
  for (size_t at = 0; at < n; at += step) {
    size_t part = n - at < step ? n - at : step;
    if (send(far_fd, p + at, part, MSG_NOSIGNAL) < 0) break;
    turns(2);
    hear();
  }
  close(far_fd);
  turns(3);
  while (!list_is_empty(&loop.conns)) sio__conn_close(conn);
  turns(2);
  DEMAND(veil_does.open == 0);
  DEMAND(secured <= 1 && refused <= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static bool ready;
  if (!ready && (uv_loop_init(&uv) || sio__loop_init(&loop, &uv, &silent))) abort();
  ready = true;
  if (size > 100000) return 0;
  run(data, size, size ? size : 1);
  if (size < 2000) run(data, size, 1);
  return 0;
}
