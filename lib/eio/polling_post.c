/* SPDX-License-Identifier: MIT
 *
 * polling_post.c - reads the packets of a POST, and holds back what the session cannot handle yet.
 */
#include "eio/polling_post.h"
#include "base/utf8.h"
#include "eio/answer.h"
#include "eio/jsonp.h"
#include "eio/session_limits.h"
#include <assert.h>

static const struct http_mount post_mount;

void sio__polling_refuse_request_and_end_session(sio_session *c, sio_request *r,
                                                 const char *detail) {
  sio__answer_status_and_count_refusal(c->eio, r, 400);
  sio__session_end(c, true, SIO_REASON_TRANSPORT_ERROR, SIO_EPROTO, detail);
}

/* ---- the POST as a request --------------------------------------------------------------- */

static bool is_request_octet_stream(const sio_request *r) {
  return slice_starts_with(sio__request_header(r, "content-type"),
                           SLICE("application/octet-stream"));
}

static void attach_post_to_session(sio_session *c, sio_request *r, bool answer_waits) {
  c->polling->post = r;
  c->polling->post_answer_waits = answer_waits;
  r->user = c;
}

sio_request *sio__polling_detach_post(struct polling *p) {
  sio_request *r = p->post;
  p->post = NULL;
  p->post_answer_waits = p->post_waits = false;
  if (r) r->user = NULL;
  return r;
}

/* A session that is closing does not handle packets, and may be freed before the body is complete:
 * its POST is answered at once. */
static void attach_post_or_answer_if_closing(sio_session *c, sio_request *r) {
  if (c->state != SESSION_OPEN) {
    sio__answer_post_with_ok(c->eio, r);
    return;
  }
  attach_post_to_session(c, r, false);
  r->mount = &post_mount;
}

void sio__polling_accept_or_refuse_post(sio_session *c, sio_request *r) {
  struct polling *p = c->polling;
  if (p->post) {
    sio__polling_refuse_request_and_end_session(
        c, r, "data request overlap from client: a POST arrived before the last one was answered");
  } else if (c->protocol == 4 && is_request_octet_stream(r)) {
    sio__polling_refuse_request_and_end_session(
        c, r, "invalid content: the POST has the Content-Type application/octet-stream");
  } else {
    r->max_body = c->joined ? c->eio->opts->max_payload : c->eio->unjoined_message_max;
    attach_post_or_answer_if_closing(c, r);
  }
}

size_t sio__polling_incomplete_post_bytes(const struct polling *p) {
  return p->post && !p->post_answer_waits ? p->post->body.n : 0;
}

void sio__polling_answer_held_post(sio_session *c) {
  struct polling *p = c->polling;
  if (p->post_answer_waits) sio__answer_post_with_ok(c->eio, sio__polling_detach_post(p));
}

void sio__polling_answer_or_drop_post(struct polling *p, bool ok) {
  ok = ok || p->post_answer_waits;
  sio_request *r = sio__polling_detach_post(p);
  if (r && ok)
    sio__answer_post_with_ok(p->session->eio, r);
  else if (r)
    sio__request_close_without_answer(r);
}

/* ---- the packets of a POST ------------------------------------------------------------------ */

static const struct payload_form *payload_encoding_of_post(const sio_session *c,
                                                           const sio_request *r) {
  if (c->protocol == 4) return &sio__payload4;
  return is_request_octet_stream(r) ? &sio__payload3_binary : &sio__payload3_text;
}

/* Returns true if the packet is binary, or its text is valid UTF-8. A text body was checked
 * completely before; in a binary body each text packet is checked here. */
static bool is_packet_text_valid_utf8(const struct payload_form *f, const struct eio_in *in) {
  return f != &sio__payload3_binary || in->binary || sio__utf8_is_valid(in->data.p, in->data.n);
}

/* Returns false if no packet was left, or if the session is over. */
static bool handle_next_packet_of_post(sio_session *c, struct post_reader *rd) {
  struct eio_in in;
  size_t before = rd->rest.n;
  int got = rd->form->next(&rd->rest, &in);
  if (got == 0) return false;
  if (got < 0 || !is_packet_text_valid_utf8(rd->form, &in)) {
    sio__session_end_for_bad_packet(c);
    return false;
  }
  if (rd->packets_left-- == 0) {
    sio__session_end(c, true, SIO_REASON_PARSE_ERROR, SIO_ETOOBIG,
                     "one POST has more than max_payload_packets packets");
    return false;
  }
  if (c->limited && !sio__session_charge_rate_limits_or_end(c, 0, before - rd->rest.n))
    return false;
  return sio__session_handle_packet(c, &in);
}

/* Returns true if every packet was handled or the session is over, and false if the remaining
 * packets have to wait. */
static bool handle_post_packets(sio_session *c, struct post_reader *rd) {
  while (!rd->rest.p || !sio__session_must_stop_reading(c))
    if (!handle_next_packet_of_post(c, rd)) return true;
  return false;
}

static void handle_first_post_of_backlog_task(struct task *t);

static struct backlog **find_end_of_post_backlog(struct polling *p) {
  struct backlog **at = &p->backlog;
  while (*at) at = &(*at)->next;
  return at;
}

/* Moves the body from the request to the end of the backlog, because the request may be freed
 * before all its packets are handled. */
static void move_unhandled_post_to_backlog(sio_session *c, sio_request *r,
                                           const struct post_reader *rd) {
  struct backlog *b = sio__malloc(sizeof *b);
  if (!b) {
    sio__session_end(c, true, SIO_REASON_TRANSPORT_ERROR, UV_ENOMEM, "out of memory for a POST");
    return;
  }
  *b = (struct backlog){ .session = c, .body = r->body, .reader = *rd };
  *find_end_of_post_backlog(c->polling) = b;
  buf_init(&r->body, r->body.max);
  task_init(&b->task, handle_first_post_of_backlog_task);
}

static void post_backlog_entry_free(struct backlog *b) {
  assert(!b->busy);
  sio__buf_clear(&b->body);
  sio__free(b);
}

/* Removes the first body from the backlog and frees it. While one of its packets is being handled,
 * the body is freed later, by handle_first_post_of_backlog(). */
static void remove_first_post_of_backlog(struct polling *p) {
  struct backlog *b = p->backlog;
  p->backlog = b->next;
  task_cancel(&b->task);
  if (!b->busy) post_backlog_entry_free(b);
}

void sio__polling_free_post_backlog(struct polling *p) {
  while (p->backlog) remove_first_post_of_backlog(p);
}

/* Prepares *rd to read the packets of a POST whose body is complete. Returns false if the session
 * is over. */
static bool prepare_post_reader_and_check_utf8(sio_session *c, sio_request *r,
                                               struct post_reader *rd) {
  sio_slice body = slice(r->body.p ? r->body.p : "", r->body.n);
  if (sio__jsonp_is_requested(c->eio, r)) sio__jsonp_decode_form_body_in_place(&body);
  *rd = (struct post_reader){ payload_encoding_of_post(c, r), body,
                              c->eio->opts->max_payload_packets };
  /* Decoding JSONP has removed bytes, which are charged here; the packets are charged one by
   * one. */
  if (c->limited && !sio__session_charge_rate_limits_or_end(c, 0, r->body.n - body.n)) return false;
  if (rd->form == &sio__payload3_binary || sio__utf8_is_valid(body.p, body.n)) return true;
  sio__session_end_for_bad_packet(c);
  return false;
}

static void handle_post_body_and_keep_rest(sio_session *c, sio_request *r) {
  struct post_reader rd;
  if (prepare_post_reader_and_check_utf8(c, r, &rd) && !handle_post_packets(c, &rd))
    move_unhandled_post_to_backlog(c, r, &rd);
}

/* Returns the most memory that the backlog may take together with a waiting POST that is added to
 * it. Such a POST is answered before its packets are handled. A client that has much to send may
 * send several POSTs before it receives our packet "3probe" and upgrades. Once the session has
 * joined a namespace, there is room for at least two POSTs of max_payload bytes: for the POST that
 * was open when the client began to upgrade, and for the next POST. */
static size_t max_post_backlog_memory(const sio_session *c) {
  const sio_options *o = c->eio->opts;
  size_t two = 2 * (o->max_payload + sizeof(struct backlog));
  if (!c->joined) return c->eio->unjoined_message_max;
  return o->max_queued > two ? o->max_queued : two;
}

static bool post_backlog_has_room_for(const sio_session *c, const sio_request *r) {
  size_t held = sizeof(struct backlog) + r->body.cap;
  for (const struct backlog *b = c->polling->backlog; b; b = b->next)
    held += sizeof *b + b->body.cap;
  return held <= max_post_backlog_memory(c);
}

/* p->post waits until the POSTs before it, which are in the backlog, were handled. Moves its body
 * to the backlog, too, so that the caller can answer p->post now. Returns false if the backlog has
 * no room for the body, or if the session is over. */
static bool add_waiting_post_to_backlog(sio_session *c) {
  struct polling *p = c->polling;
  struct post_reader rd;
  if (!post_backlog_has_room_for(c, p->post)) return false;
  p->post_waits = false;
  if (prepare_post_reader_and_check_utf8(c, p->post, &rd))
    move_unhandled_post_to_backlog(c, p->post, &rd);
  return c->state == SESSION_OPEN;
}

void sio__polling_answer_post_before_handling(sio_session *c) {
  const struct polling *p = c->polling;
  if (p && (!p->post_waits || add_waiting_post_to_backlog(c))) sio__polling_answer_held_post(c);
}

static void answer_post_if_client_upgrades(sio_session *c) {
  if (c->state == SESSION_OPEN && c->probe && c->probe->is_answered)
    sio__polling_answer_post_before_handling(c);
}

static void handle_post_and_answer_or_hold(sio_session *c, sio_request *r) {
  handle_post_body_and_keep_rest(c, r);
  if (c->state == SESSION_OPEN && (c->polling->backlog || session_is_paused_by_rate_limit(c))) {
    attach_post_to_session(c, r, true);
    answer_post_if_client_upgrades(c);
  } else {
    sio__answer_post_with_ok(c->eio, r);
  }
}

/* Handles the packets of b, the first POST in the backlog. Returns true if all were handled; false
 * if some have to wait again, or if the session has ended, and its backlog was freed. */
static bool handle_first_post_of_backlog(sio_session *c, struct backlog *b) {
  b->busy = true;
  bool all = handle_post_packets(c, &b->reader);
  b->busy = false;
  bool dropped = c->polling->backlog != b;
  if (dropped) post_backlog_entry_free(b);
  return all && !dropped;
}

/* Called when all packets of the first POST in the backlog were handled. Goes on with the next POST
 * in the backlog, with p->post, which waits outside of the backlog, or with the WebSocket. */
static void remove_handled_post_and_resume_session(sio_session *c) {
  struct polling *p = c->polling;
  remove_first_post_of_backlog(p);
  if (p->backlog)
    answer_post_if_client_upgrades(c); /* the backlog may have room for p->post now */
  else if (c->ws)
    sio__polling_free_after_upgrade(c);
  else if (p->post_waits)
    handle_post_and_answer_or_hold(c, sio__polling_detach_post(p));
  sio__session_resume_reading(c);
}

static void handle_first_post_of_backlog_task(struct task *t) {
  struct backlog *b = container_of(t, struct backlog, task);
  sio_session *c = b->session;
  if (handle_first_post_of_backlog(c, b)) {
    remove_handled_post_and_resume_session(c);
    return;
  }
  answer_post_if_client_upgrades(c);
  /* If the session has moved to a WebSocket and must not handle packets now, this makes the
   * WebSocket report when the peer has read enough of its queue. */
  if (c->ws) sio__session_resume_reading(c);
}

void sio__polling_free_after_upgrade(sio_session *c) {
  if (!c->polling) return;
  sio__polling_free_post_backlog(c->polling);
  sio__free(c->polling);
  c->polling = NULL;
}

void sio__polling_resume_backlog_or_answer_post(sio_session *c) {
  if (c->polling->backlog)
    sio__polling_schedule_backlog_handling(c->polling);
  else if (!session_is_paused_by_rate_limit(c))
    sio__polling_answer_held_post(c);
}

bool sio__polling_has_post_backlog(const sio_session *c) { return c->polling->backlog; }

/* ---- callbacks of the request -------------------------------------------------------------- */

/* Called when the body of the POST r is complete. If the session has moved to a WebSocket while the
 * body arrived, r->user is NULL: then the connection of r is closed. If the session has ended in
 * this turn of the loop, no packet is handled, and r is answered as usual. */
static void handle_or_hold_complete_post(sio_request *r) {
  sio_session *c = r->user;
  if (!c) {
    sio__request_close_without_answer(r);
    return;
  }
  struct polling *p = c->polling;
  sio__polling_detach_post(p);
  if (!p->backlog) {
    handle_post_and_answer_or_hold(c, r);
    return;
  }
  attach_post_to_session(c, r, true);
  p->post_waits = true;
  answer_post_if_client_upgrades(c);
}

/* Called when another request has arrived on the connection of the POST r. The answer to r is held
 * back while too many replies are queued, and the new request may be the GET that fetches them,
 * which is not handled before r is answered. So r is answered now, if the backlog has room for it,
 * and unless a rate limit pauses the session. */
static void answer_held_post_when_next_request_arrives(sio_request *r) {
  sio_session *c = r->user;
  if (c && !session_is_paused_by_rate_limit(c)) sio__polling_answer_post_before_handling(c);
}

static void report_or_end_session_of_aborted_post(sio_request *r, int err, const char *detail) {
  sio_session *c = r->user;
  (void)detail;
  if (!c) return;
  sio__polling_detach_post(c->polling);
  /* A body over r->max_body was answered with 413, and the session stays open. */
  if (err == SIO_ETOOBIG) {
    if (c->eio->ops->refused)
      c->eio->ops->refused(
          c, err,
          "a POST is longer than max_payload or, before a namespace is joined, than a quarter of "
          "max_unjoined");
    return;
  }
  sio__session_end_by_peer(c, SIO_REASON_TRANSPORT_ERROR, err, 0,
                           "data request connection closed prematurely");
}

/* Called when the POST r was answered. Before the library answers r, it sets r->user to NULL. So if
 * r->user is set, the host itself has answered r: one of its request hooks has kept a pointer to
 * r. */
static void detach_post_answered_by_host(sio_request *r) {
  sio_session *c = r->user;
  if (c) sio__polling_detach_post(c->polling);
}

static const struct http_mount post_mount = { .on_request = handle_or_hold_complete_post,
                                              .on_abort = report_or_end_session_of_aborted_post,
                                              .on_next = answer_held_post_when_next_request_arrives,
                                              .on_answered = detach_post_answered_by_host };
