/* SPDX-License-Identifier: MIT
 *
 * main.cpp - a program of somebody else's in C++17, with the installed header.
 */
#include <iostream>
#include <sio/sio.hpp>
#include <uv.h>

int main() {
  sio::server server;
  sio::nsp root;
  auto err = server.open(uv_default_loop());
  if (!err) err = server.of("/", root);
  if (!err) err = root.on("say", [](sio::socket, sio::event e) { e.reply(sio::args("ok", 42)); });
  if (err) return std::cerr << err.message() << '\n', 1;
  server.close();
  uv_run(uv_default_loop(), UV_RUN_DEFAULT);
  return uv_loop_close(uv_default_loop()) ? 1 : 0;
}
