/* SPDX-License-Identifier: MIT
 *
 * hello.c - parses TLS records and the headers of handshake messages, to find each ClientHello and
 * its length (RFC 8446 sections 4 and 5.1).
 */
#include "tls/hello.h"
#include <string.h>

enum { CHANGE_CIPHER_SPEC = 20, HANDSHAKE = 22, CLIENT_HELLO = 1, RECORD_MAX = 16384 };

/* Copies some of the n bytes at p to the header `to`, which is complete when it has `size` bytes.
 * *have is the number of bytes that the header has, and is increased. Sets *used to the number of
 * bytes copied. Returns true if the header is complete. */
static bool collect_record_or_message_header(uint8_t *to, uint8_t *have, uint8_t size,
                                             const char *p, size_t n, size_t *used) {
  size_t want = (size_t)(size - *have), k = want < n ? want : n;
  memcpy(to + *have, p, k);
  *have = (uint8_t)(*have + k);
  *used = k;
  return *have == size;
}

static enum hello_verdict parse_tls_record_header(struct hello *h) {
  h->nhead = 0;
  h->record_left = (uint32_t)h->head[3] << 8 | h->head[4];
  h->skip = h->head[0] != HANDSHAKE;
  if (h->head[1] != 3 || h->record_left == 0 || h->record_left > RECORD_MAX) return HELLO_OTHER;
  return h->skip && !h->first_done ? HELLO_OTHER : HELLO_MORE;
}

static enum hello_verdict parse_handshake_message_header(struct hello *h) {
  h->message_left = (uint32_t)h->message[1] << 16 | (uint32_t)h->message[2] << 8 | h->message[3];
  if (h->message[0] != CLIENT_HELLO) return HELLO_OTHER;
  if (h->message_left > HELLO_MAX) return HELLO_LONG;
  return h->message_left > 0 ? HELLO_MORE : HELLO_WHOLE;
}

/* Skips up to n bytes, but none after the end of the current record and, in a handshake record,
 * none after the end of the current message. Returns the number of bytes skipped. */
static size_t skip_to_end_of_record_or_message(struct hello *h, size_t n) {
  size_t k = h->record_left < n ? h->record_left : n;
  if (!h->skip && h->message_left < k) k = h->message_left;
  if (!h->skip) h->message_left -= (uint32_t)k;
  h->record_left -= (uint32_t)k;
  return k;
}

static enum hello_verdict parse_next_part_of_hello(struct hello *h, const char *p, size_t n,
                                                   size_t *used) {
  if (h->record_left == 0)
    return collect_record_or_message_header(h->head, &h->nhead, sizeof h->head, p, n, used)
               ? parse_tls_record_header(h)
               : HELLO_MORE;
  if (!h->skip && h->nmessage < sizeof h->message) {
    bool full = collect_record_or_message_header(h->message, &h->nmessage, sizeof h->message, p,
                                                 n < h->record_left ? n : h->record_left, used);
    h->record_left -= (uint32_t)*used;
    return full ? parse_handshake_message_header(h) : HELLO_MORE;
  }
  *used = skip_to_end_of_record_or_message(h, n);
  return h->skip || h->message_left > 0 ? HELLO_MORE : HELLO_WHOLE;
}

enum hello_verdict sio__hello_parse(struct hello *h, const char *p, size_t n, size_t *used) {
  enum hello_verdict v = HELLO_MORE;
  for (*used = 0; v == HELLO_MORE && *used < n;) {
    size_t k = 0;
    v = parse_next_part_of_hello(h, p + *used, n - *used, &k);
    *used += k;
  }
  if (v == HELLO_WHOLE) h->nmessage = 0;
  return v;
}

/* Returns true if the current record is a ChangeCipherSpec of TLS 1.2 or earlier: all records after
 * it are encrypted, so there cannot be a second ClientHello. */
static bool are_later_records_encrypted(const struct hello *h, bool may_retry) {
  return !may_retry && h->skip && h->head[0] == CHANGE_CIPHER_SPEC;
}

bool sio__hello_check_length_of_second(struct hello *h, const char *p, size_t n, bool may_retry) {
  h->first_done = true;
  while (!h->over && n > 0) {
    size_t k = 0;
    enum hello_verdict v = parse_next_part_of_hello(h, p, n, &k);
    if (v == HELLO_LONG) return false;
    h->over = v != HELLO_MORE || are_later_records_encrypted(h, may_retry);
    p += k;
    n -= k;
  }
  return true;
}
