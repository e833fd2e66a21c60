/* SPDX-License-Identifier: MIT
 *
 * cpp.cpp - a chat with rooms and acks in C++17, with <sio/sio.hpp>.
 *
 *   the page emits            and gets in its ack
 *     enter(nick, room)         error          the last lines of the room come before it
 *     say(text)                 error, the number of people in the room
 *   the server emits, to a room
 *     people(count, nick, what)   when somebody "came" or "left"
 *     said(nick, text)
 *
 * error is null when all went well. Environment: PORT (3000).
 */
#include <csignal>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <map>
#include <sio/sio.hpp>
#include <uv.h>

#include "cpp_page.h" /* page[]: the files of this folder, made by tools/embed-assets */

namespace {

struct user {
  std::string nick, room;
};

class chat {
public:
  [[nodiscard]] std::error_code open(sio::server &server) {
    auto err = server.of("/", root_);
    if (!err) err = root_.on("enter", [this](sio::socket s, sio::event e) { enter(s, e); });
    if (!err) err = root_.on("say", [this](sio::socket s, sio::event e) { say(s, e); });
    if (!err) err = root_.on_disconnect([this](sio::socket s, auto &) { leave(s); });
    return err;
  }

private:
  static constexpr std::size_t kept_lines = 20, longest_name = 30, longest_text = 1000;
  using line = std::pair<std::string, std::string>; /* who, and what */

  /* A name that is not empty and not too long; nullptr: it is. */
  static const char *fault_of(const std::optional<std::string> &text, std::size_t longest) {
    if (!text || text->empty()) return "Write something first.";
    return text->size() > longest ? "That is too long." : nullptr;
  }

  void enter(sio::socket s, sio::event e) {
    auto nick = e.as<std::string>(0), room = e.as<std::string>(1);
    auto fault = fault_of(nick, longest_name);
    if (!fault) fault = fault_of(room, longest_name);
    if (fault) return void(e.reply(sio::args(fault)));
    leave(s);
    if (auto err = s.join("#" + *room)) return void(e.reply(sio::args(err.message())));
    for (const auto &[who, what] : said_[*room]) s.emit("said", sio::args(who, what));
    users_[s] = { *nick, *room };
    tell_people(users_[s], "came");
    e.reply(sio::args(nullptr));
  }

  void say(sio::socket s, sio::event e) {
    auto found = users_.find(s);
    if (found == users_.end()) return void(e.reply(sio::args("Enter a room first.")));
    const auto &[nick, room] = found->second;
    auto text = e.as<std::string>(0);
    if (auto fault = fault_of(text, longest_text)) return void(e.reply(sio::args(fault)));
    auto &lines = said_[room];
    lines.emplace_back(nick, *text);
    if (lines.size() > kept_lines) lines.pop_front();
    root_.to("#" + room).emit("said", sio::args(nick, *text));
    e.reply(sio::args(nullptr, root_.count("#" + room)));
  }

  void leave(sio::socket s) {
    auto node = users_.extract(s);
    if (!node) return;
    const auto &gone = node.mapped();
    s.leave("#" + gone.room);
    tell_people(gone, "left");
    if (root_.count("#" + gone.room) == 0) said_.erase(gone.room);
  }

  void tell_people(const user &u, const char *what) {
    std::string room = "#" + u.room;
    root_.to(room).emit("people", sio::args(root_.count(room), u.nick, what));
  }

  sio::nsp root_;
  std::unordered_map<sio::socket, user> users_;
  std::map<std::string, std::deque<line>> said_; /* of each room that somebody is in */
};

} // namespace

int main() {
  uv_loop_t *loop = uv_default_loop();
  const char *port = std::getenv("PORT");
  chat chat; /* before the server, because the handlers use it until the server has closed */
  sio::server server;
  auto err = server.open(loop);
  if (!err) err = chat.open(server);
  if (!err) err = server.assets("/", page);
  if (!err) err = server.listen(port ? std::atoi(port) : 3000);
  if (err) return std::cerr << "cpp: " << err.message() << '\n', 1;
  server.on_exception([](std::exception_ptr) { std::cerr << "cpp: a handler failed\n"; });
  std::cout << "http://localhost:" << server.port() << std::endl;

  uv_signal_t stop;
  uv_signal_init(loop, &stop);
  stop.data = &server;
  uv_signal_start_oneshot(
      &stop, [](uv_signal_t *h, int) { static_cast<sio::server *>(h->data)->close(); }, SIGTERM);
  uv_run(loop, UV_RUN_DEFAULT);
  uv_close(reinterpret_cast<uv_handle_t *>(&stop), nullptr);
  uv_run(loop, UV_RUN_DEFAULT);
  return uv_loop_close(loop) ? 1 : 0;
}
