/* SPDX-License-Identifier: MIT
 *
 * service.c - a server that systemd starts when the first client comes, watches, and replaces
 * without losing a client: socket activation, Type=notify, a watchdog, and an end in which all
 * clients are sent what is queued for them. The units are sio-service.socket and
 * sio-service.service. Nothing here needs libsystemd.
 *
 *   the server emits   status({ pid, pages })   to all pages, when one comes or goes
 *
 * Environment: what systemd sets: LISTEN_FDS, LISTEN_PID, NOTIFY_SOCKET, WATCHDOG_USEC. Without
 * LISTEN_FDS it listens itself: PORT (3000), HOST (all addresses). LOG: "json" for a log of JSON.
 */
#include <sio/http.h>
#include <sio/sio.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "service_page.h" /* page[]: the files of this folder, made by tools/embed-assets */

enum { FIRST_FD = 3 }; /* of those that systemd passes */

union listener {
  uv_tcp_t tcp;
  uv_pipe_t pipe;
};

static sio_server *srv;
static sio_nsp *root;
static sio_log_file log_file;
static union listener listener;
static uv_timer_t watchdog;
static uv_signal_t sigint, sigterm;

/* ---- systemd -------------------------------------------------------------------------------- */

/* sd_notify(3): one datagram. Without systemd, or if it cannot be sent, nothing happens. */
static void notify(const char *state) {
  const char *path = getenv("NOTIFY_SOCKET");
  struct sockaddr_un to = { .sun_family = AF_UNIX };
  if (!path || strlen(path) >= sizeof to.sun_path) return;
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  strcpy(to.sun_path, path);
  if (*path == '@') to.sun_path[0] = '\0'; /* an abstract name */
  socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
  sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to, size);
  close(fd);
}

/* sd_listen_fds(3): whether systemd has passed a socket, which is FIRST_FD then. */
static bool was_activated(void) {
  const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
  return pid && fds && atoi(pid) == getpid() && atoi(fds) == 1;
}

static void on_watchdog(uv_timer_t *timer) {
  (void)timer;
  notify("WATCHDOG=1");
}

/* A loop that is blocked sends nothing, and systemd starts the program anew. */
static void start_watchdog(void) {
  const char *usec = getenv("WATCHDOG_USEC");
  uint64_t ms = usec ? strtoull(usec, NULL, 10) / 2000 : 0;
  if (ms) uv_timer_start(&watchdog, on_watchdog, ms, ms);
}

/* ---- listening ------------------------------------------------------------------------------ */

static void on_connection(uv_stream_t *stream, int status) {
  if (!status) sio_accept(srv, &(sio_accept_options){ .listener = stream });
}

static int listen_on_passed_socket(uv_loop_t *loop) {
  bool tcp = uv_guess_handle(FIRST_FD) == UV_TCP;
  int err = tcp ? uv_tcp_init(loop, &listener.tcp) : uv_pipe_init(loop, &listener.pipe, 0);
  if (!err)
    err = tcp ? uv_tcp_open(&listener.tcp, FIRST_FD) : uv_pipe_open(&listener.pipe, FIRST_FD);
  return err ? err : uv_listen((uv_stream_t *)&listener, SOMAXCONN, on_connection);
}

static int start_listening(uv_loop_t *loop) {
  const char *port = getenv("PORT");
  if (was_activated()) return listen_on_passed_socket(loop);
  return sio_listen(srv, getenv("HOST"), port ? atoi(port) : 3000);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void close_handle(uv_handle_t *handle, void *user) {
  (void)user;
  if (!uv_is_closing(handle)) uv_close(handle, NULL);
}

/* Clients that come from now on wait in the socket, which systemd keeps, for the next process. */
static void on_drained(void *loop) { uv_walk(loop, close_handle, NULL); }

static void on_signal(uv_signal_t *signal, int number) {
  (void)number;
  const sio_drain_options how = { .spread_ms = 2000, .retry_after_s = 1, .deadline_ms = 10000 };
  notify("STOPPING=1");
  if (sio_server_drain(srv, &how, on_drained, signal->loop)) /* a second signal: at once */
    sio_server_close(srv, NULL, NULL);
}

/* ---- the program ----------------------------------------------------------------------------- */

static void send_status(size_t pages) {
  sio_val status = SIO_OBJECT({ "pid", sio_int(getpid()) }, { "pages", sio_uint(pages) });
  sio_broadcast((sio_target){ .nsp = root }, "status", SIO_ARGS(status));
}

static void on_connect(sio_socket *s, void *user) {
  (void)s, (void)user;
  send_status(sio_nsp_count_sockets(root, NULL));
}

static void on_disconnect(sio_socket *s, const sio_close_info *why, void *user) {
  (void)s, (void)why, (void)user;
  send_status(sio_nsp_count_sockets(root, NULL));
}

static void start_signals_and_watchdog(uv_loop_t *loop) {
  uv_signal_init(loop, &sigint);
  uv_signal_init(loop, &sigterm);
  uv_signal_start(&sigint, on_signal, SIGINT);
  uv_signal_start(&sigterm, on_signal, SIGTERM);
  uv_timer_init(loop, &watchdog);
  start_watchdog();
}

int main(void) {
  uv_loop_t *loop = uv_default_loop();
  const char *log = getenv("LOG");
  log_file.json = log && strcmp(log, "json") == 0;
  int err =
      sio_server_new(loop, &(sio_options){ .log = sio_log_to_file, .log_user = &log_file }, &srv);
  if (!err) err = sio_of(srv, "/", &root);
  if (!err) err = sio_on_connect(root, on_connect, NULL);
  if (!err) err = sio_on_disconnect(root, on_disconnect, NULL);
  if (!err) err = sio_assets(srv, "/", page, sizeof page / sizeof *page);
  if (!err) err = start_listening(loop);
  if (err) {
    fprintf(stderr, "service: %s\n", sio_strerror(err));
    return 1;
  }
  start_signals_and_watchdog(loop);
  notify("READY=1");
  uv_run(loop, UV_RUN_DEFAULT);
  return uv_loop_close(loop) ? 1 : 0;
}
