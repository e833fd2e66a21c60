/* SPDX-License-Identifier: MIT
 *
 * client.c - the list of a client's sockets, and ending a client's session after an error.
 */
#include "core/client.h"

#include "core/nsp.h"
#include "core/socket.h"

void sio__client_add_socket(struct client *cl, sio_socket *s) {
  s->next = cl->sockets;
  cl->sockets = s;
  s->nsp->nsockets++;
  sio_nsp_ref(s->nsp);
}

void sio__client_remove_socket(struct client *cl, sio_socket *s) {
  sio_socket **at = &cl->sockets;
  while (*at != s) at = &(*at)->next;
  *at = s->next;
  s->nsp->nsockets--;
  sio_nsp_unref(s->nsp);
}

sio_socket *sio__client_find_socket_by_nsp(const struct client *cl, sio_slice nsp) {
  sio_socket *s = cl->sockets;
  while (s && !slice_equals_str(nsp, s->nsp->name)) s = s->next;
  return s;
}

void sio__client_disconnect_out_of_memory(struct client *cl) {
  sio__session_end(cl->session, true, SIO_REASON_TRANSPORT_ERROR, UV_ENOMEM, "out of memory");
}

void sio__client_disconnect_for_encoding_error(struct client *cl, int err) {
  if (err == UV_ENOMEM)
    sio__client_disconnect_out_of_memory(cl);
  else
    sio__session_end(cl->session, true, SIO_REASON_TRANSPORT_ERROR, err,
                     "a packet for the client could not be encoded");
}

size_t sio_session_sockets(const sio_session *c, sio_socket **out, size_t max) {
  size_t n = 0;
  if (sio__session_engine(c)->ops->raw || !sio__session_user(c)) return 0;
  for (sio_socket *s = client_of_session(c)->sockets; s; s = s->next) {
    if (!sio_socket_connected(s)) continue;
    if (n < max) out[n] = s;
    n++;
  }
  return n;
}
