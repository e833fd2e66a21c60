/* SPDX-License-Identifier: MIT
 *
 * message.h - writes the messages and channel names of the classic Redis adapter, for the emitter
 * and for the adapters in lib/redis.
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
  MESSAGE_BROADCAST_WITH_ACKS,
  MESSAGE_COUNT,
  MESSAGE_ACK
};

struct message_target {
  const char *const *rooms, *const *except;
  const char *skip;    /* a name that is written after those of `except`; NULL: no name */
  unsigned flags;      /* SIO_VOLATILE, SIO_NO_COMPRESS, SIO_EMITTER_COMPRESS           */
  unsigned timeout_ms; /* how long servers wait for acks; 0: the message has no timeout */
  bool by_emitter;     /* true: the keys are written in the order of redis-emitter      */
};

/* A message that is being written, as JSON or MessagePack. err is the first error, after which the
 * functions below write nothing more. */
struct message {
  struct sio_parser_out out;
  int err;
};

void sio__message_init(struct message *m, struct msgs *home);
void sio__message_clear(struct message *m);
sio_slice sio__message_text(const struct message *m); /* may be called only if m->err is 0 */

void sio__message_write_raw_json(struct message *m, sio_slice json);
void sio__message_write_json_string(struct message *m, sio_slice s);
void sio__message_write_number(struct message *m, uint64_t v);

/* Writes the name of a channel: "KEY<kind>#NSP#", followed by "LAST#" if last is not NULL. kind is
 * "", "-request" or "-response". */
void sio__message_write_channel_name(struct message *m, sio_slice key, const char *kind,
                                     sio_slice nsp, const char *last);

/* Returns the room of a target that has exactly one room, otherwise NULL. */
const char *sio__message_target_only_room_or_null(const struct message_target *to);

/* Writes a JSON array of strings, such as ["a","b"]; an empty one if names is NULL. */
void sio__message_write_names_as_json_array(struct message *m, const char *const *names);
/* Writes the object {"rooms":...,"except":...}, with a member "flags" if with_flags is true. */
void sio__message_write_target(struct message *m, const struct message_target *to, bool with_flags);

/* Writes a broadcast: the array [uid,packet,opts]. `event` is the JSON array of the event's name
 * and arguments. */
void sio__message_write_broadcast(struct message *m, const char *uid, sio_slice nsp,
                                  sio_slice event, const struct message_target *to);
/* Writes a request that makes servers broadcast an event and send back the acks of its receivers
 * (MESSAGE_BROADCAST_WITH_ACKS). */
void sio__message_write_broadcast_with_acks(struct message *m, const char *uid, const char *id,
                                            sio_slice nsp, sio_slice event,
                                            const struct message_target *to);
/* Writes a request that makes the sockets of a target join or leave `rooms`, or disconnects them:
 * type is MESSAGE_JOIN, MESSAGE_LEAVE or MESSAGE_DISCONNECT. `session` is used for the last type
 * only: if true, the connections are closed too. If uid is NULL, the member "uid" is left out. */
void sio__message_write_join_leave_or_disconnect(struct message *m, const char *uid,
                                                 enum message_type type,
                                                 const struct message_target *to,
                                                 const char *const *rooms, bool session);
/* Writes a request that sends an event to the handlers of other servers (MESSAGE_SERVER_EMIT). If
 * id is NULL, no answer is wanted. */
void sio__message_write_server_event(struct message *m, const char *uid, const char *id,
                                     sio_slice event);
/* Writes a request that asks other servers for a list of their sockets in a target
 * (MESSAGE_FETCH). */
void sio__message_write_fetch_request(struct message *m, const char *uid, const char *id,
                                      const struct message_target *to);

/* Writes to m, as MessagePack, the JSON text of `from`, whose placeholders stand for bins[]. */
void sio__message_convert_to_msgpack(struct message *m, const struct message *from,
                                     const sio_slice *bins, size_t nbins);

#endif
