/* SPDX-License-Identifier: MIT
 *
 * whiteboard.c - a board that many draw on. A page whose connection breaks comes back to what it
 * had: connection state recovery sends it the lines that it missed, and nothing else.
 *
 *   the page emits     line(x0, y0, x1, y1, color)   coordinates from 0 to 1
 *                      clear()
 *   the server emits   the same to the others, and to a new page the board as it is
 *                      people(count)
 *
 * Environment: PORT (3000), SECONDS (120): how long a page may be away.
 */
#include <sio/http.h>
#include <sio/sio.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "whiteboard_page.h" /* page[]: the files of this folder, made by tools/embed-assets */

enum { MAX_LINES = 4000, MAX_LINE_SIZE = 200 };

/* The events that made the board, as they came. The oldest are forgotten. */
static sio_event *lines[MAX_LINES];
static size_t drawn; /* since it was cleared: line i is lines[i % MAX_LINES] */

static uv_signal_t sigterm;
static sio_server *srv;
static sio_nsp *root;

static size_t oldest(void) { return drawn > MAX_LINES ? drawn - MAX_LINES : 0; }

static void forget_all(void) {
  for (size_t i = oldest(); i < drawn; i++) sio_event_free(lines[i % MAX_LINES]);
  drawn = 0;
}

static void tell_people(void) {
  sio_broadcast((sio_target){ .nsp = root }, "people", SIO_ARGS(sio_nsp_count_sockets(root, NULL)));
}

/* A recovered socket has its board still, and is sent what it missed by the library. */
static void on_connect(sio_socket *s, void *user) {
  (void)user;
  if (!sio_socket_recovered(s)) {
    sio_emit(s, "clear", SIO_NONE);
    for (size_t i = oldest(); i < drawn; i++)
      sio_emit(s, "line", SIO_ARGS(sio_event_args(lines[i % MAX_LINES])));
  }
  tell_people();
}

static void on_disconnect(sio_socket *s, const sio_close_info *why, void *user) {
  (void)s, (void)why, (void)user;
  tell_people();
}

/* Four coordinates and the name of a color. */
static bool is_line(sio_event *e) {
  double place;
  for (size_t i = 0; i < 4; i++)
    if (!sio_event_double(e, i, &place) || place < 0 || place > 1) return false;
  return sio_event_count(e) == 5 && sio_event_str(e, 4) && sio_event_size(e) <= MAX_LINE_SIZE;
}

static void on_line(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  sio_event *kept = is_line(e) ? sio_event_keep(e) : NULL;
  if (!kept) return;
  if (drawn >= MAX_LINES) sio_event_free(lines[drawn % MAX_LINES]);
  lines[drawn++ % MAX_LINES] = kept;
  sio_broadcast((sio_target){ .nsp = root, .skip = s }, "line", SIO_ARGS(sio_event_args(e)));
}

static void on_clear(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)e, (void)user;
  forget_all();
  sio_broadcast((sio_target){ .nsp = root }, "clear", SIO_NONE);
}

static void on_signal(uv_signal_t *h, int signum) {
  (void)signum;
  uv_close((uv_handle_t *)h, NULL);
  sio_server_close(srv, NULL, NULL);
}

int main(void) {
  uv_loop_t *loop = uv_default_loop();
  const char *port = getenv("PORT"), *seconds = getenv("SECONDS");
  unsigned away_s = seconds ? (unsigned)atoi(seconds) : 120;
  sio_recovery recovery = { .max_disconnection_ms = away_s * 1000 };
  int err = sio_server_new(loop, &(sio_options){ .recovery = &recovery }, &srv);
  if (!err) err = sio_of(srv, "/", &root);
  if (!err) err = sio_on_connect(root, on_connect, NULL);
  if (!err) err = sio_on_disconnect(root, on_disconnect, NULL);
  if (!err) err = sio_on(root, "line", on_line, NULL);
  if (!err) err = sio_on(root, "clear", on_clear, NULL);
  if (!err) err = sio_assets(srv, "/", page, sizeof page / sizeof *page);
  if (!err) err = sio_listen(srv, NULL, port ? atoi(port) : 3000);
  if (err) return fprintf(stderr, "whiteboard: %s\n", sio_strerror(err)), 1;
  uv_signal_init(loop, &sigterm);
  uv_signal_start(&sigterm, on_signal, SIGTERM);
  printf("http://localhost:%d\n", sio_port(srv));
  fflush(stdout);
  uv_run(loop, UV_RUN_DEFAULT);
  forget_all();
  return uv_loop_close(loop) ? 1 : 0;
}
