/* SPDX-License-Identifier: MIT
 *
 * test_members_moving.c - a connection that moves to the member that has its session keeps what it
 * is: its TLS, the address that a proxy has named, the bytes of its requests, and its limits.
 */
#include "members_rig.h"
#include "net/members.h"
#include "veil.h"

/* Opens a polling session at members[0] and a connection to members[1]. */
static struct poller owner;
static struct raw mover;

static void begin_move(sio_options o) {
  static const struct poller none = POLLER;
  owner = none;
  begin_with(o);
  CHECK(poller_open(&owner, members[0], o.path ? o.path : "/socket.io/"));
  CHECK(raw_open(&mover, members[1]));
}

static void end_move(void) {
  raw_close(&mover);
  poller_close(&owner);
  end();
}

TEST(a_request_whose_target_is_an_absolute_url_moves) {
  char path[400];
  begin_move(options());
  snprintf(path, sizeof path, "http://a%s", owner.path);
  CHECK(raw_request(&mover, "POST", path, "", "40") && raw_expect(&mover, "ok"));
  end_move();
}

/* The head was changed when it was read: it has to be as it was for the next reader. */
TEST(a_request_whose_target_is_an_url_with_a_host_alone_moves) {
  char path[400];
  sio_options o = options();
  o.path = "/";
  begin_move(o);
  snprintf(path, sizeof path, "http://a.example?EIO=4&transport=polling&sid=%s", owner.sid);
  CHECK(raw_request(&mover, "POST", path, "", "40") && raw_expect(&mover, "ok"));
  end_move();
}

static sio_request *asked;
static void keep_request(sio_request *r, void *user) {
  (void)user;
  asked = r;
}

/* While one is being answered, what follows it waits in a buffer of the connection. */
TEST(requests_that_follow_a_moved_one_may_be_as_long_as_before) {
  static char text[10000];
  begin_move(options());
  EQ(sio_route(members[0], "GET", "/later", 0, keep_request, NULL), 0);
  CHECK(raw_request(&mover, "POST", owner.path, "", "40") && raw_expect(&mover, "ok"));
  CHECK(raw_get(&mover, "/later"));
  turns(4);
  int n = snprintf(text, sizeof text, "POST %s HTTP/1.1\r\nHost: a\r\nX: ", owner.path);
  memset(text + n, 'x', 8000);
  strcpy(text + n + 8000, "\r\nContent-Length: 7\r\n\r\n42[\"x\"]");
  CHECK(raw_send(&mover, text, strlen(text)));
  turns(4);
  REQUIRE(asked);
  EQ(sio_respond(asked, 200, "text/plain", sio_text("now")), 0);
  CHECK(raw_expect(&mover, "now") && raw_expect(&mover, "ok"));
  end_move();
}

/* ---- TLS ---------------------------------------- */

static void answer_if_secure(sio_request *r, void *user) {
  (void)user;
  sio_respond(r, 200, "text/plain", sio_text(sio_request_info_of(r).secure ? "tls" : "plain"));
}

static bool say_veiled(struct raw *c, const char *method, const char *path, const char *body) {
  char text[600], out[700];
  snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n%s", method,
           path, strlen(body), body);
  return raw_send(c, out, veil(out, VEIL_DATA, text));
}

static bool expect_veiled(struct raw *c, const char *text) {
  char out[100];
  size_t n = veil(out, VEIL_DATA, text);
  return raw_expect_n(c, out + VEIL_HEAD, n - VEIL_HEAD);
}

static void open_veiled(struct raw *c, sio_server *srv_of) {
  char out[20];
  int pair[2];
  memset(&veil_does, 0, sizeof veil_does);
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair)) abort();
  *c = (struct raw){ .loop = &uv, .fd = pair[1] };
  EQ(sio_accept(srv_of, &(sio_accept_options){ .fd = pair[0], .tls = &veil_tls }), 0);
  CHECK(raw_send(c, out, veil(out, VEIL_HELLO, "")));
}

TEST(a_connection_under_tls_moves_with_its_tls) {
  begin_move(options());
  EQ(sio_route(members[0], "GET", "/tls", 0, answer_if_secure, NULL), 0);
  raw_close(&mover);
  open_veiled(&mover, members[1]);
  CHECK(say_veiled(&mover, "POST", owner.path, "40") && expect_veiled(&mover, "\r\n\r\nok"));
  CHECK(say_veiled(&mover, "GET", "/tls", "") && expect_veiled(&mover, "\r\n\r\ntls"));
  EQ(veil_does.open, 1);
  raw_close(&mover);
  turns(4);
  EQ(veil_does.open, 0);
  end_move();
}

TEST(a_connection_under_tls_that_cannot_move_closes_its_tls) {
  bool failed = true;
  for (size_t at = 1; failed && at < 100; at++) {
    begin_move(options());
    raw_close(&mover);
    open_veiled(&mover, members[1]);
    turns(4);
    alloc_fail_in(at);
    CHECK(say_veiled(&mover, "POST", owner.path, "40"));
    bool ok = expect_veiled(&mover, "\r\n\r\nok");
    failed = alloc_fuse == 0;
    alloc_fail_in(0);
    if (!failed) CHECK(ok);
    raw_close(&mover);
    turns(4);
    EQ(veil_does.open, 0);
    end_move();
  }
}

/* ---- proxies ---------------------------------------- */

static void answer_address(sio_request *r, void *user) {
  (void)user;
  sio_respond(r, 200, "text/plain", sio_text(sio_request_info_of(r).address));
}

TEST(a_connection_from_a_proxy_moves_with_the_address_of_its_client) {
  static const char *const proxies[] = { "unix", NULL };
  static const char header[] = "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n";
  sio_options o = options();
  owner = (struct poller)POLLER;
  o.trusted_proxies = proxies;
  o.proxy_protocol = true;
  begin_with(o);
  EQ(sio_route(members[0], "GET", "/who", 0, answer_address, NULL), 0);
  REQUIRE(raw_open(&owner.get, members[0]) && raw_send(&owner.get, header, strlen(header)));
  REQUIRE(raw_get(&owner.get, "/socket.io/?EIO=4&transport=polling"));
  REQUIRE(raw_expect(&owner.get, "0{\"sid\":\"") &&
          raw_take(&owner.get, '"', owner.sid, sizeof owner.sid));
  snprintf(owner.path, sizeof owner.path, "/socket.io/?EIO=4&transport=polling&sid=%s", owner.sid);
  REQUIRE(raw_open(&mover, members[1]) && raw_send(&mover, header, strlen(header)));
  CHECK(raw_request(&mover, "POST", owner.path, "", "40") && raw_expect(&mover, "ok"));
  CHECK(raw_get(&mover, "/who") && raw_expect(&mover, "\r\n\r\n192.0.2.1"));
  end_move();
}

/* ---- sessions ---------------------------------------- */

static int same_id(sio_request *r, char out[64], void *user) {
  (void)r, (void)user;
  strcpy(out, "the-same-id-for-everybody");
  return 0;
}

TEST(an_id_that_another_member_has_given_is_refused) {
  struct raw c;
  sio_options o = options();
  o.generate_id = same_id;
  begin_move(o);
  EQ_STR(owner.sid, "the-same-id-for-everybody");
  CHECK(raw_get(&mover, "/socket.io/?EIO=4&transport=polling") && raw_expect(&mover, "HTTP/1.1 "));
  CHECK(!strstr(mover.in, "200 OK"));
  REQUIRE(raw_open(&c, members[2]));
  CHECK(raw_request(&c, "POST", owner.path, "", "40") && raw_expect(&c, "ok"));
  raw_close(&c);
  end_move();
}

/* ---- messages that wait ---------------------------------------- */

TEST(messages_that_wait_for_a_member_count_at_the_memory_that_they_take) {
  static char much[5000];
  sio_stats st;
  begin();
  connect_peers();
  memset(much, 'x', sizeof much);
  threads->inbox_max = 12000; /* two, and not three */
  for (int i = 0; i < 3; i++)
    EQ(sio_broadcast((sio_target){ .nsp = roots[0] }, "m", SIO_ARGS(sio_strn(much, sizeof much))),
       0);
  CHECK(threads->members[1].inbox > 10000 && threads->members[1].inbox <= 12000);
  turns(2);
  EQ(threads->members[1].inbox, 0);
  sio_server_get_stats(members[0], &st, sizeof st);
  EQ(st.thread_messages_lost, 2); /* one to each of the others */
  for (int i = 0; i < 3; i++) {
    unsigned n = 0;
    while (sio_test_next(peers[i])) n++;
    EQ(n, i == 0 ? 3 : 2);
  }
  free_peers();
  end();
}

TESTS_BEGIN
T(a_request_whose_target_is_an_absolute_url_moves)
T(a_request_whose_target_is_an_url_with_a_host_alone_moves)
T(requests_that_follow_a_moved_one_may_be_as_long_as_before)
T(a_connection_under_tls_moves_with_its_tls)
T(a_connection_under_tls_that_cannot_move_closes_its_tls)
T(a_connection_from_a_proxy_moves_with_the_address_of_its_client)
T(an_id_that_another_member_has_given_is_refused)
T(messages_that_wait_for_a_member_count_at_the_memory_that_they_take)
TESTS_END
