/* SPDX-License-Identifier: MIT
 *
 * tls.c - a TLS session of a provider, between the send queue and the descriptor of a connection.
 */
#include "net/tls.h"
#include "base/buf.h"
#include "base/os.h"
#include <errno.h>
#include <sio/error.h>
#include <sys/socket.h>

/* An additional kind of failure: the handshake was ended to make room for another one. It is
 * counted in tls_displaced and not in tls_failed. */
enum { TLS_DISPLACED = SIO_TLS_FAILED_END };

struct tls {
  struct conn_tls base;
  const sio_tls *provider;
  struct conn *conn;
  void *session;    /* NULL after the handshake has failed */
  struct buf out;   /* ciphertext to send */
  size_t sent;      /* how much of `out` has been sent */
  size_t encrypted; /* how many bytes of the queue are in `out`, encrypted */
  struct tls_info *info;
  struct list link;    /* in loop->handshakes during the handshake */
  struct addr from;    /* the peer's address for limits; ADDR_NONE: not known */
  int err;             /* the error after which nothing more can be encrypted; 0: none */
  bool has_first_byte; /* The first byte was received, and is that of a TLS handshake. */
  bool in_handshake;   /* The first byte was received, and the handshake has not ended. */
  bool is_established; /* The handshake is complete. */
  bool is_end_sent;    /* close_notify is in `out` or sent, or must not be sent any more */
  bool has_failed;     /* Further input is ignored. */
};

static struct tls *tls_of_conn(const struct conn *c) {
  assert(c->secure);
  return container_of(c->extra[1].tls, struct tls, base);
}

/* Called when the handshake has ended, with or without success, and when the connection closes. */
static void remove_conn_from_tls_handshake_list(struct conn *c, struct tls *t) {
  if (!t->in_handshake) return;
  t->in_handshake = false;
  list_remove(&t->link);
  conn_loop(c)->nhandshakes--;
}

static void count_tls_failure(struct net_stats *st, int kind) {
  if (kind == TLS_DISPLACED)
    st->tls_displaced++;
  else
    st->tls_failed[kind]++;
}

static void mark_and_count_tls_failure(struct conn *c, struct tls *t, int kind) {
  if (t->has_failed) return;
  t->has_failed = t->is_end_sent = true;
  remove_conn_from_tls_handshake_list(c, t);
  count_tls_failure(&conn_loop(c)->stats, kind);
}

/* ---- sending ciphertext ---------------------------------------------------- */

static int queue_ciphertext(void *to, const char *p, size_t n) {
  struct tls *t = to;
  return sio__buf_put(&t->out, p, n);
}

/* Returns 0 if all ciphertext was sent, otherwise a libuv error: UV_EAGAIN if the kernel accepts no
 * more now. */
static int send_ciphertext(struct conn *c, struct tls *t) {
  while (t->sent < t->out.n) {
    ssize_t n = send(c->fd, t->out.p + t->sent, t->out.n - t->sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -errno;
    histogram_add(&conn_loop(c)->stats.wrote, (uint64_t)n);
    t->sent += (size_t)n;
    if (t->sent < t->out.n) return UV_EAGAIN;
  }
  t->sent = 0;
  sio__buf_clear(&t->out);
  return 0;
}

/* Returns the first bytes of the queue, TLS_RECORD at most, and sets *n to their number: in place
 * if they are contiguous, otherwise copied to `room`. */
static const char *gather_first_tls_record_of_queue(const struct conn *c, char room[TLS_RECORD],
                                                    size_t *n) {
  *n = 0;
  for (struct queue_place at = send_queue_iter_begin(&c->out); at.k && *n < TLS_RECORD;
       sio__send_queue_iter_next(&at)) {
    struct iovec v = queue_iter_get_iovec(&at);
    size_t len = v.iov_len < TLS_RECORD - *n ? v.iov_len : TLS_RECORD - *n;
    if (len == c->out.bytes || len == TLS_RECORD) {
      *n = len;
      return v.iov_base;
    }
    memcpy(room + *n, v.iov_base, len);
    *n += len;
  }
  return room;
}

static int encrypt_first_record_of_queue(struct conn *c, struct tls *t) {
  char room[TLS_RECORD];
  size_t n;
  const char *p = gather_first_tls_record_of_queue(c, room, &n);
  if (t->err || !t->is_established) return t->err ? t->err : SIO_ESTATE;
  t->err = t->provider->ops->write(t->session, p, n);
  if (!t->err) t->encrypted = n;
  if (t->err) mark_and_count_tls_failure(c, t, SIO_TLS_FAILED_BROKEN);
  return t->err;
}

static bool has_tls_writing_failed(const struct conn *c) { return tls_of_conn(c)->err != 0; }

static ssize_t encrypt_from_queue_and_send_ciphertext(struct conn *c, size_t *offered) {
  struct tls *t = tls_of_conn(c);
  int err = t->out.n == 0 && c->out.bytes > 0 ? encrypt_first_record_of_queue(c, t) : 0;
  size_t n = *offered = t->encrypted;
  if (!err) err = send_ciphertext(c, t);
  if (err) return err;
  t->encrypted = 0;
  return (ssize_t)n;
}

static void queue_tls_close_notify_once(struct tls *t) {
  if (!t->is_established || t->is_end_sent) return;
  t->is_end_sent = true;
  t->provider->ops->end(t->session);
}

static bool queue_due_close_notify_and_check_output(struct conn *c) {
  struct tls *t = tls_of_conn(c);
  if (c->ending && c->out.bytes == 0) queue_tls_close_notify_once(t);
  return t->out.n > 0;
}

static bool has_too_much_tls_output(const struct conn *c) {
  return tls_of_conn(c)->out.n - tls_of_conn(c)->sent > TLS_OUT_PAUSE;
}

static size_t count_encrypted_queue_bytes(const struct conn *c) {
  return tls_of_conn(c)->encrypted;
}

/* ---- failures -------------------------------------------------------------- */

static void close_tls_session(struct tls *t) {
  if (t->session) t->provider->ops->close(t->session);
  t->session = NULL;
}

/* The session will write nothing more, so it is freed now, which saves much memory. An alert that
 * it has written is in t->out, and is sent if the owner ends the connection normally. */
static void fail_tls_handshake(struct conn *c, int kind, const char *why) {
  struct tls *t = tls_of_conn(c);
  mark_and_count_tls_failure(c, t, kind);
  c->ops->refused(c, why);
  if (!c->closed) close_tls_session(t);
}

/* Closes the connection. An alert that the session has written is sent before, but only if the
 * kernel accepts it immediately. */
static void fail_established_tls_conn(struct conn *c, int err, const char *why) {
  struct tls *t = tls_of_conn(c);
  char peer[CONN_ADDRESS];
  mark_and_count_tls_failure(c, t, SIO_TLS_FAILED_BROKEN);
  LOG_ABOUT(conn_loop(c)->log, SIO_LOG_DEBUG, SIO_PART_NET, ABOUT_FD(c->fd), "%s: TLS failed: %s",
            sio__conn_peer_address_text(c, peer), why);
  if (!c->blocked) send_ciphertext(c, t);
  sio__conn_fail(c, err);
}

/* A provider may name a failure that this version of the library does not know. */
static int replace_unknown_tls_failure_kind(int kind) {
  return kind >= 0 && kind < SIO_TLS_FAILED_END ? kind : SIO_TLS_FAILED_PROTOCOL;
}

static void fail_tls_handshake_or_conn(struct conn *c, int err) {
  struct tls *t = tls_of_conn(c);
  const char *why = "";
  int kind = t->provider->ops->failure(t->session, &why);
  if (t->is_established)
    fail_established_tls_conn(c, err, why);
  else
    fail_tls_handshake(c, replace_unknown_tls_failure_kind(kind), why);
}

void sio__tls_fail_timed_out_handshake(struct conn *c) {
  fail_tls_handshake(c, SIO_TLS_FAILED_TIMEOUT,
                     "the TLS handshake was not complete within tls_timeout_ms");
}

static bool on_tls_eof(struct conn *c) {
  struct tls *t = tls_of_conn(c);
  char peer[CONN_ADDRESS];
  if (t->has_failed || !t->has_first_byte) return false;
  if (!t->is_established) {
    fail_tls_handshake(c, SIO_TLS_FAILED_CLOSED, "the peer disconnected during the TLS handshake");
    return true;
  }
  LOG_ABOUT(conn_loop(c)->log, SIO_LOG_DEBUG, SIO_PART_NET, ABOUT_FD(c->fd),
            "%s: the stream ended without a TLS close_notify",
            sio__conn_peer_address_text(c, peer));
  return false;
}

/* ---- handshakes in progress ------------------------------------------------ */

static struct tls *tls_of_handshake_link(struct list *it) {
  return container_of(it, struct tls, link);
}

static bool is_from_same_address(const struct tls *a, const struct tls *b) {
  return a->from.kind == ADDR_IP && b->from.kind == ADDR_IP &&
         memcmp(a->from.b, b->from.b, sizeof a->from.b) == 0;
}

/* Returns the number of handshakes in progress from t's address, and sets *oldest to the oldest of
 * them, or to NULL. */
static unsigned count_handshakes_and_find_oldest_of_address(const struct loop *l,
                                                            const struct tls *t,
                                                            struct tls **oldest) {
  unsigned n = 0;
  *oldest = NULL;
  list_each (it, next, &l->handshakes) {
    if (!is_from_same_address(tls_of_handshake_link(it), t)) continue;
    if (n++ == 0) *oldest = tls_of_handshake_link(it);
  }
  return n;
}

/* Returns the handshake that must end before t's handshake may begin, or NULL if there is room. If
 * t's address has handshakes in progress, and at least as many as may still begin (`left`), its own
 * oldest one must end. So one address alone can have only about half of the max_handshakes. */
static struct tls *find_tls_handshake_to_displace(const struct loop *l, const struct tls *t) {
  struct tls *own;
  unsigned max = l->max_handshakes, n = l->nhandshakes, left = n < max ? max - n : 0;
  if (max == 0 || n < left) return NULL;
  if (count_handshakes_and_find_oldest_of_address(l, t, &own) >= left && own) return own;
  return left ? NULL : tls_of_handshake_link(list_first(&l->handshakes));
}

/* Returns false if a callback of the host has closed c. */
static bool add_tls_handshake_and_displace_one_if_full(struct conn *c, struct tls *t) {
  struct loop *l = conn_loop(c);
  struct tls *old = find_tls_handshake_to_displace(l, t);
  if (old)
    fail_tls_handshake(old->conn, TLS_DISPLACED,
                       "max_tls_handshakes: this handshake was ended to make room for another one");
  if (c->closed) return false;
  t->has_first_byte = t->in_handshake = true;
  list_append(&l->handshakes, &t->link);
  l->nhandshakes++;
  return true;
}

/* ---- receiving ------------------------------------------------------------- */

/* The content type of the first record of every TLS client (RFC 8446 section 5.1). */
enum { HANDSHAKE_RECORD = 22 };

static void refuse_peer_that_sends_no_tls(struct conn *c, bool is_http) {
  static const char answer[] =
      "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 24\r\n"
      "Connection: close\r\n\r\nThis port speaks HTTPS.\n";
  if (is_http) /* If there is no memory for the answer, the peer gets none. */
    queue_ciphertext(tls_of_conn(c), answer, sizeof answer - 1);
  if (is_http)
    fail_tls_handshake(c, SIO_TLS_FAILED_PLAIN, "plain HTTP on a TLS port");
  else
    fail_tls_handshake(c, SIO_TLS_FAILED_PROTOCOL, "the first byte is not that of a TLS handshake");
}

/* Before the handshake, looks at the first byte of the connection: begins the handshake, or refuses
 * the peer if the byte is not TLS. Returns false if the peer was refused or c was closed. */
static bool begin_handshake_or_refuse_by_first_byte(struct conn *c, struct tls *t, char first) {
  if (t->has_first_byte) return true;
  if (first == HANDSHAKE_RECORD) return add_tls_handshake_and_displace_one_if_full(c, t);
  refuse_peer_that_sends_no_tls(c, first >= 'A' && first <= 'Z');
  return false;
}

/* If the handshake has just been completed, counts it and calls `secured`. Returns false if that
 * has closed the connection. */
static bool report_tls_handshake_if_done(struct conn *c, struct tls *t) {
  sio_tls_done done = { SIO_TLS_OTHER, false };
  if (t->is_established || !t->provider->ops->established(t->session, &done)) return true;
  struct net_stats *st = &conn_loop(c)->stats;
  bool known = done.version >= 0 && done.version < SIO_TLS_VERSION_END;
  t->is_established = true;
  remove_conn_from_tls_handshake_list(c, t);
  st->tls_handshakes[known ? done.version : SIO_TLS_OTHER]++;
  st->tls_resumed += done.resumed;
  c->ops->secured(c);
  return !c->closed;
}

/* Writes plaintext to the beginning of the loop's read buffer while ciphertext is read from
 * TLS_GAP on. No unread ciphertext is overwritten: plaintext is shorter than its ciphertext,
 * except for a record that the session has held back, for which TLS_GAP has room. */
static long decrypt_received_bytes(struct conn *c, struct tls *t, size_t n, size_t *got) {
  char *plain = conn_loop(c)->rbuf;
  sio_slice in = { plain + TLS_GAP, n };
  long k;
  *got = 0;
  do {
    size_t room = (size_t)(in.p - plain) - *got;
    k = t->provider->ops->read(t->session, &in, plain + *got, room);
    if (k > 0) *got += (size_t)k;
  } while (k > 0);
  return k;
}

/* Called when the session has failed. The owner still receives what was decrypted before, but what
 * it queues from now on is never sent, because nothing more is encrypted. */
static void forbid_tls_writing(struct tls *t, int err) {
  t->err = err;
  t->is_end_sent = true;
}

/* Decrypts n bytes, calls `secured` if that completes the handshake, passes the plaintext to the
 * owner, then handles the end of the stream or a failure. */
static void process_received_ciphertext(struct conn *c, struct tls *t, size_t n) {
  size_t got;
  if (t->has_failed || !begin_handshake_or_refuse_by_first_byte(c, t, conn_loop(c)->rbuf[TLS_GAP]))
    return;
  long err = decrypt_received_bytes(c, t, n, &got);
  if (err < 0 && err != SIO_ECLOSED) forbid_tls_writing(t, (int)err);
  if (!report_tls_handshake_if_done(c, t)) return;
  if (got > 0) c->ops->read(c, conn_loop(c)->rbuf, got);
  if (c->closed || err == 0) return;
  if (err == SIO_ECLOSED && t->is_established)
    sio__conn_report_end_of_stream(c);
  else
    fail_tls_handshake_or_conn(c, (int)err);
}

static void process_ciphertext_and_schedule_flush(struct conn *c, size_t n) {
  process_received_ciphertext(c, tls_of_conn(c), n);
  if (!c->closed && tls_of_conn(c)->out.n > 0) sio__conn_schedule_flush(c);
}

void sio__tls_feed_ciphertext(struct conn *c, const char *p, size_t n) {
  while (n > 0 && !c->closed) {
    size_t part = n < TLS_READ ? n : TLS_READ;
    memcpy(conn_loop(c)->rbuf + TLS_GAP, p, part);
    process_ciphertext_and_schedule_flush(c, part);
    p += part;
    n -= part;
  }
}

/* ---- information for the host ---------------------------------------------- */

static const char *copy_tls_info_string_and_advance(char **at, const char *s) {
  char *p = *at;
  *at = stpcpy(p, s) + 1;
  return p;
}

static struct tls_info *tls_info_new(const sio_tls_info *from) {
  size_t n = strlen(from->version) + strlen(from->cipher) + strlen(from->alpn) +
             strlen(from->server_name) + strlen(from->subject) + strlen(from->verify_error) + 6;
  struct tls_info *i = sio__malloc(sizeof *i + n + from->certificate.n);
  if (!i) return NULL;
  char *at = (char *)(i + 1);
  i->refs = 1;
  i->pub = *from;
  i->pub.version = copy_tls_info_string_and_advance(&at, from->version);
  i->pub.cipher = copy_tls_info_string_and_advance(&at, from->cipher);
  i->pub.alpn = copy_tls_info_string_and_advance(&at, from->alpn);
  i->pub.server_name = copy_tls_info_string_and_advance(&at, from->server_name);
  i->pub.subject = copy_tls_info_string_and_advance(&at, from->subject);
  i->pub.verify_error = copy_tls_info_string_and_advance(&at, from->verify_error);
  i->pub.certificate.p = at;
  if (from->certificate.n) memcpy(at, from->certificate.p, from->certificate.n);
  return i;
}

struct tls_info *sio__tls_get_info(struct conn *c) {
  struct tls *t = c->secure && !c->closed ? tls_of_conn(c) : NULL;
  sio_tls_info now = { .size = sizeof now };
  if (!t || !t->is_established) return NULL;
  if (!t->info && t->provider->ops->info(t->session, &now) == 0) t->info = tls_info_new(&now);
  return t->info;
}

void sio__tls_info_unref(struct tls_info *i) {
  if (i && --i->refs == 0) sio__free(i);
}

/* ---- start and end --------------------------------------------------------- */

static void free_tls(struct tls *t) {
  close_tls_session(t);
  sio__tls_info_unref(t->info);
  sio__buf_clear(&t->out);
  sio__free(t);
}

static struct tls *detach_tls_from_conn(struct conn *c) {
  struct tls *t = tls_of_conn(c);
  c->extra[1].tls = NULL;
  c->secure = 0;
  conn_loop(c)->stats.tls_connections--;
  return t;
}

static void attach_tls_to_conn(struct conn *c, struct tls *t) {
  t->conn = c;
  c->extra[1].tls = &t->base;
  c->secure = 1;
  conn_loop(c)->stats.tls_connections++;
}

/* close_notify confirms that everything was sent, so it is not sent if queued bytes or ciphertext
 * are lost. */
static void on_conn_close_send_notify_and_free_tls(struct conn *c) {
  struct tls *t = tls_of_conn(c);
  if (c->out.bytes == 0 && t->out.n == 0 && !c->is_write_shut) {
    queue_tls_close_notify_once(t);
    send_ciphertext(c, t);
  }
  remove_conn_from_tls_handshake_list(c, t);
  free_tls(detach_tls_from_conn(c));
}

/* ---- moving to another loop ------------------------------------------------ */

/* Takes the TLS session from a connection that moves to another loop, except the facts about the
 * handshake (t->info): Engine.IO sessions of this loop may have references to them, and the counter
 * of references is not atomic. */
static struct conn_tls *on_conn_detach_tls(struct conn *c) {
  struct tls *t = detach_tls_from_conn(c);
  assert(!t->in_handshake);
  sio__tls_info_unref(t->info);
  t->info = NULL;
  return &t->base;
}

static void on_conn_attach_tls(struct conn *c, struct conn_tls *base) {
  struct tls *t = container_of(base, struct tls, base);
  attach_tls_to_conn(c, t);
  if (t->out.n > 0) sio__conn_schedule_flush(c);
}

static void free_detached_tls_state(struct conn_tls *base) {
  free_tls(container_of(base, struct tls, base));
}

static const struct conn_tls_ops tls_ops = { .gap = TLS_GAP,
                                             .read = process_ciphertext_and_schedule_flush,
                                             .on_eof = on_tls_eof,
                                             .write = encrypt_from_queue_and_send_ciphertext,
                                             .has_output = queue_due_close_notify_and_check_output,
                                             .has_failed = has_tls_writing_failed,
                                             .is_over_limit = has_too_much_tls_output,
                                             .encrypted_bytes = count_encrypted_queue_bytes,
                                             .close = on_conn_close_send_notify_and_free_tls,
                                             .detach = on_conn_detach_tls,
                                             .attach = on_conn_attach_tls,
                                             .discard = free_detached_tls_state };

int sio__tls_start(struct conn *c, const sio_tls *provider, const char *from) {
  struct tls *t = sio__calloc(1, sizeof *t);
  struct addr a;
  if (!t) return UV_ENOMEM;
  t->base.ops = &tls_ops;
  t->provider = provider;
  list_init(&t->link);
  if (sio__addr_parse(&a, slice_str(from))) t->from = sio__addr_clear_ipv6_host_bits(&a);
  buf_init(&t->out, TLS_OUT_MAX);
  int err =
      provider->ops->open(provider->context, &(sio_tls_wire){ queue_ciphertext, t }, &t->session);
  if (err) {
    sio__free(t);
    return err;
  }
  attach_tls_to_conn(c, t);
  return 0;
}
