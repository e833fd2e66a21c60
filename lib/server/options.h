/* SPDX-License-Identifier: MIT
 *
 * options.h - a checked copy of the host's options, with defaults filled in.
 */
#ifndef SIO_SERVER_OPTIONS_H
#define SIO_SERVER_OPTIONS_H

#include "base/log.h"
#include "net/addr.h"
#include <sio/server.h>

struct options {
  /* Where a text or struct was copied, the pointer in `o` points to the copy, which another member
   * of this struct contains or points to. */
  sio_options o;
  char *path; /* ends with '/' unless no_trailing_slash is set */
  sio_cors *cors;
  sio_cookie *cookie;
  const char **origins;
  sio_deflate deflate;
  sio_recovery recovery;
  struct addr_set trusted; /* o.trusted_proxies, parsed */
};

/* Copies *in to opts->o, checks the values, and replaces zeros by the defaults. Also copies or
 * parses the texts and structs to which fields point, except initial_packet and objects and tables
 * of the host such as `adapter`, `parser` and `threads`. Returns 0 or UV_ENOMEM; or, after logging
 * a line that names the invalid field, UV_EINVAL or UV_ENOTSUP. */
int sio__options_check_and_copy(struct options *opts, const sio_options *in, struct log *log);
void sio__options_clear(struct options *opts);
/* Copies a URL path in the form in which it is compared with the paths of requests: with exactly
 * one '/' at its end if slash is true, otherwise without, except "/" itself. The caller frees *out
 * with sio__free(). Returns 0; UV_EINVAL if path is not a valid URL path or is too long; or
 * UV_ENOMEM. */
int sio__url_path_check_and_copy_normalized(char **out, const char *path, bool slash);

#endif
