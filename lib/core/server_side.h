/* SPDX-License-Identifier: MIT
 *
 * server_side.h - handles events that other servers sent with sio_server_side_emit(), or programs
 * with an emitter, and answers them.
 */
#ifndef SIO_CORE_SERVER_SIDE_H
#define SIO_CORE_SERVER_SIDE_H

#include <sio/adapter.h>

/* How to answer an event of another server. */
struct server_side_ack {
  sio_nsp *nsp;
  sio_server_side_answer_cb answer; /* a function of the adapter; NULL if no answer is wanted */
  sio_return to;                    /* tells the adapter to which server to send the answer */
  bool from_cluster; /* `answer` is a function of core->cluster, not of the namespace's adapter */
};

/* Implements sio_adapter_api.server_side_receive: an adapter has received an event of another
 * server. Runs the handlers of sio_on_server_side(). If the adapter is core->cluster, also passes
 * the event to the servers of the other threads. */
int sio__server_side_relay_and_handle_event(sio_nsp *nsp, sio_slice json, const sio_slice *bins,
                                            size_t nbins, sio_server_side_answer_cb answer,
                                            const sio_return *to);
/* Handles an event that has come from the server of another thread (adapters/threads_requests.c):
 * runs only the handlers of this server. Returns 0, or an error that is documented at
 * sio_adapter_api.server_side_receive. */
int sio__server_side_handle_event_on_this_server(sio_nsp *nsp, sio_slice json,
                                                 const sio_slice *bins, size_t nbins,
                                                 sio_server_side_answer_cb answer,
                                                 const sio_return *to);

/* Sends the first element of args, or null if there is none, as the answer, through the adapter.
 * Returns 0; SIO_ECLOSED if the adapter has been closed; UV_ENOMEM; or an error of encoding. */
int sio__server_side_send_ack(const struct server_side_ack *ack, sio_args args);

#endif
