/* SPDX-License-Identifier: MIT
 *
 * verdict.h - what middleware says when a flag tells it.
 */
#ifndef HOST_VERDICT_H
#define HOST_VERDICT_H

#include <sio/adapter.h>
#include <sio/engine.h>
#include <sio/http.h>
#include <sio/metrics.h>
#include <sio/parser.h>
#include <sio/sio.h>

/* verdict: "ok", "fail:message", "fail:message:data", each maybe behind "later:", which is after
 * the time of the flag "think"; NULL is ok. */
void decide(sio_next *next, const char *verdict);

/* The same about a request, which the host may also answer itself, before or after its verdict:
 * "later-answer", "later-read", "answer", "answer-then-later-ok", "answer-after-ok",
 * "ok-then-answer-sid". */
void decide_request(sio_request *r, sio_next *next, const char *how);

#endif
