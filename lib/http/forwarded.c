/* SPDX-License-Identifier: MIT
 *
 * forwarded.c - parses X-Forwarded-For and Forwarded, from the end of the list backwards.
 */
#include "http/forwarded.h"
#include "http/head.h"

enum { VALUE_MAX = 64 };

/* ---- iterating backwards over a list -------------------------------------------------- */

/* An iterator over the elements of a list in a header, from the last to the first. All header lines
 * with the same name form one list. */
struct walk {
  const sio_request *r;
  sio_slice name, rest;
  uint32_t lines; /* how many header lines were not visited yet */
  bool quotes;    /* true if commas inside quotes do not separate elements */
};

static bool is_backslash_escaped(sio_slice s, size_t at) {
  size_t n = 0;
  while (n < at && s.p[at - n - 1] == '\\') n++;
  return n % 2;
}

/* Returns the offset of the last element of the list s. */
static size_t last_list_element_start(sio_slice s, bool quotes) {
  bool quoted = false;
  for (size_t i = s.n; i > 0; i--) {
    char c = s.p[i - 1];
    if (quotes && c == '"' && !is_backslash_escaped(s, i - 1)) quoted = !quoted;
    if (c == ',' && !quoted) return i;
  }
  return 0;
}

static bool move_to_previous_header_line(struct walk *w) {
  while (w->lines > 0) {
    const struct http_header *h = &w->r->headers[--w->lines];
    if (!sio__slice_equals_ignore_case(h->name, w->name)) continue;
    w->rest = h->value;
    return true;
  }
  return false;
}

/* Sets *element to the last element that was not visited yet. Skips empty elements (RFC 9110
 * section 5.6.1.2). Returns false if there is no further element. */
static bool take_previous_list_element(struct walk *w, sio_slice *element) {
  do {
    if (w->rest.n == 0 && !move_to_previous_header_line(w)) return false;
    size_t at = last_list_element_start(w->rest, w->quotes);
    *element = sio__slice_trim(slice(w->rest.p + at, w->rest.n - at));
    w->rest.n = at ? at - 1 : 0;
  } while (element->n == 0);
  return true;
}

static struct walk make_reverse_iterator_over_list_in_header(const sio_request *r, const char *name,
                                                             bool quotes) {
  return (struct walk){ .r = r, .name = slice_str(name), .lines = r->nheaders, .quotes = quotes };
}

/* ---- addresses ----------------------------------------------------------------------------- */

static bool is_decimal_port_number(sio_slice s) {
  uint64_t port;
  return s.n <= 5 && sio__slice_parse_u64(s, &port) && port <= 65535;
}

/* Returns true for a port, or an obfuscated port, which begins with '_' (RFC 7239 section 6). */
static bool is_port_or_obfuscated_port(sio_slice s) {
  return is_decimal_port_number(s) || (s.n > 1 && s.p[0] == '_');
}

static size_t count_char_in_slice(sio_slice s, char c) {
  size_t n = 0;
  for (size_t i = 0; i < s.n; i++) n += s.p[i] == c;
  return n;
}

/* Parses an address in one of the forms "192.0.2.1", "192.0.2.1:80", "[2001:db8::1]" and
 * "[2001:db8::1]:80"; if `bare` is true, also "2001:db8::1". */
static bool parse_forwarded_address(struct addr *a, sio_slice s, bool bare) {
  sio_slice host;
  if (s.n && s.p[0] == '[') {
    s = slice(s.p + 1, s.n - 1);
    if (!memchr(s.p, ']', s.n)) return false;
    sio__slice_split(&s, ']', &host);
    if (s.n && (s.p[0] != ':' || !is_port_or_obfuscated_port(slice(s.p + 1, s.n - 1))))
      return false;
    return memchr(host.p, ':', host.n) && sio__addr_parse(a, host);
  }
  size_t colons = count_char_in_slice(s, ':');
  if (colons > 1) return bare && sio__addr_parse(a, s);
  if (!sio__slice_split(&s, ':', &host) || (colons && !is_port_or_obfuscated_port(s))) return false;
  return sio__addr_parse(a, host);
}

static bool is_forwarded_proto_tls(sio_slice proto) {
  return sio__slice_equals_ignore_case(proto, SLICE("https")) ||
         sio__slice_equals_ignore_case(proto, SLICE("wss"));
}

/* ---- X-Forwarded-For ------------------------------------------------------------------------- */

/* Returns true if X-Forwarded-Proto says that the client uses TLS. The client is the element
 * `depth` of X-Forwarded-For, counted from 0 at the end, and its protocol is the element with the
 * same number in X-Forwarded-Proto. If that list has fewer elements, its first element counts,
 * because some proxies send only one. */
static bool does_x_forwarded_proto_say_tls(const sio_request *r, size_t depth) {
  struct walk w = make_reverse_iterator_over_list_in_header(r, "x-forwarded-proto", false);
  sio_slice element, proto = slice(NULL, 0);
  for (size_t i = 0; i <= depth && take_previous_list_element(&w, &element); i++) proto = element;
  return is_forwarded_proto_tls(proto);
}

static struct forwarded find_client_in_x_forwarded_headers(const sio_request *r,
                                                           const struct addr_set *trusted) {
  struct walk w = make_reverse_iterator_over_list_in_header(r, "x-forwarded-for", false);
  struct forwarded f = { .secure = false };
  sio_slice element;
  size_t depth = 0, seen = 0;
  while (take_previous_list_element(&w, &element)) {
    depth = seen++;
    if (!parse_forwarded_address(&f.from, element, true)) f.from.kind = ADDR_NONE;
    if (!sio__addr_set_contains(trusted, &f.from)) break;
  }
  f.secure = does_x_forwarded_proto_say_tls(r, depth);
  return f;
}

/* ---- Forwarded (RFC 7239 section 4) ---------------------------------------------------------- */

/* Removes a token or a quoted string from the beginning of *s and sets *value to it. A quoted
 * string is unquoted into `out`. Returns false if the text is malformed or does not fit. */
static bool take_and_unquote_forwarded_value(sio_slice *s, char out[VALUE_MAX], sio_slice *value) {
  size_t n = 0, i = 1;
  if (s->n == 0 || s->p[0] != '"') {
    while (n < s->n && s->p[n] != ';') n++;
    *value = slice(s->p, n);
    *s = slice(s->p + n, s->n - n);
    return sio__http_is_token(*value);
  }
  for (; i < s->n && s->p[i] != '"'; i++) {
    if (s->p[i] == '\\' && ++i == s->n) return false;
    if (n == VALUE_MAX) return false;
    out[n++] = s->p[i];
  }
  if (i >= s->n) return false;
  *value = slice(out, n);
  *s = slice(s->p + i + 1, s->n - i - 1);
  return true;
}

/* Removes a pair name=value, and the ';' after it if there is one, from the beginning of *s.
 * Returns false if the text is malformed. */
static bool take_forwarded_pair(sio_slice *s, char out[VALUE_MAX], sio_slice *name,
                                sio_slice *value) {
  size_t n = 0;
  while (n < s->n && s->p[n] != '=') n++;
  *name = slice(s->p, n);
  if (n == s->n || !sio__http_is_token(*name)) return false;
  *s = slice(s->p + n + 1, s->n - n - 1);
  if (!take_and_unquote_forwarded_value(s, out, value)) return false;
  if (s->n == 0) return true;
  if (s->p[0] != ';' || s->n == 1) return false;
  *s = slice(s->p + 1, s->n - 1);
  return true;
}

/* Parses one element of Forwarded. If a pair is malformed, or if `for` or `proto` occurs twice, the
 * result has no address and is not secure. */
static struct forwarded parse_forwarded_element(sio_slice s) {
  static const struct forwarded nobody;
  struct forwarded f = nobody;
  char out[VALUE_MAX];
  sio_slice name, value;
  bool has_for = false, has_proto = false;
  while (s.n) {
    if (!take_forwarded_pair(&s, out, &name, &value)) return nobody;
    bool is_for = sio__slice_equals_ignore_case(name, SLICE("for"));
    bool is_proto = sio__slice_equals_ignore_case(name, SLICE("proto"));
    if ((is_for && has_for) || (is_proto && has_proto)) return nobody;
    has_for |= is_for;
    has_proto |= is_proto;
    if (is_for && !parse_forwarded_address(&f.from, value, false)) f.from.kind = ADDR_NONE;
    if (is_proto) f.secure = is_forwarded_proto_tls(value);
  }
  return f;
}

static struct forwarded find_client_in_forwarded_header(const sio_request *r,
                                                        const struct addr_set *trusted) {
  struct walk w = make_reverse_iterator_over_list_in_header(r, "forwarded", true);
  struct forwarded f = { .secure = false };
  sio_slice element;
  while (take_previous_list_element(&w, &element)) {
    f = parse_forwarded_element(element);
    if (!sio__addr_set_contains(trusted, &f.from)) break;
  }
  return f;
}

struct forwarded sio__forwarded_headers_find_client(const sio_request *r,
                                                    const struct addr_set *trusted, bool rfc7239) {
  return rfc7239 ? find_client_in_forwarded_header(r, trusted)
                 : find_client_in_x_forwarded_headers(r, trusted);
}
