/* SPDX-License-Identifier: MIT
 *
 * listener.c - listening TCP and Unix sockets, and connections taken from a listener of the host.
 */
#include "net/listener.h"
#include "base/os.h"
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sio/error.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
  RETRY_MS = 100,
  /* At most this many connections are accepted per event, so that a flood of new connections does
   * not keep the loop from serving the open ones. */
  ACCEPT_BATCH = 64,
  /* TCP keep-alive: the silence before the first probe, the interval between probes, and their
   * number. */
  KEEP_IDLE_S = 60,
  KEEP_INTERVAL_S = 15,
  KEEP_COUNT = 4
};

/* ---- accepting ------------------------------------------------------------------ */

static void on_listener_poll_accept_conns(uv_poll_t *h, int status, int events);

static int listener_start_poll(struct listener *ln) {
  sio__loop_mark_new_poll_handle(ln->loop);
  return uv_poll_start(&ln->poll, UV_READABLE, on_listener_poll_accept_conns);
}

static void on_timer_resume_accepting(struct timer *t) {
  struct listener *ln = container_of(t, struct listener, retry);
  if (listener_start_poll(ln)) sio__loop_start_timer(ln->loop, &ln->retry, RETRY_MS);
}

/* There are no descriptors or memory for a new connection. Polling again immediately would spin,
 * so we wait; the connection stays in the backlog. */
static void pause_accepting(struct listener *ln, int err) {
  uv_poll_stop(&ln->poll);
  sio__loop_start_timer(ln->loop, &ln->retry, RETRY_MS);
  ln->ops->starved(ln, err);
}

static bool is_accept_error_lack_of_resources(int err) {
  return err == EMFILE || err == ENFILE || err == ENOMEM || err == ENOBUFS;
}

static void on_listener_poll_accept_conns(uv_poll_t *h, int status, int events) {
  struct listener *ln = h->data;
  (void)status, (void)events;
  loop_begin_turn(ln->loop);
  for (int i = 0; i < ACCEPT_BATCH && ln->fd >= 0; i++) {
    int fd = sio__os_accept_nonblocking(ln->fd);
    if (fd >= 0) {
      ln->ops->accepted(ln, fd);
    } else if (is_accept_error_lack_of_resources(errno)) {
      pause_accepting(ln, -errno);
      return;
    } else if (errno == EAGAIN) {
      return;
    }
    /* Other errors usually concern one connection (ECONNABORTED, EPROTO), or are EINTR: go on. */
  }
}

static void on_accepted_uv_stream_closed(uv_handle_t *h) {
  struct loop *l = h->data;
  sio__free(h);
  sio__loop_uncount_handle_and_end_if_last(l);
}

int sio__accept_fd_from_host_listener(struct loop *l, uv_stream_t *host_listener) {
  union {
    uv_handle_t any;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  } *peer = sio__malloc(sizeof *peer);
  if (!peer) return UV_ENOMEM;
  bool is_pipe = host_listener->type == UV_NAMED_PIPE;
  /* These calls open no descriptor, and cannot fail. */
  (void)(is_pipe ? uv_pipe_init(l->uv, &peer->pipe, 0) : uv_tcp_init(l->uv, &peer->tcp));
  l->open_handles++;
  peer->any.data = l;
  uv_os_fd_t fd = -1;
  int err = uv_accept(host_listener, &peer->stream);
  if (!err) err = uv_fileno(&peer->any, &fd);
  /* The uv stream was only needed to accept the descriptor. We continue with a duplicate. */
  if (!err && (fd = fcntl(fd, F_DUPFD_CLOEXEC, 0)) < 0) err = -errno;
  uv_close(&peer->any, on_accepted_uv_stream_closed);
  return err ? err : fd;
}

/* ---- opening --------------------------------------------------------------- */

static int listener_new_on_bound_socket(struct listener **out, struct loop *l, int fd, int backlog,
                                        const struct listener_ops *ops, void *owner) {
  struct listener *ln = NULL;
  int err = listen(fd, backlog) ? -errno : 0;
  if (!err && !(ln = sio__calloc(1, sizeof *ln))) err = UV_ENOMEM;
  if (!err) err = uv_poll_init(l->uv, &ln->poll, fd);
  if (err) {
    sio__free(ln);
    close(fd);
    return err;
  }
  l->open_handles++;
  ln->poll.data = ln;
  ln->loop = l;
  ln->ops = ops;
  ln->owner = owner;
  ln->fd = fd;
  list_init(&ln->link);
  timer_init(&ln->retry, on_timer_resume_accepting);
  if (listener_start_poll(ln)) sio__loop_start_timer(l, &ln->retry, RETRY_MS);
  *out = ln;
  return 0;
}

/* With keep-alive a peer whose host or network has failed is noticed after about two minutes, if
 * nothing is sent to it. That takes longer on systems that have no options for the intervals. A
 * socket on which keep-alive is on already keeps its intervals. */
void sio__enable_tcp_keep_alive(int fd) {
  int on = 0, one = 1;
  socklen_t len = sizeof on;
  if (getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, &len) || on) return;
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
#ifdef TCP_KEEPIDLE
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &(int){ KEEP_IDLE_S }, sizeof(int));
#endif
#ifdef TCP_KEEPINTVL
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &(int){ KEEP_INTERVAL_S }, sizeof(int));
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &(int){ KEEP_COUNT }, sizeof(int));
#endif
}

/* If the kernel chooses the port (`named` is false), binds before setting SO_REUSEADDR: with the
 * option set it may choose the same port for two sockets that do not listen yet, and one listen()
 * would fail. */
static int open_and_bind_tcp_socket(const struct addrinfo *ai, bool named) {
  int fd = sio__os_open_stream_socket(ai->ai_family);
  if (fd < 0) return -errno;
  int one = 1, zero = 0;
  if (named) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sio__enable_tcp_keep_alive(fd); /* Accepted sockets inherit the option. */
  if (ai->ai_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
  if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0) {
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    return fd;
  }
  int err = -errno;
  close(fd);
  return err;
}

static int error_from_getaddrinfo(int gai) {
  switch (gai) {
    case EAI_SYSTEM: return -errno;
    case EAI_MEMORY: return UV_EAI_MEMORY;
    case EAI_AGAIN: return UV_EAI_AGAIN;
    case EAI_FAMILY: return UV_EAI_FAMILY;
    default: return UV_EAI_NONAME;
  }
}

/* Returns a socket that is bound to the first address of host that can be bound, or a libuv
 * error. */
static int open_socket_bound_to_first_address(const char *host, int port) {
  char service[8];
  snprintf(service, sizeof service, "%d", port);
  struct addrinfo *found,
      hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };
  int gai = getaddrinfo(host, service, &hints, &found);
  if (gai) return error_from_getaddrinfo(gai);
  int fd = UV_EADDRNOTAVAIL;
  for (const struct addrinfo *ai = found; ai && fd < 0; ai = ai->ai_next)
    fd = open_and_bind_tcp_socket(ai, port != 0);
  freeaddrinfo(found);
  return fd;
}

int sio__listener_open_tcp(struct listener **out, struct loop *l, const char *host, int port,
                           int backlog, const struct listener_ops *ops, void *owner) {
  if (port < 0 || port > 65535) return UV_EINVAL;
  int fd = open_socket_bound_to_first_address(host ? host : "::", port);
  if (fd < 0 && !host) fd = open_socket_bound_to_first_address("0.0.0.0", port);
  return fd < 0 ? fd : listener_new_on_bound_socket(out, l, fd, backlog, ops, owner);
}

int sio__listener_port(const struct listener *ln) {
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage room;
  } a;
  socklen_t len = sizeof a;
  if (getsockname(ln->fd, &a.any, &len)) return 0;
  if (a.any.sa_family == AF_INET) return ntohs(a.v4.sin_port);
  return a.any.sa_family == AF_INET6 ? ntohs(a.v6.sin6_port) : 0;
}

/* ---- Unix sockets ------------------------------------------------------------------ */

/* Returns true if the path is that of a socket file and a connection to it is refused, because no
 * process listens on it. bind() fails until the file is removed. */
static bool is_stale_socket_file(const struct sockaddr_un *a) {
  struct stat st;
  if (lstat(a->sun_path, &st) || !S_ISSOCK(st.st_mode)) return false;
  int fd = sio__os_open_stream_socket(AF_UNIX);
  if (fd < 0) return false;
  bool stale = connect(fd, (const struct sockaddr *)a, sizeof *a) && errno == ECONNREFUSED;
  close(fd);
  return stale;
}

static int open_and_bind_unix_socket(const struct sockaddr_un *a) {
  int fd = sio__os_open_stream_socket(AF_UNIX);
  if (fd < 0) return -errno;
  int err = bind(fd, (const struct sockaddr *)a, sizeof *a) ? -errno : 0;
  if (err == UV_EADDRINUSE && is_stale_socket_file(a) && unlink(a->sun_path) == 0)
    err = bind(fd, (const struct sockaddr *)a, sizeof *a) ? -errno : 0;
  if (!err) return fd;
  close(fd);
  return err;
}

int sio__listener_open_unix(struct listener **out, struct loop *l, const char *path, int backlog,
                            const struct listener_ops *ops, void *owner) {
  struct sockaddr_un a = { .sun_family = AF_UNIX };
  size_t n = strlen(path);
  if (n == 0 || n >= sizeof a.sun_path) return UV_ENAMETOOLONG;
  memcpy(a.sun_path, path, n);
  char *copy = sio__strndup(path, n);
  if (!copy) return UV_ENOMEM;
  int fd = open_and_bind_unix_socket(&a);
  int err = fd < 0 ? fd : listener_new_on_bound_socket(out, l, fd, backlog, ops, owner);
  if (err) {
    if (fd >= 0) unlink(path);
    sio__free(copy);
    return err;
  }
  (*out)->unix_path = copy;
  return 0;
}

/* ---- closing --------------------------------------------------------------- */

static void on_listener_closed(uv_handle_t *h) {
  struct listener *ln = h->data;
  struct loop *l = ln->loop;
  sio__free(ln->unix_path);
  sio__free(ln);
  sio__loop_uncount_handle_and_end_if_last(l);
}

void sio__listener_close(struct listener *ln) {
  if (ln->fd < 0) return;
  list_remove(&ln->link);
  sio__loop_stop_timer(ln->loop, &ln->retry);
  uv_close((uv_handle_t *)&ln->poll, on_listener_closed);
  close(ln->fd);
  ln->fd = -1;
  if (ln->unix_path) unlink(ln->unix_path);
}
