/* SPDX-License-Identifier: MIT
 *
 * poll_client.h - a peer over long-polling, each request on a connection of its own.
 *
 *     struct poller p = POLLER;
 *     poller_open(&p, srv, "/socket.io/") && poller_post(&p, "40") && poller_get(&p) &&
 *         raw_expect(&p.get, "40{") ...
 *     poller_close(&p);
 */
#ifndef SIO_TEST_POLL_CLIENT_H
#define SIO_TEST_POLL_CLIENT_H

#include "raw_client.h"

struct poller {
  struct raw get, post;
  sio_server *server;
  char sid[64];
  char path[240]; /* of its requests: it names the session */
};

#define POLLER \
  { .get.fd = -1, .post.fd = -1 }

static inline void poller_close(struct poller *p) {
  raw_close(&p->get);
  raw_close(&p->post);
}

/* The handshake, on a path with a '/' at its end. */
static inline bool poller_open(struct poller *p, sio_server *srv, const char *path) {
  char url[160];
  snprintf(url, sizeof url, "%s?EIO=4&transport=polling", path);
  p->server = srv;
  bool ok = raw_open(&p->get, srv) && raw_get(&p->get, url) &&
            raw_expect(&p->get, "0{\"sid\":\"") && raw_take(&p->get, '"', p->sid, sizeof p->sid);
  snprintf(p->path, sizeof p->path, "%s&sid=%s", url, p->sid);
  return ok;
}

/* Asks for what there is; the answer is read from p->get. */
static inline bool poller_get(struct poller *p) {
  raw_close(&p->get);
  return raw_open(&p->get, p->server) && raw_get(&p->get, p->path);
}

static inline bool poller_post(struct poller *p, const char *body) {
  raw_close(&p->post);
  return raw_open(&p->post, p->server) && raw_request(&p->post, "POST", p->path, "", body) &&
         raw_expect(&p->post, "ok");
}

/* A WebSocket that would take the session over: w is open, and nothing is said yet. */
static inline bool poller_upgrade(struct poller *p, struct raw *w, const char *path) {
  char url[240];
  snprintf(url, sizeof url, "%s?EIO=4&transport=websocket&sid=%s", path, p->sid);
  return raw_open(w, p->server) && raw_upgrade(w, url);
}

#endif
