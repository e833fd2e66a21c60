/* SPDX-License-Identifier: MIT
 *
 * parser.h - calls the parser that the host has chosen with sio_options.parser (<sio/parser.h>),
 * such as sio_parser_msgpack. A parser replaces the default encoding of Socket.IO packets.
 *
 * A packet to be sent is first written in the default encoding (packet.h), and the parser makes a
 * message of its parts. From a received message, the parser makes a packet with JSON text, which is
 * then checked like any packet of a peer.
 */
#ifndef SIO_PACKET_PARSER_H
#define SIO_PACKET_PARSER_H

#include "packet/packet.h"
#include <sio/parser.h>

struct sio_parser_out {
  struct msgs *home;
  struct msg *text; /* what was written so far; owned */
  size_t max;       /* the maximum length of `text` */
  sio_slice *bins;  /* the attachments; the array is owned, the bytes in them are not */
  uint32_t nbins, cap, max_bins;
  bool too_many_bins; /* sio_parser_put_bin() was called for more than max_bins */
};
void sio__parser_out_clear(struct sio_parser_out *out);

/* Encodes a packet with the host's parser. `json` is the same packet in the default encoding (see
 * packet.h). Returns 0 and sets *out to the new msg; or returns SIO_ETOOBIG, UV_ENOMEM or the
 * error of the parser's encode(). */
int sio__custom_parser_encode_packet(const sio_parser_ops *ops, struct msgs *home,
                                     const struct msg *json, enum packet_type type, sio_slice nsp,
                                     int64_t id, struct msg **out);

/* Replaces *m, a packet without an ack id in the default encoding, by the same packet as the host's
 * parser encodes it. Does nothing if ops is NULL. Returns 0, or the error of
 * sio__custom_parser_encode_packet(); after an error *m is NULL. */
int sio__custom_parser_reencode_packet_if_set(const sio_parser_ops *ops, struct msgs *home,
                                              struct msg **m, enum packet_type type, sio_slice nsp);

/* Decodes a packet with the host's parser. Returns DECODE_PACKET and fills *out; or an error, and
 * sets *why. *out is valid as long as *own and `data` are, and until the next decode with this
 * scratch. The caller has to clear *own, also after an error. */
int sio__custom_parser_decode_packet(const sio_parser_ops *ops, struct msgs *home,
                                     struct decode_scratch *scratch,
                                     const struct decoder_limits *lim, bool binary, sio_slice data,
                                     struct sio_parser_out *own, struct packet *out,
                                     const char **why);

#endif
