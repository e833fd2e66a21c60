/* SPDX-License-Identifier: MIT
 *
 * parent.c - creates and finds parent namespaces, and implements their adapter.
 */
#include "core/parent.h"

#include "base/mem.h"
#include "core/core.h"
#include "core/out_packet.h"
#include "core/pattern.h"

/* ---- the adapter of a parent ---------------------------------------------------------------- */

/* Evaluates the expression `call`, which returns 0 or an error, for each child namespace of
 * to->nsp. `call` can use the variable `own`: a copy of *to with own.nsp set to the child. If err
 * is 0, sets it to the first error. */
#define EACH_CHILD(to, err, call)                           \
  do {                                                      \
    list_each (it, tmp_, &(to)->nsp->as_parent->children) { \
      sio_target own = *(to);                               \
      own.nsp = container_of(it, sio_nsp, sibling);         \
      int err_ = (call);                                    \
      if (!(err)) (err) = err_;                             \
    }                                                       \
  } while (0)

static int parent_broadcast_to_children(sio_adapter *a, const sio_target *to, const sio_packet *p) {
  int err = 0;
  (void)a;
  if (p->query) return UV_ENOTSUP;
  EACH_CHILD(to, err, sio_broadcast(own, p->event, p->args));
  return err;
}

static int parent_join_rooms_in_children(sio_adapter *a, const sio_target *to,
                                         const char *const *rooms) {
  int err = 0;
  (void)a;
  EACH_CHILD(to, err, sio_all_join(own, rooms));
  return err;
}

static int parent_leave_rooms_in_children(sio_adapter *a, const sio_target *to,
                                          const char *const *rooms) {
  int err = 0;
  (void)a;
  EACH_CHILD(to, err, sio_all_leave(own, rooms));
  return err;
}

static int parent_disconnect_sockets_of_children(sio_adapter *a, const sio_target *to,
                                                 bool session) {
  int err = 0;
  (void)a;
  EACH_CHILD(to, err, sio_all_disconnect(own, session));
  return err;
}

static int parent_refuse_iteration(sio_adapter *a, const sio_target *to,
                                   void (*visit)(sio_socket *, void *), void *user) {
  (void)a, (void)to, (void)visit, (void)user;
  return UV_ENOTSUP;
}

static int parent_refuse_server_emit(sio_adapter *a, const sio_packet *p, sio_query *q) {
  (void)a, (void)p, (void)q;
  return UV_ENOTSUP;
}

static int parent_refuse_server_count(sio_adapter *a, sio_query *q) {
  (void)a, (void)q;
  return UV_ENOTSUP;
}

static const sio_adapter_ops parent_ops = {
  .broadcast = parent_broadcast_to_children,
  .each = parent_refuse_iteration,
  .all_join = parent_join_rooms_in_children,
  .all_leave = parent_leave_rooms_in_children,
  .all_disconnect = parent_disconnect_sockets_of_children,
  .server_emit = parent_refuse_server_emit,
  .server_count = parent_refuse_server_count,
};

/* ---- creating and finding parents ----------------------------------------------------------- */

static void parent_namespace_free(sio_nsp *nsp) {
  sio__free(nsp->as_parent);
  sio__nsp_free(nsp);
}

static int parent_namespace_new(sio_nsp **out, struct core *core, sio_slice name,
                                sio_match_cb match) {
  if (core->closing) return SIO_ESTATE;
  int err = sio__nsp_new(out, core, name, &parent_ops);
  if (err) return err;
  sio_nsp *nsp = *out;
  nsp->as_parent = sio__calloc(1, sizeof *nsp->as_parent);
  err = nsp->as_parent ? sio__hooks_add(&core->parents, (hook_fn)match, nsp) : UV_ENOMEM;
  if (err) {
    parent_namespace_free(nsp);
    return err;
  }
  list_init(&nsp->as_parent->children);
  nsp->as_parent->match = match;
  return 0;
}

static void accept_or_refuse_namespace_by_pattern(sio_server *srv, const char *name, sio_slice auth,
                                                  sio_next *next, void *user) {
  const sio_nsp *parent = user;
  (void)srv, (void)auth;
  if (sio__pattern_matches(slice_str(parent->name), slice_str(name)))
    sio_next_ok(next);
  else
    sio_next_fail(next, NULL, sio_null());
}

int sio_of_pattern(sio_server *srv, const char *pattern, sio_nsp **parent) {
  char buffer[NSP_NAME_MAX + 1];
  sio_slice full;
  sio_nsp *nsp;
  if (!sio__nsp_make_and_check_full_name(buffer, pattern, &full)) return SIO_ENAME;
  int err =
      parent_namespace_new(&nsp, core_of_server(srv), full, accept_or_refuse_namespace_by_pattern);
  if (err) return err;
  nsp->as_parent->user = nsp;
  nsp->as_parent->by_pattern = true;
  if (parent) *parent = nsp;
  return 0;
}

int sio_of_match(sio_server *srv, sio_match_cb cb, void *user, sio_nsp **parent) {
  sio_nsp *nsp;
  if (!cb) return UV_EINVAL;
  int err = parent_namespace_new(&nsp, core_of_server(srv), SLICE("*"), cb);
  if (err) return err;
  nsp->as_parent->user = user;
  if (parent) *parent = nsp;
  return 0;
}

sio_nsp *sio__parent_find_by_matching_pattern(const struct core *core, sio_slice name) {
  const struct hook *k = NULL;
  while ((k = sio__hooks_next_after(&core->parents, k, UINT64_MAX))) {
    sio_nsp *nsp = k->user;
    bool matches = nsp->as_parent->by_pattern && sio__pattern_matches(slice_str(nsp->name), name);
    if (matches) return nsp;
  }
  return NULL;
}

void sio__parents_free_all(struct core *core) {
  const struct hook *k = NULL;
  while ((k = sio__hooks_next_after(&core->parents, k, UINT64_MAX))) parent_namespace_free(k->user);
  sio__hooks_clear(&core->parents);
}

void sio__parent_add_children_to_stats(struct nsp_stats *st, const sio_nsp *parent) {
  sio__nsp_add_to_stats(st, parent);
  list_each (it, tmp, &parent->as_parent->children)
    sio__nsp_add_to_stats(st, container_of(it, sio_nsp, sibling));
}
