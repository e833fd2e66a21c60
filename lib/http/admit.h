/* SPDX-License-Identifier: MIT
 *
 * admit.h - checks the limits per address for an HTTP request that opens a session or a WebSocket.
 */
#ifndef SIO_HTTP_ADMIT_H
#define SIO_HTTP_ADMIT_H

#include "http/request.h"

/* Takes one token from the address's bucket for the session that r wants to open. False: the
 * bucket is empty, and r was answered with 429. */
bool sio__admit_new_session(struct addr_limits *g, sio_request *r);
/* Takes one token of the address for a request that is refused. False: it has none left; r is
 * answered, and its connection ends. */
bool sio__admit_charge_refused_request(struct addr_limits *g, sio_request *r);
/* Takes one token of the address for a request that opens no session, if requests_per_s is set.
 * False: it has none left; r is answered, and its connection ends. */
bool sio__admit_request(struct addr_limits *g, sio_request *r);
/* Answers 429 with a Retry-After header, logs the rejection and calls on_reject. cause: enum
 * sio_reject. wait_ms: the time until a retry can succeed; UINT64_MAX if it is not known. */
void sio__admit_answer_too_many_requests(struct addr_limits *g, sio_request *r, int cause,
                                         uint64_t wait_ms);

#endif
