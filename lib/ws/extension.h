/* SPDX-License-Identifier: MIT
 *
 * extension.h - negotiates per-message compression (permessage-deflate, RFC 7692 section 7),
 * without context takeover in either direction.
 *
 * Without context takeover a message is compressed once for all receivers, and an idle connection
 * needs no memory for a window.
 */
#ifndef SIO_WS_EXTENSION_H
#define SIO_WS_EXTENSION_H

#include "base/deflate.h"

/* The settings of a server, shared by all its WebSockets. */
struct ws_deflate {
  struct deflater *deflater; /* NULL: permessage-deflate is off */
  size_t threshold;          /* in bytes; shorter messages are sent uncompressed */
  unsigned window_bits;      /* log2 of the window of the messages we send, 9 to 15 */
};

enum { WS_ANSWER_MAX = 120 };

/* Writes the answer to the first acceptable offer in the value of a Sec-WebSocket-Extensions
 * header, NUL-terminated. Returns false if no offer is acceptable. An offer is skipped if it is of
 * another extension, if a parameter is unknown, repeated or invalid, or if it demands a smaller
 * window than ours. After a syntax error the rest of the header is ignored. */
bool sio__ws_write_answer_to_deflate_offers(const struct ws_deflate *have, sio_slice header,
                                            char out[WS_ANSWER_MAX]);

#endif
