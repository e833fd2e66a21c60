/* SPDX-License-Identifier: MIT
 *
 * oom_options.c - servers with what is off by default, each a whole life for each of its
 * allocations: recovery, MessagePack, compression, clients of Socket.IO 2, slow peers.
 *
 * Whatever fails: nothing crashes, nothing leaks, nothing hangs, callbacks come as often as
 * promised, and a peer that comes when there is memory again is served as if nothing had been.
 *
 *     oom_options             all of them
 *     oom_options slow 17     one, without its 17th allocation, both ways
 */
#include "packet/msgpack.h"
#include "server/server.h"

#include "oom.h"
#include "raw_client.h"

/* ---- the host ---------------------------------------------------------------------------- */

static struct host {
  uv_loop_t uv;
  uv_async_t alive;
  sio_server *srv;
  sio_nsp *root;
  int connected; /* must come to 0 */
  bool closed;
} h;

struct life {
  const char *name;
  sio_options options;
  bool (*script)(struct raw peers[3]);
};

static const struct life *life; /* that is lived now */
static struct raw peers[3];

static void wake(uv_async_t *a) { (void)a; }

static void on_connect(sio_socket *s, void *user) {
  (void)user;
  h.connected++;
  if (sio_socket_recovered(s)) sio_emit(s, "again", SIO_ARGS(sio_json(sio_socket_shared(s))));
}

static void on_disconnect(sio_socket *s, const sio_close_info *why, void *user) {
  (void)s, (void)why, (void)user;
  h.connected--;
}

static void on_echo(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  sio_val all[] = { sio_event_args(e) };
  if (sio_event_wants_ack(e))
    sio_reply(e, sio_argv(all, 1));
  else
    sio_emit(s, "echo", sio_argv(all, 1));
}

static void on_long(sio_socket *s, sio_event *e, void *user) {
  static char text[3000];
  (void)e, (void)user;
  memset(text, 'x', sizeof text - 1);
  sio_broadcast((sio_target){ .nsp = sio_socket_nsp(s) }, "long", SIO_ARGS(text));
}

static void on_room(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  sio_join(s, sio_event_str(e, 0));
  sio_join(s, "room");
  sio_socket_set_shared(s, SLICE("{\"kept\":1}"));
}

static void on_tell(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  sio_target to = { .nsp = sio_socket_nsp(s), .rooms = SIO_ROOMS("room"), .skip = s };
  sio_broadcast(to, "news", SIO_ARGS(sio_arg(e, 0), sio_bin("\1\2", 2)));
}

static void on_flood(sio_socket *s, sio_event *e, void *user) {
  static char text[1000];
  (void)e, (void)user;
  memset(text, 'x', sizeof text - 1);
  for (int i = 0; i < 100; i++)
    sio_emit_with(s, &(sio_emit_options){ .key = i % 2 ? "odd" : "even" }, "flood",
                  SIO_ARGS(i, text, sio_bin("\1", 1)));
}

static void on_writable(sio_socket *s, void *user) {
  (void)user;
  sio_emit(s, "room again", SIO_NONE);
}

static void on_drop(sio_socket *s, const sio_drop *d, void *user) {
  (void)s, (void)user;
  if (!d->events || !d->bytes) abort();
}

#define TRY(call)          \
  do {                     \
    int err_ = (call);     \
    if (err_) return err_; \
  } while (0)

static int set_up(void) {
  TRY(sio_server_new(&h.uv, &life->options, &h.srv));
  TRY(sio_of(h.srv, "/", &h.root));
  TRY(sio_on_connect(h.root, on_connect, NULL));
  TRY(sio_on_disconnect(h.root, on_disconnect, NULL));
  TRY(sio_on(h.root, "echo", on_echo, NULL));
  TRY(sio_on(h.root, "long", on_long, NULL));
  TRY(sio_on(h.root, "room", on_room, NULL));
  TRY(sio_on(h.root, "tell", on_tell, NULL));
  TRY(sio_on(h.root, "flood", on_flood, NULL));
  TRY(sio_on_writable(h.root, on_writable, NULL));
  return sio_on_drop(h.root, on_drop, NULL);
}

static bool turns(void) {
  for (int i = 0; i < 3; i++) uv_run(&h.uv, UV_RUN_NOWAIT);
  return true;
}

#define POLL "/socket.io/?EIO=4&transport=polling"
#define SOCK "/socket.io/?EIO=4&transport=websocket"

static bool post(struct raw *c, const char *path, const char *body) {
  return raw_request(c, "POST", path, "", body) && raw_expect(c, "\r\n\r\nok");
}

static bool open_ws(struct raw *c) {
  return raw_open(c, h.srv) && raw_upgrade(c, SOCK) && raw_expect(c, "0{\"sid\":\"");
}

static bool join(struct raw *c) {
  return open_ws(c) && raw_text(c, "40") && raw_expect(c, "40{\"sid\":\"");
}

/* ---- recovery ------------------------------------------------------------------------------ */

static bool take_pid(struct raw *c, char pid[64]) {
  return raw_expect(c, "\"pid\":\"") && raw_take(c, '"', pid, 64);
}

/* The offset is the event's last argument. */
static bool take_offset(struct raw *c, char offset[64]) {
  return raw_expect(c, "[\"news\",1,{\"_placeholder\":true,\"num\":0},\"") &&
         raw_take(c, '"', offset, 64) && raw_expect_n(c, "\x82\2\1\2", 4);
}

static bool recovery_script(struct raw p[3]) {
  char pid[64], offset[64], again[256];
  if (!join(&p[0]) || !take_pid(&p[0], pid) || !raw_text(&p[0], "42[\"room\",\"own\"]") ||
      !join(&p[1]) || !raw_text(&p[1], "42[\"tell\",1]") || !take_offset(&p[0], offset))
    return false;
  raw_close(&p[0]);
  turns();
  snprintf(again, sizeof again, "40{\"pid\":\"%s\",\"offset\":\"%s\"}", pid, offset);
  return raw_text(&p[1], "42[\"tell\",2]") && turns() && open_ws(&p[2]) && raw_text(&p[2], again) &&
         raw_expect(&p[2], "[\"news\",2,") && raw_expect(&p[2], "40{\"sid\":\"") &&
         raw_expect(&p[2], pid) && raw_expect(&p[2], "[\"again\",{\"kept\":1}");
}

/* While the old connection still looks alive. */
static bool eviction_script(struct raw p[3]) {
  char pid[64], again[256];
  if (!join(&p[0]) || !take_pid(&p[0], pid) || !raw_text(&p[0], "42[\"room\",\"own\"]"))
    return false;
  snprintf(again, sizeof again, "40{\"pid\":\"%s\"}", pid);
  return turns() && open_ws(&p[2]) && raw_text(&p[2], again) && raw_expect(&p[2], pid) &&
         raw_expect(&p[2], "[\"again\",") && raw_expect_n(&p[0], "\x88", 1);
}

/* ---- MessagePack ----------------------------------------------------------------------------- */

#define PACK(c, bytes) raw_frame(c, 0x82, bytes, sizeof(bytes) - 1)
#define HEAR(c, bytes) raw_expect_n(c, bytes, sizeof(bytes) - 1)
#define KEY_TYPE "\xa4type"
#define KEY_NSP "\xa3nsp\xa1/"
#define KEY_DATA \
  "\xa4"         \
  "data"

#ifdef SIO_MSGPACK
static bool msgpack_script(struct raw p[3]) {
  struct raw *c = &p[0];
  return open_ws(c) && PACK(c, "\x82" KEY_TYPE "\0" KEY_NSP) && HEAR(c, "\xa3sid") &&
         /* echo {a: [1.5, null]}, bytes, a date, with an ack */
         PACK(c, "\x84" KEY_TYPE "\2" KEY_NSP "\xa2id\7" KEY_DATA "\x94\xa4"
                 "echo"
                 "\x81\xa1"
                 "a\x92\xcb\x3f\xf8\0\0\0\0\0\0\xc0"
                 "\xc4\3\1\2\3"
                 "\xd7\0\0\0\0\0\0\0\0\1") &&
         HEAR(c, "\xa2id\7") && HEAR(c, "\xc4\3\1\2\3") && HEAR(c, "1970-01-01T00:00:00.001Z") &&
         PACK(c, "\x83" KEY_TYPE "\0"
                 "\xa3nsp\xa5/none" KEY_DATA "\x80") &&
         HEAR(c, "Invalid namespace") &&
         PACK(c, "\x83" KEY_TYPE "\2" KEY_NSP KEY_DATA "\x91\xa4long") && HEAR(c, "xxx") &&
         PACK(c, "\xc1") && HEAR(c, "\x88");
}
#endif

/* ---- compression ----------------------------------------------------------------------------- */

#ifdef SIO_ZLIB
static const char deflate_head[] =
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";

/* A stored block, and the first byte of the empty one that the receiver completes. */
static bool deflated(struct raw *c, const char *s) {
  char block[256];
  size_t n = strlen(s);
  memcpy(block, (char[]){ 0, (char)n, 0, (char)~n, (char)0xff }, 5);
  memcpy(block + 5, s, n);
  block[5 + n] = 0;
  return raw_frame(c, 0xc1, block, n + 6);
}

static bool compressed_poll(struct raw *c) {
  char sid[64], path[128];
  if (!raw_open(c, h.srv) || !raw_get(c, POLL) || !raw_expect(c, "\"sid\":\"") ||
      !raw_take(c, '"', sid, sizeof sid))
    return false;
  snprintf(path, sizeof path, POLL "&sid=%s", sid);
  return post(c, path, "40") && raw_get(c, path) && raw_expect(c, "40{") &&
         post(c, path, "42[\"long\"]") &&
         raw_request(c, "GET", path, "Accept-Encoding: gzip\r\n", NULL) &&
         raw_expect(c, "Content-Encoding: gzip") && raw_expect(c, "\r\n\r\n\x1f\x8b") &&
         post(c, path, "42[\"long\"]") &&
         raw_request(c, "GET", path, "Accept-Encoding: deflate\r\n", NULL) &&
         raw_expect(c, "Content-Encoding: deflate");
}

static bool compression_script(struct raw p[3]) {
  struct raw *c = &p[0];
  return raw_open(c, h.srv) && raw_request(c, "GET", SOCK, deflate_head, NULL) &&
         raw_expect(c, "permessage-deflate") && raw_expect(c, "\r\n\r\n") && deflated(c, "40") &&
         raw_expect(c, "40{") && deflated(c, "42[\"long\"]") && raw_expect_n(c, "\xc1", 1) &&
         raw_text(c, "421[\"echo\",\"plain\"]") && raw_expect(c, "431[\"plain\"]") &&
         compressed_poll(&p[1]) && raw_frame(c, 0xc1, "\xff\xff", 2) &&
         raw_expect_n(c, "\x88\2\3\xef", 4);
}
#endif

/* ---- clients of Socket.IO 2 ------------------------------------------------------------------ */

#define POLL3 "/socket.io/?EIO=3&transport=polling"

static bool legacy_ws(struct raw *c, const char *sid) {
  char path[128];
  snprintf(path, sizeof path, "/socket.io/?EIO=3&transport=websocket&sid=%s", sid);
  return raw_open(c, h.srv) && raw_upgrade(c, path) && raw_text(c, "2probe") &&
         raw_expect(c, "3probe") && raw_text(c, "5") && raw_text(c, "2") && raw_expect(c, "3") &&
         raw_text(c, "451-[\"echo\",{\"_placeholder\":true,\"num\":0}]") &&
         raw_frame(c, 0x82, "\4abc", 4) && raw_expect(c, "451-[\"echo\",") &&
         raw_expect_n(c, "\x82\4\4abc", 6) && raw_text(c, "40/none?a=b,") &&
         raw_expect(c, "44/none,");
}

static bool legacy_jsonp(struct raw *c) {
  char sid[64], path[128];
  if (!raw_open(c, h.srv) || !raw_get(c, POLL3 "&j=0") || !raw_expect(c, "___eio[0](") ||
      !raw_expect(c, "sid\\\":\\\"") || !raw_take(c, '\\', sid, sizeof sid))
    return false;
  snprintf(path, sizeof path, POLL3 "&j=1&sid=%s", sid);
  return raw_get(c, path) && raw_expect(c, "___eio[1](\"2:40\")") &&
         raw_request(c, "POST", path, "Content-Type: application/x-www-form-urlencoded\r\n",
                     "d=12:42%5B%22echo%22,5%5D") &&
         raw_expect(c, "\r\n\r\nok") && raw_get(c, path) && raw_expect(c, "echo\\\",5]");
}

static bool legacy_script(struct raw p[3]) {
  char sid[64], path[128];
  struct raw *c = &p[0];
  if (!raw_open(c, h.srv) || !raw_get(c, POLL3) || !raw_expect(c, "\"sid\":\"") ||
      !raw_take(c, '"', sid, sizeof sid))
    return false;
  snprintf(path, sizeof path, POLL3 "&sid=%s", sid);
  return raw_get(c, path) && raw_expect(c, "2:40") && post(c, path, "12:42[\"echo\",1]") &&
         raw_get(c, path) && raw_expect(c, "12:42[\"echo\",1]") &&
         post(c, path, "48:451-[\"echo\",{\"_placeholder\":true,\"num\":0},\"xyz\"]6:b4AQID") &&
         raw_get(c, path) && raw_expect(c, "application/octet-stream") &&
         raw_expect_n(c, "\1\4\xff\4\1\2\3", 7) && raw_get(c, path) && legacy_ws(&p[1], sid) &&
         legacy_jsonp(&p[2]);
}

/* ---- peers that read slowly ------------------------------------------------------------------ */

/* As raw_open(), through a pipe that holds little. */
static bool open_narrow(struct raw *c) {
  int pair[2];
  *c = (struct raw){ .loop = &h.uv, .fd = -1 };
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair)) abort();
  setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &(int){ 4096 }, sizeof(int));
  c->fd = pair[1];
  return sio_accept(h.srv, &(sio_accept_options){ .fd = pair[0] }) == 0;
}

static bool slow_poll(struct raw *c) {
  char sid[64], path[128];
  if (!raw_open(c, h.srv) || !raw_get(c, POLL) || !raw_expect(c, "\"sid\":\"") ||
      !raw_take(c, '"', sid, sizeof sid))
    return false;
  snprintf(path, sizeof path, POLL "&sid=%s", sid);
  return post(c, path,
              "40\x1e"
              "42[\"flood\"]") &&
         raw_get(c, path) && raw_expect(c, "[\"flood\",99,") && raw_get(c, path) &&
         raw_expect(c, "[\"room again\"]");
}

static bool slow_script(struct raw p[3]) {
  struct raw *c = &p[0];
  return open_narrow(c) && raw_upgrade(c, SOCK) && raw_text(c, "40") && raw_expect(c, "40{") &&
         raw_text(c, "42[\"flood\"]") && raw_expect(c, "[\"flood\",99,") &&
         raw_expect(c, "[\"room again\"]") && raw_text(c, "421[\"echo\",1]") &&
         raw_expect(c, "431[1]") && slow_poll(&p[1]);
}

/* ---- peers that do not take their replies, until they do ------------------------------------- */

/* So many that are refused, then one that is not. */
static const char *refusals(char text[4000], unsigned n) {
  text[0] = '\0';
  for (unsigned i = 0; i < n; i++) strcat(text, "40/no,\x1e");
  return strcat(text, "40");
}

static bool deaf_poll(struct raw *get, struct raw *post_) {
  char sid[64], path[128], body[4000];
  if (!raw_open(get, h.srv) || !raw_get(get, POLL) || !raw_expect(get, "\"sid\":\"") ||
      !raw_take(get, '"', sid, sizeof sid))
    return false;
  snprintf(path, sizeof path, POLL "&sid=%s", sid);
  return raw_open(post_, h.srv) && raw_request(post_, "POST", path, "", refusals(body, 60)) &&
         raw_get(get, path) && raw_expect(get, "44/no,") && raw_expect(post_, "ok") &&
         raw_get(get, path) && raw_expect(get, "40{");
}

static bool deaf_script(struct raw p[3]) {
  struct raw *c = &p[0];
  if (!open_narrow(c) || !raw_upgrade(c, SOCK)) return false;
  c->wire.n = 0;
  for (unsigned i = 0; i < 200; i++) wire_frame(&c->wire, 0x81, "40/no,", 6);
  wire_frame(&c->wire, 0x81, "40", 2);
  return raw_send(c, c->wire.p, c->wire.n) && raw_expect(c, "40{") && deaf_poll(&p[1], &p[2]);
}

/* ---- one life -------------------------------------------------------------------------------- */

static const sio_recovery recovery = { .max_log_bytes = 100000 };
#ifdef SIO_ZLIB
static const sio_deflate deflate = { .threshold = 100 };
#endif

static const struct life lives[] = {
  { "recovery", { .recovery = &recovery }, recovery_script },
  { "eviction", { .recovery = &recovery }, eviction_script },
#ifdef SIO_MSGPACK
  { "msgpack", { .parser = &sio__parser_msgpack }, msgpack_script },
#endif
#ifdef SIO_ZLIB
  { "compression", { .per_message_deflate = &deflate }, compression_script },
#endif
  { "legacy", { .allow_eio3 = true }, legacy_script },
  { "slow", { .queue_high = 20000, .when_full = SIO_FULL_DROP_OLDEST }, slow_script },
  { "deaf", { 0 }, deaf_script },
  { "latest", { .queue_high = 20000, .when_full = SIO_FULL_KEEP_LATEST }, slow_script },
};

static void hang_up(void) {
  for (int i = 0; i < 3; i++) raw_close(&peers[i]);
  turns();
}

static void open_loop(void) {
  h = (struct host){ 0 };
  for (int i = 0; i < 3; i++) peers[i].fd = -1;
  if (uv_loop_init(&h.uv) || uv_async_init(&h.uv, &h.alive, wake)) abort();
}

static void on_closed(void *user) {
  (void)user;
  h.closed = true;
}

static const char *end_of_server(void) {
  sio_server_close(h.srv, on_closed, NULL);
  hang_up();
  for (int i = 0; i < RAW_TURNS && !h.closed; i++) uv_run(&h.uv, UV_RUN_NOWAIT);
  return h.closed ? NULL : "the close";
}

static const char *end_of_loop(void) {
  uv_close((uv_handle_t *)&h.alive, NULL);
  for (int i = 0; i < RAW_TURNS && uv_loop_alive(&h.uv); i++) uv_run(&h.uv, UV_RUN_NOWAIT);
  if (uv_loop_close(&h.uv)) return "an empty loop";
  if (live) return "freed memory";
  return h.connected ? "callbacks in equal numbers" : NULL;
}

static const char *live_once(size_t at, bool and_on) {
  const char *missing = NULL;
  open_loop();
  oom_begin(at, and_on);
  int err = set_up();
  if (err && (err != UV_ENOMEM || !at)) missing = sio_strerror(err);
  if (!err) {
    if (!life->script(peers) && !at) missing = "the script";
    hang_up();
    oom_end_of_script();
    if (!life->script(peers) && !missing) missing = "the script with memory";
  }
  fail_at = 0;
  const char *close = h.srv ? end_of_server() : NULL, *left = end_of_loop();
  return missing ? missing : close ? close : left;
}

int main(int argc, char **argv) {
  for (size_t i = 0; i < sizeof lives / sizeof *lives; i++) {
    life = &lives[i];
    if (argc < 2 || strcmp(argv[1], life->name) == 0)
      oom_sweep(life->name, live_once, argc > 2 ? strtoul(argv[2], NULL, 10) : 0);
  }
  return oom_result();
}
