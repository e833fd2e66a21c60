/* SPDX-License-Identifier: MIT
 *
 * family.c - makes the namespaces and gives each of them every handler.
 */
#include "family.h"

#include "flags.h"
#include "handlers.h"
#include "host.h"
#include "life.h"
#include "many.h"
#include "tale.h"
#include "verdict.h"

#include <string.h>

static sio_nsp *pattern, *matched;

static void on_new_nsp(sio_nsp *nsp, void *user) {
  (void)user;
  say("new_namespace %s", sio_nsp_name(nsp));
}

/* The names "/ok..." at once, "/later..." later, others not. */
static void on_match(sio_server *srv, const char *name, sio_slice auth, sio_next *next,
                     void *user) {
  (void)srv, (void)user;
  say("match %s %.*s", name, (int)auth.n, auth.p);
  if (strncmp(name, "/later", 6) == 0)
    decide(next, "later:ok");
  else
    decide(next, strncmp(name, "/ok", 3) == 0 ? "ok" : "fail:no");
}

/* room or "", one argument: to everybody in all children of the pattern */
static void on_all_rooms(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)user;
  const char *room = sio_event_str(e, 0);
  sio_target to = { .nsp = pattern, .rooms = room[0] ? SIO_ROOMS(room) : NULL };
  say("parent %d", sio_broadcast(to, "from-parent", SIO_ARGS(sio_arg(e, 1))));
}

/* Makes a namespace. */
static void on_of(sio_socket *s, sio_event *e, void *user) {
  sio_nsp *nsp;
  (void)s, (void)user;
  int err = sio_of(host.server, sio_event_str(e, 0), &nsp);
  say("of %s", err ? sio_strerror(err) : sio_nsp_name(nsp));
  sio_reply(e, SIO_ARGS(err));
}

static void on_exists(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)user;
  sio_reply(e, SIO_ARGS(sio_bool(sio_nsp_find(host.server, sio_event_str(e, 0)) != NULL)));
}

const struct handler family_handlers[] = {
  { "all-rooms", on_all_rooms }, { "of", on_of }, { "exists", on_exists }, { NULL, NULL }
};

int add_handlers(sio_nsp *nsp, const struct handler *table) {
  int err = 0;
  for (; table->name && !err; table++) err = sio_on(nsp, table->name, table->cb, NULL);
  return err;
}

static int add_everything(sio_nsp *nsp) {
  static const struct handler *const tables[] = { talk_handlers, room_handlers, many_handlers,
                                                  load_handlers, end_handlers };
  int err = add_life(nsp);
  for (size_t i = 0; i < sizeof tables / sizeof *tables && !err; i++)
    err = add_handlers(nsp, tables[i]);
  if (!err) err = add_tale(nsp);
  return !err && flag("say-rooms") ? say_rooms(nsp) : err;
}

static int add_parents(void) {
  if (!flag("dynamic")) return 0;
  int err = sio_of_pattern(host.server, "/dynamic-*", &pattern);
  if (!err) err = sio_of_match(host.server, on_match, NULL, &matched);
  if (!err) err = add_everything(pattern);
  if (!err) err = add_everything(matched);
  if (!err) err = add_middleware(pattern, "dynamic-middleware");
  if (!err) err = add_handlers(host.root, family_handlers);
  return err;
}

int add_namespaces(void) {
  int err = sio_on_nsp(host.server, &(sio_nsp_hooks){ .create = on_new_nsp }, NULL);
  if (!err) err = sio_of(host.server, "/", &host.root);
  if (!err) err = sio_of(host.server, "custom", &host.custom);
  if (!err) err = add_everything(host.root);
  if (!err) err = add_everything(host.custom);
  if (!err) err = add_middleware(host.root, "middleware1");
  if (!err) err = add_middleware(host.root, "middleware2");
  return err ? err : add_parents();
}
