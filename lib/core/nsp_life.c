/* SPDX-License-Identifier: MIT
 *
 * nsp_life.c - creates, opens, closes and frees namespaces, and counts the references to them.
 */
#include "base/mem.h"
#include "core/closed_adapter.h"
#include "core/core.h"
#include "core/nsp.h"
#include "core/recovery.h"
#include <assert.h>

void sio__nsp_close_adapter_and_recovery(sio_nsp *nsp) {
  assert(nsp->nsockets == 0);
  sio__recovery_free(nsp->recovery);
  nsp->recovery = NULL;
  nsp->ops->close(nsp->adapter);
  nsp->adapter = NULL;
  nsp->ops = &sio__closed_adapter;
}

void sio__nsp_free(sio_nsp *nsp) {
  sio__recovery_free(nsp->recovery);
  sio__nsp_hooks_clear(nsp);
  sio__map_clear(&nsp->by_id);
  sio__free(nsp->members);
  sio__free(nsp);
}

int sio__nsp_new(sio_nsp **out, struct core *core, sio_slice name, const sio_adapter_ops *ops) {
  sio_nsp *nsp = sio__calloc(1, sizeof *nsp + name.n + 1);
  if (!nsp) return UV_ENOMEM;
  nsp->core = core;
  nsp->ops = ops;
  nsp->refs = 1;
  memcpy(nsp->name, name.p, name.n);
  sio__map_init(&nsp->by_id, sio__get_map_key_of_nsp_socket);
  list_init(&nsp->queries);
  list_init(&nsp->sibling);
  sio__nsp_hooks_init(nsp);
  *out = nsp;
  return 0;
}

int sio__nsp_open_adapter_and_register(sio_nsp *nsp) {
  int err = sio__recovery_new(&nsp->recovery, nsp);
  if (!err)
    err = nsp->ops->open(nsp, nsp->core->adapter_api, nsp->core->opts->adapter_user, &nsp->adapter);
  if (!err && (err = sio__map_put(&nsp->core->nsps, nsp))) sio__nsp_close_adapter_and_recovery(nsp);
  return err;
}

/* ---- references ----------------------------------------------------------------------------- */

void sio__nsp_unref_without_core(sio_nsp *nsp) {
  assert(nsp->refs > 0);
  if (--nsp->refs == 0) sio__nsp_free(nsp);
}

void sio__nsp_and_core_ref(sio_nsp *nsp) {
  nsp->refs++;
  sio__core_ref(nsp->core);
}

void sio__nsp_and_core_unref(sio_nsp *nsp) {
  struct core *core = nsp->core;
  sio__nsp_unref_without_core(nsp);
  sio__core_unref(core);
}

sio_nsp *sio_nsp_ref(sio_nsp *nsp) {
  nsp->users++;
  sio__nsp_and_core_ref(nsp);
  return nsp;
}

void sio_nsp_unref(sio_nsp *nsp) {
  assert(nsp->users > 0);
  if (--nsp->users == 0) nsp_schedule_removal_if_unused(nsp);
  sio__nsp_and_core_unref(nsp);
}

/* ---- what the host and adapters read -------------------------------------------------------- */

void sio__nsp_add_to_stats(struct nsp_stats *st, const sio_nsp *nsp) {
  st->sockets += nsp->nmembers;
  if (nsp->adapter && nsp->ops->room_count) st->rooms += nsp->ops->room_count(nsp->adapter);
  st->events_in += nsp->events_in;
  st->events_out += nsp->events_out;
}

bool sio__nsp_server_is_one_of_several_threads(const sio_nsp *nsp) {
  return nsp->core->threads != NULL;
}
sio_server *sio_nsp_server(const sio_nsp *nsp) { return server_of_core(nsp->core); }
