/* SPDX-License-Identifier: MIT
 *
 * test.h - a client in memory, for tests of a program: the program's handlers run, and what they
 * send can be read, without a network or a real client, and without waiting. sio.h does not include
 * this header.
 *
 *     sio_test_peer *p;
 *     sio_test_connect(srv, "/chat", "{\"token\":\"x\"}", &p);
 *     EQ(sio_test_next(p), "connect");
 *     sio_test_emit(p, "say", SIO_ARGS("hello"));
 *     EQ(sio_test_next(p), "[\"said\",\"hello\"]");
 *     sio_test_free(p);
 *
 * The packets of a test client are handled inside the call that sends them, and what the handlers
 * send can be read at once. What the library does later, such as disconnect callbacks and
 * callbacks of sio_session_on_sent(), happens in a turn of the loop: uv_run(loop, UV_RUN_NOWAIT).
 *
 * A test client always reads what is sent. Its transport is "memory", it has no address and no
 * headers, and it gets no pings and no sio_options.initial_packet. Request hooks, allow_request and
 * generate_id are not called for it. sio_options.parser encodes and decodes its packets. In
 * sio_stats it counts as a session on WebSocket; the counters of connections, HTTP and WebSockets
 * do not contain it. Free all test clients before the server has closed.
 */
#ifndef SIO_TEST_PEER_H
#define SIO_TEST_PEER_H

#include <sio/error.h>
#include <sio/types.h>
#include <sio/value.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sio_test_peer sio_test_peer;

/* Creates a client that asks to join the namespace nsp. auth is the JSON text of its auth data;
 * NULL: none. When the server has answered, sio_test_next() returns the response: "connect" or
 * "connect_error {...}". The caller frees the client with sio_test_free(). SIO_ENAME: nsp is not a
 * valid name; SIO_ECLOSED: the server is closing; UV_ENOMEM; or another error, such as one of
 * sio_parser_ops.encode. */
SIO_EXTERN int sio_test_connect(sio_server *srv, const char *nsp, const char *auth,
                                sio_test_peer **out);
/* Breaks the connection of the client, if it is open, and frees the client. Do not call it in a
 * callback that runs inside another call for the same client. */
SIO_EXTERN void sio_test_free(sio_test_peer *p);
/* Returns the server's socket for the client, or NULL if the client is not connected to the
 * namespace. */
SIO_EXTERN sio_socket *sio_test_socket(const sio_test_peer *p);
/* Returns true if the connection of the client is open. */
SIO_EXTERN bool sio_test_is_open(const sio_test_peer *p);

/* Sends an event to the server. The errors of sio_test_emit(), sio_test_ask() and sio_test_answer()
 * are those of sio_emit(), or of sio_parser_ops.encode. */
SIO_EXTERN int sio_test_emit(sio_test_peer *p, const char *event, sio_args args);
/* Sends an event that asks the server for an ack. sio_test_next() returns the ack. */
SIO_EXTERN int sio_test_ask(sio_test_peer *p, const char *event, sio_args args);
/* Sends the ack for the event that sio_test_next() returned last. SIO_ESTATE: sio_test_next() did
 * not return an event that asks for an ack. */
SIO_EXTERN int sio_test_answer(sio_test_peer *p, sio_args args);
/* Leaves the namespace, as a JavaScript client does with socket.disconnect(). SIO_ECLOSED: the
 * connection of the client is not open; UV_ENOMEM; or an error of sio_options.parser. */
SIO_EXTERN int sio_test_disconnect(sio_test_peer *p);

/* Returns the next packet that the server sent to the client, the oldest first, as one of the texts
 * below. Returns NULL if there is no further packet, or if memory ran out. The text is valid until
 * the next call of sio_test_next() or sio_test_free().
 *
 *     connect                   ["event",1,"two"]      an event: its name and arguments as JSON
 *     connect_error {...}       ask ["event"]          an event that asks for an ack
 *     disconnect                ack ["reply"]          an ack
 *
 * In the JSON, {"_placeholder":true,"num":k} stands for the attachment k (see sio_test_bin()). */
SIO_EXTERN const char *sio_test_next(sio_test_peer *p);
/* Returns the bytes of the attachment with the number k in the packet that sio_test_next() returned
 * last, or {NULL,0} if the packet has no such attachment. */
SIO_EXTERN sio_slice sio_test_bin(const sio_test_peer *p, size_t k);

#ifdef __cplusplus
}
#endif
#endif
