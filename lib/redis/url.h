/* SPDX-License-Identifier: MIT
 *
 * url.h - the url of Redis: the addresses, and the user and password to log in with.
 */
#ifndef SIO_REDIS_URL_H
#define SIO_REDIS_URL_H

#include "base/slice.h"

enum redis_url_kind { URL_SERVER, URL_SENTINEL, URL_CLUSTER };

enum { URL_HOSTS = 16 };

struct redis_host {
  const char *name, *port;
};

struct redis_url {
  char *text; /* owned; the other strings are parts of it, constants, or in sio_redis.texts */
  enum redis_url_kind kind;
  bool secure;                        /* the scheme begins with "rediss": TLS is used */
  struct redis_host hosts[URL_HOSTS]; /* the server, the sentinels, or some nodes of a cluster */
  unsigned nhosts;
  const char *path;                       /* the path of a Unix socket; NULL: TCP */
  const char *master;                     /* the name under which sentinels watch the master */
  const char *user, *password, *database; /* NULL: none */
};

/* Parses url; NULL stands for the default url. Returns 0, UV_EINVAL (*why is set to a static text)
 * or UV_ENOMEM. The caller must clear *u, also after an error. */
int sio__redis_url_parse(struct redis_url *u, const char *url, const char **why);
void sio__redis_url_clear(struct redis_url *u);

/* These functions check an address that another server has sent. A host is 1 to 255 printable ASCII
 * characters, none of which is a space. A port is a number from 1 to 65535 without leading
 * zeros. */
bool sio__redis_is_valid_host(sio_slice host);
bool sio__redis_is_valid_port(sio_slice port);

#endif
