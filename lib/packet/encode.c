/* SPDX-License-Identifier: MIT
 *
 * encode.c - encodes Socket.IO packets. A packet is one msg that begins with the Engine.IO packet
 * type '4'; its attachments are linked after it.
 *
 * The number of attachments stands at the start of a packet, but is known only when all values have
 * been written. So the largest possible number is written first, and is corrected at the end if
 * fewer attachments were used.
 */
#include "base/err.h"
#include "base/num.h"
#include "base/utf8.h"
#include "packet/packet.h"
#include "packet/writer.h"

/* Room for everything but the namespace, the name and the values: type, number of attachments, ack
 * id, brackets. */
enum { HEAD_MAX = 64 };

static void put_byte(struct writer *w, char c) { writer_put_bytes(w, &c, 1); }

static void put_unquoted_c_string(struct writer *w, const char *s) {
  writer_put_bytes(w, s, strlen(s));
}

static void put_namespace_and_comma_unless_root(struct writer *w, sio_slice nsp) {
  if (slice_equals_str(nsp, "/")) return;
  writer_put_bytes(w, nsp.p, nsp.n);
  put_byte(w, ',');
}

static void put_ack_id_if_any(struct writer *w, int64_t id) {
  char text[NUM_MAX];
  if (id >= 0) writer_put_bytes(w, text, sio__i64_to_text(text, id));
}

/* Writes the beginning of a packet: "42" for an event and "43" for an ack; with three attachments,
 * "453-" for an event and "463-" for an ack. Returns its length. */
static size_t put_packet_type_and_attachment_count(char out[NUM_MAX + 3], bool event,
                                                   uint32_t nbins) {
  out[0] = '4';
  out[1] = (char)('0' + (event ? PACKET_EVENT : PACKET_ACK));
  if (nbins == 0) return 2;
  out[1] = (char)('0' + (event ? PACKET_BINARY_EVENT : PACKET_BINARY_ACK));
  size_t n = 2 + sio__u64_to_text(out + 2, nbins);
  out[n] = '-';
  return n + 1;
}

static void rewrite_attachment_count_and_shorten_packet(struct msg *m, size_t announced, bool event,
                                                        uint32_t nbins) {
  char text[NUM_MAX + 3], *p = msg_data(m);
  size_t n = put_packet_type_and_attachment_count(text, event, nbins);
  if (n < announced) memmove(p + n, p + announced, m->len - announced);
  memcpy(p, text, n);
  m->len -= (uint32_t)(announced - n);
}

/* Writes s as a JSON string without the quotes around it. */
static void put_json_escaped_text_without_quotes(struct writer *w, sio_slice s) {
  uint32_t from = w->text->len;
  sio__writer_put_json_string(w, s);
  if (w->err) return;
  char *p = msg_data(w->text) + from;
  uint32_t n = w->text->len - from - 2;
  memmove(p, p + 1, n);
  w->text->len = from + n;
}

static void put_comma_and_string_argument(struct writer *w, sio_slice tail) {
  put_byte(w, ',');
  sio__writer_put_json_string(w, tail);
}

/* Writes a name in which "\xC0\x80" stands for U+0000. The parts of the name before and after these
 * bytes are written as JSON strings without quotes, with the escape \u0000 between them. */
__attribute__((cold, noinline)) static void put_event_name_with_nuls(struct writer *w,
                                                                     sio_slice name) {
  const char *end = name.p + name.n, *nul;
  put_byte(w, '"');
  while (!w->err && (nul = sio__utf8_find_escaped_nul(name.p, (size_t)(end - name.p)))) {
    put_json_escaped_text_without_quotes(w, slice(name.p, (size_t)(nul - name.p)));
    put_unquoted_c_string(w, "\\u0000");
    name.p = nul + 2;
  }
  put_json_escaped_text_without_quotes(w, slice(name.p, (size_t)(end - name.p)));
  put_byte(w, '"');
}

/* Writes the name of an event as a JSON string. In the name "\xC0\x80" stands for U+0000 (utf8.h).
 * These bytes are malformed UTF-8, for which sio__writer_put_json_string() writes more bytes than
 * the name has. So, to save time, the name is searched for them only if the string became longer
 * than the name and two quotes. If the name has them, it is written once more, correctly. */
static void put_event_name_as_json_string(struct writer *w, sio_slice name) {
  uint32_t from = w->text->len;
  sio__writer_put_json_string(w, name);
  bool escaped = !w->err && w->text->len - from != name.n + 2;
  if (!escaped || !sio__utf8_find_escaped_nul(name.p, name.n)) return;
  w->text->len = from;
  put_event_name_with_nuls(w, name);
}

static void put_event_name_and_arguments_array(struct writer *w, sio_slice name, sio_args args,
                                               sio_slice tail) {
  bool comma = name.p;
  put_byte(w, '[');
  if (name.p) put_event_name_as_json_string(w, name);
  for (size_t i = 0; i < args.n && !w->err; i++) {
    if (sio__val_stands_for_no_element(&args.v[i])) continue;
    if (comma) put_byte(w, ',');
    sio__writer_put_value(w, &args.v[i]);
    comma = true;
  }
  if (tail.n) put_comma_and_string_argument(w, tail);
  put_byte(w, ']');
}

/* Writes a whole EVENT, or an ACK if name.p is NULL. most_bins is the number of attachments that
 * the arguments have; those to which no placeholder refers are not sent. */
static void put_whole_event_or_ack_packet(struct writer *w, sio_slice nsp, sio_slice name,
                                          sio_args args, int64_t id, sio_slice tail,
                                          uint32_t most_bins) {
  char text[NUM_MAX + 3];
  size_t announced = put_packet_type_and_attachment_count(text, name.p, most_bins);
  writer_put_bytes(w, text, announced);
  put_namespace_and_comma_unless_root(w, nsp);
  put_ack_id_if_any(w, id);
  put_event_name_and_arguments_array(w, name, args, tail);
  if (!w->err && w->nbins != most_bins)
    rewrite_attachment_count_and_shorten_packet(w->text, announced, name.p, w->nbins);
}

static size_t estimate_encoded_packet_size(sio_slice nsp, sio_slice name, sio_args args) {
  size_t n = HEAD_MAX + nsp.n + name.n;
  for (size_t i = 0; i < args.n; i++) n += 1 + sio__val_estimate_json_size(&args.v[i]);
  return n;
}

static uint64_t count_argument_attachments(sio_args args) {
  uint64_t n = 0;
  for (size_t i = 0; i < args.n; i++) n += sio__val_count_attachments(&args.v[i]);
  return n;
}

int sio__encode_event_with_extra_argument(struct msgs *home, struct decode_scratch *scratch,
                                          struct msg **out, const char *nsp, const char *name,
                                          sio_args args, int64_t id, sio_slice tail) {
  struct writer w;
  sio_slice where = slice_str(nsp), what = slice_str(name);
  uint64_t bins = count_argument_attachments(args);
  if (sio__is_reserved_event_name(what)) return SIO_ENAME;
  if (bins > UINT32_MAX) return SIO_ETOOBIG;
  size_t hint = estimate_encoded_packet_size(where, what, args) + tail.n;
  int err = sio__writer_init(&w, home, scratch, hint, bins > 0);
  if (err) return err;
  put_whole_event_or_ack_packet(&w, where, what, args, id, tail, (uint32_t)bins);
  return sio__writer_finish_and_take_packet(&w, out);
}

int sio__encode_event_or_ack(struct msgs *home, struct decode_scratch *scratch, struct msg **out,
                             const char *nsp, const char *name, sio_args args, int64_t id) {
  return sio__encode_event_with_extra_argument(home, scratch, out, nsp, name, args, id,
                                               slice(NULL, 0));
}

/* ---- packets without arguments ---------------------------------------------------------- */

static void put_packet_type_and_namespace(struct writer *w, enum packet_type type, sio_slice nsp) {
  char text[2] = { '4', (char)('0' + type) };
  writer_put_bytes(w, text, sizeof text);
  put_namespace_and_comma_unless_root(w, nsp);
}

static void put_text_and_json_string(struct writer *w, const char *key, const char *text) {
  put_unquoted_c_string(w, key);
  sio__writer_put_json_string(w, slice_str(text));
}

static void put_connect_payload_with_sid_and_pid(struct writer *w, const char *sid,
                                                 const char *pid) {
  put_text_and_json_string(w, "{\"sid\":", sid);
  if (pid) put_text_and_json_string(w, ",\"pid\":", pid);
  put_byte(w, '}');
}

int sio__encode_connect_packet(struct msgs *home, struct msg **out, const char *nsp,
                               const char *sid, const char *pid) {
  struct writer w;
  size_t ids = slice_str(sid).n + slice_str(pid).n;
  int err = sio__writer_init(&w, home, NULL, HEAD_MAX + strlen(nsp) + ids, false);
  if (err) return err;
  put_packet_type_and_namespace(&w, PACKET_CONNECT, slice_str(nsp));
  if (sid) put_connect_payload_with_sid_and_pid(&w, sid, pid);
  return sio__writer_finish_and_take_packet(&w, out);
}

int sio__encode_disconnect_packet(struct msgs *home, struct msg **out, const char *nsp) {
  struct writer w;
  int err = sio__writer_init(&w, home, NULL, HEAD_MAX + strlen(nsp), false);
  if (err) return err;
  put_packet_type_and_namespace(&w, PACKET_DISCONNECT, slice_str(nsp));
  return sio__writer_finish_and_take_packet(&w, out);
}

static bool is_value_null_or_empty(const sio_val *v) {
  if (v->kind == SIO_JSON || v->kind == SIO_ARG) return v->n == 0;
  return v->kind == SIO_NULL || (v->kind == SIO_TREE && !v->u.p);
}

/* Writes the data of an error, which must be one JSON value. A list from sio_event_args() or
 * sio_spread() may contain several values or none, so its text is scanned like JSON text from the
 * host. */
static void put_error_data_as_single_value(struct writer *w, const sio_val *data) {
  sio_val v = *data;
  if (sio__val_may_be_several_or_no_elements(&v)) v.kind = SIO_JSON;
  sio__writer_put_value(w, &v);
}

/* Begins a CONNECT_ERROR packet, and returns 0 or an error. After 0 the caller has to write the
 * payload and to call sio__writer_finish_and_take_packet(). */
static int begin_connect_error_packet_in_writer(struct writer *w, struct msgs *home,
                                                struct decode_scratch *scratch, sio_slice nsp,
                                                const char *message, const sio_val *data) {
  if (sio__val_count_attachments(data)) return SIO_EPLACEHOLDER;
  size_t hint = estimate_encoded_packet_size(nsp, slice_str(message), sio_argv(data, 1));
  int err = sio__writer_init(w, home, scratch, hint, false);
  if (!err) put_packet_type_and_namespace(w, PACKET_CONNECT_ERROR, nsp);
  return err;
}

int sio__encode_connect_error_packet(struct msgs *home, struct decode_scratch *scratch,
                                     struct msg **out, sio_slice nsp, const char *message,
                                     sio_val data) {
  struct writer w;
  int err = begin_connect_error_packet_in_writer(&w, home, scratch, nsp, message, &data);
  if (err) return err;
  put_text_and_json_string(&w, "{\"message\":", message);
  if (!is_value_null_or_empty(&data)) {
    put_unquoted_c_string(&w, ",\"data\":");
    put_error_data_as_single_value(&w, &data);
  }
  put_byte(&w, '}');
  return sio__writer_finish_and_take_packet(&w, out);
}

int sio__encode_event_refusal_data_as_json(struct msgs *home, struct decode_scratch *scratch,
                                           struct msg **out, sio_val data) {
  struct writer w;
  *out = NULL;
  if (is_value_null_or_empty(&data)) return 0;
  if (sio__val_count_attachments(&data)) return SIO_EPLACEHOLDER;
  int err = sio__writer_init(&w, home, scratch, sio__val_estimate_json_size(&data), false);
  if (err) return err;
  put_error_data_as_single_value(&w, &data);
  return sio__writer_finish_and_take_packet(&w, out);
}

int sio__encode_socketio2_error_packet(struct msgs *home, struct decode_scratch *scratch,
                                       struct msg **out, sio_slice nsp, const char *message,
                                       sio_val data) {
  struct writer w;
  int err = begin_connect_error_packet_in_writer(&w, home, scratch, nsp, message, &data);
  if (err) return err;
  if (is_value_null_or_empty(&data))
    sio__writer_put_json_string(&w, slice_str(message));
  else
    put_error_data_as_single_value(&w, &data);
  return sio__writer_finish_and_take_packet(&w, out);
}
