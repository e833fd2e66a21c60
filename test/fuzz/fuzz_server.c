/* SPDX-License-Identifier: MIT
 *
 * fuzz_server.c - a whole server and what three peers send it. The input is a row of steps: 0xFF
 * and a command, then bytes up to the next 0xFF. a, b and c are the peers; a peer connects when it
 * first sends something.
 *
 *     0xFF 'a'..'c'   the peer sends the bytes
 *     0xFF 'A'..'C'   the same, one byte a turn
 *     0xFF 'd'..'f'   ... as a WebSocket text frame
 *     0xFF 'g'..'i'   ... as a binary frame
 *     0xFF 'j'..'l'   ... as a compressed text frame
 *     0xFF 'm'..'o'   it asks for a WebSocket; the bytes are path and query
 *     0xFF 'p'..'r'   it sends a POST; the first line is path and query, the rest is the body
 *     0xFF '1'..'3'   it sends a GET; the bytes are path and query
 *     0xFF 'x'..'z'   it hangs up
 *     0xFF 'D'        the peers stop reading, or read again
 *     0xFF 'M'        the allocation that the first byte counts to fails; 0xFE: all fail
 *     0xFF 'O'        as the first step: two bytes draw the server's options (fuzz_host.h)
 *     0xFF 't'        six seconds pass in which nothing comes
 *     0xFF 'T'        a hundred seconds pass
 *     0xFF 'v'        the host gives the verdicts and replies it owes
 *
 * In the end the server closes. Then every callback has come as often as promised, no block of
 * memory is left, and the counters add up, whatever was sent and whatever failed.
 */
#include "alloc.h"
#include "clock.h"
#include "server/server.h"

#include "fuzz_host.h"
#include "stats.h"
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PEERS = 3, STEP = 256, FRAME_MAX = 65535, SMALL_BUFFER = 4096 };

static uv_loop_t uv;
static uv_async_t alive;
static int fds[PEERS];
static bool deaf;

/* ---- the peers ------------------------------------------------------------------------------- */

static void hang_up(unsigned i) {
  if (fds[i] >= 0) close(fds[i]);
  fds[i] = -1;
}

static void listen_to_all(void) {
  static char sink[65536];
  for (unsigned i = 0; i < PEERS && !deaf; i++)
    while (fds[i] >= 0 && recv(fds[i], sink, sizeof sink, 0) > 0) continue;
}

static void turn(void) {
  uv_run(&uv, UV_RUN_NOWAIT);
  listen_to_all();
}

/* The kernel holds little, so that a peer that does not read is noticed soon. */
static void connect_peer(unsigned i) {
  int pair[2], small = SMALL_BUFFER;
  if (fds[i] >= 0) return;
  DEMAND(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair));
  setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  fds[i] = pair[1];
  int err = sio_accept(h.srv, &(sio_accept_options){ .fd = pair[0] });
  DEMAND(err == 0 || err == SIO_ELIMIT || err == SIO_ETOOBIG || err == UV_ENOMEM);
}

/* What a server that has stopped listening does not take is lost. */
static void say(unsigned i, const void *bytes, size_t n, size_t step) {
  const char *p = bytes;
  connect_peer(i);
  for (size_t at = 0; at < n; at += step) {
    size_t some = n - at < step ? n - at : step;
    if (send(fds[i], p + at, some, MSG_NOSIGNAL) < 0 && errno != EAGAIN) break;
    turn();
  }
  turn();
}

static void say_all(unsigned i, const void *p, size_t n) { say(i, p, n, n + 1); }

/* Masked with zeros, so that the payload stands in the bytes as it is in the input. */
static void say_frame(unsigned i, unsigned first, const void *p, size_t n) {
  char frame[14 + FRAME_MAX] = { (char)first };
  size_t head = n < 126 ? 6 : 8;
  if (n > FRAME_MAX) n = FRAME_MAX;
  frame[1] = (char)(0x80 | (n < 126 ? n : 126));
  if (n >= 126) frame[2] = (char)(n >> 8), frame[3] = (char)n;
  memcpy(frame + head, p, n);
  say_all(i, frame, head + n);
}

/* One stored block, and the first byte of the empty one that the receiver completes (RFC 7692). */
static void say_deflated(unsigned i, const void *p, size_t n) {
  char block[FRAME_MAX];
  if (n > sizeof block - 6) n = sizeof block - 6;
  memcpy(block, (char[]){ 0, (char)n, (char)(n >> 8), (char)~n, (char)(~n >> 8) }, 5);
  memcpy(block + 5, p, n);
  block[5 + n] = 0;
  say_frame(i, 0xc1, block, n + 6);
}

/* method, path and query, the lines behind, a body. */
static void say_request(unsigned i, const char *method, sio_slice path, const char *lines,
                        sio_slice body) {
  char request[16384];
  size_t most = sizeof request / 4;
  if (path.n > most) path.n = most;
  if (body.n > most) body.n = most;
  int n = snprintf(request, sizeof request,
                   "%s %.*s HTTP/1.1\r\nHost: a\r\n%sContent-Length: %zu\r\n\r\n", method,
                   (int)path.n, path.p, lines, body.n);
  memcpy(request + n, body.p, body.n);
  say_all(i, request, (size_t)n + body.n);
}

static void ask_for_websocket(unsigned i, sio_slice path) {
  say_request(i, "GET", path,
              "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
              "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n",
              slice("", 0));
}

static void post(unsigned i, sio_slice all) {
  sio_slice path = all, body = slice("", 0);
  const char *line = memchr(all.p, '\n', all.n);
  if (line) {
    path.n = (size_t)(line - all.p);
    body = slice(line + 1, all.n - path.n - 1);
  }
  say_request(i, "POST", path, "Accept-Encoding: gzip\r\n", body);
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void pass_time(unsigned ms) {
  clock_ms += ms;
  sio__timers_fire_due(&h.srv->core.loop.timers, clock_ms);
  turn();
}

static void fail_allocations(sio_slice bytes) {
  unsigned n = bytes.n ? (unsigned char)*bytes.p : 0;
  if (n == 0xfe)
    alloc_fail_all();
  else
    alloc_fail_in(n);
}

static void obey_peer(unsigned verb, unsigned i, sio_slice s) {
  switch (verb) {
    case 'a': say_all(i, s.p, s.n); break;
    case 'A': say(i, s.p, s.n < STEP ? s.n : STEP, 1); break;
    case 'd': say_frame(i, 0x81, s.p, s.n); break;
    case 'g': say_frame(i, 0x82, s.p, s.n); break;
    case 'j': say_deflated(i, s.p, s.n); break;
    case 'm': ask_for_websocket(i, s); break;
    case 'p': post(i, s); break;
    case '1': say_request(i, "GET", s, "Accept-Encoding: deflate\r\n", slice("", 0)); break;
    case 'x': hang_up(i); break;
  }
}

static void obey(unsigned command, sio_slice bytes) {
  static const char of_peers[] = "aAdgjmp1x";
  for (const char *verb = of_peers; *verb; verb++)
    if (command - (unsigned)*verb < PEERS)
      obey_peer((unsigned)*verb, command - (unsigned)*verb, bytes);
  if (command == 'D') deaf = !deaf;
  if (command == 'M') fail_allocations(bytes);
  if (command == 't') pass_time(6000);
  if (command == 'T') pass_time(100000);
  if (command == 'v') settle();
  turn();
}

/* ---- a life ---------------------------------------------------------------------------------- */

static void add_up(void) {
  sio_stats st;
  sio_server_get_stats(h.srv, &st, sizeof st);
  const char *fault = stats_fault_at_rest(&st);
  if (fault) fprintf(stderr, "these do not add up: %s\n", fault);
  DEMAND(!fault);
}

static void finish(unsigned bits) {
  alloc_fail_in(0);
  deaf = false;
  add_up();
  int err = bits & BY_DRAINING ? sio_server_drain(h.srv, NULL, on_closed, NULL)
                               : sio_server_close(h.srv, on_closed, NULL);
  DEMAND(err == 0);
  turn();
  for (unsigned i = 0; i < PEERS; i++) hang_up(i);
  for (unsigned i = 0; i < 50 && !h.closed; i++) {
    settle();
    pass_time(1000);
  }
  settle();
  DEMAND(h.closed);
  DEMAND(h.connected == 0);
  DEMAND(h.sent == 0);
  DEMAND(alloc_live == 0);
}

static void begin(unsigned bits) {
  static bool begun;
  if (!begun) DEMAND(!uv_loop_init(&uv) && !uv_async_init(&uv, &alive, NULL));
  begun = true;
  deaf = false;
  alloc_install();
  for (unsigned i = 0; i < PEERS; i++) fds[i] = -1;
  host_start(&uv, bits);
}

/* Takes one step off the input. */
static unsigned next_step(const uint8_t **at, const uint8_t *end, sio_slice *bytes) {
  unsigned command = 'a';
  if (**at == 0xff && *at + 1 < end) {
    command = (*at)[1];
    *at += 2;
  }
  const uint8_t *next = *at < end ? memchr(*at, 0xff, (size_t)(end - *at)) : NULL;
  if (!next) next = end;
  *bytes = slice((const char *)*at, (size_t)(next - *at));
  *at = next + 1 == end ? end : next;
  return command;
}

static unsigned read_options(const uint8_t **at, const uint8_t *end) {
  sio_slice bytes;
  if (end - *at < 4 || memcmp(*at, "\xffO", 2) != 0) return 0;
  next_step(at, end, &bytes);
  unsigned low = bytes.n > 0 ? (unsigned char)bytes.p[0] : 0;
  unsigned high = bytes.n > 1 ? (unsigned char)bytes.p[1] : 0;
  return low | high << 8;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const uint8_t *at = data, *end = data + size;
  sio_slice bytes;
  unsigned bits = read_options(&at, end);
  begin(bits);
  while (at < end) {
    unsigned command = next_step(&at, end, &bytes);
    obey(command, bytes);
  }
  finish(bits);
  return 0;
}
