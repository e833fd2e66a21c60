/* SPDX-License-Identifier: MIT
 *
 * talk.c - events and acks between one socket and the host.
 */
#include "flags.h"
#include "handlers.h"
#include "host.h"

#include <stdio.h>

/* A value is echoed as it came. */
static void on_echo(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  if (sio_event_wants_ack(e))
    sio_reply(e, sio_argv((sio_val[]){ sio_event_args(e) }, 1));
  else
    sio_emit(s, "message-back", sio_argv((sio_val[]){ sio_event_args(e) }, 1));
}

/* The same through a cJSON tree. */
static void on_echo_tree(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)user;
  sio_reply(e, SIO_ARGS(sio_tree(sio_event_tree(e, 0))));
}

static void on_echo_str(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)user;
  sio_slice text = sio_event_strn(e, 0);
  sio_reply(e, SIO_ARGS(sio_strn(text.p, text.n)));
}

static void on_reply_twice(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)user;
  int first = sio_reply(e, SIO_ARGS(1)), second = sio_reply(e, SIO_ARGS(2));
  say("reply %d %s", first, second == SIO_ESTATE ? "ESTATE" : "other");
}

/* ---- acks asked of the client -------------------------------------------------------------- */

static void on_client_reply(sio_socket *s, int status, sio_event *reply, void *user) {
  (void)user;
  if (status) {
    say("ack %s", status == SIO_ETIMEOUT ? "timeout" : status == SIO_ECLOSED ? "closed" : "other");
    if (sio_socket_connected(s)) sio_emit(s, "ack-result", SIO_ARGS(sio_strerror(status)));
    return;
  }
  say("ack reply %zu", sio_event_count(reply));
  sio_emit(s, "ack-result", sio_argv((sio_val[]){ sio_null(), sio_event_args(reply) }, 2));
}

/* timeout, event, one argument */
static void on_call_me(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  int64_t ms = 0;
  sio_event_int(e, 0, &ms);
  sio_emit_ack(s, sio_event_str(e, 1), SIO_ARGS(sio_arg(e, 2)), (unsigned)ms, on_client_reply,
               NULL);
}

/* Letters: r regular, v volatile, b volatile binary; each sends "n" with its index. */
static void on_sequence(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  const char *letters = sio_event_str(e, 0);
  for (int i = 0; letters[i]; i++) {
    unsigned how = letters[i] == 'r' ? 0 : SIO_VOLATILE;
    sio_val v = letters[i] == 'b' ? sio_bin("\1\2\3", 3) : sio_null();
    sio_emit_with(s, &(sio_emit_options){ .flags = how }, "n", SIO_ARGS(i, v));
  }
}

/* ---- bytes of a socket that outlive its connection ------------------------------------------- */

static void on_set_data(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  snprintf(sio_socket_data(s), flag_number("data"), "%s", sio_event_str(e, 0));
  sio_reply(e, SIO_NONE);
}

static void on_get_data(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  sio_reply(e, SIO_ARGS((const char *)sio_socket_data(s), sio_bool(sio_socket_recovered(s))));
}

const struct handler talk_handlers[] = { { "message", on_echo },
                                         { "echo", on_echo },
                                         { "7", on_echo },
                                         { "message-with-ack", on_echo },
                                         { "echo_tree", on_echo_tree },
                                         { "echo_str", on_echo_str },
                                         { "reply-twice", on_reply_twice },
                                         { "call-me", on_call_me },
                                         { "sequence", on_sequence },
                                         { "set-data", on_set_data },
                                         { "get-data", on_get_data },
                                         { NULL, NULL } };
