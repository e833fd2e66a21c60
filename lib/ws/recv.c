/* SPDX-License-Identifier: MIT
 *
 * recv.c - splits received bytes into frames, passes each frame to wslay, and joins frames to
 * messages.
 *
 * wslay reads ahead into its own buffer. It gets the bytes of one frame only, so that a context is
 * empty at the end of a frame and can be used for another connection. The payload is unmasked eight
 * bytes at a time while it is copied to wslay, and the header that wslay gets says that the frame
 * is not masked.
 */
#include "ws/recv.h"

#include <string.h>
#include <wslay/wslay.h>

#include "base/deflate.h"
#include "base/err.h"
#include "base/mem.h"

enum {
  KEY_LEN = 4,
  HEADER_MIN = 2 + KEY_LEN,
  CONTROL_MAX = 125,
  CONTROL_BIT = 8,    /* opcodes from this one on are control frames */
  KEEP_CONTEXTS = 32, /* the most contexts kept in a pool */
  AHEAD = 64 * 1024 /* the most bytes that a message buffer may reserve beyond what was received */
};

struct input {
  const uint8_t *p;
  size_t n;
};

/* Parses one received frame with a wslay context. */
struct ws_frame_parser {
  struct ws_frame_parser *next; /* the next free parser in the pool */
  wslay_frame_context_ptr frame;
  struct input *in;      /* the input, during sio__ws_recv_feed() */
  uint64_t payload_left; /* payload bytes not yet passed to wslay */
  uint64_t payload_out;  /* payload bytes that wslay has returned */
  uint8_t head[WS_RECV_HEADER - KEY_LEN];
  uint8_t head_left;        /* bytes of head not yet passed to wslay */
  uint8_t key_at;           /* index in the key for the next byte */
  uint8_t key[3 * KEY_LEN]; /* the key three times, so that 8 bytes can be read from key_at */
  uint8_t control_len;
  /* payload of a control frame that arrives in pieces; wslay refuses frames with a longer one */
  uint8_t control[CONTROL_MAX];
};

struct ws_pool {
  struct ws_frame_parser *free;
  unsigned nfree;
  struct inflater *inflater; /* NULL until a compressed message is complete */
};

/* ---- contexts ---- */

static void unmask_payload(uint8_t *out, const uint8_t *p, size_t n, const uint8_t *key) {
  uint64_t wide, word;
  memcpy(&wide, key, sizeof wide);
  for (; n >= sizeof word; n -= sizeof word, p += sizeof word, out += sizeof word) {
    memcpy(&word, p, sizeof word);
    word ^= wide;
    memcpy(out, &word, sizeof word);
  }
  for (size_t i = 0; i < n; i++) out[i] = p[i] ^ key[i];
}

/* The wslay_frame_recv_callback: copies the available bytes of this frame, and unmasks the payload.
 * Returns their number, which may be 0. */
static ssize_t give_unmasked_frame_bytes_to_wslay(uint8_t *buf, size_t room, int flags,
                                                  void *user) {
  (void)flags;
  struct ws_frame_parser *x = user;
  size_t head = x->head_left;
  if (head > room) return -1;
  memcpy(buf, x->head, head);
  x->head_left = 0;

  size_t n = room - head;
  if (n > x->in->n) n = x->in->n;
  if (n > x->payload_left) n = (size_t)x->payload_left;
  unmask_payload(buf + head, x->in->p, n, x->key + x->key_at);
  x->key_at = (uint8_t)((x->key_at + n) % KEY_LEN);
  x->payload_left -= n;
  x->in->p += n;
  x->in->n -= n;
  return (ssize_t)(head + n);
}

static struct ws_frame_parser *ws_frame_parser_new(void) {
  static const struct wslay_frame_callbacks callbacks = { .recv_callback =
                                                              give_unmasked_frame_bytes_to_wslay };
  struct ws_frame_parser *x = sio__malloc(sizeof *x);
  if (!x) return NULL;
  if (wslay_frame_context_init(&x->frame, &callbacks, x) == 0) return x;
  sio__free(x);
  return NULL;
}

static void ws_frame_parser_free(struct ws_frame_parser *x) {
  wslay_frame_context_free(x->frame);
  sio__free(x);
}

struct ws_pool *sio__ws_frame_parser_pool_new(void) {
  return sio__calloc(1, sizeof(struct ws_pool));
}

void sio__ws_frame_parser_pool_free(struct ws_pool *p) {
  if (!p) return;
  while (p->free) {
    struct ws_frame_parser *x = p->free;
    p->free = x->next;
    ws_frame_parser_free(x);
  }
  sio__inflater_free(p->inflater);
  sio__free(p);
}

struct deflate_count sio__ws_pool_inflate_stats(const struct ws_pool *p) {
  return sio__inflater_get_counts(p->inflater);
}

static struct ws_frame_parser *ws_frame_parser_borrow_from_pool(struct ws_pool *p) {
  struct ws_frame_parser *x = p->free;
  if (!x) return ws_frame_parser_new();
  p->free = x->next;
  p->nfree--;
  return x;
}

/* Call this only at the end of a frame: a context with half a frame cannot serve another
 * connection. */
static void ws_frame_parser_return_to_pool(struct ws_pool *p, struct ws_frame_parser *x) {
  if (p->nfree >= KEEP_CONTEXTS) {
    ws_frame_parser_free(x);
    return;
  }
  x->next = p->free;
  p->free = x;
  p->nfree++;
}

/* ---- the end ---- */

static void message_buf_free_unless_null(struct buf *msg) {
  if (!msg) return;
  sio__buf_clear(msg);
  sio__free(msg);
}

void sio__ws_recv_free_and_stop(struct ws_recv *r) {
  if (r->ctx) ws_frame_parser_free(r->ctx);
  message_buf_free_unless_null(r->msg);
  r->ctx = NULL;
  r->msg = NULL;
  r->ended = true;
}

static bool ws_recv_clear_and_report_failure(struct ws_recv *r, unsigned code, const char *detail) {
  sio__ws_recv_free_and_stop(r);
  r->shared->ops->fail(r, code, detail);
  return false;
}

/* ---- messages: the pieces of a data frame ---- */

static size_t current_max_message_bytes(const struct ws_recv *r) {
  const struct ws_limits *l = &r->shared->limits;
  return r->unjoined ? l->max_unjoined : l->max_message;
}

/* Returns the most bytes a message may have as received. Compression makes incompressible data
 * slightly longer. */
static size_t current_max_bytes_before_inflating(const struct ws_recv *r) {
  size_t max = current_max_message_bytes(r);
  return r->compressed ? max + max / 64 + 64 : max; /* no overflow: max is 1 GiB at most */
}

/* Makes room for n bytes that wslay has returned, and for the bytes of the same frame that have
 * arrived but were not passed to wslay yet. */
static int message_buf_reserve_for_arrived_bytes(struct ws_recv *r, size_t n) {
  struct buf *b = r->msg;
  size_t waiting = r->ctx->in->n;
  size_t come = n + (r->ctx->payload_left < waiting ? (size_t)r->ctx->payload_left : waiting);
  size_t spare = current_max_bytes_before_inflating(r) - b->n - come;
  b->max = b->n + come + (spare < AHEAD ? spare : AHEAD);
  return sio__buf_reserve(b, come);
}

static bool message_buf_append(struct ws_recv *r, const struct wslay_frame_iocb *f) {
  if (f->data_length == 0) return true;
  if (!r->msg) r->msg = sio__calloc(1, sizeof *r->msg);
  if (!r->msg || message_buf_reserve_for_arrived_bytes(r, f->data_length) != 0)
    return ws_recv_clear_and_report_failure(r, 1011, "out of memory");
  sio__buf_put(r->msg, f->data, f->data_length);
  return true;
}

static bool check_text_utf8_or_fail(struct ws_recv *r, const struct wslay_frame_iocb *f,
                                    bool last) {
  if (r->opcode != WS_TEXT || r->compressed) return true;
  r->utf8 = sio__utf8_validate_piece(r->utf8, f->data, f->data_length);
  if (r->utf8 != UTF8_BAD && (r->utf8 == 0 || !last)) return true;
  return ws_recv_clear_and_report_failure(r, 1007, "text is not valid UTF-8");
}

/* Passes a complete message to the `message` callback. r->ctx and r->msg, which may contain p, are
 * detached from r first, because the callback may call sio__ws_recv_free_and_stop(). r->ended is
 * set before the call, so that r need not be touched if the callback frees it and returns false. */
static bool ws_pass_message_to_callback_and_reset(struct ws_recv *r, char *p, size_t n) {
  struct ws_pool *pool = r->shared->pool;
  struct ws_frame_parser *x = r->ctx;
  struct buf *msg = r->msg;
  bool binary = r->opcode == WS_BINARY;
  r->ctx = NULL;
  r->msg = NULL;
  r->opcode = 0;
  r->fragments = 0;
  r->ended = true;
  bool more = r->shared->ops->message(r, binary, p, n);
  ws_frame_parser_return_to_pool(pool, x);
  message_buf_free_unless_null(msg);
  if (more) r->ended = false;
  return more;
}

static int inflate_message_with_pooled_inflater(struct ws_recv *r, sio_slice in, struct buf *out) {
  if (!r->shared->pool->inflater) r->shared->pool->inflater = sio__inflater_new();
  return r->shared->pool->inflater ? sio__inflate_and_append(r->shared->pool->inflater, in, out)
                                   : UV_ENOMEM;
}

static bool ws_recv_fail_because_of_inflate_error(struct ws_recv *r, int err) {
  if (err == SIO_ETOOBIG)
    return ws_recv_clear_and_report_failure(
        r, 1009, "the message, once inflated, is larger than allowed (max_payload, max_unjoined)");
  if (err == SIO_EPROTO)
    return ws_recv_clear_and_report_failure(r, 1007, "the compressed message is malformed");
  return ws_recv_clear_and_report_failure(r, 1011, "out of memory");
}

static bool ws_recv_report_bytes_added_by_inflating(struct ws_recv *r, size_t from, size_t to) {
  return to <= from || !r->shared->ops->inflated || r->shared->ops->inflated(r, to - from);
}

static bool inflate_check_and_deliver_message(struct ws_recv *r, sio_slice in) {
  char none[1];
  struct buf out;
  buf_init(&out, current_max_message_bytes(r));
  int err = inflate_message_with_pooled_inflater(r, in, &out);
  if (!err && !ws_recv_report_bytes_added_by_inflating(r, in.n, out.n)) {
    sio__buf_clear(&out);
    return false;
  }
  bool sound = !err && (r->opcode != WS_TEXT || sio__utf8_is_valid(out.p, out.n));
  bool more;
  if (err)
    more = ws_recv_fail_because_of_inflate_error(r, err);
  else if (!sound)
    more = ws_recv_clear_and_report_failure(r, 1007, "text is not valid UTF-8");
  else
    more = ws_pass_message_to_callback_and_reset(r, out.n ? out.p : none, out.n);
  sio__buf_clear(&out);
  return more;
}

static bool ws_deliver_message_inflated_if_compressed(struct ws_recv *r, char *p, size_t n) {
  return r->compressed ? inflate_check_and_deliver_message(r, slice(p, n))
                       : ws_pass_message_to_callback_and_reset(r, p, n);
}

static bool ws_recv_release_frame_parser(struct ws_recv *r) {
  ws_frame_parser_return_to_pool(r->shared->pool, r->ctx);
  r->ctx = NULL;
  return true;
}

static bool append_data_frame_end_or_deliver_message(struct ws_recv *r,
                                                     const struct wslay_frame_iocb *f) {
  if (!check_text_utf8_or_fail(r, f, f->fin)) return false;
  if (f->fin && !r->msg)
    return ws_deliver_message_inflated_if_compressed(r, (char *)(uintptr_t)f->data, f->data_length);
  if (!message_buf_append(r, f)) return false;
  return f->fin ? ws_deliver_message_inflated_if_compressed(r, r->msg->p, r->msg->n)
                : ws_recv_release_frame_parser(r);
}

/* ---- control frames ---- */

static void append_control_payload(struct ws_frame_parser *x, const struct wslay_frame_iocb *f) {
  memcpy(x->control + x->control_len, f->data, f->data_length);
  x->control_len = (uint8_t)(x->control_len + f->data_length);
}

static bool pass_ping_or_pong_to_callback(struct ws_recv *r, unsigned op, const char *p, size_t n) {
  struct ws_pool *pool = r->shared->pool;
  struct ws_frame_parser *x = r->ctx;
  r->ctx = NULL;
  r->ended = true;
  bool more = op == WS_PING ? r->shared->ops->ping(r, p, n) : r->shared->ops->pong(r, p, n);
  ws_frame_parser_return_to_pool(pool, x);
  if (more) r->ended = false;
  return more;
}

static bool check_close_frame_and_pass_to_callback(struct ws_recv *r, const char *p, size_t n) {
  if (n == 1)
    return ws_recv_clear_and_report_failure(r, 1002, "close frame with a payload of one byte");
  unsigned code = n ? (unsigned)(uint8_t)p[0] << 8 | (uint8_t)p[1] : 1005;
  size_t skip = n ? 2 : 0;
  if (n && !sio__ws_is_valid_close_code(code))
    return ws_recv_clear_and_report_failure(r, 1002, "invalid close code");
  if (!sio__utf8_is_valid(p + skip, n - skip))
    return ws_recv_clear_and_report_failure(r, 1007, "close reason is not valid UTF-8");
  struct ws_pool *pool = r->shared->pool;
  struct ws_frame_parser *x = r->ctx;
  r->ctx = NULL;
  sio__ws_recv_free_and_stop(r);
  r->shared->ops->close(r, code, p + skip, n - skip);
  ws_frame_parser_return_to_pool(pool, x);
  return false;
}

static bool dispatch_complete_control_frame(struct ws_recv *r, const struct wslay_frame_iocb *f) {
  struct ws_frame_parser *x = r->ctx;
  const uint8_t *p = f->data;
  size_t n = f->data_length;
  if (x->control_len) {
    append_control_payload(x, f);
    p = x->control;
    n = x->control_len;
  }
  if (f->opcode == WS_CLOSE) return check_close_frame_and_pass_to_callback(r, (const char *)p, n);
  return pass_ping_or_pong_to_callback(r, f->opcode, (const char *)p, n);
}

/* ---- frames ---- */

static bool append_incomplete_frame_piece(struct ws_recv *r, const struct wslay_frame_iocb *f) {
  if (!wslay_is_ctrl_frame(f->opcode))
    return check_text_utf8_or_fail(r, f, false) && message_buf_append(r, f);
  append_control_payload(r->ctx, f);
  return true;
}

/* Passes input to wslay until the frame or the input ends. Returns true if the frame is complete
 * and reading goes on. */
static bool read_until_frame_or_input_ends(struct ws_recv *r, struct input *in) {
  struct ws_frame_parser *x = r->ctx;
  x->in = in;
  for (;;) {
    struct wslay_frame_iocb f;
    ssize_t n = wslay_frame_recv(x->frame, &f);
    if (n == WSLAY_ERR_WANT_READ) return false;
    if (n < 0) return ws_recv_clear_and_report_failure(r, 1002, "malformed frame header");
    x->payload_out += (size_t)n;
    if (x->payload_out == f.payload_length)
      return wslay_is_ctrl_frame(f.opcode) ? dispatch_complete_control_frame(r, &f)
                                           : append_data_frame_end_or_deliver_message(r, &f);
    if (!append_incomplete_frame_piece(r, &f)) return false;
  }
}

/* Returns the size of the extended payload length. The first two header bytes must be present. */
static unsigned extended_length_field_size(const uint8_t *h) {
  unsigned len = h[1] & 0x7fu;
  return len == 127 ? 8 : len == 126 ? 2 : 0;
}
static unsigned masked_frame_header_size(const uint8_t *h) {
  return HEADER_MIN + extended_length_field_size(h);
}

static uint64_t payload_length_of_frame_header(const uint8_t *h) {
  unsigned bytes = extended_length_field_size(h);
  if (bytes == 0) return h[1] & 0x7fu;
  uint64_t n = 0;
  for (unsigned i = 0; i < bytes; i++) n = n << 8 | h[2 + i];
  return n;
}

/* Takes the next frame header off the input. Returns NULL if the header is incomplete: its bytes
 * are then kept in r. */
static const uint8_t *take_frame_header_or_keep_its_first_bytes(struct ws_recv *r,
                                                                struct input *in) {
  const uint8_t *h = in->p;
  if (r->head_n == 0 && in->n >= HEADER_MIN && in->n >= masked_frame_header_size(h)) {
    in->p += masked_frame_header_size(h);
    in->n -= masked_frame_header_size(h);
    return h;
  }
  while (r->head_n < 2 || r->head_n < masked_frame_header_size(r->head)) {
    if (in->n == 0) return NULL;
    r->head[r->head_n++] = *in->p++;
    in->n--;
  }
  r->head_n = 0;
  return r->head;
}

/* Only the first frame of a message may have the bit for compression (RFC 7692 section 6). */
static unsigned allowed_reserved_header_bits(const struct ws_recv *r, unsigned op) {
  return r->deflate_agreed && (op == WS_TEXT || op == WS_BINARY) ? WS_RSV1 : 0;
}

/* Checks the first two bytes of a header, or one if only one has arrived. Returns the error as
 * text, or NULL. */
static const char *find_frame_header_error(const struct ws_recv *r, const uint8_t *h, size_t n) {
  if (n == 0) return NULL;
  unsigned op = h[0] & 0x0fu;
  if (h[0] & 0x70 & ~allowed_reserved_header_bits(r, op)) return "reserved bits set";
  if (op > WS_PONG || (op > WS_BINARY && op < WS_CLOSE)) return "reserved opcode";
  if (op == WS_CONTINUATION && !r->opcode) return "continuation frame without a message";
  if (op != WS_CONTINUATION && op < CONTROL_BIT && r->opcode)
    return "new message inside an unfinished one";
  if (n > 1 && !(h[1] & 0x80)) return "frame is not masked";
  return NULL;
}

static void ws_recv_set_message_opcode_and_compression(struct ws_recv *r, uint8_t first) {
  r->opcode = first & 0x0fu;
  r->compressed = first & WS_RSV1;
}

/* Counts a data frame, and checks its length and the number of fragments. Returns false if a limit
 * is exceeded, after the callback `fail`. */
static bool count_data_frame_and_fail_if_over_limit(struct ws_recv *r, uint64_t len) {
  size_t have = r->msg ? r->msg->n : 0;
  if (len >> 63) return ws_recv_clear_and_report_failure(r, 1002, "frame length over 63 bits");
  if (r->fragments >= r->shared->limits.max_fragments)
    return ws_recv_clear_and_report_failure(r, 1008,
                                            "the message has more than max_fragments frames");
  if (len > current_max_bytes_before_inflating(r) - have)
    return ws_recv_clear_and_report_failure(
        r, 1009, "the message is larger than allowed (max_payload, max_unjoined)");
  r->fragments++;
  return true;
}

static void ws_frame_parser_set_frame_header(struct ws_frame_parser *x, const uint8_t *h,
                                             uint64_t len) {
  const uint8_t *key = h + masked_frame_header_size(h) - KEY_LEN;
  x->head_left = (uint8_t)(key - h);
  memcpy(x->head, h, x->head_left);
  x->head[0] &= (uint8_t)~WS_RSV1;
  x->head[1] &= 0x7f;
  for (unsigned i = 0; i < sizeof x->key; i += KEY_LEN) memcpy(x->key + i, key, KEY_LEN);
  x->key_at = 0;
  x->payload_left = len;
  x->payload_out = 0;
  x->control_len = 0;
}

/* Returns false if the header is incomplete, or if `fail` was called. */
static bool ws_recv_parse_and_check_frame_header(struct ws_recv *r, struct input *in) {
  const uint8_t *h = take_frame_header_or_keep_its_first_bytes(r, in);
  const char *fault =
      h ? find_frame_header_error(r, h, 2) : find_frame_header_error(r, r->head, r->head_n);
  if (fault) return ws_recv_clear_and_report_failure(r, 1002, fault);
  if (!h) return false;
  unsigned op = h[0] & 0x0fu;
  uint64_t len = payload_length_of_frame_header(h);
  if (op == WS_TEXT || op == WS_BINARY) ws_recv_set_message_opcode_and_compression(r, h[0]);
  if (op < CONTROL_BIT && !count_data_frame_and_fail_if_over_limit(r, len)) return false;
  r->ctx = ws_frame_parser_borrow_from_pool(r->shared->pool);
  if (!r->ctx) return ws_recv_clear_and_report_failure(r, 1011, "out of memory");
  ws_frame_parser_set_frame_header(r->ctx, h, len);
  return true;
}

void sio__ws_recv_init(struct ws_recv *r, const struct ws_recv_shared *shared) {
  *r = (struct ws_recv){ .shared = shared };
}

size_t sio__ws_recv_feed(struct ws_recv *r, const char *p, size_t n) {
  if (r->ended) return 0;
  struct input in = { (const uint8_t *)p, n };
  bool more = true;
  while (more && !r->paused)
    more = (r->ctx || ws_recv_parse_and_check_frame_header(r, &in)) &&
           read_until_frame_or_input_ends(r, &in);
  return more ? in.n : 0;
}
