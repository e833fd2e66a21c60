/* SPDX-License-Identifier: MIT
 *
 * link_socket.c - a socket that is connected, or being connected, to Redis.
 */
#include "redis/link_socket.h"

#include "base/err.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/os.h"
#include "redis/log.h"
#include <errno.h>
#include <unistd.h>

enum { LINK_READ = 65536 };

struct unsent {
  struct unsent *next;
  char *bytes;
  size_t n, sent;
};

/* ---- closing --------------------------------------------------------------------------------- */

static void link_socket_free_first_unsent(struct link_socket *w) {
  struct unsent *first = w->unsent;
  w->unsent_bytes -= first->n - first->sent;
  w->unsent = first->next;
  if (!w->unsent) w->last_unsent = &w->unsent;
  sio__free(first->bytes);
  sio__free(first);
}

static void free_link_socket_on_close(uv_handle_t *h) {
  struct link_socket *w = h->data;
  struct link *l = w->of;
  --*w->handles;
  while (w->unsent) link_socket_free_first_unsent(w);
  sio__reply_reader_clear(&w->reader);
  sio__link_tls_close_and_free(&w->tls);
  sio__free(w->block);
  sio__free(w);
  l->closed(l);
}

static void close_link_socket_after_poll_closed(uv_handle_t *h) {
  struct link_socket *w = h->data;
  uv_close(&w->u.handle, free_link_socket_on_close);
}

void sio__link_close_socket(struct link *l) {
  struct link_socket *w = l->socket;
  uv_os_fd_t fd;
  if (!w) return;
  l->socket = NULL;
  w->link = NULL;
  if (!w->has_writable) {
    uv_close(&w->u.handle, free_link_socket_on_close);
    return;
  }
  uv_read_stop(&w->u.stream);
  uv_fileno((uv_handle_t *)&w->writable, &fd);
  uv_close((uv_handle_t *)&w->writable, close_link_socket_after_poll_closed);
  close(fd); /* uv_close() has stopped the uv_poll_t, but leaves its descriptor open */
}

/* ---- writing --------------------------------------------------------------------------------- */

static int link_socket_send_unsent_bytes(struct link_socket *w);

static void on_link_socket_writable(uv_poll_t *p, int status, int events) {
  struct link_socket *w = p->data;
  (void)events;
  int err = status;
  uv_poll_stop(p);
  if (!err) err = link_socket_send_unsent_bytes(w);
  if (err && w->link) w->ops->failed(w->link, "the connection broke", err);
}

static int link_socket_init_write_poll(struct link_socket *w, int fd) {
  int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (own < 0) return -errno;
  int err = uv_poll_init(w->u.stream.loop, &w->writable, own);
  if (err) {
    close(own);
    return err;
  }
  w->writable.data = w;
  w->has_writable = true;
  return 0;
}

static int link_socket_start_write_poll(struct link_socket *w, int fd) {
  int err = w->has_writable ? 0 : link_socket_init_write_poll(w, fd);
  return err ? err : uv_poll_start(&w->writable, UV_WRITABLE, on_link_socket_writable);
}

/* Writes as many of the unsent bytes as the kernel takes. They are written to the descriptor
 * directly, because uv_write() could raise SIGPIPE if Redis has closed the connection. */
static int link_socket_send_unsent_bytes(struct link_socket *w) {
  uv_os_fd_t fd;
  int err = uv_fileno(&w->u.handle, &fd);
  while (!err && w->unsent) {
    struct unsent *first = w->unsent;
    ssize_t k = send(fd, first->bytes + first->sent, first->n - first->sent, MSG_NOSIGNAL);
    if (k < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
      return link_socket_start_write_poll(w, fd);
    if (k < 0 && errno != EINTR) err = -errno;
    if (k < 0) continue;
    first->sent += (size_t)k;
    w->unsent_bytes -= (size_t)k;
    if (first->sent == first->n) link_socket_free_first_unsent(w);
  }
  return err;
}

/* Takes ownership of the bytes, also after an error. */
static int link_socket_send_or_queue_bytes(struct link_socket *w, char *bytes, size_t n) {
  struct unsent *x = sio__malloc(sizeof *x);
  if (!x) {
    sio__free(bytes);
    return UV_ENOMEM;
  }
  *x = (struct unsent){ .bytes = bytes, .n = n };
  bool waits = w->unsent != NULL;
  *w->last_unsent = x;
  w->last_unsent = &x->next;
  w->unsent_bytes += n;
  return waits ? 0 : link_socket_send_unsent_bytes(w);
}

static int link_socket_send_waiting_ciphertext(struct link_socket *w) {
  const sio_slice bytes = sio__link_tls_take_ciphertext(&w->tls);
  return bytes.n ? link_socket_send_or_queue_bytes(w, (char *)bytes.p, bytes.n) : 0;
}

int sio__link_socket_send_and_free_bytes(struct link_socket *w, char *bytes, size_t n) {
  if (!w->tls.session) return link_socket_send_or_queue_bytes(w, bytes, n);
  int err = sio__link_tls_encrypt(&w->tls, bytes, n);
  sio__free(bytes);
  return err ? err : link_socket_send_waiting_ciphertext(w);
}

/* ---- reading --------------------------------------------------------------------------------- */

static void on_link_alloc_buffer(uv_handle_t *h, size_t size, uv_buf_t *buf) {
  struct link_socket *w = h->data;
  (void)size;
  if (!w->block) w->block = sio__malloc(LINK_READ);
  *buf = uv_buf_init(w->block, w->block ? LINK_READ : 0);
}

static void link_socket_report_tls_failure(struct link_socket *w) {
  char clean[160];
  sio__copy_with_unprintable_replaced(clean, sizeof clean,
                                      slice_str(sio__link_tls_describe_failure(&w->tls)));
  (void)link_socket_send_waiting_ciphertext(w);
  w->ops->failed(w->link, clean, 0);
}

static void link_socket_decrypt_and_dispatch(struct link_socket *w, sio_slice in) {
  long n = 1;
  while (n > 0 && w->link) {
    n = sio__link_tls_decrypt(&w->tls, &in);
    if (n > 0) w->ops->received(w, w->tls.plain, (size_t)n);
  }
  if (!w->link) return;
  int err = n == 0 ? link_socket_send_waiting_ciphertext(w) : 0;
  if (n == SIO_ECLOSED)
    w->ops->failed(w->link, "the connection broke", UV_EOF);
  else if (n < 0)
    link_socket_report_tls_failure(w);
  else if (err)
    w->ops->failed(w->link, "cannot send TLS records", err);
  else if (sio__link_tls_report_handshake_done_once(&w->tls))
    w->ops->connected(w, 0);
}

static void on_link_socket_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf) {
  struct link_socket *w = s->data;
  if (!w->link) return;
  w->link->has_received = true;
  if (n > 0 && w->tls.session)
    link_socket_decrypt_and_dispatch(w, slice(buf->base, (size_t)n));
  else if (n > 0)
    w->ops->received(w, buf->base, (size_t)n);
  else if (n < 0)
    w->ops->failed(w->link, NULL, (int)n);
}

int sio__link_socket_start_reading_unless_tls(struct link_socket *w) {
  return w->tls.session ? 0
                        : uv_read_start(&w->u.stream, on_link_alloc_buffer, on_link_socket_read);
}

/* ---- connecting ------------------------------------------------------------------------------ */

static int link_socket_begin_tls(struct link_socket *w, const sio_tls *tls) {
  int err = sio__link_tls_begin(&w->tls, tls);
  if (!err) err = link_socket_send_waiting_ciphertext(w);
  return err ? err : uv_read_start(&w->u.stream, on_link_alloc_buffer, on_link_socket_read);
}

static void on_link_socket_connected(uv_connect_t *req, int status) {
  struct link_socket *w = container_of(req, struct link_socket, connect);
  const sio_tls *tls = w->link ? w->link->options->tls : NULL;
  uv_os_fd_t fd;
  if (!w->link) return;
  if (!status && !uv_fileno(&w->u.handle, &fd)) sio__os_set_socket_nosigpipe(fd);
  int err = !status && tls ? link_socket_begin_tls(w, tls) : 0;
  if (err)
    w->ops->failed(w->link, "cannot begin TLS", err);
  else if (status || !tls)
    w->ops->connected(w, status);
}

struct link_socket *sio__link_socket_new(struct link *l, const struct link_socket_ops *ops) {
  struct link_socket *w = sio__calloc(1, sizeof *w);
  if (!w || sio__reply_reader_init(&w->reader, l->options->max_message, l->options->max_elements)) {
    sio__free(w);
    return NULL;
  }
  bool local = l->options->url.path;
  int err =
      local ? uv_pipe_init(l->timer.loop, &w->u.pipe, 0) : uv_tcp_init(l->timer.loop, &w->u.tcp);
  if (err) {
    sio__reply_reader_clear(&w->reader);
    sio__free(w);
    return NULL;
  }
  w->ops = ops;
  w->u.handle.data = w;
  w->last_unsent = &w->unsent;
  w->link = w->of = l;
  w->handles = l->handles;
  ++*l->handles;
  l->socket = w;
  return w;
}

int sio__link_socket_connect(struct link_socket *w, const struct sockaddr *address) {
  uv_tcp_nodelay(&w->u.tcp, 1);
  return uv_tcp_connect(&w->connect, &w->u.tcp, address, on_link_socket_connected);
}

void sio__link_socket_connect_to_path(struct link_socket *w, const char *path) {
  uv_pipe_connect(&w->connect, &w->u.pipe, path, on_link_socket_connected);
}
