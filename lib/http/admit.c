/* SPDX-License-Identifier: MIT
 *
 * admit.c - the answer 429 (Too Many Requests), for an address that has exceeded one of its limits.
 */
#include "http/admit.h"

#include <inttypes.h>
#include <stdio.h>

/* The value of Retry-After, in seconds, for an address that has too many sessions. The value is a
 * guess, because the server cannot know when a session will end. */
enum { FULL_RETRY_S = 30 };

static const char *describe_exceeded_address_limit(int cause) {
  if (cause == SIO_REJECT_REQUESTS) return "the address sends requests faster than requests_per_s";
  return cause == SIO_REJECT_SESSIONS ? "the address requests sessions faster than connects_per_s"
                                      : "the address already has max_per_address sessions";
}

void sio__answer_429_and_report_rejection(struct addr_limits *g, sio_request *r, int cause,
                                          uint64_t wait_ms) {
  char seconds[24];
  uint64_t s = wait_ms == UINT64_MAX ? FULL_RETRY_S : wait_ms / 1000 + (wait_ms % 1000 != 0);
  snprintf(seconds, sizeof seconds, "%" PRIu64, s);
  sio__addr_limits_report_refusal(g, cause, sio__request_client_address(r),
                                  describe_exceeded_address_limit(cause));
  r->log_reason = ""; /* the refusal was logged already */
  sio__request_add_answer_header(r, "Retry-After", slice_str(seconds));
  sio__request_answer(r, 429, NULL, slice(NULL, 0));
}

bool sio__admit_session_request_or_answer_429(struct addr_limits *g, sio_request *r) {
  int cause;
  struct addr a = sio__request_parse_client_address(r);
  uint64_t wait = sio__addr_limits_check_and_charge(g, &a, ADDR_SESSIONS, &cause);
  if (wait) sio__answer_429_and_report_rejection(g, r, cause, wait);
  return !wait;
}

bool sio__count_refused_session_or_answer_429(struct addr_limits *g, sio_request *r) {
  int cause;
  struct addr a = sio__request_parse_client_address(r);
  uint64_t wait = sio__addr_limits_charge_session(g, &a, &cause);
  if (!wait) return true;
  sio__request_disable_keep_alive(r);
  sio__answer_429_and_report_rejection(g, r, cause, wait);
  return false;
}

bool sio__count_request_of_address_or_answer_429(struct addr_limits *g, sio_request *r) {
  if (!g || !addr_limits_has_request_rate(g)) return true;
  struct addr a = sio__request_parse_client_address(r);
  uint64_t wait = sio__addr_limits_charge_request(g, &a);
  if (!wait) return true;
  sio__request_disable_keep_alive(r);
  sio__answer_429_and_report_rejection(g, r, SIO_REJECT_REQUESTS, wait);
  return false;
}
