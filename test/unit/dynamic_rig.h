/* SPDX-License-Identifier: MIT
 *
 * dynamic_rig.h - a server with a parent namespace: of a pattern, or of a function that decides
 * later.
 */
#ifndef SIO_TEST_DYNAMIC_RIG_H
#define SIO_TEST_DYNAMIC_RIG_H

#include "core/recovery.h"
#include "peer.h"

static sio_next *held[4];
static unsigned nheld;
static sio_nsp *parent;

static inline void on_connect(sio_socket *s, void *user) {
  trace("%s(%s) ", user ? (const char *)user : "connect", sio_nsp_name(sio_socket_nsp(s)));
}

static inline void on_new(sio_nsp *nsp, void *user) {
  (void)user;
  trace("new(%s) ", sio_nsp_name(nsp));
}

static inline void on_hi(sio_socket *s, sio_event *e, void *user) {
  (void)e, (void)user;
  trace("hi(%s) ", sio_nsp_name(sio_socket_nsp(s)));
}

static inline void yes(sio_server *server, const char *name, sio_slice auth, sio_next *next,
                       void *user) {
  CHECK(server == srv);
  trace("%s?%s%.*s ", (const char *)user, name, (int)auth.n, auth.p);
  sio_next_ok(next);
}

static inline void no(sio_server *server, const char *name, sio_slice auth, sio_next *next,
                      void *user) {
  (void)server, (void)auth;
  trace("%s?%s ", (const char *)user, name);
  sio_next_fail(next, "not seen", sio_null());
}

static inline void hold(sio_server *server, const char *name, sio_slice auth, sio_next *next,
                        void *user) {
  (void)server, (void)name, (void)auth, (void)user;
  trace("hold ");
  if (nheld == 4) abort();
  held[nheld++] = next;
}

static inline void begin(const sio_options *o) {
  nheld = 0;
  start(o);
  sio_on_nsp(srv, &(sio_nsp_hooks){ .create = on_new }, NULL);
}

static inline void begin_pattern(const sio_options *o) {
  begin(o);
  EQ(sio_of_pattern(srv, "/room-*", &parent), 0);
  sio_on_connect(parent, on_connect, NULL);
  sio_on(parent, "hi", on_hi, NULL);
}

static inline void begin_held(void) {
  begin(NULL);
  EQ(sio_of_match(srv, hold, NULL, &parent), 0);
  sio_on_connect(parent, on_connect, NULL);
}

static inline void ignore_socket(sio_socket *s, void *user) { (void)s, (void)user; }
static inline void ignore_count(int status, size_t n, void *user) {
  (void)status, (void)n, (void)user;
}

#endif
