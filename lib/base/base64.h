/* SPDX-License-Identifier: MIT
 *
 * base64.h - Base64 (RFC 4648 section 4).
 *
 * Decoding is lenient: it accepts '-' and '_' of base64url too, with or without padding, skips
 * other bytes, and stops at the first '='.
 */
#ifndef SIO_BASE_BASE64_H
#define SIO_BASE_BASE64_H

#include <stddef.h>

#define BASE64_LEN(n) (((n) + 2) / 3 * 4)
/* Writes BASE64_LEN(n) characters to `out`, without a NUL, and returns how many these are. */
size_t sio__base64_encode(char *out, const void *p, size_t n);
/* Decodes the n characters at p. `out` needs room for n / 4 * 3 + 3 bytes, and may be the same
 * buffer as p. Returns the number of bytes written. */
size_t sio__base64_decode(void *out, const char *p, size_t n);

#endif
