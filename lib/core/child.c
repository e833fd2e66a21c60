/* SPDX-License-Identifier: MIT
 *
 * child.c - creates, counts and removes child namespaces.
 */
#include "core/child.h"

#include "base/mem.h"
#include "core/core.h"
#include "core/parent.h"
#include "core/recovery.h"
#include "eio/eio.h"
#include "net/addr.h"
#include <assert.h>

/* ---- children by address -------------------------------------------------------------------- */

/* Counts the existing child namespaces that CONNECT packets from one IP address have created. All
 * IPv6 addresses with the same first 64 bits are counted as one address. */
struct addr_children {
  struct core *core;
  struct addr addr;
  uint32_t n;
};

sio_slice sio__get_map_key_of_child_nsp_counter(const void *item) {
  const struct addr_children *a = item;
  return slice((const char *)a->addr.b, sizeof a->addr.b);
}

static struct addr_children *child_nsp_counter_new_for_address(struct core *core,
                                                               const struct addr *addr) {
  struct addr_children *a = sio__calloc(1, sizeof *a);
  if (!a) return NULL;
  a->core = core;
  a->addr = *addr;
  if (sio__map_put(&core->addr_children, a) == 0) return a;
  sio__free(a);
  return NULL;
}

static void child_nsp_counter_free_if_zero(struct addr_children *a) {
  if (!a || a->n) return;
  sio__map_del(&a->core->addr_children, sio__get_map_key_of_child_nsp_counter(a));
  sio__free(a);
}

static void child_nsp_counter_decrement_and_free_if_zero(struct addr_children *a) {
  if (!a) return;
  assert(a->n > 0);
  a->n--;
  child_nsp_counter_free_if_zero(a);
}

void sio__child_nsp_counters_free_all(struct core *core) {
  struct addr_children *a;
  for (uint32_t i = 0; (a = sio__map_next(&core->addr_children, &i));) sio__free(a);
  sio__map_clear(&core->addr_children);
}

/* Sets *out to the counter for the address of session c, which is created if there is none. If c is
 * NULL or has no IP address, sets *out to NULL: a child namespace that c creates counts for no
 * address. Returns 0 or UV_ENOMEM. */
static int find_or_add_child_nsp_counter_of_address(struct addr_children **out, struct core *core,
                                                    const sio_session *c) {
  struct addr a;
  *out = NULL;
  if (!c || !sio__addr_parse(&a, slice_str(sio__session_client_address(c)))) return 0;
  struct addr key = sio__addr_clear_ipv6_host_bits(&a);
  *out = sio__map_get(&core->addr_children, slice((const char *)key.b, sizeof key.b));
  if (!*out) *out = child_nsp_counter_new_for_address(core, &key);
  return *out ? 0 : UV_ENOMEM;
}

/* Logs that no child namespace was created. `a` is the counter for the address of the client; it is
 * NULL if the host has asked for the namespace, or a client that has no IP address. */
static void log_child_nsp_refusal(struct core *core, const struct addr_children *a) {
  if (a)
    LOG_RATED(&core->log, SIO_LOG_WARN, SIO_PART_SIO, LOG_NSP_REFUSED, NULL,
              "no namespace created: %u child namespaces exist, %u of them for the client's "
              "address (max_child_nsps)",
              core->nchildren, a->n);
  else
    LOG_RATED(&core->log, SIO_LOG_WARN, SIO_PART_SIO, LOG_NSP_REFUSED, NULL,
              "no namespace created: %u child namespaces exist (max_child_nsps)", core->nchildren);
}

/* Returns 0 if another child namespace may be created. Otherwise logs the refusal and returns
 * SIO_ETOOBIG: the server has max_child_nsps of them, or the address with the counter *a has at
 * least as many as could still be created (`left`). So a single address gets at most half of
 * max_child_nsps, rounded up. If a is NULL, the namespace counts for no address. */
static int check_child_nsp_limits_and_log_refusal(struct core *core,
                                                  const struct addr_children *a) {
  uint32_t max = core->opts->max_child_nsps;
  uint32_t left = max > core->nchildren ? max - core->nchildren : 0;
  if (left && (!a || a->n < left)) return 0;
  core->stats.nsps_refused++;
  log_child_nsp_refusal(core, a);
  return SIO_ETOOBIG;
}

/* ---- removing ------------------------------------------------------------------------------- */

static bool should_remove_child_namespace(const sio_nsp *nsp) {
  const struct core *core = nsp->core;
  bool may_recover = nsp->recovery && nsp->recovery->away.n;
  return nsp->parent && !nsp->users && !may_recover && !core->closing &&
         !core->opts->keep_empty_nsps;
}

static void child_namespace_schedule_removal_if_unused(sio_nsp *nsp) {
  if (should_remove_child_namespace(nsp)) sio__loop_defer(&nsp->core->loop, &nsp->remove_unused);
}

static void child_namespace_remove_if_still_unused(struct task *t) {
  sio_nsp *nsp = container_of(t, sio_nsp, remove_unused);
  struct core *core = nsp->core;
  if (!should_remove_child_namespace(nsp)) return;
  LOG_RATED_ABOUT(&core->log, SIO_LOG_INFO, SIO_PART_SIO, LOG_NSP_GONE, NULL, ABOUT_NSP(nsp->name),
                  "namespace %s is empty and was removed", nsp->name);
  sio__map_del(&core->nsps, slice_str(nsp->name));
  list_remove(&nsp->sibling);
  nsp->parent->events_in += nsp->events_in;
  nsp->parent->events_out += nsp->events_out;
  nsp->parent = NULL;
  assert(core->nchildren > 0);
  core->nchildren--;
  child_nsp_counter_decrement_and_free_if_zero(nsp->address_count);
  nsp->address_count = NULL;
  if (nsp->ops->shut) nsp->ops->shut(nsp->adapter);
  sio__nsp_close_adapter_and_recovery(nsp);
  sio__nsp_run_namespace_removed_hooks(nsp);
  sio__nsp_unref_without_core(nsp);
}

/* ---- creating ------------------------------------------------------------------------------- */

static int child_namespace_create(sio_nsp **out, sio_nsp *parent, sio_slice name) {
  struct core *core = parent->core;
  int err = sio__nsp_new(out, core, name, core->opts->adapter);
  if (err) return err;
  task_init(&(*out)->remove_unused, child_namespace_remove_if_still_unused);
  err = sio__nsp_copy_hooks(*out, parent);
  if (!err) err = sio__nsp_open_adapter_and_register(*out);
  if (err) sio__nsp_free(*out);
  return err;
}

static int child_namespace_create_within_limits(sio_nsp **out, sio_nsp *parent, sio_slice name,
                                                struct addr_children *address_count) {
  int err = check_child_nsp_limits_and_log_refusal(parent->core, address_count);
  if (!err) err = child_namespace_create(out, parent, name);
  if (err) return err;
  (*out)->address_count = address_count;
  if (address_count) address_count->n++;
  return 0;
}

int sio__child_namespace_new(sio_nsp **out, sio_nsp *parent, sio_slice name,
                             const sio_session *requester) {
  struct core *core = parent->core;
  struct addr_children *address_count;
  if (core->closing) return SIO_ESTATE;
  int err = find_or_add_child_nsp_counter_of_address(&address_count, core, requester);
  if (!err) err = child_namespace_create_within_limits(out, parent, name, address_count);
  if (err) {
    child_nsp_counter_free_if_zero(address_count);
    return err;
  }
  sio_nsp *nsp = *out;
  nsp->parent = parent;
  nsp->on_unused = child_namespace_schedule_removal_if_unused;
  list_append(&parent->as_parent->children, &nsp->sibling);
  core->nchildren++;
  LOG_RATED_ABOUT(&core->log, SIO_LOG_INFO, SIO_PART_SIO, LOG_NSP_MADE, NULL, ABOUT_NSP(nsp->name),
                  "namespace %s was created as a child of parent %s", nsp->name, parent->name);
  sio__nsp_run_namespace_created_hooks(nsp);
  return 0;
}
