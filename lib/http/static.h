/* SPDX-License-Identifier: MIT
 *
 * static.h - serves the files below a directory.
 *
 * No file outside the directory is ever opened. The kernel resolves the path beneath the directory
 * (openat2 with RESOLVE_BENEATH), so that links cannot lead out of it; if the kernel cannot do
 * that, no links are followed. Dot files, devices and pipes are not served. A file is read on the
 * loop's thread, in pieces of HTTP_PIECE bytes, each when the peer has taken the piece before it.
 * If the file is modified meanwhile, the connection is closed, because the announced length no
 * longer holds.
 */
#ifndef SIO_HTTP_STATIC_H
#define SIO_HTTP_STATIC_H

#include "http/request.h"

struct static_dir {
  int fd;
  bool walk; /* the kernel cannot open_beneath: open each path segment, follow no links */
};

int sio__static_dir_open(struct static_dir **out, const char *dir); /* UV_ENOENT, UV_ENOTDIR, ... */
void sio__static_dir_close(struct static_dir *d);                   /* NULL is fine */

/* Answers if path names a file or directory: with 200; with 206 or 416 for a Range; with 304 or
 * 412 for a conditional request; with 301 for a directory without its '/'. path is the part of the
 * URL below the directory, not decoded; "/sub/" means "/sub/index.html". False: there is no such
 * file, and r is not answered. The caller checks the method; for HEAD no file is read. */
bool sio__static_serve_file(const struct static_dir *d, sio_request *r, sio_slice path);

/* Returns the type for a file name: "text/html; charset=utf-8" for "a/b.html",
 * "application/octet-stream" for an unknown extension. */
const char *sio__static_content_type(sio_slice path);

#endif
