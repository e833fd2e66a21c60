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

/* The parts of a packet. */
typedef struct sio_parts {
  int type;      /* enum sio_packet_type                                             */
  sio_slice nsp; /* the name of the namespace, UTF-8, with its '/'                   */
  int64_t id;    /* the id of the ack, at most 2^53 - 1; -1: no ack                  */
  /* The payload. For an EVENT it is an array whose first element is the name, for an ACK an array
   * of the arguments, for other packets an object; it may be empty. If nbins is not 0,
   * {"_placeholder":true,"num":k}, written exactly like this, stands for bins[k]. */
  sio_slice json;
  const sio_slice *bins;
  size_t nbins;
} sio_parts;

/* The output of a parser: encode() writes a message to it, decode() JSON text and attachments. */
typedef struct sio_parser_out sio_parser_out;

/* The functions of a parser. They run on the loop's thread. The only functions of the library that
 * they may call are the three below. They return 0, or the error that one of these three returned.
 * The table must outlive the servers that use it. */
typedef struct sio_parser_ops {
  /* sizeof(sio_parser_ops); 0: the size that the table had in version 0.1. */
  size_t size;
  const char *name; /* for the log */
  bool binary;      /* encode() writes binary messages; false: UTF-8 text */
  /* Writes the message for the packet p with sio_parser_put(). The library has checked p. */
  int (*encode)(const sio_parts *p, sio_parser_out *out);
  /* Reads one message of a client, which can contain any bytes. decode() sets type, id and nsp of
   * *p; nsp may point into the message. json, bins and nbins of *p are not used: decode() writes
   * the JSON of the payload with sio_parser_put() and sio_parser_string(), and attachments with
   * sio_parser_bin(). The library then checks this JSON. If the message is not valid, decode()
   * returns SIO_EPROTO and sets *why to a text in static storage; the connection is then closed. */
  int (*decode)(bool binary, sio_slice message, sio_parts *p, sio_parser_out *out,
                const char **why);
} sio_parser_ops;

/* Writes each packet, with its attachments, as one MessagePack message. This is the format of npm's
 * socket.io-msgpack-parser 3 and of the client that is served as socket.io.msgpack.min.js.
 *
 * What is sent: integers of up to 64 bits are sent exactly (JavaScript rounds those beyond 2^53),
 * other numbers as float64, and binary as bin.
 *
 * What is received:
 *
 *   integer                           the same integer
 *   nil, undefined, NaN, infinity     null; undefined in a map is left out, as by JSON.stringify()
 *   Date, MessagePack's timestamp     the string that Date.toJSON() returns
 *   bin, the client's ArrayBuffer     an attachment
 *   any other extension               the array [type, attachment]
 *   a string that is not UTF-8        the string with U+FFFD for each invalid part
 *   a key of a map                    a string; an integer becomes its text
 *
 * max_attachments limits the number of binaries in a packet, and max_packet the length of the JSON
 * text that a packet becomes. */
SIO_EXTERN extern const sio_parser_ops *const sio_parser_msgpack;

/* Appends bytes to the output. UV_ENOMEM. SIO_ETOOBIG: the output is longer than max_packet when
 * decoding, or than 4 GiB when encoding. */
SIO_EXTERN int sio_parser_put(sio_parser_out *out, const void *p, size_t n);
/* For decode(): adds an attachment, and appends the placeholder that stands for it in the JSON.
 * bytes must be a part of the message. SIO_EPROTO: there are more than max_attachments. UV_ENOMEM,
 * SIO_ETOOBIG. */
SIO_EXTERN int sio_parser_bin(sio_parser_out *out, sio_slice bytes);
/* For decode(): appends s as a JSON string, in quotes and escaped. Bytes that are not UTF-8 become
 * U+FFFD. UV_ENOMEM, SIO_ETOOBIG. */
SIO_EXTERN int sio_parser_string(sio_parser_out *out, sio_slice s);

#ifdef __cplusplus
}
#endif
#endif
