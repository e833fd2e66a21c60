/* SPDX-License-Identifier: MIT
 *
 * loop_stream.c - libuv's streams as lib/redis uses them: a name is resolved, a connection is made,
 * and what comes is read. (Written is to the descriptor.) Who answers is redis.c.
 */
#include "draw.h"
#include "fault.h"
#include "kernel.h"
#include "loop.h"
#include "loop_handles.h"
#include "memory.h"
#include "redis.h"
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { LOOKUPS = 32, DEAD_PORT = 1, LIVE_PORT = 6379 };

struct lookup {
  uv_getaddrinfo_t *req; /* NULL: free */
  uv_getaddrinfo_cb cb;
  uint64_t due;
  int status;
};

static struct {
  struct lookup lookups[LOOKUPS];
  unsigned lists; /* of addresses, that are not freed */
} s;

static uv_stream_t *stream_of(const uv_handle_t *h) { return (uv_stream_t *)h; }

void streams_begin(void) { memset(&s, 0, sizeof s); }

/* ---- names -------------------------------------------------------------------------- */

int uv_getaddrinfo(uv_loop_t *l, uv_getaddrinfo_t *req, uv_getaddrinfo_cb cb, const char *node,
                   const char *service, const struct addrinfo *hints) {
  (void)node, (void)service, (void)hints;
  if (draw_one_in(redis.lookup_fails)) return UV_ENOMEM;
  for (int i = 0; i < LOOKUPS; i++) {
    struct lookup *k = &s.lookups[i];
    if (k->req) continue;
    *k = (struct lookup){ .req = req, .cb = cb, .due = kernel.now + redis_delay_us() };
    if (draw_one_in(redis.lookup_fails)) k->status = UV_EAI_AGAIN;
    req->loop = l;
    return 0;
  }
  return UV_ENOMEM;
}

/* One that is under way already cannot be taken back. */
int uv_cancel(uv_req_t *req) {
  for (int i = 0; i < LOOKUPS; i++) {
    struct lookup *k = &s.lookups[i];
    if ((uv_req_t *)k->req != req) continue;
    if (draw(2)) return UV_EBUSY;
    k->status = UV_ECANCELED;
    k->due = kernel.now;
    return 0;
  }
  fault("a request is cancelled that is not under way", "uv_cancel");
}

struct found {
  struct addrinfo info[2];
  struct sockaddr_in address[2];
};

/* Of two addresses nobody listens at the first. */
static struct addrinfo *make_addresses(void) {
  struct found *f = calloc(1, sizeof *f);
  int n = draw_one_in(4) ? 2 : 1;
  if (!f) abort();
  for (int i = 0; i < n; i++) {
    f->address[i] = (struct sockaddr_in){ .sin_family = AF_INET };
    f->address[i].sin_port = htons(i + 1 < n ? DEAD_PORT : LIVE_PORT);
    f->info[i] = (struct addrinfo){ .ai_family = AF_INET,
                                    .ai_addr = (struct sockaddr *)&f->address[i],
                                    .ai_addrlen = sizeof f->address[i],
                                    .ai_next = i + 1 < n ? &f->info[i + 1] : NULL };
  }
  s.lists++;
  return f->info;
}

void uv_freeaddrinfo(struct addrinfo *ai) {
  if (!ai) return;
  if (!s.lists) fault("a list of addresses is freed twice", "%p", (void *)ai);
  s.lists--;
  free(ai);
}

uint64_t lookups_next(void) {
  uint64_t next = NEVER;
  for (int i = 0; i < LOOKUPS; i++)
    if (s.lookups[i].req && s.lookups[i].due > kernel.now && s.lookups[i].due < next)
      next = s.lookups[i].due;
  return next;
}

static bool lookup_arrived(const struct lookup *k, const uv_loop_t *l) {
  return k->req && k->due <= kernel.now && (!l || k->req->loop == l);
}

bool lookups_arrived(const uv_loop_t *l) {
  for (int i = 0; i < LOOKUPS; i++)
    if (lookup_arrived(&s.lookups[i], l)) return true;
  return false;
}

void lookups_run(const uv_loop_t *l) {
  for (int i = 0; i < LOOKUPS; i++) {
    struct lookup k = s.lookups[i];
    if (!lookup_arrived(&k, l)) continue;
    s.lookups[i].req = NULL;
    loop.callbacks++;
    k.cb(k.req, k.status, k.status ? NULL : make_addresses());
  }
}

unsigned lookups_left(void) {
  unsigned n = s.lists;
  for (int i = 0; i < LOOKUPS; i++) n += s.lookups[i].req != NULL;
  return n;
}

/* ---- connecting --------------------------------------------------------------------- */

static int stream_connect(uv_connect_t *req, uv_stream_t *t, uv_connect_cb cb, bool dead) {
  uv_handle_t *h = (uv_handle_t *)t;
  if (hidden(h)->closing) fault("a handle that is closed is used", "uv_tcp_connect");
  req->handle = t;
  req->cb = cb;
  t->connect_req = req;
  t->delayed_error = dead ? UV_ECONNREFUSED : 0;
  hidden(h)->due = kernel.now + 2 * redis_delay_us();
  return 0;
}

/* Without a descriptor uv_tcp_connect() fails, and uv_pipe_connect() says so later. */
int uv_tcp_connect(uv_connect_t *req, uv_tcp_t *t, const struct sockaddr *a, uv_connect_cb cb) {
  bool dead = ((const struct sockaddr_in *)a)->sin_port == htons(DEAD_PORT);
  int fd = draw_one_in(redis.lookup_fails) ? -1 : kernel_connect(&redis_peer);
  if (fd < 0) return UV_EMFILE;
  hidden((uv_handle_t *)t)->fd = fd;
  return stream_connect(req, (uv_stream_t *)t, cb, dead);
}

void uv_pipe_connect(uv_connect_t *req, uv_pipe_t *t, const char *name, uv_connect_cb cb) {
  int fd = draw_one_in(redis.lookup_fails) ? -1 : kernel_connect(&redis_peer);
  (void)name;
  hidden((uv_handle_t *)t)->fd = fd;
  (void)stream_connect(req, (uv_stream_t *)t, cb, fd < 0);
}

int uv_tcp_nodelay(uv_tcp_t *t, int on) {
  (void)t, (void)on;
  return 0;
}

static void stream_finish_connect(uv_stream_t *t, int status) {
  uv_connect_t *req = t->connect_req;
  t->connect_req = NULL;
  loop.callbacks++;
  req->cb(req, status);
}

/* ---- reading ------------------------------------------------------------------------ */

int uv_read_start(uv_stream_t *t, uv_alloc_cb alloc, uv_read_cb read) {
  uv_handle_t *h = (uv_handle_t *)t;
  if (hidden(h)->closing) return UV_EINVAL;
  t->alloc_cb = alloc;
  t->read_cb = read;
  hidden(h)->active = true;
  return 0;
}

int uv_read_stop(uv_stream_t *t) {
  hidden((uv_handle_t *)t)->active = false;
  return 0;
}

static void stream_read(uv_stream_t *t) {
  uv_handle_t *h = (uv_handle_t *)t;
  uv_buf_t buf = { 0 };
  t->alloc_cb(h, 65536, &buf);
  if (!buf.base || !buf.len) {
    t->read_cb(t, UV_ENOBUFS, &buf);
    return;
  }
  ssize_t n = kernel_receive(hidden(h)->fd, buf.base, buf.len);
  if (n == UV_EAGAIN)
    n = 0;
  else if (n <= 0)
    hidden(h)->active = false;
  t->read_cb(t, n == 0 && !hidden(h)->active ? UV_EOF : n, &buf);
}

/* ---- for the loop ------------------------------------------------------------------- */

bool stream_is_ready(const uv_handle_t *h) {
  const struct hidden *x = hidden(h);
  const uv_stream_t *t = stream_of(h);
  if (!handle_is_stream(h) || x->closing) return false;
  if (t->connect_req) return x->due <= kernel.now && (t->delayed_error || redis_decides());
  return x->active && kernel_readable(x->fd);
}

void stream_on_ready(uv_handle_t *h) {
  uv_stream_t *t = stream_of(h);
  loop.callbacks++;
  if (!t->connect_req)
    stream_read(t);
  else if (t->delayed_error)
    stream_finish_connect(t, t->delayed_error);
  else
    stream_finish_connect(t, redis_accept(kernel_wire(hidden(h)->fd)));
}

void stream_close_descriptor(uv_handle_t *h) {
  if (handle_is_stream(h) && hidden(h)->fd >= 0) kernel_close(hidden(h)->fd);
  hidden(h)->fd = -1;
}

void stream_end_connect(uv_handle_t *h) {
  if (handle_is_stream(h) && stream_of(h)->connect_req)
    stream_finish_connect(stream_of(h), UV_ECANCELED);
}
