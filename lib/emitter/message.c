/* SPDX-License-Identifier: MIT
 *
 * message.c - writes messages of the classic Redis adapter. The keys of objects are in the order in
 * which the npm packages write them, so that messages can be compared byte for byte. Readers do not
 * depend on the order.
 */
#include "emitter/message.h"

#include "base/err.h"
#include "base/num.h"
#include "packet/msgpack.h"
#include <sio/emit.h>
#include <sio/emitter.h>

void sio__message_init(struct message *m, struct msgs *home) {
  *m = (struct message){ .out = { .home = home, .max = UINT32_MAX } };
  m->out.text = sio__msg_new(home, 0);
  if (!m->out.text) m->err = UV_ENOMEM;
}

void sio__message_clear(struct message *m) { sio__parser_out_clear(&m->out); }

sio_slice sio__message_text(const struct message *m) {
  return slice(msg_data(m->out.text), m->out.text->len);
}

void sio__message_write_raw_json(struct message *m, sio_slice json) {
  if (!m->err) m->err = sio_parser_put(&m->out, json.p, json.n);
}

void sio__message_write_json_string(struct message *m, sio_slice s) {
  if (!m->err) m->err = sio_parser_put_string(&m->out, s);
}

void sio__message_write_number(struct message *m, uint64_t v) {
  char text[NUM_MAX];
  sio__message_write_raw_json(m, slice(text, sio__u64_to_text(text, v)));
}

static void message_append_raw_text(struct message *m, const char *s) {
  sio__message_write_raw_json(m, slice_str(s));
}

/* Writes text, such as "," or the key of a member, and then value as a JSON string. */
static void message_write_text_and_json_string(struct message *m, const char *text,
                                               const char *value) {
  message_append_raw_text(m, text);
  sio__message_write_json_string(m, slice_str(value));
}

/* ---- channels -------------------------------------------------------------------------------- */

void sio__message_write_channel_name(struct message *m, sio_slice key, const char *kind,
                                     sio_slice nsp, const char *last) {
  sio__message_write_raw_json(m, key);
  message_append_raw_text(m, kind);
  message_append_raw_text(m, "#");
  sio__message_write_raw_json(m, nsp);
  message_append_raw_text(m, "#");
  if (!last) return;
  message_append_raw_text(m, last);
  message_append_raw_text(m, "#");
}

const char *sio__message_target_only_room_or_null(const struct message_target *to) {
  return to->rooms && to->rooms[0] && !to->rooms[1] ? to->rooms[0] : NULL;
}

/* ---- targets --------------------------------------------------------------------------------- */

/* Writes a JSON array of names[] and, if one_more is not NULL, of one_more as its last element. */
static void message_write_names_and_one_more(struct message *m, const char *const *names,
                                             const char *one_more) {
  bool first = true;
  message_append_raw_text(m, "[");
  for (; names && *names; names++, first = false)
    message_write_text_and_json_string(m, first ? "" : ",", *names);
  if (one_more) message_write_text_and_json_string(m, first ? "" : ",", one_more);
  message_append_raw_text(m, "]");
}

void sio__message_write_names_as_json_array(struct message *m, const char *const *names) {
  message_write_names_and_one_more(m, names, NULL);
}

static void message_write_comma_and_flag(struct message *m, const char *text, bool *first) {
  message_append_raw_text(m, *first ? "" : ",");
  message_append_raw_text(m, text);
  *first = false;
}

static void message_write_target_flags(struct message *m, const struct message_target *to) {
  bool first = true;
  message_append_raw_text(m, "{");
  if (to->flags & SIO_VOLATILE) message_write_comma_and_flag(m, "\"volatile\":true", &first);
  if (to->flags & SIO_NO_COMPRESS) message_write_comma_and_flag(m, "\"compress\":false", &first);
  if (to->flags & SIO_EMITTER_COMPRESS)
    message_write_comma_and_flag(m, "\"compress\":true", &first);
  if (to->timeout_ms) {
    message_write_comma_and_flag(m, "\"timeout\":", &first);
    sio__message_write_number(m, to->timeout_ms);
  }
  message_append_raw_text(m, "}");
}

void sio__message_write_target(struct message *m, const struct message_target *to,
                               bool with_flags) {
  message_append_raw_text(m, "{\"rooms\":");
  message_write_names_and_one_more(m, to->rooms, NULL);
  if (with_flags && to->by_emitter) {
    message_append_raw_text(m, ",\"flags\":");
    message_write_target_flags(m, to);
  }
  message_append_raw_text(m, ",\"except\":");
  message_write_names_and_one_more(m, to->except, to->skip);
  if (with_flags && !to->by_emitter) {
    message_append_raw_text(m, ",\"flags\":");
    message_write_target_flags(m, to);
  }
  message_append_raw_text(m, "}");
}

static void message_write_event_packet(struct message *m, sio_slice nsp, sio_slice event) {
  message_append_raw_text(m, "{\"type\":2,\"data\":");
  sio__message_write_raw_json(m, event);
  message_append_raw_text(m, ",\"nsp\":");
  sio__message_write_json_string(m, nsp);
  message_append_raw_text(m, "}");
}

/* ---- messages -------------------------------------------------------------------------------- */

void sio__message_write_broadcast(struct message *m, const char *uid, sio_slice nsp,
                                  sio_slice event, const struct message_target *to) {
  message_write_text_and_json_string(m, "[", uid);
  message_append_raw_text(m, ",");
  message_write_event_packet(m, nsp, event);
  message_append_raw_text(m, ",");
  sio__message_write_target(m, to, true);
  message_append_raw_text(m, "]");
}

/* Writes {"uid":UID,"requestId":ID,"type":TYPE without the closing brace. If uid is NULL, the
 * member "uid" is left out. If id is NULL, the member "requestId" is left out. If uid is NULL, id
 * must be NULL, too. */
static void message_write_request_start(struct message *m, const char *uid, const char *id,
                                        enum message_type type) {
  message_append_raw_text(m, "{");
  if (uid) message_write_text_and_json_string(m, "\"uid\":", uid);
  if (id) message_write_text_and_json_string(m, ",\"requestId\":", id);
  message_append_raw_text(m, uid ? ",\"type\":" : "\"type\":");
  sio__message_write_number(m, type);
}

void sio__message_write_broadcast_with_acks(struct message *m, const char *uid, const char *id,
                                            sio_slice nsp, sio_slice event,
                                            const struct message_target *to) {
  message_write_request_start(m, uid, id, MESSAGE_BROADCAST_WITH_ACKS);
  message_append_raw_text(m, ",\"packet\":");
  message_write_event_packet(m, nsp, event);
  message_append_raw_text(m, ",\"opts\":");
  sio__message_write_target(m, to, true);
  message_append_raw_text(m, "}");
}

void sio__message_write_join_leave_or_disconnect(struct message *m, const char *uid,
                                                 enum message_type type,
                                                 const struct message_target *to,
                                                 const char *const *rooms, bool session) {
  message_write_request_start(m, uid, NULL, type);
  message_append_raw_text(m, ",\"opts\":");
  sio__message_write_target(m, to, false);
  if (type == MESSAGE_DISCONNECT) {
    message_append_raw_text(m, session ? ",\"close\":true}" : ",\"close\":false}");
    return;
  }
  message_append_raw_text(m, ",\"rooms\":");
  message_write_names_and_one_more(m, rooms, NULL);
  message_append_raw_text(m, "}");
}

void sio__message_write_server_event(struct message *m, const char *uid, const char *id,
                                     sio_slice event) {
  message_write_request_start(m, uid, id, MESSAGE_SERVER_EMIT);
  message_append_raw_text(m, ",\"data\":");
  sio__message_write_raw_json(m, event);
  message_append_raw_text(m, "}");
}

void sio__message_write_fetch_request(struct message *m, const char *uid, const char *id,
                                      const struct message_target *to) {
  message_write_request_start(m, uid, id, MESSAGE_FETCH);
  message_append_raw_text(m, ",\"opts\":");
  sio__message_write_target(m, to, false);
  message_append_raw_text(m, "}");
}

void sio__message_convert_to_msgpack(struct message *m, const struct message *from,
                                     const sio_slice *bins, size_t nbins) {
  if (!m->err) m->err = from->err;
  if (!m->err) m->err = sio__msgpack_from_json(sio__message_text(from), bins, nbins, &m->out);
}
