/* SPDX-License-Identifier: MIT
 *
 * assets.h - answers requests from a table of files in memory. The table belongs to the caller and
 * must stay valid.
 */
#ifndef SIO_HTTP_ASSETS_H
#define SIO_HTTP_ASSETS_H

#include "http/request.h"

/* The compressed form of one file. The struct must be zero at first. */
struct asset_gzip {
  struct msg *gzip;
  bool tried; /* the file was compressed; `gzip` is NULL if this did not make it shorter */
};

/* Answers 200 with the file, or 304 or 412 if a conditional header of r asks for that. `etag`
 * includes its quotes. The file is compressed for the first request that prefers gzip, and the
 * result is kept in *p. It is not compressed if its type does not compress well, if it is shorter
 * than http->compress_from or longer than 8 MiB, if p is NULL, or if the server does not compress
 * answers. Returns 0; or an error, after which r may be unanswered. */
int sio__asset_answer_with_file_304_or_412(sio_request *r, const sio_asset *file, const char *etag,
                                           const char *cache_control, struct asset_gzip *p);
void sio__asset_gzip_clear(struct asset_gzip *p);

struct assets;

/* Makes an object that serves the files of `table`. cache_control is the value of the header
 * Cache-Control, unless the answer has one already; NULL means "public, max-age=0". The table and
 * cache_control are not copied. Returns 0; UV_ENOMEM; or UV_EINVAL if a path in the table does not
 * begin with '/', a type or ETag contains characters that a header must not have, or a file has a
 * size and no data. */
int sio__assets_new(struct assets **out, const sio_asset *table, size_t count,
                    const char *cache_control);
/* Writes to `text` what is wrong with the table or one of its files; "" if nothing is. */
void sio__asset_table_write_fault_text(char *text, size_t size, const sio_asset *table,
                                       size_t count);
void sio__assets_free(struct assets *a); /* a may be NULL */

/* Percent-decodes `path`, and answers r if the table contains the result; "/dir/" stands for
 * "/dir/index.html". Otherwise returns false, and r is not answered. If the answer fails, its
 * status is 500 (the host has added too many headers), or the connection of r is closed. The caller
 * has to check the method; for HEAD no body is sent. */
bool sio__assets_answer_if_found(struct assets *a, sio_request *r, sio_slice path);

#endif
