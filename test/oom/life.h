/* SPDX-License-Identifier: MIT
 *
 * life.h - a host that uses most of what there is, and the scripts of its peers: a whole server's
 * life, for who wants to disturb it.
 *
 * Whatever is done to it: nothing crashes, nothing leaks, nothing hangs, callbacks come as often
 * as promised. h.meddle, where it is set, is called first in each of the host's callbacks but those
 * that may do nothing.
 */
#ifndef SIO_TEST_LIFE_H
#define SIO_TEST_LIFE_H

#include "core/out_packet.h"
#include "core/server_side.h"
#include "server/server.h"

#include "oom.h"
#include "raw_client.h"
#include <sys/stat.h>

/* ---- the host -------------------------------------------------------------------------------- */

static struct host {
  uv_loop_t uv;
  uv_async_t alive;
  sio_server *srv;
  sio_nsp *root, *later, *no, *made, *wanted;
  sio_next *parked[8];      /* verdicts owed */
  sio_ack *acks[8];         /* replies owed  */
  sio_request *requests[8]; /* answers owed  */
  unsigned nparked, nacks, nrequests;
  int connected, asked, posted, sent, sessions; /* what must come to 0 */
  bool ready;                                   /* all is set up */
  bool closed;
  void (*meddle)(void), (*look)(void);
} h;

static void called(void) {
  if (h.meddle) h.meddle();
}

/* In callbacks that run inside a sending call: there may be less to see, and nothing to change. */
static void looked(void) {
  if (h.look) h.look();
}

static void wake(uv_async_t *a) { (void)a; }

static void on_sent(int status, void *user) {
  called();
  (void)status, (void)user;
  h.sent--;
}

static void on_connect(sio_socket *s, void *user) {
  called();
  (void)user;
  h.connected++;
  sio_socket_auth_tree(s);
  sio_join(s, "everyone");
  sio_emit(s, "welcome", SIO_ARGS(sio_socket_id(s), 1, 2.5, true));
  if (sio_session_on_sent(sio_socket_session(s), on_sent, NULL) == 0) h.sent++;
}

static void on_disconnecting(sio_socket *s, const sio_close_info *why, void *user) {
  called();
  (void)user;
  sio_broadcast((sio_target){ .nsp = sio_socket_nsp(s), .rooms = SIO_ROOMS("everyone"), .skip = s },
                "left", SIO_ARGS(sio_reason_str(why->reason)));
}

static void on_disconnect(sio_socket *s, const sio_close_info *why, void *user) {
  called();
  (void)s, (void)why, (void)user;
  h.connected--;
}

static void on_echo(sio_socket *s, sio_event *e, void *user) {
  called();
  (void)user;
  sio_val all[] = { sio_event_args(e) };
  if (sio_event_wants_ack(e))
    sio_reply(e, sio_argv(all, 1));
  else
    sio_emit(s, "echo", sio_argv(all, 1));
}

/* To everyone in the room, by tree, by text and by bytes. */
static void on_share(sio_socket *s, sio_event *e, void *user) {
  called();
  (void)user;
  sio_target to = { .nsp = sio_socket_nsp(s),
                    .rooms = SIO_ROOMS("everyone", "nobody"),
                    .except = SIO_ROOMS("outsiders") };
  sio_event_str(e, 0);
  sio_event_strn(e, 0);
  sio_broadcast(to, "shared", SIO_ARGS(sio_arg(e, 0), sio_event_tree(e, 1), sio_bin("\1\2\3", 3)));
}

static void on_question(sio_socket *s, int status, sio_event *reply, void *user) {
  called();
  (void)user;
  h.asked--;
  if (status == 0) sio_emit(s, "understood", SIO_ARGS(sio_arg(reply, 0)));
  if (status == SIO_ETIMEOUT) sio_emit(s, "too late", SIO_NONE);
}

static void on_ask(sio_socket *s, sio_event *e, void *user) {
  called();
  (void)e, (void)user;
  if (sio_emit_ack(s, "question", SIO_NONE, 1000, on_question, NULL) == 0) h.asked++;
}

/* Whoever asks is asked back, everyone is fetched; of other servers there are none. */
static void on_replies(int status, sio_replies *r, void *user) {
  called();
  (void)status;
  h.asked--;
  sio_event *e = sio_replies_event(r, 0);
  if (user && e) sio_broadcast((sio_target){ .nsp = h.root }, "agreed", SIO_ARGS(sio_arg(e, 0)));
}

static void on_fetched(int status, sio_remote *list, size_t n, void *user) {
  called();
  (void)status, (void)user;
  h.asked--;
  for (size_t i = 0; i < n; i++) sio_remote_handshake(&list[i]);
}

/* What another server would say. */
static void on_answer(sio_adapter *a, const sio_return *to, sio_slice json, const sio_slice *bins,
                      size_t nbins) {
  (void)a, (void)to, (void)json, (void)bins, (void)nbins;
}

static void on_server_side(sio_nsp *nsp, sio_event *e, void *user) {
  called();
  (void)nsp, (void)user;
  sio_reply(e, SIO_ARGS(sio_event_str(e, 0), sio_bin("x", 1)));
}

static void deliver_to(sio_socket *s, void *user) {
  called();
  sio__packet_deliver_to_socket(user, s, 0);
}

static void hear_servers(void) {
  static const char said[] = "[\"said\",\"a\",{\"_placeholder\":true,\"num\":0}]";
  static const sio_slice bin = { "x", 1 };
  sio_target to = { .nsp = h.root, .key = "k" };
  sio_packet *p;
  sio__server_side_relay_and_handle_event(h.root, SLICE("[\"said\",\"a\"]"), NULL, 0, on_answer,
                                          NULL);
  if (sio__packet_new_from_remote_event(&to, (sio_slice){ said, sizeof said - 1 }, &bin, 1, NULL,
                                        slice(NULL, 0), &p))
    return;
  sio_all_each((sio_target){ .nsp = h.root, .flags = SIO_LOCAL }, deliver_to, p);
  sio__remote_packet_free(p);
}

static void on_ask_all(sio_socket *s, sio_event *e, void *user) {
  called();
  (void)e, (void)user;
  sio_target all = { .nsp = sio_socket_nsp(s) };
  sio_socket_set_shared(s, SLICE("{\"name\":1}"));
  hear_servers();
  h.asked += sio_all_fetch(all, 0, on_fetched, NULL) == 0;
  h.asked += sio_server_side_emit(all.nsp, "x", SIO_ARGS(1), 0, on_replies, NULL) == 0;
  sio_target back = { .nsp = all.nsp, .rooms = SIO_ROOMS(sio_socket_id(s)) };
  h.asked += sio_broadcast_ack(back, "poll", SIO_ARGS(sio_bin("?", 1)), 1000, on_replies, &h) == 0;
}

static void on_room(sio_nsp *nsp, const char *room, sio_socket *s, void *user) {
  called();
  (void)nsp, (void)room, (void)s, (void)user;
}

static void on_keep_ack(sio_socket *s, sio_event *e, void *user) {
  called();
  (void)s, (void)user;
  sio_ack *ack = sio_event_take_ack(e);
  if (ack && h.nacks == 8) abort();
  if (ack) h.acks[h.nacks++] = ack;
}

static void post_done(sio_server *srv, void *arg) {
  called();
  (void)srv, (void)arg;
  h.posted--;
}

static void on_rooms(sio_socket *s, sio_event *e, void *user) {
  called();
  (void)e, (void)user;
  sio_target all = { .nsp = sio_socket_nsp(s) };
  char name[24];
  for (int i = 0; i < 20; i++) {
    snprintf(name, sizeof name, "room %d", i);
    sio_join(s, name);
  }
  for (int i = 0; i < 10; i++) {
    snprintf(name, sizeof name, "room %d", i);
    sio_leave(s, name);
  }
  sio_all_join(all, SIO_ROOMS("x", "y"));
  sio_all_leave(all, SIO_ROOMS("x"));
  if (sio_post(h.srv, post_done, NULL) == 0) h.posted++;
  sio_broadcast((sio_target){ .nsp = all.nsp, .rooms = SIO_ROOMS("y"), .flags = SIO_LOCAL }, "in y",
                SIO_NONE);
}

static void on_kick(sio_socket *s, sio_event *e, void *user) {
  called();
  (void)e, (void)user;
  sio_disconnect(s, false);
}

static void on_any(sio_socket *s, sio_event *e, void *user) {
  called();
  (void)s, (void)e, (void)user;
}
static void on_any_out(sio_socket *s, const char *event, sio_args args, void *user) {
  (void)s, (void)event, (void)args, (void)user;
  looked();
}
static void on_error(sio_socket *s, const sio_error_info *error, void *user) {
  called();
  (void)s, (void)error, (void)user;
}

static void park(sio_next *next) {
  if (h.nparked == 8) abort();
  h.parked[h.nparked++] = next;
}

static void pass(sio_socket *s, sio_next *next, void *user) {
  called();
  (void)s, (void)user;
  sio_next_ok(next);
}
static void pass_later(sio_socket *s, sio_next *next, void *user) {
  called();
  (void)s, (void)user;
  park(next);
}
static void refuse(sio_socket *s, sio_next *next, void *user) {
  called();
  (void)s, (void)user;
  sio_next_fail(next, "not you", sio_json(SLICE("{\"why\":1}")));
}

/* Whoever wants it is let in later. */
static void match_later(sio_server *srv, const char *name, sio_slice auth, sio_next *next,
                        void *user) {
  called();
  (void)srv, (void)auth, (void)user;
  if (strncmp(name, "/asked", 6) == 0)
    park(next);
  else
    sio_next_fail(next, "", sio_null());
}

/* "slow" is let through later, under another name. */
static void packet_gate(sio_socket *s, sio_event *e, sio_next *next, void *user) {
  called();
  (void)s, (void)user;
  if (strcmp(sio_event_name(e), "slow") == 0) {
    sio_event_set_name_and_args(e, "echo", SIO_ARGS("slowly"));
    park(next);
  } else if (strcmp(sio_event_name(e), "never") == 0) {
    sio_next_fail(next, "never", sio_json(SLICE("{\"why\":1}")));
  } else {
    sio_next_ok(next);
  }
}

static void request_gate(sio_request *r, sio_next *next, void *user) {
  called();
  char value[8];
  (void)user;
  if (sio_url_param(sio_request_info_of(r).url, "wait", value, sizeof value) > 0)
    park(next);
  else
    sio_next_ok(next);
}

static void add_headers(sio_request *r, bool initial, void *user) {
  called();
  (void)user;
  sio_respond_header(r, "X-First", initial ? "yes" : "no");
}

static void on_api(sio_request *r, void *user) {
  called();
  (void)user;
  sio_respond_header(r, "X-Api", "1");
  sio_respond(r, 200, "text/plain", sio_request_info_of(r).body);
}

static char files[] = "/tmp/oom-XXXXXX";

static int on_file(sio_request *r, void *user) {
  called();
  (void)user;
  sio_respond_header(r, "X-File", "1");
  return 0;
}

static void on_sent_file(sio_request *r, void *user) {
  called();
  (void)user;
  int err = sio_respond_file(r, files, "f.txt");
  if (err && err != SIO_ECLOSED && err != UV_ENOMEM) sio_respond(r, 503, NULL, sio_text(""));
}

static void on_slow_api(sio_request *r, void *user) {
  called();
  (void)user;
  if (h.nrequests == 8) abort();
  h.requests[h.nrequests++] = r;
}

static void raw_opened(sio_session *c, void *user) {
  called();
  (void)c, (void)user;
  h.sessions++;
}

static void raw_message(sio_session *c, bool binary, sio_slice data, void *user) {
  called();
  (void)user;
  sio_session_send(c, 0, binary, data);
  if (sio_session_on_sent(c, on_sent, NULL) == 0) h.sent++;
}

static void raw_closed(sio_session *c, const sio_close_info *why, void *user) {
  called();
  (void)c, (void)user;
  if (!why->detail || !why->ws_text) abort();
  h.sessions--;
}

static void on_tap(sio_session *c, const sio_engine_packet *p, void *user) {
  (void)c, (void)p, (void)user;
  looked();
}

static void on_packet(sio_session *c, const sio_engine_packet *p, void *user) {
  (void)c, (void)p, (void)user;
  called();
}

static void on_session(sio_session *c, void *user) {
  (void)c, (void)user;
  called();
}

static void plain_message(sio_ws *w, bool binary, sio_slice data, void *user) {
  called();
  (void)user;
  sio_ws_send(w, binary, data);
  if (data.n == 3) sio_ws_close(w, 1000, "bye");
}
static void plain_close(sio_ws *w, const sio_close_info *why, void *user) {
  called();
  (void)w, (void)why, (void)user;
  h.connected--;
}
static void plain_open(sio_ws *w, void *user) {
  called();
  (void)w, (void)user;
  h.connected++;
}

static void on_log(const sio_log_line *l, void *user) {
  (void)l;
  (void)user;
  if (h.ready) called();
}

static int make_id(sio_request *r, char out[64], void *user) {
  static unsigned n;
  (void)r, (void)user;
  snprintf(out, 64, "id-%u", ++n);
  called();
  return 0;
}

static bool origin_ok(sio_slice origin, void *user) {
  (void)user;
  called();
  return slice_equals_str(origin, "http://b");
}

static void on_engine_error(sio_request *r, const sio_connection_error *e, void *user) {
  (void)r, (void)e, (void)user;
  called();
}

/* What was put off is done, last first. */
static void settle(void) {
  while (h.nparked) sio_next_ok(h.parked[--h.nparked]);
  while (h.nacks) sio_ack_send(h.acks[--h.nacks], SIO_ARGS("at last"));
  while (h.nrequests) sio_respond(h.requests[--h.nrequests], 200, NULL, SLICE("late"));
}

static void on_closed(void *user) {
  (void)user;
  h.closed = true;
}

/* ---- the server ------------------------------------------------------------------------------ */

#define TRY(call)          \
  do {                     \
    int err_ = (call);     \
    if (err_) return err_; \
  } while (0)

static int set_up_namespaces(void) {
  TRY(sio_of(h.srv, "/", &h.root));
  TRY(sio_of(h.srv, "/later", &h.later));
  TRY(sio_of(h.srv, "/no", &h.no));
  TRY(sio_use(h.root, pass, NULL));
  TRY(sio_use(h.later, pass_later, NULL));
  TRY(sio_use(h.no, refuse, NULL));
  TRY(sio_on_connect(h.root, on_connect, NULL));
  TRY(sio_on_connect(h.later, on_connect, NULL));
  TRY(sio_on_disconnect(h.root, on_disconnect, NULL));
  TRY(sio_on_disconnect(h.later, on_disconnect, NULL));
  TRY(sio_on_disconnecting(h.root, on_disconnecting, NULL));
  TRY(sio_on_error(h.root, on_error, NULL));
  TRY(sio_on_any(h.root, on_any, NULL));
  TRY(sio_on_any_outgoing(h.root, on_any_out, NULL));
  TRY(sio_of_pattern(h.srv, "/made-*", &h.made));
  TRY(sio_of_match(h.srv, match_later, NULL, &h.wanted));
  TRY(sio_use(h.made, pass, NULL));
  TRY(sio_on_connect(h.made, on_connect, NULL));
  TRY(sio_on_disconnect(h.made, on_disconnect, NULL));
  TRY(sio_on(h.made, "echo", on_echo, NULL));
  return sio_use_packet(h.root, packet_gate, NULL);
}

static int set_up_events(void) {
  TRY(sio_on(h.root, "echo", on_echo, NULL));
  TRY(sio_on(h.later, "echo", on_echo, NULL));
  TRY(sio_on(h.root, "share", on_share, NULL));
  static const sio_room_hooks rooms = { .join = on_room, .leave = on_room };
  TRY(sio_on_room(h.root, &rooms, NULL));
  TRY(sio_on_server_side(h.root, "said", on_server_side, NULL));
  TRY(sio_on(h.root, "ask all", on_ask_all, NULL));
  TRY(sio_on(h.root, "ask", on_ask, NULL));
  TRY(sio_on(h.root, "keep", on_keep_ack, NULL));
  TRY(sio_on(h.root, "rooms", on_rooms, NULL));
  return sio_on(h.later, "kick", on_kick, NULL);
}

static int set_up_http(void) {
  static const sio_asset assets[] = { { "/a.txt", "text/plain", "asset", 5, NULL } };
  static const sio_ws_callbacks plain = { .open = plain_open,
                                          .message = plain_message,
                                          .close = plain_close };
  static const sio_header listed[] = { { "X-Listed", "1" }, { 0 } };
  static const sio_files_options with_headers = { .headers = listed, .on_request = on_file };
  TRY(sio_route(h.srv, "POST", "/api", 0, on_api, NULL));
  TRY(sio_route(h.srv, NULL, "/slow/*", 0, on_slow_api, NULL));
  TRY(sio_route(h.srv, "GET", "/sent", 0, on_sent_file, NULL));
  TRY(sio_assets_with(h.srv, "/assets/", assets, 1, &with_headers));
  TRY(sio_static_with(h.srv, "/files/", files, &with_headers));
  TRY(sio_ws_route(h.srv, "/plain", &plain, NULL));
  TRY(sio_use_engine_request(h.srv, request_gate, NULL));
  TRY(sio_on_engine_headers(h.srv, add_headers, NULL));
  static const sio_engine_hooks taps = { .open = on_session,
                                         .upgrading = on_session,
                                         .upgrade = on_session,
                                         .heartbeat = on_session,
                                         .drain = on_session,
                                         .packet = on_packet,
                                         .packet_create = on_tap,
                                         .flush = on_session };
  static const sio_engine_callbacks raw = { .open = raw_opened,
                                            .message = raw_message,
                                            .close = raw_closed };
  TRY(sio_engine_route(h.srv, "/raw", &raw, NULL));
  return sio_on_engine(h.srv, &taps, NULL);
}

static int set_up(void) {
  static const sio_cors cors = { .origin_ok = origin_ok };
  static const sio_cookie cookie = { .name = "io" };
  static const char *const proxies[] = { "unix", NULL };
  const sio_options options = { .cors = &cors,
                                .cookie = &cookie,
                                .generate_id = make_id,
                                .connection_error = on_engine_error,
                                .log = on_log,
                                .log_level = SIO_LOG_TRACE,
                                .packets_per_s = 1u << 20,
                                .bytes_per_s = 1u << 30,
                                .connects_per_s = 1u << 20,
                                .max_per_address = 1u << 20,
                                .max_pending = 100,
                                .trusted_proxies = proxies,
                                .initial_packet = sio_text("2[\"hi\"]") };
  TRY(sio_server_new(&h.uv, &options, &h.srv));
  TRY(set_up_namespaces());
  TRY(set_up_events());
  TRY(set_up_http());
  TRY(sio_listen(h.srv, "127.0.0.1", 0));
  h.ready = true;
  return 0;
}

static void turn(void) { uv_run(&h.uv, UV_RUN_NOWAIT); }

static void pass_time(unsigned ms) {
  clock_ms += ms;
  sio__timers_fire_due(&h.srv->core.loop.timers, clock_ms);
  turn();
}

/* ---- the peers' scripts ---------------------------------------------------------------------- */

static bool settled(void) {
  settle();
  return true;
}

static bool passed(unsigned ms) {
  pass_time(ms);
  return true;
}

#define POLL "/socket.io/?EIO=4&transport=polling"
#define SOCK "/socket.io/?EIO=4&transport=websocket"

static bool post(struct raw *c, const char *path, const char *body) {
  return raw_request(c, "POST", path, "", body) && raw_expect(c, "\r\n\r\nok");
}

static bool poll_expect(struct raw *c, const char *path, const char *want) {
  return raw_get(c, path) && raw_expect(c, "200 OK") && raw_expect(c, want);
}

static bool begin_polling(struct raw *c, char path[128]) {
  char sid[64];
  bool ok = raw_open(c, h.srv) && raw_get(c, POLL) && raw_expect(c, "Set-Cookie: io=") &&
            raw_expect(c, "\"sid\":\"") && raw_take(c, '"', sid, sizeof sid);
  if (ok) snprintf(path, 128, POLL "&sid=%s", sid);
  return ok;
}

/* Another name each time: a session whose peer only hung up is still in its own. */
static bool dynamic_script(struct raw *c, const char *path) {
  static unsigned times;
  char body[128], want[32], leave[32];
  snprintf(want, sizeof want, "40/asked-%u,{", ++times);
  snprintf(leave, sizeof leave, "41/asked-%u,", times);
  snprintf(body, sizeof body,
           "40/made-%u,{\"a\":1}\x1e"
           "40/asked-%u,",
           times, times);
  return post(c, path, body) && poll_expect(c, path, "40/made-") && raw_get(c, path) && settled() &&
         raw_expect(c, want) && post(c, path, leave);
}

static bool polling_script(struct raw *c, const char *path) {
  return post(c, path, "40{\"token\":\"t\"}") && poll_expect(c, path, "40{\"sid\":\"") &&
         raw_expect(c, "42[\"welcome\",") &&
         post(c, path,
              "42[\"echo\",1]\x1e"
              "40/no,\x1e"
              "40/later,{\"a\":[1]}\x1e"
              "420[\"echo\",2]") &&
         poll_expect(c, path, "42[\"echo\",1]") &&
         raw_expect(c, "44/no,{\"message\":\"not you\"") && raw_expect(c, "430[2]") &&
         raw_get(c, path) && settled() && raw_expect(c, "40/later,{") &&
         post(c, path,
              "451-[\"share\",{\"_placeholder\":true,\"num\":0},{}]\x1e"
              "bAQID") &&
         poll_expect(c, path, "452-[\"shared\",") &&
         raw_expect(c, "bAQID\x1e"
                       "bAQID") &&
         post(c, path, "42/later,[\"echo\",3]") && poll_expect(c, path, "42/later,[\"echo\",3]");
}

/* The polling session moves to a WebSocket; whoever polls meanwhile is let go. */
static bool upgrade_script(struct raw *polling, struct raw *ws, const char *path) {
  char target[160];
  snprintf(target, sizeof target, SOCK "%s", strstr(path, "&sid="));
  return raw_get(polling, path) && raw_open(ws, h.srv) && raw_upgrade(ws, target) &&
         raw_text(ws, "2probe") && raw_expect(ws, "3probe") && raw_expect(polling, "\r\n\r\n6") &&
         raw_text(ws, "5") && raw_text(ws, "42[\"echo\",\"over\"]") &&
         raw_expect(ws, "42[\"echo\",\"over\"]");
}

static bool ask_script(struct raw *c) {
  char id[16], answer[64];
  bool ok = raw_text(c, "42[\"ask\"]") && raw_expect(c, "42") && raw_take(c, '[', id, sizeof id) &&
            raw_expect(c, "[\"question\"]");
  snprintf(answer, sizeof answer, "43%s[{\"deep\":[]}]", ok ? id : "");
  return ok && raw_text(c, answer) && raw_expect(c, "42[\"understood\",{\"deep\":[]}]") &&
         raw_text(c, "42[\"ask\"]") && raw_expect(c, "[\"question\"]") && passed(1000) &&
         raw_expect(c, "42[\"too late\"]");
}

static bool ask_all_script(struct raw *c) {
  char id[16], answer[64];
  bool ok = raw_text(c, "42[\"ask all\"]") && raw_expect(c, "[\"said\",\"a\",") &&
            raw_expect(c, "451-") && raw_take(c, '[', id, sizeof id);
  snprintf(answer, sizeof answer, "461-%s[{\"_placeholder\":true,\"num\":0}]", ok ? id : "");
  return ok && raw_text(c, answer) && raw_frame(c, 0x82, "yes", 3) &&
         raw_expect(c, "451-[\"agreed\",{") && raw_expect_n(c, "yes", 3);
}

static bool binary_script(struct raw *c) {
  return raw_text(c, "452-[\"share\",{\"_placeholder\":true,\"num\":1},{\"a\":{}}]") &&
         raw_frame(c, 0x82, "abc", 3) && raw_frame(c, 0x82, "\0\1\2", 3) &&
         raw_expect(c, "452-[\"shared\",") && raw_expect_n(c, "\0\1\2", 3) &&
         raw_expect_n(c, "\1\2\3", 3);
}

static bool big_script(struct raw *c) {
  static char big[20000];
  memset(big, 'x', sizeof big);
  memcpy(big, "42[\"echo\",\"", 11);
  memcpy(big + sizeof big - 2, "\"]", 2);
  return raw_frame(c, 0x01, big, 9000) && raw_frame(c, 0x00, big + 9000, 500) &&
         raw_frame(c, 0x89, "ping", 4) && raw_expect_n(c, "\x8a\4ping", 6) &&
         raw_frame(c, 0x80, big + 9500, sizeof big - 9500) && raw_expect(c, "42[\"echo\",\"xxx") &&
         raw_expect(c, "xx\"]");
}

static bool gate_script(struct raw *c) {
  return raw_text(c, "42[\"never\"]") && raw_text(c, "42[\"slow\",1,[2]]") &&
         raw_text(c, "42[\"echo\",\"behind\"]") && raw_text(c, "427[\"keep\"]") && passed(0) &&
         settled() && raw_expect(c, "42[\"echo\",\"slowly\"]") &&
         raw_expect(c, "42[\"echo\",\"behind\"]") && settled() && passed(0) && settled() &&
         raw_expect(c, "437[\"at last\"]");
}

static bool websocket_script(struct raw *c) {
  return raw_text(c, "42[\"rooms\"]") && raw_expect(c, "42[\"in y\"]") && ask_script(c) &&
         ask_all_script(c) && binary_script(c) && big_script(c) && gate_script(c) &&
         raw_text(c, "42/later,[\"kick\"]") && raw_expect(c, "41/later,") && passed(25000) &&
         raw_expect_n(c, "\x81\0012", 3) && raw_text(c, "3");
}

/* Straight by WebSocket, its request kept waiting; in and out again; then it breaks the rules. */
static bool rude_script(struct raw *c) {
  static const char upgrade[] =
      "GET " SOCK "&wait=1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
      "X-Forwarded-For: 1.2.3.4\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  return raw_open(c, h.srv) && raw_send(c, upgrade, sizeof upgrade - 1) && passed(0) && passed(0) &&
         settled() && raw_expect(c, "0{\"sid\":\"") && raw_text(c, "40") &&
         raw_expect(c, "40{\"sid\":\"") && raw_text(c, "40/later,") && passed(0) && settled() &&
         raw_text(c, "41") && raw_text(c, "40") && raw_expect(c, "40{\"sid\":\"") &&
         raw_text(c, "4broken") && raw_expect_n(c, "\x88", 1) && raw_frame(c, 0x88, "", 0) &&
         raw_expect_end(c);
}

static bool http_script(struct raw *c) {
  return raw_open(c, h.srv) && raw_request(c, "POST", "/api", "", "body") &&
         raw_expect(c, "X-Api: 1") && raw_expect(c, "\r\n\r\nbody") &&
         raw_request(c, "POST", "/api", "Transfer-Encoding: chunked\r\n", NULL) &&
         raw_send(c, "3\r\nabc\r\n0\r\n\r\n", 13) && raw_expect(c, "\r\n\r\nabc") &&
         raw_get(c, "/assets/a.txt") && raw_expect(c, "\r\n\r\nasset") &&
         raw_get(c, "/files/f.txt") && raw_expect(c, "\r\n\r\nfile") && raw_get(c, "/sent") &&
         raw_expect(c, "\r\n\r\nfile") && raw_get(c, "/nothing") && raw_expect(c, "404") &&
         raw_request(c, "OPTIONS", POLL,
                     "Origin: http://b\r\n"
                     "Access-Control-Request-Method: POST\r\n",
                     NULL) &&
         raw_expect(c, "204") && raw_get(c, "/socket.io/?EIO=4&transport=pigeon") &&
         raw_expect(c, "Transport unknown") && raw_get(c, "/slow/1") && passed(0) && settled() &&
         raw_expect(c, "\r\n\r\nlate") && raw_send(c, "bad\r\n\r\n", 7) && raw_expect(c, "400") &&
         raw_expect_end(c);
}

static bool plain_script(struct raw *c) {
  static const char upgrade[] =
      "GET /plain HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
      "X-Forwarded-For: 1.2.3.5\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  return raw_open(c, h.srv) && raw_send(c, upgrade, sizeof upgrade - 1) &&
         raw_expect(c, "101 Switching") && raw_expect(c, "\r\n\r\n") && raw_text(c, "hello") &&
         raw_expect(c, "hello") && raw_frame(c, 0x82, "end", 3) &&
         raw_expect_n(c,
                      "\x88\5\3\xe8"
                      "bye",
                      7) &&
         raw_frame(c, 0x88, "\3\xe8", 2) && raw_expect_end(c);
}

static bool raw_script(struct raw *c) {
  return raw_open(c, h.srv) && raw_upgrade(c, "/raw/?EIO=4&transport=websocket") &&
         raw_text(c, "4hello") && raw_expect(c, "4hello") && raw_frame(c, 0x88, "\x0f\xa1why", 5) &&
         raw_expect(c, "\x88\x02\x0f\xa1") && raw_expect_end(c);
}

/* ---- one life -------------------------------------------------------------------------------- */

static struct peers { struct raw polling, ws, rude, http, plain, raw; } peers;

/* Every script runs as far as it goes; the first that did not go through, NULL if all did. */
static const char *run_scripts(struct peers *p) {
  char path[128] = "";
  const char *failed = NULL;
  p->ws.fd = -1;
  if (!begin_polling(&p->polling, path))
    failed = "the handshake";
  else if (!polling_script(&p->polling, path))
    failed = "polling";
  else if (!dynamic_script(&p->polling, path))
    failed = "dynamic namespaces";
  else if (!upgrade_script(&p->polling, &p->ws, path))
    failed = "the upgrade";
  else if (!websocket_script(&p->ws))
    failed = "websocket";
  if (!rude_script(&p->rude)) failed = "the rude one";
  if (!http_script(&p->http)) failed = "http";
  if (!plain_script(&p->plain)) failed = "plain websockets";
  if (!raw_script(&p->raw)) failed = "an engine without Socket.IO";
  return failed;
}

static void hang_up(struct peers *p) {
  raw_close(&p->polling);
  raw_close(&p->ws);
  raw_close(&p->rude);
  raw_close(&p->http);
  raw_close(&p->plain);
  raw_close(&p->raw);
}

static void write_file(void) {
  char path[64];
  if (!mkdtemp(files)) abort();
  snprintf(path, sizeof path, "%s/f.txt", files);
  FILE *f = fopen(path, "w");
  if (!f || fputs("file", f) < 0 || fclose(f)) abort();
}

static void remove_file(void) {
  char path[64];
  snprintf(path, sizeof path, "%s/f.txt", files);
  unlink(path);
  rmdir(files);
}

/* What is left of a host whose server has closed, or NULL. */
static inline const char *leave_host(void) {
  uv_close((uv_handle_t *)&h.alive, NULL);
  for (int i = 0; i < RAW_TURNS && uv_loop_alive(&h.uv); i++) turn();
  if (uv_loop_close(&h.uv)) return "an empty loop";
  if (live) return "freed memory";
  if (h.connected || h.asked || h.posted || h.sent || h.sessions)
    return "callbacks in equal numbers";
  return NULL;
}

#endif
