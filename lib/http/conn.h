/* SPDX-License-Identifier: MIT
 *
 * conn.h - one HTTP/1.x connection: one request at a time, in order, until the peer or an upgrade
 * ends it. Private to lib/http: conn.c holds its life and its timer, conn_read.c the state machine
 * that consumes input, conn_answer.c what an answer does to it, request_conn.c what a request asks
 * of it, and serve.c the set of all connections.
 *
 * Requests that arrive while one is being answered wait. Once HTTP_STASH bytes of input wait (the
 * last read may exceed that) or HTTP_BACKLOG bytes of answers are unsent, reading or answering
 * pauses. A mount whose answers may take long is notified when another request waits (on_next).
 * While a request waits for its answer the connection continues to read, so that a disconnect is
 * noticed at once. Limits (head bytes, header count, times) come from struct http_limits. Every
 * refusal is answered (400, 408, 413, 417, 431, 501, 503, 505), logged and counted, and closes the
 * connection, because the rest of the stream cannot be trusted.
 */
#ifndef SIO_HTTP_CONN_H
#define SIO_HTTP_CONN_H

#include "http/http.h"
#include "http/proxy_info.h"
#include "http/request.h"
#include "net/conn.h"
#include <sio/tls.h>

enum {
  HTTP_STASH = 16 * 1024,
  HTTP_BACKLOG = 64 * 1024,
  HTTP_LINGER_MS = 2000 /* time for the peer to receive our FIN and send its own */
};

enum http_state {
  HTTP_NONE,         /* no timer runs; only a value of timer_state, never of state           */
  HTTP_PROXY_HEADER, /* the PROXY header of a trusted proxy is expected                       */
  HTTP_TLS,          /* the TLS handshake is in progress                                      */
  HTTP_IDLE,         /* between two requests                                                  */
  HTTP_IN_HEAD,      /* the first byte of a head has arrived                                  */
  HTTP_HELD,         /* the head is complete; the mount does not let the body be read yet     */
  HTTP_READY,        /* the body may be read, and reading it has not begun                    */
  HTTP_IN_BODY,      /* the body arrives                                                      */
  HTTP_UNANSWERED,   /* the request is complete and waits for its answer                      */
  HTTP_SENDING,      /* answered; the answer's body is read in pieces as the peer takes it    */
  HTTP_DISCARD,      /* answered before the body was complete: the rest is discarded          */
  HTTP_CLOSING,      /* the last answer is queued; then our FIN is sent, the peer's expected  */
  HTTP_CLOSED        /* closed, dropped or detached: freed when the turn ends                 */
};

struct http_parser;

struct http_conn {
  struct http *http;
  struct conn *conn;
  sio_request *req;           /* the current request, from its first byte to its answer     */
  struct http_parser *parser; /* borrowed from the pool while a request arrives             */
  struct http_source *source; /* the unread rest of the answer's body, in HTTP_SENDING      */
  struct proxy_info *proxy;   /* NULL: the peer is not a trusted proxy                      */
  const sio_tls *tls;         /* the TLS provider; NULL: plain HTTP */
  char *input;                /* bytes not consumed yet: in the stash, or just read         */
  size_t input_len;
  uint8_t state;       /* enum http_state                                                   */
  uint8_t timer_state; /* the state that the timer was started for                          */
  bool reading;        /* sio__http_conn_process_input() is running                               */
  bool refusing;       /* the answer being sent is the connection's, not the mount's        */
  bool slow_reader;    /* the peer has not taken an answer yet: idle time does not count    */
  bool pending;        /* no request's head is complete yet: a member of http->pending      */
  bool close_after;    /* in HTTP_SENDING: the connection ends after this answer            */
  bool timer_extended; /* the state's time was granted a second time                        */
  struct list link;    /* http->conns or http->pending                                      */
  struct timer timer;
  struct task read_task; /* processes the stash when the turn ends                          */
  struct deferred_free deferred_free;
  struct buf stash;           /* input that arrived before it could be consumed            */
  size_t queued_at_timer;     /* conn->queued when the timer was started                   */
  char address[CONN_ADDRESS]; /* the client's address, which a proxy may have reported      */
};

/* ---- conn.c ------------------------------------------------------------------------ */

/* Takes fd over, also on error. from_proxy: a trusted proxy connected. 0 or a libuv code. */
int sio__http_conn_new(struct http_conn **out, struct http *h, int fd, bool from_proxy,
                       const sio_tls *tls);
/* Starts the timer and expects a PROXY header, TLS or a request. 0, or UV_ENOMEM: c is closed. */
int sio__http_conn_start(struct http_conn *c);
/* Expects TLS or the first request, after the PROXY header if there is one. False: c is closed. */
bool sio__http_conn_start_tls_or_http(struct http_conn *c);

/* Like sio__http_conn_new(), for a connection that was detached from another loop after a request
 * was received on it. Takes t over, also on error, and proxy, which may be NULL. */
int sio__http_conn_attach(struct http_conn **out, struct http *h, struct conn_transfer *t,
                          struct proxy_info *proxy, const sio_tls *tls);

/* Removes c from all lists and timers and frees it when the turn ends. The caller closes the
 * descriptor or gives it to a new owner. */
void sio__http_conn_release(struct http_conn *c);
/* Closes c now. No-op if it is closed. */
void sio__http_conn_close(struct http_conn *c);
/* Sends the queue, then a FIN. */
void sio__http_conn_close_when_sent(struct http_conn *c);
/* Closes c because its address has exceeded a limit (cause: enum sio_reject), and logs that. */
void sio__http_conn_close_over_limit(struct http_conn *c, int cause, const char *why);
/* The reason to log for SIO_REJECT_OPEN and SIO_REJECT_CONNECTS. */
const char *sio__http_conn_describe_limit(int cause);
void sio__http_conn_close_out_of_memory(struct http_conn *c);
/* Ends c, because c needs more input and the peer has sent its FIN. */
void sio__http_conn_end_at_eof(struct http_conn *c);

/* Calls on_abort for the current request, if there is one: its peer cannot be answered. */
void sio__http_conn_abort_request(struct http_conn *c, int err, const char *why);
/* Answers the current request with a bare status, closes c, and then calls on_abort. */
void sio__http_conn_refuse_request(struct http_conn *c, int status, int err, const char *why);

/* Starts the timer of c's state, unless it runs for that state already. */
void sio__http_conn_set_timer(struct http_conn *c);
void sio__http_conn_restart_timer(struct http_conn *c);
void sio__http_conn_return_parser(struct http_conn *c);
void sio__http_conn_free_source(struct http_conn *c);

/* ---- conn_read.c ------------------------------------------------------------------- */

/* Runs the state machine on the input, and stashes the rest that it does not consume. */
void sio__http_conn_process_input(struct http_conn *c);
void sio__http_conn_on_read(struct conn *conn, char *p, size_t n);
/* True if c waits for bytes that cannot arrive after the peer's FIN. */
bool sio__http_conn_is_waiting_for_input(const struct http_conn *c);
/* Queues a 100 (Continue). False: out of memory, and c is closed. */
bool sio__http_conn_send_continue(struct http_conn *c);

/* Returns how many bytes of chunk extensions and trailers the current request may still send. */
/* For the log; 0: the connection has ended. */
static inline int http_conn_fd(const struct http_conn *c) { return c->conn ? c->conn->fd : 0; }

static inline size_t http_conn_framing_left(const struct http_conn *c) {
  return c->http->limits.max_head - c->req->head.n;
}

/* ---- conn_answer.c ----------------------------------------------------------------- */

/* Reads the next piece of the answer's body and queues it. */
void sio__http_conn_send_piece(struct http_conn *c);

/* Returns true if the connection will stay open after the answer to r. */
bool sio__http_can_keep_alive(const sio_request *r);
/* Queues an answer (body may be NULL; both references are taken over) and moves the connection to
 * its next state. 0 or UV_ENOMEM. */
int sio__http_queue_answer(sio_request *r, struct msg *head, struct msg *body, int status,
                           bool keep_alive);
/* Sets the source of the body after its first piece, and takes it over. Call it before
 * sio__http_can_keep_alive() and sio__http_queue_answer(). */
void sio__http_set_body_source(sio_request *r, struct http_source *src);
/* Reads the next piece of src into *out, one reference. 0, or an error; UV_EOF if src ended
 * early. */
int sio__http_read_piece(struct loop *l, struct http_source *src, struct msg **out);
/* Closes the connection, because there was no memory for the answer. */
void sio__http_fail_answer(sio_request *r, int err);

#endif
