/* SPDX-License-Identifier: MIT
 *
 * deflate.c - compresses and inflates with zlib. All three formats contain a raw deflate stream.
 * gzip and zlib put a constant header before it, and a checksum after it, gzip also the length of
 * the text.
 */
#include "base/deflate.h"

#include "base/err.h"

#ifdef SIO_ZLIB

#define ZLIB_CONST
#include <zlib.h>

bool sio__deflate_is_available(void) { return true; }

static void *zlib_alloc(void *user, unsigned count, unsigned size) {
  (void)user;
  return sio__malloc(size_mul(count, size));
}

static void zlib_free(void *user, void *p) {
  (void)user;
  sio__free(p);
}

/* ---- compressing ---- */

enum {
  SLACK = 32,               /* header, trailer and flush take fewer bytes than this */
  SCRATCH_KEPT = 64 * 1024, /* a larger buffer is freed after use */
  /* The length of the bytes 00 00 ff ff at the end of a flush. They are removed from a WebSocket
   * message, because its receiver appends them again. */
  FLUSH_TAIL = 4
};

struct deflater {
  z_stream s;
  struct deflate_settings how;
  bool open;
  struct deflate_count count;
  struct buf scratch;
};

struct deflater *sio__deflater_new(const struct deflate_settings *how) {
  struct deflater *z = sio__calloc(1, sizeof *z);
  if (!z) return NULL;
  z->how.level = how->level ? how->level : Z_DEFAULT_COMPRESSION;
  z->how.window_bits = how->window_bits ? how->window_bits : MAX_WBITS;
  z->how.mem_level = how->mem_level ? how->mem_level : 8;
  z->s.zalloc = zlib_alloc;
  z->s.zfree = zlib_free;
  buf_init(&z->scratch, UINT32_MAX);
  return z;
}

void sio__deflater_free(struct deflater *z) {
  if (!z) return;
  if (z->open) deflateEnd(&z->s);
  sio__buf_clear(&z->scratch);
  sio__free(z);
}

struct deflate_count sio__deflater_get_counts(const struct deflater *z) {
  return z ? z->count : (struct deflate_count){ 0 };
}

static int init_deflater_and_reserve_scratch(struct deflater *z, size_t room) {
  if (!z->open) {
    int err = deflateInit2(&z->s, z->how.level, Z_DEFLATED, -z->how.window_bits, z->how.mem_level,
                           Z_DEFAULT_STRATEGY);
    if (err != Z_OK) return UV_ENOMEM;
    z->open = true;
  }
  return sio__buf_reserve(&z->scratch, room);
}

static void append_bytes_to_reserved_buf(struct buf *b, const void *p, size_t n) {
  memcpy(b->p + b->n, p, n);
  b->n += n;
}

static void append_zlib_or_gzip_header(struct buf *b, enum deflate_form form) {
  static const uint8_t gzip[] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3 };
  static const uint8_t zlib[] = { 0x78, 0x9c };
  if (form == DEFLATE_GZIP) append_bytes_to_reserved_buf(b, gzip, sizeof gzip);
  if (form == DEFLATE_ZLIB) append_bytes_to_reserved_buf(b, zlib, sizeof zlib);
}

static void append_u32_le(struct buf *b, uint32_t v) {
  uint8_t bytes[] = { (uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24) };
  append_bytes_to_reserved_buf(b, bytes, sizeof bytes);
}

static void append_trailer_or_remove_flush_tail(struct buf *b, enum deflate_form form,
                                                sio_slice text) {
  const Bytef *p = (const Bytef *)text.p;
  uInt n = (uInt)text.n;
  if (form == DEFLATE_MESSAGE) b->n -= FLUSH_TAIL;
  if (form == DEFLATE_ZLIB) append_u32_le(b, __builtin_bswap32((uint32_t)adler32(1, p, n)));
  if (form != DEFLATE_GZIP) return;
  append_u32_le(b, (uint32_t)crc32(0, p, n));
  append_u32_le(b, n);
}

/* Compresses `text` and appends the result to z->scratch. Returns false if the result may be longer
 * than `room` bytes. Then it is not worth sending, because `room` is greater than the length of the
 * text. */
static bool compress_text_to_scratch(struct deflater *z, enum deflate_form form, sio_slice text,
                                     size_t room) {
  bool flushed = form == DEFLATE_MESSAGE;
  z->s.next_in = (const Bytef *)text.p;
  z->s.avail_in = (uInt)text.n;
  z->s.next_out = (Bytef *)z->scratch.p + z->scratch.n;
  z->s.avail_out = (uInt)room;
  int got = deflate(&z->s, flushed ? Z_SYNC_FLUSH : Z_FINISH);
  bool fits = flushed ? got == Z_OK && z->s.avail_out > 0 : got == Z_STREAM_END;
  z->scratch.n += room - z->s.avail_out;
  deflateReset(&z->s);
  return fits;
}

static void add_text_sizes_to_deflate_count(struct deflate_count *c, size_t plain, size_t packed) {
  c->texts++;
  c->plain += plain;
  c->packed += packed;
}

static int copy_scratch_to_msg_and_count(struct deflater *z, struct msgs *home, size_t plain,
                                         struct msg **out) {
  *out = sio__msg_from_bytes(home, z->scratch.p, z->scratch.n);
  if (!*out) return UV_ENOMEM;
  add_text_sizes_to_deflate_count(&z->count, plain, z->scratch.n);
  return 1;
}

int sio__deflate(struct deflater *z, enum deflate_form form, struct msgs *home, sio_slice text,
                 struct msg **out) {
  if (text.n == 0 || text.n > UINT32_MAX - 2 * SLACK) return 0;
  int got = init_deflater_and_reserve_scratch(z, text.n + 2 * SLACK);
  if (got) return got;
  append_zlib_or_gzip_header(&z->scratch, form);
  if (compress_text_to_scratch(z, form, text, text.n + SLACK / 2)) {
    append_trailer_or_remove_flush_tail(&z->scratch, form, text);
    if (z->scratch.n < text.n) got = copy_scratch_to_msg_and_count(z, home, text.n, out);
  }
  z->scratch.n = 0;
  if (z->scratch.cap > SCRATCH_KEPT) sio__buf_clear(&z->scratch);
  return got;
}

/* ---- inflating ---- */

enum {
  AT_BLOCK_END = 128 /* inflate() sets this bit of z_stream.data_type at the end of a block */
};

struct inflater {
  z_stream s;
  bool open;
  struct deflate_count count;
};

struct inflater *sio__inflater_new(void) {
  struct inflater *z = sio__calloc(1, sizeof *z);
  if (!z) return NULL;
  z->s.zalloc = zlib_alloc;
  z->s.zfree = zlib_free;
  return z;
}

void sio__inflater_free(struct inflater *z) {
  if (!z) return;
  if (z->open) inflateEnd(&z->s);
  sio__free(z);
}

/* Makes room in `out` for more inflated bytes. While a message is inflated, out->max is one byte
 * greater than the real maximum: a message that fills this byte is too long. */
static int reserve_inflate_output(struct buf *out) {
  enum { STEP = 4096 };
  size_t left = out->max - out->n;
  if (out->n < out->cap) return 0;
  return sio__buf_reserve(out, left < STEP ? left : STEP);
}

/* Calls inflate() once and sets *got to what it returned. Returns 0 or an error. */
static int inflate_once(struct inflater *z, struct buf *out, int *got) {
  int err = reserve_inflate_output(out);
  if (err) return err;
  size_t room = out->cap - out->n;
  if (room > UINT32_MAX) room = UINT32_MAX;
  z->s.next_out = (Bytef *)out->p + out->n;
  z->s.avail_out = (uInt)room;
  *got = inflate(&z->s, Z_SYNC_FLUSH);
  out->n += room - z->s.avail_out;
  if (*got == Z_MEM_ERROR) return UV_ENOMEM;
  if (*got != Z_OK && *got != Z_STREAM_END && *got != Z_BUF_ERROR) return SIO_EPROTO;
  return out->n == out->max ? SIO_ETOOBIG : 0;
}

/* Inflates all of `in`. Sets *ended to true if a deflate stream ends with the last byte of `in`. A
 * message may consist of several streams (RFC 7692 section 7.2.3.4). */
static int inflate_input(struct inflater *z, sio_slice in, struct buf *out, bool *ended) {
  int got, err;
  z->s.next_in = (const Bytef *)in.p;
  z->s.avail_in = (uInt)in.n;
  *ended = false;
  do {
    err = inflate_once(z, out, &got);
    if (err) return err;
    *ended = got == Z_STREAM_END;
    if (*ended) inflateReset(&z->s);
  } while (z->s.avail_in > 0 || (z->s.avail_out == 0 && !*ended));
  return 0;
}

static int inflate_message(struct inflater *z, sio_slice in, struct buf *out) {
  bool ended;
  int err = inflate_input(z, in, out, &ended);
  if (err || ended) return err;
  err = inflate_input(z, SLICE("\0\0\xff\xff"), out, &ended);
  return err || z->s.data_type == AT_BLOCK_END ? err : SIO_EPROTO;
}

int sio__inflate_and_append(struct inflater *z, sio_slice in, struct buf *out) {
  if (in.n > UINT32_MAX) return SIO_ETOOBIG;
  if (!z->open && inflateInit2(&z->s, -MAX_WBITS) != Z_OK) return UV_ENOMEM;
  z->open = true;
  size_t max = out->max, before = out->n;
  out->max = max + (max < SIZE_MAX);
  int err = inflate_message(z, in, out);
  out->max = max;
  inflateReset(&z->s);
  if (err)
    out->n = before;
  else
    add_text_sizes_to_deflate_count(&z->count, out->n - before, in.n);
  return err;
}

struct deflate_count sio__inflater_get_counts(const struct inflater *z) {
  return z ? z->count : (struct deflate_count){ 0 };
}

#else

bool sio__deflate_is_available(void) { return false; }

struct deflater *sio__deflater_new(const struct deflate_settings *how) {
  (void)how;
  return NULL;
}
void sio__deflater_free(struct deflater *z) { (void)z; }
struct deflate_count sio__deflater_get_counts(const struct deflater *z) {
  (void)z;
  return (struct deflate_count){ 0 };
}
int sio__deflate(struct deflater *z, enum deflate_form form, struct msgs *home, sio_slice text,
                 struct msg **out) {
  (void)z, (void)form, (void)home, (void)text, (void)out;
  return 0;
}

struct inflater *sio__inflater_new(void) {
  return NULL;
}
void sio__inflater_free(struct inflater *z) { (void)z; }
int sio__inflate_and_append(struct inflater *z, sio_slice in, struct buf *out) {
  (void)z, (void)in, (void)out;
  return SIO_EPROTO;
}
struct deflate_count sio__inflater_get_counts(const struct inflater *z) {
  (void)z;
  return (struct deflate_count){ 0 };
}

#endif
