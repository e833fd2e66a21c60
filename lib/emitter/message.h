/* SPDX-License-Identifier: MIT
 *
 * message.h - writes the messages and channel names of the classic Redis adapter, for the emitter
 * and for the adapter (lib/redis).
 *
 * A message is written as JSON text with placeholders for binary data. Where the protocol wants
 * MessagePack, sio__message_convert_to_msgpack() converts the text.
 */
#ifndef SIO_EMITTER_MESSAGE_H
#define SIO_EMITTER_MESSAGE_H

#include "packet/parser.h"

enum message_type {
  MESSAGE_SOCKETS,
  MESSAGE_ALL_ROOMS,
  MESSAGE_JOIN,
  MESSAGE_LEAVE,
  MESSAGE_DISCONNECT,
  MESSAGE_FETCH,
  MESSAGE_SERVER_EMIT,
  MESSAGE_ASK, /* a broadcast with acks */
  MESSAGE_COUNT,
  MESSAGE_ACK
};

struct message_target {
  const char *const *rooms, *const *except;
  const char *skip;    /* one more name in `except`, or NULL               */
  unsigned flags;      /* SIO_VOLATILE ...                                 */
  unsigned timeout_ms; /* 0: none is sent                                  */
  bool by_emitter;     /* the order of keys that redis-emitter writes      */
};

/* The text of a message while it is written. The first error stays; what is written after it is
 * lost. */
struct message {
  struct sio_parser_out out;
  int err;
};

void sio__message_init(struct message *m, struct msgs *home);
void sio__message_clear(struct message *m);
sio_slice sio__message_text(const struct message *m); /* only if m->err is 0 */

void sio__message_write_json(struct message *m, sio_slice json);
void sio__message_write_string(struct message *m, sio_slice s);
void sio__message_write_number(struct message *m, uint64_t v);

/* "KEY<kind>#NSP#", and "LAST#" after it unless last is NULL. kind: "", "-request", "-response". */
void sio__message_write_channel_name(struct message *m, sio_slice key, const char *kind,
                                     sio_slice nsp, const char *last);

/* The room of a target that has exactly one, or NULL. */
const char *sio__message_single_room(const struct message_target *to);

/* ["a","b"]; NULL: none. */
void sio__message_write_names(struct message *m, const char *const *names);
/* {"rooms":...,"except":...}, and "flags" if wanted. */
void sio__message_write_target(struct message *m, const struct message_target *to, bool with_flags);

/* [uid,packet,opts]; event is its JSON text. */
void sio__message_write_broadcast(struct message *m, const char *uid, sio_slice nsp,
                                  sio_slice event, const struct message_target *to);
/* MESSAGE_ASK. */
void sio__message_write_broadcast_with_acks(struct message *m, const char *uid, const char *id,
                                            sio_slice nsp, sio_slice event,
                                            const struct message_target *to);
/* MESSAGE_JOIN, _LEAVE with rooms, _DISCONNECT with session. uid NULL: none. */
void sio__message_write_join_leave_or_disconnect(struct message *m, const char *uid,
                                                 enum message_type type,
                                                 const struct message_target *to,
                                                 const char *const *rooms, bool session);
/* MESSAGE_SERVER_EMIT. id NULL: no answer is wanted. */
void sio__message_write_server_event(struct message *m, const char *uid, const char *id,
                                     sio_slice event);
/* MESSAGE_FETCH. */
void sio__message_write_fetch_request(struct message *m, const char *uid, const char *id,
                                      const struct message_target *to);

/* Writes the JSON text of `from` as MessagePack. */
void sio__message_convert_to_msgpack(struct message *m, const struct message *from,
                                     const sio_slice *bins, size_t nbins);

#endif
