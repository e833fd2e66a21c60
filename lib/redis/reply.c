/* SPDX-License-Identifier: MIT
 *
 * reply.c - reads replies with hiredis. The reader of hiredis allocates an array before its
 * elements have come, so this file first refuses arrays that are too long, and counts the memory of
 * a reply while hiredis builds it.
 */
#include "redis/reply.h"

#include "base/err.h"
#include "base/mem.h"

#if HIREDIS_MAJOR >= 1
typedef size_t array_length;
#else
typedef int array_length;
#endif

enum {
  /* about what malloc() takes besides the bytes that it is asked for */
  ALLOCATION_BYTES = 16,
  /* what an element of a reply takes: its struct, and the pointer to the struct in an array */
  ELEMENT_BYTES = sizeof(redisReply) + sizeof(redisReply *) + ALLOCATION_BYTES
};

/* Counts n bytes of memory that the reply is about to take. Returns false if the reply then takes
 * too much. */
static bool reply_reader_count_bytes_and_check_limit(struct reply_reader *r, size_t n) {
  r->bytes = size_add(r->bytes, n);
  return r->bytes <= r->max_bytes;
}

static void *create_bounded_reply_array(const redisReadTask *t, array_length n) {
  struct reply_reader *r = t->privdata;
  if (n > 0) r->elements += (size_t)n;
  if (r->elements > r->max_elements) return NULL;
  size_t bytes = n > 0 ? (size_t)n * ELEMENT_BYTES + ALLOCATION_BYTES : 0;
  return reply_reader_count_bytes_and_check_limit(r, bytes) ? r->make->createArray(t, n) : NULL;
}

static void *create_bounded_reply_string(const redisReadTask *t, char *p, size_t n) {
  struct reply_reader *r = t->privdata;
  return reply_reader_count_bytes_and_check_limit(r, n + ALLOCATION_BYTES)
             ? r->make->createString(t, p, n)
             : NULL;
}

#if HIREDIS_MAJOR >= 1
static void *create_bounded_reply_double(const redisReadTask *t, double v, char *p, size_t n) {
  struct reply_reader *r = t->privdata;
  return reply_reader_count_bytes_and_check_limit(r, n + ALLOCATION_BYTES)
             ? r->make->createDouble(t, v, p, n)
             : NULL;
}
#endif

int sio__reply_reader_init(struct reply_reader *r, size_t max, size_t max_elements) {
  *r = (struct reply_reader){ .reader = redisReaderCreate(),
                              .max = max,
                              .max_bytes = size_add(max, REPLY_BYTES),
                              .max_elements = max_elements };
  if (!r->reader) return UV_ENOMEM;
  r->make = r->reader->fn;
  r->fn = *r->make;
  r->fn.createArray = create_bounded_reply_array;
  r->fn.createString = create_bounded_reply_string;
#if HIREDIS_MAJOR >= 1
  r->fn.createDouble = create_bounded_reply_double;
#endif
  r->reader->fn = &r->fn;
  r->reader->privdata = r;
  return 0;
}

void sio__reply_reader_clear(struct reply_reader *r) {
  if (r->reader) redisReaderFree(r->reader); /* old versions of hiredis do not accept NULL */
  r->reader = NULL;
}

static int reply_reader_error_code(const struct reply_reader *r) {
  if (r->elements > r->max_elements || r->bytes > r->max_bytes) return SIO_ETOOBIG;
  return r->reader->err == REDIS_ERR_OOM ? UV_ENOMEM : SIO_EPROTO;
}

int sio__reply_reader_feed(struct reply_reader *r, const char *p, size_t n) {
  return redisReaderFeed(r->reader, p, n) == REDIS_OK ? 0 : reply_reader_error_code(r);
}

int sio__reply_reader_next(struct reply_reader *r, redisReply **out) {
  void *reply = NULL;
  *out = NULL;
  if (redisReaderGetReply(r->reader, &reply) != REDIS_OK) return reply_reader_error_code(r);
  *out = reply;
  if (reply) {
    r->elements = r->bytes = 0;
    return 0;
  }
  size_t incomplete = r->reader->len - r->reader->pos;
  bool fits = incomplete <= r->max && r->bytes + incomplete <= r->max_bytes;
  return fits ? 0 : SIO_ETOOBIG;
}
