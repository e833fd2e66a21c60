/* SPDX-License-Identifier: MIT
 *
 * closed_adapter.c - adapter functions that return SIO_ECLOSED. The functions that take a socket
 * are missing from the table: when the adapter is closed, all sockets have left.
 */
#include "core/closed_adapter.h"

static int closed_adapter_refuse_broadcast(sio_adapter *a, const sio_target *to,
                                           const sio_packet *p) {
  (void)a, (void)to, (void)p;
  return SIO_ECLOSED;
}

static int closed_adapter_refuse_iteration(sio_adapter *a, const sio_target *to,
                                           void (*visit)(sio_socket *, void *), void *user) {
  (void)a, (void)to, (void)visit, (void)user;
  return SIO_ECLOSED;
}

static int closed_adapter_refuse_join_and_leave(sio_adapter *a, const sio_target *to,
                                                const char *const *rooms) {
  (void)a, (void)to, (void)rooms;
  return SIO_ECLOSED;
}

static int closed_adapter_refuse_disconnect(sio_adapter *a, const sio_target *to, bool session) {
  (void)a, (void)to, (void)session;
  return SIO_ECLOSED;
}

static int closed_adapter_refuse_server_emit(sio_adapter *a, const sio_packet *p, sio_query *q) {
  (void)a, (void)p, (void)q;
  return SIO_ECLOSED;
}

static int closed_adapter_refuse_server_count(sio_adapter *a, sio_query *q) {
  (void)a, (void)q;
  return SIO_ECLOSED;
}

const sio_adapter_ops sio__closed_adapter = {
  .broadcast = closed_adapter_refuse_broadcast,
  .each = closed_adapter_refuse_iteration,
  .all_join = closed_adapter_refuse_join_and_leave,
  .all_leave = closed_adapter_refuse_join_and_leave,
  .all_disconnect = closed_adapter_refuse_disconnect,
  .server_emit = closed_adapter_refuse_server_emit,
  .server_count = closed_adapter_refuse_server_count,
};
