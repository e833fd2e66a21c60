/* SPDX-License-Identifier: MIT
 *
 * nsp_rows.h - counters of namespaces by name, of one server or added up over several.
 *
 * The children of a parent namespace are added up under the parent's name. Rows own copies of the
 * names, so that they can be sent to another thread.
 */
#ifndef SIO_SERVER_NSP_ROWS_H
#define SIO_SERVER_NSP_ROWS_H

#include "core/nsp.h"
#include "server/server.h"

struct nsp_row {
  struct nsp_stats stats;
  char name[];
};

/* Makes an empty map of rows. */
void sio__nsp_stats_rows_init(struct map *rows);
/* Adds the counters of all namespaces of the server. 0 or UV_ENOMEM. */
int sio__nsp_stats_rows_collect(struct map *rows, const sio_server *srv);
/* Adds all rows of *from. 0 or UV_ENOMEM. */
int sio__nsp_stats_rows_add_all(struct map *rows, const struct map *from);
void sio__nsp_stats_rows_clear(struct map *rows);

#endif
