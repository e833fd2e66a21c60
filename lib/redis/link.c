/* SPDX-License-Identifier: MIT
 *
 * link.c - each attempt to connect has a struct link_socket with its uv handles. It is freed when
 * these handles are closed, which may be after the next attempt has begun.
 */
#include "redis/link.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/os.h"
#include "base/random.h"
#include "redis/log.h"
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum {
  LINK_READ = 65536,
  WHY_MAX = 200,
  TLS_PIECE = 16384, /* the most plaintext that is encrypted or decrypted at a time */
  TLS_SAYS = 128 * 1024,
  ASK_AGAIN_MS = 1000, /* the longest wait where each attempt asks a sentinel, or for the slots */
  LOGIN_MAX = 1024     /* longer passwords allocate more */
};

struct link_socket {
  const sio_tls_ops *provider;
  struct link *link; /* the link that uses the socket; NULL after it has given the socket up */
  unsigned *handles; /* link->handles, which counts the handles that are not closed yet */
  void (*closed)(struct link *l);
  /* The link that made the socket, which is the argument of `closed`. It stays set after the link
   * has given the socket up: the link is freed only after all of its handles have closed. */
  struct link *of;
  union {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  } u;
  uv_connect_t connect;
  /* Bytes that the kernel has not taken yet, and the handle that waits until it can take more. It
   * has a duplicate of the descriptor, because the stream has the other one. */
  struct unsent *unsent, **last_unsent;
  size_t unsent_bytes;
  uv_poll_t writable;
  bool has_writable;
  struct reply_reader reader;
  void *tls;          /* the provider's session; NULL: plain, or not begun */
  bool encrypted;     /* the handshake is complete */
  struct buf cipher;  /* ciphertext that has not been written yet */
  char *plain;        /* buffer of TLS_PIECE bytes for decrypted input */
  unsigned greetings; /* replies to the login that are still to come */
  char *block;        /* buffer for uv_read_start() */
};

struct unsent {
  struct unsent *next;
  char *bytes;
  size_t n, sent;
};

/* A name that is being resolved. */
struct lookup {
  uv_getaddrinfo_t req;
  struct link *link; /* NULL after the link has given the lookup up */
  struct link *of;   /* the link that made the lookup, also after it has given it up */
};

static uv_loop_t *loop_of_link(const struct link *l) { return l->timer.loop; }

/* ---- handles --------------------------------------------------------------------------------- */

static void link_socket_free_first_unsent(struct link_socket *w) {
  struct unsent *first = w->unsent;
  w->unsent_bytes -= first->n - first->sent;
  w->unsent = first->next;
  if (!w->unsent) w->last_unsent = &w->unsent;
  sio__free(first->bytes);
  sio__free(first);
}

static void on_link_socket_closed(uv_handle_t *h) {
  struct link_socket *w = h->data;
  struct link *l = w->of;
  --*w->handles;
  while (w->unsent) link_socket_free_first_unsent(w);
  sio__reply_reader_clear(&w->reader);
  if (w->tls) w->provider->close(w->tls);
  sio__buf_clear(&w->cipher);
  sio__free(w->plain);
  sio__free(w->block);
  sio__free(w);
  l->closed(l);
}

static void on_link_poll_closed(uv_handle_t *h) {
  struct link_socket *w = h->data;
  uv_close(&w->u.handle, on_link_socket_closed);
}

static void link_close_socket(struct link *l) {
  struct link_socket *w = l->socket;
  uv_os_fd_t fd;
  if (!w) return;
  l->socket = NULL;
  w->link = NULL;
  if (!w->has_writable) {
    uv_close(&w->u.handle, on_link_socket_closed);
    return;
  }
  uv_read_stop(&w->u.stream);
  uv_fileno((uv_handle_t *)&w->writable, &fd);
  uv_close((uv_handle_t *)&w->writable, on_link_poll_closed);
  close(fd); /* uv_poll_t leaves its descriptor open, and has stopped watching it */
}

static void link_free_addresses(struct link *l) {
  if (l->addresses) uv_freeaddrinfo(l->addresses);
  l->addresses = l->next_address = NULL;
}

/* ---- what waits ------------------------------------------------------------------------------ */

static void link_report_lost_reply(struct link *l, struct link_expect *expect) {
  l->ops->lost(l, expect);
  sio__free(expect->kept);
}

/* The connection is lost: the commands that were written get no reply. Commands that were not
 * written stay queued for the next connection. */
static void link_drop_unanswered_commands(struct link *l) {
  struct link_expect expect;
  for (uint32_t n = l->nwritten; n && sio__link_pop_expected_reply(l, &expect); n--) {
    if (l->unanswered) ++*l->unanswered;
    link_report_lost_reply(l, &expect);
  }
}

size_t sio__link_queued_bytes(const struct link *l) {
  return l->out.n + l->kept + (l->socket && l->state == LINK_READY ? l->socket->unsent_bytes : 0);
}

void sio__link_drop_queue(struct link *l) {
  struct link_expect expect;
  l->out.n = 0;
  while (sio__link_pop_expected_reply(l, &expect)) link_report_lost_reply(l, &expect);
}

bool sio__link_pop_expected_reply(struct link *l, struct link_expect *out) {
  if (!l->nexpects) return false;
  *out = l->expects[l->first];
  l->first = (l->first + 1) & (l->cap_expects - 1);
  l->nexpects--;
  if (l->nwritten) l->nwritten--;
  if (out->kept) l->kept -= out->kept->n;
  return true;
}

static struct link_expect *expected_reply_at(struct link *l, uint32_t i) {
  return &l->expects[(l->first + i) & (l->cap_expects - 1)];
}

bool sio__link_take_command_of_slot(struct link *l, int slot, struct link_expect *out) {
  for (uint32_t i = 0; i < l->nexpects; i++) {
    struct link_expect *e = expected_reply_at(l, i);
    if (!e->kept || e->slot != slot) continue;
    *out = *e;
    l->kept -= e->kept->n;
    *e = (struct link_expect){ .slot = LINK_SENT_ON };
    return true;
  }
  return false;
}

void sio__link_take_unwritten_commands(struct link *l,
                                       void (*take)(struct link *l, struct link_expect *e)) {
  uint32_t n = l->nexpects - l->nwritten;
  l->out.n = 0;
  l->nexpects = l->nwritten;
  for (uint32_t i = 0; i < n; i++) {
    struct link_expect e = *expected_reply_at(l, l->nwritten + i);
    if (e.kept) l->kept -= e.kept->n;
    take(l, &e);
  }
}

static int link_grow_expected_replies(struct link *l) {
  uint32_t cap = l->cap_expects ? l->cap_expects * 2 : 64;
  if (l->nexpects < l->cap_expects) return 0;
  struct link_expect *v = cap ? sio__malloc(size_mul(cap, sizeof *v)) : NULL;
  if (!v) return UV_ENOMEM;
  for (uint32_t i = 0; i < l->nexpects; i++)
    v[i] = l->expects[(l->first + i) & (l->cap_expects - 1)];
  sio__free(l->expects);
  l->expects = v;
  l->cap_expects = cap;
  l->first = 0;
  return 0;
}

/* Writes one item of the Redis protocol, such as "$3\r\nGET\r\n". */
static int write_resp_item(struct buf *b, char kind, uint64_t n, const sio_slice *word) {
  char head[NUM_MAX + 3];
  size_t len = 0;
  head[len++] = kind;
  len += sio__u64_to_text(head + len, n);
  head[len++] = '\r';
  head[len++] = '\n';
  int err = sio__buf_put(b, head, len);
  if (!err && word) err = sio__buf_put(b, word->p, word->n);
  if (!err && word) err = sio__buf_put(b, "\r\n", 2);
  return err;
}

static int write_resp_command(struct buf *b, const sio_slice *words, size_t n) {
  size_t before = b->n;
  int err = write_resp_item(b, '*', n, NULL);
  for (size_t i = 0; !err && i < n; i++) err = write_resp_item(b, '$', words[i].n, &words[i]);
  if (err) b->n = before;
  return err;
}

/* Copies the bytes of the command that was written last. */
static struct link_kept *copy_command_bytes(const struct buf *b, size_t before) {
  size_t n = b->n - before;
  struct link_kept *k = sio__malloc(sizeof *k + n);
  if (!k) return NULL;
  *k = (struct link_kept){ .n = n };
  memcpy(k->bytes, b->p + before, n);
  return k;
}

static void link_push_expected_reply(struct link *l, const struct link_expect *expect) {
  *expected_reply_at(l, l->nexpects++) = *expect;
  if (expect->kept) l->kept += expect->kept->n;
}

int sio__link_queue_command(struct link *l, const struct link_expect *expect,
                            const sio_slice *words, size_t n) {
  size_t size = sio__link_queued_bytes(l) + 64, before = l->out.n;
  for (size_t i = 0; i < n; i++) size = size_add(size, size_add(words[i].n, 32));
  if (size > l->max_out) return UV_ENOBUFS;
  int err = expect ? link_grow_expected_replies(l) : 0;
  if (!err) err = write_resp_command(&l->out, words, n);
  if (err || !expect) return err;
  struct link_expect e = *expect;
  if (e.slot != LINK_NO_SLOT && !(e.kept = copy_command_bytes(&l->out, before))) {
    l->out.n = before;
    return UV_ENOMEM;
  }
  link_push_expected_reply(l, &e);
  return 0;
}

int sio__link_requeue_command(struct link *l, struct link_expect *expect, bool asking) {
  static const sio_slice words[] = { { "ASKING", 6 } };
  static const struct link_expect nobody = { .slot = LINK_NO_SLOT };
  const struct link_kept *k = expect->kept;
  if (size_add(sio__link_queued_bytes(l), size_add(k->n, k->n)) > l->max_out) return UV_ENOBUFS;
  int err = asking ? sio__link_queue_command(l, &nobody, words, 1) : 0;
  if (!err) err = link_grow_expected_replies(l);
  if (!err) err = sio__buf_put(&l->out, k->bytes, k->n);
  if (err) return err;
  link_push_expected_reply(l, expect);
  expect->kept = NULL;
  return 0;
}

/* ---- failing --------------------------------------------------------------------------------- */

static void link_begin_attempt(struct link *l);

static void on_link_retry_timer(uv_timer_t *t) { link_begin_attempt(t->data); }

/* The delay doubles with each failure, and is shortened by a random part of at most half, so that
 * servers do not all reconnect at the same time. */
static unsigned link_next_retry_delay(struct link *l) {
  unsigned wait = l->options->retry_min_ms, most = l->options->retry_max_ms, random = 0;
  if (l->options->ngreeting && most > ASK_AGAIN_MS) most = ASK_AGAIN_MS;
  for (unsigned i = 0; i < l->failures && wait < most; i++) wait *= 2;
  if (wait > most) wait = most;
  l->failures++;
  (void)sio__fill_random(&random, sizeof random);
  return wait - random % (wait / 2 + 1);
}

static void link_cancel_lookup(struct link *l);

static void link_fail_and_retry(struct link *l, const char *why) {
  bool lasted =
      l->state == LINK_READY && uv_now(loop_of_link(l)) - l->ready_ms > l->options->retry_max_ms;
  if (lasted) l->failures = 0;
  unsigned wait = link_next_retry_delay(l);
  link_close_socket(l);
  link_cancel_lookup(l);
  link_free_addresses(l);
  link_drop_unanswered_commands(l);
  l->state = LINK_WAITING;
  l->locating = false;
  uv_timer_start(&l->timer, on_link_retry_timer, wait, 0);
  l->ops->down(l, why, wait);
}

static void link_fail_with_error(struct link *l, const char *what, int err) {
  char why[WHY_MAX];
  snprintf(why, sizeof why, "%s: %s", what,
           err == UV_EOF ? "Redis closed the connection" : uv_strerror(err));
  link_fail_and_retry(l, why);
}

static const char *describe_reader_error(int err) {
  switch (err) {
    case SIO_ETOOBIG: return "Redis sent a message that is longer than max_message allows";
    case UV_ENOMEM: return "no memory for what Redis sent";
    default: return "the peer does not speak the protocol of Redis";
  }
}

/* ---- reading --------------------------------------------------------------------------------- */

static void link_set_ready(struct link *l);
static void link_send_login(struct link *l);

static void link_reject_server(struct link *l, const char *what, sio_slice text) {
  char clean[128], why[WHY_MAX];
  snprintf(why, sizeof why, "%s%s", what, sio__copy_printable(clean, sizeof clean, text));
  link_fail_and_retry(l, why);
}

/* CLIENT SETNAME may be forbidden; every other error of the login is final. */
static void handle_login_reply(struct link *l, struct link_socket *w, const redisReply *r) {
  bool is_name = w->greetings == 2, is_last = w->greetings == 1;
  w->greetings--;
  if (is_error_reply(r) && !is_name) {
    link_reject_server(l, "Redis refuses the login: ", reply_text(r));
    return;
  }
  const char *wrong = is_last && l->ops->greeted ? l->ops->greeted(l, r) : NULL;
  if (wrong)
    link_reject_server(l, "", slice_str(wrong));
  else if (is_last)
    link_set_ready(l);
}

static void dispatch_link_reply(struct link_socket *w, const redisReply *r) {
  struct link *l = w->link;
  if (w->greetings)
    handle_login_reply(l, w, r);
  else
    l->ops->reply(l, r);
}

static void link_socket_parse_replies(struct link_socket *w, const char *p, size_t n) {
  redisReply *r = NULL;
  int err = sio__reply_reader_feed(&w->reader, p, n);
  while (!err && w->link) {
    err = sio__reply_reader_next(&w->reader, &r);
    if (err || !r) break;
    dispatch_link_reply(w, r);
    freeReplyObject(r);
  }
  if (err && w->link) link_fail_and_retry(w->link, describe_reader_error(err));
}

static void on_link_alloc_buffer(uv_handle_t *h, size_t size, uv_buf_t *buf) {
  struct link_socket *w = h->data;
  (void)size;
  if (!w->block) w->block = sio__malloc(LINK_READ);
  *buf = uv_buf_init(w->block, w->block ? LINK_READ : 0);
}

static void link_socket_decrypt(struct link_socket *w, sio_slice in);

static void on_link_socket_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf) {
  struct link_socket *w = s->data;
  if (!w->link) return;
  w->link->has_received = true;
  if (n > 0 && w->tls)
    link_socket_decrypt(w, slice(buf->base, (size_t)n));
  else if (n > 0)
    link_socket_parse_replies(w, buf->base, (size_t)n);
  else if (n < 0)
    link_fail_with_error(w->link,
                         w->link->state == LINK_READY ? "the connection broke" : "cannot log in",
                         (int)n);
}

/* ---- writing --------------------------------------------------------------------------------- */

static int link_socket_send_unsent_bytes(struct link_socket *w);

static void on_link_socket_writable(uv_poll_t *p, int status, int events) {
  struct link_socket *w = p->data;
  (void)events;
  int err = status;
  uv_poll_stop(p);
  if (!err) err = link_socket_send_unsent_bytes(w);
  if (err && w->link) link_fail_with_error(w->link, "the connection broke", err);
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

static int link_socket_wait_until_writable(struct link_socket *w, int fd) {
  int err = w->has_writable ? 0 : link_socket_init_write_poll(w, fd);
  return err ? err : uv_poll_start(&w->writable, UV_WRITABLE, on_link_socket_writable);
}

/* Gives the kernel as much as it takes. uv_write() would raise SIGPIPE if Redis has closed the
 * connection, so the descriptor is written to directly. */
static int link_socket_send_unsent_bytes(struct link_socket *w) {
  uv_os_fd_t fd;
  int err = uv_fileno(&w->u.handle, &fd);
  while (!err && w->unsent) {
    struct unsent *first = w->unsent;
    ssize_t k = send(fd, first->bytes + first->sent, first->n - first->sent, MSG_NOSIGNAL);
    if (k < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
      return link_socket_wait_until_writable(w, fd);
    if (k < 0 && errno != EINTR) err = -errno;
    if (k < 0) continue;
    first->sent += (size_t)k;
    w->unsent_bytes -= (size_t)k;
    if (first->sent == first->n) link_socket_free_first_unsent(w);
  }
  return err;
}

/* Takes ownership of the bytes. */
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

static int link_socket_write_ciphertext(struct link_socket *w) {
  char *bytes = w->cipher.p;
  size_t n = w->cipher.n;
  if (!n) return 0;
  buf_init(&w->cipher, SIZE_MAX / 2);
  return link_socket_send_or_queue_bytes(w, bytes, n);
}

static int link_socket_write_encrypted(struct link_socket *w, const char *p, size_t n) {
  int err = 0;
  for (size_t k; n && !err; p += k, n -= k) {
    k = n < TLS_PIECE ? n : TLS_PIECE;
    err = w->provider->write(w->tls, p, k);
  }
  return err ? err : link_socket_write_ciphertext(w);
}

/* Takes ownership of the bytes. */
static int link_socket_write(struct link_socket *w, char *bytes, size_t n) {
  if (!w->tls) return link_socket_send_or_queue_bytes(w, bytes, n);
  int err = link_socket_write_encrypted(w, bytes, n);
  sio__free(bytes);
  return err;
}

void sio__link_flush(struct link *l) {
  if (l->state != LINK_READY || !l->out.n) return;
  char *bytes = l->out.p;
  size_t n = l->out.n;
  l->nwritten = l->nexpects;
  buf_init(&l->out, l->max_out);
  int err = link_socket_write(l->socket, bytes, n);
  if (err) link_fail_with_error(l, "the connection broke", err);
}

/* ---- logging in ------------------------------------------------------------------------------ */

static int write_login_commands(struct buf *b, const struct link_options *o, unsigned *n) {
  const struct redis_url *u = &o->url;
  sio_slice auth[3] = { SLICE("AUTH"), slice_str(u->user), slice_str(u->password) };
  const sio_slice db[] = { SLICE("SELECT"), slice_str(u->database) };
  const sio_slice name[] = { SLICE("CLIENT"), SLICE("SETNAME"), slice_str(o->client_name) };
  const sio_slice ping[] = { SLICE("PING") };
  int err = 0;
  if (!u->user) auth[1] = auth[2];
  if (u->password) err = write_resp_command(b, auth, u->user ? 3 : 2);
  if (!err && u->database) err = write_resp_command(b, db, 2);
  if (!err) err = write_resp_command(b, name, 3);
  if (!err && !o->ngreeting) err = write_resp_command(b, ping, 1);
  if (!err && o->ngreeting) err = write_resp_command(b, o->greeting, o->ngreeting);
  *n = 2u + (u->password != NULL) + (u->database != NULL);
  return err;
}

static void link_send_login(struct link *l) {
  struct buf b;
  struct link_socket *w = l->socket;
  buf_init(&b, SIZE_MAX / 2);
  int err = write_login_commands(&b, l->options, &w->greetings);
  if (!err)
    err = link_socket_write(w, b.p, b.n);
  else
    sio__buf_clear(&b);
  if (!err && !w->tls) err = uv_read_start(&w->u.stream, on_link_alloc_buffer, on_link_socket_read);
  if (err) link_fail_with_error(l, "cannot log in", err);
}

/* ---- TLS ------------------------------------------------------------------------------------- */

static int on_tls_ciphertext(void *to, const char *p, size_t n) {
  struct link_socket *w = to;
  if (!w->encrypted && w->cipher.n + n > TLS_SAYS) return SIO_ETOOBIG;
  return sio__buf_put(&w->cipher, p, n);
}

static int link_socket_begin_tls(struct link_socket *w, const sio_tls *tls) {
  const sio_tls_wire wire = { .put = on_tls_ciphertext, .to = w };
  w->provider = tls->ops;
  buf_init(&w->cipher, SIZE_MAX / 2);
  if (!(w->plain = sio__malloc(TLS_PIECE))) return UV_ENOMEM;
  int err = w->provider->open(tls->context, &wire, &w->tls);
  if (err) w->tls = NULL;
  if (!err) err = link_socket_write_ciphertext(w);
  return err ? err : uv_read_start(&w->u.stream, on_link_alloc_buffer, on_link_socket_read);
}

static void link_socket_fail_tls(struct link_socket *w) {
  const char *text = "";
  char why[WHY_MAX], clean[160];
  (void)w->provider->failure(w->tls, &text);
  snprintf(why, sizeof why, "%s", sio__copy_printable(clean, sizeof clean, slice_str(text)));
  (void)link_socket_write_ciphertext(w);
  link_fail_and_retry(w->link, why);
}

static void link_socket_check_tls_handshake(struct link_socket *w) {
  sio_tls_done done;
  if (w->encrypted || !w->provider->established(w->tls, &done)) return;
  w->encrypted = true;
  link_send_login(w->link);
}

static void link_socket_decrypt(struct link_socket *w, sio_slice in) {
  long n = 1;
  while (n > 0 && w->link) {
    n = w->provider->read(w->tls, &in, w->plain, TLS_PIECE);
    if (n > 0) link_socket_parse_replies(w, w->plain, (size_t)n);
  }
  if (!w->link) return;
  if (n == SIO_ECLOSED)
    link_fail_with_error(w->link, "the connection broke", UV_EOF);
  else if (n < 0)
    link_socket_fail_tls(w);
  else if (link_socket_write_ciphertext(w))
    link_fail_with_error(w->link, "cannot send TLS records", UV_ENOMEM);
  else
    link_socket_check_tls_handshake(w);
}

static void on_link_ping_timer(uv_timer_t *t);

static void link_set_ready(struct link *l) {
  l->state = LINK_READY;
  l->ready_ms = uv_now(loop_of_link(l));
  l->has_received = true;
  l->pinged = false;
  link_free_addresses(l);
  uv_timer_start(&l->timer, on_link_ping_timer, l->options->ping_interval_ms,
                 l->options->ping_interval_ms);
  l->ops->ready(l);
}

/* If nothing was received since the last tick, sends a PING. If nothing was received after a PING
 * either, the connection is broken. */
static void on_link_ping_timer(uv_timer_t *t) {
  static const sio_slice ping[] = { { "PING", 4 } };
  static const struct link_expect nobody = { .slot = LINK_NO_SLOT };
  struct link *l = t->data;
  if (!l->has_received && l->pinged) {
    link_fail_and_retry(l, "Redis does not answer");
    return;
  }
  l->pinged = !l->has_received;
  l->has_received = false;
  if (l->pinged) (void)sio__link_queue_command(l, l->expects_replies ? &nobody : NULL, ping, 1);
  if (l->ops->tick) l->ops->tick(l);
  sio__link_flush(l);
}

/* ---- connecting ------------------------------------------------------------------------------ */

static void link_connect_to_next_address(struct link *l, int err);

static void on_link_socket_connected(uv_connect_t *req, int status) {
  struct link_socket *w = container_of(req, struct link_socket, connect);
  struct link *l = w->link;
  if (!l) return;
  if (!status) {
    uv_os_fd_t fd;
    if (!uv_fileno(&w->u.handle, &fd)) sio__os_prepare_host_socket(fd);
    int err = l->options->tls ? link_socket_begin_tls(w, l->options->tls) : 0;
    if (err) link_fail_with_error(l, "cannot begin TLS", err);
    if (!l->options->tls) link_send_login(l);
    return;
  }
  link_close_socket(l);
  link_connect_to_next_address(l, status);
}

static struct link_socket *link_socket_new(struct link *l) {
  struct link_socket *w = sio__calloc(1, sizeof *w);
  if (!w || sio__reply_reader_init(&w->reader, l->options->max_message, l->options->max_elements)) {
    sio__free(w);
    return NULL;
  }
  bool local = l->options->url.path;
  int err = local ? uv_pipe_init(loop_of_link(l), &w->u.pipe, 0)
                  : uv_tcp_init(loop_of_link(l), &w->u.tcp);
  if (err) {
    sio__reply_reader_clear(&w->reader);
    sio__free(w);
    return NULL;
  }
  w->u.handle.data = w;
  w->last_unsent = &w->unsent;
  w->link = w->of = l;
  w->handles = l->handles;
  ++*l->handles;
  l->socket = w;
  return w;
}

/* err: the error of the address that was tried before. */
static void link_connect_to_next_address(struct link *l, int err) {
  struct addrinfo *a = l->next_address;
  struct link_socket *w = a ? link_socket_new(l) : NULL;
  if (a && !w) err = UV_ENOMEM;
  if (w) {
    l->next_address = a->ai_next;
    uv_tcp_nodelay(&w->u.tcp, 1);
    err = uv_tcp_connect(&w->connect, &w->u.tcp, a->ai_addr, on_link_socket_connected);
  }
  if (err || !w) link_fail_with_error(l, "cannot connect", err);
}

static void on_link_host_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *found) {
  struct lookup *k = container_of(req, struct lookup, req);
  struct link *l = k->link, *of = k->of;
  --*of->handles;
  if (l) l->lookup = NULL;
  if (l && !status) {
    l->addresses = l->next_address = found;
    link_connect_to_next_address(l, 0);
  } else {
    uv_freeaddrinfo(found);
    if (l) link_fail_with_error(l, "cannot resolve the host", status);
  }
  sio__free(k);
  of->closed(of);
}

static int link_resolve_host(struct link *l) {
  const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
  struct lookup *k = sio__calloc(1, sizeof *k);
  if (!k) return UV_ENOMEM;
  k->link = k->of = l;
  int err = uv_getaddrinfo(loop_of_link(l), &k->req, on_link_host_resolved, l->to.host, l->to.port,
                           &hints);
  if (err) {
    sio__free(k);
    return err;
  }
  l->lookup = k;
  ++*l->handles;
  return 0;
}

static int link_connect_to_unix_socket(struct link *l) {
  struct link_socket *w = link_socket_new(l);
  if (!w) return UV_ENOMEM;
  uv_pipe_connect(&w->connect, &w->u.pipe, l->options->url.path, on_link_socket_connected);
  return 0;
}

static void on_link_connect_timeout(uv_timer_t *t) {
  struct link *l = t->data;
  link_fail_with_error(l, l->socket ? "cannot connect" : "cannot resolve the host", UV_ETIMEDOUT);
}

static void link_cancel_lookup(struct link *l) {
  if (!l->lookup) return;
  l->lookup->link = NULL;
  (void)uv_cancel((uv_req_t *)&l->lookup->req);
  l->lookup = NULL;
}

static void link_connect(struct link *l) {
  uv_timer_start(&l->timer, on_link_connect_timeout, l->options->connect_timeout_ms, 0);
  int err = l->options->url.path ? link_connect_to_unix_socket(l) : link_resolve_host(l);
  if (err) link_fail_with_error(l, "cannot connect", err);
}

static void link_begin_attempt(struct link *l) {
  l->state = LINK_CONNECTING;
  l->locating = l->ops->locate && !l->ops->locate(l);
  if (!l->locating) link_connect(l);
}

void sio__link_resume_with_address(struct link *l) {
  if (!l->locating) return;
  l->locating = false;
  link_connect(l);
}

/* ---- from outside ---------------------------------------------------------------------------- */

void sio__link_init(struct link *l, uv_loop_t *loop, const struct link_ops *ops,
                    const struct link_options *options, unsigned *handles,
                    void (*closed)(struct link *l)) {
  *l = (struct link){ .ops = ops, .options = options, .handles = handles, .closed = closed };
  l->max_out = options->max_queued;
  buf_init(&l->out, l->max_out);
  uv_timer_init(loop, &l->timer);
  l->timer.data = l;
  ++*handles;
}

void sio__link_set_address(struct link *l, const char *host, const char *port) {
  snprintf(l->to.host, sizeof l->to.host, "%s", host);
  snprintf(l->to.port, sizeof l->to.port, "%s", port);
}

/* From the loop: the attempt may fail at once, and that calls ops->down. */
void sio__link_start(struct link *l) {
  if (l->state != LINK_DOWN) return;
  l->state = LINK_WAITING;
  l->failures = 0;
  uv_timer_start(&l->timer, on_link_retry_timer, 0, 0);
}

void sio__link_break_and_reconnect(struct link *l, const char *reason) {
  if (l->state == LINK_READY) link_fail_and_retry(l, reason);
}

void sio__link_stop(struct link *l) {
  sio__link_flush(l);
  link_close_socket(l);
  link_cancel_lookup(l);
  link_free_addresses(l);
  link_drop_unanswered_commands(l);
  sio__link_drop_queue(l);
  uv_timer_stop(&l->timer);
  l->locating = false;
  l->state = LINK_DOWN;
}

static void on_link_timer_closed(uv_handle_t *h) {
  struct link *l = h->data;
  --*l->handles;
  l->closed(l);
}

void sio__link_close(struct link *l) {
  sio__link_stop(l);
  sio__buf_clear(&l->out);
  sio__free(l->expects);
  l->expects = NULL;
  l->cap_expects = 0;
  uv_close((uv_handle_t *)&l->timer, on_link_timer_closed);
}
