/* SPDX-License-Identifier: MIT
 *
 * server_side.h - how to answer an event that another server sent with sio_server_side_emit().
 */
#ifndef SIO_CORE_SERVER_SIDE_H
#define SIO_CORE_SERVER_SIDE_H

#include <sio/adapter.h>

struct server_side_ack {
  sio_nsp *nsp;
  sio_server_side_answer_cb answer;
  sio_return to;     /* identifies the server that asked, for the adapter */
  bool from_cluster; /* the answer is for core->cluster and not for the adapter of the namespace */
};

/* Implements sio_adapter_api.server_side_receive. */
int sio__server_side_receive_event(sio_nsp *nsp, sio_slice json, const sio_slice *bins,
                                   size_t nbins, sio_server_side_answer_cb answer,
                                   const sio_return *to);
/* The same for the adapter of several threads: runs only the handlers of this server. */
int sio__server_side_run_handlers(sio_nsp *nsp, sio_slice json, const sio_slice *bins, size_t nbins,
                                  sio_server_side_answer_cb answer, const sio_return *to);

/* Sends the first argument as the answer, through the adapter. Returns 0, SIO_ECLOSED if the server
 * has closed or the namespace is gone, or another error. */
int sio__server_side_send_ack(const struct server_side_ack *ack, sio_args args);

#endif
