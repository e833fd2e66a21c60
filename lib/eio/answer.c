/* SPDX-License-Identifier: MIT
 *
 * answer.c - the HTTP answers of Engine.IO, and the refusals with their error codes.
 */
#include "eio/answer.h"
#include "base/public_id.h"
#include "eio/jsonp.h"
#include "http/coding.h"
#include "http/cors.h"

void sio__run_response_header_hooks(struct eio *e, sio_request *r, bool initial) {
  list_each (it, next, &e->group->header_hooks) {
    struct eio_hook *h = container_of(it, struct eio_hook, link);
    h->headers(r, initial, h->user);
  }
}

static bool slice_contains_text(sio_slice s, const char *word) {
  return s.n && memmem(s.p, s.n, word, strlen(word));
}

/* Switches off the XSS filter of old versions of Internet Explorer, which would change answers that
 * look like scripts. */
static void disable_ie_xss_filter(sio_request *r) {
  sio_slice agent = sio__request_header(r, "user-agent");
  if (slice_contains_text(agent, ";MSIE") || slice_contains_text(agent, "Trident/"))
    sio__request_add_answer_header(r, "X-XSS-Protection", SLICE("0"));
}

/* Tells browsers not to treat the answer as another type than its Content-Type says. */
static void set_nosniff_header(sio_request *r) {
  sio__request_add_answer_header(r, "X-Content-Type-Options", SLICE("nosniff"));
}

static void add_engine_headers_and_run_header_hooks(struct eio *e, sio_request *r, bool initial) {
  sio__request_add_answer_header(r, "cache-control", SLICE("no-store"));
  set_nosniff_header(r);
  disable_ie_xss_filter(r);
  sio__run_response_header_hooks(e, r, initial);
}

static void answer_with_maybe_compressed_body(sio_request *r, const char *type, struct msg *body) {
  if (body->plain)
    sio__request_answer_msg(r, 200, type, body);
  else
    sio__coding_answer_compressed_if_accepted(r, 200, type, body);
}

static void answer_jsonp_script(sio_request *r, const struct msg *body) {
  struct msg *script = sio__jsonp_wrap_body_in_script(r, body);
  if (script)
    answer_with_maybe_compressed_body(r, "text/javascript; charset=UTF-8", script);
  else
    sio__request_close_without_answer(r);
  msg_unref(script);
}

void sio__answer_request_with_packets(struct eio *e, sio_request *r, struct msg *body, bool binary,
                                      bool initial) {
  const char *type = binary ? "application/octet-stream" : "text/plain; charset=UTF-8";
  add_engine_headers_and_run_header_hooks(e, r, initial);
  if (!binary && sio__jsonp_is_requested(e, r))
    answer_jsonp_script(r, body);
  else
    answer_with_maybe_compressed_body(r, type, body);
}

void sio__answer_post_with_ok(struct eio *e, sio_request *r) {
  add_engine_headers_and_run_header_hooks(e, r, false);
  sio__request_answer(r, 200, "text/html", SLICE("ok"));
}

void sio__answer_status_and_count_refusal(struct eio *e, sio_request *r, int status) {
  e->stats
      ->engine_refused[status == 503 ? SIO_ENGINE_REFUSED_DRAINING : SIO_ENGINE_REFUSED_MISUSE]++;
  sio__request_answer(r, status, NULL, slice(NULL, 0));
}

/* ---- refusals --------------------------------------------------------------------- */

static const char *const error_texts[] = {
  "Transport unknown", "Session ID unknown", "Bad handshake method",
  "Bad request",       "Forbidden",          "Unsupported protocol version"
};

static const char *refusal_message_text(const struct refusal *why) {
  return why->message && *why->message ? why->message : error_texts[why->code];
}

/* Answers with JSON such as {"code":4,"message":"Forbidden"}. */
static void answer_error_json(sio_request *r, int status, const struct refusal *why) {
  static const char head[] = "{\"code\":0,\"message\":\"", tail[] = "\"}";
  sio_slice text = slice_str(refusal_message_text(why));
  char *json = sio__malloc(sizeof head + sizeof tail + sio__jsonp_write_escaped_string(NULL, text));
  if (!json) {
    sio__request_close_without_answer(r);
    return;
  }
  memcpy(json, head, sizeof head);
  json[8] = (char)('0' + why->code);
  size_t n = sizeof head - 1;
  n += sio__jsonp_write_escaped_string(json + n, text);
  memcpy(json + n, tail, sizeof tail);
  sio__request_answer(r, status, "application/json", slice(json, n + sizeof tail - 1));
  sio__free(json);
}

/* Returns a text for the end of the log line, which names an option that has to do with the
 * refusal; or NULL. */
static const char *find_option_hint_for_refusal(const struct eio *e, const sio_request *r,
                                                const struct refusal *why) {
  if (why->code == EIO_FORBIDDEN && strcmp(why->name, "ORIGIN") == 0)
    return "sio_options.allowed_origins does not list this origin";
  /* An OPTIONS request is usually a browser's preflight request, which is answered only if
   * sio_options.cors is set. */
  if (why->code == EIO_BAD_METHOD && r->method == HTTP_OPTIONS)
    return sio__cors_describe_refused_origin(e->opts->cors, r);
  if (why->code != EIO_BAD_VERSION || e->opts->allow_eio3) return NULL;
  return slice_equals_str(why->detail, "3")
             ? "a client of Socket.IO 2, which sio_options.allow_eio3 admits"
             : NULL;
}

static void count_log_and_report_refusal(struct eio *e, sio_request *r, const struct refusal *why) {
  e->stats->engine_refused[why->code]++;
  sio_slice detail = why->detail;
  const char *hint = find_option_hint_for_refusal(e, r, why);
  /* The id may belong to a session on another server, where it is a secret: only its digest is
   * logged. */
  if (why->code == EIO_UNKNOWN_SID)
    detail = slice(sio__make_public_id((char[PUBLIC_ID_LEN + 1]){ "" }, detail), 8);
  LOG_RATED(e->log, SIO_LOG_WARN, SIO_PART_EIO, LOG_ENGINE_REFUSED, sio__request_client_address(r),
            "refused a request for %.*s from %s: %s %s %.*s%s%s", LOG_SLICE(r->path),
            sio__request_client_address(r), error_texts[why->code], why->name, LOG_SLICE(detail),
            hint ? ": " : "", hint ? hint : "");
  r->log_reason = ""; /* the refusal of a WebSocket is not logged again */
  if (!e->opts->connection_error) return;
  sio_connection_error err = { (int)why->code, error_texts[why->code], why->name, why->detail };
  e->opts->connection_error(r, &err, e->opts->connection_error_user);
}

void sio__report_and_answer_refusal(struct eio *e, sio_request *r, const struct refusal *why) {
  int status = why->code == EIO_FORBIDDEN ? 403 : 400;
  count_log_and_report_refusal(e, r, why);
  if (r->answered) return;
  set_nosniff_header(r);
  if (r->upgrade) {
    sio__request_disable_keep_alive(r);
    sio__request_answer(r, status, "text/html", slice_str(refusal_message_text(why)));
    return;
  }
  answer_error_json(r, status, why);
}
