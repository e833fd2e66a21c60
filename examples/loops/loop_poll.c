/* SPDX-License-Identifier: MIT
 *
 * loop_poll.c - a program whose main loop is poll(2). Its own descriptor here is one for signals.
 *
 * The uv loop is one more descriptor, with a time after which it wants to run. Both are asked for
 * right before waiting, because calls of the library change them.
 */
#include "echo.h"
#include <poll.h>
#include <sys/signalfd.h>

static int signals_open(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigprocmask(SIG_BLOCK, &set, NULL);
  return signalfd(-1, &set, SFD_CLOEXEC);
}

int main(void) {
  uv_loop_t loop;
  uv_loop_init(&loop);
  sio_server *srv = echo_serve(&loop, NULL, echo_port());
  struct pollfd fds[] = { { .fd = uv_backend_fd(&loop), .events = POLLIN },
                          { .fd = signals_open(), .events = POLLIN } };
  bool closed = false;
  while (!closed) {
    uv_update_time(&loop);
    poll(fds, 2, uv_backend_timeout(&loop));
    uv_run(&loop, UV_RUN_NOWAIT);
    if (fds[1].revents) {
      fds[1].fd = -1; /* once is enough: poll() ignores it now */
      sio_server_close(srv, echo_on_closed, &closed);
    }
  }
  uv_run(&loop, UV_RUN_DEFAULT);
  return uv_loop_close(&loop) ? 1 : 0;
}
