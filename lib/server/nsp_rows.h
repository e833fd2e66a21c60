/* SPDX-License-Identifier: MIT
 *
 * nsp_rows.h - the counters of namespaces by name, of one server or added up over several servers.
 *
 * The counters of child namespaces are added to the row of their parent. A row contains a copy of
 * its name, so that it can be sent to another thread.
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
/* Adds the counters of all namespaces of the server to the rows with their names, and those of
 * child namespaces to the row of their parent; missing rows are added. Returns 0 or UV_ENOMEM. */
int sio__nsp_stats_rows_collect(struct map *rows, const sio_server *srv);
/* Adds the counters in each row of *from to the row of *rows with the same name; missing rows are
 * added. Returns 0 or UV_ENOMEM. */
int sio__nsp_stats_rows_add_all(struct map *rows, const struct map *from);
void sio__nsp_stats_rows_clear(struct map *rows);

#endif
