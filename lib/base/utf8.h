/* SPDX-License-Identifier: MIT
 *
 * utf8.h - strict UTF-8 validation (RFC 3629): no overlong forms, no surrogates, nothing above
 * U+10FFFF.
 */
#ifndef SIO_BASE_UTF8_H
#define SIO_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool sio__utf8_is_valid(const void *p, size_t n);

/* Validates text piece by piece. The state UTF8_BAD means that some byte was invalid; it never
 * changes again. */
enum { UTF8_BAD = 1 };
typedef uint32_t utf8_state; /* 0 at the start; if it is 0 at the end, the text is complete */
utf8_state sio__utf8_validate_piece(utf8_state s, const void *p, size_t n);

/* Returns the length (1 to 4) of the character at p, or 0 if it is invalid or incomplete. */
size_t sio__utf8_sequence_length(const char *p, size_t n);

/* Replaces each NUL by U+FFFD, so that the text can be a C string. s must have room for two more
 * bytes per NUL. Returns the new length. */
size_t sio__utf8_replace_nuls(char *s, size_t n);

/* A C string cannot contain U+0000. In the names of events the two bytes "\xC0\x80", which valid
 * UTF-8 never contains, stand for it. These functions convert between the two forms: each writes to
 * out and returns the length. */
/* The buffer `out` must have room for 2 n bytes. */
size_t sio__utf8_escape_nuls(char *out, const char *s, size_t n);
size_t sio__utf8_unescape_nuls(char *out, const char *s, size_t n); /* out may be s */
/* Returns the first "\xC0\x80" in s, or NULL. */
const char *sio__utf8_find_escaped_nul(const char *s, size_t n);

#endif
