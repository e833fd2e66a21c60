/* SPDX-License-Identifier: MIT
 *
 * reply.c - reads replies with hiredis. The reader of hiredis allocates an array before the
 * elements have come, so this file refuses arrays that are too long first.
 */
#include "redis/reply.h"

#include "base/err.h"

#if HIREDIS_MAJOR >= 1
typedef size_t array_length;
#else
typedef int array_length;
#endif

static void *create_bounded_reply_array(const redisReadTask *t, array_length n) {
  struct reply_reader *r = t->privdata;
  if (n > 0) r->elements += (size_t)n;
  return r->elements > r->max_elements ? NULL : r->make->createArray(t, n);
}

int sio__reply_reader_init(struct reply_reader *r, size_t max, size_t max_elements) {
  *r = (struct reply_reader){ .reader = redisReaderCreate(),
                              .max = max,
                              .max_elements = max_elements };
  if (!r->reader) return UV_ENOMEM;
  r->make = r->reader->fn;
  r->fn = *r->make;
  r->fn.createArray = create_bounded_reply_array;
  r->reader->fn = &r->fn;
  r->reader->privdata = r;
  return 0;
}

void sio__reply_reader_clear(struct reply_reader *r) {
  if (r->reader) redisReaderFree(r->reader); /* old versions of hiredis do not accept NULL */
  r->reader = NULL;
}

static int reply_reader_error(const struct reply_reader *r) {
  if (r->elements > r->max_elements) return SIO_ETOOBIG;
  return r->reader->err == REDIS_ERR_OOM ? UV_ENOMEM : SIO_EPROTO;
}

int sio__reply_reader_feed(struct reply_reader *r, const char *p, size_t n) {
  return redisReaderFeed(r->reader, p, n) == REDIS_OK ? 0 : reply_reader_error(r);
}

int sio__reply_reader_next(struct reply_reader *r, redisReply **out) {
  void *reply = NULL;
  *out = NULL;
  if (redisReaderGetReply(r->reader, &reply) != REDIS_OK) return reply_reader_error(r);
  *out = reply;
  if (reply) r->elements = 0;
  return reply || r->reader->len - r->reader->pos <= r->max ? 0 : SIO_ETOOBIG;
}
