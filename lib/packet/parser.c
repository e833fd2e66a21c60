/* SPDX-License-Identifier: MIT
 *
 * parser.c - calls the parser of sio_options.parser, and checks what the parser makes of a received
 * message.
 */
#include "packet/parser.h"

#include "base/err.h"
#include "base/num.h"
#include "base/utf8.h"
#include "packet/json_string.h"

enum {
  FIRST_BINS = 4, /* at first, room for this many attachments is allocated */
  HEAD_HINT = 64,
  BRIEF = 128,     /* Up to this length, room is reserved as if the string were all escapes. */
  WORST_ESCAPE = 6 /* the length of the longest escape, \u0000 */
};

static const int64_t max_id = INT64_C(9007199254740991);

/* ---- what is written ---------------------------------------------------------------------- */

void sio__parser_out_clear(struct sio_parser_out *out) {
  msg_unref(out->text);
  sio__free(out->bins);
  out->text = NULL;
  out->bins = NULL;
  out->nbins = out->cap = 0;
}

int sio_parser_put(sio_parser_out *out, const void *p, size_t n) {
  if (n > out->max - out->text->len) return SIO_ETOOBIG;
  return sio__msg_put(&out->text, p, n);
}

/* Reserves room for a string of up to BRIEF bytes as if every byte were escaped. Only if the limit
 * does not leave that much room, or if the string is longer, its escaped length is measured. */
int sio_parser_put_string(sio_parser_out *out, sio_slice s) {
  size_t left = out->max - out->text->len, n = WORST_ESCAPE * s.n + 2;
  if (s.n > BRIEF || n > left) n = sio__json_quoted_length(s);
  if (n > left) return SIO_ETOOBIG;
  int err = sio__msg_reserve(&out->text, n);
  if (err) return err;
  out->text->len += (uint32_t)sio__json_quote_string(msg_data(out->text) + out->text->len, s);
  return 0;
}

static int parser_reserve_attachment_slot(struct sio_parser_out *out) {
  if (out->nbins < out->cap) return 0;
  sio_slice *bins = sio__array_grow(out->bins, &out->cap, sizeof *bins, FIRST_BINS);
  if (!bins) return UV_ENOMEM;
  out->bins = bins;
  return 0;
}

int sio_parser_put_bin(sio_parser_out *out, sio_slice bytes) {
  static const char head[] = "{\"_placeholder\":true,\"num\":";
  char text[sizeof head + NUM_MAX];
  if (out->nbins >= out->max_bins) {
    out->too_many_bins = true;
    return SIO_EPROTO;
  }
  int err = parser_reserve_attachment_slot(out);
  if (err) return err;
  memcpy(text, head, sizeof head - 1);
  size_t n = sizeof head - 1;
  n += sio__u64_to_text(text + n, out->nbins);
  text[n++] = '}';
  out->bins[out->nbins++] = bytes;
  return sio_parser_put(out, text, n);
}

/* ---- the functions of the host --------------------------------------------------------------- */

/* Makes an error of a positive result of encode() or decode(), which <sio/parser.h> does not allow.
 * A 1 from decode() would look like DECODE_PACKET. */
static int parser_result_to_error(int result) { return result > 0 ? SIO_EPROTO : result; }

/* ---- out ------------------------------------------------------------------------------------ */

/* Returns the payload of a packet in the default encoding: the JSON after the type, the number of
 * attachments, the namespace and the ack id. */
static sio_slice find_json_payload_of_encoded_packet(const struct msg *m, sio_slice nsp) {
  const char *text = msg_data(m), *at = text + 2, *end = text + m->len;
  if (m->next) at = (const char *)memchr(text, '-', m->len) + 1;
  if (!slice_equals_str(nsp, "/")) at += nsp.n + 1;
  while (at < end && *at >= '0' && *at <= '9') at++;
  return slice(at, (size_t)(end - at));
}

static int list_attachments_and_sum_their_sizes(const struct msg *json, struct sio_parser_out *out,
                                                size_t *bytes) {
  for (const struct msg *m = json->next; m; m = m->next) {
    int err = parser_reserve_attachment_slot(out);
    if (err) return err;
    out->bins[out->nbins++] = slice(msg_data(m), m->len);
    *bytes += m->len;
  }
  return 0;
}

int sio__custom_parser_encode_packet(const sio_parser_ops *ops, struct msgs *home,
                                     const struct msg *json, enum packet_type type, sio_slice nsp,
                                     int64_t id, struct msg **out) {
  struct sio_parser_out to = { .home = home, .max = UINT32_MAX };
  size_t bytes = json->len + nsp.n + HEAD_HINT;
  int err = list_attachments_and_sum_their_sizes(json, &to, &bytes);
  if (!err && bytes > UINT32_MAX) err = SIO_ETOOBIG;
  if (!err && !(to.text = sio__msg_new(home, bytes))) err = UV_ENOMEM;
  sio_parts p = { .type = (int)type,
                  .nsp = nsp,
                  .json = find_json_payload_of_encoded_packet(json, nsp),
                  .bins = to.bins,
                  .nbins = to.nbins,
                  .id = id };
  /* A text message begins with Engine.IO's packet type '4' (message); a binary message has no
   * type. */
  if (!err && !ops->binary) err = sio_parser_put(&to, "4", 1);
  if (!err) err = parser_result_to_error(ops->encode(&p, &to));
  if (!err) {
    *out = to.text;
    (*out)->binary = ops->binary;
    to.text = NULL;
  }
  sio__parser_out_clear(&to);
  return err;
}

int sio__custom_parser_reencode_packet_if_set(const sio_parser_ops *ops, struct msgs *home,
                                              struct msg **m, enum packet_type type,
                                              sio_slice nsp) {
  struct msg *made = NULL;
  if (!ops) return 0;
  int err = sio__custom_parser_encode_packet(ops, home, *m, type, nsp, PACKET_NO_ID, &made);
  msg_unref(*m);
  *m = made;
  return err;
}

/* ---- in -------------------------------------------------------------------------------------- */

static int parser_set_decode_error(const char **why, int err, const char *text) {
  *why = text;
  return err;
}

static int set_default_reason_for_custom_parser_error(int err, const struct sio_parser_out *own,
                                                      const char **why) {
  if (**why) return err;
  if (own->too_many_bins) return parser_set_decode_error(why, err, "too many attachments");
  switch (err) {
    case UV_ENOMEM: return parser_set_decode_error(why, err, "out of memory");
    case SIO_ETOOBIG: return parser_set_decode_error(why, err, "packet too big");
    case SIO_EDEPTH: return parser_set_decode_error(why, err, "payload nested too deep");
    default: return parser_set_decode_error(why, err, "invalid payload");
  }
}

/* Returns true if the placeholders in the text are numbered as sio_parser_put_bin() has numbered
 * the attachments: 0, 1, 2 and so on. They are not if the peer has sent another object that looks
 * like a placeholder; the packet is then refused. In a packet without attachments such an object is
 * plain data, so the result is true. */
static bool are_placeholders_exactly_those_of_parser(const struct json_scan *scan, uint32_t nbins) {
  if (nbins == 0) return true;
  if (scan->nplaceholders != nbins) return false;
  for (uint32_t i = 0; i < nbins; i++)
    if (scan->placeholders[i].num != i) return false;
  return true;
}

static int check_packet_header_of_custom_parser(const sio_parts *p, const char **why) {
  if (p->type < SIO_PACKET_CONNECT || p->type > SIO_PACKET_CONNECT_ERROR)
    return parser_set_decode_error(why, SIO_EPROTO, "invalid packet type");
  if (p->nsp.n == 0 || p->nsp.p[0] != '/' || !sio__utf8_is_valid(p->nsp.p, p->nsp.n))
    return parser_set_decode_error(why, SIO_EPROTO, "invalid namespace");
  if (p->id < PACKET_NO_ID || p->id > max_id)
    return parser_set_decode_error(why, SIO_EPROTO, "invalid packet id");
  return 0;
}

static int check_and_fill_packet_of_custom_parser(const sio_parts *p,
                                                  const struct sio_parser_out *own,
                                                  struct decode_scratch *scratch,
                                                  const struct decoder_limits *lim,
                                                  struct packet *out, const char **why) {
  int err = check_packet_header_of_custom_parser(p, why);
  if (err) return err;
  *out = (struct packet){ .type = (enum packet_type)p->type,
                          .nsp = p->nsp,
                          .id = p->id,
                          .json = slice(msg_data(own->text), own->text->len),
                          .scan = &scratch->scan,
                          .bins = own->bins,
                          .nbins = own->nbins };
  bool needed = p->type == SIO_PACKET_EVENT || p->type == SIO_PACKET_ACK;
  if (needed && out->json.n == 0)
    return parser_set_decode_error(why, SIO_EPROTO, "invalid payload");
  if (!sio__utf8_is_valid(out->json.p, out->json.n))
    return parser_set_decode_error(why, SIO_EPROTO, "invalid payload");
  err =
      sio__packet_scan_and_check_payload(out->type, out->json, &scratch->scan, lim->max_depth, why);
  if (err) return err;
  return are_placeholders_exactly_those_of_parser(&scratch->scan, own->nbins)
             ? DECODE_PACKET
             : parser_set_decode_error(why, SIO_EPROTO,
                                       "the placeholders do not match the attachments");
}

int sio__custom_parser_decode_packet(const sio_parser_ops *ops, struct msgs *home,
                                     struct decode_scratch *scratch,
                                     const struct decoder_limits *lim, bool binary, sio_slice data,
                                     struct sio_parser_out *own, struct packet *out,
                                     const char **why) {
  sio_parts p = { .type = -1, .nsp = SLICE("/"), .id = PACKET_NO_ID };
  *own = (struct sio_parser_out){ .home = home, .max = lim->max_packet };
  own->max_bins = lim->max_attachments;
  *why = "";
  if (binary != ops->binary)
    return parser_set_decode_error(why, SIO_EPROTO,
                                   binary ? "binary data: the client uses another parser"
                                          : "plaintext data: the client uses another parser");
  if (data.n > lim->max_packet) return parser_set_decode_error(why, SIO_ETOOBIG, "packet too big");
  if (!(own->text = sio__msg_new(home, 0)))
    return parser_set_decode_error(why, UV_ENOMEM, "out of memory");
  int err = parser_result_to_error(ops->decode(binary, data, &p, own, why));
  return err ? set_default_reason_for_custom_parser_error(err, own, why)
             : check_and_fill_packet_of_custom_parser(&p, own, scratch, lim, out, why);
}
