/* SPDX-License-Identifier: MIT
 *
 * admit.h - checks the limits per address for HTTP requests: for those that open a session or a
 * WebSocket, and for all others.
 */
#ifndef SIO_HTTP_ADMIT_H
#define SIO_HTTP_ADMIT_H

#include "http/request.h"

/* Counts the session that r wants to open against the limits of its client's address. Returns false
 * if the address has exceeded a limit; then r was answered with 429. */
bool sio__admit_session_request_or_answer_429(struct addr_limits *g, sio_request *r);
/* Counts r, which will be refused, as a session against the limit connects_per_s of its client's
 * address. Returns false if the address has exceeded the limit; then r was answered with 429, and
 * its connection will be closed. */
bool sio__charge_refused_session_or_answer_429(struct addr_limits *g, sio_request *r);
/* Counts r, which opens no session, against the limit requests_per_s of its client's address.
 * Returns false if the address has exceeded the limit; then r was answered with 429, and its
 * connection will be closed. If requests_per_s is not set, does nothing and returns true. */
bool sio__admit_charge_request_or_answer_429(struct addr_limits *g, sio_request *r);
/* Answers 429 with a Retry-After header, logs the rejection, and calls the host's on_reject.
 * `cause` is an enum sio_reject. wait_ms is the time until a retry can succeed; UINT64_MAX if it is
 * not known. */
void sio__admit_answer_too_many_requests(struct addr_limits *g, sio_request *r, int cause,
                                         uint64_t wait_ms);

#endif
