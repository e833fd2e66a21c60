/* SPDX-License-Identifier: MIT
 *
 * json_string.h - the text of a JSON string, with its quotes and escapes, and the bytes that it
 * stands for.
 */
#ifndef SIO_PACKET_JSON_STRING_H
#define SIO_PACKET_JSON_STRING_H

#include "base/slice.h"

/* The length of the longest escape, such as \u0000. */
enum { JSON_ESCAPE_MAX = 6 };

/* Unescapes `text`, a valid JSON string with its quotes, to `out`, which must have room for text.n
 * bytes. A lone surrogate becomes U+FFFD. Returns the number of bytes written. */
size_t sio__json_unescape_string(char *out, sio_slice text);
/* Returns the length that s has as a JSON string with quotes. Quotes, backslashes and bytes below
 * 0x20 are escaped; malformed UTF-8 is replaced by U+FFFD. */
size_t sio__json_quoted_length(sio_slice s);
/* Writes s to `out` as a JSON string with quotes. Returns the length of that string, which is
 * sio__json_quoted_length(s); `out` must have room for it. */
size_t sio__json_quote_string(char *out, sio_slice s);

#endif
