/* SPDX-License-Identifier: MIT
 *
 * parser.h - parsers decide how a packet is written on the wire. sio_options.parser chooses one.
 * Nothing is negotiated: the clients must use the same parser.
 *
 *     sio_options o = { .parser = sio_parser_msgpack };     (JavaScript: socket.io-msgpack-parser)
 *
 * Handlers and adapters see no difference: with every parser, arguments are JSON text and
 * attachments. To write a parser, provide two functions: one makes a message of these, the other
 * reads a message.
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
  int64_t id;    /* the id of the ack, at most 2^53 - 1; -1: no ack                  */
  /* The payload. For an EVENT it is an array whose first element is the name, for an ACK an array
   * of the arguments, for other packets an object; it may be empty. If nbins is not 0,
   * {"_placeholder":true,"num":k}, written exactly like this, stands for bins[k]. */
  sio_slice json;
  const sio_slice *bins;
  size_t nbins;
} sio_parts;

/* The output: encode() writes a message to it, decode() JSON text and attachments. */
typedef struct sio_parser_out sio_parser_out;

/* Both functions run on the loop's thread. They may call no other functions of the library than
 * those below. They return 0, or the error that one of those returned. The table must outlive the
 * server. */
typedef struct sio_parser_ops {
  /* sizeof(sio_parser_ops); 0: the size that the table had in version 0.1. */
  size_t size;
  const char *name;
  bool binary; /* its messages are binary; otherwise they are UTF-8 text */
  /* Writes the message for p with sio_parser_put(). p is valid. */
  int (*encode)(const sio_parts *p, sio_parser_out *out);
  /* Reads one message of a client; it can contain any bytes. It sets type, id and nsp, which may
   * point into the message, and leaves json, bins and nbins alone. It writes the JSON of the
   * payload with sio_parser_put() and attachments with sio_parser_bin(). The JSON is then checked
   * like that of a client. If it returns SIO_EPROTO, the connection is closed; *why is then a text
   * in static storage. */
  int (*decode)(bool binary, sio_slice message, sio_parts *p, sio_parser_out *out,
                const char **why);
} sio_parser_ops;

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
SIO_EXTERN extern const sio_parser_ops *const sio_parser_msgpack;

/* Appends bytes to the output. UV_ENOMEM. SIO_ETOOBIG: the output is longer than max_packet when
 * decoding, or than 4 GiB when encoding. */
SIO_EXTERN int sio_parser_put(sio_parser_out *out, const void *p, size_t n);
/* For decode(): appends a placeholder for these bytes of the message. SIO_EPROTO: there are more
 * than max_attachments. */
SIO_EXTERN int sio_parser_bin(sio_parser_out *out, sio_slice bytes);
/* For decode(): appends a JSON string. Bytes that are not UTF-8 become U+FFFD. */
SIO_EXTERN int sio_parser_string(sio_parser_out *out, sio_slice s);

#ifdef __cplusplus
}
#endif
#endif
