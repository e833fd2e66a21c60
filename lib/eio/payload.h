/* SPDX-License-Identifier: MIT
 *
 * payload.h - several Engine.IO packets in one HTTP body (protocol 4): joined by
 * 0x1E, binary ones as 'b' and base64.
 */
#ifndef SIO_EIO_PAYLOAD_H
#define SIO_EIO_PAYLOAD_H

#include "base/msg.h"
#include "base/slice.h"

enum eio_packet { EIO_OPEN, EIO_CLOSE, EIO_PING, EIO_PONG, EIO_MESSAGE, EIO_UPGRADE, EIO_NOOP };

enum { EIO_SEPARATOR = 0x1e };

/* Bytes m takes in a body, and the writing of it; the end of what was written. */
size_t sio__payload_packet_len(const struct msg *m);
char *sio__payload_put_packet(char *out, const struct msg *m);

struct eio_in {
  bool binary;
  enum eio_packet type; /* EIO_MESSAGE when binary */
  sio_slice data;       /* behind the type character */
};

/* One packet, as a WebSocket text message has it; base64 is decoded where it lies. 1, or
 * SIO_EPROTO: empty, or of no type there is. */
int sio__packet_read(sio_slice text, struct eio_in *out);
/* Takes the first packet off *rest. 1, SIO_EPROTO as above; 0: nothing is left. *rest starts as
 * the whole body, p not NULL; a body without a byte holds one (bad) empty packet. */
int sio__payload_next_packet(sio_slice *rest, struct eio_in *out);

/* ---- the forms a body has ------------------------------------------------------- */

/* How packets stand in one body. `next` works as sio__payload_next_packet() does. */
struct payload_form {
  size_t (*len)(const struct msg *m);
  char *(*put)(char *out, const struct msg *m);
  int (*next)(sio_slice *rest, struct eio_in *out);
  bool separated; /* EIO_SEPARATOR stands between two */
};

extern const struct payload_form sio__payload4;        /* protocol 4                          */
extern const struct payload_form sio__payload3_text;   /* protocol 3; its text is valid UTF-8 */
extern const struct payload_form sio__payload3_binary; /* protocol 3, application/octet-stream */

/* One packet that came as a WebSocket text message of protocol 3. */
int sio__packet3_read(sio_slice text, struct eio_in *out);

#endif
