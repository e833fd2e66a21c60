/* SPDX-License-Identifier: MIT
 *
 * proxy.c - parses both versions of the PROXY header: one line of text, or a binary header.
 */
#include "net/proxy.h"
#include <netinet/in.h>
#include <sio/error.h>
#include <sys/socket.h>

enum {
  V2_HEAD = 16,
  V2_PROXY = 1,
  V2_TLV = 3,       /* the size of the type and the length of a TLV */
  V2_SSL = 0x20,    /* PP2_TYPE_SSL  */
  V2_SSL_HEAD = 5,  /* the size of the fields `client` and `verify` of PP2_TYPE_SSL */
  V2_CLIENT_SSL = 1 /* PP2_CLIENT_SSL */
};

static const char v1_mark[] = "PROXY ";
static const char v2_mark[] = "\r\n\r\n\0\r\nQUIT\n";

static int set_proxy_error(const char **why, int err, const char *text) {
  *why = text;
  return err;
}

/* Returns true if the n bytes at p begin with the signature `mark` of len bytes, or, if n is less
 * than len, are the beginning of it. */
static bool can_start_with_proxy_signature(const char *p, size_t n, const char *mark, size_t len) {
  return memcmp(p, mark, n < len ? n : len) == 0;
}

/* ---- version 1 ---------------------------------------------------------------------------- */

static bool is_valid_proxy_v1_port(sio_slice s) {
  uint64_t port;
  return s.n > 0 && s.n <= 5 && (s.p[0] != '0' || s.n == 1) && sio__slice_parse_u64(s, &port) &&
         port <= 65535;
}

static bool parse_proxy_v1_address(struct addr *a, sio_slice s, bool v4) {
  return sio__addr_parse(a, s) && v4 == !memchr(s.p, ':', s.n);
}

/* Example: "TCP4 192.0.2.1 192.0.2.2 56324 443" */
static bool parse_proxy_v1_line(sio_slice line, struct proxied *out) {
  sio_slice part[5], rest = line;
  struct addr to;
  size_t n = 0;
  if (slice_eq(line, SLICE("UNKNOWN")) || slice_starts_with(line, SLICE("UNKNOWN "))) return true;
  while (n < 5 && sio__slice_split(&rest, ' ', &part[n])) n++;
  if (n < 5 || rest.n || line.p[line.n - 1] == ' ') return false;
  bool v4 = slice_eq(part[0], SLICE("TCP4"));
  if (!v4 && !slice_eq(part[0], SLICE("TCP6"))) return false;
  return parse_proxy_v1_address(&out->from, part[1], v4) &&
         parse_proxy_v1_address(&to, part[2], v4) && is_valid_proxy_v1_port(part[3]) &&
         is_valid_proxy_v1_port(part[4]);
}

static int parse_proxy_v1_header(const char *p, size_t n, struct proxied *out, const char **why) {
  size_t last = PROXY_V1_MAX - 1, mark = sizeof v1_mark - 1;
  const char *cr = memchr(p, '\r', n < last ? n : last);
  if (!cr && n >= last) return set_proxy_error(why, SIO_ETOOBIG, "the PROXY line is too long");
  if (!cr || cr + 1 == p + n) return 0;
  if (cr[1] != '\n' || !parse_proxy_v1_line(slice(p + mark, (size_t)(cr - p) - mark), out))
    return set_proxy_error(why, SIO_EPROTO, "malformed PROXY line");
  return (int)(cr - p) + 2;
}

/* ---- version 2 ---------------------------------------------------------------------------- */

static size_t read_u16_be(const unsigned char *p) { return (size_t)p[0] << 8 | p[1]; }

/* Sets out->secure if there is a TLV of the type PP2_TYPE_SSL. Returns false if such a TLV is too
 * short, or if any TLV extends beyond the header. */
static bool parse_proxy_v2_tlvs(const unsigned char *p, size_t n, struct proxied *out) {
  while (n > 0) {
    if (n < V2_TLV || read_u16_be(p + 1) > n - V2_TLV) return false;
    size_t len = read_u16_be(p + 1);
    if (p[0] == V2_SSL && len < V2_SSL_HEAD) return false;
    if (p[0] == V2_SSL) out->secure = p[V2_TLV] & V2_CLIENT_SSL;
    p += V2_TLV + len;
    n -= V2_TLV + len;
  }
  return true;
}

/* Returns the length of both addresses and ports for `family`, the byte of family and protocol, or
 * -1 for a byte that is not supported. */
static int proxy_v2_address_length(unsigned char family) {
  switch (family) {
    case 0x00: return 0;   /* UNSPEC     */
    case 0x11: return 12;  /* TCP, IPv4  */
    case 0x21: return 36;  /* TCP, IPv6  */
    case 0x31: return 216; /* Unix       */
    default: return -1;
  }
}

static void copy_proxy_v2_address(struct proxied *out, const unsigned char *p,
                                  unsigned char family) {
  struct sockaddr_in v4 = { .sin_family = AF_INET };
  struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
  memcpy(&v4.sin_addr, p, sizeof v4.sin_addr);
  if (family == 0x11) out->from = sio__addr_from_sockaddr((struct sockaddr *)&v4);
  if (family != 0x21) return;
  memcpy(&v6.sin6_addr, p, sizeof v6.sin6_addr);
  out->from = sio__addr_from_sockaddr((struct sockaddr *)&v6);
}

static bool parse_proxy_v2_content(const unsigned char *h, size_t len, struct proxied *out) {
  const unsigned char *p = h + V2_HEAD;
  int skip = proxy_v2_address_length(h[13]);
  if ((h[12] & 15) != V2_PROXY) return true;
  if (h[13] == 0) return true;
  if (skip < 0 || len < (size_t)skip) return false;
  copy_proxy_v2_address(out, p, h[13]);
  return parse_proxy_v2_tlvs(p + skip, len - (size_t)skip, out);
}

static int parse_proxy_v2_header(const char *p, size_t n, struct proxied *out, const char **why) {
  const unsigned char *h = (const unsigned char *)p;
  if (n > 12 && (h[12] >> 4 != 2 || (h[12] & 15) > V2_PROXY))
    return set_proxy_error(why, SIO_EPROTO, "the PROXY header has an unknown version or command");
  if (n < V2_HEAD) return 0;
  size_t len = read_u16_be(h + 14);
  if (len > PROXY_V2_MAX - V2_HEAD)
    return set_proxy_error(why, SIO_ETOOBIG, "the PROXY header is too long");
  if (n < V2_HEAD + len) return 0;
  if (!parse_proxy_v2_content(h, len, out))
    return set_proxy_error(why, SIO_EPROTO, "malformed PROXY header");
  return (int)(V2_HEAD + len);
}

int sio__proxy_parse_header(const char *p, size_t n, struct proxied *out, const char **why) {
  *out = (struct proxied){ .secure = false };
  *why = "";
  if (n == 0) return 0;
  if (can_start_with_proxy_signature(p, n, v1_mark, sizeof v1_mark - 1))
    return parse_proxy_v1_header(p, n, out, why);
  if (can_start_with_proxy_signature(p, n, v2_mark, sizeof v2_mark - 1))
    return parse_proxy_v2_header(p, n, out, why);
  return set_proxy_error(why, SIO_EPROTO, "no PROXY header at the beginning of the connection");
}
