/* SPDX-License-Identifier: MIT
 *
 * json_string.c - unescapes and quotes the strings of JSON.
 */
#include "packet/json_string.h"

#include "base/utf8.h"
#include "packet/json_bytes.h"

/* ---- unescaping ------------------------------------------------------------------------- */

static uint32_t parse_4_hex_digits(const char *p) {
  uint32_t v = 0;
  for (int i = 0; i < 4; i++)
    v = v << 4 | (uint32_t)(is_json_digit(p[i]) ? p[i] - '0' : (p[i] | 0x20) - 'a' + 10);
  return v;
}

static char *put_utf8_character(char *o, uint32_t c) {
  if (c < 0x80) {
    *o++ = (char)c;
    return o;
  }
  unsigned tails = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
  *o++ = (char)((0x780u >> tails & 0xf0) | c >> (6 * tails));
  while (tails--) *o++ = (char)(0x80 | (c >> (6 * tails) & 0x3f));
  return o;
}

/* Returns the character of an escape \uXXXX whose four digits begin at p. If they are the first
 * half of a surrogate pair, the escape of the second half is read too; a half alone becomes U+FFFD.
 * Sets *end to the position after what was read. */
static uint32_t parse_unicode_escape_or_surrogate_pair(const char *p, const char *limit,
                                                       const char **end) {
  uint32_t c = parse_4_hex_digits(p);
  *end = p + 4;
  if (c < 0xd800 || c > 0xdfff) return c;
  if (c > 0xdbff || limit - p < 10 || p[4] != '\\' || p[5] != 'u') return 0xfffd;
  uint32_t low = parse_4_hex_digits(p + 6);
  if (low < 0xdc00 || low > 0xdfff) return 0xfffd;
  *end = p + 10;
  return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
}

static char byte_of_json_escape_letter(char c) {
  switch (c) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return c;
  }
}

size_t sio__json_unescape_string(char *out, sio_slice text) {
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
      o = put_utf8_character(o, parse_unicode_escape_or_surrogate_pair(p, end, &p));
    else
      *o++ = byte_of_json_escape_letter(slash[1]);
  }
  return (size_t)(o - out);
}

/* ---- quoting ---------------------------------------------------------------------------- */

/* A piece of a text that is being quoted: the next `run` bytes are copied unchanged, and the
 * `eaten` bytes after them are replaced by the escape or character `instead`. */
struct piece {
  size_t run, eaten, instead_n;
  char instead[JSON_ESCAPE_MAX];
};

static const char *skip_bytes_not_changed_by_json_quoting(const char *p, const char *end) {
  for (;;) {
    while (end - p >= 8) {
      uint64_t w = load_8_bytes_little_endian(p),
               found = mark_special_json_string_bytes_of_word(w) | (w & EVERY_BYTE(0x80));
      if (found) {
        p += index_of_first_marked_byte(found);
        break;
      }
      p += 8;
    }
    while (p < end && (unsigned char)*p < 0x80 && !is_byte_special_in_json_strings(*p)) p++;
    if (p == end || (unsigned char)*p < 0x80) return p;
    size_t len = sio__utf8_sequence_length(p, (size_t)(end - p));
    if (len == 0) return p;
    p += len;
  }
}

/* Returns how many bytes of malformed UTF-8 at p are replaced by one U+FFFD: as many as could be
 * the beginning of a valid character, but at least one. */
static size_t malformed_utf8_sequence_length(const char *p, size_t n) {
  size_t len = 1;
  utf8_state s = sio__utf8_validate_piece(0, p, 1);
  while (s != UTF8_BAD && len < n && (s = sio__utf8_validate_piece(s, p + len, 1)) != UTF8_BAD)
    len++;
  return len;
}

static void set_replacement_of_string_piece(struct piece *piece, const char *text, size_t n) {
  memcpy(piece->instead, text, n);
  piece->instead_n = n;
}

static void set_piece_replacement_to_json_escape(struct piece *piece, char c) {
  static const char letters[] = "\bb\ff\nn\rr\tt\"\"\\\\", hex[] = "0123456789abcdef";
  for (const char *l = letters; *l; l += 2)
    if (c == *l) {
      set_replacement_of_string_piece(piece, (const char[]){ '\\', l[1] }, 2);
      return;
    }
  set_replacement_of_string_piece(piece,
                                  (const char[]){ '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] },
                                  6);
}

static struct piece next_piece_of_string_to_quote(const char *p, const char *end) {
  const char *stop = skip_bytes_not_changed_by_json_quoting(p, end);
  struct piece piece = { .run = (size_t)(stop - p) };
  if (stop == end) return piece;
  if ((unsigned char)*stop >= 0x80) {
    piece.eaten = malformed_utf8_sequence_length(stop, (size_t)(end - stop));
    set_replacement_of_string_piece(&piece, "\xef\xbf\xbd", 3);
  } else {
    piece.eaten = 1;
    set_piece_replacement_to_json_escape(&piece, *stop);
  }
  return piece;
}

size_t sio__json_quoted_length(sio_slice s) {
  size_t n = 2, done = 0;
  while (done < s.n) {
    struct piece piece = next_piece_of_string_to_quote(s.p + done, s.p + s.n);
    n += piece.run + piece.instead_n;
    done += piece.run + piece.eaten;
  }
  return n;
}

size_t sio__json_quote_string(char *out, sio_slice s) {
  char *o = out;
  size_t done = 0;
  *o++ = '"';
  while (done < s.n) {
    struct piece piece = next_piece_of_string_to_quote(s.p + done, s.p + s.n);
    memcpy(o, s.p + done, piece.run);
    memcpy(o + piece.run, piece.instead, piece.instead_n);
    o += piece.run + piece.instead_n;
    done += piece.run + piece.eaten;
  }
  *o++ = '"';
  return (size_t)(o - out);
}
