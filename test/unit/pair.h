/* SPDX-License-Identifier: MIT
 *
 * pair.h - a connection to peer.h's server, and what is answered on it: for requests that come
 * before any session.
 *
 *     int err, fd = dial(&err);
 *     CHECK(strstr(ask(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "404"));
 *     close(fd);
 */
#ifndef SIO_TEST_PAIR_H
#define SIO_TEST_PAIR_H

#include "peer.h"
#include <sys/socket.h>
#include <unistd.h>

/* The far end of a connection that the server was given; err: what it said. */
static inline int dial(int *err) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) abort();
  *err = sio_accept(srv, &(sio_accept_options){ .fd = pair[1] });
  return pair[0];
}

/* What comes back, read until the server has nothing more to do. */
static inline const char *ask(int fd, const char *request) {
  static char answer[8192];
  size_t n = 0;
  if (write(fd, request, strlen(request)) < 0) abort();
  for (int i = 0; i < 20; i++) {
    turn();
    ssize_t got = recv(fd, answer + n, sizeof answer - 1 - n, MSG_DONTWAIT);
    if (got > 0) n += (size_t)got;
  }
  answer[n] = '\0';
  return answer;
}

#endif
