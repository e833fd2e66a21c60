/* SPDX-License-Identifier: MIT
 *
 * packet.h - Socket.IO protocol 5 packets (https://socket.io/docs/v4/socket-io-protocol/):
 *
 *     <type>[<attachments>-][<namespace>,][<ack id>][JSON]
 *
 * Decoding is one pass that validates and slices; nothing is copied but what must
 * wait for its attachments. Encoding writes one msg, Engine.IO's '4' in front, and
 * chains the attachments after it.
 */
#ifndef SIO_PACKET_PACKET_H
#define SIO_PACKET_PACKET_H

#include "base/buf.h"
#include "base/msg.h"
#include "packet/json.h"
#include <sio/value.h>

enum packet_type {
  PACKET_CONNECT,
  PACKET_DISCONNECT,
  PACKET_EVENT,
  PACKET_ACK,
  PACKET_CONNECT_ERROR,
  PACKET_BINARY_EVENT,
  PACKET_BINARY_ACK
};

enum { PACKET_NO_ID = -1 };

/* A decoded packet. Slices point into the bytes it came from. */
struct packet {
  enum packet_type type;        /* BINARY_ types only while decoding: delivered as EVENT or ACK */
  sio_slice nsp;                /* "/" when absent; query stays part of it in protocol 5        */
  sio_slice query;              /* protocol 3: the text after the '?' of the namespace */
  int64_t id;                   /* PACKET_NO_ID when absent                                     */
  sio_slice json;               /* the payload's text, empty when absent                        */
  const struct json_scan *scan; /* the payload's elements; args[0] of an EVENT is its name */
  const sio_slice *bins;        /* attachments */
  uint32_t nbins;
};

struct decoder_limits {
  unsigned max_attachments;
  unsigned max_depth;
  size_t max_packet; /* header and attachments together */
};

/* One per connection. Holds memory only while a binary packet is incomplete. */
struct partial; /* a binary packet that waits for attachments */
struct decoder {
  struct partial *partial;
};

/* decode answers */
enum { DECODE_MORE = 0, DECODE_PACKET = 1 };

/* What all decoders and encoders of a server share, reused. Decoding and encoding keep to their own
 * parts of it, so an event may be sent on while it is being handled. Zero-initialise; clear. */
struct decode_scratch {
  struct json_scan scan; /* of the packet decoded last                      */
  struct json_scan sent; /* of the value being encoded                      */
  uint32_t *numbers;     /* its attachments' numbers in the packet          */
  uint32_t numbers_cap;
};
void sio__decode_scratch_clear(struct decode_scratch *s);

/* The Engine.IO message text (without its '4'). DECODE_PACKET with *out filled: borrowed until the
 * next decode with this scratch. DECODE_MORE: attachments are missing. Negative: SIO_EPROTO,
 * SIO_EDEPTH, SIO_ETOOBIG, UV_ENOMEM, and *why a static English line, the reference's own where it
 * has one: "invalid payload", "unknown packet type 9", "Illegal attachments", "too many
 * attachments", "got plaintext data when reconstructing a packet".
 * Stricter than the reference, which reads counts and ids through JavaScript's Number(): both are
 * decimal digits only, an id is at most 2^53 - 1, a packet has a type. */
int sio__decode_text(struct decoder *d, struct decode_scratch *scratch,
                     const struct decoder_limits *lim, sio_slice text, struct packet *out,
                     const char **why);
/* One attachment. Same answers; "got binary data when not reconstructing a packet", "illegal
 * attachments". When it completes the packet, out's bytes belong to the decoder until
 * sio__decoder_release(), or until the next packet comes. */
int sio__decode_binary(struct decoder *d, struct decode_scratch *scratch,
                       const struct decoder_limits *lim, sio_slice data, struct packet *out,
                       const char **why);
/* Does a packet wait for attachments? */
static inline bool decoder_waits(const struct decoder *d) { return d->partial != NULL; }
/* After a packet with attachments was handled. Also to drop an incomplete one. Safe when there is
 * none, and if the handler has called it already. */
void sio__decoder_release(struct decoder *d);

/* Is json, if there is any, what a packet of this type may hold? 0, SIO_EPROTO, SIO_EDEPTH,
 * UV_ENOMEM and *why. */
int sio__payload_check(enum packet_type type, sio_slice json, struct json_scan *scan,
                       unsigned max_depth, const char **why);

/* The six names that are not events (S6). */
bool sio__name_reserved(sio_slice name);

/* ---- encoding ---------------------------------------------------------------------- */

/* An EVENT (name not NULL) or an ACK (name NULL). id: PACKET_NO_ID or the ack's number. 0 and *out,
 * or SIO_ENAME, SIO_EJSON, SIO_EPLACEHOLDER, SIO_EDEPTH, SIO_ETOOBIG, UV_ENOMEM, UV_EINVAL for a
 * value of no kind. Only bins that a placeholder names become attachments, numbered in the order of
 * their values. max_attachments is the receivers' business: not checked here. */
int sio__encode(struct msgs *home, struct decode_scratch *scratch, struct msg **out,
                const char *nsp, const char *name, sio_args args, int64_t id);
/* The same with a string as one more argument after the others, unless tail.n is 0. */
int sio__encode_tailed(struct msgs *home, struct decode_scratch *scratch, struct msg **out,
                       const char *nsp, const char *name, sio_args args, int64_t id,
                       sio_slice tail);
/* Packets without arguments: CONNECT with {"sid":...} and "pid" unless it is NULL, DISCONNECT,
 * CONNECT_ERROR with {"message":...,"data":...}. data null is left out; it cannot have attachments:
 * SIO_EPLACEHOLDER. */
int sio__encode_connect(struct msgs *home, struct msg **out, const char *nsp, const char *sid,
                        const char *pid);
int sio__encode_disconnect(struct msgs *home, struct msg **out, const char *nsp);
int sio__encode_connect_error(struct msgs *home, struct decode_scratch *scratch, struct msg **out,
                              sio_slice nsp, const char *message, sio_val data);
/* No packet: only the JSON text of the data of a refusal, under the same rules. *out is NULL for
 * data null. */
int sio__encode_data(struct msgs *home, struct decode_scratch *scratch, struct msg **out,
                     sio_val data);
/* The ERROR packet of protocol 3. Its payload is the data or, if data is null, the message;
 * protocol 4 has an object with both. */
int sio__encode_error3(struct msgs *home, struct decode_scratch *scratch, struct msg **out,
                       sio_slice nsp, const char *message, sio_val data);

#endif
