/* SPDX-License-Identifier: MIT
 *
 * core_init.c - initialises struct core, and frees what it contains.
 */
#include "core/child.h"
#include "core/connect.h"
#include "core/core.h"
#include "core/held_events.h"
#include "core/nsp.h"
#include "core/parent.h"
#include "core/socket.h"

void sio__core_init(struct core *core, const sio_options *opts, void (*free)(struct core *core)) {
  core->refs = 1;
  core->free = free;
  core->opts = opts;
  sio__map_init(&core->nsps, sio__get_map_key_of_nsp);
  sio__map_init(&core->addr_children, sio__get_map_key_of_child_nsp_counter);
  sio__map_init(&core->deadlines, sio__get_map_key_of_socket_deadline);
  sio__map_init(&core->held_events, sio__get_map_key_of_held_events);
  sio__hooks_init(&core->parents);
  buf_init(&core->handshake, SIZE_MAX / 2);
  sio__hooks_init(&core->new_nsp);
  sio__hooks_init(&core->removed_nsp);
  list_init(&core->leaving);
  list_init(&core->just_connected);
  task_init(&core->finish_leaving, sio__finish_all_leaving_sockets);
  task_init(&core->clear_just_connected, sio__connect_clear_just_connected_list);
  core->limits =
      (struct decoder_limits){ opts->max_attachments, opts->max_depth, opts->max_packet };
  core->unjoined_limits = core->limits;
  if (core->limits.max_packet > opts->max_unjoined / 4)
    core->unjoined_limits.max_packet = opts->max_unjoined / 4;
}

void sio__core_clear(struct core *core) {
  sio_nsp *nsp;
  for (uint32_t i = 0; (nsp = sio__map_next(&core->nsps, &i));) sio__nsp_free(nsp);
  sio__map_clear(&core->nsps);
  sio__map_clear(&core->deadlines);
  sio__map_clear(&core->held_events);
  sio__child_nsp_counters_free_all(core);
  sio__parents_free_all(core);
  /* The scratch memory may contain something although the server has closed: sio_broadcast() to a
   * namespace to which the host still has a reference encodes the event, and then returns
   * SIO_ECLOSED. */
  sio__decode_scratch_clear(&core->scratch);
  sio__buf_clear(&core->handshake);
  sio__msg_allocator_clear(&core->loop.msgs);
  sio__log_drop_lines_and_callback(&core->log);
}
