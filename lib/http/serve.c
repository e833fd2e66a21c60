/* SPDX-License-Identifier: MIT
 *
 * serve.c - accepts connections within the limits per address, and closes all connections when the
 * server drains or closes.
 */
#include "http/serve.h"
#include "http/conn.h"
#include "http/parser.h"
#include <sio/error.h>
#include <unistd.h>

static void report_all_http_conns_closed_task(struct task *t) {
  struct http *h = container_of(t, struct http, all_closed_task);
  if (h->nconns == 0 && h->on_all_closed) h->on_all_closed(h);
}

void sio__http_init(struct http *h, struct loop *l, struct log *log,
                    const struct http_limits *limits) {
  *h = (struct http){ .loop = l, .log = log, .limits = *limits };
  list_init(&h->conns);
  list_init(&h->pending);
  list_init(&h->owed_requests);
  list_init(&h->spare_requests);
  sio__pool_init(&h->parsers, sio__http_parser_size(), 64);
  task_init(&h->all_closed_task, report_all_http_conns_closed_task);
}

/* ---- accepting ------------------------------------------------------------------------------- */

/* If max_pending connections have sent no valid head, closes the oldest of them. This way even many
 * silent connections cannot keep other clients out: they only shorten the time that each connection
 * has to send a request. */
static void close_oldest_conn_without_request_if_full(struct http *h) {
  if (!h->limits.max_pending || h->npending < h->limits.max_pending) return;
  sio__http_conn_close_and_report_rejection(
      container_of(list_first(&h->pending), struct http_conn, link), SIO_REJECT_PENDING,
      "max_pending connections have sent no request: the oldest of them is closed");
}

/* Counts the connection for the peer's address. Returns SIO_ELIMIT if the address has exceeded a
 * limit. If the peer is a trusted proxy, sets *from_proxy to true and counts nothing: if the
 * connection begins with a PROXY header, it is counted later, for the client that the header
 * names. */
static int count_conn_unless_proxy_and_check_limits(struct http *h, int fd,
                                                    struct addr_record **record, bool *from_proxy) {
  int cause;
  char text[ADDR_TEXT];
  struct addr a = sio__addr_get_socket_peer(fd);
  *from_proxy = sio__addr_set_contains(&h->addr_limits->trusted, &a);
  if (*from_proxy || sio__addr_limits_admit(h->addr_limits, &a, ADDR_CONNS, record, &cause) == 0)
    return 0;
  sio__addr_limits_report_refusal(h->addr_limits, cause, sio__addr_to_text(&a, text),
                                  sio__http_describe_exceeded_conn_limit(cause));
  return SIO_ELIMIT;
}

int sio__http_serve_accepted_socket(struct http *h, int fd, const sio_tls *tls) {
  struct http_conn *c;
  struct addr_record *record = NULL;
  bool from_proxy = false;
  bool needs_address = h->addr_limits && addr_limits_need_address(h->addr_limits);
  int err =
      needs_address ? count_conn_unless_proxy_and_check_limits(h, fd, &record, &from_proxy) : 0;
  if (err) {
    close(fd);
    return err;
  }
  close_oldest_conn_without_request_if_full(h);
  err = sio__http_conn_new(&c, h, fd, from_proxy, tls);
  if (err) {
    sio__addr_record_decrement_open_count(record, ADDR_CONNS);
    return err;
  }
  if (record) conn_set_addr_record(c->conn, record);
  return sio__http_conn_await_proxy_tls_or_request(c);
}

int sio__http_feed_newest_conn(struct http *h, sio_slice read) {
  struct http_conn *c = container_of(h->pending.prev, struct http_conn, link);
  int err = sio__buf_put(&c->stash, read.p, read.n);
  if (err)
    sio__http_conn_close(c);
  else
    sio__loop_defer(h->loop, &c->read_task);
  return err;
}

/* ---- ending ---------------------------------------------------------------------------------- */

static void close_listed_conns_without_request_when_sent(struct list *conns) {
  list_each (it, next, conns) {
    struct http_conn *c = container_of(it, struct http_conn, link);
    if (c->state > HTTP_IDLE && c->state != HTTP_DISCARD) continue;
    sio__http_conn_close_when_sent(c);
    sio__http_conn_start_timer_if_state_changed(c);
  }
}

void sio__http_close_conns_after_answers(struct http *h) {
  h->draining = true;
  close_listed_conns_without_request_when_sent(&h->pending);
  close_listed_conns_without_request_when_sent(&h->conns);
  if (h->nconns == 0) sio__loop_defer(h->loop, &h->all_closed_task);
}

static void close_all_conns_in_list_and_abort_requests(struct list *conns) {
  struct list *it;
  while ((it = list_first(conns))) {
    struct http_conn *c = container_of(it, struct http_conn, link);
    sio__http_conn_close(c);
    sio__http_conn_abort_request(c, UV_ECANCELED, "server shutting down");
  }
}

void sio__http_close_all_conns_and_abort_requests(struct http *h) {
  close_all_conns_in_list_and_abort_requests(&h->pending);
  close_all_conns_in_list_and_abort_requests(&h->conns);
}

void sio__http_clear(struct http *h) {
  struct list *it;
  while ((it = list_first(&h->owed_requests)))
    sio__request_detach_from_server(container_of(it, sio_request, link));
  while ((it = list_first(&h->spare_requests)))
    sio__request_free(container_of(it, sio_request, link));
  sio__pool_clear(&h->parsers);
}
