/* SPDX-License-Identifier: MIT
 *
 * http_rig.h - a server end of HTTP in a test's hands: a real loop, one end of a socket pair
 * served, bytes written to and read from the other. Turns of the loop are taken by hand.
 *
 * The mount answers 200 with "METHOD path?query body", unless the test says otherwise; what
 * happens to requests is noted in `notes`, one word each.
 */
#ifndef SIO_TEST_HTTP_RIG_H
#define SIO_TEST_HTTP_RIG_H

#include "clock.h"
#include "http/conn.h"
#include "http/serve.h"
#include "test.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HOST "Host: a\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"
#define POST(headers, body) "POST / HTTP/1.1\r\n" HOST headers "\r\n" body
#define CHUNKED "Transfer-Encoding: chunked\r\n"

struct rig {
  uv_loop_t uv;
  struct log log;
  uv_timer_t host; /* what else a host's loop lives from */
  struct loop loop;
  struct http http;
  struct http_mount mount;
  int fd;            /* the peer's end; -1: closed */
  char out[1 << 20]; /* what the peer has read     */
  size_t n;
  bool fin;        /* the server sends no more   */
  bool park, hold; /* do not answer, hold the body */
  void (*at_head)(sio_request *r);
  void (*at_request)(sio_request *r);
  sio_request *req; /* the last one seen          */
  size_t max_body;
  char notes[4096];
  int err; /* of the last on_abort       */
  char detail[128];
};

static struct rig *rig; /* the one of the test that runs */

static inline void note(const char *what) {
  if (strlen(rig->notes) + strlen(what) + 2 > sizeof rig->notes) return;
  if (rig->notes[0]) strcat(rig->notes, " ");
  strcat(rig->notes, what);
}

static inline bool rig_on_head(sio_request *r) {
  note("head");
  rig->req = r;
  if (rig->max_body) r->max_body = rig->max_body;
  if (rig->at_head) rig->at_head(r);
  return !rig->hold;
}

static inline void rig_echo(sio_request *r) {
  static char text[1 << 20];
  int n = snprintf(text, sizeof text, "%.*s %.*s?%.*s %.*s", (int)r->method_text.n,
                   r->method_text.p, (int)r->path.n, r->path.p, (int)r->query.n,
                   r->query.n ? r->query.p : "", (int)r->body.n, r->body.n ? r->body.p : "");
  sio__request_answer(r, 200, NULL, slice(text, (size_t)n));
}

static inline void rig_on_request(sio_request *r) {
  note("request");
  rig->req = r;
  if (rig->at_request)
    rig->at_request(r);
  else if (!rig->park)
    rig_echo(r);
}

static inline void rig_on_abort(sio_request *r, int err, const char *detail) {
  note("abort");
  rig->err = err;
  snprintf(rig->detail, sizeof rig->detail, "%s", detail);
  if (rig->req == r) rig->req = NULL;
}

static inline const struct http_mount *rig_route(struct http *h, sio_request *r) {
  (void)h;
  (void)r;
  return &rig->mount;
}

/* A peer that connects. */
static inline void rig_connect(void) {
  int pair[2];
  if (rig->fd >= 0) close(rig->fd);
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair)) abort();
  rig->fd = pair[1];
  rig->n = 0;
  rig->fin = false;
  if (sio__http_serve_accepted_socket(&rig->http, pair[0], NULL)) abort();
}

static inline void rig_never(uv_timer_t *t) { (void)t; }

static inline void rig_open(void) {
  static const struct http_limits limits = { .max_head = 1024,
                                             .max_headers = 10,
                                             .max_body = 1000,
                                             .head_ms = 10000,
                                             .body_ms = 30000,
                                             .keep_alive_ms = 5000 };
  rig = calloc(1, sizeof *rig);
  if (!rig || uv_loop_init(&rig->uv) || sio__loop_init(&rig->loop, &rig->uv, &rig->log)) abort();
  uv_timer_init(&rig->uv, &rig->host);
  uv_timer_start(&rig->host, rig_never, 1u << 30, 0);
  rig->loop.high_water = 1 << 20;
  sio__http_init(&rig->http, &rig->loop, &rig->log, &limits);
  rig->http.route = rig_route;
  rig->mount = (struct http_mount){ .on_head = rig_on_head,
                                    .on_request = rig_on_request,
                                    .on_abort = rig_on_abort };
  rig->fd = -1;
  rig_connect();
}

static inline void rig_turns(void) {
  for (int i = 0; i < 4; i++) uv_run(&rig->uv, UV_RUN_NOWAIT);
}

static inline void rig_read(void) {
  for (;;) {
    ssize_t n = recv(rig->fd, rig->out + rig->n, sizeof rig->out - 1 - rig->n, 0);
    if (n == 0 || (n < 0 && errno == ECONNRESET)) rig->fin = true;
    if (n <= 0) break;
    rig->n += (size_t)n;
  }
  rig->out[rig->n] = '\0';
}

static inline void rig_send(const char *p, size_t n) {
  while (n > 0) {
    ssize_t k = send(rig->fd, p, n, MSG_NOSIGNAL);
    if (k < 0 && errno != EAGAIN) return;
    if (k > 0) p += k, n -= (size_t)k;
    rig_turns();
    rig_read();
  }
}

/* Sends text and returns all that came on this connection since the last time. */
static inline const char *ask_n(const char *p, size_t n) {
  rig->n = 0;
  rig_send(p, n);
  rig_turns();
  rig_read();
  return rig->out;
}
static inline const char *ask(const char *text) { return ask_n(text, strlen(text)); }

static inline const char *hear(void) { return ask_n("", 0); }

/* Time goes by; rig_pass: and the peer does not read. */
static inline void rig_pass(unsigned ms) {
  clock_ms += ms;
  sio__timers_fire_due(&rig->loop.timers, clock_ms);
  rig_turns();
}
static inline void rig_wait(unsigned ms) {
  rig_pass(ms);
  rig_read();
}

static inline void rig_close(void) {
  if (rig->fd >= 0) close(rig->fd);
  sio__http_close_all_conns_and_abort_requests(&rig->http);
  uv_close((uv_handle_t *)&rig->host, NULL);
  sio__loop_close(&rig->loop, NULL);
  uv_run(&rig->uv, UV_RUN_DEFAULT);
  sio__http_clear(&rig->http);
  EQ(rig->http.nconns, 0);
  EQ(uv_loop_close(&rig->uv), 0);
  free(rig);
  rig = NULL;
}

/* EQ_STR that looks once: what it looks at may be a call that asks. */
#define IS(expr, text)        \
  do {                        \
    const char *is_ = (expr); \
    EQ_STR(is_, text);        \
  } while (0)

/* "200" of "HTTP/1.1 200 OK..."; 0 if there is no answer. */
static inline int status_of(const char *answer) {
  return strncmp(answer, "HTTP/1.1 ", 9) ? 0 : atoi(answer + 9);
}

static inline const char *body_of(const char *answer) {
  const char *p = strstr(answer, "\r\n\r\n");
  return p ? p + 4 : "";
}

static inline bool says(const char *answer, const char *line) {
  return strstr(answer, line) != NULL;
}

/* An answer without its Date, which is the time of now. */
static inline const char *undated(const char *answer) {
  static char out[4096];
  int64_t at;
  const char *line = strstr(answer, "\r\nDate: ");
  if (!line || !sio__http_date_parse(slice(line + 8, DATE_LEN), &at)) return "no Date";
  if (at > time(NULL) || at < time(NULL) - 10) return "another Date";
  snprintf(out, sizeof out, "%.*s%s", (int)(line - answer), answer, line + 8 + DATE_LEN);
  return out;
}

static inline unsigned count_of(const char *text, const char *what) {
  unsigned n = 0;
  for (; (text = strstr(text, what)); text += strlen(what)) n++;
  return n;
}

/* Sends a request, over a new connection if the last one has ended. Returns the status and the body
 * of the answer, for example "200 text". */
static inline const char *rig_request(const char *method, const char *path, const char *headers) {
  static char out[512];
  char request[1024];
  if (rig->fin) rig_connect();
  snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: a\r\n%s\r\n", method, path, headers);
  const char *a = ask(request);
  snprintf(out, sizeof out, "%d %s", status_of(a), body_of(a));
  return out;
}

#endif
