/* SPDX-License-Identifier: MIT
 *
 * test_redis.c - the adapter over Redis: byte for byte what @socket.io/redis-adapter 8 was seen to
 * publish, and what the adapter understands. test_redis_failures.c tests what happens when Redis
 * fails.
 */
#include "redis_questions.h"

/* ---- subscriptions and login ----------------------------------------------------------------- */

TEST(a_namespace_subscribes_to_four_names) {
  begin(NULL);
  EQ_STR(login, "CLIENT SETNAME libsio\nCLIENT SETNAME libsio\n");
  CHECK(strstr(subscribed, "PSUBSCRIBE socket.io#/#*\n"));
  CHECK(strstr(subscribed, "\nSUBSCRIBE socket.io-request#/#\n") ||
        strncmp(subscribed, "SUBSCRIBE socket.io-request#/#\n", 31) == 0);
  CHECK(strstr(subscribed, "SUBSCRIBE socket.io-response#/#\n"));
  CHECK(strstr(subscribed, "SUBSCRIBE socket.io-response#/#w1gYUz#\n"));
  SAW("connecting ready ");
  EQ_STR(lines, "connected to Redis and subscribed\n");
  end();
}

TEST(the_signs_of_a_pattern_are_escaped_in_names) {
  sio_nsp *nsp;
  begin(NULL);
  EQ(sio_of(srv, "/a*b[c]", &nsp), 0);
  UNTIL(strstr(subscribed, "PSUBSCRIBE socket.io#/a\\*b\\[c\\]#*\n"));
  end();
}

TEST(a_namespace_may_have_a_long_name) {
  sio_nsp *nsp;
  begin(NULL);
  EQ(sio_of(srv, "/a-name-that-is-longer-than-the-key", &nsp), 0);
  UNTIL(strstr(subscribed, "PSUBSCRIBE socket.io#/a-name-that-is-longer-than-the-key#*\n"));
  UNTIL(strstr(subscribed, " socket.io-request#/a-name-that-is-longer-than-the-key#\n"));
  end();
}

TEST(it_logs_in_with_user_password_and_database) {
  begin(&(sio_redis_options){ .username = "us er", .password = "p\"w", .client_name = "me" });
  EQ_STR(login, "AUTH us er p\"w\nCLIENT SETNAME me\nAUTH us er p\"w\nCLIENT SETNAME me\n");
  end();
}

TEST(two_servers_of_one_sio_redis_cannot_have_the_same_namespace) {
  sio_server *other;
  begin(NULL);
  sio_options o = { .adapter = sio_redis_adapter, .adapter_user = &cluster };
  EQ(sio_server_new(&loop, &o, &other), UV_EEXIST);
  settle();
  EQ(redis_stats().state, SIO_REDIS_READY);
  end();
}

TEST(an_adapter_needs_its_options) {
  struct {
    sio_redis_adapter_options o;
    uintptr_t later;
  } newer = { .o = { .size = sizeof newer }, .later = 1 };
  sio_redis_adapter_options of_none = { .redis = NULL };
  alloc_install();
  uv_loop_init(&loop);
  sio_options o = { .adapter = sio_redis_adapter };
  EQ(sio_server_new(&loop, &o, &srv), UV_EINVAL);
  o.adapter_user = &of_none;
  EQ(sio_server_new(&loop, &o, &srv), UV_EINVAL);
  o.adapter_user = &newer;
  EQ(sio_server_new(&loop, &o, &srv), UV_EINVAL);
  uv_run(&loop, UV_RUN_DEFAULT);
  EQ(uv_loop_close(&loop), 0);
  EQ(alloc_live, 0);
}

static void url_is(const char *url, int err, const char *text) {
  sio_redis *r;
  sio_redis_options o = { .url = url };
  EQ(sio_redis_new(&loop, &o, why, sizeof why, &r), err);
  EQ_STR(why, text);
  if (!err) sio_redis_free(r);
  uv_run(&loop, UV_RUN_DEFAULT);
}

/* Redis would refuse "SELECT 007", and a port has room for five digits. */
TEST(leading_zeros_in_urls_are_skipped) {
  sio_redis *r;
  sio_redis_options o = { .url = "redis://h:0006379/007" };
  alloc_install();
  uv_loop_init(&loop);
  EQ(sio_redis_new(&loop, &o, why, sizeof why, &r), 0);
  EQ_STR(r->only_server->commands.to.port, "6379");
  EQ_STR(r->options.url.database, "7");
  sio_redis_free(r);
  url_is("redis+cluster://h:07000/00", 0, "");
  uv_run(&loop, UV_RUN_DEFAULT);
  EQ(uv_loop_close(&loop), 0);
  EQ(alloc_live, 0);
}

TEST(urls_are_checked) {
  static const char begins[] = "url: it must begin with unix://, redis[s]://, "
                               "redis[s]+sentinel:// or redis[s]+cluster://";
  static const char bracket[] = "url: ']' is missing, or something other than a port follows it";
  static const char path[] = "url: unix:// must be followed by an absolute path";
  static const char port[] = "url: the port is not a number from 1 to 65535";
  static const char *const percent[] = {
    "redis://u%4:p@h",       "redis://u:p%@h", "redis://u%4g:p@h", "redis://u%g4@h",
    "redis://u%;4@h",        "redis://u%!4@h", "redis://u%00@h",   "redis://u:%4\x7f@h",
    "redis+sentinel://h/%x", "unix:///x%2",    "unix:///x%00"
  };
  char host[300] = "redis://";
  alloc_install();
  uv_loop_init(&loop);
  url_is(NULL, 0, "");
  url_is("redis://", 0, "");
  url_is("redis://h", 0, "");
  url_is("redis://u:p%40@[::1]:1/15", 0, "");
  url_is("unix:///tmp/x", 0, "");
  url_is("http://h", UV_EINVAL, begins);
  url_is("rediss://h", UV_EINVAL,
         "tls: it must be set if the url begins with \"rediss\", and only then");
  url_is("redis://h:x", UV_EINVAL, port);
  url_is("redis://h:0", UV_EINVAL, port);
  url_is("redis://h:00", UV_EINVAL, port);
  url_is("redis://h:", UV_EINVAL, port);
  url_is("redis://h:65536", UV_EINVAL, port);
  url_is("redis://h:0065536", UV_EINVAL, port);
  url_is("redis://[::1", UV_EINVAL, bracket);
  url_is("redis://[::1]x", UV_EINVAL, bracket);
  url_is("redis://h/x", UV_EINVAL, "url: the database is not a number from 0 to 1000000");
  url_is("redis://h/", 0, "");
  url_is("redis://[::1]", 0, "");
  url_is("redis://:p@h", 0, "");
  url_is("redis://u%0a@h", 0, "");
  for (size_t i = 0; i < sizeof percent / sizeof *percent; i++)
    url_is(percent[i], UV_EINVAL, "url: a '%' is followed by 00, or not by two hexadecimal digits");
  memset(host + 8, 'h', 256);
  url_is(host, UV_EINVAL, "url: the name of a host is longer than 255 bytes");
  host[8 + 255] = '\0';
  url_is(host, 0, "");
  url_is("redis+sentinel://h,[::1]:26380/mymaster", 0, "");
  url_is("redis+sentinel://u:p@h:1,h:2/my%20master/3", 0, "");
  url_is("rediss+cluster://h", UV_EINVAL,
         "tls: it must be set if the url begins with \"rediss\", and only then");
  url_is("redis+cluster://u:p@a:1,b:2,c/0", 0, "");
  url_is("redis+sentinel://h", UV_EINVAL, "url: the name of the master is missing after the hosts");
  url_is("redis+sentinel://h//1", UV_EINVAL,
         "url: the name of the master is missing after the hosts");
  url_is("redis+sentinel://h/m/x", UV_EINVAL,
         "url: the database is not a number from 0 to 1000000");
  url_is("redis+sentinel://h:1,h:x/m", UV_EINVAL, port);
  url_is("redis+cluster://h/1", UV_EINVAL, "url: a Redis Cluster has only the database 0");
  url_is("redis+cluster://1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16", 0, "");
  url_is("redis+cluster://1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", UV_EINVAL,
         "url: it has more than 16 hosts");
  url_is("unix://x", UV_EINVAL, path);
  EQ(uv_loop_close(&loop), 0);
  EQ(alloc_live, 0);
}

static void options_are_refused(sio_redis_options o, const char *text) {
  sio_redis *r;
  EQ(sio_redis_new(&loop, &o, why, sizeof why, &r), UV_EINVAL);
  EQ_STR(why, text);
}

TEST(options_are_checked) {
  sio_redis *r;
  struct {
    sio_redis_options o;
    uintptr_t later;
  } newer = { .o = { .size = sizeof newer }, .later = 1 };
  uv_loop_init(&loop);
  options_are_refused((sio_redis_options){ .username = "u" },
                      "username: it is set, but password is not");
  options_are_refused((sio_redis_options){ .sentinel_username = "u" },
                      "sentinel_username: it is set, but sentinel_password is not");
  options_are_refused((sio_redis_options){ .sentinel_password = "p" },
                      "sentinel_password: the url does not name sentinels");
  options_are_refused(
      (sio_redis_options){ .client_name = "a b" },
      "client_name: it is empty, or contains a space or a character that is not printable ASCII");
  options_are_refused(
      (sio_redis_options){ .client_name = "a\x7f" },
      "client_name: it is empty, or contains a space or a character that is not printable ASCII");
  options_are_refused(
      (sio_redis_options){ .client_name = "" },
      "client_name: it is empty, or contains a space or a character that is not printable ASCII");
  options_are_refused((sio_redis_options){ .log_level = -2 },
                      "log_level: it is not a value of enum sio_log_level");
  options_are_refused((sio_redis_options){ .log_level = 9 },
                      "log_level: it is not a value of enum sio_log_level");
  EQ(sio_redis_new(&loop, &newer.o, why, sizeof why, &r), UV_EINVAL);
  EQ_STR(why, "the size is invalid, or an option of a newer version is set");
  EQ(sio_redis_new(NULL, NULL, NULL, 0, &r), UV_EINVAL);
  EQ(sio_redis_new(&loop, NULL, NULL, 0, NULL), UV_EINVAL);
  EQ(sio_redis_new(&loop, &(sio_redis_options){ .client_name = "" }, why, 0, &r), UV_EINVAL);
  sio_redis_free(NULL);
  EQ(uv_loop_close(&loop), 0);
}

/* ---- broadcasts out -------------------------------------------------------------------------- */

TEST(broadcasts_are_published_as_npm_does_it) {
  begin(NULL);
  struct peer *p = joined();
  sio_broadcast(ALL, "ev", SIO_ARGS("x", 1));
  PUBLISHED("socket.io#/#", "93a677316759557a83a47479706502a46461746193a26576a17801a36e7370a12f83"
                            "a5726f6f6d7390a665786365707490a5666c61677380");
  sio_target to = { .nsp = root, .rooms = SIO_ROOMS("room1") };
  sio_broadcast(to, "ev", SIO_ARGS(sio_json(SLICE("{\"a\":[1,2.5,null,true]}"))));
  PUBLISHED("socket.io#/#room1#",
            "93a677316759557a83a47479706502a46461746192a2657681a1619401cb4004000000000000c0c3a36e"
            "7370a12f83a5726f6f6d7391a5726f6f6d31a665786365707490a5666c61677380");
  to.rooms = SIO_ROOMS("room1", "room2");
  to.except = SIO_ROOMS("room3");
  sio_broadcast(to, "ev", SIO_NONE);
  PUBLISHED("socket.io#/#",
            "93a677316759557a83a47479706502a46461746191a26576a36e7370a12f83a5726f6f6d7392a5726f6f"
            "6d31a5726f6f6d32a665786365707491a5726f6f6d33a5666c61677380");
  sio_broadcast((sio_target){ .nsp = root, .flags = SIO_VOLATILE | SIO_NO_COMPRESS }, "ev",
                SIO_NONE);
  PUBLISHED("socket.io#/#",
            "93a677316759557a83a47479706502a46461746191a26576a36e7370a12f83a5726f6f6d7390a6657863"
            "65707490a5666c61677382a8766f6c6174696c65c3a8636f6d7072657373c2");
  sio_slice bins[] = { { "\1\2\3", 3 }, { "\4\5", 2 } };
  sio_val v[] = { sio_bin(bins[0].p, 3),
                  sio_json_bins(SLICE("{\"b\":{\"_placeholder\":true,\"num\":0}}"), bins + 1, 1) };
  sio_broadcast(ALL, "bin", sio_argv(v, 2));
  PUBLISHED("socket.io#/#",
            "93a677316759557a83a47479706502a46461746193a362696ec40301020381a162c4020405a36e7370a1"
            "2f83a5726f6f6d7390a665786365707490a5666c61677380");
  HEARD(p, "42[\"ev\",\"x\",1] 42[\"ev\"] 452-[\"bin\",{\"_placeholder\":true,\"num\":0},"
           "{\"b\":{\"_placeholder\":true,\"num\":1}}] b:010203 b:0405 ");
  end();
}

TEST(a_namespace_publishes_on_channels_of_its_own) {
  static const char *const names[] = { "Gpc5G4", NULL }; /* of all namespaces */
  sio_nsp *chat;
  ids = names;
  EQ(begin_code(NULL), 0);
  EQ(sio_of(srv, "/chat", &chat), 0);
  UNTIL(redis_stats().state == SIO_REDIS_READY);
  sio_broadcast((sio_target){ .nsp = chat }, "ev", SIO_NONE);
  PUBLISHED("socket.io#/chat#",
            "93a647706335473483a47479706502a46461746191a26576a36e7370a52f6368617483a5726f6f6d7390"
            "a665786365707490a5666c61677380");
  end();
}

TEST(who_is_skipped_is_left_out_by_its_id) {
  begin(NULL);
  struct peer *p = joined(), *q = joined();
  sio_socket *s = root->members[0];
  memcpy((char *)(uintptr_t)s->id, "m7mA-vXPRAgNnD-sAAAB", 20);
  sio_broadcast((sio_target){ .nsp = root, .skip = s }, "joined", SIO_NONE);
  PUBLISHED("socket.io#/#",
            "93a677316759557a83a47479706502a46461746191a66a6f696e6564a36e7370a12f83a5726f6f6d7390"
            "a665786365707491b46d376d412d7658505241674e6e442d7341414142a5666c61677380");
  sio_broadcast((sio_target){ .nsp = root, .rooms = SIO_ROOMS("zz"), .skip = s }, "toz", SIO_NONE);
  PUBLISHED("socket.io#/#zz#",
            "93a677316759557a83a47479706502a46461746191a3746f7aa36e7370a12f83a5726f6f6d7391a27a7a"
            "a665786365707491b46d376d412d7658505241674e6e442d7341414142a5666c61677380");
  HEARD(p, "");
  HEARD(q, "42[\"joined\"] ");
  end();
}

TEST(what_is_local_or_for_nobody_is_not_published) {
  begin(NULL);
  const char *const nobody[] = { NULL };
  struct peer *p = joined();
  sio_broadcast((sio_target){ .nsp = root, .flags = SIO_LOCAL }, "ev", SIO_NONE);
  sio_broadcast((sio_target){ .nsp = root, .rooms = nobody }, "ev", SIO_NONE);
  sio_all_join((sio_target){ .nsp = root, .flags = SIO_LOCAL }, SIO_ROOMS("r"));
  sio_emit(root->members[0], "one", SIO_NONE);
  NOTHING_PUBLISHED();
  HEARD(p, "42[\"ev\"] 42[\"one\"] ");
  end();
}

TEST(joins_leaves_and_disconnects_apply_here_and_are_published) {
  begin(NULL);
  struct peer *p = joined();
  sio_target room1 = { .nsp = root, .rooms = SIO_ROOMS("room1") };
  sio_all_join(ALL, SIO_ROOMS("room1"));
  PUBLISHED("socket.io-request#/#", "{\"uid\":\"w1gYUz\",\"type\":2,\"opts\":{\"rooms\":[],"
                                    "\"except\":[]},\"rooms\":[\"room1\"]}");
  EQ(sio_nsp_count_sockets(root, "room1"), 1);
  sio_all_join(room1, SIO_ROOMS("r2", "r3"));
  PUBLISHED("socket.io-request#/#", "{\"uid\":\"w1gYUz\",\"type\":2,\"opts\":{\"rooms\":"
                                    "[\"room1\"],\"except\":[]},\"rooms\":[\"r2\",\"r3\"]}");
  sio_all_leave(room1, SIO_ROOMS("r2"));
  PUBLISHED("socket.io-request#/#", "{\"uid\":\"w1gYUz\",\"type\":3,\"opts\":{\"rooms\":"
                                    "[\"room1\"],\"except\":[]},\"rooms\":[\"r2\"]}");
  EQ(sio_nsp_count_sockets(root, "r2") * 10 + sio_nsp_count_sockets(root, "r3"), 1);
  sio_all_disconnect(room1, true);
  PUBLISHED("socket.io-request#/#", "{\"uid\":\"w1gYUz\",\"type\":4,\"opts\":{\"rooms\":"
                                    "[\"room1\"],\"except\":[]},\"close\":true}");
  HEARD(p, "41 end ");
  end();
}

/* ---- broadcasts in --------------------------------------------------------------------------- */

TEST(broadcasts_of_other_servers_are_delivered) {
  begin(NULL);
  struct peer *p = joined(), *q = joined();
  sio_join(root->members[0], "room1");
  push_hex("socket.io#/#",
           "93a6777777777777"
           "83a47479706502a46461746193a26576a17801a36e7370a12f83a5726f6f6d7390a66578636570"
           "7490a5666c61677380");
  push_hex("socket.io#/#room1#",
           "93a677777777777783a47479706502a46461746192a2657681a1619401cb4004000000000000c0c3a36e"
           "7370a12f83a5726f6f6d7391a5726f6f6d31a665786365707490a5666c61677380");
  push_hex("socket.io#/#",
           "93a677777777777783a47479706502a46461746193a362696ec40301020381a162c4020405a36e7370a1"
           "2f83a5726f6f6d7390a665786365707490a5666c61677380");
  push_hex("socket.io#/#",
           "93a677777777777783a47479706502a46461746194a175c0d7ff1d5353006553f10081a17a01a36e7370"
           "a12f83a5726f6f6d7391a5726f6f6d31a665786365707490a5666c61677380");
  HEARD(p, "42[\"ev\",\"x\",1] 42[\"ev\",{\"a\":[1,2.5,null,true]}] "
           "452-[\"bin\",{\"_placeholder\":true,\"num\":0},{\"b\":{\"_placeholder\":true,"
           "\"num\":1}}] b:010203 b:0405 42[\"u\",null,\"2023-11-14T22:13:20.123Z\",{\"z\":1}] ");
  HEARD(q, "42[\"ev\",\"x\",1] 452-[\"bin\",{\"_placeholder\":true,\"num\":0},"
           "{\"b\":{\"_placeholder\":true,\"num\":1}}] b:010203 b:0405 ");
  EQ(redis_stats().received, 4);
  EQ(redis_stats().malformed, 0);
  end();
}

/* Keeps what is sent, and shows its arguments. */
static void on_outgoing(sio_socket *s, const char *event, sio_args args, void *user) {
  sio_event *kept = sio_event_new(event, args);
  sio_slice json = sio_event_json(kept, 0), more = sio_event_json(kept, 1);
  (void)s, (void)user;
  sio_slice bin = sio_event_bin(kept, 0);
  trace("%s %.*s %.*s %d ", event, (int)json.n, json.p, (int)more.n, more.p, bin.n ? bin.p[2] : 0);
  sio_event_free(kept);
}

TEST(the_arguments_of_events_of_other_servers_can_be_read_while_they_are_sent) {
  begin(NULL);
  sio_on_any_outgoing(root, on_outgoing, NULL);
  struct peer *p = joined();
  SAW("connecting ready ");
  push_hex("socket.io#/#",
           "93a6777777777777"
           "83a47479706502a46461746193a26576a17801a36e7370a12f83a5726f6f6d7390a66578636570"
           "7490a5666c61677380");
  SAW("ev \"x\" 1 0 ");
  push_hex("socket.io#/#",
           "93a677777777777783a47479706502a46461746193a362696ec40301020381a162c4020405a36e7370a1"
           "2f83a5726f6f6d7390a665786365707490a5666c61677380");
  SAW("bin   3 ");
  HEARD(p, "42[\"ev\",\"x\",1] 452-[\"bin\",{\"_placeholder\":true,\"num\":0},"
           "{\"b\":{\"_placeholder\":true,\"num\":1}}] b:010203 b:0405 ");
  end();
}

TEST(what_is_our_own_or_for_nobody_here_is_ignored) {
  begin(NULL);
  struct peer *p = joined();
  /* our uid */
  push_hex("socket.io#/#", "93a677316759557a83a47479706502a46461746191a26576a36e7370a12f83a5726f6f"
                           "6d7390a665786365707490a5666c61677380");
  /* nobody is in the channel's room: not even read */
  push("socket.io#/#empty#", SLICE("\xff"));
  /* another namespace in the packet; rooms that cannot be here */
  push_hex("socket.io#/#", "93a677777777777783a47479706502a46461746191a26576a36e7370a22f7883a5726f"
                           "6f6d7390a665786365707490a5666c61677380");
  push_hex("socket.io#/#", "93a677777777777783a47479706502a46461746191a26576a36e7370a12f83a5726f6f"
                           "6d7391a3780079a665786365707490a5666c61677380");
  HEARD(p, "");
  EQ(redis_stats().malformed, 0);
  end();
}

TEST(rooms_as_numbers_and_missing_flags_and_nsp_are_understood) {
  begin(NULL);
  struct peer *p = joined();
  sio_join(root->members[0], "7");
  push_hex("socket.io#/#", "93a677777777777782a47479706502a46461746191a2657682a5726f6f6d7392"
                           "a17807a665786365707491d0c0");
  HEARD(p, "42[\"ev\"] ");
  EQ(redis_stats().malformed, 0);
  end();
}

__attribute__((format(printf, 1, 2))) static void request_of_version_6(const char *format, ...) {
  char text[300];
  va_list ap;
  va_start(ap, format);
  vsnprintf(text, sizeof text, format, ap);
  va_end(ap);
  push("socket.io-request#/#", slice_str(text));
}

TEST(requests_of_version_6_name_one_socket) {
  begin(NULL);
  struct peer *p = joined(), *q = joined();
  char sid[64];
  snprintf(sid, sizeof sid, "%s", sio_socket_id(root->members[0]));
  request_of_version_6("{\"uid\":\"other\",\"requestId\":\"aBcDeF\",\"type\":2,\"sid\":\"%s\","
                       "\"room\":\"r\"}",
                       sid);
  PUBLISHED("socket.io-response#/#", "{\"requestId\":\"aBcDeF\"}");
  CHECK(sio_in_room(root->members[0], "r") && !sio_in_room(root->members[1], "r"));
  request_of_version_6("{\"type\":2,\"sid\":\"%s\",\"room\":7}", sid);
  CHECK(sio_in_room(root->members[0], "7"));
  request_of_version_6("{\"uid\":\"other\",\"requestId\":\"b\",\"type\":3,\"sid\":\"%s\","
                       "\"room\":\"r\"}",
                       sid);
  PUBLISHED("socket.io-response#/#", "{\"requestId\":\"b\"}");
  CHECK(!sio_in_room(root->members[0], "r"));
  request_of_version_6("{\"uid\":\"other\",\"requestId\":\"c\",\"type\":4,\"sid\":\"%s\"}",
                       "not here");
  EQ(redis_stats().malformed, 0);
  request_of_version_6("{\"uid\":\"other\",\"requestId\":\"d\",\"type\":4,\"sid\":\"%s\","
                       "\"close\":true}",
                       sid);
  PUBLISHED("socket.io-response#/#", "{\"requestId\":\"d\"}");
  NOTHING_PUBLISHED();
  HEARD(p, "41 end ");
  HEARD(q, "");
  request_of_version_6("{\"type\":2,\"room\":\"r\"}");
  request_of_version_6("{\"type\":3,\"sid\":\"%s\"}", sid);
  EQ(redis_stats().malformed, 2);
  end();
}

TEST(malformed_messages_are_counted_and_do_no_harm) {
  static const char *const broadcasts[] = {
    "",
    "ff",
    "c0",
    "90",
    "93",
    "93a1780000",
    "93a17881a0",
    "9381a0a0a0",
    "93a17880c0",
    "93a1788080",
    "93a17882a47479706502a464617461c080",
    "93a17882a47479706505a46461746191a2657680",
    "93a17882a47479706502a4646174619080",
    "93a17882a47479706502a46461746191c380",
    "93a17882a47479706502a46461746191a2657681a5726f6f6d7307",
    "93a17882a47479706502a46461746191a2657681a5666c6167739101",
    "93a17882a47479706502a46461746191a2657680ff",
    "dd7fffffff",
    "c67fffffff",
    "df7fffffff",
  };
  static const char *const requests[] = {
    "{",
    "{}",
    "{\"type\":\"x\"}",
    "{\"type\":99}",
    "{\"type\":-1}",
    "{\"type\":5}",
    "[1]",
    "7",
    "{\"type\":2}",
    "{\"type\":2,\"opts\":7}",
    "{\"type\":2,\"opts\":{},\"rooms\":7}",
    "{\"type\":6,\"data\":7}",
    "{\"type\":6,\"data\":[]}",
    "{\"type\":6}",
    "{\"type\":7,\"requestId\":\"1\"}",
    "{\"type\":7,\"requestId\":\"1\",\"packet\":{}}",
    "{\"type\":5,\"requestId\":7}",
    "{\"uid\":7,\"type\":1,\"requestId\":\"1\"}",
    "{\"type\":1,\"requestId\":\"a name that is longer than any other server makes one\"}",
    "{\"type\":5,\"requestId\":\"\xff\"}",
    "{\"type\":0,\"requestId\":\"1\",\"rooms\":7}",
  };
  begin(NULL);
  struct peer *p = joined();
  unsigned n = 0;
  for (size_t i = 0; i < sizeof broadcasts / sizeof *broadcasts; i++) {
    push_hex("socket.io#/#", broadcasts[i]);
    n++;
    EQ(redis_stats().malformed, n);
  }
  for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
    push("socket.io-request#/#", slice_str(requests[i]));
    n++;
    if (redis_stats().malformed != n) fprintf(stderr, "request %s\n", requests[i]);
    EQ(redis_stats().malformed, n);
    n = (unsigned)redis_stats().malformed;
  }
  HEARD(p, "");
  NOTHING_PUBLISHED();
  CHECK(strstr(lines, "a message on socket.io#/# is ignored: the message is malformed\n"));
  end();
}

TEST(a_request_that_finds_max_acks_questions_pending_is_not_malformed) {
  rig_max_acks = 1;
  begin(NULL);
  rig_max_acks = 0;
  EQ(sio_broadcast_ack(ALL, "q", SIO_NONE, 1500, on_replies, NULL), 0);
  settle();
  push("socket.io-request#/#", SLICE("{\"uid\":\"x\",\"requestId\":\"1\",\"type\":7,\"packet\":"
                                     "{\"type\":2,\"data\":[\"q\"]},\"opts\":{}}"));
  EQ(redis_stats().unhandled, 1);
  push("socket.io-request#/#", SLICE("{\"requestId\":\"2\",\"type\":5,\"opts\":{}}"));
  EQ(redis_stats().unhandled, 2);
  EQ(redis_stats().malformed, 0);
  CHECK(strstr(lines,
               "a message on socket.io-request#/# is ignored: max_acks queries are pending\n"));
  end();
}

TEST(a_request_that_comes_while_the_server_closes_is_not_malformed) {
  begin(NULL);
  joined();
  srv->core.closing = true;
  push("socket.io-request#/#", SLICE("{\"uid\":\"x\",\"requestId\":\"2\",\"type\":7,\"packet\":"
                                     "{\"type\":2,\"data\":[\"q\"]},\"opts\":{\"rooms\":[]}}"));
  srv->core.closing = false;
  EQ(redis_stats().received, 1);
  EQ(redis_stats().malformed, 0);
  CHECK(!strstr(lines, "is ignored"));
  end();
}

/* ---- requests of others ---------------------------------------------------------------------- */

TEST(join_leave_and_disconnect_of_others_apply_here) {
  begin(NULL);
  struct peer *p = joined(), *q = joined();
  push("socket.io-request#/#", SLICE("{\"type\":2,\"opts\":{\"rooms\":[],\"except\":[]},"
                                     "\"rooms\":[\"r\",\"s\"]}"));
  EQ(sio_nsp_count_sockets(root, "r") * 10 + sio_nsp_count_sockets(root, "s"), 22);
  sio_join(root->members[0], "x");
  push("socket.io-request#/#", SLICE("{\"uid\":\"wwwwww\",\"type\":3,\"opts\":{\"rooms\":[\"x\"],"
                                     "\"except\":[]},\"rooms\":[\"r\"]}"));
  EQ(sio_nsp_count_sockets(root, "r"), 1);
  push_hex("socket.io-request#/#", "83a47479706502a46f707473"
                                   "82a5726f6f6d7391a178a665786365707490a5726f6f6d7391a16d");
  EQ(sio_nsp_count_sockets(root, "m"), 1);
  push("socket.io-request#/#", SLICE("{\"type\":4,\"opts\":{\"rooms\":[\"x\"],\"except\":[]},"
                                     "\"close\":false}"));
  HEARD(p, "41 ");
  push("socket.io-request#/#", SLICE("{\"type\":4,\"opts\":{\"rooms\":[],\"except\":[]},"
                                     "\"close\":true}"));
  HEARD(q, "41 end ");
  EQ(redis_stats().malformed, 0);
  NOTHING_PUBLISHED();
  end();
}

TEST(a_broadcast_with_acks_of_another_server_is_counted_and_answered) {
  begin(NULL);
  struct peer *p = joined();
  push_hex("socket.io-request#/#",
           "85a3756964a6777777777777a9726571756573744964a6586755684537a47479706507a67061636b6574"
           "83a47479706502a46461746192a17107a36e7370a12fa46f70747383a5726f6f6d7390a6657863657074"
           "90a5666c61677381a774696d656f7574cd05dc");
  HEARD(p, "420[\"q\",7] ");
  PUBLISHED("socket.io-response#/#", "{\"type\":8,\"requestId\":\"XgUhE7\",\"clientCount\":1}");
  say(p, "430[\"clientAck\",2]");
  PUBLISHED("socket.io-response#/#",
            "83a47479706509a9726571756573744964a6586755684537a67061636b6574a9636c69656e7441636b");
  end();
}

TEST(nobody_is_a_count_of_zero) {
  begin(NULL);
  push("socket.io-request#/#", SLICE("{\"uid\":\"x\",\"requestId\":\"1\",\"type\":7,\"packet\":"
                                     "{\"type\":2,\"data\":[\"q\"],\"nsp\":\"/\"},\"opts\":{"
                                     "\"rooms\":[\"nobody\"],\"except\":[]}}"));
  PUBLISHED("socket.io-response#/#", "{\"type\":8,\"requestId\":\"1\",\"clientCount\":0}");
  end();
}

TEST(who_is_here_and_which_rooms_are_is_answered) {
  begin(NULL);
  struct peer *p = joined();
  (void)p;
  memcpy((char *)(uintptr_t)root->members[0]->id, "_xSkY0uDBU4R8jQOAAAA", 20);
  sio_join(root->members[0], "room1");
  sio_socket_set_shared(root->members[0], SLICE("{\"user\":\"bob\"}"));
  push("socket.io-request#/#", SLICE("{\"uid\":\"x\",\"requestId\":\"1\",\"type\":1}"));
  PUBLISHED("socket.io-response#/#",
            "{\"requestId\":\"1\",\"rooms\":[\"room1\",\"_xSkY0uDBU4R8jQOAAAA\"]}");
  push("socket.io-request#/#",
       SLICE("{\"uid\":\"x\",\"requestId\":\"2\",\"type\":0,\"rooms\":[\"room1\"]}"));
  PUBLISHED("socket.io-response#/#",
            "{\"requestId\":\"2\",\"sockets\":[\"_xSkY0uDBU4R8jQOAAAA\"]}");
  push("socket.io-request#/#", SLICE("{\"uid\":\"x\",\"requestId\":\"3\",\"type\":5,\"opts\":{"
                                     "\"rooms\":[\"nobody\"],\"except\":[]}}"));
  PUBLISHED("socket.io-response#/#", "{\"requestId\":\"3\",\"sockets\":[]}");
  end();
}

TEST(events_of_other_servers_are_heard_and_answered) {
  begin(NULL);
  saw();
  sio_on_server_side(root, "hello", on_hello, "pongB");
  push("socket.io-request#/#", SLICE("{\"uid\":\"x\",\"type\":6,\"data\":[\"hello\",\"w\",1]}"));
  NOTHING_PUBLISHED();
  push("socket.io-request#/#", SLICE("{\"uid\":\"x\",\"requestId\":\"LBMkcY\",\"type\":6,\"data\":"
                                     "[\"hello\",{\"x\":1}]}"));
  PUBLISHED("socket.io-response#/#", "{\"type\":6,\"requestId\":\"LBMkcY\",\"data\":\"pongB\"}");
  SAW("hello \"w\" hello {\"x\":1} ");
  end();
}

TEST(answers_go_to_the_asker_alone_if_wanted) {
  cluster.publish_on_specific_response_channel = true;
  begin(NULL);
  push("socket.io-request#/#", SLICE("{\"uid\":\"abcdef\",\"requestId\":\"1\",\"type\":1}"));
  PUBLISHED("socket.io-response#/#abcdef#", "{\"requestId\":\"1\",\"rooms\":[]}");
  end();
  cluster.publish_on_specific_response_channel = false;
}

/* ---- questions of our own -------------------------------------------------------------------- */

TEST(a_broadcast_with_acks_asks_all_servers) {
  begin(NULL);
  saw();
  struct peer *p = joined();
  servers = 3;
  draw("XgUhE7");
  EQ(sio_broadcast_ack(ALL, "q", SIO_ARGS(7), 1500, on_replies, NULL), 0);
  PUBLISHED("socket.io-request#/#",
            "85a3756964a677316759557aa9726571756573744964a6586755684537a47479706507a67061636b6574"
            "83a47479706502a46461746192a17107a36e7370a12fa46f70747383a5726f6f6d7390a6657863657074"
            "90a5666c61677381a774696d656f7574cd05dc");
  HEARD(p, "420[\"q\",7] ");
  say(p, "430[\"here\"]");
  push("socket.io-response#/#", SLICE("{\"type\":8,\"requestId\":\"XgUhE7\",\"clientCount\":1}"));
  push("socket.io-response#/#", SLICE("{\"type\":8,\"requestId\":\"XgUhE7\",\"clientCount\":0}"));
  push("socket.io-response#/#", SLICE("{\"type\":8,\"requestId\":\"others\",\"clientCount\":9}"));
  settle();
  SAW("");
  push_hex("socket.io-response#/#",
           "83a47479706509a9726571756573744964a6586755684537a67061636b6574a9636c69656e7441636b");
  SAW("all 2/2 \"here\" \"clientAck\" ");
  end();
}

TEST(sockets_of_other_servers_are_fetched) {
  begin(NULL);
  saw();
  joined();
  draw("2hCaKp");
  EQ(sio_all_fetch(ALL, 0, on_list, NULL), 0);
  PUBLISHED("socket.io-request#/#", "{\"uid\":\"w1gYUz\",\"requestId\":\"2hCaKp\",\"type\":5,"
                                    "\"opts\":{\"rooms\":[],\"except\":[]}}");
  push("socket.io-response#/#",
       SLICE("{\"requestId\":\"2hCaKp\",\"sockets\":[{\"id\":\"far\",\"handshake\":{\"auth\":"
             "{\"t\":1}},\"rooms\":[\"far\",\"r\"],\"data\":{\"u\":2}}]}"));
  SAW("all own far in far in r {\"u\":2} {\"t\":1} ");
  end();
}

TEST(servers_are_asked_and_counted) {
  begin(NULL);
  saw();
  servers = 3;
  draw("LBMkcY");
  EQ(sio_server_side_emit(root, "hello", SIO_ARGS(sio_json(SLICE("{\"x\":1}"))), 0, on_replies,
                          NULL),
     0);
  PUBLISHED("socket.io-request#/#", "{\"uid\":\"w1gYUz\",\"requestId\":\"LBMkcY\",\"type\":6,"
                                    "\"data\":[\"hello\",{\"x\":1}]}");
  push("socket.io-response#/#", SLICE("{\"type\":6,\"requestId\":\"LBMkcY\",\"data\":\"pongB\"}"));
  SAW("");
  push("socket.io-response#/#", SLICE("{\"type\":6,\"requestId\":\"LBMkcY\",\"data\":[2]}"));
  SAW("all 2/2 \"pongB\" [2] ");
  EQ(sio_server_count(root, 0, on_count, NULL), 0);
  settle();
  SAW("all 3 ");
  EQ(sio_server_side_emit(root, "hello", SIO_ARGS("w", 1), 0, NULL, NULL), 0);
  PUBLISHED("socket.io-request#/#", "{\"uid\":\"w1gYUz\",\"type\":6,\"data\":[\"hello\",\"w\",1]}");
  end();
}

TEST(alone_in_the_cluster_everybody_has_answered) {
  begin(NULL);
  saw();
  servers = 1;
  sio_broadcast_ack(ALL, "q", SIO_NONE, 0, on_replies, NULL);
  sio_all_fetch(ALL, 0, on_list, NULL);
  sio_server_side_emit(root, "hello", SIO_NONE, 0, on_replies, NULL);
  sio_server_count(root, 0, on_count, NULL);
  settle();
  SAW("all 0/0 all all 0/0 all 1 ");
  end();
}

TEST(a_question_ends_in_time_with_the_answers_that_came) {
  begin(NULL);
  saw();
  servers = 3;
  draw("LBMkcY");
  sio_server_side_emit(root, "hello", SIO_NONE, 700, on_replies, NULL);
  settle();
  push("socket.io-response#/#", SLICE("{\"type\":6,\"requestId\":\"LBMkcY\",\"data\":1}"));
  SAW("");
  later(699);
  SAW("");
  later(1);
  settle();
  SAW("operation has timed out 1/2 1 ");
  push("socket.io-response#/#", SLICE("{\"type\":6,\"requestId\":\"LBMkcY\",\"data\":2}"));
  SAW("");
  end();
}

TEST(what_redis_cannot_count_ends_at_once) {
  begin(NULL);
  saw();
  servers = -1;
  sio_server_count(root, 0, on_count, NULL);
  settle();
  SAW("i/o error 1 ");
  EQ(redis_stats().errors, 1);
  CHECK(strstr(lines, "Redis refuses a command: NOPERM this user has no permissions\n"));
  end();
}

TEST(questions_end_when_the_server_closes) {
  begin(NULL);
  saw();
  sio_all_fetch(ALL, 0, on_list, NULL);
  sio_server_close(srv, on_done, NULL);
  UNTIL(closed);
  settle();
  SAW("the peer is gone idle: no namespace uses this sio_redis ");
  end();
}

/* ---- what is here ---------------------------------------------------------------------------- */

TEST(rooms_of_this_server_are_listed_and_counted) {
  const char *names[4];
  begin(NULL);
  joined();
  sio_join(root->members[0], "r");
  EQ(sio_nsp_rooms(root, names, 4), 2);
  EQ(sio_nsp_count_sockets(root, "r"), 1);
  EQ_STR(names[0], "r");
  end();
}

TEST(a_fetch_of_nobody_asks_nobody) {
  const char *const nobody[] = { NULL };
  begin(NULL);
  saw();
  EQ(sio_all_fetch((sio_target){ .nsp = root, .rooms = nobody }, 0, on_list, NULL), 0);
  settle();
  SAW("all ");
  NOTHING_PUBLISHED();
  end();
}

TEST(a_subscription_mode_is_one_of_three) {
  cluster.subscription_mode = -1;
  EQ(begin_code(NULL), UV_EINVAL);
  cluster.subscription_mode = 0;
  sio_redis_free(redis);
  fake_stop_listening();
  nothing_left();
}

TESTS_BEGIN
T(a_namespace_subscribes_to_four_names)
T(the_signs_of_a_pattern_are_escaped_in_names)
T(a_namespace_may_have_a_long_name)
T(it_logs_in_with_user_password_and_database)
T(two_servers_of_one_sio_redis_cannot_have_the_same_namespace)
T(an_adapter_needs_its_options)
T(urls_are_checked)
T(leading_zeros_in_urls_are_skipped)
T(options_are_checked)
T(broadcasts_are_published_as_npm_does_it)
T(a_namespace_publishes_on_channels_of_its_own)
T(who_is_skipped_is_left_out_by_its_id)
T(what_is_local_or_for_nobody_is_not_published)
T(joins_leaves_and_disconnects_apply_here_and_are_published)
T(broadcasts_of_other_servers_are_delivered)
T(the_arguments_of_events_of_other_servers_can_be_read_while_they_are_sent)
T(what_is_our_own_or_for_nobody_here_is_ignored)
T(rooms_as_numbers_and_missing_flags_and_nsp_are_understood)
T(requests_of_version_6_name_one_socket)
T(malformed_messages_are_counted_and_do_no_harm)
T(a_request_that_finds_max_acks_questions_pending_is_not_malformed)
T(a_request_that_comes_while_the_server_closes_is_not_malformed)
T(join_leave_and_disconnect_of_others_apply_here)
T(a_broadcast_with_acks_of_another_server_is_counted_and_answered)
T(nobody_is_a_count_of_zero)
T(who_is_here_and_which_rooms_are_is_answered)
T(events_of_other_servers_are_heard_and_answered)
T(answers_go_to_the_asker_alone_if_wanted)
T(a_broadcast_with_acks_asks_all_servers)
T(sockets_of_other_servers_are_fetched)
T(servers_are_asked_and_counted)
T(alone_in_the_cluster_everybody_has_answered)
T(a_question_ends_in_time_with_the_answers_that_came)
T(what_redis_cannot_count_ends_at_once)
T(questions_end_when_the_server_closes)
T(rooms_of_this_server_are_listed_and_counted)
T(a_fetch_of_nobody_asks_nobody)
T(a_subscription_mode_is_one_of_three)
TESTS_END
