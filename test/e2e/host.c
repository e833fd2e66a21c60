/* SPDX-License-Identifier: MIT
 *
 * host.c - the server that end-to-end tests talk to: every option is a flag, and the
 * handlers do what the tests ask for by the event's name.
 *
 *     host [--flag value]... prints "listening <port>" and runs until SIGTERM.
 *
 * What happens inside goes to stdout as lines "<what> <words>", so that a test can wait for it.
 * On SIGTERM the server is closed, the loop must be empty, and the exit code is 0.
 */
#include "host_many.h"

#include <cjson/cJSON.h>
#include <sio/sio.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

static sio_server *server;
static sio_nsp *root, *custom, *pattern, *matched;
static uv_signal_t sigterm;
static bool closing;

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  vprintf(fmt, ap);
  va_end(ap);
  putchar('\n');
  fflush(stdout);
}

/* ---- flags -------------------------------------------------------------------------- */

static int flag_count;
static char **flags;

static const char *flag(const char *name) {
  for (int i = 0; i + 1 < flag_count; i += 2)
    if (strcmp(flags[i] + 2, name) == 0) return flags[i + 1];
  return NULL;
}

static unsigned number(const char *name) {
  const char *v = flag(name);
  return v ? (unsigned)strtoul(v, NULL, 10) : 0;
}

static bool is(const char *name, const char *value) {
  const char *v = flag(name);
  return v && strcmp(v, value) == 0;
}

/* ---- a verdict given later ------------------------------------------------------------- */

struct later {
  uv_timer_t timer;
  sio_next *next;
  sio_request *r; /* "later-answer", "later-read" */
  char message[64];
  char data[64];
  bool ok, answers;
};

static void free_later(uv_handle_t *h) { free(h->data); }

static void give(sio_next *next, bool ok, const char *message, const char *data) {
  if (ok)
    sio_next_ok(next);
  else
    sio_next_fail(next, message, *data ? sio_json((sio_slice){ data, strlen(data) }) : sio_null());
}

static void answer_busy(sio_request *r) { sio_respond(r, 503, "text/plain", sio_text("busy")); }

static void read_request(sio_request *r) {
  sio_slice url = sio_request_url(r), host = sio_request_header(r, "host");
  say("read %.*s %.*s", (int)url.n, url.p, (int)host.n, host.p);
}

static void on_later(uv_timer_t *t) {
  struct later *l = t->data;
  if (l->r && l->answers)
    answer_busy(l->r);
  else if (l->r)
    read_request(l->r);
  give(l->next, l->ok, l->message, l->data);
  uv_close((uv_handle_t *)t, free_later);
}

static void start_later(struct later *l) {
  uv_timer_init(sio_server_loop(server), &l->timer);
  l->timer.data = l;
  uv_timer_start(&l->timer, on_later, flag("think") ? number("think") : 50, 0);
}

/* verdict: "ok", "fail:message", "fail:message:data", each maybe behind "later:"; NULL is ok. */
static void decide(sio_next *next, const char *verdict) {
  if (!verdict) verdict = "ok";
  bool wait = strncmp(verdict, "later:", 6) == 0;
  if (wait) verdict += 6;
  struct later *l = calloc(1, sizeof *l);
  l->next = next;
  l->ok = strcmp(verdict, "ok") == 0;
  if (!l->ok) sscanf(verdict, "fail:%63[^:]:%63[^\n]", l->message, l->data);
  if (wait) {
    start_later(l);
    return;
  }
  give(next, l->ok, l->message, l->data);
  free(l);
}

static void decide_later(sio_request *r, sio_next *next, bool answers) {
  struct later *l = calloc(1, sizeof *l);
  *l = (struct later){ .next = next, .r = r, .ok = true, .answers = answers };
  start_later(l);
}

static bool has_sid(const sio_request *r) {
  char sid[64];
  return sio_request_query(r, "sid", sid, sizeof sid) > 0;
}

/* The same about a request, which the host may also answer itself, before or after its verdict. */
static void decide_request(sio_request *r, sio_next *next, const char *how) {
  bool known = has_sid(r);
  if (strcmp(how, "later-answer") == 0 || strcmp(how, "later-read") == 0) {
    decide_later(r, next, strcmp(how, "later-answer") == 0);
  } else if (strcmp(how, "answer") == 0 || strcmp(how, "answer-then-later-ok") == 0) {
    answer_busy(r);
    decide(next, strcmp(how, "answer") == 0 ? "ok" : "later:ok");
  } else if (strcmp(how, "answer-after-ok") == 0 || strcmp(how, "ok-then-answer-sid") == 0) {
    sio_next_ok(next);
    if (known || strcmp(how, "answer-after-ok") == 0) answer_busy(r);
  } else {
    decide(next, how);
  }
}

/* ---- events -------------------------------------------------------------------------------- */

/* A value is echoed as it came. */
static void on_echo(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  if (sio_event_wants_ack(e))
    sio_reply(e, sio__args((sio_val[]){ sio_event_args(e) }, 1));
  else
    sio_emit(s, "message-back", sio__args((sio_val[]){ sio_event_args(e) }, 1));
}

static void on_message_with_ack(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)user;
  sio_reply(e, sio__args((sio_val[]){ sio_event_args(e) }, 1));
}

/* The same through a cJSON tree. */
static void on_echo_tree(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)user;
  sio_reply(e, SIO_ARGS(sio_tree(sio_event_tree(e, 0))));
}

static void on_echo_str(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)user;
  sio_slice text = sio_event_strn(e, 0);
  sio_reply(e, SIO_ARGS(sio_strn(text.p, text.n)));
}

static void on_reply_twice(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)user;
  int first = sio_reply(e, SIO_ARGS(1)), second = sio_reply(e, SIO_ARGS(2));
  say("reply %d %s", first, second == SIO_ESTATE ? "ESTATE" : "other");
}

static void on_join(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  for (size_t i = 0; i < sio_event_count(e); i++) sio_join(s, sio_event_str(e, i));
  sio_reply(e, SIO_ARGS(sio_socket_id(s)));
}

static void on_leave(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  sio_reply(e, SIO_ARGS(sio_leave(s, sio_event_str(e, 0))));
}

static void add_room(const char *room, void *user) {
  cJSON_AddItemToArray(user, cJSON_CreateString(room));
}

static void on_rooms(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  cJSON *rooms = cJSON_CreateArray();
  sio_rooms(s, add_room, rooms);
  sio_reply(e, SIO_ARGS(rooms));
  cJSON_Delete(rooms);
}

/* {"to":[],"except":[],"self":bool,"volatile":bool,"compress":bool}, event, args... */
struct names {
  const char *list[32];
};

static const char *const *names_of(const cJSON *array, struct names *out) {
  size_t n = 0;
  if (!cJSON_IsArray(array)) return NULL;
  for (const cJSON *item = array->child; item && n < 31; item = item->next)
    out->list[n++] = item->valuestring;
  out->list[n] = NULL;
  return out->list;
}

static void on_broadcast(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  const cJSON *how = sio_event_tree(e, 0);
  struct names to, except;
  sio_target target = { .nsp = sio_socket_nsp(s) };
  target.rooms = names_of(cJSON_GetObjectItemCaseSensitive(how, "to"), &to);
  target.except = names_of(cJSON_GetObjectItemCaseSensitive(how, "except"), &except);
  if (!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(how, "self"))) target.skip = s;
  if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(how, "volatile"))) target.flags = SIO_VOLATILE;
  if (cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(how, "compress")))
    target.flags |= SIO_NO_COMPRESS;
  int err = sio_broadcast(target, sio_event_str(e, 1), SIO_ARGS(sio_arg(e, 2)));
  sio_reply(e, SIO_ARGS(err));
}

/* verb, {"to":[]}, room */
static void count_one(sio_socket *s, void *user) {
  cJSON_AddItemToArray(user, cJSON_CreateString(sio_socket_id(s)));
}

static void on_bulk(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  const char *verb = sio_event_str(e, 0);
  const cJSON *how = sio_event_tree(e, 1);
  struct names to, except;
  sio_target target = { .nsp = sio_socket_nsp(s) };
  target.rooms = names_of(cJSON_GetObjectItemCaseSensitive(how, "to"), &to);
  target.except = names_of(cJSON_GetObjectItemCaseSensitive(how, "except"), &except);
  cJSON *ids = cJSON_CreateArray();
  int err = UV_EINVAL;
  const char *room = sio_event_str(e, 2);
  if (strcmp(verb, "join") == 0) err = sio_all_join(target, SIO_ROOMS(room));
  if (strcmp(verb, "leave") == 0) err = sio_all_leave(target, SIO_ROOMS(room));
  if (strcmp(verb, "disconnect") == 0) err = sio_all_disconnect(target, false);
  if (strcmp(verb, "close") == 0) err = sio_all_disconnect(target, true);
  if (strcmp(verb, "fetch") == 0) err = sio_all_each(target, count_one, ids);
  sio_reply(e, SIO_ARGS(err, ids));
  cJSON_Delete(ids);
}

/* ---- bytes of a socket that outlive its connection -------------------------------------------- */

static void on_set_data(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  snprintf(sio_socket_data(s), number("data"), "%s", sio_event_str(e, 0));
  sio_reply(e, SIO_NONE);
}

static void on_get_data(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  sio_reply(e, SIO_ARGS((const char *)sio_socket_data(s), sio_bool(sio_socket_recovered(s))));
}

/* ---- acks asked of the client -------------------------------------------------------------- */

static void on_client_reply(sio_socket *s, int status, sio_event *reply, void *user) {
  (void)user;
  if (status) {
    say("ack %s", status == SIO_ETIMEOUT ? "timeout" : status == SIO_ECLOSED ? "closed" : "other");
    if (sio_socket_connected(s)) sio_emit(s, "ack-result", SIO_ARGS(sio_strerror(status)));
    return;
  }
  say("ack reply %zu", sio_event_count(reply));
  sio_emit(s, "ack-result", sio__args((sio_val[]){ sio_null(), sio_event_args(reply) }, 2));
}

/* timeout, event, one argument */
static void on_call_me(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  int64_t ms = 0;
  sio_event_int(e, 0, &ms);
  sio_emit_ack(s, sio_event_str(e, 1), SIO_ARGS(sio_arg(e, 2)), (unsigned)ms, on_client_reply,
               NULL);
}

/* ---- volatile, order, floods ------------------------------------------------------------------- */

/* Letters: r regular, v volatile, b volatile binary; each sends "n" with its index. */
static void on_sequence(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  const char *letters = sio_event_str(e, 0);
  for (int i = 0; letters[i]; i++) {
    unsigned how = letters[i] == 'r' ? 0 : SIO_VOLATILE;
    sio_val v = letters[i] == 'b' ? sio_bin("\1\2\3", 3) : sio_null();
    sio_emit_flags(s, how, "n", SIO_ARGS(i, v));
  }
}

/* how many, bytes each: events "flood" with index and text */
static void on_flood(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  int64_t n = 0, size = 0;
  sio_event_int(e, 0, &n);
  sio_event_int(e, 1, &size);
  char *text = malloc((size_t)size + 1);
  memset(text, 'x', (size_t)size);
  int err = 0;
  for (int64_t i = 0; i < n && !err; i++)
    err = sio_emit(s, "flood", SIO_ARGS(i, sio_strn(text, (size_t)size)));
  say("flood %s", err ? sio_strerror(err) : "sent");
  free(text);
}

/* how many, bytes each, keys: broadcasts "news" with index, key and text to the room "all" */
static void on_news(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  int64_t n = 0, size = 0, keys = 0;
  sio_event_int(e, 0, &n);
  sio_event_int(e, 1, &size);
  sio_event_int(e, 2, &keys);
  char *text = malloc((size_t)size + 1);
  memset(text, 'x', (size_t)size);
  for (int64_t i = 0; i < n; i++) {
    char key[32];
    int64_t k = keys ? i % keys : 0;
    snprintf(key, sizeof key, "key-%d", (int)k);
    sio_target to = { .nsp = sio_socket_nsp(s), .skip = s, .key = keys ? key : NULL };
    sio_broadcast(to, "news", SIO_ARGS(i, k, sio_strn(text, (size_t)size)));
  }
  free(text);
  sio_reply(e, SIO_ARGS(n));
}

static void on_writable(sio_socket *s, void *user) {
  (void)user;
  say("writable %s queued=%zu", sio_socket_id(s), sio_socket_queued(s));
}

static void on_drop(sio_socket *s, const sio_drop *d, void *user) {
  (void)user;
  say("drop %s events=%llu bytes=%llu", sio_socket_id(s), (unsigned long long)d->events,
      (unsigned long long)d->bytes);
}

/* ms: the loop does nothing else */
static void on_block(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)user;
  int64_t ms = 0;
  sio_event_int(e, 0, &ms);
  uv_sleep((unsigned)ms);
  say("blocked");
}

/* ms */
static void on_deadline(sio_socket *s, sio_event *e, void *user) {
  (void)user;
  int64_t ms = 0;
  sio_event_int(e, 0, &ms);
  sio_reply(e, SIO_ARGS(sio_socket_deadline(s, (unsigned)ms)));
}

static void on_drain(sio_socket *s, sio_event *e, void *user);
static void on_close_now(sio_socket *s, sio_event *e, void *user);

/* ---- endings ----------------------------------------------------------------------------------- */

static void on_leave_nsp(sio_socket *s, sio_event *e, void *user) {
  (void)e, (void)user;
  sio_disconnect(s);
  say("emit-after %s", sio_emit(s, "after", SIO_NONE) == SIO_ECLOSED ? "ECLOSED" : "other");
  say("join-after %s", sio_join(s, "x") == SIO_ECLOSED ? "ECLOSED" : "other");
}

static void on_close_me(sio_socket *s, sio_event *e, void *user) {
  (void)e, (void)user;
  sio_emit(s, "bye", SIO_NONE);
  sio_disconnect_session(s);
}

static void on_engine_close(sio_socket *s, sio_event *e, void *user) {
  (void)e, (void)user;
  sio_session_close(sio_socket_session(s));
}

static void on_shut(sio_socket *s, sio_event *e, void *user);

/* ---- life of a socket -------------------------------------------------------------------------------- */

static void send_auth(sio_socket *s) {
  sio_emit(s, "auth", SIO_ARGS(sio_json(sio_socket_auth(s))));
}

static void on_connect(sio_socket *s, void *user) {
  (void)user;
  say("connect %s %s", sio_nsp_name(sio_socket_nsp(s)), sio_socket_id(s));
  if (sio_socket_recovered(s)) say("recovered %s", sio_socket_id(s));
  if (is("greet", "auth")) send_auth(s);
  if (flag("on-connect-join")) {
    sio_disconnect(s);
    say("join %s", sio_join(s, "a") == SIO_ECLOSED ? "ECLOSED" : "other");
  }
  if (is("on-connect", "disconnect")) sio_disconnect_session(s);
}

static void print_room(const char *room, void *user) {
  strncat(user, room, 200 - strlen(user));
  strncat(user, ",", 200 - strlen(user));
}

static void on_disconnecting(sio_socket *s, const sio_close_info *why, void *user) {
  (void)user;
  char rooms[256] = "";
  sio_rooms(s, print_room, rooms);
  say("disconnecting %s [%s] %s", sio_reason_str(why->reason), rooms, why->detail);
}

static void on_disconnect(sio_socket *s, const sio_close_info *why, void *user) {
  (void)user;
  char rooms[256] = "";
  sio_rooms(s, print_room, rooms);
  say("disconnect %s [%s] %s", sio_reason_str(why->reason), rooms, why->detail);
}

static void on_error(sio_socket *s, int err, const char *message, void *user) {
  (void)s, (void)user;
  say("error %d %s", err, message);
}

/* To everybody in all children of a parent. */
static void on_all_rooms(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)user;
  const char *room = sio_event_str(e, 0);
  sio_target to = { .nsp = pattern, .rooms = room[0] ? SIO_ROOMS(room) : NULL };
  say("parent %d", sio_broadcast(to, "from-parent", SIO_ARGS(sio_arg(e, 1))));
}

/* Makes a namespace, and says whether it is the parent's. */
static void on_of(sio_socket *s, sio_event *e, void *user) {
  sio_nsp *nsp;
  (void)s, (void)user;
  int err = sio_of(server, sio_event_str(e, 0), &nsp);
  say("of %s", err ? sio_strerror(err) : sio_nsp_name(nsp));
  sio_reply(e, SIO_ARGS(err));
}

static void on_exists(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)user;
  sio_reply(e, SIO_ARGS(sio_bool(sio_nsp_find(server, sio_event_str(e, 0)) != NULL)));
}

/* The names "/ok..." at once, "/later..." later, others not. */
static void on_match(sio_server *srv, const char *name, sio_slice auth, sio_next *next,
                     void *user) {
  (void)srv, (void)user;
  say("match %s %.*s", name, (int)auth.n, auth.p);
  if (strncmp(name, "/later", 6) == 0)
    decide(next, "later:ok");
  else
    decide(next, strncmp(name, "/ok", 3) == 0 ? "ok" : "fail:no");
}

static void on_any(sio_socket *s, sio_event *e, void *user) {
  (void)s;
  say("any%s %s %zu", (const char *)user, sio_event_name(e), sio_event_count(e));
}

static void on_outgoing(sio_socket *s, const char *event, sio_args args, void *user) {
  (void)s, (void)user;
  say("outgoing %s %zu", event, args.n);
}

static void on_middleware(sio_socket *s, sio_next *next, void *user) {
  say("middleware %s connected=%d count=%zu", (const char *)user, sio_socket_connected(s),
      sio_nsp_count(sio_socket_nsp(s)));
  if (flag("middleware-join")) sio_join(s, flag("middleware-join"));
  const char *verdict = flag(user);
  if (strcmp(verdict, "auth") == 0) /* the peer says it itself */
    verdict =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(sio_socket_auth_tree(s), "verdict"));
  decide(next, verdict);
}

static void on_packet(sio_socket *s, sio_event *e, sio_next *next, void *user) {
  (void)s, (void)user;
  if (strcmp(sio_event_name(e), "rename") == 0) sio_event_replace(e, "echo", SIO_ARGS("renamed"));
  if (strcmp(sio_event_name(e), "drop") == 0)
    sio_next_fail(next, "dropped", sio_null());
  else
    decide(next, flag("packet-verdict"));
}

static void on_new_nsp(sio_nsp *nsp, void *user) {
  (void)user;
  say("new_namespace %s", sio_nsp_name(nsp));
}

static void add_handlers(sio_nsp *nsp) {
  static const struct {
    const char *name;
    sio_event_cb cb;
  } handlers[] = { { "message", on_echo },
                   { "echo", on_echo },
                   { "message-with-ack", on_message_with_ack },
                   { "echo_tree", on_echo_tree },
                   { "echo_str", on_echo_str },
                   { "reply-twice", on_reply_twice },
                   { "join", on_join },
                   { "leave", on_leave },
                   { "rooms", on_rooms },
                   { "broadcast", on_broadcast },
                   { "bulk", on_bulk },
                   { "call-me", on_call_me },
                   { "sequence", on_sequence },
                   { "flood", on_flood },
                   { "news", on_news },
                   { "block", on_block },
                   { "deadline", on_deadline },
                   { "drain", on_drain },
                   { "close-now", on_close_now },
                   { "leave-nsp", on_leave_nsp },
                   { "set-data", on_set_data },
                   { "get-data", on_get_data },
                   { "close-me", on_close_me },
                   { "engine-close", on_engine_close },
                   { "shut", on_shut },
                   { "7", on_echo } };
  for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++)
    sio_on(nsp, handlers[i].name, handlers[i].cb, NULL);
  add_many_handlers(nsp, flag("say-rooms") != NULL);
  sio_on_connect(nsp, on_connect, NULL);
  sio_on_disconnecting(nsp, on_disconnecting, NULL);
  sio_on_disconnect(nsp, on_disconnect, NULL);
  sio_on_error(nsp, on_error, NULL);
  sio_on_writable(nsp, on_writable, NULL);
  sio_on_drop(nsp, on_drop, NULL);
  if (flag("any")) {
    sio_on_any(nsp, on_any, "");
    sio_on_any_front(nsp, on_any, "-front");
  }
  if (flag("outgoing")) sio_on_any_outgoing(nsp, on_outgoing, NULL);
  if (flag("packet-verdict")) sio_use_packet(nsp, on_packet, NULL);
}

/* ---- requests ------------------------------------------------------------------------------------------ */

static void on_allow(sio_request *r, sio_next *next, void *user) {
  (void)user;
  say("allow_request");
  decide_request(r, next, flag("allow"));
}

static int on_id(sio_request *r, char out[64], void *user) {
  static unsigned n;
  (void)r, (void)user;
  if (is("id", "refuse")) return UV_EPERM;
  snprintf(out, 64, is("id", "same") ? "same-id" : "custom-%u", ++n);
  return 0;
}

static void on_connection_error(sio_request *r, const sio_connection_error *e, void *user) {
  (void)r, (void)user;
  say("connection_error %d %s name=%s detail=%.*s", e->code, e->message, e->name, (int)e->detail.n,
      e->detail.p);
}

static void on_use(sio_request *r, sio_next *next, void *user) {
  const char *how = flag(user);
  say("use %s", (const char *)user);
  sio_request_set(r, "X-Use", user);
  decide_request(r, next, how);
}

static void on_headers(sio_request *r, bool initial, void *user) {
  (void)user;
  say("headers %s", initial ? "initial" : "every");
  if (initial) {
    sio_request_set(r, "X-Initial", "1");
    sio_request_set(r, "Set-Cookie", "mine=1");
  } else {
    sio_request_set(r, "X-Every", "1");
  }
}

static void on_seen(sio_session *c, void *user) {
  say("engine %s %s", (const char *)user, sio_session_transport(c));
}
static void on_open(sio_session *c, void *user) {
  char text[64];
  (void)user;
  sio_slice h = sio_session_header(c, "x-custom");
  long n = sio_session_query(c, "a", text, sizeof text);
  say("open %s address=%s x-custom=%.*s a=%s", sio_session_transport(c), sio_session_address(c),
      (int)h.n, h.n ? h.p : "", n < 0 ? "-" : text);
}
static void on_upgrading(sio_session *c, void *user) {
  (void)user;
  on_seen(c, "upgrading");
}
static void on_upgrade(sio_session *c, void *user) {
  (void)user;
  on_seen(c, "upgrade");
}
static void on_heartbeat(sio_session *c, void *user) {
  (void)user;
  on_seen(c, "heartbeat");
}
static void on_engine_closed(sio_session *c, const sio_close_info *why, void *user) {
  (void)c, (void)user;
  say("closed %s err=%d code=%d (%s)", sio_reason_str(why->reason), why->err, why->ws_code,
      why->detail);
}

static void on_stats(sio_request *r, void *user) {
  sio_stats st;
  (void)user;
  sio_server_stats(server, &st, sizeof st);
  uint64_t unrecovered = 0;
  for (int i = 0; i < SIO_RECOVERY_END; i++) unrecovered += st.recovery_failed[i];
  char text[640];
  int n = snprintf(text, sizeof text,
                   "{\"connections\":%llu,\"sessions\":%llu,\"sockets\":%llu,\"overflows\":%llu,"
                   "\"parse_errors\":%llu,\"volatile_dropped\":%llu,\"upgrades\":%llu,"
                   "\"upgrades_failed\":%llu,\"requests_refused\":%llu,\"opened\":%llu,"
                   "\"compressed\":%llu,\"events_dropped\":%llu,\"bytes_dropped\":%llu,"
                   "\"stalls\":%llu,\"recovered\":%llu,\"unrecovered\":%llu}",
                   (unsigned long long)st.connections, (unsigned long long)st.sessions,
                   (unsigned long long)st.sockets, (unsigned long long)st.overflows,
                   (unsigned long long)st.parse_errors, (unsigned long long)st.volatile_dropped,
                   (unsigned long long)st.upgrades, (unsigned long long)st.upgrades_failed,
                   (unsigned long long)st.requests_refused, (unsigned long long)st.sessions_opened,
                   (unsigned long long)st.compressed, (unsigned long long)st.events_dropped,
                   (unsigned long long)st.bytes_dropped, (unsigned long long)st.stalls,
                   (unsigned long long)st.recovered, (unsigned long long)unrecovered);
  sio_respond(r, 200, "application/json", (sio_slice){ text, (size_t)n });
}

/* A page of 4000 times '-'. */
static char page_text[4000];
static const sio_asset page = { "/page.html", "text/html", page_text, sizeof page_text, NULL };

static void on_post_back(sio_request *r, void *user) {
  (void)user;
  sio_respond(r, 200, "application/octet-stream", sio_request_body(r));
}

static void on_ws_message(sio_ws *w, bool binary, sio_slice data, void *user) {
  (void)user;
  sio_ws_send(w, binary, data);
}
static void on_ws_close(sio_ws *w, const sio_close_info *why, void *user) {
  (void)w, (void)user;
  say("ws-closed %d %s", why->ws_code, why->detail);
}

static void on_log(int level, const char *room, const char *text, void *user) {
  (void)user;
  fprintf(stderr, "[%d %s] %s\n", level, room, text);
}

/* ---- start and stop ---------------------------------------------------------------------------------------- */

static void on_done(void *user) {
  (void)user;
  say("done");
}

static void stop(void) {
  if (closing) return;
  closing = true;
  say("closing %d", sio_server_close(server, on_done, NULL));
  uv_close((uv_handle_t *)&sigterm, NULL);
}

static void on_shut(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)e, (void)user;
  stop();
}

/* spread, deadline in ms; Retry-After is 7 */
static void on_drain(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)user;
  int64_t spread = 0, deadline = 0;
  sio_event_int(e, 0, &spread);
  sio_event_int(e, 1, &deadline);
  sio_drain how = { (unsigned)spread, 7, (uint64_t)deadline };
  if (!closing) uv_close((uv_handle_t *)&sigterm, NULL);
  closing = true;
  int err = sio_server_drain(server, &how, on_done, NULL);
  say("closing %d", err);
}

static void on_close_now(sio_socket *s, sio_event *e, void *user) {
  (void)s, (void)e, (void)user;
  say("close %d", sio_server_close(server, on_done, NULL));
}

static void on_sigterm(uv_signal_t *h, int signum) {
  (void)h, (void)signum;
  stop();
}

static const char *list_of(const char *text, const char **out, size_t max) {
  static char copy[512];
  size_t n = 0;
  snprintf(copy, sizeof copy, "%s", text);
  for (char *word = strtok(copy, ","); word && n + 1 < max; word = strtok(NULL, ","))
    out[n++] = word;
  out[n] = NULL;
  return copy;
}

static const sio_cors *cors_from_flags(void) {
  static sio_cors cors;
  static const char *origins[8];
  if (!flag("cors")) return NULL;
  if (is("cors", "reflect"))
    cors.reflect_origin = true;
  else if (!is("cors", "any")) {
    list_of(flag("cors"), origins, 8);
    cors.origins = origins;
  }
  cors.methods = flag("cors-methods");
  cors.allowed_headers = flag("cors-headers");
  cors.exposed_headers = flag("cors-exposed");
  cors.credentials = flag("cors-credentials") != NULL;
  cors.max_age_s = number("cors-max-age");
  cors.preflight_status = (int)number("cors-status");
  return &cors;
}

static const sio_cookie *cookie_from_flags(void) {
  static sio_cookie cookie;
  if (!flag("cookie")) return NULL;
  if (!is("cookie", "default")) cookie.name = flag("cookie");
  cookie.path = flag("cookie-path");
  cookie.no_http_only = flag("cookie-js") != NULL;
  if (is("cookie-same-site", "strict")) cookie.same_site = SIO_SAMESITE_STRICT;
  return &cookie;
}

static const sio_deflate *deflate_from_flags(void) {
  static sio_deflate deflate;
  if (!flag("deflate")) return NULL;
  deflate.threshold = number("deflate");
  deflate.window_bits = (int)number("deflate-window");
  return &deflate;
}

static const char *const *origins_from_flags(void) {
  static char text[512];
  static const char *origins[8];
  size_t n = 0;
  if (!flag("origins")) return NULL;
  snprintf(text, sizeof text, "%s", flag("origins"));
  for (char *word = strtok(text, ","); word && n < 7; word = strtok(NULL, ",")) origins[n++] = word;
  return origins;
}

static int when_full_from_flags(void) {
  static const char *const names[] = { "drop-volatile", "drop-oldest", "keep-latest", "close" };
  for (int i = 0; i < 4; i++)
    if (is("when-full", names[i])) return i;
  return 0;
}

/* "on" or how long, in ms */
static const sio_recovery *recovery_from_flags(void) {
  static sio_recovery recovery;
  if (!flag("recovery")) return NULL;
  recovery.max_disconnection_ms = number("recovery");
  recovery.run_middlewares = flag("recovery-middleware") != NULL;
  recovery.max_log_bytes = number("recovery-log");
  return &recovery;
}

static sio_options options_from_flags(void) {
  sio_options o = { .path = flag("path"),
                    .no_trailing_slash = flag("no-slash") != NULL,
                    .no_upgrades = flag("no-upgrades") != NULL,
                    .ping_interval_ms = number("ping-interval"),
                    .ping_timeout_ms = number("ping-timeout"),
                    .upgrade_timeout_ms = number("upgrade-timeout"),
                    .connect_timeout_ms = number("connect-timeout"),
                    .close_timeout_ms = number("close-timeout"),
                    .max_payload = number("max-payload"),
                    .max_queued = number("max-queued"),
                    .high_water = number("high-water"),
                    .max_attachments = number("max-attachments"),
                    .max_nsps = number("max-nsps"),
                    .max_connections = number("max-connections"),
                    .head_timeout_ms = number("head-timeout"),
                    .body_timeout_ms = number("body-timeout"),
                    .keep_alive_ms = number("keep-alive"),
                    .no_serve_client = flag("no-client") != NULL,
                    .allow_eio3 = flag("eio3") != NULL,
                    .drop_handshake = flag("drop-handshake") != NULL,
                    .cors = cors_from_flags(),
                    .cookie = cookie_from_flags(),
                    .no_http_compression = flag("no-gzip") != NULL,
                    .http_compression_threshold = number("gzip-from"),
                    .per_message_deflate = deflate_from_flags(),
                    .recovery = recovery_from_flags(),
                    .socket_data_size = number("data"),
                    .connection_error = on_connection_error,
                    .queue_high = number("queue-high"),
                    .queue_low = number("queue-low"),
                    .when_full = when_full_from_flags(),
                    .allowed_origins = origins_from_flags(),
                    .middleware_timeout_ms = number("middleware-timeout"),
                    .keep_empty_nsps = flag("keep-empty") != NULL,
                    .max_child_nsps = number("max-children"),
                    .log = on_log,
                    .log_level = (int)number("log") };
  if (is("transports", "polling")) o.transports = SIO_POLLING;
  if (is("transports", "websocket")) o.transports = SIO_WEBSOCKET;
  if (flag("allow")) o.allow_request = on_allow;
  if (flag("id")) o.generate_id = on_id;
  if (is("parser", "msgpack")) o.parser = &sio_parser_msgpack;
  return o;
}

static int add_routes(void) {
  static const sio_ws_callbacks ws = { .message = on_ws_message, .close = on_ws_close };
  static const sio_engine_hooks hooks = { .open = on_open,
                                          .upgrading = on_upgrading,
                                          .upgrade = on_upgrade,
                                          .heartbeat = on_heartbeat,
                                          .close = on_engine_closed };
  memset(page_text, '-', sizeof page_text);
  int err = sio_route(server, "GET", "/stats", 0, on_stats, NULL);
  if (!err) err = sio_route(server, "POST", "/echo", 1000, on_post_back, NULL);
  if (!err) err = sio_ws_route(server, "/ws", &ws, NULL);
  if (!err) err = sio_on_engine(server, &hooks, NULL);
  if (!err && flag("assets")) err = sio_assets(server, "/assets/", &page, 1);
  if (!err && flag("static")) err = sio_static(server, "/files/", flag("static"));
  if (!err && flag("headers")) err = sio_on_headers(server, on_headers, NULL);
  static char *uses[] = { "use1", "use2", "use3" };
  for (int i = 0; i < 3; i++)
    if (!err && flag(uses[i])) err = sio_use_request(server, on_use, uses[i]);
  return err;
}

static int add_parents(void) {
  if (!flag("dynamic")) return 0;
  int err = sio_of_pattern(server, "/dynamic-*", &pattern);
  if (!err) err = sio_of_match(server, on_match, NULL, &matched);
  if (err) return err;
  add_handlers(pattern);
  add_handlers(matched);
  if (flag("dynamic-middleware")) sio_use(pattern, on_middleware, "dynamic-middleware");
  sio_on(root, "all-rooms", on_all_rooms, NULL);
  sio_on(root, "of", on_of, NULL);
  sio_on(root, "exists", on_exists, NULL);
  return 0;
}

static int add_namespaces(void) {
  int err = sio_on_new_nsp(server, on_new_nsp, NULL);
  if (!err) err = sio_of(server, "/", &root);
  if (!err) err = sio_of(server, "custom", &custom);
  if (err) return err;
  add_handlers(root);
  add_handlers(custom);
  static char *middlewares[] = { "middleware1", "middleware2" };
  for (int i = 0; i < 2; i++)
    if (flag(middlewares[i])) sio_use(root, on_middleware, middlewares[i]);
  return add_parents();
}

static int start(uv_loop_t *loop) {
  sio_options o = options_from_flags();
  int err = sio_server_new(&server, loop, &o);
  if (!err) err = add_namespaces();
  if (!err) err = add_routes();
  if (!err && flag("unix")) err = sio_listen_unix(server, flag("unix"));
  if (!err)
    err = sio_listen(server, flag("host") ? flag("host") : "127.0.0.1", (int)number("port"));
  return err;
}

int main(int argc, char **argv) {
  uv_loop_t *loop = uv_default_loop();
  flag_count = argc - 1;
  flags = argv + 1;
  int err = start(loop);
  if (err) {
    fprintf(stderr, "host: %s\n", sio_strerror(err));
    return 1;
  }
  uv_signal_init(loop, &sigterm);
  uv_signal_start(&sigterm, on_sigterm, SIGTERM);
  uv_unref((uv_handle_t *)&sigterm);
  say("listening %d", sio_port(server));
  uv_run(loop, UV_RUN_DEFAULT);
  err = uv_loop_close(loop);
  say("loop %s", err ? uv_strerror(err) : "empty");
  return err ? 1 : 0;
}
