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

/* sio__payload_packet_len() returns the size of m in a body. sio__payload_write_packet() writes m
 * to out, and returns the end of the output. */
size_t sio__payload_packet_len(const struct msg *m);
char *sio__payload_write_packet(char *out, const struct msg *m);

struct eio_in {
  bool binary;
  enum eio_packet type; /* EIO_MESSAGE when binary */
  sio_slice data;       /* without the type character */
};

/* Reads one packet, as it is in a WebSocket text message; base64 is decoded in place. Returns 1,
 * or SIO_EPROTO if it is empty or its type is unknown. */
int sio__packet_read(sio_slice text, struct eio_in *out);
/* Takes the first packet off *rest. 1; SIO_EPROTO if it is empty or its type is unknown; 0 if none
 * is left. At first *rest is the whole body, with p not NULL; an empty body contains one empty
 * packet, which is invalid. */
int sio__payload_next_packet(sio_slice *rest, struct eio_in *out);

/* ---- the encodings of a body ------------------------------------------------------ */

/* How packets are encoded in a body. `next` works as sio__payload_next_packet() does. */
struct payload_form {
  size_t (*len)(const struct msg *m);
  char *(*put)(char *out, const struct msg *m);
  int (*next)(sio_slice *rest, struct eio_in *out);
  bool separated; /* packets are separated by EIO_SEPARATOR */
};

extern const struct payload_form sio__payload4;        /* protocol 4                          */
extern const struct payload_form sio__payload3_text;   /* protocol 3; its text is valid UTF-8 */
extern const struct payload_form sio__payload3_binary; /* protocol 3, application/octet-stream */

/* Reads one packet from a WebSocket text message of protocol 3. */
int sio__packet3_read(sio_slice text, struct eio_in *out);

#endif
