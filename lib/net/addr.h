/* SPDX-License-Identifier: MIT
 *
 * addr.h - who is at the other end: an address as bytes, and sets of them.
 *
 * IPv4 is kept as the IPv6 address it maps to, so that 192.0.2.1 and ::ffff:192.0.2.1, which is
 * what a socket for both kinds calls it, are one.
 */
#ifndef SIO_NET_ADDR_H
#define SIO_NET_ADDR_H

#include "base/slice.h"

struct log;
struct sockaddr;

enum addr_kind {
  ADDR_NONE, /* not known, or a socket of another family */
  ADDR_UNIX,
  ADDR_IP
};

struct addr {
  uint8_t kind; /* enum addr_kind */
  uint8_t b[16];
};

enum { ADDR_TEXT = 46 }; /* INET6_ADDRSTRLEN */

struct addr sio__addr_from_sockaddr(const struct sockaddr *a);
struct addr sio__addr_of_peer(int fd); /* ADDR_NONE: it is gone */
/* "192.0.2.1", "2001:db8::1": as inet_pton() takes them, no port, no brackets, no zone. */
bool sio__addr_parse(struct addr *out, sio_slice text);
/* IPv4, mapped or not, in dots; the shortest form of IPv6; "" for all else. */
const char *sio__addr_text(const struct addr *a, char out[ADDR_TEXT]);
/* IPv4: the address; IPv6: its first 64 bits, which are one site's; the rest is zero. */
struct addr sio__addr_limit_key(const struct addr *a);

/* A list of addresses and networks. All zero: nobody. */
struct addr_set {
  struct addr_net *nets;
  size_t n;
  bool has_unix;
};
/* texts: NULL-terminated; "192.0.2.1", "10.0.0.0/8", "fd00::/8", "unix". 0, UV_ENOMEM, or
 * UV_EINVAL and *bad is what is none; bits behind the prefix must be zero. */
int sio__addr_set_parse(struct addr_set *set, const char *const *texts, const char **bad);
void sio__addr_set_clear(struct addr_set *set);
bool sio__addr_set_has(const struct addr_set *set, const struct addr *a);

#endif
