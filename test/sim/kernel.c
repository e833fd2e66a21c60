/* SPDX-License-Identifier: MIT
 *
 * kernel.c - wires and descriptors, and the system calls on them.
 */
#include "kernel.h"

#include "disk.h"
#include "draw.h"
#include "fault.h"
#include "loop.h"
#include "memory.h"
#include "peer.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>
#include <zlib.h>

enum file_kind { FILE_FREE, FILE_WIRE, FILE_LISTENER, FILE_SOCKET };

struct file {
  enum file_kind kind;
  struct wire *wire;
  unsigned port;       /* of a listener */
  uint64_t starved_at; /* when it was last without means to accept, and one more; 0: never */
};

static struct file files[FDS];
static unsigned nports;
static bool port_closed[FDS]; /* it was listened to, and is not any more */
struct kernel kernel;

/* ---- streams ------------------------------------------------------------------------ */

static void stream_init(struct stream *s) {
  *s = (struct stream){ .fin_at = NEVER };
  s->last = &s->first;
}

static void stream_drop(struct stream *s) {
  for (struct segment *g = s->first, *next; g; g = next) {
    next = g->next;
    free(g);
  }
  s->first = s->under_way = NULL;
  s->last = &s->first;
  s->bytes = s->arrived = 0;
}

static uint64_t arrival(const struct wire *w, const struct stream *s) {
  uint64_t at = kernel.now + w->delay_us + draw(w->jitter_us + 1);
  return at > s->last_at ? at : s->last_at;
}

static void stream_put(struct wire *w, struct stream *s, const void *p, size_t n) {
  struct segment *g = malloc(sizeof *g + n);
  if (!g) abort();
  *g = (struct segment){ .at = s->last_at = arrival(w, s), .n = n };
  memcpy(g->bytes, p, n);
  *s->last = g;
  s->last = &g->next;
  if (!s->under_way) s->under_way = g;
  s->bytes += n;
  s->total += n;
}

static size_t stream_arrived(struct stream *s) {
  for (; s->under_way && s->under_way->at <= kernel.now; s->under_way = s->under_way->next)
    s->arrived += s->under_way->n;
  return s->arrived;
}

static bool stream_has(const struct stream *s) { return s->first && s->first->at <= kernel.now; }

static size_t stream_take(struct stream *s, void *p, size_t n) {
  size_t got = 0;
  stream_arrived(s);
  while (got < n && stream_has(s)) {
    struct segment *g = s->first;
    size_t k = g->n - g->off < n - got ? g->n - g->off : n - got;
    memcpy((char *)p + got, g->bytes + g->off, k);
    got += k;
    g->off += k;
    if (g->off < g->n) break;
    if (!(s->first = g->next)) s->last = &s->first;
    free(g);
  }
  s->bytes -= got;
  s->arrived -= got;
  return got;
}

/* ---- descriptors -------------------------------------------------------------------- */

bool kernel_is_fd(int fd) { return fd >= FD_BASE && fd < FD_BASE + FDS; }

static struct file *file_of(int fd, const char *call) {
  if (!kernel_is_fd(fd) || files[fd - FD_BASE].kind == FILE_FREE)
    fault("a call on a descriptor that is not open", "%s(%d)", call, fd);
  kernel.calls++;
  return &files[fd - FD_BASE];
}

/* The lowest that is free, as the kernel gives it. */
static int file_new(enum file_kind kind, struct wire *w) {
  for (int i = 0; i < FDS; i++)
    if (files[i].kind == FILE_FREE) {
      files[i] = (struct file){ .kind = kind, .wire = w };
      if (w) w->files++;
      kernel.open_fds++;
      return FD_BASE + i;
    }
  errno = EMFILE;
  return -1;
}

static bool fails(uint32_t one_in, int err) {
  if (!draw_one_in(one_in)) return false;
  errno = err;
  return true;
}

static bool reset_arrived(const struct wire *w) { return w->reset_at <= kernel.now; }

struct wire *kernel_wire(int fd) {
  return files[fd - FD_BASE].wire;
}

static bool is_knocking(const struct wire *w) {
  return w->used && !w->accepted && !w->server_closed && w->knocks_at <= kernel.now;
}

static struct wire *knocking(unsigned port) {
  for (int i = 0; i < kernel.nwires; i++)
    if (is_knocking(&kernel.wires[i]) && kernel.wires[i].listener == port) return &kernel.wires[i];
  return NULL;
}

bool kernel_broken(int fd) {
  const struct wire *w = kernel_wire(fd);
  return w && reset_arrived(w);
}

bool kernel_readable(int fd) {
  const struct file *f = &files[fd - FD_BASE];
  if (f->kind == FILE_LISTENER) return knocking(f->port) != NULL;
  const struct wire *w = f->wire;
  return w && (stream_has(&w->up) || w->up.fin_at <= kernel.now || reset_arrived(w));
}

static size_t free_room(const struct wire *w) {
  return w->down.bytes < w->room ? w->room - w->down.bytes : 0;
}

/* As Linux: once a third of the buffer is free. */
bool kernel_writable(int fd) {
  const struct wire *w = kernel_wire(fd);
  return w && (free_room(w) > w->room / 3 || reset_arrived(w));
}

/* ---- system calls on a wire --------------------------------------------------------- */

ssize_t __wrap_recv(int fd, void *p, size_t n, int flags);
ssize_t __wrap_send(int fd, const void *p, size_t n, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags);
int __wrap_close(int fd);
int __real_close(int fd);
int __wrap_fcntl64(int fd, int command, ...);
int __wrap_shutdown(int fd, int how);
int __wrap_accept4(int fd, struct sockaddr *a, socklen_t *len, int flags);
int __wrap_getpeername(int fd, struct sockaddr *a, socklen_t *len);
int __wrap_getsockname(int fd, struct sockaddr *a, socklen_t *len);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len);
int __wrap_socket(int domain, int type, int protocol);
int __wrap_bind(int fd, const struct sockaddr *a, socklen_t len);
int __wrap_listen(int fd, int backlog);
int __wrap_connect(int fd, const struct sockaddr *a, socklen_t len);
int __wrap_unlink(const char *path);
int __real_unlink(const char *path);
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **out);
void __wrap_freeaddrinfo(struct addrinfo *ai);
ssize_t __wrap_getrandom(void *p, size_t n, unsigned flags);

/* What came before a reset can be read first. A reset is told once; behind it there is nothing. */
static ssize_t receive(struct wire *w, void *p, size_t n) {
  if (reset_arrived(w) && !stream_has(&w->up)) {
    w->reset_at = NEVER;
    w->up.fin_at = 0;
    stream_drop(&w->up);
    errno = ECONNRESET;
    return -1;
  }
  if (!stream_has(&w->up)) {
    errno = EAGAIN;
    return w->up.fin_at <= kernel.now ? 0 : -1;
  }
  if (draw_one_in(kernel.short_reads)) n = 1 + draw_size((uint32_t)n - 1);
  size_t got = stream_take(&w->up, p, n);
  kernel.bytes_in += got;
  return (ssize_t)got;
}

ssize_t __wrap_recv(int fd, void *p, size_t n, int flags) {
  struct wire *w = file_of(fd, "recv")->wire;
  (void)flags;
  if (fails(kernel.eintr, EINTR) || fails(kernel.spurious, EAGAIN)) return -1;
  ssize_t got = receive(w, p, n);
  TELL("recv on wire %d: %zd", w->id, got);
  return got;
}

ssize_t kernel_receive(int fd, void *p, size_t n) {
  struct wire *w = file_of(fd, "recv")->wire;
  ssize_t got = receive(w, p, n);
  TELL("recv on wire %d: %zd", w->id, got);
  return got < 0 ? -errno : got;
}

/* The peer has closed its end: what is written to it is answered with a reset. */
static void answer_with_reset(struct wire *w) {
  if (w->peer_closed && w->reset_at == NEVER) w->reset_at = kernel.now + 2 * w->delay_us;
}

static ssize_t room_for(struct wire *w, size_t n) {
  /* TLS may have something to say when all else was said. */
  if (w->server_shut && w->port != PORT_TLS)
    fault("bytes are sent after shutdown", "wire %d", w->id);
  if (reset_arrived(w) || w->server_shut) {
    errno = EPIPE;
    return -1;
  }
  size_t k = free_room(w);
  if (k == 0 || fails(kernel.spurious, EAGAIN)) {
    errno = EAGAIN;
    return -1;
  }
  if (k > n) k = n;
  if (k > 1 && draw_one_in(kernel.short_writes)) k = 1 + draw_size((uint32_t)k - 1);
  return (ssize_t)k;
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags) {
  struct wire *w = file_of(fd, "send")->wire;
  size_t n = 0;
  if (!(flags & MSG_NOSIGNAL)) fault("a send without MSG_NOSIGNAL", "wire %d", w->id);
  if (fails(kernel.eintr, EINTR) || fails(kernel.nobufs, draw(2) ? ENOMEM : ENOBUFS)) return -1;
  for (size_t i = 0; i < (size_t)m->msg_iovlen; i++) n += m->msg_iov[i].iov_len;
  ssize_t k = room_for(w, n);
  if (k <= 0) return k;
  answer_with_reset(w);
  size_t left = (size_t)k;
  for (size_t i = 0; left > 0; i++) {
    size_t some = m->msg_iov[i].iov_len < left ? m->msg_iov[i].iov_len : left;
    if (some && w->vanished)
      w->down.bytes += some; /* nobody acknowledges it, so it fills the buffer for ever */
    else if (some && w->peer_closed)
      w->down.total += some;
    else if (some)
      stream_put(w, &w->down, m->msg_iov[i].iov_base, some);
    left -= some;
  }
  return k;
}

ssize_t __wrap_send(int fd, const void *p, size_t n, int flags) {
  struct iovec v = { (void *)p, n };
  return __wrap_sendmsg(fd, &(struct msghdr){ .msg_iov = &v, .msg_iovlen = 1 }, flags);
}

static void reset_peer(struct wire *w) {
  w->broken = true;
  if (w->peer_reset_at == NEVER) w->peer_reset_at = kernel.now + w->delay_us;
}

static void close_wire(struct wire *w) {
  bool unread = w->up.bytes > 0;
  TELL("the server closes wire %d%s", w->id, unread ? ", with bytes unread" : "");
  w->server_closed = true;
  w->fd = -1;
  stream_drop(&w->up);
  if (unread)
    reset_peer(w);
  else if (w->down.fin_at == NEVER)
    w->down.fin_at = arrival(w, &w->down);
}

/* Who waits to be accepted on a port that is closed, or knocks there later, is answered with a
 * reset. */
static void refuse_on_closed_port(struct wire *w) {
  if (!is_knocking(w) || !port_closed[w->listener]) return;
  TELL("wire %d is refused: nobody listens", w->id);
  w->server_closed = true;
  stream_drop(&w->up);
  reset_peer(w);
}

int __wrap_close(int fd) {
  if (disk_is_fd(fd)) return disk_close(fd);
  if (!kernel_is_fd(fd)) return __real_close(fd);
  struct file *f = file_of(fd, "close");
  if (f->kind == FILE_WIRE && --f->wire->files == 0) close_wire(f->wire);
  if (f->kind == FILE_LISTENER) port_closed[f->port] = true;
  *f = (struct file){ .kind = FILE_FREE };
  kernel.open_fds--;
  return 0;
}

void kernel_close(int fd) { (void)__wrap_close(fd); }

/* A duplicate stands for the same wire. Other calls of fcntl() are none of the library's. */
int __wrap_fcntl64(int fd, int command, ...) {
  if (!kernel_is_fd(fd) || command != F_DUPFD_CLOEXEC)
    fault("a call of fcntl() that the simulator does not know", "%d", command);
  return file_new(FILE_WIRE, file_of(fd, "fcntl")->wire);
}

int __wrap_shutdown(int fd, int how) {
  struct wire *w = file_of(fd, "shutdown")->wire;
  (void)how;
  w->server_shut = true;
  if (w->down.fin_at == NEVER) w->down.fin_at = arrival(w, &w->down);
  return 0;
}

static void address_of(const struct wire *w, struct sockaddr *a, socklen_t *len) {
  struct sockaddr_in v4 = { .sin_family = w->address ? AF_INET : AF_UNIX,
                            .sin_port = htons((uint16_t)(1024 + w->id)),
                            .sin_addr = { htonl(w->address) } };
  memcpy(a, &v4, *len < sizeof v4 ? *len : sizeof v4);
  *len = sizeof v4;
}

int __wrap_getpeername(int fd, struct sockaddr *a, socklen_t *len) {
  struct wire *w = file_of(fd, "getpeername")->wire;
  if (!w || reset_arrived(w)) {
    errno = ENOTCONN;
    return -1;
  }
  address_of(w, a, len);
  return 0;
}

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len) {
  struct wire *w = file_of(fd, "getsockopt")->wire;
  int err = w && reset_arrived(w) ? ECONNRESET : 0;
  (void)level, (void)name;
  memcpy(value, &err, *len < sizeof err ? *len : sizeof err);
  return 0;
}

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len) {
  (void)level, (void)name, (void)value, (void)len;
  file_of(fd, "setsockopt");
  return 0;
}

/* ---- system calls of listeners ------------------------------------------------------ */

int __wrap_socket(int domain, int type, int protocol) {
  (void)domain, (void)type, (void)protocol;
  return file_new(FILE_SOCKET, NULL);
}

int __wrap_bind(int fd, const struct sockaddr *a, socklen_t len) {
  (void)a, (void)len;
  file_of(fd, "bind");
  return 0;
}

int __wrap_listen(int fd, int backlog) {
  struct file *f = file_of(fd, "listen");
  (void)backlog;
  f->kind = FILE_LISTENER;
  f->port = nports++;
  return 0;
}

int __wrap_connect(int fd, const struct sockaddr *a, socklen_t len) {
  (void)a, (void)len;
  file_of(fd, "connect");
  errno = ECONNREFUSED;
  return -1;
}

int __wrap_getsockname(int fd, struct sockaddr *a, socklen_t *len) {
  struct file *f = file_of(fd, "getsockname");
  struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)(80 + f->port)) };
  memcpy(a, &v4, *len < sizeof v4 ? *len : sizeof v4);
  *len = sizeof v4;
  return 0;
}

int __wrap_unlink(const char *path) {
  return strncmp(path, "/sim/", 5) == 0 ? 0 : __real_unlink(path);
}

int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **out) {
  static struct sockaddr_in any;
  static struct addrinfo found;
  (void)host, (void)service, (void)hints;
  any = (struct sockaddr_in){ .sin_family = AF_INET };
  found = (struct addrinfo){ .ai_family = AF_INET,
                             .ai_addr = (struct sockaddr *)&any,
                             .ai_addrlen = sizeof any };
  *out = &found;
  return 0;
}

void __wrap_freeaddrinfo(struct addrinfo *ai) { (void)ai; }

static int take_knocking(unsigned port) {
  struct wire *w = knocking(port);
  if (!w) {
    errno = EAGAIN;
    return -1;
  }
  w->accepted = true;
  if (fails(kernel.aborted, ECONNABORTED)) {
    reset_peer(w);
    w->server_closed = true;
    return -1;
  }
  w->fd = file_new(FILE_WIRE, w);
  if (w->fd < 0) w->accepted = false;
  return w->fd;
}

/* To ask again at once is to spin: nothing has changed meanwhile. Where the host kept the loop just
 * before, the time to wait counts from when that began, and is over. */
static void starve(struct file *f) {
  bool stalled = loop.last_stall && kernel.now < loop.last_stall + 10000;
  if (f->starved_at && kernel.now < f->starved_at + 10000 && !stalled)
    fault("a listener spins while there is nothing to accept with", "port %u", f->port);
  f->starved_at = kernel.now + 1;
}

int __wrap_accept4(int fd, struct sockaddr *a, socklen_t *len, int flags) {
  static const int lacks[] = { EMFILE, ENFILE, ENOBUFS, ENOMEM };
  struct file *f = file_of(fd, "accept4");
  (void)a, (void)len;
  if ((flags & (SOCK_NONBLOCK | SOCK_CLOEXEC)) != (SOCK_NONBLOCK | SOCK_CLOEXEC))
    fault("a descriptor that blocks or is inherited", "accept4");
  if (fails(kernel.eintr, EINTR)) return -1;
  if (draw_one_in(kernel.accept_fails)) {
    starve(f);
    errno = lacks[draw(4)];
    return -1;
  }
  return take_knocking(f->port);
}

int kernel_accept_now(unsigned port) { return take_knocking(port); }

/* ---- zlib's streams: there is one of each for the whole server ---------------------- */

int __real_deflateInit2_(z_streamp z, int level, int method, int bits, int mem, int strategy,
                         const char *version, int size);
int __wrap_deflateInit2_(z_streamp z, int level, int method, int bits, int mem, int strategy,
                         const char *version, int size);
int __real_inflateInit2_(z_streamp z, int bits, const char *version, int size);
int __wrap_inflateInit2_(z_streamp z, int bits, const char *version, int size);

int __wrap_deflateInit2_(z_streamp z, int level, int method, int bits, int mem, int strategy,
                         const char *version, int size) {
  unsigned owner = memory.owner;
  memory.owner = 0;
  int err = __real_deflateInit2_(z, level, method, bits, mem, strategy, version, size);
  memory.owner = owner;
  return err;
}

int __wrap_inflateInit2_(z_streamp z, int bits, const char *version, int size) {
  unsigned owner = memory.owner;
  memory.owner = 0;
  int err = __real_inflateInit2_(z, bits, version, size);
  memory.owner = owner;
  return err;
}

/* ---- random bytes ------------------------------------------------------------------- */

/* The same in every life: nothing follows from them. */
ssize_t __wrap_getrandom(void *p, size_t n, unsigned flags) {
  unsigned char *out = p;
  (void)flags;
  if (fails(kernel.eintr, EINTR)) return -1;
  for (size_t i = 0; i < n; i++) {
    kernel.random = kernel.random * 6364136223846793005u + 1442695040888963407u;
    out[i] = (unsigned char)(kernel.random >> 56);
  }
  return (ssize_t)n;
}

/* ---- what happens next -------------------------------------------------------------- */

static void sooner(uint64_t *next, uint64_t at) {
  if (at > kernel.now && at < *next) *next = at;
}

static void stream_next(struct stream *s, uint64_t *next) {
  stream_arrived(s);
  if (s->under_way) sooner(next, s->under_way->at);
  sooner(next, s->fin_at);
}

static void wire_next(struct wire *w, uint64_t *next) {
  if (!w->accepted) sooner(next, w->knocks_at);
  stream_next(&w->up, next);
  stream_next(&w->down, next);
  sooner(next, w->reset_at);
  sooner(next, w->peer_reset_at);
}

uint64_t kernel_next(void) {
  uint64_t next = NEVER;
  for (int i = 0; i < kernel.nwires; i++)
    if (kernel.wires[i].used) wire_next(&kernel.wires[i], &next);
  return next;
}

static void let_peer_know(struct wire *w) {
  if (w->peer_closed || w->vanished) return;
  if (w->peer_reset_at <= kernel.now && draw(2)) stream_drop(&w->down);
  if (wire_readable(w) > 0) peer_data(w->peer, w);
  if (w->used && !w->peer_closed && !w->told_end && wire_ended(w)) {
    w->told_end = true;
    peer_ended(w->peer, w);
  }
}

/* A wire that is over at both ends is forgotten. */
static void forget(struct wire *w) {
  bool over = w->server_closed && (w->peer_closed || w->vanished);
  if (!over && !(w->peer_closed && !w->accepted)) return;
  stream_drop(&w->up);
  stream_drop(&w->down);
  w->used = false;
}

void kernel_deliver(void) {
  for (int i = 0; i < kernel.nwires; i++)
    if (kernel.wires[i].used) {
      refuse_on_closed_port(&kernel.wires[i]);
      let_peer_know(&kernel.wires[i]);
      forget(&kernel.wires[i]);
    }
}

/* ---- peers' ends -------------------------------------------------------------------- */

static struct wire *free_wire(void) {
  for (int i = 0; i < WIRES; i++)
    if (!kernel.wires[i].used) {
      if (i >= kernel.nwires) kernel.nwires = i + 1;
      return &kernel.wires[i];
    }
  return NULL;
}

struct wire *wire_open(struct peer *p, unsigned server, unsigned port, uint32_t address) {
  struct wire *w = free_wire();
  if (!w) return NULL;
  *w = (struct wire){ .peer = p,
                      .id = kernel.wires_ever++,
                      .fd = -1,
                      .port = port,
                      .listener = server * PORTS + port,
                      .used = true,
                      .reset_at = NEVER,
                      .peer_reset_at = NEVER,
                      .allowance = NEVER,
                      .address = address,
                      .room = 65536,
                      .delay_us = 1000 };
  stream_init(&w->up);
  stream_init(&w->down);
  w->knocks_at = kernel.now + w->delay_us;
  return w;
}

/* Written to a closed end it is answered with a reset. */
void wire_write(struct wire *w, const void *p, size_t n) {
  if (w->peer_closed || w->vanished || n == 0 || w->up.fin_at != NEVER) return;
  if (w->server_closed)
    reset_peer(w);
  else
    stream_put(w, &w->up, p, n);
}

size_t wire_readable(struct wire *w) {
  if (w->peer_closed || w->vanished) return 0;
  size_t n = stream_arrived(&w->down);
  return n < w->allowance ? n : (size_t)w->allowance;
}

size_t wire_read(struct wire *w, void *p, size_t n) {
  size_t some = wire_readable(w);
  some = stream_take(&w->down, p, some < n ? some : n);
  if (w->allowance != NEVER) w->allowance -= some;
  return some;
}

void wire_hurry(struct wire *w) {
  for (struct segment *g = w->down.first; g; g = g->next)
    if (g->at > kernel.now) g->at = kernel.now;
  w->allowance = NEVER;
}

bool wire_ended(const struct wire *w) {
  if (w->peer_reset_at <= kernel.now) return true;
  return w->down.bytes == 0 && w->down.fin_at <= kernel.now;
}

void wire_fin(struct wire *w) {
  if (w->peer_closed || w->vanished || w->up.fin_at != NEVER) return;
  w->up.fin_at = arrival(w, &w->up);
}

void wire_close(struct wire *w) {
  if (w->peer_closed || w->vanished) return;
  if (w->down.bytes > 0) {
    wire_reset(w);
    return;
  }
  wire_fin(w);
  w->peer_closed = true;
}

void wire_reset(struct wire *w) {
  if (w->peer_closed || w->vanished) return;
  w->peer_closed = w->broken = true;
  w->reset_at = kernel.now + w->delay_us;
  stream_drop(&w->down);
}

/* What is on its way still arrives. */
void wire_vanish(struct wire *w) {
  if (w->peer_closed) return;
  w->vanished = w->broken = true;
}

/* What is on the way of the first bytes is told by the loop: see loop_stream.c. */
int kernel_connect(struct peer *to) {
  struct wire *w = wire_open(to, 0, PORT_OUT, 0);
  if (!w) return -1;
  w->accepted = true;
  w->fd = file_new(FILE_WIRE, w);
  if (w->fd < 0) w->used = false;
  return w->fd;
}

/* ---- a life ------------------------------------------------------------------------- */

void kernel_begin(void) {
  kernel = (struct kernel){ .now = 1000000000, .random = 1 };
  memset(files, 0, sizeof files);
  memset(port_closed, 0, sizeof port_closed);
  nports = 0;
}

void kernel_calm(void) {
  kernel.eintr = kernel.spurious = kernel.nobufs = kernel.accept_fails = 0;
  kernel.poll_init_fails = kernel.aborted = 0;
}

void kernel_end(void) {
  for (int i = 0; i < kernel.nwires; i++) {
    stream_drop(&kernel.wires[i].up);
    stream_drop(&kernel.wires[i].down);
  }
}
