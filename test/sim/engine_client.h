/* SPDX-License-Identifier: MIT
 *
 * engine_client.h - a peer's Engine.IO session, of protocol 4 or 3, over polling, JSONP, WebSocket,
 * or polling and then WebSocket. Messages go in and out; all else happens by itself. Where its peer
 * breaks rules, it does so at every step.
 */
#ifndef SIO_SIM_ENGINE_CLIENT_H
#define SIO_SIM_ENGINE_CLIENT_H

#include "http_client.h"
#include "ws_client.h"

enum engine_state { ENGINE_IDLE, ENGINE_OPENING, ENGINE_OPEN, ENGINE_OVER };
enum engine_way { ENGINE_WEBSOCKET, ENGINE_POLLING, ENGINE_UPGRADE };
enum probe_state {
  PROBE_NONE,
  PROBE_CONNECTING,
  PROBE_ASKED,  /* "2probe" is sent                             */
  PROBE_PAUSED, /* "3probe" came: the last poll is waited for   */
  PROBE_DONE    /* "5" is sent                                  */
};

struct engine_client;
struct engine_client_ops {
  void (*opened)(struct engine_client *e);
  void (*message)(struct engine_client *e, bool binary, const char *p, size_t n);
  void (*closed)(struct engine_client *e); /* once, whatever the cause */
};

struct engine_packet {
  struct engine_packet *next;
  bool binary;
  size_t n;
  char bytes[];
};

struct engine_client {
  struct peer *peer;
  const struct engine_client_ops *ops;
  const char *path; /* "/socket.io/" */
  int protocol;
  bool jsonp;
  bool polls;           /* false: it never asks for what waits for it  */
  bool reconnects;      /* each request has a connection of its own    */
  unsigned abandons_in; /* the enum probe_state in which it abandons its upgrade, if there is one */
  bool restless;        /* abandons upgrades, and sends POSTs in pieces */
  bool fins;            /* says after each request that it will send no more on that connection */
  bool shares;          /* polls and POSTs share one connection: that of `get` */
  enum engine_way way;
  enum engine_state state;
  enum probe_state probe;
  struct http_client get, post;
  struct ws_client ws;
  struct engine_packet *out, **out_last;
  struct bytes rest;      /* the second piece of a POST */
  uint64_t rest_at;       /* when it is sent            */
  unsigned order, norder; /* which answers are due on a shared connection; a bit is 1 for a POST */
  char sid[72];
  unsigned ping_interval, ping_timeout;
  uint64_t ping_at;  /* protocol 3: when the next one is due      */
  uint64_t heard_at; /* protocol 4: when the last ping came       */
  uint64_t probe_at; /* when it wants to upgrade                  */
  /* Since when only the answer to its POST keeps it from sending "5"; NEVER: it is not so. */
  uint64_t held_up_since;
  unsigned posts_in_upgrade; /* since it began to upgrade, */
  size_t bytes_in_upgrade;   /* ... and their bodies       */
  bool said_close;
  bool bare; /* what is being taken is binary that came as base64 */
};

/* Which protocol and transport it speaks, and how. */
void engine_client_draw(struct engine_client *e);
/* After it: a client that is restless, and uses its connections in unusual ways. */
void engine_client_draw_restless(struct engine_client *e);
/* peer, ops and path are set, and what engine_client_draw() draws. */
void engine_client_open(struct engine_client *e);
void engine_client_send(struct engine_client *e, bool binary, const void *p, size_t n);
/* Something came on a wire, or one ended. */
void engine_client_data(struct engine_client *e, struct wire *w);
void engine_client_ended(struct engine_client *e, struct wire *w);
/* What is due by now. */
void engine_client_step(struct engine_client *e);
uint64_t engine_client_next(const struct engine_client *e);
/* In how many us its peer acts again, `most` at the most. A restless one is in a hurry until it has
 * upgraded, so that what it says crosses the answers to its probe. */
uint64_t engine_client_draw_pace(const struct engine_client *e, uint32_t most);
/* Its peer's next step is in so long, or before, if something is due. */
void engine_client_wake_in(const struct engine_client *e, uint64_t us);
/* Its line breaks. */
void engine_client_break(struct engine_client *e);
/* In good order. */
void engine_client_close(struct engine_client *e);
/* It has begun to upgrade, and "3probe" has not come. */
bool engine_client_is_probing(const struct engine_client *e);
bool engine_client_on_websocket(const struct engine_client *e);
void engine_client_free(struct engine_client *e);

#endif
