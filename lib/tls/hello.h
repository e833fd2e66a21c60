/* SPDX-License-Identifier: MIT
 *
 * hello.h - reads along with what a client sends before the handshake is complete, to know when its
 * ClientHello is whole, and how long it says that it is.
 *
 * OpenSSL takes memory for the length that a ClientHello claims, up to 128 KiB, as soon as its
 * first bytes are there. A client may send two: the second one after a HelloRetryRequest (RFC 8446
 * section 4.1.2).
 */
#ifndef SIO_TLS_HELLO_H
#define SIO_TLS_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  HELLO_MAX = 16384,           /* of the message                                         */
  HELLO_BYTES_MAX = 20 * 1024, /* of the records it comes in                             */
  HELLO_STEP = 256             /* the memory for an incomplete one grows by so many bytes */
};

enum hello_verdict {
  HELLO_MORE,  /* it is not complete                                  */
  HELLO_WHOLE, /* it is                                               */
  HELLO_LONG,  /* it claims more than HELLO_MAX                       */
  HELLO_OTHER  /* something else, which OpenSSL may judge: not longer */
};

struct hello {
  uint8_t head[5], nhead;       /* of a record                                */
  uint8_t message[4], nmessage; /* type and length of a handshake message     */
  bool skip;                    /* this record is not of the handshake        */
  bool over;                    /* no further hello can come                  */
  bool again;                   /* the first one is complete                  */
  uint32_t record_left, message_left;
};

/* Looks at n bytes, and says how many of them it has used: all of them with HELLO_MORE. */
enum hello_verdict sio__hello_parse(struct hello *h, const char *p, size_t n, size_t *used);
/* The same for what follows the first hello. False: a second one is too long. may_retry: the
 * version is not known to be one without a second hello. */
bool sio__hello_check_second(struct hello *h, const char *p, size_t n, bool may_retry);

#endif
