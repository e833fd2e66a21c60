/* SPDX-License-Identifier: MIT
 *
 * conn.h - one HTTP/1.x connection, which handles one request at a time, in order. Private to
 * lib/http. conn.c starts and ends connections and runs their timers; conn_read.c is the state
 * machine that consumes input; conn_answer.c does what an answer changes; request_conn.c does what
 * a request asks of its connection; serve.c keeps the set of all connections.
 *
 * A request that arrives while another one is not answered yet has to wait. Reading pauses when
 * HTTP_STASH bytes of input wait (the last read may exceed that); the next request is not begun
 * while HTTP_BACKLOG bytes of answers are unsent. If another request arrives while a complete
 * request has no answer yet, http_mount.on_next is called for the complete one. While a request
 * waits for its answer the connection continues to read, up to HTTP_STASH bytes, so that a
 * disconnect is noticed. Limits (head bytes, header count, times) come from struct http_limits. A
 * request that the connection itself refuses is answered (400, 408, 413, 417, 431, 501, 503, 505),
 * logged and counted, and the connection is closed.
 */
#ifndef SIO_HTTP_CONN_H
#define SIO_HTTP_CONN_H

#include "http/http.h"
#include "http/proxy_info.h"
#include "http/request.h"
#include "net/conn.h"
#include <sio/tls.h>

struct conn_transfer;

enum {
  HTTP_STASH = 16 * 1024,
  HTTP_BACKLOG = 64 * 1024,
  HTTP_LINGER_MS = 2000 /* how long the peer's FIN is awaited after everything was sent */
};

enum http_state {
  HTTP_NONE,         /* in timer_state: the timer has to be started for the current state */
  HTTP_PROXY_HEADER, /* waiting for the PROXY header of a trusted proxy */
  HTTP_TLS,          /* waiting until the TLS handshake is complete */
  HTTP_IDLE,         /* before the first request, or between two requests */
  HTTP_IN_HEAD,      /* the head is being received */
  HTTP_HELD,         /* the head is complete; its handler (mount) has not asked for the body yet */
  HTTP_READY,        /* the head is complete, and reading the body can begin */
  HTTP_IN_BODY,      /* the body is being received */
  HTTP_UNANSWERED,   /* the request is complete and waits for its answer */
  HTTP_SENDING,      /* answered; the rest of the answer is read and sent in pieces */
  HTTP_DISCARD,      /* answered; the rest of the request's body is received and discarded */
  HTTP_CLOSING,      /* what is queued is sent, then our FIN; closed after the peer's FIN */
  HTTP_CLOSED        /* closed or detached; c is freed at the end of the loop's turn */
};

struct http_parser;

struct http_conn {
  struct http *http;
  struct conn *conn;
  sio_request *req;           /* the request that is received or not answered yet; or NULL */
  struct http_parser *parser; /* taken from the pool http->parsers while a request arrives */
  struct http_source *source; /* what is left of the answer's body, in HTTP_SENDING */
  struct proxy_info *proxy;   /* NULL if the peer is not a trusted proxy */
  const sio_tls *tls;         /* the TLS provider; NULL for plain HTTP */
  char *input;                /* the bytes that are parsed now: in `stash` or in the read buffer */
  size_t input_len;
  uint8_t state;       /* enum http_state */
  uint8_t timer_state; /* the timer has to be set again if this is not `state` */
  bool reading;        /* the steps of sio__http_conn_process_input() are running */
  bool refusing;       /* the connection itself is refusing the current request */
  /* The timer has fired while the peer was still receiving an answer. At each further timeout the
   * peer must have received more of the answer, or the connection is closed. */
  bool slow_reader;
  bool pending;        /* the peer has sent no valid head yet; `link` is in http->pending */
  bool close_after;    /* in HTTP_SENDING: the connection is closed after this answer */
  bool timer_extended; /* the timer was restarted once because the host kept the loop busy */
  struct list link;    /* the link in http->conns or http->pending */
  struct timer timer;
  struct task read_task; /* processes the stash at the end of the loop's turn */
  struct deferred_free deferred_free;
  struct buf stash;           /* received bytes that could not be consumed yet */
  size_t queued_at_timer;     /* the bytes in the send queue when the timer was started */
  char address[CONN_ADDRESS]; /* the client's address, which a trusted proxy may have reported */
};

/* ---- conn.c ------------------------------------------------------------------------ */

/* Makes a connection for the descriptor fd, which is closed if that fails. from_proxy must be true
 * if the peer is a trusted proxy. Returns 0 or a libuv error. */
int sio__http_conn_new(struct http_conn **out, struct http *h, int fd, bool from_proxy,
                       const sio_tls *tls);
/* Starts the timer, and makes c wait for a PROXY header, a TLS handshake or a request. Returns 0;
 * or closes c and returns UV_ENOMEM or an error of the TLS provider. */
int sio__http_conn_await_proxy_tls_or_request(struct http_conn *c);
/* Makes c wait for the TLS handshake or the first request. Called at the start, or after the PROXY
 * header. Returns 0; or closes c and returns UV_ENOMEM or an error of the TLS provider. */
int sio__http_conn_start_tls_or_await_request(struct http_conn *c);

/* Makes a connection from t, which has left another loop after it received the head of a request.
 * Takes over `proxy`, which may be NULL. Returns 0; or a libuv error after it has closed t and
 * freed `proxy`. */
int sio__http_conn_new_from_transfer(struct http_conn **out, struct http *h,
                                     struct conn_transfer *t, struct proxy_info *proxy,
                                     const sio_tls *tls);

/* Removes c from all lists, stops its timer, and frees it at the end of the loop's turn. The caller
 * must close c->conn or give it to a new owner, unless it is closed already. */
void sio__http_conn_unlist_and_free_later(struct http_conn *c);
/* Closes c now, without ending its current request. Does nothing if c is closed already. */
void sio__http_conn_close(struct http_conn *c);
/* Sends everything in the send queue, and then a FIN. Closes c when everything was sent and the
 * peer's FIN has arrived: at once, later, or when a timer fires. The caller has to start this timer
 * with sio__http_conn_start_timer_if_state_changed(). */
void sio__http_conn_close_when_sent(struct http_conn *c);
/* Closes c because a limit is exceeded or no valid PROXY header has arrived, ends its request, if
 * there is one, and reports the rejection to the host. `cause` is an enum sio_reject_cause, and
 * `why` is the reason as text. */
void sio__http_conn_close_and_report_rejection(struct http_conn *c, int cause, const char *why);
/* Returns the reason as text for the causes SIO_REJECT_OPEN and SIO_REJECT_CONNECTS. */
const char *sio__http_describe_exceeded_conn_limit(int cause);
void sio__http_conn_close_out_of_memory(struct http_conn *c);
/* Ends c after the peer's FIN: sends what is queued, and then closes c. If there is a current
 * request, ends it and calls on_abort of its mount (the callbacks that handle it), if that is
 * known. */
void sio__http_conn_close_after_peer_eof(struct http_conn *c);

/* Ends the current request, if there is one, because its peer cannot be answered any more: calls
 * on_abort of its mount (the callbacks that handle it), if that is known, and frees the request
 * unless the host still has to answer it. */
void sio__http_conn_abort_request(struct http_conn *c, int err, const char *why);
/* Answers the current request with `status` and no body, after which c is closed, and calls
 * on_abort of the request's mount (the callbacks that handle it), if that is known. */
void sio__http_conn_refuse_request(struct http_conn *c, int status, int err, const char *why);

/* Starts the timer for the current state of c, or stops it if the state has no time limit. Does
 * nothing if this was done for that state already. */
void sio__http_conn_start_timer_if_state_changed(struct http_conn *c);
void sio__http_conn_restart_state_timer(struct http_conn *c);
void sio__http_conn_return_parser_to_pool(
    struct http_conn *c); /* puts c->parser into http->parsers */
void sio__http_conn_free_answer_body_source(struct http_conn *c);

/* ---- conn_read.c ------------------------------------------------------------------- */

/* Runs the state machine on c->input or, if that is NULL, on the stash. Keeps in the stash what was
 * not consumed, unless c is closing. */
void sio__http_conn_process_input(struct http_conn *c);
void sio__http_conn_on_read(struct conn *conn, char *p, size_t n);
/* Returns true if c waits for a PROXY header, for a request, or for the rest of one, and has no
 * input left that it could process. */
bool sio__http_conn_is_waiting_for_input(const struct http_conn *c);
/* Queues an answer 100 (Continue). Returns false if memory has run out and c was closed. */
bool sio__http_conn_send_100_continue(struct http_conn *c);

/* Returns the descriptor of the connection for the log. */
static inline int http_conn_fd(const struct http_conn *c) { return c->conn ? c->conn->fd : 0; }

/* Returns how many bytes of chunk extensions and trailers the current request may have, besides 20
 * bytes for each chunk. */
static inline size_t http_conn_max_body_framing_bytes(const struct http_conn *c) {
  return c->http->limits.max_head - c->req->head.n;
}

/* ---- conn_answer.c ----------------------------------------------------------------- */

/* Reads the next piece of the answer's body and queues it. Closes c if that fails. After the last
 * piece, waits for the next request or closes c. */
void sio__http_conn_send_next_answer_piece(struct http_conn *c);

/* Returns true if the connection can stay open after the answer to r. */
bool sio__http_can_keep_alive(const sio_request *r);
/* Queues an answer and moves the connection to its next state. `body` may be NULL. One reference to
 * each msg is released. Unless the connection itself is refusing r, ends r, which is freed at the
 * end of the loop's turn. Returns 0; or, after it has closed the connection, an error. */
int sio__http_queue_answer(sio_request *r, struct msg *head, struct msg *body, int status,
                           bool keep_alive);
/* Sets the source of all pieces of the body but the first. The connection frees src. Must be called
 * before sio__http_can_keep_alive() and sio__http_queue_answer(). */
void sio__http_set_answer_body_source(sio_request *r, struct http_source *src);
/* Reads the next piece of `src` to a new msg with one reference, *out. Returns 0 or an error, which
 * is UV_EOF if `src` has ended too early or was modified. */
int sio__http_source_read_piece_to_msg(struct loop *l, struct http_source *src, struct msg **out);
/* Closes the connection of r and ends r, because the answer cannot be queued. err is the reason,
 * which is logged. */
void sio__http_close_after_failed_answer(sio_request *r, int err);

#endif
