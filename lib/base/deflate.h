/* SPDX-License-Identifier: MIT
 *
 * deflate.h - compresses and inflates whole texts, one at a time. Only deflate.c uses zlib.
 *
 * The streams of zlib are large (270 KB to compress with the default settings, 40 KB to inflate),
 * so connections have none of their own. All connections of a server share one deflater for HTTP,
 * one for WebSocket messages, and one inflater. The memory of zlib is allocated when a deflater or
 * inflater is first used, and is kept. If the library is built without zlib,
 * sio__deflate_is_available() returns false, and no deflater or inflater can be created.
 */
#ifndef SIO_BASE_DEFLATE_H
#define SIO_BASE_DEFLATE_H

#include "base/buf.h"
#include "base/msg.h"
#include "base/slice.h"

bool sio__deflate_is_available(void);

enum deflate_form {
  /* A WebSocket message with permessage-deflate (RFC 7692): a raw deflate stream (RFC 1951) that
   * ends with a sync flush, without the last four bytes of that flush. */
  DEFLATE_MESSAGE,
  DEFLATE_ZLIB, /* RFC 1950, which HTTP calls "deflate" */
  DEFLATE_GZIP  /* RFC 1952 */
};

/* Settings for zlib. A field that is 0 selects zlib's default: level 6, window_bits 15, mem_level
 * 8. */
struct deflate_settings {
  int level;       /* 1 to 9 */
  int window_bits; /* 9 to 15 */
  int mem_level;   /* 1 to 9 */
};

struct deflater;
/* Returns NULL if memory runs out, or if the library was built without zlib. */
struct deflater *sio__deflater_new(const struct deflate_settings *how);
void sio__deflater_free(struct deflater *z); /* NULL is allowed. */
/* Compresses `text`. Returns 1 and sets *out to a new msg of the allocator `home`, with one
 * reference; or returns 0 if the text would not become smaller, or is almost 4 GiB long or longer;
 * or UV_ENOMEM. */
int sio__deflate(struct deflater *z, enum deflate_form form, struct msgs *home, sio_slice text,
                 struct msg **out);
/* What a deflater or an inflater has done so far. Only texts that were compressed to a smaller
 * size, or inflated without an error, are counted. */
struct deflate_count {
  uint64_t texts;  /* the number of texts */
  uint64_t plain;  /* their total size without compression */
  uint64_t packed; /* their total size with compression */
};
struct deflate_count sio__deflater_get_counts(const struct deflater *z); /* NULL is allowed. */

struct inflater;
struct inflater *sio__inflater_new(void);
void sio__inflater_free(struct inflater *z);
/* Inflates a message of the form DEFLATE_MESSAGE and appends the result to `out`. Returns 0;
 * SIO_ETOOBIG if `out` would exceed its maximum, or if the message has 4 GiB or more; SIO_EPROTO if
 * the message is not valid; or UV_ENOMEM. After an error out->n is unchanged. When `out` grows, its
 * new capacity is at most twice the content, or 4 KiB more than the content if that is greater. */
int sio__inflate_and_append(struct inflater *z, sio_slice in, struct buf *out);
struct deflate_count sio__inflater_get_counts(const struct inflater *z); /* NULL is allowed. */

#endif
