/* SPDX-License-Identifier: MIT
 *
 * static.h - the files below a directory.
 *
 * Nothing outside it is ever opened: the kernel resolves a path beneath the directory (openat2,
 * RESOLVE_BENEATH), whatever links say; where the kernel cannot, links are not followed at all.
 * Dot files, devices and pipes are not there. A file is read in pieces of HTTP_PIECE bytes, each
 * when the peer has taken the one before it, on the loop's thread. One that is written to meanwhile
 * closes the connection, since what was announced cannot be sent any more.
 */
#ifndef SIO_HTTP_STATIC_H
#define SIO_HTTP_STATIC_H

#include "http/request.h"

struct static_dir {
  int fd;
  bool walk; /* no openat2 here: go segment by segment, following no link */
};

int sio__static_dir_open(struct static_dir **out, const char *dir); /* UV_ENOENT, UV_ENOTDIR, ... */
void sio__static_dir_close(struct static_dir *d);                   /* NULL is fine */

/* Answers 200, 206 or 416 to a Range, 304 or 412 to a condition, or 301 for a directory without its
 * '/', if path (raw, as in a URL, from the directory on; "/sub/" means "/sub/index.html") is there;
 * false: it is not, and nothing was done. The method is the caller's to check; HEAD reads no file.
 */
bool sio__static_serve(const struct static_dir *d, sio_request *r, sio_slice path);

/* "text/html; charset=utf-8" for "a/b.html"; "application/octet-stream" for what is unknown. */
const char *sio__static_content_type(sio_slice path);

#endif
