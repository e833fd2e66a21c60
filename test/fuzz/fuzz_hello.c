/* SPDX-License-Identifier: MIT
 *
 * fuzz_hello.c - what comes before a TLS handshake is complete, told apart as tls/openssl.c does: a
 * first ClientHello, then, if there may be one, a second. The first byte of the input says whether
 * the version may have one. Whole, in pieces and byte by byte the verdicts have to be those of a
 * plain parser that sees all bytes at once.
 */
#include "fuzz.h"

#include "tls/hello.h"

enum { MOST = 65536, CHANGE_CIPHER_SPEC = 20, HANDSHAKE = 22 };

/* What was found, and after how many bytes. */
struct found {
  enum hello_verdict first;
  size_t at;
  bool refused; /* ... then a second hello that is too long */
  size_t refused_at;
};

/* ---- a parser that has all bytes ------------------------------------------------------------- */

struct stream {
  const uint8_t *p;
  size_t n;
  size_t next;                      /* the next record's header, once `left` is 0 */
  size_t left;                      /* of the record that is open                 */
  enum { GOOD, FOREIGN, BAD } kind; /* of the record                              */
  uint8_t type;
};

/* Opens the next record; false: its header is not complete. */
static bool open_record(struct stream *s) {
  const uint8_t *h = s->p + s->next;
  if (s->n - s->next < 5) return false;
  s->next += 5;
  s->left = (size_t)h[3] << 8 | h[4];
  s->type = h[0];
  s->kind = h[1] != 3 || s->left == 0 || s->left > 16384 ? BAD : h[0] != HANDSHAKE ? FOREIGN : GOOD;
  return true;
}

/* One byte of a message, or why there is none: END, or STOP for a record that ends the reading. */
enum { END = -1, STOP = -2 };

static int next_byte(struct stream *s, bool second, bool may_retry) {
  while (s->left == 0 || s->kind == FOREIGN) {
    size_t rest = s->n - s->next;
    size_t skipped = s->left < rest ? s->left : rest;
    s->next += skipped;
    s->left -= skipped;
    if (s->left > 0 || !open_record(s)) return END;
    if (s->kind == BAD || (s->kind == FOREIGN && !second)) return STOP;
    if (s->type == CHANGE_CIPHER_SPEC && !may_retry) return STOP;
  }
  if (s->next == s->n) return END;
  s->left--;
  return s->p[s->next++];
}

static enum hello_verdict read_hello(struct stream *s, bool second, bool may_retry) {
  uint8_t head[4];
  for (int i = 0; i < 4; i++) {
    int b = next_byte(s, second, may_retry);
    if (b < 0) return b == END ? HELLO_MORE : HELLO_OTHER;
    head[i] = (uint8_t)b;
  }
  size_t len = (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
  if (head[0] != 1) return HELLO_OTHER;
  if (len > HELLO_MAX) return HELLO_LONG;
  for (; len > 0; len--) {
    int b = next_byte(s, second, may_retry);
    if (b < 0) return b == END ? HELLO_MORE : HELLO_OTHER;
  }
  return HELLO_WHOLE;
}

static struct found expect(const uint8_t *p, size_t n, bool may_retry) {
  struct stream s = { .p = p, .n = n };
  struct found f = { .first = read_hello(&s, false, true) };
  f.at = f.first == HELLO_MORE ? n : s.next;
  if (f.first != HELLO_WHOLE) return f;
  f.refused = read_hello(&s, true, may_retry) == HELLO_LONG;
  f.refused_at = f.refused ? s.next : 0;
  return f;
}

/* ---- the one that is tested ------------------------------------------------------------------ */

static void follow(struct hello *h, const uint8_t *p, size_t n, bool may_retry, struct found *f) {
  char *copy = piece(p, n);
  f->refused = !sio__hello_check_length_of_second(h, copy, n, may_retry);
  DEMAND(h->over || f->refused || h->message_left <= HELLO_MAX);
  free(copy);
}

/* In pieces of `step` bytes. A refusal is only known by the piece, not by the byte. */
static struct found look(const uint8_t *p, size_t n, size_t step, bool may_retry) {
  struct hello h = { .skip = false };
  struct found f = { .first = HELLO_MORE };
  for (size_t at = 0, used; at < n && !f.refused; at += step) {
    size_t part = n - at < step ? n - at : step, rest = 0;
    if (f.first == HELLO_MORE) {
      char *copy = piece(p + at, part);
      f.first = sio__hello_parse(&h, copy, part, &used);
      free(copy);
      f.at += used;
      DEMAND(used <= part && (f.first != HELLO_MORE || used == part));
      DEMAND(f.first == HELLO_LONG || f.first == HELLO_OTHER || h.message_left <= HELLO_MAX);
      rest = used;
    }
    if (f.first == HELLO_MORE) continue;
    if (f.first != HELLO_WHOLE) return f;
    follow(&h, p + at + rest, part - rest, may_retry, &f);
    f.refused_at = f.refused ? at + part : 0;
  }
  return f;
}

static void compare(const uint8_t *p, size_t n, size_t step, bool may_retry) {
  struct found want = expect(p, n, may_retry), got = look(p, n, step, may_retry);
  DEMAND(got.first == want.first);
  DEMAND(got.at == want.at);
  DEMAND(got.refused == want.refused);
  size_t by = (want.refused_at + step - 1) / step * step;
  DEMAND(got.refused_at == (by < n ? by : want.refused ? n : 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2 || size > MOST) return 0;
  bool may_retry = data[0] & 1;
  compare(data + 1, size - 1, size - 1, may_retry);
  compare(data + 1, size - 1, 7, may_retry);
  compare(data + 1, size - 1, 1, may_retry);
  return 0;
}
