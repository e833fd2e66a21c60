/* SPDX-License-Identifier: MIT
 *
 * base64.h - RFC 4648 section 4; decoding takes what JavaScript's clients and
 * Node's Buffer take: both alphabets, padding or none, other bytes skipped,
 * ends at the first '='.
 */
#ifndef SIO_BASE_BASE64_H
#define SIO_BASE_BASE64_H

#include <stddef.h>

#define BASE64_LEN(n) (((n) + 2) / 3 * 4)
size_t sio__base64_encode(char *out, const void *p, size_t n); /* BASE64_LEN(n) bytes, no NUL */
/* out has room for n / 4 * 3 + 3 bytes, and may be p itself; the bytes written. */
size_t sio__base64_decode(void *out, const char *p, size_t n);

#endif
