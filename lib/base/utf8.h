/* SPDX-License-Identifier: MIT
 *
 * utf8.h - strict UTF-8 validation (RFC 3629): no overlong forms, no surrogates, nothing above
 * U+10FFFF. And two ways to replace a NUL, which a C string cannot contain.
 */
#ifndef SIO_BASE_UTF8_H
#define SIO_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool sio__utf8_is_valid(const void *p, size_t n);

/* The state between two pieces of a text: 0 at the start, and whenever the text so far is valid and
 * ends with a whole character; UTF8_BAD forever after an invalid byte. */
typedef uint32_t utf8_state;
enum { UTF8_BAD = 1 };
/* Validates the next piece of a text that arrives in pieces, and returns the new state. */
utf8_state sio__utf8_validate_piece(utf8_state s, const void *p, size_t n);

/* Returns the length (1 to 4) of the first character of the n bytes at p, or 0 if the character is
 * invalid or incomplete. */
size_t sio__utf8_sequence_length(const char *p, size_t n);

/* Replaces each NUL by U+FFFD, so that the text can be a C string. The buffer s must have room for
 * two more bytes per NUL. Returns the new length. */
size_t sio__utf8_replace_nuls(char *s, size_t n);

/* A C string cannot contain U+0000. In the names of events the two bytes "\xC0\x80", which are
 * never valid UTF-8, stand for it. */

/* Replaces each NUL by "\xC0\x80". `out` must have room for 2 n bytes. Returns the new length. */
size_t sio__utf8_escape_nuls(char *out, const char *s, size_t n);
/* Replaces each "\xC0\x80" by a NUL. `out` may be s. Returns the new length. */
size_t sio__utf8_unescape_nuls(char *out, const char *s, size_t n);
/* Returns the first "\xC0\x80" in s, or NULL. */
const char *sio__utf8_find_escaped_nul(const char *s, size_t n);

#endif
