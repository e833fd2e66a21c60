/* SPDX-License-Identifier: MIT
 *
 * life.c - middleware, connecting, disconnecting, and callbacks that see every event.
 */
#include "life.h"

#include "flags.h"
#include "host.h"
#include "verdict.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

static void on_connect(sio_socket *s, void *user) {
  (void)user;
  say("connect %s %s", sio_nsp_name(sio_socket_nsp(s)), sio_socket_id(s));
  if (sio_socket_recovered(s)) say("recovered %s", sio_socket_id(s));
  if (flag_is("greet", "auth")) sio_emit(s, "auth", SIO_ARGS(sio_json(sio_socket_auth(s))));
  if (flag("on-connect-join")) {
    sio_disconnect(s, false);
    say("join %s", sio_join(s, "a") == SIO_ECLOSED ? "ECLOSED" : "other");
  }
  if (flag_is("on-connect", "disconnect")) sio_disconnect(s, true);
}

static void say_end(const char *what, sio_socket *s, const sio_close_info *why) {
  const char *name[20];
  char rooms[256] = "";
  size_t n = sio_rooms(s, name, 20);
  for (size_t i = 0; i < n && i < 20; i++) {
    strncat(rooms, name[i], 200 - strlen(rooms));
    strncat(rooms, ",", 200 - strlen(rooms));
  }
  say("%s %s [%s] %s", what, sio_reason_str(why->reason), rooms, why->detail);
}

static void on_disconnecting(sio_socket *s, const sio_close_info *why, void *user) {
  (void)user;
  say_end("disconnecting", s, why);
}

static void on_disconnect(sio_socket *s, const sio_close_info *why, void *user) {
  (void)user;
  say_end("disconnect", s, why);
}

static void on_error(sio_socket *s, const sio_error_info *error, void *user) {
  sio_slice data = error->data;
  (void)s, (void)user;
  say("error %d %s%s%.*s", error->err, error->message, data.n ? " " : "", (int)data.n,
      data.n ? data.p : "");
}

static void on_writable(sio_socket *s, void *user) {
  (void)user;
  say("writable %s queued=%zu", sio_socket_id(s),
      sio_session_info_of(sio_socket_session(s)).queued);
}

static void on_drop(sio_socket *s, const sio_drop *d, void *user) {
  (void)user;
  say("drop %s events=%llu bytes=%llu", sio_socket_id(s), (unsigned long long)d->events,
      (unsigned long long)d->bytes);
}

/* ---- every event ------------------------------------------------------------------------- */

static void on_any(sio_socket *s, sio_event *e, void *user) {
  (void)s;
  say("any%s %s %zu", (const char *)user, sio_event_name(e), sio_event_count(e));
}

static void on_outgoing(sio_socket *s, const char *event, sio_args args, void *user) {
  (void)s, (void)user;
  say("outgoing %s %zu", event, args.n);
}

static void on_packet(sio_socket *s, sio_event *e, sio_next *next, void *user) {
  (void)s, (void)user;
  if (strcmp(sio_event_name(e), "rename") == 0)
    sio_event_set_name_and_args(e, "echo", SIO_ARGS("renamed"));
  if (strcmp(sio_event_name(e), "drop") == 0)
    sio_next_fail(next, "dropped", sio_json(sio_text("{\"code\":7}")));
  else
    decide(next, flag("packet-verdict"));
}

/* ---- who may come in --------------------------------------------------------------------- */

static void on_middleware(sio_socket *s, sio_next *next, void *user) {
  say("middleware %s connected=%d count=%zu", (const char *)user, sio_socket_connected(s),
      sio_nsp_count_sockets(sio_socket_nsp(s), NULL));
  if (flag("middleware-join")) sio_join(s, flag("middleware-join"));
  const char *verdict = flag(user);
  if (strcmp(verdict, "auth") == 0) /* the peer says it itself */
    verdict =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(sio_socket_auth_tree(s), "verdict"));
  decide(next, verdict);
}

int add_middleware(sio_nsp *nsp, const char *flag_name) {
  return flag(flag_name) ? sio_use(nsp, on_middleware, (void *)flag_name) : 0;
}

int add_life(sio_nsp *nsp) {
  int err = sio_on_connect(nsp, on_connect, NULL);
  if (!err) err = sio_on_disconnecting(nsp, on_disconnecting, NULL);
  if (!err) err = sio_on_disconnect(nsp, on_disconnect, NULL);
  if (!err) err = sio_on_error(nsp, on_error, NULL);
  if (!err) err = sio_on_writable(nsp, on_writable, NULL);
  if (!err) err = sio_on_drop(nsp, on_drop, NULL);
  if (!err && flag("any")) err = sio_on_any(nsp, on_any, "-front");
  if (!err && flag("any")) err = sio_on_any(nsp, on_any, "");
  if (!err && flag("outgoing")) err = sio_on_any_outgoing(nsp, on_outgoing, NULL);
  if (!err && flag("packet-verdict")) err = sio_use_packet(nsp, on_packet, NULL);
  return err;
}
