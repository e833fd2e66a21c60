/* SPDX-License-Identifier: MIT
 *
 * sio_of.c - sio_of() finds a namespace by name, or creates it. If a parent has a pattern that
 * matches the name, the new namespace is a child of the first such parent. sio_of_child() finds or
 * creates a child of the parent that the host passes.
 */
#include "core/child.h"
#include "core/core.h"
#include "core/nsp.h"
#include "core/parent.h"
#include "core/pattern.h"

static int create_nsp_without_parent(sio_nsp **out, struct core *core, sio_slice name) {
  if (core->closing) return SIO_ESTATE;
  int err = sio__nsp_new(out, core, name, core->opts->adapter);
  if (!err && (err = sio__nsp_open_adapter_and_register(*out))) sio__nsp_free(*out);
  if (!err) sio__nsp_run_namespace_created_hooks(*out);
  return err;
}

int sio_of(sio_server *srv, const char *name, sio_nsp **out) {
  struct core *core = core_of_server(srv);
  char buffer[NSP_NAME_MAX + 1];
  sio_slice full;
  if (!sio__nsp_make_and_check_full_name(buffer, name, &full)) return SIO_ENAME;
  sio_nsp *nsp = sio__nsp_find(core, full);
  if (!nsp) {
    sio_nsp *parent = sio__parent_find_by_matching_pattern(core, full);
    int err = parent ? sio__child_namespace_new(&nsp, parent, full, NULL)
                     : create_nsp_without_parent(&nsp, core, full);
    if (err) return err;
  }
  if (out) *out = nsp;
  return 0;
}

static bool is_child_name_outside_parent_pattern(const sio_nsp *parent, sio_slice name) {
  return parent->as_parent->by_pattern && !sio__pattern_matches(slice_str(parent->name), name);
}

int sio_of_child(sio_nsp *parent, const char *name, sio_nsp **out) {
  char buffer[NSP_NAME_MAX + 1];
  sio_slice full;
  if (!parent->as_parent) return UV_EINVAL;
  if (!sio__nsp_make_and_check_full_name(buffer, name, &full) ||
      is_child_name_outside_parent_pattern(parent, full))
    return SIO_ENAME;
  sio_nsp *nsp = sio__nsp_find(parent->core, full);
  if (nsp && nsp->parent != parent) return SIO_EEXISTS;
  int err = nsp ? 0 : sio__child_namespace_new(&nsp, parent, full, NULL);
  if (!err && out) *out = nsp;
  return err;
}
