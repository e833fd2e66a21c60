/* SPDX-License-Identifier: MIT
 *
 * admit.h - checks the limits per address for HTTP requests: for those that open a session or a
 * WebSocket, and for all others.
 */
#ifndef SIO_HTTP_ADMIT_H
#define SIO_HTTP_ADMIT_H

#include "http/request.h"

/* Checks whether the limits of its client's address allow the session or WebSocket that r asks for.
 * If they do, counts the attempt against connects_per_s and returns true. Otherwise answers 429 and
 * returns false. */
bool sio__admit_session_request_or_answer_429(struct addr_limits *g, sio_request *r);
/* Counts r, which will be refused, as a session against the limit connects_per_s of its client's
 * address. If the address has exceeded the limit, answers 429 instead, closes the connection after
 * the answer, and returns false. */
bool sio__count_refused_session_or_answer_429(struct addr_limits *g, sio_request *r);
/* Counts r, which opens no session, against the limit requests_per_s of its client's address. If
 * the address has exceeded the limit, answers 429, closes the connection after the answer, and
 * returns false. If requests_per_s is not set, does nothing and returns true. */
bool sio__count_request_of_address_or_answer_429(struct addr_limits *g, sio_request *r);
/* Answers 429 with a Retry-After header, logs the rejection, and calls the host's on_reject.
 * `cause` is an enum sio_reject_cause. wait_ms is the time until a retry can succeed; UINT64_MAX if
 * this time is not known. */
void sio__answer_429_and_report_rejection(struct addr_limits *g, sio_request *r, int cause,
                                          uint64_t wait_ms);

#endif
