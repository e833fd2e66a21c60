/* SPDX-License-Identifier: MIT
 *
 * options.h - a complete copy of the host's options: every value checked, every default filled in,
 * and everything that a field points to copied.
 */
#ifndef SIO_SERVER_OPTIONS_H
#define SIO_SERVER_OPTIONS_H

#include "base/log.h"
#include "net/addr.h"
#include <sio/server.h>

struct options {
  sio_options o; /* its pointers point to the copies in the other members */
  char *path;    /* ends in '/' unless no_trailing_slash */
  sio_cors *cors;
  sio_cookie *cookie;
  const char **origins;
  sio_deflate deflate;
  sio_recovery recovery;
  struct addr_set trusted; /* o.trusted_proxies, parsed */
};

/* Makes a checked and complete copy of *in. 0; UV_EINVAL or UV_ENOTSUP, and a log line names the
 * field; UV_ENOMEM. */
int sio__options_init(struct options *opts, const sio_options *in, struct log *log);
void sio__options_clear(struct options *opts);
/* Copies a URL path in the form with which requests are compared; the caller frees it. 0,
 * UV_EINVAL if it is not a URL path, UV_ENOMEM. */
int sio__url_path_new(char **out, const char *path, bool slash);

#endif
