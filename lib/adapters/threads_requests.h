/* SPDX-License-Identifier: MIT
 *
 * threads_requests.h - carries out what other members request.
 */
#ifndef SIO_ADAPTERS_THREADS_REQUESTS_H
#define SIO_ADAPTERS_THREADS_REQUESTS_H

#include "adapters/threads_adapter.h"

/* Runs a struct request on the thread of the member that it was sent to, and releases it. */
void sio__thread_request_run(void *server, void *request);

#endif
