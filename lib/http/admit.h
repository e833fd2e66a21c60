/* SPDX-License-Identifier: MIT
 *
 * admit.h - limits per address, where an HTTP request opens a session or a WebSocket.
 */
#ifndef SIO_HTTP_ADMIT_H
#define SIO_HTTP_ADMIT_H

#include "http/request.h"

/* Takes one token of the address for a session that r wants to open. False: it has none left, and r
 * is answered. */
bool sio__admit_session(struct addr_limits *g, sio_request *r);
/* Takes one token of the address for a request that is refused. False: it has none left; r is
 * answered, and its connection ends. */
bool sio__admit_charge_refusal(struct addr_limits *g, sio_request *r);
/* Takes one token of the address for a request that opens no session, if requests_per_s is set.
 * False: it has none left; r is answered, and its connection ends. */
bool sio__admit_request(struct addr_limits *g, sio_request *r);
/* Answers 429 with Retry-After, logs it and calls sio_on_reject(). cause: enum sio_reject. wait_ms:
 * UINT64_MAX where it is not known. */
void sio__admit_answer_429(struct addr_limits *g, sio_request *r, int cause, uint64_t wait_ms);

#endif
