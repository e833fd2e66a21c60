/* SPDX-License-Identifier: MIT
 *
 * test.h - a peer in memory, for a host's own tests: its handlers run and what they send is
 * collected, without a network, a client, or time that passes. Not part of sio.h.
 *
 *     sio_test_peer *p;
 *     sio_test_connect(srv, "/chat", "{\"token\":\"x\"}", &p);
 *     EQ(sio_test_next(p), "connect");
 *     sio_test_emit(p, "say", SIO_ARGS("hello"));
 *     EQ(sio_test_next(p), "[\"said\",\"hello\"]");
 *     sio_test_free(p);
 *
 * Packets of the peer are handled inside the call that makes them, as if they had come off the
 * wire, and what was sent can be read at once. What the library does later (verdicts given later,
 * disconnect callbacks, on_sent) happens in a turn of the loop: uv_run(loop, UV_RUN_NOWAIT). The
 * peer is always ready, has no address and no headers, is on the transport "memory", and needs no
 * heartbeat; request hooks, allow_request and generate_id are not asked about it.
 * sio_options.parser is used both ways. In sio_stats it is a session on WebSocket like any other,
 * but there is no WebSocket and no connection, and nothing of it is in net, http or websocket
 * counters. Peers are freed before the server is gone.
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

/* A peer that asks to join nsp; auth is JSON text, NULL: none. 0 says that it asked; what came of
 * it is read as "connect" or "connect_error {...}". SIO_ENAME, SIO_ECLOSED (the server closes),
 * UV_ENOMEM. */
SIO_EXTERN int sio_test_connect(sio_server *srv, const char *nsp, const char *auth,
                                sio_test_peer **out);
/* Its end of the connection breaks, unless it is over already. Not from inside a call on it. */
SIO_EXTERN void sio_test_free(sio_test_peer *p);
/* NULL: not connected. */
SIO_EXTERN sio_socket *sio_test_socket(const sio_test_peer *p);
/* Is the connection there? */
SIO_EXTERN bool sio_test_open(const sio_test_peer *p);

/* An event; one that asks for an ack; the ack for what sio_test_next() showed last (SIO_ESTATE: it
 * asked for none); leaving the namespace. Errors are those of sio_emit(). */
SIO_EXTERN int sio_test_emit(sio_test_peer *p, const char *event, sio_args args);
SIO_EXTERN int sio_test_ask(sio_test_peer *p, const char *event, sio_args args);
SIO_EXTERN int sio_test_answer(sio_test_peer *p, sio_args args);
SIO_EXTERN int sio_test_leave(sio_test_peer *p);

/* What it was sent, a packet a call, the oldest first; NULL: no more. Valid until the next call.
 *     connect                   ["event",1,"two"]      an event; its name and arguments as JSON
 *     connect_error {...}       ask ["event"]          one that asks for an ack
 *     disconnect                ack ["reply"]          an ack
 * Bytes stand there as {"_placeholder":true,"num":k}. */
SIO_EXTERN const char *sio_test_next(sio_test_peer *p);
/* Bytes k of that packet; {NULL,0} past the end. */
SIO_EXTERN sio_slice sio_test_bin(const sio_test_peer *p, size_t k);

#ifdef __cplusplus
}
#endif
#endif
