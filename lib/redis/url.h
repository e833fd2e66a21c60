/* SPDX-License-Identifier: MIT
 *
 * url.h - where Redis is, and as whom to log in.
 */
#ifndef SIO_REDIS_URL_H
#define SIO_REDIS_URL_H

#include <stdbool.h>

struct redis_url {
  char *text;  /* owned: what all others point to    */
  bool secure; /* rediss:// */
  const char *host, *port;
  const char *path;                       /* of a Unix socket; NULL: TCP   */
  const char *user, *password, *database; /* NULL: none */
};

/* 0; UV_EINVAL with *why, a static text; UV_ENOMEM. url NULL: the default. */
int sio__redis_url_parse(struct redis_url *u, const char *url, const char **why);
void sio__redis_url_clear(struct redis_url *u);

#endif
