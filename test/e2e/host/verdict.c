/* SPDX-License-Identifier: MIT
 *
 * verdict.c - verdicts now and after a while.
 */
#include "verdict.h"

#include "flags.h"
#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define THINK_MS 50

struct later {
  uv_timer_t timer;
  sio_next *next;
  sio_request *r;                 /* NULL: not about a request */
  void (*before)(sio_request *r); /* the verdict */
  char message[1024];
  char data[64];
  bool ok;
};

static void free_later(uv_handle_t *h) { free(h->data); }

static void give(const struct later *l) {
  if (l->ok)
    sio_next_ok(l->next);
  else
    sio_next_fail(l->next, l->message,
                  *l->data ? sio_json((sio_slice){ l->data, strlen(l->data) }) : sio_null());
}

static void on_later(uv_timer_t *t) {
  struct later *l = t->data;
  if (l->before) l->before(l->r);
  give(l);
  uv_close((uv_handle_t *)t, free_later);
}

static void start_later(const struct later *how) {
  struct later *l = malloc(sizeof *l);
  *l = *how;
  uv_timer_init(sio_server_loop(host.server), &l->timer);
  l->timer.data = l;
  uv_timer_start(&l->timer, on_later, flag("think") ? flag_number("think") : THINK_MS, 0);
}

void decide(sio_next *next, const char *verdict) {
  if (!verdict) verdict = "ok";
  bool wait = strncmp(verdict, "later:", 6) == 0;
  if (wait) verdict += 6;
  struct later l = { .next = next, .ok = strcmp(verdict, "ok") == 0 };
  if (!l.ok) sscanf(verdict, "fail:%1023[^:]:%63[^\n]", l.message, l.data);
  if (wait)
    start_later(&l);
  else
    give(&l);
}

/* ---- about requests ------------------------------------------------------------------------ */

static void answer_busy(sio_request *r) { sio_respond(r, 503, "text/plain", sio_text("busy")); }

static void read_request(sio_request *r) {
  sio_slice url = sio_request_info_of(r).url, name = sio_request_header(r, "host");
  say("read %.*s %.*s", (int)url.n, url.p, (int)name.n, name.p);
}

static void later_answer(sio_request *r, sio_next *next) {
  start_later(&(struct later){ .next = next, .r = r, .before = answer_busy, .ok = true });
}

static void later_read(sio_request *r, sio_next *next) {
  start_later(&(struct later){ .next = next, .r = r, .before = read_request, .ok = true });
}

static void answer(sio_request *r, sio_next *next) {
  answer_busy(r);
  sio_next_ok(next);
}

static void answer_then_later_ok(sio_request *r, sio_next *next) {
  answer_busy(r);
  decide(next, "later:ok");
}

static void answer_after_ok(sio_request *r, sio_next *next) {
  sio_next_ok(next);
  answer_busy(r);
}

static void ok_then_answer_sid(sio_request *r, sio_next *next) {
  char sid[64];
  bool known = sio_url_param(sio_request_info_of(r).url, "sid", sid, sizeof sid) > 0;
  sio_next_ok(next);
  if (known) answer_busy(r);
}

void decide_request(sio_request *r, sio_next *next, const char *how) {
  static const struct {
    const char *name;
    void (*fn)(sio_request *r, sio_next *next);
  } ways[] = { { "later-answer", later_answer },
               { "later-read", later_read },
               { "answer", answer },
               { "answer-then-later-ok", answer_then_later_ok },
               { "answer-after-ok", answer_after_ok },
               { "ok-then-answer-sid", ok_then_answer_sid } };
  for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
    if (strcmp(ways[i].name, how) == 0) {
      ways[i].fn(r, next);
      return;
    }
  decide(next, how);
}
