/* SPDX-License-Identifier: MIT
 *
 * fuzz_ws.c - frames as a client sends them, or not. However the bytes are cut, the same
 * messages come of them.
 */
#include "fuzz.h"

#include "base/list.h"
#include "ws/recv.h"

enum { MAX_MESSAGE = 1000, MAX_FRAMES = 8 };

struct peer {
  struct ws_recv recv;
  uint64_t told;
  bool over;
};

static struct peer *peer_of(struct ws_recv *r) { return container_of(r, struct peer, recv); }

static void tell(struct ws_recv *r, unsigned what, const void *p, size_t n) {
  struct peer *c = peer_of(r);
  DEMAND(!c->over);
  digest(&c->told, &what, sizeof what);
  digest(&c->told, p, n);
}

static bool on_message(struct ws_recv *r, bool binary, char *p, size_t n) {
  DEMAND(n <= MAX_MESSAGE);
  DEMAND(binary || sio__utf8_is_valid(p, n));
  tell(r, binary, p, n);
  if (n) memset(p, 0, n);
  return true;
}
static bool on_ping(struct ws_recv *r, const char *p, size_t n) {
  DEMAND(n <= 125);
  tell(r, 2, p, n);
  return true;
}
static bool on_pong(struct ws_recv *r, const char *p, size_t n) {
  DEMAND(n <= 125);
  tell(r, 3, p, n);
  return true;
}
static void on_close(struct ws_recv *r, unsigned code, const char *reason, size_t n) {
  DEMAND(n <= 123 && sio__utf8_is_valid(reason, n));
  DEMAND(code == 1005 || sio__ws_is_valid_close_code(code));
  tell(r, code, reason, n);
  peer_of(r)->over = true;
}
static void on_fail(struct ws_recv *r, unsigned code, const char *detail) {
  DEMAND(sio__ws_is_valid_close_code(code) && *detail);
  tell(r, code, NULL, 0);
  peer_of(r)->over = true;
}

static const struct ws_recv_ops ops = { on_message, on_ping, on_pong, on_close, on_fail, NULL };
static uint64_t read_all(struct ws_pool *pool, const uint8_t *data, size_t size, size_t step,
                         bool deflate) {
  struct peer c = { .told = 0 };
  struct ws_recv_shared shared = {
    .ops = &ops,
    .pool = pool,
    .limits = { .max_message = MAX_MESSAGE, .max_fragments = MAX_FRAMES },
  };
  sio__ws_recv_init(&c.recv, &shared);
  c.recv.deflate_agreed = deflate;
  for (size_t at = 0; at < size; at += step) {
    size_t n = size - at < step ? size - at : step;
    char *p = piece(data + at, n);
    sio__ws_recv_feed(&c.recv, p, n);
    free(p);
  }
  sio__ws_recv_free_and_stop(&c.recv);
  return c.told;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct ws_pool *pool = sio__ws_frame_parser_pool_new();
  for (int deflate = 0; deflate < 2; deflate++) {
    uint64_t whole = read_all(pool, data, size, size + 1, deflate);
    DEMAND(read_all(pool, data, size, 1, deflate) == whole);
    DEMAND(read_all(pool, data, size, 7, deflate) == whole);
  }
  sio__ws_frame_parser_pool_free(pool);
  return 0;
}
