/* SPDX-License-Identifier: MIT
 *
 * message.c - the keys stand in the order in which the npm packages write them, so that messages
 * can be compared byte for byte. Readers do not depend on the order.
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

void sio__message_put(struct message *m, sio_slice json) {
  if (!m->err) m->err = sio_parser_put(&m->out, json.p, json.n);
}

void sio__message_put_string(struct message *m, sio_slice s) {
  if (!m->err) m->err = sio_parser_string(&m->out, s);
}

void sio__message_put_number(struct message *m, uint64_t v) {
  char text[NUM_MAX];
  sio__message_put(m, slice(text, sio__u64_to_text(text, v)));
}

static void put_text(struct message *m, const char *s) { sio__message_put(m, slice_str(s)); }

/* ,"key":"value" */
static void message_put_member(struct message *m, const char *key, const char *value) {
  put_text(m, key);
  sio__message_put_string(m, slice_str(value));
}

/* ---- channels -------------------------------------------------------------------------------- */

void sio__message_channel(struct message *m, sio_slice key, const char *kind, sio_slice nsp,
                          const char *last) {
  sio__message_put(m, key);
  put_text(m, kind);
  put_text(m, "#");
  sio__message_put(m, nsp);
  put_text(m, "#");
  if (!last) return;
  put_text(m, last);
  put_text(m, "#");
}

const char *sio__message_only_room(const struct message_target *to) {
  return to->rooms && to->rooms[0] && !to->rooms[1] ? to->rooms[0] : NULL;
}

/* ---- targets --------------------------------------------------------------------------------- */

/* ["a","b"]; one more: NULL, or the last of them. */
static void put_names(struct message *m, const char *const *names, const char *one_more) {
  bool first = true;
  put_text(m, "[");
  for (; names && *names; names++, first = false) message_put_member(m, first ? "" : ",", *names);
  if (one_more) message_put_member(m, first ? "" : ",", one_more);
  put_text(m, "]");
}

void sio__message_put_names(struct message *m, const char *const *names) {
  put_names(m, names, NULL);
}

static void put_flag(struct message *m, const char *text, bool *first) {
  put_text(m, *first ? "" : ",");
  put_text(m, text);
  *first = false;
}

static void put_flags(struct message *m, const struct message_target *to) {
  bool first = true;
  put_text(m, "{");
  if (to->flags & SIO_VOLATILE) put_flag(m, "\"volatile\":true", &first);
  if (to->flags & SIO_NO_COMPRESS) put_flag(m, "\"compress\":false", &first);
  if (to->flags & SIO_EMITTER_COMPRESS) put_flag(m, "\"compress\":true", &first);
  if (to->timeout_ms) {
    put_flag(m, "\"timeout\":", &first);
    sio__message_put_number(m, to->timeout_ms);
  }
  put_text(m, "}");
}

void sio__message_put_opts(struct message *m, const struct message_target *to, bool with_flags) {
  put_text(m, "{\"rooms\":");
  put_names(m, to->rooms, NULL);
  if (with_flags && to->by_emitter) {
    put_text(m, ",\"flags\":");
    put_flags(m, to);
  }
  put_text(m, ",\"except\":");
  put_names(m, to->except, to->skip);
  if (with_flags && !to->by_emitter) {
    put_text(m, ",\"flags\":");
    put_flags(m, to);
  }
  put_text(m, "}");
}

static void message_put_packet(struct message *m, sio_slice nsp, sio_slice event) {
  put_text(m, "{\"type\":2,\"data\":");
  sio__message_put(m, event);
  put_text(m, ",\"nsp\":");
  sio__message_put_string(m, nsp);
  put_text(m, "}");
}

/* ---- messages -------------------------------------------------------------------------------- */

void sio__message_broadcast(struct message *m, const char *uid, sio_slice nsp, sio_slice event,
                            const struct message_target *to) {
  message_put_member(m, "[", uid);
  put_text(m, ",");
  message_put_packet(m, nsp, event);
  put_text(m, ",");
  sio__message_put_opts(m, to, true);
  put_text(m, "]");
}

/* {"uid":...,"requestId":...,"type":...   without the closing brace. NULL: left out. */
static void put_request_head(struct message *m, const char *uid, const char *id,
                             enum message_type type) {
  put_text(m, "{");
  if (uid) message_put_member(m, "\"uid\":", uid);
  if (id) message_put_member(m, ",\"requestId\":", id);
  put_text(m, uid ? ",\"type\":" : "\"type\":");
  sio__message_put_number(m, type);
}

void sio__message_ask(struct message *m, const char *uid, const char *id, sio_slice nsp,
                      sio_slice event, const struct message_target *to) {
  put_request_head(m, uid, id, MESSAGE_ASK);
  put_text(m, ",\"packet\":");
  message_put_packet(m, nsp, event);
  put_text(m, ",\"opts\":");
  sio__message_put_opts(m, to, true);
  put_text(m, "}");
}

void sio__message_bulk(struct message *m, const char *uid, enum message_type type,
                       const struct message_target *to, const char *const *rooms, bool session) {
  put_request_head(m, uid, NULL, type);
  put_text(m, ",\"opts\":");
  sio__message_put_opts(m, to, false);
  if (type == MESSAGE_DISCONNECT) {
    put_text(m, session ? ",\"close\":true}" : ",\"close\":false}");
    return;
  }
  put_text(m, ",\"rooms\":");
  put_names(m, rooms, NULL);
  put_text(m, "}");
}

void sio__message_server_emit(struct message *m, const char *uid, const char *id, sio_slice event) {
  put_request_head(m, uid, id, MESSAGE_SERVER_EMIT);
  put_text(m, ",\"data\":");
  sio__message_put(m, event);
  put_text(m, "}");
}

void sio__message_fetch(struct message *m, const char *uid, const char *id,
                        const struct message_target *to) {
  put_request_head(m, uid, id, MESSAGE_FETCH);
  put_text(m, ",\"opts\":");
  sio__message_put_opts(m, to, false);
  put_text(m, "}");
}

void sio__message_pack(struct message *m, const struct message *from, const sio_slice *bins,
                       size_t nbins) {
  if (!m->err) m->err = from->err;
  if (!m->err) m->err = sio__msgpack_from_json(sio__message_text(from), bins, nbins, &m->out);
}
