/* SPDX-License-Identifier: MIT
 *
 * utf8.h - RFC 3629: no overlong form, no surrogate, nothing past U+10FFFF.
 */
#ifndef SIO_BASE_UTF8_H
#define SIO_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool sio__utf8_valid(const void *p, size_t n);

/* Piece by piece: state 0 is "between characters". Feeding fails (UTF8_BAD) at the
 * first byte that no valid text could contain here, and stays failed. */
enum { UTF8_BAD = 1 };
typedef uint32_t utf8_state; /* starts at 0; the text is whole when it is 0 again */
utf8_state sio__utf8_feed(utf8_state s, const void *p, size_t n);

/* Length of the valid sequence at p (1 to 4), or 0 if what stands there is not one. */
size_t sio__utf8_sequence_length(const char *p, size_t n);

/* Each NUL of a text becomes U+FFFD, so that it can be a C string. s has room for two bytes more
 * for each of them. The new length. */
size_t sio__utf8_replace_nuls(char *s, size_t n);

#endif
