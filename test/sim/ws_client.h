/* SPDX-License-Identifier: MIT
 *
 * ws_client.h - a peer's WebSocket (RFC 6455, with permessage-deflate): its frames, and the
 * server's, which are checked.
 */
#ifndef SIO_SIM_WS_CLIENT_H
#define SIO_SIM_WS_CLIENT_H

#include "bytes.h"
#include "http_client.h"

enum ws_client_state { WS_IDLE, WS_HANDSHAKE, WS_OPEN, WS_OVER };

struct ws_client {
  struct peer *peer;
  struct http_client http; /* its connection and what came over it */
  enum ws_client_state state;
  bool offers_deflate, deflates;
  bool close_sent;
  int status;           /* what the handshake was answered with: 101, or the refusal */
  struct bytes message; /* of fragments, so far                                      */
  int opcode;
  bool packed;
};

enum { WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10 };

/* target: "/socket.io/?EIO=4&transport=websocket" */
bool ws_client_open(struct ws_client *c, const char *target, const char *more_headers);
/* A message, in one frame or several; here the peer may break a rule. */
void ws_client_send(struct ws_client *c, bool binary, const void *p, size_t n);
void ws_client_ping(struct ws_client *c);
void ws_client_close(struct ws_client *c);
/* Reads on: what came next, WS_TEXT, WS_BINARY, WS_CLOSE or WS_PONG, in c->message; 0: nothing
 * whole. Pings are answered. */
int ws_client_next(struct ws_client *c);
void ws_client_hang_up(struct ws_client *c);
void ws_client_free(struct ws_client *c);

#endif
