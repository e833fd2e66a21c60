/* SPDX-License-Identifier: MIT
 *
 * host.h - the one server of the program, and the lines it prints.
 */
#ifndef HOST_H
#define HOST_H

#include <sio/adapter.h>
#include <sio/engine.h>
#include <sio/http.h>
#include <sio/metrics.h>
#include <sio/parser.h>
#include <sio/sio.h>

extern struct host {
  sio_server *server;
  sio_nsp *root, *custom;
} host;

/* One line on stdout. */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Each closes the server and says what the library said to that. host_stop() does it once. */
void host_stop(void);
void host_drain(const sio_drain_options *how);
void host_close(void);

#endif
