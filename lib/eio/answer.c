/* SPDX-License-Identifier: MIT
 *
 * answer.c - Engine.IO's HTTP answers.
 */
#include "eio/answer.h"
#include "eio/jsonp.h"
#include "http/coding.h"
#include <stdio.h>

void sio__run_header_hooks(struct eio *e, sio_request *r, bool initial) {
  list_each (it, next, &e->group->header_hooks) {
    struct eio_hook *h = container_of(it, struct eio_hook, link);
    h->headers(r, initial, h->user);
  }
}

static bool contains(sio_slice s, const char *word) {
  return s.p && s.n && memmem(s.p, s.n, word, strlen(word));
}

/* Old Internet Explorer looks for scripts in anything. */
static void calm_old_browsers(sio_request *r) {
  sio_slice agent = sio__request_header(r, "user-agent");
  if (contains(agent, ";MSIE") || contains(agent, "Trident/"))
    sio__request_set(r, "X-XSS-Protection", SLICE("0"));
}

static void common_headers(struct eio *e, sio_request *r, bool initial) {
  sio__request_set(r, "cache-control", SLICE("no-store"));
  calm_old_browsers(r);
  sio__run_header_hooks(e, r, initial);
}

static void answer_body(sio_request *r, const char *type, struct msg *body) {
  if (body->plain)
    sio__request_answer_msg(r, 200, type, body);
  else
    sio__answer_coded(r, 200, type, body);
}

static void answer_script(sio_request *r, const char *type, const struct msg *body) {
  struct msg *script = sio__jsonp_wrap(r, body);
  if (script)
    answer_body(r, type, script);
  else
    sio__request_drop(r);
  msg_unref(script);
}

void sio__answer_packets(struct eio *e, sio_request *r, struct msg *body, bool binary,
                         bool initial) {
  const char *type = binary ? "application/octet-stream" : "text/plain; charset=UTF-8";
  common_headers(e, r, initial);
  if (!binary && sio__jsonp_asked(e, r))
    answer_script(r, type, body);
  else
    answer_body(r, type, body);
}

void sio__answer_ok(struct eio *e, sio_request *r) {
  common_headers(e, r, false);
  sio__request_answer(r, 200, "text/html", SLICE("ok"));
}

void sio__answer_empty(struct eio *e, sio_request *r, int status) {
  e->stats
      ->engine_refused[status == 503 ? SIO_ENGINE_REFUSED_DRAINING : SIO_ENGINE_REFUSED_MISUSE]++;
  sio__request_answer(r, status, NULL, slice(NULL, 0));
}

/* ---- refusals --------------------------------------------------------------------- */

static const char *const texts[] = {
  "Transport unknown", "Session ID unknown", "Bad handshake method",
  "Bad request",       "Forbidden",          "Unsupported protocol version"
};

static const char *text_of(const struct refusal *why) {
  return why->message && *why->message ? why->message : texts[why->code];
}

/* The host's message inside a JSON string; what JSON would have to escape becomes a blank. */
static sio_slice error_json(const struct refusal *why, char *out, size_t size) {
  char message[200];
  snprintf(message, sizeof message, "%s", text_of(why));
  for (char *p = message; *p; p++)
    if ((unsigned char)*p < ' ' || *p == '"' || *p == '\\') *p = ' ';
  int n = snprintf(out, size, "{\"code\":%d,\"message\":\"%s\"}", (int)why->code, message);
  return slice(out, (size_t)n);
}

static void tell_host(struct eio *e, sio_request *r, const struct refusal *why) {
  e->stats->engine_refused[why->code]++;
  LOG(e->log, SIO_LOG_WARN, SIO_ROOM_EIO, "refused %.*s from %s: %s %s %.*s", LOG_SLICE(r->path),
      sio__request_peer(r), texts[why->code], why->name, LOG_SLICE(why->detail));
  if (!e->opts->connection_error) return;
  sio_connection_error err = { (int)why->code, texts[why->code], why->name, why->detail };
  e->opts->connection_error(r, &err, e->opts->connection_error_user);
}

void sio__refuse(struct eio *e, sio_request *r, const struct refusal *why) {
  int status = why->code == EIO_FORBIDDEN ? 403 : 400;
  tell_host(e, r, why);
  if (r->answered) return;
  if (r->upgrade) {
    sio__request_last(r);
    sio__request_answer(r, status, "text/html", slice_str(text_of(why)));
    return;
  }
  char json[256];
  sio__request_answer(r, status, "application/json", error_json(why, json, sizeof json));
}
