/* SPDX-License-Identifier: MIT
 *
 * parser.h - what stands between Socket.IO's own encoding and another one (<sio/parser.h>).
 *
 * A packet is encoded as JSON first, and that is made into the parser's message; what a parser
 * reads becomes JSON and is checked as if it had come so. Without a parser none of this runs.
 */
#ifndef SIO_PACKET_PARSER_H
#define SIO_PACKET_PARSER_H

#include "packet/packet.h"
#include <sio/parser.h>

struct sio_parser_out {
  struct msgs *home;
  struct msg *text; /* owned                                            */
  size_t max;       /* bytes of text                                    */
  sio_slice *bins;  /* the array is owned, the bytes are the message's  */
  uint32_t nbins, cap, max_bins;
  bool crowded; /* more bins came than may */
};
void sio__parser_out_clear(struct sio_parser_out *out);

/* The message for a packet that packet_encode.c has made. 0 and *out, or what encode() answers. */
int sio__parser_encode(const sio_parser_ops *ops, struct msgs *home, const struct msg *json,
                       enum packet_type type, sio_slice nsp, int64_t id, struct msg **out);

/* The same in its place; with ops NULL nothing. On error *m is gone. */
int sio__parser_recode(const sio_parser_ops *ops, struct msgs *home, struct msg **m,
                       enum packet_type type, sio_slice nsp);

/* As sio__decode_text(), but never DECODE_MORE. What *out points to lies in own, to be cleared in
 * any case, and in data. */
int sio__parser_decode(const sio_parser_ops *ops, struct msgs *home, struct decode_scratch *scratch,
                       const struct decoder_limits *lim, bool binary, sio_slice data,
                       struct sio_parser_out *own, struct packet *out, const char **why);

#endif
