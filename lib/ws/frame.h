/* SPDX-License-Identifier: MIT
 *
 * frame.h - the frames that a server sends (RFC 6455 section 5.2): never masked, never fragmented.
 * The header of a data frame is written into the headroom of its msg, once for all receivers.
 */
#ifndef SIO_WS_FRAME_H
#define SIO_WS_FRAME_H

#include "base/msg.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WS_RSV1 = 0x40 }; /* in a frame's first byte: the message is compressed */

enum ws_opcode { WS_CONTINUATION, WS_TEXT, WS_BINARY, WS_CLOSE = 8, WS_PING, WS_PONG };

/* Writes the header of an unmasked, final frame with n bytes of payload. Returns its length: 2, 4
 * or 10. */
unsigned sio__ws_encode_unmasked_fin_header(uint8_t out[10], enum ws_opcode op, uint64_t n);

/* Writes the header of a data frame before the text of m, unless that was done before, or m->raw is
 * set: then m is sent without a frame. Afterwards the text must not change. */
void sio__ws_write_message_header_once(struct msg *m);
/* Writes the header of a data frame before the text of m, which is a compressed message. */
void sio__ws_write_deflated_message_header(struct msg *m);
/* Makes a control frame with n <= 125 bytes of payload, as a msg with one reference. Returns NULL
 * if memory runs out. */
struct msg *sio__ws_control_frame_new(struct msgs *home, enum ws_opcode op, const void *p,
                                      size_t n);

/* Returns where the bytes of m begin that have to be sent: the offset for
 * sio__conn_queue_msg_range(); the length is msg_frame_len_with_header(m). The header must have
 * been written before, unless m->raw is set. */
static inline uint32_t ws_frame_offset_in_msg_block(const struct msg *m) {
  return MSG_HEADROOM - m->ws_head;
}

/* Returns true if a close frame may contain this code (RFC 6455 section 7.4). */
bool sio__ws_is_valid_close_code(unsigned code);

#endif
