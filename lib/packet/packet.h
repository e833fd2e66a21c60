/* SPDX-License-Identifier: MIT
 *
 * packet.h - encodes and decodes packets of the Socket.IO protocol, version 5
 * (https://socket.io/docs/v4/socket-io-protocol/):
 *
 *     <type>[<attachments>-][<namespace>,][<ack id>][JSON]
 *
 * The decoder returns slices of a packet's text. It copies only packets that have to wait for
 * attachments. The encoder writes a packet as one msg, which begins with the Engine.IO packet type
 * '4', and links a msg for each attachment after it.
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

/* A decoded packet. It does not own the memory to which its slices and pointers point: the
 * functions below say how long this memory is valid. */
struct packet {
  enum packet_type type; /* PACKET_EVENT or PACKET_ACK also if the packet has attachments */
  sio_slice nsp;         /* the namespace; "/" if the packet names none */
  sio_slice query;       /* empty until sio__packet_split_query_from_namespace() sets it */
  int64_t id;            /* the ack id; PACKET_NO_ID if the packet has none */
  sio_slice json;        /* the payload, which is JSON text; empty if the packet has none */
  /* The scan of `json`: the positions of its elements, if it is an array, and of its placeholders.
   * The first element of the array of an EVENT is the event's name. */
  const struct json_scan *scan;
  const sio_slice *bins; /* the attachments */
  uint32_t nbins;
};

struct decoder_limits {
  unsigned max_attachments;
  unsigned max_depth;
  /* The maximum size of a packet: the bytes of its text and of all its attachments together. With a
   * parser of the host (sio/parser.h), this is the limit for a received message, and also for the
   * JSON text that the parser makes of the message. */
  size_t max_packet;
};

struct partial;
/* The decoder of one connection. It allocates memory only for packets with attachments. */
struct decoder {
  /* A packet that waits for attachments, or has all of them and was not freed yet; or NULL. */
  struct partial *partial;
};

/* The results of sio__decode_packet_text() and sio__decode_packet_attachment() without an error. */
enum {
  DECODE_MORE = 0,  /* further attachments of the packet have to arrive */
  DECODE_PACKET = 1 /* the packet is complete */
};

/* Memory that several decoders and encoders use in turn, which saves allocations. Decoding and
 * encoding use different members, so a handler may send the event that it is handling. The struct
 * must be zero before its first use, and must be cleared at the end. */
struct decode_scratch {
  struct json_scan scan; /* the last scan of a whole payload */
  struct json_scan sent; /* the last scan of a value that was to be encoded */
  /* For each binary of the value that is being encoded, its number among the attachments of the
   * packet. The number is meaningless if no placeholder refers to the binary. */
  uint32_t *numbers;
  uint32_t numbers_cap;
};
void sio__decode_scratch_clear(struct decode_scratch *s);

/* Decodes an Engine.IO text message, which is given without its type '4'. Returns DECODE_PACKET and
 * fills *out, whose slices are valid as long as `text` is and whose scan is valid until the next
 * decode with this scratch; DECODE_MORE if attachments of the packet have to follow; or SIO_EPROTO,
 * SIO_EDEPTH, SIO_ETOOBIG or UV_ENOMEM, and sets *why to a constant text, often the one that
 * Node.js has for this error.
 *
 * Node.js's parser accepts some packets that are refused here. Here the number of attachments must
 * consist of 1 to 9 decimal digits and not be 0, an ack id must be at most 2^53 - 1, and the packet
 * must not be empty. */
int sio__decode_packet_text(struct decoder *d, struct decode_scratch *scratch,
                            const struct decoder_limits *lim, sio_slice text, struct packet *out,
                            const char **why);
/* Decodes a binary message, which is the next attachment of the packet that waits for it. Returns
 * the same values as sio__decode_packet_text(); SIO_EPROTO also if no packet waits. If the
 * attachment completes the packet, *out points to memory of d, which is valid until
 * sio__decoder_free_packet() or the next decode with d, and to the scan in `scratch`, which is
 * valid until the next decode with this scratch. */
int sio__decode_packet_attachment(struct decoder *d, struct decode_scratch *scratch,
                                  const struct decoder_limits *lim, sio_slice data,
                                  struct packet *out, const char **why);
/* Returns true if a packet waits for attachments, or if one that has all of them was not freed
 * yet. */
static inline bool decoder_has_packet_with_attachments(const struct decoder *d) {
  return d->partial != NULL;
}
/* Frees the packet with attachments that d holds, if there is one. It is to be called after such a
 * packet was handled, and at the end of the connection. */
void sio__decoder_free_packet(struct decoder *d);

/* Scans `json` and checks that it is a valid payload for a packet of this type; an empty one is
 * always valid. Returns 0, and the result of the scan in *scan; or SIO_EPROTO, SIO_EDEPTH or
 * UV_ENOMEM, and sets *why. */
int sio__packet_scan_and_check_payload(enum packet_type type, sio_slice json,
                                       struct json_scan *scan, unsigned max_depth,
                                       const char **why);

/* Returns true for the six event names that Socket.IO reserves, such as "connect". */
bool sio__is_reserved_event_name(sio_slice name);

/* ---- encoding ---------------------------------------------------------------------- */

/* Encodes an EVENT, or an ACK if name is NULL. id is the ack id or PACKET_NO_ID. Returns 0 and sets
 * *out; or returns SIO_ENAME for a reserved name, UV_EINVAL for a value of an invalid kind,
 * SIO_EJSON, SIO_EPLACEHOLDER, SIO_EDEPTH, SIO_ETOOBIG or UV_ENOMEM.
 *
 * Each value of the kind SIO_BIN becomes an attachment. JSON text, a tree and the arguments of a
 * received event can come with an array of binaries (sio_val.bins); one of these becomes an
 * attachment if the "num" of a placeholder in the text is its index. The attachments of all values
 * are numbered together, in the order of the values, and the placeholders get these numbers.
 * SIO_EPLACEHOLDER is returned if a placeholder refers to none of the binaries of its value. But in
 * a packet without attachments, placeholders in values without binaries are usually plain data
 * (writer.h). The limit max_attachments does not apply, because it is for received packets. */
int sio__encode_event_or_ack(struct msgs *home, struct decode_scratch *scratch, struct msg **out,
                             const char *nsp, const char *name, sio_args args, int64_t id);
/* Like sio__encode_event_or_ack(), but the string `tail` becomes one more argument after those in
 * args, unless it is empty. For an ACK it must be empty. */
int sio__encode_event_with_extra_argument(struct msgs *home, struct decode_scratch *scratch,
                                          struct msg **out, const char *nsp, const char *name,
                                          sio_args args, int64_t id, sio_slice tail);
/* These functions encode packets without arguments. CONNECT has the payload {"sid":...,"pid":...},
 * without "pid" if pid is NULL, and no payload if sid is NULL. CONNECT_ERROR has the payload
 * {"message":...,"data":...}, without "data" if data is sio_null(), a NULL tree, an empty JSON text
 * or an empty list of arguments of an event. If data has attachments, SIO_EPLACEHOLDER is
 * returned. */
int sio__encode_connect_packet(struct msgs *home, struct msg **out, const char *nsp,
                               const char *sid, const char *pid);
int sio__encode_disconnect_packet(struct msgs *home, struct msg **out, const char *nsp);
int sio__encode_connect_error_packet(struct msgs *home, struct decode_scratch *scratch,
                                     struct msg **out, sio_slice nsp, const char *message,
                                     sio_val data);
/* Encodes the data that the host gives when it refuses an event, as JSON text, which is not a
 * packet. If data is sio_null(), a NULL tree, an empty JSON text or an empty list of arguments of
 * an event, sets *out to NULL and returns 0. If other data has attachments, SIO_EPLACEHOLDER is
 * returned. */
int sio__encode_event_refusal_data_as_json(struct msgs *home, struct decode_scratch *scratch,
                                           struct msg **out, sio_val data);
/* Encodes the ERROR packet of Socket.IO 2, which later versions call CONNECT_ERROR. Its payload is
 * data. But if data is sio_null(), a NULL tree, an empty JSON text or an empty list of arguments of
 * an event, the payload is the string `message`. If data has attachments, SIO_EPLACEHOLDER is
 * returned. */
int sio__encode_socketio2_error_packet(struct msgs *home, struct decode_scratch *scratch,
                                       struct msg **out, sio_slice nsp, const char *message,
                                       sio_val data);

#endif
