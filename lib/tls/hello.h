/* SPDX-License-Identifier: MIT
 *
 * hello.h - parses what a client sends during the handshake, to know when its ClientHello is
 * complete and how long it claims to be.
 *
 * OpenSSL allocates the length that a ClientHello claims, up to 128 KiB, when its first bytes
 * arrive. A client may send a second ClientHello after a HelloRetryRequest (RFC 8446 section
 * 4.1.2).
 */
#ifndef SIO_TLS_HELLO_H
#define SIO_TLS_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  HELLO_MAX = 16384,           /* a ClientHello that claims more bytes is refused */
  HELLO_BYTES_MAX = 20 * 1024, /* the most bytes buffered until a ClientHello is complete */
  HELLO_STEP = 256 /* the buffer for an incomplete ClientHello grows in steps of this size */
};

enum hello_verdict {
  HELLO_MORE,  /* The ClientHello is incomplete. */
  HELLO_WHOLE, /* The ClientHello is complete. */
  HELLO_LONG,  /* The ClientHello claims more than HELLO_MAX bytes. */
  HELLO_OTHER  /* The input is not a ClientHello; OpenSSL has to handle it. */
};

struct hello {
  /* The header of the current TLS record; while it is incomplete, nhead bytes have arrived. */
  uint8_t head[5], nhead;
  /* Type and length of the current handshake message; nmessage bytes have arrived. */
  uint8_t message[4], nmessage;
  bool skip;       /* The current record does not belong to the handshake. */
  bool over;       /* The input is not parsed any more: no ClientHello is expected. */
  bool first_done; /* The first ClientHello is complete. */
  uint32_t record_left, message_left;
};

/* Parses the first ClientHello: the next n bytes of the input at p. Sets *used to the number of
 * bytes that were parsed; if the result is HELLO_MORE, that is n. */
enum hello_verdict sio__hello_parse(struct hello *h, const char *p, size_t n, size_t *used);
/* Parses the input after the first ClientHello. Returns false if it contains a second ClientHello
 * that claims more than HELLO_MAX bytes. may_retry must be true unless the TLS version is known and
 * does not allow a second ClientHello. */
bool sio__hello_check_length_of_second(struct hello *h, const char *p, size_t n, bool may_retry);

#endif
