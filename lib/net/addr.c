/* SPDX-License-Identifier: MIT
 *
 * addr.c - parses IP addresses and networks, and compares addresses with networks.
 */
#include "net/addr.h"
#include "base/mem.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <uv.h>

enum { V4_AT = 12, V4_BITS = 96, ALL_BITS = 128, GROUP_BYTES = 8 };

struct addr_net {
  uint8_t b[16];
  uint8_t bits;
};

static const uint8_t mapped[V4_AT] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static bool is_v4_mapped_address(const uint8_t b[16]) {
  return memcmp(b, mapped, sizeof mapped) == 0;
}

static void set_v4_mapped_address(uint8_t b[16], const void *four) {
  memcpy(b, mapped, sizeof mapped);
  memcpy(b + V4_AT, four, 4);
}

/* ---- one address ----------------------------------------------------------- */

/* *sa is a struct sockaddr_in, or a struct of another family. Its family is copied with memcpy(),
 * because reading it as a member of struct sockaddr would break the aliasing rules. */
struct addr sio__addr_from_sockaddr(const struct sockaddr *sa) {
  struct addr a = { ADDR_NONE, { 0 } };
  sa_family_t family;
  memcpy(&family, &sa->sa_family, sizeof family);
  if (family == AF_INET) {
    const struct sockaddr_in *v4 = (const void *)sa;
    a.kind = ADDR_IP;
    set_v4_mapped_address(a.b, &v4->sin_addr);
  } else if (family == AF_INET6) {
    const struct sockaddr_in6 *v6 = (const void *)sa;
    a.kind = ADDR_IP;
    memcpy(a.b, &v6->sin6_addr, sizeof a.b);
  } else if (family == AF_UNIX) {
    a.kind = ADDR_UNIX;
  }
  return a;
}

struct addr sio__addr_get_socket_peer(int fd) {
  union {
    struct sockaddr any;
    struct sockaddr_storage room;
  } a;
  socklen_t len = sizeof a;
  if (getpeername(fd, &a.any, &len)) a.any.sa_family = AF_UNSPEC;
  return sio__addr_from_sockaddr(&a.any);
}

bool sio__addr_parse(struct addr *out, sio_slice text) {
  char copy[ADDR_TEXT];
  uint8_t four[4];
  if (text.n == 0 || text.n >= sizeof copy || memchr(text.p, '\0', text.n)) return false;
  memcpy(copy, text.p, text.n);
  copy[text.n] = '\0';
  out->kind = ADDR_IP;
  if (inet_pton(AF_INET, copy, four) != 1) return inet_pton(AF_INET6, copy, out->b) == 1;
  set_v4_mapped_address(out->b, four);
  return true;
}

const char *sio__addr_to_text(const struct addr *a, char out[ADDR_TEXT]) {
  *out = '\0';
  if (a->kind != ADDR_IP) return out;
  if (is_v4_mapped_address(a->b))
    inet_ntop(AF_INET, a->b + V4_AT, out, ADDR_TEXT);
  else
    inet_ntop(AF_INET6, a->b, out, ADDR_TEXT);
  return out;
}

struct addr sio__addr_clear_ipv6_host_bits(const struct addr *a) {
  struct addr g = *a;
  if (g.kind == ADDR_IP && !is_v4_mapped_address(g.b))
    memset(g.b + GROUP_BYTES, 0, sizeof g.b - GROUP_BYTES);
  return g;
}

/* ---- sets of addresses ----------------------------------------------------- */

static bool address_bit_at(const uint8_t b[16], unsigned i) { return b[i / 8] >> (7 - i % 8) & 1; }

static bool have_same_prefix(const uint8_t a[16], const uint8_t b[16], unsigned bits) {
  unsigned rest = bits % 8;
  if (memcmp(a, b, bits / 8)) return false;
  return !rest || (a[bits / 8] ^ b[bits / 8]) >> (8 - rest) == 0;
}

/* Parses "10.0.0.0/8" or a single address. The bits after the prefix must be zero. */
static bool parse_ip_network(struct addr_net *net, sio_slice text) {
  sio_slice address;
  struct addr a;
  uint64_t bits;
  bool prefixed = text.n && memchr(text.p, '/', text.n);
  if (!sio__slice_split(&text, '/', &address) || !sio__addr_parse(&a, address)) return false;
  bool v4 = memchr(address.p, ':', address.n) == NULL;
  unsigned from = v4 ? V4_BITS : 0;
  if (!prefixed) bits = ALL_BITS - from;
  if (prefixed && (text.n > 3 || !sio__slice_parse_u64(text, &bits))) return false;
  if (bits > ALL_BITS - from) return false;
  net->bits = (uint8_t)(bits + from);
  memcpy(net->b, a.b, sizeof net->b);
  for (unsigned i = net->bits; i < ALL_BITS; i++)
    if (address_bit_at(net->b, i)) return false;
  return true;
}

int sio__addr_set_parse(struct addr_set *set, const char *const *texts, const char **bad) {
  size_t count = 0;
  *set = (struct addr_set){ 0 };
  while (texts[count]) count++;
  set->nets = sio__calloc(count + 1, sizeof *set->nets);
  if (!set->nets) return UV_ENOMEM;
  for (size_t i = 0; i < count; i++) {
    if (strcmp(texts[i], "unix") == 0) {
      set->has_unix = true;
    } else if (!parse_ip_network(&set->nets[set->n++], slice_str(texts[i]))) {
      *bad = texts[i];
      sio__addr_set_clear(set);
      return UV_EINVAL;
    }
  }
  return 0;
}

void sio__addr_set_clear(struct addr_set *set) {
  sio__free(set->nets);
  *set = (struct addr_set){ 0 };
}

bool sio__addr_set_contains(const struct addr_set *set, const struct addr *a) {
  if (a->kind == ADDR_UNIX) return set->has_unix;
  for (size_t i = 0; a->kind == ADDR_IP && i < set->n; i++)
    if (have_same_prefix(set->nets[i].b, a->b, set->nets[i].bits)) return true;
  return false;
}
