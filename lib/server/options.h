/* SPDX-License-Identifier: MIT
 *
 * options.h - a complete copy of the host's options: all values are checked, all defaults are
 * filled in, and everything to which a field points is copied.
 */
#ifndef SIO_SERVER_OPTIONS_H
#define SIO_SERVER_OPTIONS_H

#include "base/log.h"
#include "net/addr.h"
#include <sio/server.h>

struct options {
  sio_options o; /* its pointers point to the copies in the other members of this struct */
  char *path;    /* ends with '/' unless no_trailing_slash is set */
  sio_cors *cors;
  sio_cookie *cookie;
  const char **origins;
  sio_deflate deflate;
  sio_recovery recovery;
  struct addr_set trusted; /* o.trusted_proxies, parsed */
};

/* Makes a checked and complete copy of *in. Returns 0; UV_EINVAL or UV_ENOTSUP, and a log line
 * names the field; or UV_ENOMEM. */
int sio__options_init(struct options *opts, const sio_options *in, struct log *log);
void sio__options_clear(struct options *opts);
/* Copies a URL path in the form that is compared with the paths of requests. The caller frees *out.
 * Returns 0, UV_EINVAL if it is not a URL path, or UV_ENOMEM. */
int sio__url_path_new(char **out, const char *path, bool slash);

#endif
