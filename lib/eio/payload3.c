/* SPDX-License-Identifier: MIT
 *
 * payload3.c - Engine.IO 3 payloads, for clients of Socket.IO 2.
 *
 * Text form:   <length>:<packet>..., the length in UTF-16 code units, as JavaScript counts.
 * Binary form: 0x00 (text packet) or 0x01 (binary packet), the length's decimal digits as bytes
 *              0 to 9, 0xFF, the packet; the length in bytes. An answer has this form if a packet
 *              in it is binary and the client has not asked for base64.
 */
#include "base/base64.h"
#include "eio/payload.h"
#include <sio/error.h>
#include <stdio.h>

enum {
  LENGTH_DIGITS = 10, /* the number of digits of the largest max_payload, 1 GiB */
  LENGTH_END = 0xff
};

/* ---- text ------------------------------------------------------------------------- */

/* Returns how many UTF-16 code units a character has whose UTF-8 form begins with this byte: two if
 * it is outside the BMP, otherwise one. Returns 0 for a continuation byte of UTF-8. */
static size_t utf16_units_of_utf8_lead_byte(unsigned char lead) {
  if ((lead & 0xc0) == 0x80) return 0;
  return lead >= 0xf0 ? 2 : 1;
}

static size_t count_utf16_units(const char *p, size_t n) {
  size_t units = 0;
  for (size_t i = 0; i < n; i++) units += utf16_units_of_utf8_lead_byte((unsigned char)p[i]);
  return units;
}

/* Returns the length of a packet in UTF-16 code units. A binary packet is written as "b4" and
 * base64. */
static size_t packet_utf16_units(const struct msg *m) {
  return m->binary ? 2 + BASE64_LEN((size_t)m->len) : count_utf16_units(msg_data(m), m->len);
}

static size_t write_decimal_or_only_measure(char *out, size_t n) {
  char digits[24];
  int len = snprintf(digits, sizeof digits, "%zu", n);
  if (out) memcpy(out, digits, (size_t)len);
  return (size_t)len;
}

static size_t payload3_packet_len_in_text_form(const struct msg *m) {
  size_t bytes = m->binary ? 2 + BASE64_LEN((size_t)m->len) : m->len;
  return write_decimal_or_only_measure(NULL, packet_utf16_units(m)) + 1 + bytes;
}

static char *payload3_write_packet_in_text_form(char *out, const struct msg *m) {
  out += write_decimal_or_only_measure(out, packet_utf16_units(m));
  *out++ = ':';
  if (!m->binary) {
    memcpy(out, msg_data(m), m->len);
    return out + m->len;
  }
  *out++ = 'b';
  *out++ = '4';
  return out + sio__base64_encode(out, msg_data(m), m->len);
}

/* Returns how many of the n bytes at p hold the first `units` UTF-16 code units; SIZE_MAX if the
 * text is shorter, or if the last unit would be half of a character. */
static size_t count_bytes_of_utf16_units(const char *p, size_t n, size_t units) {
  size_t i = 0;
  while (units > 0 && i < n) {
    size_t step = utf16_units_of_utf8_lead_byte((unsigned char)p[i++]);
    if (step > units) return SIZE_MAX;
    units -= step;
    while (i < n && utf16_units_of_utf8_lead_byte((unsigned char)p[i]) == 0) i++;
  }
  return units ? SIZE_MAX : i;
}

/* Reads a binary packet in text form: "b", the type, and base64. A packet of unknown type becomes a
 * noop, as in Node.js's server. */
static int payload3_decode_base64_packet(sio_slice text, struct eio_in *out) {
  unsigned type = text.n > 1 ? (unsigned char)text.p[1] - '0' : EIO_NOOP;
  size_t skip = text.n > 1 ? 2 : 1;
  char *p = (char *)(uintptr_t)text.p;
  out->binary = true;
  out->type = type <= EIO_NOOP ? (enum eio_packet)type : EIO_NOOP;
  out->data = slice(p, sio__base64_decode(p, text.p + skip, text.n - skip));
  return 1;
}

int sio__packet3_parse_text(sio_slice text, struct eio_in *out) {
  if (text.n && text.p[0] == 'b') return payload3_decode_base64_packet(text, out);
  return sio__packet4_parse_text(text, out);
}

static int payload3_take_text_of_next_packet(sio_slice *rest, sio_slice *one) {
  const char *colon =
      memchr(rest->p, ':', rest->n < LENGTH_DIGITS + 1 ? rest->n : LENGTH_DIGITS + 1);
  uint64_t units;
  if (!colon || !sio__slice_parse_u64(slice(rest->p, (size_t)(colon - rest->p)), &units))
    return SIO_EPROTO;
  size_t left = (size_t)(rest->p + rest->n - colon - 1);
  if (units > left) return SIO_EPROTO; /* each UTF-16 code unit takes at least one byte */
  size_t n = count_bytes_of_utf16_units(colon + 1, left, (size_t)units);
  if (n == SIZE_MAX) return SIO_EPROTO;
  *one = slice(colon + 1, n);
  *rest = slice(colon + 1 + n, left - n);
  return 1;
}

static int payload3_next_packet_of_text_body(sio_slice *rest, struct eio_in *out) {
  sio_slice one = slice(NULL, 0);
  if (!rest->p) return 0;
  if (rest->n == 0) return SIO_EPROTO;
  while (one.n == 0) {
    int err = payload3_take_text_of_next_packet(rest, &one);
    if (err < 0) return err;
    if (rest->n == 0) *rest = slice(NULL, 0);
    if (!rest->p && one.n == 0) return 0;
  }
  return sio__packet3_parse_text(one, out);
}

/* ---- binary ------------------------------------------------------------------------- */

static size_t payload3_write_binary_length(char *out, size_t n) {
  size_t len = write_decimal_or_only_measure(out, n);
  for (size_t i = 0; out && i < len; i++) out[i] = (char)(out[i] - '0');
  return len;
}

/* The msg of a text packet begins with the type of the packet. The msg of a binary packet does not
 * contain the type, so one byte is added for it. */
static size_t payload3_binary_form_packet_size(const struct msg *m) {
  return m->len + (m->binary ? 1u : 0u);
}

static size_t payload3_packet_len_in_binary_form(const struct msg *m) {
  return 1 + payload3_write_binary_length(NULL, payload3_binary_form_packet_size(m)) + 1 +
         payload3_binary_form_packet_size(m);
}

static char *payload3_write_packet_in_binary_form(char *out, const struct msg *m) {
  *out++ = m->binary ? 1 : 0;
  out += payload3_write_binary_length(out, payload3_binary_form_packet_size(m));
  *out++ = (char)LENGTH_END;
  if (m->binary) *out++ = EIO_MESSAGE;
  memcpy(out, msg_data(m), m->len);
  return out + m->len;
}

/* Reads a length: digits, which are the bytes 0 to 9, and then LENGTH_END. Returns how many bytes
 * were read, or 0 if the bytes are not a length. */
static size_t payload3_read_binary_length(const char *p, size_t n, uint64_t *value) {
  *value = 0;
  for (size_t i = 0; i < n && i <= LENGTH_DIGITS; i++) {
    unsigned char d = (unsigned char)p[i];
    if (d == LENGTH_END) return i ? i + 1 : 0;
    if (d > 9) return 0;
    *value = *value * 10 + d;
  }
  return 0;
}

static int payload3_parse_binary_packet(sio_slice one, struct eio_in *out) {
  unsigned char type = one.n ? (unsigned char)one.p[0] : 0xff;
  if (type > EIO_NOOP) return SIO_EPROTO;
  out->binary = true;
  out->type = (enum eio_packet)type;
  out->data = slice(one.p + 1, one.n - 1);
  return 1;
}

static int payload3_next_packet_of_binary_body(sio_slice *rest, struct eio_in *out) {
  uint64_t n;
  if (!rest->p) return 0;
  if (rest->n < 3) return SIO_EPROTO;
  char kind = rest->p[0];
  size_t used = 1 + payload3_read_binary_length(rest->p + 1, rest->n - 1, &n);
  if (kind & ~1 || used == 1 || n > rest->n - used) return SIO_EPROTO;
  sio_slice one = slice(rest->p + used, (size_t)n);
  used += (size_t)n;
  *rest = rest->n > used ? slice(rest->p + used, rest->n - used) : slice(NULL, 0);
  return kind ? payload3_parse_binary_packet(one, out) : sio__packet3_parse_text(one, out);
}

const struct payload_form sio__payload3_text = { .len = payload3_packet_len_in_text_form,
                                                 .put = payload3_write_packet_in_text_form,
                                                 .next = payload3_next_packet_of_text_body };
const struct payload_form sio__payload3_binary = { .len = payload3_packet_len_in_binary_form,
                                                   .put = payload3_write_packet_in_binary_form,
                                                   .next = payload3_next_packet_of_binary_body };
