/* SPDX-License-Identifier: MIT
 *
 * adapter_api.c - the table sio__adapter_api. Its functions are in core/; other files of the
 * library call them directly.
 */
#include "adapters/adapter_api.h"

#include "adapters/memory.h"
#include "core/nsp.h"
#include "core/out_packet.h"
#include "core/query.h"
#include "core/restore.h"
#include "core/room_hooks.h"
#include "core/server_side.h"

const sio_adapter_api sio__adapter_api = {
  .size = sizeof sio__adapter_api,
  .memory = &sio__adapter_memory,
  .packet_new = sio__packet_new,
  .packet_copy = sio__packet_copy,
  .packet_free = sio__packet_free,
  .packet_get_info = sio__packet_get_info,
  .packet_deliver = sio__packet_deliver,
  .packet_broadcast = sio__packet_broadcast,
  .query_new = sio__remote_query_new,
  .query_when_counted = sio__query_when_counted,
  .query_hold = sio__query_hold,
  .query_release = sio__query_release,
  .query_get_info = sio__query_get_info,
  .query_expect = sio__query_expect,
  .query_lost = sio__query_lost,
  .query_reply = sio__query_reply,
  .query_remote = sio__query_remote,
  .server_side_receive = sio__server_side_receive,
  .room_changed = sio__room_changed,
  .has_threads = sio__nsp_has_threads,
  .socket_pid = sio__recovery_pid_of_socket,
  .recovery_ms = sio__nsp_recovery_ms,
  .restore_get_info = sio__restore_get_info,
  .restore_found = sio__restore_found,
  .restore_event = sio__restore_event,
  .restore_done = sio__restore_done,
};
