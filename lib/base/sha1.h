/* SPDX-License-Identifier: MIT
 *
 * sha1.h - SHA-1 (FIPS 180-4), for the WebSocket handshake and for public ids (public_id.h).
 */
#ifndef SIO_BASE_SHA1_H
#define SIO_BASE_SHA1_H

#include <stddef.h>
#include <stdint.h>

void sio__sha1(uint8_t out[20], const void *p, size_t n);

#endif
