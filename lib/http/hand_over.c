/* SPDX-License-Identifier: MIT
 *
 * hand_over.c - a connection leaves one server with the request that it has just brought, and is
 * served by another one.
 *
 * Answers to earlier requests that were not sent yet move with the connection.
 */
#include "http/hand_over.h"
#include "http/conn.h"
#include <assert.h>
#include <sio/error.h>
#include <unistd.h>

/* Undoes a change that strip_scheme_and_host_from_target() has made to the head: if the request
 * target has a host and no path, the host was moved by one byte, over the second '/' before it. */
static void restore_request_target_in_head_copy(char *head, const sio_request *r) {
  sio_slice host = r->authority;
  if (host.n == 0 || host.p[-2] == '/') return;
  char *at = head + (host.p - r->head.p);
  memmove(at + 1, at, host.n);
  *at = '/';
}

/* Copies the head of the request, and then the bytes that were received after it, to *out. */
static int copy_request_head_and_unread_input(const sio_request *r, struct buf *out) {
  const struct http_conn *c = r->conn;
  size_t n = r->head.n + c->input_len;
  buf_init(out, n > HTTP_STASH + NET_RBUF ? n : HTTP_STASH + NET_RBUF);
  int err = sio__buf_put(out, r->head.p, r->head.n);
  if (!err) restore_request_target_in_head_copy(out->p, r);
  return err ? err : sio__buf_put(out, c->input, c->input_len);
}

static void release_conn_and_request_after_transfer(struct http_conn *c) {
  c->http->stats.requests--;
  c->req->answered = true;
  sio__request_free_or_recycle_later(c->req);
  c->req = NULL;
  c->proxy = NULL;
  sio__http_conn_unlist_and_free_later(c);
}

int sio__request_detach_conn_for_other_server(sio_request *r, struct http_conn_transfer **out) {
  struct http_conn *c = r->conn;
  assert(c && c->reading && c->req == r && !r->answered);
  struct http_conn_transfer *t = sio__calloc(1, sizeof *t);
  int err = t ? copy_request_head_and_unread_input(r, &t->input) : UV_ENOMEM;
  if (!err) err = sio__conn_detach_from_loop(c->conn, &t->conn);
  if (err) {
    if (t) sio__buf_clear(&t->input);
    sio__free(t);
    return err;
  }
  t->proxy = c->proxy;
  t->tls = c->tls;
  release_conn_and_request_after_transfer(c);
  *out = t;
  return 0;
}

size_t sio__http_conn_transfer_memory_size(const struct http_conn_transfer *t) {
  size_t proxy = t->proxy ? sizeof *t->proxy : 0;
  return sizeof *t + proxy + t->input.cap + t->conn.unsent.cap;
}

/* Counts the connection for the client's address again, because its old server no longer counts it.
 * Returns 0; or SIO_ELIMIT, and the connection was closed. */
static int count_transferred_conn_or_close(struct http_conn *c) {
  struct addr_record *record = NULL;
  struct addr a;
  struct addr_limits *g = c->http->addr_limits;
  if (!addr_limits_has_rate_or_max_open(g) || !sio__addr_parse(&a, slice_str(c->address))) return 0;
  bool allowed = sio__addr_limits_count_open_if_below_max(g, &a, ADDR_CONNS, &record);
  if (record) conn_set_addr_record(c->conn, record);
  if (allowed) return 0;
  sio__http_conn_close_and_report_rejection(
      c, SIO_REJECT_OPEN, sio__http_describe_exceeded_conn_limit(SIO_REJECT_OPEN));
  return SIO_ELIMIT;
}

int sio__http_serve_transferred_conn(struct http *h, struct http_conn_transfer *t) {
  struct http_conn *c;
  int err = sio__http_conn_new_from_transfer(&c, h, &t->conn, t->proxy, t->tls);
  if (!err) err = count_transferred_conn_or_close(c);
  if (err) {
    sio__buf_clear(&t->input);
  } else {
    sio__buf_clear(&c->stash);
    c->stash = t->input;
    sio__loop_start_timer(h->loop, &c->timer, h->limits.head_ms);
    sio__loop_defer(h->loop, &c->read_task);
  }
  sio__free(t);
  return err;
}

void sio__http_conn_transfer_discard(struct http_conn_transfer *t) {
  sio__conn_transfer_discard(&t->conn);
  sio__buf_clear(&t->input);
  sio__free(t->proxy);
  sio__free(t);
}
