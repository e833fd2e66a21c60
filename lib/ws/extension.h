/* SPDX-License-Identifier: MIT
 *
 * extension.h - what a client offers in Sec-WebSocket-Extensions, and our answer: per-message
 * compression (RFC 7692 section 7), without context takeover in either direction.
 *
 * So a message means the same to all receivers and is compressed once for all of them, and
 * no connection holds a window while it waits.
 */
#ifndef SIO_WS_EXTENSION_H
#define SIO_WS_EXTENSION_H

#include "base/deflate.h"

/* One for all WebSockets of a server. */
struct ws_deflate {
  struct deflater *deflater; /* NULL: permessage-deflate is off */
  size_t threshold;          /* shorter messages leave as they are */
  unsigned window_bits;      /* of what we send: 9 to 15 */
};

enum { WS_ANSWER_MAX = 120 };

/* The answer to the first acceptable offer in one header's value, NUL-terminated. False: there is
 * none. An offer with a parameter that is unknown, comes twice or has a value it may not have is
 * passed over, as is one with a smaller window than ours; past a breach of the grammar nothing is
 * read. */
bool sio__ws_negotiate_deflate(const struct ws_deflate *have, sio_slice header,
                               char out[WS_ANSWER_MAX]);

#endif
