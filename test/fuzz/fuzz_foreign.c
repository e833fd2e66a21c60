/* SPDX-License-Identifier: MIT
 *
 * fuzz_foreign.c - what another server says through an adapter. The input is lines; the first
 * character says what a line is:
 *
 *     e   an event for this server; E the same, asking for an ack
 *     p   a packet to send to the sockets of this server; P the same, with one attachment
 *     q   nothing: the host asks the others (an event with acks, who is there, how many they are)
 *     r   a reply to the first question; f a socket that the other server has: id, room, auth, data
 *     o   nothing: the questions are let go
 *
 * Whatever it says, the peer of this server is only sent JSON, and what was asked ends once.
 */
#include "fuzz.h"

#include "adapters/adapter_api.h"
#include "alloc.h"
#include "base/slice.h"
#include "base/utf8.h"
#include "packet/json.h"
#include <sio/adapter.h>
#include <sio/sio.h>
#include <sio/test.h>
#include <uv.h>

enum { ASKED = 16 };

static const sio_adapter_api *const api = &sio__adapter_api;
static uv_loop_t uv;
static sio_server *srv;
static sio_nsp *root;
static sio_test_peer *peer;
static sio_query *asked[ASKED];     /* held */
static unsigned nasked, still_open; /* still_open: callbacks that are still to come */
static bool closed;

/* ---- the adapter: the memory's, and questions that stay open --------------------------- */

static int ask_others(sio_query *q) {
  if (!q || nasked == ASKED) return 0;
  api->query_hold(q);
  api->query_expect(q, 2);
  asked[nasked++] = q;
  return 0;
}
static int on_fetch(sio_adapter *a, const sio_target *to, sio_query *q) {
  (void)a, (void)to;
  return ask_others(q);
}
static int on_server_emit(sio_adapter *a, const sio_packet *p, sio_query *q) {
  (void)a;
  sio_packet_info info = { 0 };
  DEMAND(!api->packet_get_info(p, &info) && info.json.n > 0);
  return ask_others(q);
}
static int on_server_count(sio_adapter *a, sio_query *q) {
  (void)a;
  return ask_others(q);
}

static void let_go(int err) {
  while (nasked) api->query_release(asked[--nasked], err);
}
static void on_query_over(sio_adapter *a, sio_query *q) {
  (void)a;
  for (unsigned i = 0; i < nasked; i++) {
    if (asked[i] != q) continue;
    asked[i] = asked[--nasked];
    api->query_release(q, 0);
    return;
  }
}

/* ---- the host --------------------------------------------------------------------------- */

static void check_json(sio_slice text) {
  struct json_scan scan = { 0 };
  DEMAND(sio__utf8_is_valid(text.p, text.n));
  DEMAND(sio__json_scan_text(&scan, text, JSON_DEPTH_MAX, NULL) == 0);
  sio__json_scan_clear(&scan);
}

/* An argument has no text of its own if it has attachments. */
static void check_argument(const sio_event *e, size_t i) {
  sio_slice text = sio_event_json(e, i);
  if (text.p)
    check_json(text);
  else
    DEMAND(sio_arg(e, i).nbins > 0);
}

static void on_said(sio_nsp *nsp, sio_event *e, void *user) {
  (void)nsp, (void)user;
  for (size_t i = 0; i < sio_event_count(e); i++) {
    check_argument(e, i);
    sio_event_tree(e, i);
    sio_event_strn(e, i);
  }
  sio_reply(e, SIO_ARGS(sio_arg(e, 0)));
}
static void on_answer(sio_adapter *a, const sio_return *to, sio_slice json, const sio_slice *bins,
                      size_t nbins) {
  (void)a, (void)to, (void)bins, (void)nbins;
  check_json(json);
}
static void on_replies(int status, sio_replies *r, void *user) {
  (void)status, (void)user;
  still_open--;
  for (size_t i = 0; i < r->count; i++) {
    check_json(r->list[i].json);
    sio_event *e = sio_replies_event(r, i);
    if (e) sio_event_tree(e, 0);
  }
}
static void on_fetched(int status, sio_remote *list, size_t n, void *user) {
  (void)status, (void)user;
  still_open--;
  for (size_t i = 0; i < n; i++) {
    check_json(list[i].auth);
    check_json(list[i].data);
    sio_slice handshake = sio_remote_handshake(&list[i]);
    if (handshake.n || !list[i].socket) check_json(handshake); /* a session that is over has none */
  }
}
static void on_count(int status, size_t n, void *user) {
  (void)status, (void)n, (void)user;
  still_open--;
}
static void on_closed(void *user) {
  (void)user;
  closed = true;
}

static void ask(void) {
  still_open += sio_server_side_emit(root, "asked", SIO_NONE, 1000, on_replies, NULL) == 0;
  still_open += sio_all_fetch((sio_target){ .nsp = root }, 1000, on_fetched, NULL) == 0;
  still_open += sio_server_count(root, 1000, on_count, NULL) == 0;
}

/* ---- what the other server says ---------------------------------------------------------- */

static const sio_slice bins[] = { { "one", 3 }, { "two", 3 } };

static void hear_event(sio_slice json, bool acks) {
  const sio_return to = { { 7 } };
  int err = api->server_side_receive(root, json, bins, 2, acks ? on_answer : NULL, &to);
  DEMAND(err == 0 || err == SIO_EJSON || err == SIO_EDEPTH || err == SIO_EPLACEHOLDER ||
         err == SIO_ENAME || err == SIO_ETOOBIG);
}

static void hear_packet(sio_slice json, size_t nbins) {
  sio_target to = { .nsp = root, .key = "k" };
  sio_packet *p;
  int err = api->packet_new(&to, json, bins, nbins, NULL, slice(NULL, 0), &p);
  if (err) {
    DEMAND(err == SIO_EJSON || err == SIO_EDEPTH || err == SIO_EPLACEHOLDER || err == SIO_ENAME ||
           err == SIO_ETOOBIG);
    return;
  }
  sio_packet_info info = { 0 };
  DEMAND(!api->packet_get_info(p, &info));
  check_json(info.json);
  for (size_t k = 0; k < info.nbins; k++) DEMAND(slice_eq(info.bins[k], bins[0]));
  if (sio_test_socket(peer)) api->packet_deliver(p, sio_test_socket(peer), 0);
  api->packet_free(p);
}

static void hear_remote(sio_slice s) {
  sio_slice part[4] = { { 0 } };
  char id[64] = "", room[64] = "";
  for (int i = 0; i < 4; i++) sio__slice_split(&s, '|', &part[i]);
  if (part[0].n < sizeof id && part[0].n) memcpy(id, part[0].p, part[0].n);
  if (part[1].n < sizeof room && part[1].n) memcpy(room, part[1].p, part[1].n);
  const sio_remote r = {
    .id = id, .rooms = SIO_ROOMS(room), .auth = part[2], .data = part[3], .handshake = part[3]
  };
  for (unsigned i = 0; i < nasked; i++) api->query_remote(asked[i], &r);
}

static void hear(sio_slice line) {
  if (line.n == 0) return;
  sio_slice rest = slice(line.p + 1, line.n - 1);
  switch (*line.p) {
    case 'e': hear_event(rest, false); break;
    case 'E': hear_event(rest, true); break;
    case 'p': hear_packet(rest, 0); break;
    case 'P': hear_packet(rest, 1); break;
    case 'q': ask(); break;
    case 'f': hear_remote(rest); break;
    case 'o': let_go(0); break;
    case 'r':
      for (unsigned i = 0; i < nasked; i++) api->query_reply(asked[i], "other", rest, bins, 2);
      break;
  }
}

/* ---- a life ------------------------------------------------------------------------------ */

static void turn(void) { uv_run(&uv, UV_RUN_NOWAIT); }

static void begin(void) {
  static bool begun;
  static sio_adapter_ops ops;
  if (!begun) DEMAND(uv_loop_init(&uv) == 0);
  begun = true;
  ops = *api->memory;
  ops.fetch = on_fetch;
  ops.server_emit = on_server_emit;
  ops.server_count = on_server_count;
  ops.query_over = on_query_over;
  alloc_install();
  nasked = still_open = 0;
  closed = false;
  sio_options o = { .adapter = &ops, .max_answers = 4000 };
  DEMAND(sio_server_new(&uv, &o, &srv) == 0 && sio_of(srv, "/", &root) == 0);
  DEMAND(sio_on_server_side(root, "said", on_said, NULL) == 0);
  DEMAND(sio_test_connect(srv, "/", NULL, &peer) == 0);
}

/* What the peer was sent: an event is one JSON text. */
static void check_sent(void) {
  const char *text;
  while ((text = sio_test_next(peer)))
    if (*text == '[') check_json(slice_str(text));
}

static void finish(void) {
  check_sent();
  sio_test_free(peer);
  sio_server_close(srv, on_closed, NULL);
  for (int i = 0; i < 10 && !closed; i++) turn();
  DEMAND(closed && still_open == 0 && nasked == 0 && alloc_live == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *copy = piece(data, size);
  sio_slice rest = slice(copy, size), line;
  begin();
  while (sio__slice_split(&rest, '\n', &line)) {
    char *alone = piece(line.p, line.n);
    hear(slice(alone, line.n));
    free(alone);
    turn();
  }
  finish();
  free(copy);
  return 0;
}
