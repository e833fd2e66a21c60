/* SPDX-License-Identifier: MIT
 *
 * payload.c - Engine.IO 4 packets in text form.
 */
#include "eio/payload.h"
#include "base/base64.h"
#include <sio/error.h>

size_t sio__payload4_packet_len(const struct msg *m) {
  return m->binary ? 1 + BASE64_LEN((size_t)m->len) : m->len;
}

char *sio__payload4_write_packet(char *out, const struct msg *m) {
  if (m->binary) {
    *out++ = 'b';
    return out + sio__base64_encode(out, msg_data(m), m->len);
  }
  memcpy(out, msg_data(m), m->len);
  return out + m->len;
}

static int decode_base64_message_packet(sio_slice text, struct eio_in *out) {
  char *p = (char *)(uintptr_t)text.p;
  out->binary = true;
  out->type = EIO_MESSAGE;
  out->data = slice(p, sio__base64_decode(p, text.p + 1, text.n - 1));
  return 1;
}

int sio__packet4_parse_text(sio_slice text, struct eio_in *out) {
  if (text.n == 0) return SIO_EPROTO;
  if (text.p[0] == 'b') return decode_base64_message_packet(text, out);
  if (text.p[0] < '0' || text.p[0] > '6') return SIO_EPROTO;
  out->binary = false;
  out->type = (enum eio_packet)(text.p[0] - '0');
  out->data = slice(text.p + 1, text.n - 1);
  return 1;
}

/* Sets rest->p to NULL when the last packet was read. A separator at the end of the body is
 * followed by one more packet, which is empty and therefore an error. */
int sio__payload4_take_next_packet(sio_slice *rest, struct eio_in *out) {
  if (!rest->p) return 0;
  const char *end = rest->n ? memchr(rest->p, EIO_SEPARATOR, rest->n) : NULL;
  sio_slice one = slice(rest->p, end ? (size_t)(end - rest->p) : rest->n);
  *rest = end ? slice(end + 1, rest->n - one.n - 1) : slice(NULL, 0);
  return sio__packet4_parse_text(one, out);
}

const struct payload_form sio__payload4 = { .len = sio__payload4_packet_len,
                                            .put = sio__payload4_write_packet,
                                            .next = sio__payload4_take_next_packet,
                                            .separated = true };
