/* SPDX-License-Identifier: MIT
 *
 * unpack.h - reads the messages of Socket.IO servers. A message is MessagePack or JSON. JSON is
 * converted to MessagePack first, so that one reader serves both.
 */
#ifndef SIO_REDIS_UNPACK_H
#define SIO_REDIS_UNPACK_H

#include "packet/parser.h"

/* A message of a Socket.IO server: one MessagePack value, which was checked. */
struct unpacked {
  sio_slice value;           /* the MessagePack, in `own` or in the message that was received */
  struct sio_parser_out own; /* the message as MessagePack if it was JSON */
};
/* Checks a message and, if it begins with '{', converts it from JSON to MessagePack. Returns 0,
 * SIO_EPROTO (the message is malformed), SIO_EDEPTH, SIO_ETOOBIG or UV_ENOMEM. The caller must
 * clear *u, also after an error. */
int sio__check_message_and_convert_if_json(struct unpacked *u, struct msgs *home,
                                           sio_slice message);
void sio__unpacked_clear(struct unpacked *u);

/* Where sio__unpack_map_fields() stores the value of a key: {NULL,0} if the key is missing. */
struct unpack_field {
  const char *key;
  sio_slice *value;
};
/* Finds the values of several keys in a map. Returns false if `map` is not a map, or is
 * malformed. */
bool sio__unpack_map_fields(sio_slice map, const struct unpack_field *fields, size_t n);
/* Splits an array into its elements. Returns false if `array` is not an array of exactly n
 * elements. */
bool sio__unpack_array_elements(sio_slice array, sio_slice *elements, size_t n);
/* Reads the head of an array: stores its length in *n and moves *in to its first element. Returns
 * false if *in is not an array. */
bool sio__unpack_array_length_and_advance(sio_slice *in, uint32_t *n);

bool sio__unpack_string(sio_slice value, sio_slice *out);
/* Copies a string to out, and adds a NUL. Returns false if the value is not a string, contains a
 * NUL, or is too long for `size` bytes. */
bool sio__unpack_string_copy(sio_slice value, char *out, size_t size);
bool sio__unpack_number(sio_slice value, uint64_t most, uint64_t *out);
bool sio__unpack_is_true(sio_slice value);
bool sio__unpack_is_false(sio_slice value);

enum { UNPACK_ROOM_MAX = 256 }; /* the size of the longest name of a room, with its NUL */
/* Copies the name of a room to out: a string, or the digits of an integer. Returns false if the
 * value is neither, or is a string that contains a NUL or is too long for UNPACK_ROOM_MAX bytes. */
bool sio__unpack_room_name(sio_slice value, char out[UNPACK_ROOM_MAX]);

/* The names of rooms in an array. Elements for which sio__unpack_room_name() would return false are
 * left out. */
struct unpacked_names {
  const char **list; /* NULL-terminated; owned */
  uint32_t given;    /* the length of the array, including the elements that are left out */
};
/* Reads the names of rooms. If `array` has no bytes, because the field is missing, the list is
 * empty. Returns 0, SIO_EPROTO (the value is not an array) or UV_ENOMEM. */
int sio__unpack_room_names(struct unpacked_names *names, sio_slice array);
void sio__unpacked_room_names_clear(struct unpacked_names *names);

/* A value as JSON text. A value without bytes becomes null. Attachments point into the value. */
struct unpacked_json {
  struct sio_parser_out out;
};
int sio__unpack_value_as_json(struct unpacked_json *j, struct msgs *home, sio_slice value);
void sio__unpacked_json_clear(struct unpacked_json *j);
static inline sio_slice unpacked_json_text(const struct unpacked_json *j) {
  return slice(msg_data(j->out.text), j->out.text->len);
}

#endif
