/* SPDX-License-Identifier: MIT
 *
 * packet.h - encodes and decodes packets of the Socket.IO protocol, version 5
 * (https://socket.io/docs/v4/socket-io-protocol/):
 *
 *     <type>[<attachments>-][<namespace>,][<ack id>][JSON]
 *
 * The decoder checks a packet in one pass and returns slices of it. It copies only packets that
 * have to wait for attachments. The encoder writes one msg, which begins with the Engine.IO packet
 * type '4', and chains the attachments after it.
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

/* A decoded packet. The slices point into the received bytes. */
struct packet {
  enum packet_type type; /* BINARY_EVENT and BINARY_ACK become EVENT and ACK */
  sio_slice nsp;         /* "/" if the packet names no namespace */
  sio_slice query;       /* for Socket.IO 2: the text after the '?' of the namespace */
  int64_t id;            /* the ack id; PACKET_NO_ID without one */
  sio_slice json;        /* the text of the payload; empty without one */
  /* Where the elements of the payload are in it; args[0] of an EVENT is its name. */
  const struct json_scan *scan;
  const sio_slice *bins; /* the attachments */
  uint32_t nbins;
};

struct decoder_limits {
  unsigned max_attachments;
  unsigned max_depth;
  size_t max_packet; /* the maximum number of bytes of the header and all attachments together */
};

/* The decoder of one connection. It holds memory only while a binary packet is incomplete. */
struct partial; /* a binary packet that waits for attachments */
struct decoder {
  struct partial *partial;
};

/* What the decode functions return on success. */
enum { DECODE_MORE = 0, DECODE_PACKET = 1 };

/* Memory that all decoders and encoders of a server share and reuse. Decoding and encoding use
 * different members, so a handler may send the event that it is handling. The struct must be zero
 * before its first use, and must be cleared at the end. */
struct decode_scratch {
  struct json_scan scan; /* the scan of the packet that was decoded last */
  struct json_scan sent; /* the scan of the value that is being encoded */
  uint32_t *numbers; /* for each attachment of that value, its number among those of the packet */
  uint32_t numbers_cap;
};
void sio__decode_scratch_clear(struct decode_scratch *s);

/* Decodes an Engine.IO text message, given without its type '4'. Returns DECODE_PACKET and fills
 * *out, which is valid until the next decode with this scratch; DECODE_MORE if the packet has
 * attachments that have still to come; or SIO_EPROTO, SIO_EDEPTH, SIO_ETOOBIG or UV_ENOMEM, and
 * sets *why to a constant text. If the reference server has a text for the error, it is that one.
 *
 * The reference converts counts and ids with JavaScript's Number(). Here both must be decimal
 * digits, an id is at most 2^53 - 1, and the type of the packet must not be missing. */
int sio__decode_text_message(struct decoder *d, struct decode_scratch *scratch,
                             const struct decoder_limits *lim, sio_slice text, struct packet *out,
                             const char **why);
/* Decodes a binary message, which is one attachment. Returns the same values as
 * sio__decode_text_message(). If the attachment completes the packet, *out is valid until
 * sio__decoder_free_packet() or the next decode. */
int sio__decode_binary_message(struct decoder *d, struct decode_scratch *scratch,
                               const struct decoder_limits *lim, sio_slice data, struct packet *out,
                               const char **why);
/* True if a packet waits for attachments. */
static inline bool is_decoder_waiting_for_attachments(const struct decoder *d) {
  return d->partial != NULL;
}
/* Frees a packet with attachments, if there is one: after it was handled, or while some of its
 * attachments are missing. */
void sio__decoder_free_packet(struct decoder *d);

/* Checks that json is a valid payload for a packet of this type; it may be empty. Returns 0, or
 * SIO_EPROTO, SIO_EDEPTH or UV_ENOMEM and sets *why. */
int sio__check_packet_payload(enum packet_type type, sio_slice json, struct json_scan *scan,
                              unsigned max_depth, const char **why);

/* True for the six names that the protocol does not allow as names of events. */
bool sio__is_reserved_event_name(sio_slice name);

/* ---- encoding ---------------------------------------------------------------------- */

/* Encodes an EVENT, or an ACK if name is NULL. id is the ack id or PACKET_NO_ID. Returns 0 and sets
 * *out; or SIO_ENAME, SIO_EJSON, SIO_EPLACEHOLDER, SIO_EDEPTH, SIO_ETOOBIG, UV_ENOMEM, or UV_EINVAL
 * for a value of an invalid kind. Each SIO_BIN becomes an attachment. A JSON text can come with an
 * array of binaries: one of them becomes an attachment only if a placeholder in the text has its
 * index as "num". The attachments of the packet are numbered in the order of the values, and the
 * placeholders get these numbers. max_attachments limits received packets only. */
int sio__encode_event_or_ack(struct msgs *home, struct decode_scratch *scratch, struct msg **out,
                             const char *nsp, const char *name, sio_args args, int64_t id);
/* Like sio__encode_event_or_ack(), but appends the string `tail` as the last argument unless it is
 * empty. */
int sio__encode_event_with_extra_argument(struct msgs *home, struct decode_scratch *scratch,
                                          struct msg **out, const char *nsp, const char *name,
                                          sio_args args, int64_t id, sio_slice tail);
/* These functions encode packets without arguments. CONNECT has the payload {"sid":...,"pid":...};
 * sid or pid is omitted if it is NULL. CONNECT_ERROR has the payload {"message":...,"data":...};
 * data is omitted if it is null, and must not have attachments (SIO_EPLACEHOLDER). */
int sio__encode_connect_packet(struct msgs *home, struct msg **out, const char *nsp,
                               const char *sid, const char *pid);
int sio__encode_disconnect_packet(struct msgs *home, struct msg **out, const char *nsp);
int sio__encode_connect_error_packet(struct msgs *home, struct decode_scratch *scratch,
                                     struct msg **out, sio_slice nsp, const char *message,
                                     sio_val data);
/* Encodes the data of a refused event as JSON text. Sets *out to NULL if data is null. data must
 * not have attachments (SIO_EPLACEHOLDER). */
int sio__encode_event_refusal_data(struct msgs *home, struct decode_scratch *scratch,
                                   struct msg **out, sio_val data);
/* Encodes the ERROR packet of Socket.IO 2, which corresponds to CONNECT_ERROR of later versions.
 * Its payload is the data or, if data is null, the message. */
int sio__encode_socketio2_error_packet(struct msgs *home, struct decode_scratch *scratch,
                                       struct msg **out, sio_slice nsp, const char *message,
                                       sio_val data);

#endif
