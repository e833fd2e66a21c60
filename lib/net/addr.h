/* SPDX-License-Identifier: MIT
 *
 * addr.h - IP addresses as bytes, and sets of addresses and networks.
 *
 * An IPv4 address is stored as the IPv6 address that it maps to. So 192.0.2.1 and ::ffff:192.0.2.1,
 * which is how a socket for both families reports it, are the same address.
 */
#ifndef SIO_NET_ADDR_H
#define SIO_NET_ADDR_H

#include "base/slice.h"

struct log;
struct sockaddr;

enum addr_kind {
  ADDR_NONE, /* not known, or of another address family */
  ADDR_UNIX,
  ADDR_IP
};

struct addr {
  uint8_t kind; /* enum addr_kind */
  uint8_t b[16];
};

enum { ADDR_TEXT = 46 }; /* INET6_ADDRSTRLEN */

struct addr sio__addr_from_sockaddr(const struct sockaddr *a);
/* Returns the address of the socket's peer. It has the kind ADDR_NONE if it is not known (any
 * more), or if its family is not supported. */
struct addr sio__addr_get_socket_peer(int fd);
/* Parses an address as inet_pton() does: "192.0.2.1", "2001:db8::1". No port, no brackets, no
 * zone. */
bool sio__addr_parse(struct addr *out, sio_slice text);
/* Writes an IPv4 address with dots, an IPv6 address as inet_ntop() does, and "" for any other kind.
 * Returns out. */
const char *sio__addr_to_text(const struct addr *a, char out[ADDR_TEXT]);
/* Returns the address under which the limits count the address a. For an IPv4 address that is a
 * itself. For an IPv6 address it is the first 64 bits, followed by zeros, because one site usually
 * has all addresses with these bits. */
struct addr sio__addr_clear_ipv6_host_bits(const struct addr *a);

/* A set of addresses and networks. All zero is the empty set. */
struct addr_set {
  struct addr_net *nets;
  size_t n;
  bool has_unix;
};
/* Parses a NULL-terminated array of "192.0.2.1", "10.0.0.0/8", "fd00::/8" and "unix". Returns 0,
 * UV_ENOMEM, or UV_EINVAL with the invalid text in *bad. The bits after a prefix must be zero. */
int sio__addr_set_parse(struct addr_set *set, const char *const *texts, const char **bad);
void sio__addr_set_clear(struct addr_set *set);
bool sio__addr_set_contains(const struct addr_set *set, const struct addr *a);

#endif
