/* SPDX-License-Identifier: MIT
 *
 * msgpack.h - reads MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md) token by
 * token, and converts values between MessagePack and JSON text. Nothing recurses, so nested values
 * of a peer do not use up the stack.
 */
#ifndef SIO_PACKET_MSGPACK_H
#define SIO_PACKET_MSGPACK_H

#include "packet/parser.h"

/* The table to which the public sio_parser_msgpack points. */
extern const sio_parser_ops sio__parser_msgpack;

enum msgpack_kind {
  MSGPACK_NIL,
  MSGPACK_BOOL,
  MSGPACK_UINT,
  MSGPACK_INT, /* below 0 */
  MSGPACK_NUM,
  MSGPACK_STR,
  MSGPACK_BIN,
  MSGPACK_EXT,
  MSGPACK_ARRAY, /* `count` values follow */
  MSGPACK_MAP    /* `count` keys follow, each with its value */
};

/* A token of MessagePack: a whole value, or the head of an array or a map. */
struct msgpack {
  enum msgpack_kind kind;
  int8_t ext;     /* the type number of an EXT */
  bool fixed;     /* true for an EXT whose first byte implies its length (fixext) */
  uint32_t count; /* the number of members of an ARRAY or MAP */
  union {
    bool b;
    uint64_t u;
    int64_t i;
    double d;
  } u;
  sio_slice bytes; /* the content of a STR, BIN or EXT */
};

/* Reads a token, and moves *in to the position after it. Returns false if the token is incomplete
 * or begins with the byte 0xc1, which MessagePack does not use, or if it is the head of an array or
 * map with more members than *in has bytes for. */
bool sio__msgpack_read_token(sio_slice *in, struct msgpack *t);
/* Skips a value with all values in it: moves *in to the position after it, and sets *value to its
 * bytes. Returns false if the value is incomplete or not valid. */
bool sio__msgpack_skip_value(sio_slice *in, sio_slice *value);
/* Returns true if the bytes begin with an extension of type 0 with one byte of content (fixext 1),
 * which is how the npm package socket.io-msgpack-parser encodes JavaScript's undefined. */
bool sio__msgpack_starts_with_undefined(sio_slice bytes);

/* Appends a MessagePack value to `out` as JSON. sio__msgpack_skip_value() must have returned true
 * for it. Returns 0; SIO_EPROTO for a map key that is neither a string nor an integer; SIO_EDEPTH;
 * or the error of sio_parser_put(), sio_parser_put_string() or sio_parser_put_bin(). */
int sio__msgpack_to_json(sio_slice value, sio_parser_out *out);

/* Appends a valid JSON text to `out` as MessagePack. A placeholder for one of the attachments in
 * `bins` is replaced by the attachment if it is written exactly as the comment on sio_parts.json
 * (sio/parser.h) says. Returns 0; SIO_EDEPTH if the text is more than JSON_DEPTH_MAX levels deep;
 * SIO_ETOOBIG; or UV_ENOMEM. */
int sio__msgpack_from_json(sio_slice json, const sio_slice *bins, size_t nbins,
                           sio_parser_out *out);
int sio__msgpack_put_string(sio_parser_out *out, sio_slice s);
int sio__msgpack_put_int(sio_parser_out *out, int64_t v);

#endif
