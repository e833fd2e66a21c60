/* SPDX-License-Identifier: MIT
 *
 * main.c - the server that end-to-end tests talk to: every option is a flag, and the
 * handlers do what the tests ask for by the event's name.
 *
 *     host [--flag value]... prints "listening <port>" and runs until SIGTERM.
 *
 * What happens inside goes to stdout as lines "<what> <words>", so that a test can wait for it.
 * On SIGTERM the server is closed, the loop must be empty, and the exit code is 0.
 *
 *     flags, options    the command line, and sio_options from it
 *     talk, rooms, many, load, ends    events, by subject: a table of handlers each
 *     tale              numbered events, and how many there were
 *     life, family      middleware, coming and going; namespaces
 *     requests, routes, engine, raw    HTTP and Engine.IO
 *     bounds            who is rejected or slowed down, and who is behind a proxy
 *     secure            a port with TLS, where there is OpenSSL
 *     cluster           Redis between servers, where there is hiredis
 *     admin             the Admin UI watches, where there is libsio-admin
 *     verdict, target   what middleware says; whom an event is for
 */
#include "admin.h"
#include "bounds.h"
#include "cluster.h"
#include "engine.h"
#include "family.h"
#include "flags.h"
#include "host.h"
#include "options.h"
#include "raw.h"
#include "requests.h"
#include "routes.h"
#include "secure.h"

#include <stdarg.h>
#include <stdio.h>
#include <uv.h>

struct host host;

static uv_signal_t sigterm;
static bool closing;

void say(const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  vprintf(fmt, ap);
  va_end(ap);
  putchar('\n');
  fflush(stdout);
}

static void on_done(void *user) {
  (void)user;
#ifdef HOST_REDIS
  free_redis();
#endif
  say("done");
}

/* Whether this is the first time. */
static bool begin_closing(void) {
  if (closing) return false;
  closing = true;
  uv_close((uv_handle_t *)&sigterm, NULL);
  return true;
}

void host_stop(void) {
  if (begin_closing()) say("closing %d", sio_server_close(host.server, on_done, NULL));
}

void host_drain(const sio_drain_options *how) {
  begin_closing();
  int err = sio_server_drain(host.server, how, on_done, NULL);
  say("closing %d", err);
}

void host_close(void) { say("close %d", sio_server_close(host.server, on_done, NULL)); }

static void on_sigterm(uv_signal_t *h, int signum) {
  (void)h, (void)signum;
  host_stop();
}

static int start(uv_loop_t *loop) {
  sio_options o = options_from_flags();
  int err = 0;
#ifdef HOST_REDIS
  err = add_redis(&o, loop);
#endif
  if (!err) err = sio_server_new(loop, &o, &host.server);
  if (!err) err = add_namespaces();
  if (!err) err = add_routes();
  if (!err) err = add_engine_hooks();
  if (!err) err = add_raw_engine();
  if (!err) err = add_request_hooks();
  if (!err) err = add_bounds();
#ifdef HOST_REDIS
  if (!err) err = add_redis_handlers();
#endif
#ifdef HOST_ADMIN
  if (!err) err = add_admin();
#endif
  if (!err && flag("unix"))
    err = sio_listen_with(host.server, &(sio_listen_options){ .path = flag("unix") });
  const char *address = flag("host") ? flag("host") : "127.0.0.1";
  if (!err) err = sio_listen(host.server, address, (int)flag_number("port"));
#ifdef HOST_TLS
  if (!err) err = add_tls();
#endif
  return err;
}

int main(int argc, char **argv) {
  uv_loop_t *loop = uv_default_loop();
  flags_set(argc - 1, argv + 1);
  int err = start(loop);
  if (err) {
    fprintf(stderr, "host: %s\n", sio_strerror(err));
    return 1;
  }
  uv_signal_init(loop, &sigterm);
  uv_signal_start(&sigterm, on_sigterm, SIGTERM);
  uv_unref((uv_handle_t *)&sigterm);
  say("listening %d", sio_port(host.server));
  uv_run(loop, UV_RUN_DEFAULT);
  err = uv_loop_close(loop);
#ifdef HOST_TLS
  free_tls();
#endif
  say("loop %s", err ? uv_strerror(err) : "empty");
  return err ? 1 : 0;
}
