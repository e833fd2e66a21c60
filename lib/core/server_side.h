/* SPDX-License-Identifier: MIT
 *
 * server_side.h - where the ack of another server's event goes.
 */
#ifndef SIO_CORE_SERVER_SIDE_H
#define SIO_CORE_SERVER_SIDE_H

#include <sio/adapter.h>

struct server_side {
  sio_nsp *nsp;
  sio_server_side_answer answer;
  sio_return to;
};

/* The first of the arguments, to the adapter. SIO_ECLOSED: the server has closed. */
int sio__server_side_send_ack(const struct server_side *to, sio_args args);

#endif
