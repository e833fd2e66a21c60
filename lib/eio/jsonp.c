/* SPDX-License-Identifier: MIT
 *
 * jsonp.c - JSONP: answers as scripts, bodies as form fields.
 */
#include "eio/jsonp.h"
#include "base/percent.h"

bool sio__jsonp_is_requested(const struct eio *e, const sio_request *r) {
  char j[2];
  return e->opts->allow_eio3 &&
         sio__request_copy_decoded_query_parameter(r, "j", j, sizeof j) != UV_ENOENT;
}

/* ---- out ------------------------------------------------------------------------------ */

/* U+2028 and U+2029 (E2 80 A8 and E2 80 A9) end a line in old versions of JavaScript. */
static bool is_js_unicode_line_end(const char *p, size_t left) {
  return left >= 3 && memcmp(p, "\xe2\x80", 2) == 0 && (p[2] == '\xa8' || p[2] == '\xa9');
}

static size_t put_unicode_escape(char *out, unsigned code) {
  static const char hex[] = "0123456789abcdef";
  out[0] = '\\';
  out[1] = 'u';
  for (int i = 0; i < 4; i++) out[2 + i] = hex[code >> (12 - 4 * i) & 15];
  return 6;
}

/* Escapes the byte at p for a JavaScript string, or the character U+2028 or U+2029 if it begins at
 * p, and writes the result to out. Returns how many bytes were written, and sets *used to how many
 * bytes of the input were escaped. '<' is escaped too, so that the text cannot end the script
 * element. */
static size_t put_escaped_js_char(char *out, const char *p, size_t left, size_t *used) {
  unsigned char ch = (unsigned char)*p;
  *used = 1;
  if (is_js_unicode_line_end(p, left)) {
    *used = 3;
    return put_unicode_escape(out, p[2] == '\xa8' ? 0x2028 : 0x2029);
  }
  if (ch < ' ' || ch == '<') return put_unicode_escape(out, ch);
  bool quote = ch == '"' || ch == '\\';
  if (quote) *out++ = '\\';
  *out = (char)ch;
  return quote ? 2 : 1;
}

size_t sio__jsonp_write_escaped_string(char *out, sio_slice s) {
  char scratch[8];
  size_t len = 0, used;
  for (size_t i = 0; i < s.n; i += used)
    len += put_escaped_js_char(out ? out + len : scratch, s.p + i, s.n - i, &used);
  return len;
}

/* Copies the digits of the query parameter `j`, which is the number of the client's callback, and
 * skips other characters. Returns how many digits were copied: 0 if the parameter is too long. */
static size_t copy_jsonp_callback_digits(const sio_request *r, char out[24]) {
  char j[24];
  size_t n = 0;
  long len = sio__request_copy_decoded_query_parameter(r, "j", j, sizeof j);
  for (const char *p = j; len > 0; len--, p++)
    if (*p >= '0' && *p <= '9') out[n++] = *p;
  return n;
}

struct msg *sio__jsonp_wrap_body_in_script(sio_request *r, const struct msg *body) {
  static const char open[] = "___eio[", call[] = "](\"", close[] = "\");";
  char digits[24];
  sio_slice text = slice(msg_data(body), body->len);
  size_t nd = copy_jsonp_callback_digits(r, digits),
         n = sio__jsonp_write_escaped_string(NULL, text);
  size_t around = nd + sizeof open + sizeof call + sizeof close;
  struct msg *m = sio__msg_new(&sio__request_loop(r)->msgs, n + around);
  if (!m) return NULL;
  sio__msg_put(&m, open, sizeof open - 1);
  sio__msg_put(&m, digits, nd);
  sio__msg_put(&m, call, sizeof call - 1);
  m->len += (uint32_t)sio__jsonp_write_escaped_string(msg_data(m) + m->len, text);
  sio__msg_put(&m, close, sizeof close - 1);
  m->plain = body->plain;
  return m;
}

/* ---- in ----------------------------------------------------------------------------------- */

static size_t decode_form_value(char *out, sio_slice raw) {
  size_t n = 0;
  while (raw.n > 0) out[n++] = (char)sio__percent_decode_byte(&raw, true);
  return n;
}

/* Browsers may change line ends in a form, so the client sends a line end as the two characters \n,
 * and these two characters as \\n. Reverses this in place, and returns the length. */
static size_t unescape_jsonp_newlines(char *p, size_t n) {
  size_t out = 0;
  for (size_t i = 0; i < n; i++) {
    bool slash = p[i] == '\\' && i + 1 < n;
    if (slash && p[i + 1] == 'n') {
      p[out++] = '\n';
      i++;
    } else if (slash && p[i + 1] == '\\' && i + 2 < n && p[i + 2] == 'n') {
      p[out++] = '\\';
      p[out++] = 'n';
      i += 2;
    } else {
      p[out++] = p[i];
    }
  }
  return out;
}

void sio__jsonp_decode_form_body_in_place(sio_slice *body) {
  sio_slice rest = *body, part;
  *body = slice("", 0);
  while (sio__slice_split(&rest, '&', &part)) {
    if (!slice_starts_with(part, SLICE("d="))) continue;
    char *p = (char *)(uintptr_t)part.p + 2;
    *body = slice(p, unescape_jsonp_newlines(p, decode_form_value(p, slice(p, part.n - 2))));
  }
}
