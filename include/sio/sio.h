/* SPDX-License-Identifier: MIT
 *
 * sio.h - a Socket.IO server for libuv programs.
 *
 *     static void on_say(sio_socket *s, sio_event *e, void *user) {
 *       (void)user;
 *       sio_broadcast((sio_target){ .nsp = sio_socket_nsp(s) }, "said", SIO_ARGS(sio_arg(e, 0)));
 *       sio_reply(e, SIO_ARGS("ok"));
 *     }
 *
 *     int main(void) {
 *       sio_server *srv;
 *       sio_nsp *chat;
 *       int err = sio_server_new(uv_default_loop(), NULL, &srv);
 *       if (!err) err = sio_of(srv, "/", &chat);
 *       if (!err) err = sio_on(chat, "say", on_say, NULL);
 *       if (!err) err = sio_listen(srv, NULL, 3000);
 *       if (err) return fprintf(stderr, "%s\n", sio_strerror(err)), 1;
 *       return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
 *     }
 *
 * The calls that most programs need, with the header that describes each:
 *
 *   server.h  sio_server_new()  sio_listen()  sio_server_close()
 *   nsp.h     sio_of()  sio_on()  sio_on_connect()  sio_on_disconnect()
 *             sio_use()  sio_next_ok()  sio_next_fail()
 *   event.h   sio_event_str()  sio_event_int()  sio_event_double()  sio_event_bool()
 *             sio_event_bin()  sio_event_json()  sio_event_tree()  sio_event_count()
 *             sio_event_keep()  sio_arg()  sio_event_args()  sio_reply()
 *   value.h   SIO_ARGS()  SIO_OBJECT()  SIO_ARRAY()  sio_bool()  sio_json()  sio_bin()
 *   emit.h    sio_emit()  sio_emit_ack()  sio_broadcast()
 *   socket.h  sio_socket_id()  sio_socket_nsp()  sio_socket_data()  sio_disconnect()
 *             sio_join()  sio_leave()  sio_in_room()
 *   error.h   sio_strerror()  sio_reason_str()
 *   options.h sio_options
 *
 * Include these headers by name where a program needs them: adapter.h (other adapters), admin.h
 * (the Admin UI), emitter.h and redis.h (several servers), engine.h (Engine.IO sessions), http.h
 * (routes, files, plain WebSockets), metrics.h (Prometheus), openssl.h (TLS), parser.h (MessagePack
 * and other parsers), test.h (clients for unit tests), threads.h (several loops).
 *
 * The rules that hold for all calls (threads, callbacks, memory) are in server.h. The headers are
 * plain C11 and C++. libuv's <uv.h> is not: compile with -std=gnu11, or define _GNU_SOURCE.
 */
#ifndef SIO_SIO_H
#define SIO_SIO_H

#include <sio/emit.h>
#include <sio/error.h>
#include <sio/event.h>
#include <sio/nsp.h>
#include <sio/options.h>
#include <sio/server.h>
#include <sio/socket.h>
#include <sio/types.h>
#include <sio/value.h>
#include <sio/version.h>

#endif
