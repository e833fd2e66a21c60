/* SPDX-License-Identifier: MIT
 *
 * decode.c - decodes Socket.IO packets. The header is read from left to right, and the payload is
 * scanned in place. Only a packet that announces attachments is copied.
 */
#include "base/err.h"
#include "base/mem.h"
#include "packet/json_string.h"
#include "packet/packet.h"

enum {
  COUNT_DIGITS = 9, /* a number of attachments with more digits is refused */
  FIRST_BINS = 4    /* at first, room for at most this many attachments is allocated */
};

/* 2^53 - 1, which is Number.MAX_SAFE_INTEGER in JavaScript */
static const int64_t max_id = INT64_C(9007199254740991);

/* The fields into which the text of a packet is split. */
struct header {
  enum packet_type type;
  uint32_t attachments; /* how many attachments the packet announces; 0 unless it is binary */
  sio_slice nsp;
  int64_t id;
  sio_slice json;
};

/* A packet that waits for attachments, or has all of them. */
struct partial {
  struct header header; /* its slices point into `text`; but `nsp` may be the constant "/" */
  sio_slice *bins;
  uint32_t nbins, cap;
  size_t bytes; /* the size of the text and the attachments so far */
  char text[];
};

static int set_decode_error(const char **why, int err, const char *text) {
  *why = text;
  return err;
}

static int set_decode_error_out_of_memory(const char **why) {
  return set_decode_error(why, UV_ENOMEM, "out of memory");
}

/* ---- the header ------------------------------------------------------------------------- */

static bool is_header_digit(char c) { return c >= '0' && c <= '9'; }

static void remove_first_bytes(sio_slice *s, size_t n) {
  s->p += n;
  s->n -= n;
}

static size_t count_leading_digits(sio_slice s) {
  size_t n = 0;
  while (n < s.n && is_header_digit(s.p[n])) n++;
  return n;
}

static int read_packet_type(sio_slice *s, struct header *h, const char **why) {
  if (s->n == 0) return set_decode_error(why, SIO_EPROTO, "empty packet");
  switch (s->p[0]) {
    case '7': return set_decode_error(why, SIO_EPROTO, "unknown packet type 7");
    case '8': return set_decode_error(why, SIO_EPROTO, "unknown packet type 8");
    case '9': return set_decode_error(why, SIO_EPROTO, "unknown packet type 9");
    default:
      if (!is_header_digit(s->p[0]))
        return set_decode_error(why, SIO_EPROTO, "the packet type is not a digit");
  }
  h->type = (enum packet_type)(s->p[0] - '0');
  remove_first_bytes(s, 1);
  return 0;
}

static int read_announced_attachment_count(sio_slice *s, struct header *h, unsigned max,
                                           const char **why) {
  uint64_t count = 0;
  size_t n = count_leading_digits(*s);
  if (n == 0 || n == s->n || s->p[n] != '-')
    return set_decode_error(why, SIO_EPROTO, "Illegal attachments");
  if (n > COUNT_DIGITS) return set_decode_error(why, SIO_EPROTO, "too many attachments");
  sio__slice_parse_u64(slice(s->p, n), &count);
  if (count == 0) return set_decode_error(why, SIO_EPROTO, "Illegal attachments");
  if (count > max) return set_decode_error(why, SIO_EPROTO, "too many attachments");
  h->attachments = (uint32_t)count;
  remove_first_bytes(s, n + 1);
  return 0;
}

/* Reads the name of the namespace. If the packet has none, or the name is "/", h->nsp becomes the
 * constant "/". Any other name is a slice of the packet's text, and has to be adjusted when the
 * text is copied. */
static void read_packet_namespace(sio_slice *s, struct header *h) {
  h->nsp = SLICE("/");
  if (s->n == 0 || s->p[0] != '/') return;
  const char *comma = memchr(s->p, ',', s->n);
  size_t n = comma ? (size_t)(comma - s->p) : s->n;
  if (n > 1) h->nsp = slice(s->p, n);
  remove_first_bytes(s, n + (comma ? 1 : 0));
}

static int read_ack_id(sio_slice *s, struct header *h, const char **why) {
  size_t n = count_leading_digits(*s);
  h->id = n ? 0 : PACKET_NO_ID;
  for (size_t i = 0; i < n; i++) {
    h->id = h->id * 10 + (s->p[i] - '0');
    if (h->id > max_id) return set_decode_error(why, SIO_EPROTO, "invalid packet id");
  }
  remove_first_bytes(s, n);
  return 0;
}

static int read_packet_header(sio_slice text, struct header *h, const struct decoder_limits *lim,
                              const char **why) {
  sio_slice s = text;
  *h = (struct header){ 0 };
  int err = read_packet_type(&s, h, why);
  if (!err && (h->type == PACKET_BINARY_EVENT || h->type == PACKET_BINARY_ACK))
    err = read_announced_attachment_count(&s, h, lim->max_attachments, why);
  if (err) return err;
  read_packet_namespace(&s, h);
  err = read_ack_id(&s, h, why);
  h->json = s;
  return err;
}

/* ---- the payload ------------------------------------------------------------------------ */

bool sio__is_reserved_event_name(sio_slice name) {
  switch (name.n) {
    case 7: return memcmp(name.p, "connect", 7) == 0;
    case 10: return memcmp(name.p, "disconnect", 10) == 0;
    case 11: return memcmp(name.p, "newListener", 11) == 0;
    case 13:
      return memcmp(name.p, "connect_error", 13) == 0 || memcmp(name.p, "disconnecting", 13) == 0;
    case 14: return memcmp(name.p, "removeListener", 14) == 0;
    default: return false;
  }
}

static bool is_reserved_event_name_in_json(sio_slice quoted) {
  enum { LONGEST = 14, ESCAPED = 6 };
  char name[LONGEST * ESCAPED + 2];
  if (quoted.n > sizeof name) return false;
  return sio__is_reserved_event_name(slice(name, sio__json_unescape_string(name, quoted)));
}

static bool is_event_name_json_valid_and_unreserved(sio_slice text) {
  if (text.p[0] == '-' || is_header_digit(text.p[0])) return true;
  if (text.p[0] != '"') return false;
  if (memchr(text.p, '\\', text.n)) return !is_reserved_event_name_in_json(text);
  return !sio__is_reserved_event_name(slice(text.p + 1, text.n - 2));
}

static bool is_payload_valid_for_type(enum packet_type type, const struct json_scan *scan,
                                      sio_slice json) {
  switch (type) {
    case PACKET_CONNECT: return scan->first == '{';
    case PACKET_CONNECT_ERROR: return scan->first == '{' || scan->first == '"';
    case PACKET_ACK:
    case PACKET_BINARY_ACK: return scan->first == '[';
    case PACKET_EVENT:
    case PACKET_BINARY_EVENT:
      return scan->first == '[' && scan->nargs &&
             is_event_name_json_valid_and_unreserved(json_scanned_element(scan, json, 0));
    default: return false; /* DISCONNECT */
  }
}

static int scan_and_check_packet_payload(const struct header *h, struct json_scan *scan,
                                         unsigned max_depth, const char **why) {
  scan->nargs = scan->nplaceholders = 0;
  if (h->json.n == 0) return 0;
  int err = sio__json_scan_text(scan, h->json, max_depth, NULL);
  if (err == UV_ENOMEM) return set_decode_error_out_of_memory(why);
  if (err == SIO_EDEPTH) return set_decode_error(why, err, "payload nested too deep");
  if (err || !is_payload_valid_for_type(h->type, scan, h->json))
    return set_decode_error(why, SIO_EPROTO, "invalid payload");
  return 0;
}

int sio__packet_scan_and_check_payload(enum packet_type type, sio_slice json,
                                       struct json_scan *scan, unsigned max_depth,
                                       const char **why) {
  struct header h = { .type = type, .json = json };
  return scan_and_check_packet_payload(&h, scan, max_depth, why);
}

static enum packet_type binary_packet_type_to_plain(enum packet_type type) {
  if (type == PACKET_BINARY_EVENT) return PACKET_EVENT;
  return type == PACKET_BINARY_ACK ? PACKET_ACK : type;
}

static int fill_packet_from_header_and_scan(const struct header *h, const struct json_scan *scan,
                                            struct packet *out) {
  *out = (struct packet){ .type = binary_packet_type_to_plain(h->type),
                          .nsp = h->nsp,
                          .id = h->id,
                          .json = h->json,
                          .scan = scan };
  return DECODE_PACKET;
}

/* ---- packets that wait for attachments -------------------------------------------------- */

static int copy_packet_to_wait_for_attachments(struct decoder *d, const struct header *h,
                                               sio_slice text, const char **why) {
  struct partial *p = sio__malloc(size_add(sizeof *p, text.n));
  if (!p) return set_decode_error_out_of_memory(why);
  *p = (struct partial){ .header = *h, .bytes = text.n };
  memcpy(p->text, text.p, text.n);
  if (h->nsp.n > 1) p->header.nsp.p = p->text + (h->nsp.p - text.p);
  p->header.json.p = p->text + (h->json.p - text.p);
  d->partial = p;
  return DECODE_MORE;
}

static bool have_all_attachments_arrived(const struct partial *p) {
  return p->nbins == p->header.attachments;
}

void sio__decoder_free_packet(struct decoder *d) {
  struct partial *p = d->partial;
  if (!p) return;
  d->partial = NULL;
  for (uint32_t i = 0; i < p->nbins; i++) sio__free((void *)(uintptr_t)p->bins[i].p);
  sio__free(p->bins);
  sio__free(p);
}

static void free_previous_packet_if_complete(struct decoder *d) {
  if (d->partial && have_all_attachments_arrived(d->partial)) sio__decoder_free_packet(d);
}

int sio__decode_packet_text(struct decoder *d, struct decode_scratch *scratch,
                            const struct decoder_limits *lim, sio_slice text, struct packet *out,
                            const char **why) {
  struct header h;
  free_previous_packet_if_complete(d);
  if (d->partial)
    return set_decode_error(why, SIO_EPROTO, "got plaintext data when reconstructing a packet");
  if (text.n > lim->max_packet) return set_decode_error(why, SIO_ETOOBIG, "packet too big");
  int err = read_packet_header(text, &h, lim, why);
  if (!err) err = scan_and_check_packet_payload(&h, &scratch->scan, lim->max_depth, why);
  if (err) return err;
  if (h.attachments) return copy_packet_to_wait_for_attachments(d, &h, text, why);
  return fill_packet_from_header_and_scan(&h, &scratch->scan, out);
}

/* Makes room for one more attachment. The array grows with the attachments that have arrived,
 * because the number that the peer has announced may be far too large. */
static bool reserve_attachment_slot(struct partial *p) {
  if (p->nbins < p->cap) return true;
  uint32_t left = p->header.attachments - p->cap, more = p->cap ? p->cap : FIRST_BINS;
  uint32_t cap = p->cap + (more < left ? more : left);
  sio_slice *bins = sio__realloc(p->bins, size_mul(cap, sizeof *bins));
  if (!bins) return false;
  p->bins = bins;
  p->cap = cap;
  return true;
}

static int append_attachment_copy(struct partial *p, sio_slice data,
                                  const struct decoder_limits *lim, const char **why) {
  size_t bytes = size_add(p->bytes, data.n);
  if (bytes > lim->max_packet) return set_decode_error(why, SIO_ETOOBIG, "packet too big");
  if (!reserve_attachment_slot(p)) return set_decode_error_out_of_memory(why);
  char *copy = sio__malloc(data.n);
  if (!copy) return set_decode_error_out_of_memory(why);
  if (data.n) memcpy(copy, data.p, data.n);
  p->bins[p->nbins++] = slice(copy, data.n);
  p->bytes = bytes;
  return 0;
}

static bool are_placeholder_numbers_in_range(const struct json_scan *scan, uint32_t nbins) {
  for (uint32_t i = 0; i < scan->nplaceholders; i++)
    if (scan->placeholders[i].num < 0 || scan->placeholders[i].num >= nbins) return false;
  return true;
}

/* Fills *out when the last attachment of the packet has arrived. The payload was scanned when its
 * text arrived. It is scanned again, because other packets may have used the scratch memory since
 * then. */
static int rescan_and_fill_packet_with_attachments(const struct partial *p,
                                                   struct decode_scratch *scratch,
                                                   const struct decoder_limits *lim,
                                                   struct packet *out, const char **why) {
  int err = scan_and_check_packet_payload(&p->header, &scratch->scan, lim->max_depth, why);
  if (err) return err;
  if (!are_placeholder_numbers_in_range(&scratch->scan, p->nbins))
    return set_decode_error(why, SIO_EPROTO, "illegal attachments");
  fill_packet_from_header_and_scan(&p->header, &scratch->scan, out);
  out->bins = p->bins;
  out->nbins = p->nbins;
  return DECODE_PACKET;
}

int sio__decode_packet_attachment(struct decoder *d, struct decode_scratch *scratch,
                                  const struct decoder_limits *lim, sio_slice data,
                                  struct packet *out, const char **why) {
  free_previous_packet_if_complete(d);
  struct partial *p = d->partial;
  if (!p)
    return set_decode_error(why, SIO_EPROTO, "got binary data when not reconstructing a packet");
  int err = append_attachment_copy(p, data, lim, why);
  if (err) return err;
  return have_all_attachments_arrived(p)
             ? rescan_and_fill_packet_with_attachments(p, scratch, lim, out, why)
             : DECODE_MORE;
}

void sio__decode_scratch_clear(struct decode_scratch *s) {
  sio__json_scan_clear(&s->scan);
  sio__json_scan_clear(&s->sent);
  sio__free(s->numbers);
  *s = (struct decode_scratch){ 0 };
}
