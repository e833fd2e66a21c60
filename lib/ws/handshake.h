/* SPDX-License-Identifier: MIT
 *
 * handshake.h - the opening handshake (RFC 6455 section 4.2), independent of any connection.
 */
#ifndef SIO_WS_HANDSHAKE_H
#define SIO_WS_HANDSHAKE_H

#include "base/slice.h"

enum ws_refusal {
  WS_OK,
  WS_BAD_METHOD,  /* not GET                                          */
  WS_BAD_UPGRADE, /* "Upgrade: websocket" or "Connection: upgrade" is missing */
  WS_BAD_KEY,     /* missing, or not 16 bytes of base64               */
  WS_BAD_VERSION  /* neither 13 nor 8; version 8 has the same frames as version 13 */
};

struct ws_offer {
  sio_slice method, connection, upgrade, key, version;
};

enum ws_refusal sio__ws_check_handshake(const struct ws_offer *o);

enum { WS_ACCEPT_LEN = 28 };
/* Computes Sec-WebSocket-Accept for a key that sio__ws_check_handshake() has accepted. */
void sio__ws_compute_accept_key(char out[WS_ACCEPT_LEN + 1], sio_slice key);

#endif
