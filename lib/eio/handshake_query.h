/* SPDX-License-Identifier: MIT
 *
 * handshake_query.h - the parameters of Engine.IO in the query of a request: "EIO", "transport" and
 * "sid".
 */
#ifndef SIO_EIO_HANDSHAKE_QUERY_H
#define SIO_EIO_HANDSHAKE_QUERY_H

#include "eio/eio.h"

/* The parameters of Engine.IO in the query of a request. */
struct handshake_query {
  char sid_text[64];
  sio_slice sid; /* decoded, in sid_text; empty if missing, or longer than any session id */
  /* The values as they are in the query, not decoded, for the log and the host's callback. The
   * value of a missing parameter is empty. */
  sio_slice raw_sid, raw_transport, raw_version;
  bool has_sid;
  bool polling;      /* the requested transport is polling */
  unsigned protocol; /* 3 or 4; 0 if the version is missing or not supported */
  bool websocket;    /* the requested transport is WebSocket */
};

void sio__handshake_query_parse(const struct eio *e, const sio_request *r,
                                struct handshake_query *q);
/* Returns the version of the protocol: 3 or 4; 0 if it is missing or not supported. */
unsigned sio__handshake_query_protocol_version(const struct eio *e, const sio_request *r);
bool sio__handshake_query_has_sid(const sio_request *r);

#endif
