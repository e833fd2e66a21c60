/* SPDX-License-Identifier: MIT
 *
 * test_unwritten.c - no byte of memory that was never written is sent to a peer. The same talk is
 * held with two servers whose new memory is filled with different bytes: they must send the same.
 */
#include "base/mem.h"
#include "poll_client.h"
#include "test.h"
#include <malloc.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <uv.h>

static int fill;

/* ---- memory, and what is random -------------------------------------------------------------- */

/* A block may be larger than what was asked for, which _FORTIFY_SOURCE must not know. */
static void *without_size(void *p) {
  __asm__("" : "+r"(p));
  return p;
}

static void *fill_malloc(size_t n) {
  void *p = without_size(malloc(n));
  if (p) memset(p, fill, malloc_usable_size(p));
  return p;
}

static void *fill_realloc(void *p, size_t n) {
  size_t before = p ? malloc_usable_size(p) : 0;
  char *q = without_size(realloc(p, n));
  size_t after = q ? malloc_usable_size(q) : 0;
  if (after > before) memset(q + before, fill, after - before);
  return q;
}

void *__real_sio__pool_get(struct pool *pool);
void *__wrap_sio__pool_get(struct pool *pool);
ssize_t __wrap_getrandom(void *p, size_t n, unsigned flags);

/* A block that is used again holds what it held. */
void *__wrap_sio__pool_get(struct pool *pool) {
  void *block = __real_sio__pool_get(pool);
  if (block) memset(block, fill, pool->size);
  return block;
}

ssize_t __wrap_getrandom(void *p, size_t n, unsigned flags) {
  static unsigned char next;
  (void)flags;
  for (size_t i = 0; i < n; i++) ((unsigned char *)p)[i] = (unsigned char)(next++ * 37);
  return (ssize_t)n;
}

/* ---- the talk -------------------------------------------------------------------------------- */

static uv_loop_t uv;
static sio_server *srv;
static FILE *out;

/* The date may differ. */
static void note(struct raw *c) {
  for (int i = 0; i < 8; i++) raw_turn(c);
  raw_read(c);
  for (size_t i = 0; i < c->n; i++) {
    bool date = c->n - i > 37 && memcmp(c->in + i, "Date: ", 6) == 0;
    if (date) i += 35;
    fputc(c->in[i], out);
  }
  fprintf(out, "\n--\n");
  raw_close(c);
}

static void ask(const char *method, const char *path, const char *lines, const char *body) {
  struct raw c;
  if (raw_open(&c, srv)) raw_request(&c, method, path, lines, body);
  note(&c);
}

static void on_any(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  sio_val all = sio_event_args(e);
  sio_emit(s, "back", sio_argv(&all, 1));
  if (sio_event_wants_ack(e)) sio_reply(e, SIO_ARGS(1.5, "text", true));
}

static void on_route(sio_request *r, void *user) {
  (void)user;
  sio_respond_header(r, "X-Own", "value");
  sio_respond(r, 200, "text/plain", sio_text("an answer"));
}

static void on_plain(sio_ws *w, bool binary, sio_slice data, void *user) {
  (void)user;
  sio_ws_send(w, binary, data);
}

static void no(sio_socket *s, sio_next *next, void *user) {
  (void)s, (void)user;
  sio_next_fail(next, "no", SIO_VAL("data"));
}

static void talk_over_http(void) {
  ask("GET", "/socket.io/?EIO=4&transport=polling", "Origin: http://a\r\n", NULL);
  ask("GET", "/socket.io/?EIO=3&transport=polling&b64=1&j=7", "Referer: http://a/\r\n", NULL);
  ask("GET", "/socket.io/?EIO=3&transport=polling", "", NULL);
  ask("OPTIONS", "/socket.io/", "Origin: http://a\r\nAccess-Control-Request-Method: POST\r\n",
      NULL);
  ask("GET", "/socket.io/?EIO=5&transport=polling", "", NULL);
  ask("POST", "/socket.io/?EIO=4&transport=polling&sid=x", "", "4");
  ask("GET", "/socket.io/socket.io.min.js", "Accept-Encoding: gzip\r\nRange: bytes=0-9\r\n", NULL);
  ask("POST", "/echo", "", "a body");
  ask("GET", "/echo", "", NULL);
  ask("GET", "/nothing", "", NULL);
  ask("GET", "/plain", "", NULL);
  ask("GET", "/echo\x01", "", NULL);
}

static void talk_over_polling(void) {
  struct poller p = POLLER;
  if (!poller_open(&p, srv, "/socket.io/")) abort();
  if (!poller_post(&p, "40\x1e"
                       "42[\"a\",1]\x1e"
                       "421[\"b\"]"))
    abort();
  poller_get(&p);
  note(&p.get);
  if (!poller_post(&p, "451-[\"c\",{\"_placeholder\":true,\"num\":0}]\x1e"
                       "bAAEC"))
    abort();
  poller_get(&p);
  note(&p.get);
  poller_close(&p);
}

static void talk_over_websocket(const char *path, const char *const *texts) {
  struct raw c;
  char lines[400];
  snprintf(lines, sizeof lines,
           "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
           "Sec-WebSocket-Extensions: permessage-deflate\r\n");
  if (!raw_open(&c, srv) || !raw_request(&c, "GET", path, lines, NULL)) abort();
  for (; *texts; texts++) {
    for (int i = 0; i < 4; i++) raw_turn(&c);
    raw_frame(&c, **texts == 'b' ? 0x82 : 0x81, *texts, strlen(*texts));
  }
  raw_frame(&c, 0x89, "ping", 4);
  raw_frame(&c, 0x88, "\x03\xe8", 2);
  note(&c);
}

static void talk(void) {
  static const char *const packets[] = { "40",
                                         "42[\"a\",{\"b\":[1,2,null]}]",
                                         "427[\"q\",\"\\u00e9\"]",
                                         "451-[\"c\",{\"_placeholder\":true,\"num\":0}]",
                                         "bytes",
                                         "40/no,",
                                         "40/nowhere,",
                                         "41",
                                         NULL };
  static const char *const plain[] = { "text", "bytes", NULL };
  talk_over_http();
  talk_over_polling();
  talk_over_websocket("/socket.io/?EIO=4&transport=websocket", packets);
  talk_over_websocket("/plain", plain);
}

static void run(void) {
  static const sio_cors cors = { .credentials = true };
  static const sio_cookie cookie = {
    .name = "io",
  };
  static const sio_deflate deflate = { .threshold = 1 };
  static const sio_ws_callbacks plain = { .message = on_plain };
  sio_nsp *root, *closed;
  sio_set_allocator(fill_malloc, fill_realloc, free);
  sio_options o = { .allow_eio3 = true, .cors = &cors, .cookie = &cookie };
#ifdef SIO_ZLIB
  o.per_message_deflate = &deflate;
#else
  (void)deflate;
#endif
  if (uv_loop_init(&uv) || sio_server_new(&uv, &o, &srv) || sio_of(srv, "/", &root) ||
      sio_of(srv, "/no", &closed) || sio_use(closed, no, NULL) || sio_on_any(root, on_any, NULL) ||
      sio_route(srv, "POST", "/echo", 0, on_route, NULL) ||
      sio_ws_route(srv, "/plain", &plain, NULL))
    abort();
  talk();
  sio_server_close(srv, NULL, NULL);
  uv_run(&uv, UV_RUN_DEFAULT);
  if (uv_loop_close(&uv)) abort();
}

/* ---- two of them ----------------------------------------------------------------------------- */

static size_t what_is_sent(int with, char *all, size_t room) {
  int pipe_fds[2], how;
  size_t n = 0;
  if (pipe(pipe_fds)) abort();
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    close(pipe_fds[0]);
    out = fdopen(pipe_fds[1], "w");
    fill = with;
#ifdef M_PERTURB
    mallopt(M_PERTURB, with); /* for zlib and libuv, which do not use our allocator */
#endif
    run();
    fclose(out);
    _exit(0);
  }
  close(pipe_fds[1]);
  for (ssize_t k; (k = read(pipe_fds[0], all + n, room - n)) > 0;) n += (size_t)k;
  close(pipe_fds[0]);
  CHECK(waitpid(child, &how, 0) == child && WIFEXITED(how) && WEXITSTATUS(how) == 0);
  return n;
}

static unsigned count_of(const char *p, size_t n, const char *what) {
  unsigned found = 0;
  const char *end = p + n;
  while ((p = memmem(p, (size_t)(end - p), what, strlen(what)))) {
    found++;
    p++;
  }
  return found;
}

TEST(two_servers_with_other_bytes_in_their_memory_send_the_same) {
  static char one[1 << 20], other[1 << 20];
  size_t n = what_is_sent(0x01, one, sizeof one), m = what_is_sent(0xa5, other, sizeof other);
  EQ(count_of(one, n, "HTTP/1.1 "), 16); /* in every build, with the client's files and without */
  CHECK(memmem(one, n, "[\"back\",1]", 10) != NULL);
  EQ_MEM(other, m, one, n);
}

TESTS_BEGIN
T(two_servers_with_other_bytes_in_their_memory_send_the_same)
TESTS_END
