/* SPDX-License-Identifier: MIT
 *
 * pack.h - the packets of npm's socket.io-msgpack-parser, for peers that otherwise speak in text:
 * packs the text of a packet with its attachment, and unpacks what comes into the same.
 */
#ifndef SIO_SIM_PACK_H
#define SIO_SIM_PACK_H

#include "bytes.h"
#include <stdbool.h>
#include <stdint.h>

/* text: 42/a,7["u",1]; the placeholder in it, if any, stands for bin. */
void pack_packet(struct bytes *out, const char *text, size_t n, const struct bytes *bin);
/* False: it is no packet. Attachments are put to bins, one behind the other. */
bool unpack_packet(struct bytes *text, struct bytes *bins, const char *p, size_t n);

#endif
