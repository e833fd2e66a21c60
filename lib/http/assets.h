/* SPDX-License-Identifier: MIT
 *
 * assets.h - answers out of a table in memory, which stays where it is and belongs to
 * the caller.
 */
#ifndef SIO_HTTP_ASSETS_H
#define SIO_HTTP_ASSETS_H

#include "http/request.h"

/* What was made of a file for those who take gzip. Zeroed at first. */
struct asset_gzip {
  struct msg *gzip;
  bool tried;
};

/* Answers 200, or 304 or 412 as conditions in r say; etag has its quotes. The file is compressed
 * once, at the first request that takes gzip, and stays so in *p; not if its type says that it
 * is compressed itself, nor if it has more than 8 MiB. p may be NULL. 0, UV_ENOMEM, SIO_ETOOBIG. */
int sio__asset_answer(sio_request *r, const sio_asset *file, const char *etag,
                      const char *cache_control, struct asset_gzip *p);
void sio__asset_gzip_clear(struct asset_gzip *p);

struct assets;

/* cache_control: goes with every answer; NULL: "public, max-age=0". Static storage. A table whose
 * paths do not begin with '/', or whose texts cannot stand in a header, is UV_EINVAL; UV_ENOMEM.
 * */
int sio__assets_new(struct assets **out, const sio_asset *table, size_t count,
                    const char *cache_control);
void sio__assets_free(struct assets *a); /* NULL is fine */

/* Answers 200 or 304 if path (raw, as in a URL; "/dir/" means "/dir/index.html") is in the table;
 * false: it is not, and nothing was done. The method is the caller's to check; HEAD sends no
 * body. */
bool sio__assets_serve(struct assets *a, sio_request *r, sio_slice path);

#endif
