/* SPDX-License-Identifier: MIT
 *
 * test_glib_host.c - a host whose main loop is GLib's: the uv loop is one of its sources.
 */
#include "other_loop.h"

#include <glib-unix.h>

static GMainContext *context;
static GSource *source;

struct uv_source {
  GSource source;
  gpointer tag;
};

static gboolean source_prepare(GSource *s, gint *timeout) {
  (void)s;
  int ms = uv_backend_timeout(&uv);
  *timeout = ms > SHORT_MS ? -1 : ms;
  return ms == 0;
}

static gboolean source_check(GSource *s) {
  struct uv_source *u = (struct uv_source *)s;
  uv_update_time(&uv);
  return g_source_query_unix_fd(s, u->tag) || uv_backend_timeout(&uv) == 0;
}

static gboolean source_dispatch(GSource *s, GSourceFunc f, gpointer user) {
  (void)s, (void)f, (void)user;
  uv_run(&uv, UV_RUN_NOWAIT);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs funcs = { .prepare = source_prepare,
                              .check = source_check,
                              .dispatch = source_dispatch };

static void host_open(void) {
  context = g_main_context_new();
  source = g_source_new(&funcs, sizeof(struct uv_source));
  struct uv_source *u = (struct uv_source *)source;
  u->tag = g_source_add_unix_fd(source, uv_backend_fd(&uv), G_IO_IN);
  g_source_attach(source, context);
}

static void host_close(void) {
  g_source_destroy(source);
  g_source_unref(source);
  g_main_context_unref(context);
}

static gboolean on_readable(gint fd, GIOCondition condition, gpointer user) {
  (void)fd, (void)condition, (void)user;
  return G_SOURCE_CONTINUE;
}

static void host_wait(int fd) {
  GSource *peer = fd >= 0 ? g_unix_fd_source_new(fd, G_IO_IN) : NULL;
  if (peer) {
    g_source_set_callback(peer, G_SOURCE_FUNC(on_readable), NULL, NULL);
    g_source_attach(peer, context);
  }
  g_main_context_iteration(context, TRUE);
  if (!peer) return;
  g_source_destroy(peer);
  g_source_unref(peer);
}

TESTS_BEGIN
OTHER_LOOP_SCENES
TESTS_END
