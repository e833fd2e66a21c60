/* SPDX-License-Identifier: MIT
 *
 * nsp_rows.c - collects the counters of namespaces, and adds up those of several servers.
 */
#include "server/nsp_rows.h"

#include "base/mem.h"
#include "core/parent.h"

static sio_slice get_map_key_of_nsp_stats_row(const void *row) {
  return slice_str(((const struct nsp_row *)row)->name);
}

void sio__nsp_stats_rows_init(struct map *rows) {
  sio__map_init(rows, get_map_key_of_nsp_stats_row);
}

static struct nsp_row *add_zeroed_nsp_stats_row(struct map *rows, const char *name) {
  size_t n = strlen(name) + 1;
  struct nsp_row *row = sio__malloc(sizeof *row + n);
  if (!row) return NULL;
  row->stats = (struct nsp_stats){ 0 };
  memcpy(row->name, name, n);
  if (sio__map_put(rows, row) == 0) return row;
  sio__free(row);
  return NULL;
}

/* Finds or adds the row for namespaces with this name. Several parents may have the same name (all
 * parents of sio_of_match() are called "*"), and a namespace that is not a parent may have the name
 * of a parent. Namespaces with the same name share one row. */
static struct nsp_row *find_or_add_nsp_stats_row(struct map *rows, const char *name) {
  struct nsp_row *row = sio__map_get(rows, slice_str(name));
  return row ? row : add_zeroed_nsp_stats_row(rows, name);
}

static int collect_child_nsp_stats_in_parent_rows(struct map *rows, const sio_server *srv) {
  const struct hook *k = NULL;
  while ((k = sio__hooks_next_after(&srv->core.parents, k, UINT64_MAX))) {
    const sio_nsp *parent = k->user;
    struct nsp_row *row = find_or_add_nsp_stats_row(rows, parent->name);
    if (!row) return UV_ENOMEM;
    sio__parent_add_children_to_stats(&row->stats, parent);
  }
  return 0;
}

int sio__nsp_stats_rows_collect(struct map *rows, const sio_server *srv) {
  const sio_nsp *nsp;
  for (uint32_t i = 0; (nsp = sio__map_next(&srv->core.nsps, &i));) {
    if (nsp->parent) continue;
    struct nsp_row *row = find_or_add_nsp_stats_row(rows, nsp->name);
    if (!row) return UV_ENOMEM;
    sio__nsp_add_to_stats(&row->stats, nsp);
  }
  return collect_child_nsp_stats_in_parent_rows(rows, srv);
}

static void add_nsp_stats(struct nsp_stats *sum, const struct nsp_stats *more) {
  sum->sockets += more->sockets;
  sum->rooms += more->rooms;
  sum->events_in += more->events_in;
  sum->events_out += more->events_out;
}

int sio__nsp_stats_rows_add_all(struct map *rows, const struct map *from) {
  const struct nsp_row *more;
  for (uint32_t i = 0; (more = sio__map_next(from, &i));) {
    struct nsp_row *row = find_or_add_nsp_stats_row(rows, more->name);
    if (!row) return UV_ENOMEM;
    add_nsp_stats(&row->stats, &more->stats);
  }
  return 0;
}

void sio__nsp_stats_rows_clear(struct map *rows) {
  struct nsp_row *row;
  for (uint32_t i = 0; (row = sio__map_next(rows, &i));) sio__free(row);
  sio__map_clear(rows);
}
