/* SPDX-License-Identifier: MIT
 *
 * random.h - the operating system's random bytes, and a keyed hash made from them.
 */
#ifndef SIO_BASE_RANDOM_H
#define SIO_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

int sio__random(void *out, size_t n); /* getrandom(2); 0 or a libuv code */

enum { SIO__ID_LEN = 20 };
/* A fresh id: 15 random bytes as 20 characters of base64url, and a NUL. 120 bits.
 * Random bytes are drawn in batches and wiped as they are used; thread-safe. */
int sio__random_id(char out[SIO__ID_LEN + 1]);

/* SipHash-1-3 under this process's key; thread-safe, seeds itself on first use. */
uint64_t sio__hash(const void *p, size_t n);
/* The bare function, for its test vectors. */
uint64_t sio__siphash13(const uint8_t key[16], const void *p, size_t n);

#endif
