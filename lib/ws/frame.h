/* SPDX-License-Identifier: MIT
 *
 * frame.h - the frames a server sends (RFC 6455 section 5.2): never masked, never
 * fragmented. The header of a data frame is written into its msg's headroom, once
 * for all receivers.
 */
#ifndef SIO_WS_FRAME_H
#define SIO_WS_FRAME_H

#include "base/msg.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WS_RSV1 = 0x40 }; /* in a frame's first byte: the message is compressed */

enum ws_opcode { WS_CONTINUATION, WS_TEXT, WS_BINARY, WS_CLOSE = 8, WS_PING, WS_PONG };

/* Header for an unmasked, final frame of n bytes; 2, 4 or 10 bytes written. */
unsigned sio__ws_encode_header(uint8_t out[10], enum ws_opcode op, uint64_t n);

/* Writes the data frame's header before m's text unless it stands there already, or m is
 * raw. From then on the text must not change. */
void sio__ws_write_header(struct msg *m);
/* The same for a msg whose text is a compressed message. */
void sio__ws_write_deflated_header(struct msg *m);
/* A whole control frame of n <= 125 bytes, one reference. NULL: no memory. */
struct msg *sio__ws_control_frame_new(struct msgs *home, enum ws_opcode op, const void *p,
                                      size_t n);

/* What of a sealed or raw msg goes on the wire, as sio__conn_send() counts. */
static inline uint32_t ws_wire_off(const struct msg *m) { return MSG_HEADROOM - m->ws_head; }
static inline uint32_t ws_wire_len(const struct msg *m) { return m->ws_head + m->len; }

/* Codes a peer may put into a close frame (section 7.4). */
bool sio__ws_close_code_is_valid(unsigned code);

#endif
