/* SPDX-License-Identifier: MIT
 *
 * loop_glib.c - a program of GLib or GTK: the uv loop is a source of the GMainContext. The first
 * part can be copied as it is.
 */
#include "echo.h"
#include <glib-unix.h>
#include <glib.h>

/* ---- the uv loop as a GSource --------------------------------------------------------------- */

struct uv_source {
  GSource source;
  uv_loop_t *loop;
  gpointer tag;
};

/* Called before GLib waits. */
static gboolean uv_source_prepare(GSource *s, gint *timeout) {
  *timeout = uv_backend_timeout(((struct uv_source *)s)->loop);
  return *timeout == 0;
}

/* Called after it: the descriptor is readable, or the time is over. */
static gboolean uv_source_check(GSource *s) {
  struct uv_source *u = (struct uv_source *)s;
  uv_update_time(u->loop);
  return g_source_query_unix_fd(s, u->tag) || uv_backend_timeout(u->loop) == 0;
}

static gboolean uv_source_dispatch(GSource *s, GSourceFunc f, gpointer user) {
  (void)f, (void)user;
  uv_run(((struct uv_source *)s)->loop, UV_RUN_NOWAIT);
  return G_SOURCE_CONTINUE;
}

/* To be attached to a context. The loop must outlive the source. */
static GSource *uv_source_new(uv_loop_t *loop) {
  static GSourceFuncs funcs = { .prepare = uv_source_prepare,
                                .check = uv_source_check,
                                .dispatch = uv_source_dispatch };
  GSource *s = g_source_new(&funcs, sizeof(struct uv_source));
  struct uv_source *u = (struct uv_source *)s;
  u->loop = loop;
  u->tag = g_source_add_unix_fd(s, uv_backend_fd(loop), G_IO_IN);
  return s;
}

/* ---- the program ---------------------------------------------------------------------------- */

static GMainLoop *main_loop;

static void on_closed(void *user) {
  (void)user;
  g_main_loop_quit(main_loop);
}

static gboolean on_signal(gpointer srv) {
  sio_server_close(srv, on_closed, NULL);
  return G_SOURCE_REMOVE;
}

int main(void) {
  uv_loop_t loop;
  uv_loop_init(&loop);
  sio_server *srv = echo_serve(&loop, NULL, echo_port());
  GSource *source = uv_source_new(&loop);
  g_source_attach(source, NULL);
  g_unix_signal_add(SIGTERM, on_signal, srv);
  main_loop = g_main_loop_new(NULL, FALSE);
  g_main_loop_run(main_loop); /* or gtk_main(), or g_application_run() */
  g_source_destroy(source);
  g_source_unref(source);
  g_main_loop_unref(main_loop);
  uv_run(&loop, UV_RUN_DEFAULT);
  return uv_loop_close(&loop) ? 1 : 0;
}
