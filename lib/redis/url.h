/* SPDX-License-Identifier: MIT
 *
 * url.h - where Redis is, and as whom to log in.
 */
#ifndef SIO_REDIS_URL_H
#define SIO_REDIS_URL_H

#include <stdbool.h>

enum redis_url_kind { URL_SERVER, URL_SENTINEL, URL_CLUSTER };

enum { URL_HOSTS = 16 };

struct redis_host {
  const char *name, *port;
};

struct redis_url {
  char *text; /* owned: what all others point to */
  enum redis_url_kind kind;
  bool secure;                        /* rediss://                                       */
  struct redis_host hosts[URL_HOSTS]; /* the server; sentinels; some nodes of a cluster  */
  unsigned nhosts;
  const char *path;                       /* of a Unix socket; NULL: TCP   */
  const char *master;                     /* the name of what sentinels watch */
  const char *user, *password, *database; /* NULL: none */
};

/* 0; UV_EINVAL with *why, a static text; UV_ENOMEM. url NULL: the default. */
int sio__redis_url_parse(struct redis_url *u, const char *url, const char **why);
void sio__redis_url_clear(struct redis_url *u);

#endif
