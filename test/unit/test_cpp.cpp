/* SPDX-License-Identifier: MIT
 *
 * test_cpp.cpp - sio.hpp: values, handlers and their lives, exceptions, owners. It is built as
 * C++17 and as C++20.
 */
#include <sio/sio.hpp>
#include <sio/test.h>

#include <cstdlib>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <uv.h>
#if __has_include(<nlohmann/json.hpp>)
#include <sio/nlohmann.hpp>
#define HAS_NLOHMANN 1
#endif
#if __cplusplus >= 202002L
#include <span>
#endif

#include "test.h" /* last, because it defines T() */

using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

/* ---- a server, its root, and clients in memory ----------------------------------------------- */

/* A loop that is alive also while nothing but clients in memory is there. */
struct loop {
  uv_loop_t uv;
  uv_async_t keep;

  loop() {
    uv_loop_init(&uv);
    uv_async_init(&uv, &keep, nullptr);
  }
  ~loop() {
    uv_close(reinterpret_cast<uv_handle_t *>(&keep), nullptr);
    uv_run(&uv, UV_RUN_DEFAULT);
    EQ(uv_loop_close(&uv), 0);
  }
  void turn() { uv_run(&uv, UV_RUN_NOWAIT); }
  void wait() { uv_run(&uv, UV_RUN_ONCE); }
  /* Until nothing is left. */
  void run() {
    uv_unref(reinterpret_cast<uv_handle_t *>(&keep));
    uv_run(&uv, UV_RUN_DEFAULT);
    uv_ref(reinterpret_cast<uv_handle_t *>(&keep));
  }
};

struct rig : loop {
  sio::server server;
  sio::nsp root;

  explicit rig(const sio_options &options = {}) {
    CHECK(!server.open(&uv, options));
    CHECK(!server.of("/", root));
  }
  void close() {
    server.close();
    run();
  }
  ~rig() { close(); }
};

struct client {
  sio_test_peer *p = nullptr;

  explicit client(rig &r, const char *nsp = "/", const char *auth = nullptr) {
    EQ(sio_test_connect(r.server.get(), nsp, auth, &p), 0);
  }
  client(const client &) = delete;
  client &operator=(const client &) = delete;
  ~client() { sio_test_free(p); }
  std::string heard() {
    const char *text = sio_test_next(p);
    return text ? text : "(nothing)";
  }
  void say(const char *event, sio_args args = SIO_NONE) { EQ(sio_test_emit(p, event, args), 0); }
  void ask(const char *event, sio_args args = SIO_NONE) { EQ(sio_test_ask(p, event, args), 0); }
  sio::socket socket() { return sio::socket(sio_test_socket(p)); }
};

#define IS(got, want)                    \
  do {                                   \
    std::string got_ = (got);            \
    std::string want_ = (want);          \
    EQ_STR(got_.c_str(), want_.c_str()); \
  } while (0)

/* Captured by a lambda, it counts how many of them live. */
struct token {
  int *lives;
  explicit token(int &n) : lives(&n) { ++n; }
  token(const token &t) : lives(t.lives) { ++*lives; }
  token(token &&t) noexcept : lives(t.lives) { ++*lives; }
  ~token() { --*lives; }
};

struct point {
  int x, y;
};

} // namespace

template <> struct sio::codec<point> {
  static std::string encode(const point &p) {
    char text[64];
    std::snprintf(text, sizeof text, "[%d,%d]", p.x, p.y);
    return text;
  }
  static std::optional<point> decode(std::string_view text) {
    point p;
    if (std::sscanf(std::string(text).c_str(), "[%d,%d]", &p.x, &p.y) != 2) return std::nullopt;
    return p;
  }
};

namespace {

/* ---- values ---------------------------------------------------------------------------------- */

TEST(every_type_is_sent_as_its_json) {
  rig r;
  client c(r);
  IS(c.heard(), "connect");
  auto sent = [&](sio_args args) {
    EQ(c.socket().emit("e", args).value(), 0);
    return c.heard();
  };
  std::string text = "text";
  const char *none = nullptr;
  IS(sent(sio::args()), "[\"e\"]");
  IS(sent(sio::args("a", text, std::string_view("b"), sio::zstring("c"), none)),
     "[\"e\",\"a\",\"text\",\"b\",\"c\",null]");
  IS(sent(sio::args(true, false, nullptr)), "[\"e\",true,false,null]");
  IS(sent(sio::args(42, -1L, static_cast<unsigned char>(7), UINT64_MAX, 2.5, 0.5f)),
     "[\"e\",42,-1,7,18446744073709551615,2.5,0.5]");
  IS(sent(sio::args(sio::array(1, "two", sio::array()), sio::object("k", 1, text, nullptr))),
     "[\"e\",[1,\"two\",[]],{\"k\":1,\"text\":null}]");
  IS(sent(sio::args(point{ 1, 2 }, sio::array(point{ 3, 4 }))), "[\"e\",[1,2],[[3,4]]]");
  IS(sent(sio::args(sio_int(5), sio_json(sio_text("{\"a\":[]}")))), "[\"e\",5,{\"a\":[]}]");
}

/* Characters are neither numbers nor text. */
static_assert(!sio::detail::is_number<char> && !sio::detail::is_number<wchar_t> &&
              !sio::detail::is_number<char16_t> && !sio::detail::is_number<char32_t>);
#ifdef __cpp_char8_t
static_assert(!sio::detail::is_number<char8_t>);
#endif
static_assert(sio::detail::is_number<signed char> && sio::detail::is_number<unsigned char> &&
              sio::detail::is_number<bool>);

TEST(containers_of_bytes_are_attachments) {
  rig r;
  client c(r);
  IS(c.heard(), "connect");
  std::vector<unsigned char> u = { 1, 2, 3 };
  std::array<std::byte, 2> b = { std::byte{ 4 }, std::byte{ 5 } };
  c.socket().emit("e", sio::args(u, sio::object("b", b)));
  IS(c.heard(),
     "[\"e\",{\"_placeholder\":true,\"num\":0},{\"b\":{\"_placeholder\":true,\"num\":1}}]");
  EQ_MEM(sio_test_bin(c.p, 0).p, sio_test_bin(c.p, 0).n, "\1\2\3", 3);
  EQ_MEM(sio_test_bin(c.p, 1).p, sio_test_bin(c.p, 1).n, "\4\5", 2);
}

TEST(arguments_are_read_as_the_type_that_is_asked_for_or_not_at_all) {
  rig r;
  int seen = 0;
  CHECK(!r.root.on("e", [&](sio::socket, sio::event e) {
    EQ(e.count(), 7);
    IS(e.name().c_str(), "e");
    CHECK(e.as<std::string_view>(0) == "text" && e.as<std::string>(0) == "text"s);
    CHECK(e.as<sio::zstring>(0) == sio::zstring("text"));
    CHECK(!e.as<int>(0) && !e.as<bool>(0) && !e.as<sio::bytes>(0));
    CHECK(e.as<int>(1) == 300 && e.as<std::uint64_t>(1) == 300u && e.as<double>(1) == 300.0);
    CHECK(!e.as<std::uint8_t>(1) && !e.as<signed char>(1) && !e.as<std::string>(1));
    CHECK(e.as<int>(2) == -1 && !e.as<unsigned>(2) && !e.as<std::uint64_t>(2));
    CHECK(e.as<double>(3) == 2.5 && !e.as<long>(3));
    CHECK(e.as<bool>(4) == true);
    sio::bytes bytes = e.as<sio::bytes>(5).value();
    EQ_MEM(bytes.data(), bytes.size(), "\1\2", 2);
    auto p = e.as<point>(6);
    CHECK(p && p->x == 3 && p->y == 4 && !e.as<point>(0));
    IS(std::string(e.json(6)), "[3,4]");
    CHECK(!e.as<int>(7) && e.json(7).empty() && e.kind(7) == SIO_NULL);
    seen++;
  }));
  client c(r);
  c.say("e", sio::args("text", 300, -1, 2.5, true, sio::bytes("\1\2", 2), point{ 3, 4 }));
  EQ(seen, 1);
}

#if __cplusplus >= 202002L
TEST(bytes_are_a_span_and_a_span_is_bytes) {
  std::span<const std::byte> span = sio::bytes("abc", 3);
  EQ(span.size(), 3);
  sio::bytes bytes = span.first(2);
  EQ_MEM(bytes.data(), bytes.size(), "ab", 2);
}
#endif

TEST(a_null_event_has_no_arguments) {
  sio::event none;
  CHECK(!none && none.count() == 0 && !none.as<int>(0) && none.json(0).empty());
  CHECK(none.kind(0) == SIO_NULL && none[0].kind == SIO_NULL);
}

TEST(every_function_of_a_null_event_may_be_called) {
  rig r;
  sio::event none;
  CHECK(none.name() == "" && !none.wants_ack() && !none.reply(sio::args(1)));
  CHECK(!none.keep());
  CHECK(!none.take_ack());
  client c(r);
  IS(c.heard(), "connect");
  CHECK(!c.socket().emit("e", sio::args(1, none.all())));
  IS(c.heard(), "[\"e\",1]");
  CHECK(!c.socket().emit("e", sio::args(sio::array(none.all()))));
  IS(c.heard(), "[\"e\",[]]");
}

#ifdef HAS_NLOHMANN
TEST(nlohmann_json_is_sent_and_read) {
  rig r;
  CHECK(!r.root.on("e", [&](sio::socket s, sio::event e) {
    auto j = e.as<nlohmann::json>(0);
    REQUIRE(j);
    (*j)["more"] = { 1, "two" };
    s.emit("back", sio::args(*j, sio::array(*j)));
  }));
  client c(r);
  IS(c.heard(), "connect");
  c.say("e", sio::args(sio::object("a", nullptr)));
  IS(c.heard(), "[\"back\",{\"a\":null,\"more\":[1,\"two\"]},[{\"a\":null,\"more\":[1,\"two\"]}]]");
  c.socket().emit("bad", sio::args(nlohmann::json("\xff")));
  IS(c.heard(), "[\"bad\",\"\xef\xbf\xbd\"]");
}
#endif

/* ---- lives of handlers ----------------------------------------------------------------------- */

TEST(handlers_live_until_the_server_has_closed) {
  int lives = 0;
  {
    rig r;
    CHECK(!r.root.on("e", [t = token(lives)](sio::socket, sio::event) {}));
    CHECK(!r.root.on_connect([t = token(lives)](sio::socket) {}));
    CHECK(!r.root.on_disconnect([t = token(lives)](sio::socket, const sio_close_info &) {}));
    CHECK(!r.root.use([t = token(lives)](sio::socket, sio::next next) { next.ok(); }));
    EQ(lives, 4);
    {
      client c(r);
      IS(c.heard(), "connect");
      r.server.close();
      EQ(lives, 4);
    }
    r.run();
    EQ(lives, 0);
    CHECK(!r.server);
  }
}

TEST(a_server_that_goes_out_of_scope_closes_and_its_handlers_with_it) {
  int lives = 0, left = 0;
  loop l;
  {
    sio::server server;
    sio::nsp root;
    CHECK(!server.open(&l.uv));
    CHECK(!server.of("/", root));
    CHECK(!root.on_disconnect([&, t = token(lives)](sio::socket, const sio_close_info &why) {
      EQ(why.reason, SIO_REASON_SERVER_SHUTTING_DOWN);
      left++;
    }));
    sio_test_peer *p;
    EQ(sio_test_connect(server.get(), "/", nullptr, &p), 0);
    sio::server moved = std::move(server);
    CHECK(!server && moved);
    sio_test_free(p);
    p = nullptr;
    EQ(sio_test_connect(moved.get(), "/", nullptr, &p), 0);
    moved.close();
    sio_test_free(p);
    EQ(lives, 1);
  }
  EQ(lives, 1);
  l.run();
  EQ(left, 2);
  EQ(lives, 0);
}

TEST(the_handlers_of_a_child_are_destroyed_with_it) {
  rig r;
  int lives = 0, said = 0;
  sio::nsp parent;
  std::string removed;
  CHECK(!r.server.of_pattern("/room-*", parent));
  CHECK(!r.server.on_new_nsp([&](sio::nsp child) {
    CHECK(!child.on("e", [&, t = token(lives)](sio::socket, sio::event) { said++; }));
  }));
  CHECK(!r.server.on_removed_nsp([&](sio::nsp child) { removed += child.name(); }));
  for (int i = 1; i <= 3; i++) {
    client c(r, "/room-1");
    IS(c.heard(), "connect");
    c.say("e");
    EQ(said, i);
    EQ(lives, 1);
    sio_test_disconnect(c.p);
    r.turn();
    EQ(lives, 0);
  }
  IS(removed, "/room-1/room-1/room-1");
  client c(r, "/room-2");
  sio::nsp_ref kept = r.server.find("/room-2").ref();
  sio_test_disconnect(c.p);
  r.turn();
  EQ(lives, 1);
  IS(kept->name().c_str(), "/room-2");
}

TEST(a_handler_that_is_not_registered_is_destroyed_at_once) {
  rig r;
  int lives = 0;
  CHECK(r.root.on("connect", [t = token(lives)](sio::socket, sio::event) {}) == sio::errc::name);
  EQ(lives, 0);
}

TEST(a_callable_may_be_movable_only_and_mutable) {
  rig r;
  CHECK(!r.root.on("e", [n = std::make_unique<int>(0)](sio::socket, sio::event e) mutable {
    e.reply(sio::args(++*n));
  }));
  client c(r);
  IS(c.heard(), "connect");
  c.ask("e");
  c.ask("e");
  IS(c.heard(), "ack [1]");
  IS(c.heard(), "ack [2]");
}

/* ---- acks ------------------------------------------------------------------------------------ */

TEST(the_callable_of_an_ack_runs_once_and_is_destroyed) {
  rig r;
  int lives = 0;
  std::string got;
  auto answer = [&, t = token(lives)](std::error_code err, sio::event reply) {
    got += err ? err.message() : std::string(reply.as<std::string_view>(0).value());
  };
  EQ(lives, 1);
  {
    client c(r);
    IS(c.heard(), "connect");
    sio::socket s = c.socket();
    CHECK(!s.emit_ack("ask", SIO_NONE, 0ms, answer));
    IS(c.heard(), "ask [\"ask\"]");
    EQ(lives, 2);
    EQ(sio_test_answer(c.p, sio::args("yes")), 0);
    EQ(lives, 1);
    IS(got, "yes");
    got.clear();
    CHECK(!s.emit_ack("ask", SIO_NONE, 1ms, answer));
    while (got.empty()) r.wait();
    IS(got, sio_strerror(SIO_ETIMEOUT));
    got.clear();
    CHECK(!s.emit_ack("ask", SIO_NONE, 1h, answer));
    sio::socket_ref kept = s.ref();
    s.disconnect();
    r.turn();
    IS(got, sio_strerror(SIO_ECLOSED));
    EQ(lives, 1);
    CHECK(s.emit_ack("ask", SIO_NONE, 0ms, answer) == sio::errc::closed);
    EQ(lives, 1);
    CHECK(!kept->connected());
  }
}

TEST(an_ack_can_be_taken_and_sent_later_or_dropped) {
  rig r;
  std::vector<sio::ack> acks;
  CHECK(!r.root.on("e", [&](sio::socket, sio::event e) { acks.push_back(e.take_ack()); }));
  {
    client c(r);
    IS(c.heard(), "connect");
    c.ask("e");
    c.ask("e");
    c.ask("e");
    EQ(acks.size(), 3);
    acks.erase(acks.begin());
    CHECK(!acks[0].send(sio::args("later")));
    IS(c.heard(), "ack [\"later\"]");
    IS(c.heard(), "(nothing)");
    CHECK(!acks[0].send());
  }
  r.turn();
  CHECK(acks[1].send() == sio::errc::closed);
}

TEST(the_replies_of_many_are_read_like_events) {
  rig r;
  client a(r), b(r);
  int sum = 0;
  CHECK(!r.root.all().emit_ack("n", SIO_NONE, 1h, [&](std::error_code err, sio::replies replies) {
    CHECK(!err);
    for (std::size_t i = 0; i < replies.size(); i++) sum += replies[i].as<int>(0).value_or(1000);
    EQ(replies.expected(), 2);
  }));
  for (client *c : { &a, &b }) {
    IS(c->heard(), "connect");
    IS(c->heard(), "ask [\"n\"]");
    EQ(sio_test_answer(c->p, sio::args(c == &a ? 1 : 20)), 0);
  }
  while (!sum) r.wait();
  EQ(sum, 21);
}

TEST(a_kept_event_outlives_its_handler) {
  rig r;
  sio::kept_event kept;
  CHECK(!r.root.on("e", [&](sio::socket, sio::event e) { kept = e.keep(); }));
  client c(r);
  c.say("e", sio::args("text", 1));
  c.say("e", sio::args("other", 2));
  REQUIRE(kept);
  IS(std::string(kept->as<std::string_view>(0).value()), "other");
}

/* ---- rooms and targets ----------------------------------------------------------------------- */

TEST(a_target_names_rooms_exceptions_and_who_is_skipped) {
  rig r;
  client a(r), b(r), c(r);
  sio::socket sa = a.socket(), sb = b.socket(), sc = c.socket();
  for (client *each : { &a, &b, &c }) IS(each->heard(), "connect");
  std::string own = "own";
  CHECK(!sa.join("x") && !sb.join("x") && !sb.join(own) && !sc.join("y"));
  CHECK(sb.in(own) && !sa.in(own) && sb.rooms().size() == 3);
  EQ(r.root.count("x"), 2);
  CHECK(!r.root.to("x", "y").except(own).emit("1"));
  CHECK(!sa.to("x").emit("2"));
  CHECK(!sa.others().emit("3"));
  CHECK(!r.root.to("x").to("y").unreliable().local().uncompressed().key("k").emit("4"));
  IS(a.heard() + b.heard() + c.heard(), "[\"1\"][\"2\"][\"1\"]");
  IS(a.heard() + b.heard() + c.heard(), "[\"4\"][\"3\"][\"3\"]");
  CHECK(!r.root.to("x").join("z", own) && !r.root.to("z").leave("x"));
  EQ(r.root.count("z"), 2);
  EQ(r.root.count("x"), 0);
  std::size_t visited = 0;
  for (sio::socket s : r.root.to("z", "y").sockets()) {
    s.disconnect();
    visited++;
  }
  EQ(visited, 3);
  EQ(r.root.count(), 0);
}

TEST(sockets_are_listed_with_fetch) {
  rig r;
  client a(r);
  std::string id;
  CHECK(!r.root.all().fetch(0ms, [&](std::error_code err, sio_remote *list, std::size_t n) {
    CHECK(!err);
    if (n == 1) id = list->id;
  }));
  while (id.empty()) r.wait();
  IS(id, a.socket().id().c_str());
  CHECK(r.root.find(id) == a.socket());
}

TEST(a_socket_has_bytes_of_the_host_and_is_a_key) {
  sio_options options{};
  options.socket_data_size = sizeof(point);
  rig r(options);
  client a(r), b(r);
  std::unordered_map<sio::socket, std::string> names;
  names.emplace(a.socket(), "a");
  names.emplace(b.socket(), "b");
  a.socket().data<point>().x = 7;
  EQ(a.socket().data<point>().x, 7);
  EQ(b.socket().data<point>().x, 0);
  IS(names[a.socket()], "a");
}

/* ---- middleware ------------------------------------------------------------------------------ */

TEST(middleware_decides_now_or_later_or_refuses_by_not_deciding) {
  rig r;
  std::vector<sio::next> waiting;
  CHECK(!r.root.use([&](sio::socket s, sio::next next) {
    if (s.auth() == "{\"as\":\"no\"}") return next.fail("go away", sio::object("code", 7));
    if (s.auth() == "{\"as\":\"later\"}") return waiting.push_back(std::move(next));
    if (s.auth() == "{}") return next.ok();
  }));
  client yes(r), no(r, "/", "{\"as\":\"no\"}"), none(r, "/", "{\"as\":1}");
  client later(r, "/", "{\"as\":\"later\"}");
  IS(yes.heard(), "connect");
  IS(no.heard(), "connect_error {\"message\":\"go away\",\"data\":{\"code\":7}}");
  IS(none.heard(), "connect_error {\"message\":\"not decided\"}");
  IS(later.heard(), "(nothing)");
  waiting[0].ok();
  waiting[0].ok();
  r.turn();
  IS(later.heard(), "connect");
}

TEST(packet_middleware_that_does_not_decide_drops_the_event) {
  rig r;
  int handled = 0;
  std::string why;
  CHECK(!r.root.use_packet([](sio::socket, sio::event e, sio::next next) {
    if (e.count() == 1) next.ok();
  }));
  CHECK(!r.root.on("e", [&](sio::socket, sio::event) { handled++; }));
  CHECK(!r.root.on_error([&](sio::socket, const sio_error_info &info) { why += info.message; }));
  client c(r);
  c.say("e");
  c.say("e", sio::args(1));
  EQ(handled, 1);
  IS(why, "not decided");
}

TEST(a_match_function_decides_which_namespaces_there_are) {
  rig r;
  sio::nsp parent;
  CHECK(!r.server.of_match(
      [](sio_server *, sio::zstring name, std::string_view, sio::next next) {
        if (name == "/yes") next.ok();
      },
      parent));
  client yes(r, "/yes"), no(r, "/no");
  IS(yes.heard(), "connect");
  IS(no.heard(), "connect_error {\"message\":\"Invalid namespace\"}");
}

/* ---- exceptions ------------------------------------------------------------------------------ */

struct oops : std::runtime_error {
  oops() : std::runtime_error("oops") {}
};

TEST(an_exception_reaches_on_exception_and_the_program_goes_on) {
  rig r;
  std::string thrown;
  r.server.on_exception([&](std::exception_ptr e) {
    try {
      std::rethrow_exception(e);
    } catch (const std::exception &what) {
      thrown += what.what() + " "s;
    }
  });
  CHECK(!r.root.use([](sio::socket s, sio::next next) {
    if (s.auth() != "{}") throw oops();
    next.ok();
  }));
  CHECK(!r.root.on_connect([](sio::socket) { throw oops(); }));
  CHECK(!r.root.on_disconnect([](sio::socket, const sio_close_info &) { throw oops(); }));
  CHECK(!r.root.on("e", [](sio::socket, sio::event e) { (void)e.as<int>(0).value(); }));
  {
    client refused(r, "/", "{\"as\":1}"), c(r);
    IS(refused.heard(), "connect_error {\"message\":\"not decided\"}");
    IS(c.heard(), "connect");
    IS(thrown, "oops oops ");
    c.say("e");
    IS(thrown, "oops oops bad optional access ");
    thrown.clear();
    CHECK(!c.socket().emit_ack("ask", SIO_NONE, 0ms,
                               [](std::error_code, sio::event) { throw oops(); }));
    IS(c.heard(), "ask [\"ask\"]");
    EQ(sio_test_answer(c.p, SIO_NONE), 0);
    IS(thrown, "oops ");
    CHECK(!r.server.post([] { throw oops(); }));
    while (thrown == "oops ") r.wait();
    IS(thrown, "oops oops ");
    thrown.clear();
  }
  CHECK(!r.server.close([] { throw oops(); }));
  r.run();
  IS(thrown, "oops oops ");
}

TEST(without_on_exception_an_exception_ends_the_program) {
  pid_t child = fork();
  if (child == 0) {
    std::set_terminate([] { _exit(77); });
    rig r;
    CHECK(!r.root.on_connect([](sio::socket) { throw oops(); }));
    client c(r);
    _exit(1);
  }
  int status = 0;
  EQ(waitpid(child, &status, 0), child);
  CHECK(WIFEXITED(status));
  EQ(WEXITSTATUS(status), 77);
}

/* ---- HTTP ------------------------------------------------------------------------------------ */

std::string fetched(rig &r, const char *path) {
  int pair[2];
  std::string text = "GET "s + path + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", answer;
  char piece[4096];
  EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  sio_accept_options options{};
  options.fd = pair[0];
  CHECK(!r.server.accept(options));
  EQ(write(pair[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  for (ssize_t n;;) {
    r.turn();
    n = recv(pair[1], piece, sizeof piece, MSG_DONTWAIT);
    if (n > 0) answer.append(piece, static_cast<std::size_t>(n));
    if (n == 0 || (n < 0 && errno != EAGAIN)) break;
  }
  ::close(pair[1]);
  return answer;
}

TEST(a_route_answers_and_one_that_does_not_or_throws_answers_500) {
  rig r;
  int thrown = 0;
  r.server.on_exception([&](std::exception_ptr) { thrown++; });
  CHECK(!r.server.route("GET", "/good", [](sio::request q) {
    CHECK(sio::view(q.info().path) == "/good" && q.header("Host") == "a");
    CHECK(!q.set("X-Extra", "yes"));
    q.respond(200, "text/plain", "fine");
  }));
  CHECK(!r.server.route("GET", "/forgets", [](sio::request) {}));
  CHECK(!r.server.route("GET", "/throws", [](sio::request) { throw oops(); }));
  std::string good = fetched(r, "/good");
  CHECK(good.find(" 200 ") != good.npos && good.find("X-Extra: yes") != good.npos);
  CHECK(good.size() > 4 && good.substr(good.size() - 4) == "fine");
  CHECK(fetched(r, "/forgets").find(" 500 ") != good.npos);
  CHECK(fetched(r, "/throws").find(" 500 ") != good.npos);
  EQ(thrown, 1);
}

TEST(a_request_whose_answer_is_invalid_can_still_be_answered) {
  rig r;
  CHECK(!r.server.route("GET", "/again", [](sio::request q) {
    CHECK(q.respond(99, "text/plain", "") == std::errc::invalid_argument);
    CHECK(!q.respond(200, "text/plain", "fine"));
  }));
  CHECK(!r.server.route("GET", "/gives_up", [](sio::request q) {
    CHECK(q.respond(99, "text/plain", "") == std::errc::invalid_argument);
  }));
  CHECK(fetched(r, "/again").find(" 200 ") != std::string::npos);
  CHECK(fetched(r, "/gives_up").find(" 500 ") != std::string::npos);
}

TEST(a_request_that_was_kept_is_answered_with_a_file_or_released_to_c) {
  rig r;
  std::vector<sio::request> kept;
  char directory[] = "/tmp/libsio-cpp-XXXXXX";
  REQUIRE(mkdtemp(directory));
  std::string path = directory + "/a.txt"s;
  FILE *file = fopen(path.c_str(), "w");
  REQUIRE(file && fputs("text", file) >= 0 && fclose(file) == 0);
  CHECK(!r.server.route("GET", "/file/*", [&](sio::request q) {
    std::string_view name = sio::view(q.info().path);
    if (name == "/file/method") {
      CHECK(q.respond_file(directory, "none") == std::errc::no_such_file_or_directory && q);
      CHECK(!q.respond_file(directory, "a.txt") && !q);
    } else {
      EQ(sio_respond_file(q.release(), directory, "a.txt"), 0);
      CHECK(!q && !q.get());
    }
    kept.push_back(std::move(q));
  }));
  for (const char *name : { "/file/method", "/file/released" }) {
    std::string answer = fetched(r, name);
    CHECK(answer.find(" 200 ") != answer.npos && answer.find("\r\n\r\ntext") != answer.npos);
  }
  kept.clear();
  CHECK(!r.server.route("GET", "/gone", [&](sio::request q) {
    static_cast<void>(q.respond_file(directory, "none"));
  }));
  CHECK(fetched(r, "/gone").find(" 500 ") != std::string::npos);
  unlink(path.c_str());
  rmdir(directory);
}

/* ---- the server ------------------------------------------------------------------------------ */

TEST(errors_are_error_codes_of_the_library_or_of_the_system) {
  rig r;
  CHECK(!r.server.listen("127.0.0.1", 0));
  rig other;
  std::error_code err = other.server.listen("127.0.0.1", r.server.port());
  CHECK(err == std::errc::address_in_use);
  EQ(err.value(), UV_EADDRINUSE);
  IS(err.message(), sio_strerror(UV_EADDRINUSE));
  CHECK(r.server.open(&r.uv) == sio::errc::state);
  sio::nsp none;
  err = r.server.of("/a,b", none);
  CHECK(err == sio::errc::name && err != std::errc::invalid_argument && !none);
  sio_options options{};
  options.path = "bad";
  sio::server never;
  CHECK(never.open(&r.uv, options) == std::errc::invalid_argument);
  CHECK(!never && never.close() == sio::errc::state);
}

TEST(draining_and_then_closing_reports_both_ends) {
  rig r;
  int lives = 0;
  std::string ends;
  CHECK(!r.root.on("e", [t = token(lives)](sio::socket, sio::event) {}));
  {
    client c(r);
    CHECK(!r.server.drain({ 0, 1000, 0, 0 }, [&, t = token(lives)] { ends += "drained "; }));
    CHECK(r.server.drain({}, [] {}) == sio::errc::state);
    CHECK(!r.server.close([&, t = token(lives)] {
      CHECK(!r.server);
      ends += "closed ";
    }));
    CHECK(r.server.close() == sio::errc::state);
    EQ(lives, 3);
  }
  r.run();
  IS(ends, "drained closed ");
  EQ(lives, 0);
}

TEST(a_server_can_be_opened_again_when_it_has_closed) {
  rig r;
  bool opened = false;
  CHECK(!r.server.close([&] { opened = !r.server.open(&r.uv) && !r.server.of("/", r.root); }));
  r.run();
  CHECK(opened && r.server);
}

TEST(another_thread_posts_and_what_it_posts_is_destroyed_on_the_loop) {
  rig r;
  int ran = 0, lives = 0;
  CHECK(!r.server.listen("127.0.0.1", 0));
  std::thread poster([&] {
    for (int i = 0; i < 100; i++)
      CHECK(!r.server.post([&ran, u = std::make_unique<int>(i)] { ran += *u; }));
  });
  while (ran < 99 * 50) r.wait();
  poster.join();
  r.server.close();
  CHECK(r.server.post([t = token(lives)] {}) == sio::errc::closed);
  EQ(lives, 0);
}

TEST(what_a_handler_captured_may_outlive_the_server) {
  auto owned = std::make_shared<std::vector<sio::ack>>();
  sio::socket_ref kept;
  {
    rig r;
    client c(r);
    kept = c.socket().ref();
    CHECK(!r.root.on("e", [owned](sio::socket, sio::event e) { owned->push_back(e.take_ack()); }));
    c.ask("e");
    r.server.close();
  }
  EQ(owned.use_count(), 1);
  CHECK(kept->emit("e") == sio::errc::closed);
  CHECK(owned->at(0).send() == sio::errc::closed);
}

} // namespace

TESTS_BEGIN
T(every_type_is_sent_as_its_json)
T(containers_of_bytes_are_attachments)
T(arguments_are_read_as_the_type_that_is_asked_for_or_not_at_all)
#if __cplusplus >= 202002L
T(bytes_are_a_span_and_a_span_is_bytes)
#endif
T(a_null_event_has_no_arguments)
T(every_function_of_a_null_event_may_be_called)
#ifdef HAS_NLOHMANN
T(nlohmann_json_is_sent_and_read)
#endif
T(handlers_live_until_the_server_has_closed)
T(a_server_that_goes_out_of_scope_closes_and_its_handlers_with_it)
T(the_handlers_of_a_child_are_destroyed_with_it)
T(a_handler_that_is_not_registered_is_destroyed_at_once)
T(a_callable_may_be_movable_only_and_mutable)
T(the_callable_of_an_ack_runs_once_and_is_destroyed)
T(an_ack_can_be_taken_and_sent_later_or_dropped)
T(the_replies_of_many_are_read_like_events)
T(a_kept_event_outlives_its_handler)
T(a_target_names_rooms_exceptions_and_who_is_skipped)
T(sockets_are_listed_with_fetch)
T(a_socket_has_bytes_of_the_host_and_is_a_key)
T(middleware_decides_now_or_later_or_refuses_by_not_deciding)
T(packet_middleware_that_does_not_decide_drops_the_event)
T(a_match_function_decides_which_namespaces_there_are)
T(an_exception_reaches_on_exception_and_the_program_goes_on)
T(without_on_exception_an_exception_ends_the_program)
T(a_route_answers_and_one_that_does_not_or_throws_answers_500)
T(a_request_whose_answer_is_invalid_can_still_be_answered)
T(a_request_that_was_kept_is_answered_with_a_file_or_released_to_c)
T(errors_are_error_codes_of_the_library_or_of_the_system)
T(draining_and_then_closing_reports_both_ends)
T(a_server_can_be_opened_again_when_it_has_closed)
T(another_thread_posts_and_what_it_posts_is_destroyed_on_the_loop)
T(what_a_handler_captured_may_outlive_the_server)
TESTS_END
