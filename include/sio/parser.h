/* SPDX-License-Identifier: MIT
 *
 * parser.h - how a packet is written on the wire. sio_options.parser chooses; the peers must
 * have chosen the same, nothing is negotiated.
 *
 *     sio_options o = { .parser = &sio_parser_msgpack };     (JavaScript: socket.io-msgpack-parser)
 *
 * Handlers, adapters and whoever relays see no difference: whatever the parser, arguments are JSON
 * text and attachments. A parser of one's own is two functions between those and one message.
 */
#ifndef SIO_PARSER_H
#define SIO_PARSER_H

#include <sio/types.h>

#ifdef __cplusplus
extern "C" {
#endif

enum sio_packet_type {
  SIO_PACKET_CONNECT,
  SIO_PACKET_DISCONNECT,
  SIO_PACKET_EVENT,
  SIO_PACKET_ACK,
  SIO_PACKET_CONNECT_ERROR
};

/* One packet. */
typedef struct sio_parts {
  int type;      /* enum sio_packet_type                                             */
  sio_slice nsp; /* UTF-8, from the '/' on                                           */
  int64_t id;    /* of the ack; -1: none; at most 2^53 - 1                           */
  /* The payload: an array whose first element is the name for an EVENT, the answers for an ACK, an
   * object for the others; empty: none. If nbins is not 0, {"_placeholder":true,"num":k}, written
   * exactly so, stands for bins[k]. */
  sio_slice json;
  const sio_slice *bins;
  size_t nbins;
} sio_parts;

/* What is being written: a message by encode(), JSON text and attachments by decode(). */
typedef struct sio_parser_out sio_parser_out;

/* Both on the loop's thread; neither may call the library but for the functions below. Answer 0 or
 * what those answered. The table must outlive the server. */
typedef struct sio_parser_ops {
  /* sizeof(sio_parser_ops); 0: the size that the table had in version 0.1. */
  size_t size;
  const char *name;
  bool binary; /* its messages are binary ones; else they are UTF-8 text */
  /* Writes the one message that p is, with sio_parser_put(). p is valid. */
  int (*encode)(const sio_parts *p, sio_parser_out *out);
  /* Reads one message of a peer, which may hold anything. Sets type, nsp (which may point into the
   * message) and id, and writes the payload's JSON with sio_parser_put(), binary with
   * sio_parser_bin(); json, bins and nbins are not its business. What it wrote is checked as a
   * peer's JSON would be. SIO_EPROTO, with *why a static text, ends the connection. */
  int (*decode)(bool binary, sio_slice message, sio_parts *p, sio_parser_out *out,
                const char **why);
} sio_parser_ops;

/* Socket.IO's own, and the default. It is not made of the functions above: they are NULL here. */
SIO_EXTERN extern const sio_parser_ops sio_parser_json;

/* One MessagePack message per packet, attachments included: what npm's socket.io-msgpack-parser 3
 * does, and the client that is served as socket.io.msgpack.min.js.
 *
 * Out: integers of up to 64 bits exactly (JavaScript rounds beyond 2^53), other numbers as float64,
 * binary as bin.
 * In: integers exactly; nil, undefined and what is no finite number as null (undefined in a map:
 * left out, as by JSON.stringify); Date and MessagePack's timestamps as the
 * text that Date.toJSON() makes; bin and the JavaScript client's ArrayBuffers as binary; any other
 * extension as [type, binary]. Keys are strings or integers. A string that is not UTF-8 gets
 * U+FFFD. max_attachments counts the binaries of a packet, max_packet the JSON text that comes of
 * it. */
SIO_EXTERN extern const sio_parser_ops sio_parser_msgpack;

/* Appends to what is written. UV_ENOMEM; SIO_ETOOBIG: past max_packet when decoding, 4 GiB when
 * encoding. */
SIO_EXTERN int sio_parser_put(sio_parser_out *out, const void *p, size_t n);
/* For decode(): a placeholder for these bytes, which are borrowed from the message. SIO_EPROTO:
 * past max_attachments. */
SIO_EXTERN int sio_parser_bin(sio_parser_out *out, sio_slice bytes);
/* For decode(): a JSON string; bytes that are not UTF-8 become U+FFFD. */
SIO_EXTERN int sio_parser_string(sio_parser_out *out, sio_slice s);

#ifdef __cplusplus
}
#endif
#endif
