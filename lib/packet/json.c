/* SPDX-License-Identifier: MIT
 *
 * json.c - the scanner is a loop over six states. What is open is kept in an array of frames,
 * one per level, so neither depth nor length of a text costs stack.
 *
 * Strings are the bulk of every event: they are crossed eight bytes at a time.
 */
#include "packet/json.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "packet/number.h"

enum {
  KEEP_RESULTS = 4096, /* result arrays longer than this are not held on to         */
  KEY_MAX = 12,        /* strlen("_placeholder"), the longest key that matters here */
  ESCAPED = 6          /* bytes that the longest escape takes: \u0000               */
};

/* ---- eight bytes at a time -------------------------------------------------------------- */

#define EVERY_BYTE(c) (UINT64_C(0x0101010101010101) * (c))

static inline uint64_t load8(const char *p) {
  uint64_t w;
  memcpy(&w, p, sizeof w);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  w = __builtin_bswap64(w);
#endif
  return w;
}

/* Bit 7 of each quote, backslash and control character, and of none before the first such.
 * (Flipping bit 1 moves the quote to 0x20, right above the controls, and lets those be.) */
static inline uint64_t find_special_byte(uint64_t w) {
  uint64_t quote_or_control = (w ^ EVERY_BYTE(2)) - EVERY_BYTE(0x21);
  uint64_t backslash = (w ^ EVERY_BYTE('\\')) - EVERY_BYTE(1);
  return (quote_or_control | backslash) & ~w & EVERY_BYTE(0x80);
}

static inline bool is_special(char c) { return (unsigned char)c < 0x20 || c == '"' || c == '\\'; }

static inline size_t first_marked(uint64_t marks) { return (size_t)__builtin_ctzll(marks) >> 3; }

/* The last bytes are loaded together with some before them, and these shifted out: the zeros
 * that come in at the other end count as controls, so the search stops at `end`. */
static inline const char *skip_plain(const char *base, const char *p, const char *end) {
  for (; end - p >= 8; p += 8) {
    uint64_t found = find_special_byte(load8(p));
    if (found) return p + first_marked(found);
  }
  if (p < end && end - base >= 8)
    return p + first_marked(find_special_byte(load8(end - 8) >> (64 - 8 * (end - p))));
  while (p < end && !is_special(*p)) p++;
  return p;
}

/* ---- the scanner ------------------------------------------------------------------------ */

struct frame {
  uint32_t off;    /* where the container begins                    */
  uint32_t num_at; /* where the value of its "num" begins; 0: none  */
  bool object;
  bool hole; /* its "_placeholder" is true                          */
};

struct cursor {
  const char *p, *end, *base;
  struct json_scan *out;
  unsigned depth, floor, max_depth; /* floor: what is open at the very end */
  uint32_t arg_off;
  int err;
  struct frame frames[JSON_DEPTH_MAX + 1]; /* [1] is the outermost */
};

enum state {
  VALUE,         /* a value must come                            */
  FIRST_ELEMENT, /* after '[': a value, or the end               */
  FIRST_KEY,     /* after '{': a key, or the end                 */
  KEY,           /* a key must come, its colon, and a value      */
  AFTER,         /* after a value: a comma, an end, or the end   */
  DONE,
  FAILED /* err says why, p where                                */
};

static inline bool json_is_digit(char c) { return (unsigned char)(c - '0') < 10; }

static inline bool json_is_blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

/* NUL at the end: no NUL is valid outside a string either. */
static inline char peek_byte(const struct cursor *c) { return c->p < c->end ? *c->p : '\0'; }

static inline char next_token(struct cursor *c) {
  const char *p = c->p;
  if (p < c->end && (unsigned char)*p > ' ') return *p;
  while (p < c->end && json_is_blank(*p)) p++;
  c->p = p;
  return peek_byte(c);
}

static inline uint32_t offset(const struct cursor *c) { return (uint32_t)(c->p - c->base); }

static enum state scan_fail(struct cursor *c, int err) {
  c->err = err;
  return FAILED;
}

/* Room for one more in a result array. */
static int grow_array(void **items, uint32_t *cap, uint32_t n, size_t size) {
  if (n < *cap) return 0;
  void *p = sio__array_grow(*items, cap, size, 16);
  if (!p) return SIO__ENOMEM;
  *items = p;
  return 0;
}

static inline int push_arg(struct cursor *c, uint32_t len) {
  struct json_scan *s = c->out;
  if (s->nargs == s->args_cap) {
    void *items = s->args;
    int err = grow_array(&items, &s->args_cap, s->nargs, sizeof *s->args);
    if (err) return err;
    s->args = items;
  }
  s->args[s->nargs].off = c->arg_off;
  s->args[s->nargs++].len = len;
  return 0;
}

static int64_t hole_num(const struct cursor *c, uint32_t at) {
  int64_t num;
  if (at == 0) return -1;
  const char *p = c->base + at, *end = p;
  while (json_is_digit(*end) || *end == '-' || *end == '+' || *end == '.' || (*end | 0x20) == 'e')
    end++;
  if (!sio__number_int(slice(p, (size_t)(end - p)), &num)) return -1;
  return num >= 0 && num <= INT32_MAX ? num : -1;
}

/* An object ends that stands for an attachment: holes inside it are void. */
static int push_hole(struct cursor *c, const struct frame *f) {
  struct json_scan *s = c->out;
  while (s->nholes && s->holes[s->nholes - 1].off > f->off) s->nholes--;
  void *items = s->holes;
  int err = grow_array(&items, &s->holes_cap, s->nholes, sizeof *s->holes);
  if (err) return err;
  s->holes = items;
  s->holes[s->nholes++] = (struct json_hole){
    .off = f->off, .len = offset(c) - f->off, .arg = s->nargs, .num = hole_num(c, f->num_at)
  };
  return 0;
}

static bool hex_digits(const char *p, const char *end) {
  if (end - p < 4) return false;
  for (int i = 0; i < 4; i++)
    if (!json_is_digit(p[i]) && ((p[i] | 0x20) < 'a' || (p[i] | 0x20) > 'f')) return false;
  return true;
}

/* p is after a backslash. Returns the position after the escape, or NULL if it is invalid. */
static const char *skip_escape(const char *p, const char *end) {
  if (p == end || *p == '\0') return NULL;
  if (*p == 'u') return hex_digits(p + 1, end) ? p + 5 : NULL;
  return strchr("\"\\/bfnrt", *p) ? p + 1 : NULL;
}

/* p is after the opening quote. Returns the position after the closing one. */
static inline bool skip_string(struct cursor *c, bool *escaped) {
  const char *p = c->p;
  *escaped = false;
  for (;;) {
    c->p = p = skip_plain(c->base, p, c->end);
    if (p == c->end || (unsigned char)*p < 0x20) return false;
    if (*p == '"') break;
    *escaped = true;
    p = skip_escape(p + 1, c->end);
    if (!p) return false;
  }
  c->p = p + 1;
  return true;
}

static inline bool skip_digits(struct cursor *c) {
  const char *p = c->p;
  while (p < c->end && json_is_digit(*p)) p++;
  bool some = p > c->p;
  c->p = p;
  return some;
}

static bool skip_fraction(struct cursor *c) {
  c->p++;
  return skip_digits(c);
}

static bool skip_exponent(struct cursor *c) {
  c->p++;
  if (peek_byte(c) == '+' || peek_byte(c) == '-') c->p++;
  return skip_digits(c);
}

static inline bool skip_number(struct cursor *c) {
  if (*c->p == '-') c->p++;
  if (peek_byte(c) == '0')
    c->p++;
  else if (!skip_digits(c))
    return false;
  if (peek_byte(c) == '.' && !skip_fraction(c)) return false;
  return (peek_byte(c) | 0x20) == 'e' ? skip_exponent(c) : true;
}

static inline bool skip_word(struct cursor *c, const char *word, size_t n) {
  if ((size_t)(c->end - c->p) < n || memcmp(c->p, word, n) != 0) return false;
  c->p += n;
  return true;
}

static inline enum state open_container(struct cursor *c, bool object) {
  if (c->depth == c->max_depth) return scan_fail(c, SIO_EDEPTH);
  c->frames[++c->depth] = (struct frame){ .off = offset(c), .object = object };
  c->p++;
  return object ? FIRST_KEY : FIRST_ELEMENT;
}

static inline enum state close_container(struct cursor *c) {
  const struct frame *f = &c->frames[c->depth];
  c->p++;
  if (f->hole) {
    int err = push_hole(c, f);
    if (err) return scan_fail(c, err);
  }
  c->depth--;
  return AFTER;
}

static inline enum state scan_value(struct cursor *c) {
  bool valid, escaped;
  char first = next_token(c);
  if (c->depth == 1) c->arg_off = offset(c);
  switch (first) {
    case '"':
      c->p++;
      valid = skip_string(c, &escaped);
      break;
    case '{': return open_container(c, true);
    case '[': return open_container(c, false);
    case 't': valid = skip_word(c, "true", 4); break;
    case 'f': valid = skip_word(c, "false", 5); break;
    case 'n': valid = skip_word(c, "null", 4); break;
    default: valid = (first == '-' || json_is_digit(first)) && skip_number(c);
  }
  return valid ? AFTER : FAILED;
}

static inline enum state scan_first_element(struct cursor *c) {
  return next_token(c) == ']' ? close_container(c) : VALUE;
}

/* A key with escapes can still be one of ours: compare what it says. */
static sio_slice key_text(char room[], sio_slice raw, bool escaped) {
  if (!escaped) return slice(raw.p + 1, raw.n - 2);
  if (raw.n > KEY_MAX * ESCAPED + 2) return slice(NULL, 0);
  return slice(room, sio__json_unescape(room, raw));
}

/* The value of a key begins at c->p. */
static inline void note_key(struct cursor *c, sio_slice raw, bool escaped) {
  char room[KEY_MAX * ESCAPED + 2];
  struct frame *f = &c->frames[c->depth];
  sio_slice key = key_text(room, raw, escaped);
  if (key.n == 3 && memcmp(key.p, "num", 3) == 0) f->num_at = offset(c);
  if (key.n == KEY_MAX && memcmp(key.p, "_placeholder", KEY_MAX) == 0)
    f->hole = peek_byte(c) == 't';
}

static inline enum state scan_key(struct cursor *c) {
  bool escaped;
  if (next_token(c) != '"') return FAILED;
  const char *key = c->p++;
  if (!skip_string(c, &escaped)) return FAILED;
  size_t n = (size_t)(c->p - key);
  if (next_token(c) != ':') return FAILED;
  c->p++;
  next_token(c);
  note_key(c, slice(key, n), escaped);
  return VALUE;
}

static inline enum state scan_first_key(struct cursor *c) {
  return next_token(c) == '}' ? close_container(c) : KEY;
}

static inline enum state scan_after(struct cursor *c) {
  const struct frame *f = &c->frames[c->depth];
  if (c->depth == 1 && !f->object) {
    int err = push_arg(c, offset(c) - c->arg_off);
    if (err) return scan_fail(c, err);
  }
  char token = next_token(c);
  if (c->depth == c->floor && c->p == c->end) return DONE;
  if (c->depth && token == ',') {
    c->p++;
    return f->object ? KEY : VALUE;
  }
  if (c->depth > c->floor && token == (f->object ? '}' : ']')) return close_container(c);
  return FAILED;
}

static int scan_run(struct cursor *c) {
  for (enum state s = VALUE;;) {
    switch (s) {
      case VALUE: s = scan_value(c); break;
      case FIRST_ELEMENT: s = scan_first_element(c); break;
      case FIRST_KEY: s = scan_first_key(c); break;
      case KEY: s = scan_key(c); break;
      case AFTER: s = scan_after(c); break;
      case DONE: return 0;
      case FAILED: return c->err;
    }
  }
}

static void scan_begin(struct json_scan *s) {
  if (s->args_cap > KEEP_RESULTS || s->holes_cap > KEEP_RESULTS) sio__json_scan_clear(s);
  s->nargs = s->nholes = 0;
  s->first = '\0';
}

static int scan(struct json_scan *s, sio_slice text, unsigned floor, unsigned max_depth,
                size_t *at) {
  struct cursor c;
  scan_begin(s);
  if (at) *at = 0;
  if (text.n > UINT32_MAX) return SIO_ETOOBIG;
  if (text.n == 0) return SIO_EJSON;
  if (max_depth > JSON_DEPTH_MAX) max_depth = JSON_DEPTH_MAX;
  if (floor > max_depth) return SIO_EDEPTH;
  c.p = c.base = text.p;
  c.end = text.p + text.n;
  c.out = s;
  c.depth = c.floor = floor;
  c.max_depth = max_depth;
  c.err = SIO_EJSON;
  c.frames[floor] = (struct frame){ 0 };
  s->first = next_token(&c);
  int err = scan_run(&c);
  if (at) *at = (size_t)(c.p - c.base);
  return err;
}

int sio__json_scan(struct json_scan *s, sio_slice text, unsigned max_depth, size_t *at) {
  return scan(s, text, 0, max_depth, at);
}

int sio__json_scan_list(struct json_scan *s, sio_slice text, unsigned max_depth, size_t *at) {
  return scan(s, text, 1, max_depth, at);
}

void sio__json_scan_clear(struct json_scan *s) {
  sio__free(s->args);
  sio__free(s->holes);
  *s = (struct json_scan){ 0 };
}

/* ---- strings, out of JSON --------------------------------------------------------------- */

static uint32_t hex4(const char *p) {
  uint32_t v = 0;
  for (int i = 0; i < 4; i++)
    v = v << 4 | (uint32_t)(json_is_digit(p[i]) ? p[i] - '0' : (p[i] | 0x20) - 'a' + 10);
  return v;
}

static char *put_utf8(char *o, uint32_t c) {
  if (c < 0x80) {
    *o++ = (char)c;
    return o;
  }
  unsigned tails = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
  *o++ = (char)((0x780u >> tails & 0xf0) | c >> (6 * tails));
  while (tails--) *o++ = (char)(0x80 | (c >> (6 * tails) & 0x3f));
  return o;
}

/* p is after "\u"; *end is set to the position after the last digit taken. */
static uint32_t unescape_unit(const char *p, const char *limit, const char **end) {
  uint32_t c = hex4(p);
  *end = p + 4;
  if (c < 0xd800 || c > 0xdfff) return c;
  if (c > 0xdbff || limit - p < 10 || p[4] != '\\' || p[5] != 'u') return 0xfffd;
  uint32_t low = hex4(p + 6);
  if (low < 0xdc00 || low > 0xdfff) return 0xfffd;
  *end = p + 10;
  return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
}

static char unescape_letter(char c) {
  switch (c) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return c;
  }
}

size_t sio__json_unescape(char *out, sio_slice text) {
  const char *p = text.p + 1, *end = text.p + text.n - 1;
  char *o = out;
  while (p < end) {
    const char *slash = memchr(p, '\\', (size_t)(end - p));
    size_t plain = (size_t)((slash ? slash : end) - p);
    memcpy(o, p, plain);
    o += plain;
    if (!slash) break;
    p = slash + 2;
    if (slash[1] == 'u')
      o = put_utf8(o, unescape_unit(p, end, &p));
    else
      *o++ = unescape_letter(slash[1]);
  }
  return (size_t)(o - out);
}

/* ---- strings, into JSON ----------------------------------------------------------------- */

/* A piece of text that is copied unchanged, and what replaces the `eaten` bytes after it. */
struct piece {
  size_t run, eaten, instead_n;
  char instead[ESCAPED];
};

static const char *skip_clean(const char *p, const char *end) {
  for (;;) {
    while (end - p >= 8) {
      uint64_t w = load8(p), found = find_special_byte(w) | (w & EVERY_BYTE(0x80));
      if (found) {
        p += first_marked(found);
        break;
      }
      p += 8;
    }
    while (p < end && (unsigned char)*p < 0x80 && !is_special(*p)) p++;
    if (p == end || (unsigned char)*p < 0x80) return p;
    size_t len = sio__utf8_sequence_length(p, (size_t)(end - p));
    if (len == 0) return p;
    p += len;
  }
}

/* As much of a malformed character as one U+FFFD stands for: what could have begun one. */
static size_t malformed_len(const char *p, size_t n) {
  size_t len = 1;
  utf8_state s = sio__utf8_feed(0, p, 1);
  while (s != UTF8_BAD && len < n && (s = sio__utf8_feed(s, p + len, 1)) != UTF8_BAD) len++;
  return len;
}

static void replacement_for_surrogate(struct piece *piece, const char *text, size_t n) {
  memcpy(piece->instead, text, n);
  piece->instead_n = n;
}

static void escape(struct piece *piece, char c) {
  static const char letters[] = "\bb\ff\nn\rr\tt\"\"\\\\", hex[] = "0123456789abcdef";
  for (const char *l = letters; *l; l += 2)
    if (c == *l) {
      replacement_for_surrogate(piece, (const char[]){ '\\', l[1] }, 2);
      return;
    }
  replacement_for_surrogate(piece, (const char[]){ '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] },
                            6);
}

static struct piece next_piece(const char *p, const char *end) {
  const char *stop = skip_clean(p, end);
  struct piece piece = { .run = (size_t)(stop - p) };
  if (stop == end) return piece;
  if ((unsigned char)*stop >= 0x80) {
    piece.eaten = malformed_len(stop, (size_t)(end - stop));
    replacement_for_surrogate(&piece, "\xef\xbf\xbd", 3);
  } else {
    piece.eaten = 1;
    escape(&piece, *stop);
  }
  return piece;
}

size_t sio__json_quoted_len(sio_slice s) {
  size_t n = 2, done = 0;
  while (done < s.n) {
    struct piece piece = next_piece(s.p + done, s.p + s.n);
    n += piece.run + piece.instead_n;
    done += piece.run + piece.eaten;
  }
  return n;
}

size_t sio__json_quote(char *out, sio_slice s) {
  char *o = out;
  size_t done = 0;
  *o++ = '"';
  while (done < s.n) {
    struct piece piece = next_piece(s.p + done, s.p + s.n);
    memcpy(o, s.p + done, piece.run);
    memcpy(o + piece.run, piece.instead, piece.instead_n);
    o += piece.run + piece.instead_n;
    done += piece.run + piece.eaten;
  }
  *o++ = '"';
  return (size_t)(o - out);
}
