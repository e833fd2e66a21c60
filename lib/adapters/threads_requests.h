/* SPDX-License-Identifier: MIT
 *
 * threads_requests.h - handles the requests that the servers of other threads send to this server.
 */
#ifndef SIO_ADAPTERS_THREADS_REQUESTS_H
#define SIO_ADAPTERS_THREADS_REQUESTS_H

#include "adapters/threads_adapter.h"

/* Runs on the thread of the server to which a request was sent: handles the struct request, or
 * keeps it until it can be handled, and releases one reference. */
void sio__thread_request_handle_and_unref(void *server, void *request);
/* Handles a request without asking sio__threads_order_hold_request_if_too_early() whether it has
 * to wait. */
void sio__thread_request_run_now(struct threads_adapter *a, struct request *r);

#endif
