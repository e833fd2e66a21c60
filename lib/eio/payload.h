/* SPDX-License-Identifier: MIT
 *
 * payload.h - Engine.IO packets as text, and several of them in one HTTP body. In protocol 4
 * packets are joined by 0x1E, and a binary packet is 'b' and base64.
 */
#ifndef SIO_EIO_PAYLOAD_H
#define SIO_EIO_PAYLOAD_H

#include "base/msg.h"
#include "base/slice.h"

enum eio_packet { EIO_OPEN, EIO_CLOSE, EIO_PING, EIO_PONG, EIO_MESSAGE, EIO_UPGRADE, EIO_NOOP };

enum { EIO_SEPARATOR = 0x1e };

/* Returns how many bytes the packet m takes in a body of protocol 4. */
size_t sio__payload4_packet_len(const struct msg *m);
/* Writes the packet m to `out`, and returns the end of the output. */
char *sio__payload4_write_packet(char *out, const struct msg *m);

/* A received packet. */
struct eio_in {
  bool binary;
  enum eio_packet type; /* in protocol 4 EIO_MESSAGE if the packet is binary */
  sio_slice data;       /* without the type character */
};

/* Reads one packet, as it is in a WebSocket text message. Base64 is decoded in place. Returns 1, or
 * SIO_EPROTO if the text is empty or the packet's type is unknown. */
int sio__packet4_parse_text(sio_slice text, struct eio_in *out);
/* Reads the first packet of *rest and removes it from *rest. Returns 1; 0 if no packet is left; or
 * SIO_EPROTO if the packet is empty or its type is unknown. For the first call *rest is the whole
 * body, and rest->p must not be NULL: an empty body contains one empty packet, which is invalid. */
int sio__payload4_take_next_packet(sio_slice *rest, struct eio_in *out);

/* ---- the encodings of a body ------------------------------------------------------ */

/* How packets are encoded in a body. */
struct payload_form {
  /* Returns how many bytes the packet m takes in a body. */
  size_t (*len)(const struct msg *m);
  /* Writes the packet m to `out`, and returns the end of the output. */
  char *(*put)(char *out, const struct msg *m);
  /* Reads the first packet of *rest and removes it from *rest. Returns 1; 0 if no packet is left;
   * or SIO_EPROTO if the packet is malformed. For the first call *rest is the whole body, and
   * rest->p must not be NULL. */
  int (*next)(sio_slice *rest, struct eio_in *out);
  bool separated; /* the caller has to write EIO_SEPARATOR between two packets */
};

extern const struct payload_form sio__payload4;        /* protocol 4 */
extern const struct payload_form sio__payload3_text;   /* protocol 3, for bodies that are text */
extern const struct payload_form sio__payload3_binary; /* protocol 3, application/octet-stream */

/* Reads one packet of protocol 3, as it is in a WebSocket text message. Base64 is decoded in place.
 * Returns 1 or SIO_EPROTO. */
int sio__packet3_parse_text(sio_slice text, struct eio_in *out);

#endif
