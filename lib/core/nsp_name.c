/* SPDX-License-Identifier: MIT
 *
 * nsp_name.c - names of namespaces: checks them, and finds the namespace that has a name.
 */
#include "core/core.h"
#include "core/nsp.h"

/* In a packet ',' ends the name of a namespace, and so does '?' if the client is one of Socket.IO
 * 2. So a name cannot contain these characters. */
static bool is_nsp_name_char(unsigned char c) {
  return c >= 0x20 && c != 0x7f && c != ',' && c != '?';
}

bool sio__is_nsp_name_valid(sio_slice s) {
  if (s.n > NSP_NAME_MAX) return false;
  for (size_t i = 0; i < s.n; i++)
    if (!is_nsp_name_char((unsigned char)s.p[i])) return false;
  return true;
}

bool sio__nsp_make_and_check_full_name(char out[NSP_NAME_MAX + 1], const char *name,
                                       sio_slice *full) {
  size_t n = name ? strnlen(name, NSP_NAME_MAX + 1) : 0;
  bool add_slash = n == 0 || name[0] != '/';
  if (n + add_slash > NSP_NAME_MAX) return false;
  out[0] = '/';
  if (n) memcpy(out + add_slash, name, n);
  out[n + add_slash] = '\0';
  *full = slice(out, n + add_slash);
  return sio__is_nsp_name_valid(*full);
}

sio_slice sio__get_map_key_of_nsp(const void *nsp) {
  return slice_str(((const sio_nsp *)nsp)->name);
}

sio_nsp *sio__nsp_find(const struct core *core, sio_slice name) {
  return name.n <= NSP_NAME_MAX ? sio__map_get(&core->nsps, name) : NULL;
}

void sio_nsps(sio_server *srv, void (*cb)(sio_nsp *nsp, void *user), void *user) {
  sio_nsp *nsp;
  for (uint32_t i = 0; (nsp = sio__map_next(&core_of_server(srv)->nsps, &i));) cb(nsp, user);
}

sio_nsp *sio_nsp_find(sio_server *srv, const char *name) {
  char buffer[NSP_NAME_MAX + 1];
  sio_slice full;
  return sio__nsp_make_and_check_full_name(buffer, name, &full)
             ? sio__nsp_find(core_of_server(srv), full)
             : NULL;
}

const char *sio_nsp_name(const sio_nsp *nsp) { return nsp->name; }
