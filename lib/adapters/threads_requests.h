/* SPDX-License-Identifier: MIT
 *
 * threads_requests.h - handles the requests of other members.
 */
#ifndef SIO_ADAPTERS_THREADS_REQUESTS_H
#define SIO_ADAPTERS_THREADS_REQUESTS_H

#include "adapters/threads_adapter.h"

/* Handles a struct request on the thread of the member to which it was sent, and releases it. */
void sio__thread_request_run(void *server, void *request);

#endif
