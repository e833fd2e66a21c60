/* SPDX-License-Identifier: MIT
 *
 * msgpack.h - MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md), token by token,
 * and between it and JSON text. No recursion: depth costs a peer's own bytes, never our stack.
 */
#ifndef SIO_PACKET_MSGPACK_H
#define SIO_PACKET_MSGPACK_H

#include "packet/parser.h"

enum msgpack_kind {
  MSGPACK_NIL,
  MSGPACK_BOOL,
  MSGPACK_UINT,
  MSGPACK_INT, /* below 0 */
  MSGPACK_NUM,
  MSGPACK_STR,
  MSGPACK_BIN,
  MSGPACK_EXT,
  MSGPACK_ARRAY, /* count values follow                                          */
  MSGPACK_MAP    /* count keys, each with its value                              */
};

struct msgpack {
  enum msgpack_kind kind;
  int8_t ext; /* its type                                               */
  bool fixed; /* an EXT in one of the forms that have no length         */
  uint32_t count;
  union {
    bool b;
    uint64_t u;
    int64_t i;
    double d;
  } u;
  sio_slice bytes; /* of STR, BIN and EXT                                    */
};

/* Takes a token off *in. False, if there is no whole one, or if there are fewer bytes left than an
 * array or map has members. */
bool sio__msgpack_next(sio_slice *in, struct msgpack *t);
/* Takes a value with all that is in it. */
bool sio__msgpack_skip(sio_slice *in, sio_slice *value);
/* JavaScript's undefined, as its client writes it. */
bool sio__msgpack_undefined(sio_slice value);

/* The value, which a skip has found whole, as JSON: see <sio/parser.h>. SIO_EPROTO for a key that
 * is neither string nor integer; SIO_EDEPTH; what the functions there answer. */
int sio__msgpack_to_json(sio_slice value, sio_parser_out *out);

/* Valid JSON, with placeholders for bins. */
int sio__msgpack_from_json(sio_slice json, const sio_slice *bins, size_t nbins,
                           sio_parser_out *out);
int sio__msgpack_put_str(sio_parser_out *out, sio_slice s);
int sio__msgpack_put_int(sio_parser_out *out, int64_t v);

#endif
