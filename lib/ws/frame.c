/* SPDX-License-Identifier: MIT
 *
 * frame.c - writes frame headers into the headroom of the msg that they belong to.
 */
#include "ws/frame.h"

#include <string.h>

enum { FIN = 0x80, LENGTH_16 = 126, LENGTH_64 = 127 };

static unsigned write_big_endian_frame_length(uint8_t *out, uint64_t n, unsigned bytes) {
  for (unsigned i = 0; i < bytes; i++) out[i] = (uint8_t)(n >> 8 * (bytes - 1 - i));
  return bytes;
}

unsigned sio__ws_encode_unmasked_fin_header(uint8_t out[10], enum ws_opcode op, uint64_t n) {
  out[0] = (uint8_t)(FIN | op);
  if (n < LENGTH_16) {
    out[1] = (uint8_t)n;
    return 2;
  }
  bool wide = n > UINT16_MAX;
  out[1] = wide ? LENGTH_64 : LENGTH_16;
  return 2 + write_big_endian_frame_length(out + 2, n, wide ? 8 : 2);
}

static void write_frame_header_before_msg_text(struct msg *m, enum ws_opcode op, unsigned bits) {
  uint8_t head[MSG_HEADROOM];
  unsigned n = sio__ws_encode_unmasked_fin_header(head, op, m->len);
  head[0] |= (uint8_t)bits;
  memcpy(msg_data(m) - n, head, n);
  m->ws_head = (uint8_t)n;
}

void sio__ws_write_message_header_once(struct msg *m) {
  if (m->ws_head || m->raw) return;
  write_frame_header_before_msg_text(m, m->binary ? WS_BINARY : WS_TEXT, 0);
}

void sio__ws_write_deflated_message_header(struct msg *m) {
  write_frame_header_before_msg_text(m, m->binary ? WS_BINARY : WS_TEXT, WS_RSV1);
}

struct msg *sio__ws_control_frame_new(struct msgs *home, enum ws_opcode op, const void *p,
                                      size_t n) {
  struct msg *m = sio__msg_from_bytes(home, p, n);
  if (m) write_frame_header_before_msg_text(m, op, 0);
  return m;
}

/* 1004 is reserved, 1005 and 1006 are never sent, and 1007 to 1014 are registered. */
bool sio__ws_is_valid_close_code(unsigned code) {
  if (code >= 3000) return code <= 4999;
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}
