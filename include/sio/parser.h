/* SPDX-License-Identifier: MIT
 *
 * parser.h - parsers, which decide how Socket.IO packets are encoded for the network.
 *
 * sio_options.parser selects a parser. The protocol does not negotiate it: the clients must use the
 * same parser.
 *
 *     sio_options o = { .parser = sio_parser_msgpack };     (JavaScript: socket.io-msgpack-parser)
 *
 * For event handlers and adapters there is no difference: with every parser, arguments are JSON
 * text and attachments. To write a parser, provide two functions: encode(), which makes a message
 * from the parts of a packet, and decode(), which reads a message.
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
  /* The payload as JSON text: for an EVENT an array whose first element is the event's name, for an
   * ACK an array of the arguments, for a CONNECT and a CONNECT_ERROR an object. It may be empty. If
   * nbins is not 0, the text contains {"_placeholder":true,"num":k}, written exactly like this, in
   * place of each attachment bins[k]. */
  sio_slice json;
  const sio_slice *bins;
  size_t nbins;
} sio_parts;

/* The output of a function of a parser. encode() writes the bytes of a message to it, decode()
 * writes JSON text and attachments to it. */
typedef struct sio_parser_out sio_parser_out;

/* The functions of a parser. They run on the thread of the server's loop. They may call only three
 * functions of the library: sio_parser_put(), sio_parser_put_bin() and sio_parser_put_string().
 * They return 0 or an error, such as one that these three functions returned. The table must
 * outlive the servers that use it. */
typedef struct sio_parser_ops {
  /* sizeof(sio_parser_ops); 0: the size that the table had in version 0.1. */
  size_t size;
  const char *name; /* for the log */
  bool binary;      /* encode() writes binary messages; false: UTF-8 text */
  /* Writes the message for the packet *p with sio_parser_put(). The library has checked *p, but not
   * whether JSON text of the program is UTF-8. */
  int (*encode)(const sio_parts *p, sio_parser_out *out);
  /* Reads one message of a client or, for a client of test.h, also one of the server. The message
   * can contain any bytes. binary is always the field `binary` of the table: the library refuses
   * other messages itself. decode() sets p->type, p->id and p->nsp; p->nsp may point into the
   * message. It does not use p->json, p->bins and p->nbins: it writes the JSON text of the payload
   * with sio_parser_put() and sio_parser_put_string(), and attachments with sio_parser_put_bin().
   * The library checks this JSON text afterwards. If the message is not valid, decode() returns
   * SIO_EPROTO and sets *why to a text in static storage; the library then closes the
   * connection. */
  int (*decode)(bool binary, sio_slice message, sio_parts *p, sio_parser_out *out,
                const char **why);
} sio_parser_ops;

/* Encodes each packet, together with its attachments, as one MessagePack message. This is the
 * format of npm's socket.io-msgpack-parser 3, and of the client file socket.io.msgpack.min.js that
 * the server serves.
 *
 * What the server sends: integers of up to 64 bits are sent exactly (JavaScript rounds those beyond
 * 2^53), other numbers as float64, and attachments as bin.
 *
 * What the server receives becomes JSON in this way:
 *
 *   integer                           the same integer
 *   nil, undefined, NaN, infinity     null; undefined in a map is left out, as by JSON.stringify()
 *   Date, MessagePack's timestamp     what Date.toJSON() returns: a string, or null
 *   bin, the client's ArrayBuffer     an attachment
 *   any other extension               the array [type, attachment]
 *   a string that is not UTF-8        the string with U+FFFD for each invalid part
 *   a key of a map                    a string; an integer becomes its text
 *
 * A key that is neither a string nor an integer is an error. sio_options.max_attachments limits the
 * number of attachments in a packet, and sio_options.max_packet the length of the message and of
 * its JSON text. */
SIO_EXTERN extern const sio_parser_ops *const sio_parser_msgpack;

/* Appends n bytes to the output. SIO_ETOOBIG: the output would be longer than
 * sio_options.max_packet or max_unjoined allows (in decode()), or than 4 GiB (in encode());
 * UV_ENOMEM. */
SIO_EXTERN int sio_parser_put(sio_parser_out *out, const void *p, size_t n);
/* Adds an attachment to the output of decode(), and appends the placeholder that stands for the
 * attachment to the JSON text. bytes must be a part of the message that decode() was given.
 * SIO_EPROTO: the packet has more than sio_options.max_attachments; SIO_ETOOBIG and UV_ENOMEM as
 * for sio_parser_put(). */
SIO_EXTERN int sio_parser_put_bin(sio_parser_out *out, sio_slice bytes);
/* Appends s to the JSON text that decode() writes, as a JSON string with quotes and escapes. Each
 * part of s that is not valid UTF-8 becomes U+FFFD. SIO_ETOOBIG and UV_ENOMEM as for
 * sio_parser_put(). */
SIO_EXTERN int sio_parser_put_string(sio_parser_out *out, sio_slice s);

#ifdef __cplusplus
}
#endif
#endif
