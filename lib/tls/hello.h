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
  HELLO_MAX = 16384,           /* the longest message */
  HELLO_BYTES_MAX = 20 * 1024, /* the most bytes of all records that contain it */
  HELLO_STEP = 256 /* memory for an incomplete ClientHello grows in steps of this size */
};

enum hello_verdict {
  HELLO_MORE,  /* The ClientHello is incomplete. */
  HELLO_WHOLE, /* The ClientHello is complete. */
  HELLO_LONG,  /* The ClientHello claims more than HELLO_MAX bytes. */
  HELLO_OTHER  /* The input is not a ClientHello: OpenSSL must handle it. */
};

struct hello {
  uint8_t head[5], nhead;       /* header of the current record */
  uint8_t message[4], nmessage; /* type and length of the current handshake message */
  bool skip;                    /* The current record is not part of the handshake. */
  bool over;                    /* No further ClientHello can follow. */
  bool again;                   /* The first ClientHello is complete. */
  uint32_t record_left, message_left;
};

/* Parses up to n bytes, and sets *used to the number parsed, which is n with HELLO_MORE. */
enum hello_verdict sio__hello_parse(struct hello *h, const char *p, size_t n, size_t *used);
/* Parses the input after the first ClientHello. False: a second ClientHello is too long.
 * may_retry: the TLS version, if known, allows a second one. */
bool sio__hello_check_second(struct hello *h, const char *p, size_t n, bool may_retry);

#endif
