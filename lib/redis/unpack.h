/* SPDX-License-Identifier: MIT
 *
 * unpack.h - reads what other servers publish. A message is MessagePack, or JSON, which is turned
 * into MessagePack first, so that there is one reader for both.
 */
#ifndef SIO_REDIS_UNPACK_H
#define SIO_REDIS_UNPACK_H

#include "packet/parser.h"

/* A whole message: one value, checked. */
struct unpacked {
  sio_slice value;           /* MessagePack; in `converted`, or in what was published */
  struct sio_parser_out own; /* JSON as MessagePack                                   */
};
/* 0, SIO_EPROTO (malformed), SIO_EDEPTH, SIO_ETOOBIG, UV_ENOMEM. Clear it in any case. */
int sio__unpack_message(struct unpacked *u, struct msgs *home, sio_slice message);
void sio__unpacked_clear(struct unpacked *u);

/* Where the value of a key goes; {NULL,0} if it is missing. */
struct unpack_field {
  const char *key;
  sio_slice *value;
};
/* Finds the values of several keys in a map. False: the value is not a map, or is malformed. */
bool sio__unpack_map_fields(sio_slice map, const struct unpack_field *fields, size_t n);
/* Splits an array into its elements. False: the value is not an array of exactly n elements. */
bool sio__unpack_array_elements(sio_slice array, sio_slice *elements, size_t n);
/* Takes the head of an array off *in and stores its length. The elements follow in *in. */
bool sio__unpack_array_length(sio_slice *in, uint32_t *n);

bool sio__unpack_string(sio_slice value, sio_slice *out);
/* A string of less than `size` bytes without a NUL, copied. */
bool sio__unpack_string_copy(sio_slice value, char *out, size_t size);
bool sio__unpack_number(sio_slice value, uint64_t most, uint64_t *out);
bool sio__unpack_is_true(sio_slice value);
bool sio__unpack_is_false(sio_slice value);

enum { UNPACK_ROOM_MAX = 256 }; /* the longest name of a room, with its NUL */
/* The name of a room: a string, or an integer as its digits. False: it cannot be a room here. */
bool sio__unpack_room_name(sio_slice value, char out[UNPACK_ROOM_MAX]);

/* The names of rooms in an array: strings, and integers as their digits, as JavaScript has them.
 * What cannot be the name of a room here is left out. */
struct unpacked_names {
  const char **list; /* NULL-terminated; owned */
  uint32_t given;    /* the length of the array, with the elements that are left out */
};
/* 0, SIO_EPROTO: it is no array; UV_ENOMEM. A missing value is an empty list. */
int sio__unpack_room_names(struct unpacked_names *names, sio_slice array);
void sio__unpacked_room_names_clear(struct unpacked_names *names);

/* A value as JSON text with attachments, which lie in the message. */
struct unpacked_json {
  struct sio_parser_out out;
};
int sio__unpack_value_as_json(struct unpacked_json *j, struct msgs *home, sio_slice value);
void sio__unpacked_json_clear(struct unpacked_json *j);
static inline sio_slice unpacked_json_text(const struct unpacked_json *j) {
  return slice(msg_data(j->out.text), j->out.text->len);
}

/* What is wrong with a message, for the log. */
const char *sio__describe_message_error(int err);

#endif
