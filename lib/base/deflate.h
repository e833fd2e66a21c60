/* SPDX-License-Identifier: MIT
 *
 * deflate.h - compression of whole texts, one at a time. The only place that knows zlib.
 *
 *     struct deflater *z = sio__deflater_new(&(struct deflate_how){ 0 });
 *     int got = sio__deflate(z, DEFLATE_GZIP, home, text, &m);
 *
 * zlib's streams are big (270 KB to compress, 40 KB to inflate), so nothing that waits for a peer
 * holds one: one deflater and one inflater serve all connections of a loop, their memory comes
 * with the first use, and between two texts they forget the first. Built without zlib there
 * are no deflaters, and sio__deflate_is_available() says so.
 */
#ifndef SIO_BASE_DEFLATE_H
#define SIO_BASE_DEFLATE_H

#include "base/buf.h"
#include "base/msg.h"
#include "base/slice.h"

bool sio__deflate_is_available(void);

enum deflate_form {
  DEFLATE_MESSAGE, /* a WebSocket's: raw (RFC 1951), flushed, without the flush's last four bytes */
  DEFLATE_ZLIB,    /* RFC 1950: what HTTP calls "deflate" */
  DEFLATE_GZIP     /* RFC 1952 */
};

/* 0 is zlib's own default: 6, 15, 8. */
struct deflate_settings {
  int level;       /* 1 to 9  */
  int window_bits; /* 9 to 15 */
  int mem_level;   /* 1 to 9  */
};

struct deflater;
/* NULL: no memory, or built without zlib. */
struct deflater *sio__deflater_new(const struct deflate_settings *how);
void sio__deflater_free(struct deflater *z); /* NULL is fine */
/* 1: *out is the text compressed, one reference; 0: it would not get smaller. UV_ENOMEM. */
int sio__deflate(struct deflater *z, enum deflate_form form, struct msgs *home, sio_slice text,
                 struct msg **out);
/* The texts that came out smaller, or that were inflated: how many, and their bytes. */
struct deflate_count {
  uint64_t texts, plain, packed;
};
struct deflate_count sio__deflater_count(const struct deflater *z); /* NULL: none */

struct inflater;
struct inflater *sio__inflater_new(void);
void sio__inflater_free(struct inflater *z);
/* Puts behind out->n what a DEFLATE_MESSAGE of any maker holds, at most out->max bytes in all; no
 * more than twice of what came out so far is ever allocated. 0; SIO_ETOOBIG: there is more;
 * SIO_EPROTO: no such message; UV_ENOMEM. After an error out->n is as before. */
int sio__inflate(struct inflater *z, sio_slice in, struct buf *out);
struct deflate_count sio__inflater_count(const struct inflater *z); /* NULL: none */

#endif
