/* SPDX-License-Identifier: MIT
 *
 * random.h - random bytes from the operating system, random ids, and a keyed hash.
 */
#ifndef SIO_BASE_RANDOM_H
#define SIO_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Fills `out` with random bytes from the operating system. Returns 0 or a libuv error. */
int sio__fill_random(void *out, size_t n);

enum { SIO__ID_LEN = 20 };
/* Makes a new id: 15 random bytes, written as 20 characters of base64url, and a NUL. Returns 0 or a
 * libuv error. Random bytes are read for 16 ids at once; each id is erased from that batch when it
 * is used. Thread-safe. */
int sio__make_random_id(char out[SIO__ID_LEN + 1]);

/* Returns the SipHash-1-3 of n bytes with a key that the first call makes of random bytes. A child
 * that is forked later uses the key of its parent. Thread-safe. */
uint64_t sio__hash_bytes(const void *p, size_t n);
/* Returns the SipHash-1-3 of n bytes with the given key, so that every process computes the same
 * hash. */
uint64_t sio__siphash13(const uint8_t key[16], const void *p, size_t n);

#endif
