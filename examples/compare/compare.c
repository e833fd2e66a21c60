/* SPDX-License-Identifier: MIT
 *
 * compare.c - the same three messages over a plain WebSocket and over Socket.IO.
 *
 * Each page that connects is sent "message from server" at once, after one second, and after two:
 * over /ws as WebSocket messages, over Socket.IO as "message" events. The page at / loads both
 * kinds of page in turn and shows what each cost by the browser's own counters.
 * Environment: PORT (3000), HOST (all addresses).
 */
#include <sio/http.h>
#include <sio/sio.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "compare_page.h" /* page[]: the files of this folder, made by tools/embed-assets */

#define TEXT "message from server"

enum { MESSAGES = 3, EVERY_MS = 1000 };

/* The messages that one peer has yet to get. Freed when its timer is closed, after the peer has
 * left. */
struct feed {
  uv_timer_t timer;
  int sent;
  sio_ws *ws; /* either this or the next is NULL */
  sio_socket *socket;
};

struct program {
  sio_server *srv;
  uv_loop_t *loop;
  uv_signal_t sigint, sigterm;
};

static void on_tick(uv_timer_t *timer) {
  struct feed *f = timer->data;
  if (f->ws)
    sio_ws_send(f->ws, false, sio_text(TEXT));
  else
    sio_emit(f->socket, "message", SIO_ARGS(TEXT));
  if (++f->sent == MESSAGES) uv_timer_stop(timer);
}

static struct feed *feed_new(uv_loop_t *loop) {
  struct feed *f = calloc(1, sizeof *f);
  if (!f) return NULL;
  f->timer.data = f;
  uv_timer_init(loop, &f->timer);
  uv_timer_start(&f->timer, on_tick, 0, EVERY_MS);
  return f;
}

static void on_timer_closed(uv_handle_t *timer) { free(timer->data); }

static void feed_free(struct feed *f) {
  if (f) uv_close((uv_handle_t *)&f->timer, on_timer_closed);
}

/* ---- over a plain WebSocket: one pointer of ours fits in the handle ------------------------ */

static void on_ws_open(sio_ws *ws, void *user) {
  struct program *p = user;
  struct feed *f = feed_new(p->loop);
  if (f) f->ws = ws;
  sio_ws_set_data(ws, f);
}

static void on_ws_close(sio_ws *ws, const sio_close_info *why, void *user) {
  (void)why, (void)user;
  feed_free(sio_ws_data(ws));
}

/* ---- over Socket.IO: a struct of ours stands beside the handle ----------------------------- */

static void on_connect(sio_socket *s, void *user) {
  struct program *p = user;
  struct feed **f = sio_socket_data(s);
  *f = feed_new(p->loop);
  if (*f) (*f)->socket = s;
}

static void on_disconnect(sio_socket *s, const sio_close_info *why, void *user) {
  (void)why, (void)user;
  struct feed **f = sio_socket_data(s);
  feed_free(*f);
}

/* ---- the program --------------------------------------------------------------------------- */

static void stop(struct program *p) {
  if (p->srv) sio_server_close(p->srv, NULL, NULL);
  uv_close((uv_handle_t *)&p->sigint, NULL);
  uv_close((uv_handle_t *)&p->sigterm, NULL);
}

static void on_signal(uv_signal_t *signal, int signum) {
  (void)signum;
  stop(signal->data);
}

static int watch_signals(struct program *p) {
  int err = uv_signal_init(p->loop, &p->sigint);
  if (!err) err = uv_signal_init(p->loop, &p->sigterm);
  p->sigint.data = p->sigterm.data = p;
  if (!err) err = uv_signal_start(&p->sigint, on_signal, SIGINT);
  if (!err) err = uv_signal_start(&p->sigterm, on_signal, SIGTERM);
  return err;
}

static int serve(struct program *p) {
  const char *port = getenv("PORT");
  const sio_options options = { .socket_data_size = sizeof(struct feed *) };
  const sio_ws_callbacks ws = { .open = on_ws_open, .close = on_ws_close };
  sio_nsp *nsp;
  int err = sio_server_new(p->loop, &options, &p->srv);
  if (!err) err = sio_assets(p->srv, "/", page, sizeof page / sizeof *page);
  if (!err) err = sio_ws_route(p->srv, "/ws", &ws, p);
  if (!err) err = sio_of(p->srv, "/", &nsp);
  if (!err) err = sio_on_connect(nsp, on_connect, p);
  if (!err) err = sio_on_disconnect(nsp, on_disconnect, p);
  if (!err) err = sio_listen(p->srv, getenv("HOST"), port ? atoi(port) : 3000);
  return err;
}

int main(void) {
  struct program p = { .loop = uv_default_loop() };
  int err = watch_signals(&p);
  if (err) {
    fprintf(stderr, "compare: %s\n", uv_strerror(err));
    return 1;
  }
  err = serve(&p);
  if (err) {
    fprintf(stderr, "compare: %s\n", sio_strerror(err));
    stop(&p);
  } else {
    printf("compare: http://localhost:%d/\n", sio_port(p.srv));
    fflush(stdout);
  }
  uv_run(p.loop, UV_RUN_DEFAULT);
  return uv_loop_close(p.loop) || err ? 1 : 0;
}
