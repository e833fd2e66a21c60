/* SPDX-License-Identifier: MIT
 *
 * reply.h - what Redis sends, parsed by the reader of hiredis.
 *
 * The size of a reply is limited: it has at most max_elements elements, nested ones included. It is
 * an error if more than `max` bytes of an element have come and the element is still incomplete, or
 * if a reply takes more than about max + REPLY_BYTES bytes of memory.
 */
#ifndef SIO_REDIS_REPLY_H
#define SIO_REDIS_REPLY_H

#include "base/slice.h"
#include <hiredis/hiredis.h>

enum {
  /* the memory that a reply may take in addition to the longest element that is allowed; it is
   * enough for 300 entries of a stream (the largest read_count) of 320 KiB each */
  REPLY_BYTES = 96 * 1024 * 1024,
  REPLY_ELEMENTS = 4096,
  REPLY_ELEMENTS_SLOTS = 262144 /* enough for replies to CLUSTER SLOTS: 16 for each slot */
};

struct reply_reader {
  redisReader *reader;
  const redisReplyObjectFunctions *make; /* the functions of hiredis that create replies */
  redisReplyObjectFunctions fn;          /* like *make, but with the limits below */
  size_t max, max_bytes, max_elements;
  size_t elements; /* how many elements the reply that is being read has announced so far */
  size_t bytes;    /* an estimate of the memory of that reply's complete elements and arrays */
};

/* Returns 0 or UV_ENOMEM. */
int sio__reply_reader_init(struct reply_reader *r, size_t max, size_t max_elements);
void sio__reply_reader_clear(struct reply_reader *r);
/* Adds bytes that Redis has sent. Returns 0 or UV_ENOMEM. After an error the reader must not be
 * used any more. */
int sio__reply_reader_feed(struct reply_reader *r, const char *p, size_t n);
/* Sets *out to the next complete reply, or to NULL if none is complete yet. The caller frees the
 * reply with freeReplyObject(). Returns 0, SIO_EPROTO, SIO_ETOOBIG or UV_ENOMEM. */
int sio__reply_reader_next(struct reply_reader *r, redisReply **out);

static inline sio_slice reply_text(const redisReply *r) { return slice(r->str, (size_t)r->len); }
static inline bool is_text_reply(const redisReply *r) {
  return r->type == REDIS_REPLY_STRING || r->type == REDIS_REPLY_STATUS;
}
static inline bool is_error_reply(const redisReply *r) { return r->type == REDIS_REPLY_ERROR; }

#endif
