/* SPDX-License-Identifier: MIT
 *
 * adapter.h - who is in which room, and how a broadcast finds its receivers.
 *
 * One adapter stands behind each namespace. The one in the library keeps rooms in
 * memory and reaches the sockets of this process. An adapter that spans processes
 * fills the same table, keeps the local part by calling the memory adapter's
 * functions (sio_adapter_memory), and adds what it sends to the other nodes.
 *
 * All slots are called on the loop thread. No slot may call user handlers.
 */
#ifndef SIO_ADAPTER_H
#define SIO_ADAPTER_H

#include <sio/emit.h>
#include <sio/types.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sio_adapter sio_adapter; /* the state behind one namespace; the adapter's own struct */
typedef struct sio_packet sio_packet;   /* one encoded event, shared by all receivers */

typedef struct sio_adapter_ops {
  /* The namespace was made. 0 and *out, or an error: then sio_of() fails with it. */
  int (*open)(sio_adapter **out, sio_nsp *nsp);
  /* The server closes. Sockets have left; done or not, nothing is called afterwards. */
  void (*close)(sio_adapter *a);
  /* Both are told once per change; the socket's own-id room is not told of. Return 0 or UV_ENOMEM (not joined then). */
  int (*join)(sio_adapter *a, sio_socket *s, const char *room);
  void (*leave)(sio_adapter *a, sio_socket *s, const char *room);
  /* The socket is about to be gone: out of every room. */
  void (*leave_all)(sio_adapter *a, sio_socket *s);
  bool (*in_room)(const sio_adapter *a, const sio_socket *s, const char *room);
  void (*rooms)(const sio_adapter *a, const sio_socket *s, void (*cb)(const char *room, void *user), void *user);
  /* Sends p to whom the target names, with sio_packet_deliver() for each local socket. */
  int (*broadcast)(sio_adapter *a, const sio_target *to, const sio_packet *p);
  /* Calls visit once for each local socket the target names. visit may join, leave and disconnect it. */
  int (*each)(sio_adapter *a, const sio_target *to, void (*visit)(sio_socket *s, void *user), void *user);
  /* The bulk verbs, on every node unless SIO_LOCAL. */
  int (*all_join)(sio_adapter *a, const sio_target *to, const char *const *rooms);
  int (*all_leave)(sio_adapter *a, const sio_target *to, const char *const *rooms);
  int (*all_disconnect)(sio_adapter *a, const sio_target *to, bool session);
} sio_adapter_ops;

SIO_EXTERN extern const sio_adapter_ops sio_adapter_memory;

/* For adapters: queues the packet for one socket. Answers as sio_emit() does. */
SIO_EXTERN int sio_packet_deliver(const sio_packet *p, sio_socket *s, unsigned flags);
/* One word of room in each socket, for the adapter's own use; starts as NULL. */
SIO_EXTERN void *sio_adapter_slot(const sio_socket *s);
SIO_EXTERN void sio_adapter_set_slot(sio_socket *s, void *p);
/* Visits every connected socket of the namespace on this node; visit may not add or remove sockets. */
SIO_EXTERN void sio_nsp_each(const sio_nsp *nsp, void (*visit)(sio_socket *s, void *user), void *user);

#ifdef __cplusplus
}
#endif
#endif
