/* SPDX-License-Identifier: MIT
 *
 * static.h - serves the files below a directory.
 *
 * No file outside the directory is ever opened. The kernel resolves the path beneath the directory
 * (Linux: openat2 with RESOLVE_BENEATH), so that links cannot lead out of it; if the kernel cannot
 * do that, no links are followed. Names that begin with a dot, devices and pipes are not served. A
 * file is read on the loop's thread, in pieces of HTTP_PIECE bytes, each when the kernel has taken
 * the piece before it. If the file is modified between two pieces, the connection is closed,
 * because the announced length and what was sent before may no longer be right.
 */
#ifndef SIO_HTTP_STATIC_H
#define SIO_HTTP_STATIC_H

#include "http/request.h"

struct static_dir {
  int fd;
  /* True if sio__os_open_beneath() did not work when the directory was opened. Then paths are
   * opened segment by segment, without following links. */
  bool walk;
};

/* Opens the directory `dir`. Returns 0 or a libuv error such as UV_ENOENT or UV_ENOTDIR. */
int sio__static_dir_open(struct static_dir **out, const char *dir);
void sio__static_dir_close(struct static_dir *d); /* d may be NULL */

/* Answers r if `path` names a file or a directory. `path` is the part of the URL's path below the
 * directory, not decoded; "/sub/" stands for "/sub/index.html". The status is 200; 206 or 416 for a
 * Range; 304 or 412 for a conditional request; or 301 for a directory without '/' at the end.
 * Returns 0 if r was answered or its connection was closed. Otherwise returns 404; 503 if a retry
 * may succeed; or 500 if the host has added too many headers: the caller has to answer with this
 * status, and must remove the headers that were added to r->extra_headers. The caller has to check
 * the method; for HEAD the file is not read. */
int sio__static_answer_with_file_or_redirect(const struct static_dir *d, sio_request *r,
                                             sio_slice path);

/* Returns the media type for the name of a file: "text/html; charset=utf-8" for "a/b.html",
 * "application/octet-stream" for an unknown extension. */
const char *sio__static_media_type_of_file_name(sio_slice path);

#endif
