/* SPDX-License-Identifier: MIT
 *
 * json.c - the JSON scanner.
 *
 * It is a loop over a few states. The arrays and objects that have begun and not ended are in an
 * array of frames, one for each level, so nothing recurses. The end of a string is searched eight
 * bytes at a time.
 */
#include "packet/json.h"

#include "base/err.h"
#include "base/mem.h"
#include "packet/json_bytes.h"
#include "packet/json_string.h"
#include "packet/number.h"

enum {
  /* The result has two arrays: of elements, and of placeholders. If one of them has room for more
   * items than this, both arrays are freed before the next scan. */
  KEEP_RESULTS = 4096,
  KEY_MAX = 12 /* strlen("_placeholder"), the longest key that the scanner looks for */
};

/* ---- the scanner ------------------------------------------------------------------------ */

/* Returns the position of the first quote, backslash or control character at or after p, or `end`
 * if there is none. `base` is the start of the text. Eight bytes are searched at a time. For the
 * last 1 to 7 bytes, the word of the 8 bytes before `end` is loaded, if the text has so many. A
 * shift removes the bytes before p from the word, and fills it up with zeros after the last byte. A
 * zero counts as a control character, so the search stops at `end`. */
static inline const char *skip_plain_string_bytes(const char *base, const char *p,
                                                  const char *end) {
  for (; end - p >= 8; p += 8) {
    uint64_t found = mark_special_json_string_bytes_of_word(load_8_bytes_little_endian(p));
    if (found) return p + index_of_first_marked_byte(found);
  }
  if (p < end && end - base >= 8)
    return p + index_of_first_marked_byte(mark_special_json_string_bytes_of_word(
                   load_8_bytes_little_endian(end - 8) >> (64 - 8 * (end - p))));
  while (p < end && !is_byte_special_in_json_strings(*p)) p++;
  return p;
}

/* An array or object that has begun and not ended. */
struct frame {
  uint32_t off;     /* the offset of the array or object in the text */
  uint32_t num_at;  /* the offset of the value of the object's member "num"; 0: none was read yet */
  bool object;      /* false: an array */
  bool placeholder; /* the object's member "_placeholder" is true */
};

struct cursor {
  const char *p, *end, *base;
  struct json_scan *out;
  unsigned depth, floor, max_depth; /* floor: the depth at the start and at the end of the text */
  uint32_t arg_off;                 /* the offset of the current element of the outermost array */
  int err;
  struct frame frames[JSON_DEPTH_MAX + 1]; /* frames[1] is the outermost container */
};

enum state {
  VALUE,         /* a value must come */
  FIRST_ELEMENT, /* after '[': a value or ']' must come */
  FIRST_KEY,     /* after '{': a key or '}' must come */
  KEY,           /* a key, a colon and a value must come */
  AFTER,         /* after a value: a comma, a closing bracket, or the end of the text */
  DONE,
  FAILED /* c->err is the error, and c->p is its position */
};

static inline bool is_json_whitespace(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Returns the next byte, or NUL at the end of the text. A NUL byte in the text is not told apart
 * from the end, because outside of strings it is always an error. */
static inline char peek_json_byte(const struct cursor *c) { return c->p < c->end ? *c->p : '\0'; }

static inline char skip_json_whitespace_and_peek(struct cursor *c) {
  const char *p = c->p;
  if (p < c->end && (unsigned char)*p > ' ') return *p;
  while (p < c->end && is_json_whitespace(*p)) p++;
  c->p = p;
  return peek_json_byte(c);
}

static inline uint32_t json_cursor_offset(const struct cursor *c) {
  return (uint32_t)(c->p - c->base);
}

static enum state set_json_scan_error(struct cursor *c, int err) {
  c->err = err;
  return FAILED;
}

/* Makes room for one more element in one of the arrays of the result. */
static int reserve_scan_result_element(void **items, uint32_t *cap, uint32_t n, size_t size) {
  if (n < *cap) return 0;
  void *p = sio__array_grow(*items, cap, size, 16);
  if (!p) return UV_ENOMEM;
  *items = p;
  return 0;
}

static inline int record_outermost_array_element(struct cursor *c, uint32_t len) {
  struct json_scan *s = c->out;
  if (s->nargs == s->args_cap) {
    void *items = s->args;
    int err = reserve_scan_result_element(&items, &s->args_cap, s->nargs, sizeof *s->args);
    if (err) return err;
    s->args = items;
  }
  s->args[s->nargs].off = c->arg_off;
  s->args[s->nargs++].len = len;
  return 0;
}

static int64_t parse_placeholder_number(const struct cursor *c, uint32_t at) {
  int64_t num;
  if (at == 0) return -1;
  const char *p = c->base + at, *end = p;
  while (is_json_digit(*end) || *end == '-' || *end == '+' || *end == '.' || (*end | 0x20) == 'e')
    end++;
  if (!sio__json_number_to_int64(slice(p, (size_t)(end - p)), &num)) return -1;
  return num >= 0 && num <= INT32_MAX ? num : -1;
}

/* Adds the object that has just ended to the placeholders of the result, and removes those that are
 * inside it. */
static int record_ended_placeholder_object(struct cursor *c, const struct frame *f) {
  struct json_scan *s = c->out;
  while (s->nplaceholders && s->placeholders[s->nplaceholders - 1].off > f->off) s->nplaceholders--;
  void *items = s->placeholders;
  int err = reserve_scan_result_element(&items, &s->placeholders_cap, s->nplaceholders,
                                        sizeof *s->placeholders);
  if (err) return err;
  s->placeholders = items;
  s->placeholders[s->nplaceholders++] =
      (struct json_placeholder){ .off = f->off,
                                 .len = json_cursor_offset(c) - f->off,
                                 .arg = s->nargs,
                                 .num = parse_placeholder_number(c, f->num_at) };
  return 0;
}

static bool has_4_hex_digits(const char *p, const char *end) {
  if (end - p < 4) return false;
  for (int i = 0; i < 4; i++)
    if (!is_json_digit(p[i]) && ((p[i] | 0x20) < 'a' || (p[i] | 0x20) > 'f')) return false;
  return true;
}

/* Skips an escape in a string. p is the position after its backslash. Returns the position after
 * the escape, or NULL if the escape is invalid. */
static const char *skip_json_escape(const char *p, const char *end) {
  if (p == end || *p == '\0') return NULL;
  if (*p == 'u') return has_4_hex_digits(p + 1, end) ? p + 5 : NULL;
  return strchr("\"\\/bfnrt", *p) ? p + 1 : NULL;
}

/* Skips a string: moves c->p from after its opening quote to after its closing quote. Sets *escaped
 * to true if the string contains escapes. Returns false if the string is invalid. */
static inline bool skip_json_string(struct cursor *c, bool *escaped) {
  const char *p = c->p;
  *escaped = false;
  for (;;) {
    c->p = p = skip_plain_string_bytes(c->base, p, c->end);
    if (p == c->end || (unsigned char)*p < 0x20) return false;
    if (*p == '"') break;
    *escaped = true;
    p = skip_json_escape(p + 1, c->end);
    if (!p) return false;
  }
  c->p = p + 1;
  return true;
}

static inline bool skip_json_digits(struct cursor *c) {
  const char *p = c->p;
  while (p < c->end && is_json_digit(*p)) p++;
  bool some = p > c->p;
  c->p = p;
  return some;
}

static bool skip_json_fraction(struct cursor *c) {
  c->p++;
  return skip_json_digits(c);
}

static bool skip_json_exponent(struct cursor *c) {
  c->p++;
  if (peek_json_byte(c) == '+' || peek_json_byte(c) == '-') c->p++;
  return skip_json_digits(c);
}

static inline bool skip_json_number(struct cursor *c) {
  if (*c->p == '-') c->p++;
  if (peek_json_byte(c) == '0')
    c->p++;
  else if (!skip_json_digits(c))
    return false;
  if (peek_json_byte(c) == '.' && !skip_json_fraction(c)) return false;
  return (peek_json_byte(c) | 0x20) == 'e' ? skip_json_exponent(c) : true;
}

static inline bool skip_json_literal(struct cursor *c, const char *word, size_t n) {
  if ((size_t)(c->end - c->p) < n || memcmp(c->p, word, n) != 0) return false;
  c->p += n;
  return true;
}

static inline enum state push_json_container(struct cursor *c, bool object) {
  if (c->depth == c->max_depth) return set_json_scan_error(c, SIO_EDEPTH);
  c->frames[++c->depth] = (struct frame){ .off = json_cursor_offset(c), .object = object };
  c->p++;
  return object ? FIRST_KEY : FIRST_ELEMENT;
}

static inline enum state pop_json_container_and_record_if_placeholder(struct cursor *c) {
  const struct frame *f = &c->frames[c->depth];
  c->p++;
  if (f->placeholder) {
    int err = record_ended_placeholder_object(c, f);
    if (err) return set_json_scan_error(c, err);
  }
  c->depth--;
  return AFTER;
}

static inline enum state scan_scalar_or_open_container(struct cursor *c) {
  bool valid, escaped;
  char first = skip_json_whitespace_and_peek(c);
  if (c->depth == 1) c->arg_off = json_cursor_offset(c);
  switch (first) {
    case '"':
      c->p++;
      valid = skip_json_string(c, &escaped);
      break;
    case '{': return push_json_container(c, true);
    case '[': return push_json_container(c, false);
    case 't': valid = skip_json_literal(c, "true", 4); break;
    case 'f': valid = skip_json_literal(c, "false", 5); break;
    case 'n': valid = skip_json_literal(c, "null", 4); break;
    default: valid = (first == '-' || is_json_digit(first)) && skip_json_number(c);
  }
  return valid ? AFTER : FAILED;
}

static inline enum state close_array_if_empty_else_expect_value(struct cursor *c) {
  return skip_json_whitespace_and_peek(c) == ']' ? pop_json_container_and_record_if_placeholder(c)
                                                 : VALUE;
}

/* Returns a key without its quotes and escapes. A key with escapes is unescaped into `buffer`; the
 * result is empty if it is too long to be one that the scanner looks for. */
static sio_slice unescape_json_key(char buffer[], sio_slice raw, bool escaped) {
  if (!escaped) return slice(raw.p + 1, raw.n - 2);
  if (raw.n > KEY_MAX * JSON_ESCAPE_MAX + 2) return slice(NULL, 0);
  return slice(buffer, sio__json_unescape_string(buffer, raw));
}

/* Called when c->p is at the value of a key. If the key is "num", records the offset of the value
 * in the frame of the object; if it is "_placeholder", records whether the value is true. */
static inline void record_placeholder_member_if_key_matches(struct cursor *c, sio_slice raw,
                                                            bool escaped) {
  char buffer[KEY_MAX * JSON_ESCAPE_MAX + 2];
  struct frame *f = &c->frames[c->depth];
  sio_slice key = unescape_json_key(buffer, raw, escaped);
  if (key.n == 3 && memcmp(key.p, "num", 3) == 0) f->num_at = json_cursor_offset(c);
  if (key.n == KEY_MAX && memcmp(key.p, "_placeholder", KEY_MAX) == 0)
    f->placeholder = peek_json_byte(c) == 't';
}

static inline enum state scan_object_key_and_colon(struct cursor *c) {
  bool escaped;
  if (skip_json_whitespace_and_peek(c) != '"') return FAILED;
  const char *key = c->p++;
  if (!skip_json_string(c, &escaped)) return FAILED;
  size_t n = (size_t)(c->p - key);
  if (skip_json_whitespace_and_peek(c) != ':') return FAILED;
  c->p++;
  skip_json_whitespace_and_peek(c);
  record_placeholder_member_if_key_matches(c, slice(key, n), escaped);
  return VALUE;
}

static inline enum state close_object_if_empty_else_expect_key(struct cursor *c) {
  return skip_json_whitespace_and_peek(c) == '}' ? pop_json_container_and_record_if_placeholder(c)
                                                 : KEY;
}

static inline enum state scan_comma_or_end_after_value(struct cursor *c) {
  const struct frame *f = &c->frames[c->depth];
  if (c->depth == 1 && !f->object) {
    int err = record_outermost_array_element(c, json_cursor_offset(c) - c->arg_off);
    if (err) return set_json_scan_error(c, err);
  }
  char token = skip_json_whitespace_and_peek(c);
  if (c->depth == c->floor && c->p == c->end) return DONE;
  if (c->depth && token == ',') {
    c->p++;
    return f->object ? KEY : VALUE;
  }
  if (c->depth > c->floor && token == (f->object ? '}' : ']'))
    return pop_json_container_and_record_if_placeholder(c);
  return FAILED;
}

static int run_json_scan_to_end(struct cursor *c) {
  for (enum state s = VALUE;;) {
    switch (s) {
      case VALUE: s = scan_scalar_or_open_container(c); break;
      case FIRST_ELEMENT: s = close_array_if_empty_else_expect_value(c); break;
      case FIRST_KEY: s = close_object_if_empty_else_expect_key(c); break;
      case KEY: s = scan_object_key_and_colon(c); break;
      case AFTER: s = scan_comma_or_end_after_value(c); break;
      case DONE: return 0;
      case FAILED: return c->err;
    }
  }
}

static void reset_json_scan_for_reuse(struct json_scan *s) {
  if (s->args_cap > KEEP_RESULTS || s->placeholders_cap > KEEP_RESULTS) sio__json_scan_clear(s);
  s->nargs = s->nplaceholders = 0;
  s->first = '\0';
}

static int reset_and_scan_json_from_depth(struct json_scan *s, sio_slice text, unsigned floor,
                                          unsigned max_depth, size_t *at) {
  struct cursor c;
  reset_json_scan_for_reuse(s);
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
  s->first = skip_json_whitespace_and_peek(&c);
  int err = run_json_scan_to_end(&c);
  if (at) *at = (size_t)(c.p - c.base);
  return err;
}

int sio__json_scan_text(struct json_scan *s, sio_slice text, unsigned max_depth, size_t *at) {
  return reset_and_scan_json_from_depth(s, text, 0, max_depth, at);
}

int sio__json_scan_unbracketed_list(struct json_scan *s, sio_slice text, unsigned max_depth,
                                    size_t *at) {
  return reset_and_scan_json_from_depth(s, text, 1, max_depth, at);
}

void sio__json_scan_clear(struct json_scan *s) {
  sio__free(s->args);
  sio__free(s->placeholders);
  *s = (struct json_scan){ 0 };
}
