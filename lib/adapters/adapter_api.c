/* SPDX-License-Identifier: MIT
 *
 * adapter_api.c - the table sio__adapter_api. Its functions are in core/; other files of the
 * library call them without the table.
 */
#include "adapters/adapter_api.h"

#include "adapters/memory.h"
#include "core/nsp.h"
#include "core/out_packet.h"
#include "core/query.h"
#include "core/recovery_socket.h"
#include "core/restore.h"
#include "core/room_hooks.h"
#include "core/server_side.h"

const sio_adapter_api sio__adapter_api = {
  .size = sizeof sio__adapter_api,
  .memory = &sio__adapter_memory,
  .packet_new = sio__packet_new_from_remote_event,
  .packet_copy = sio__packet_copy,
  .packet_free = sio__remote_packet_free,
  .packet_get_info = sio__packet_get_info,
  .packet_deliver = sio__packet_deliver_to_socket,
  .packet_broadcast = sio__packet_broadcast_in_process,
  .query_new = sio__query_new_with_adapter_callbacks,
  .query_when_counted = sio__query_set_expected_count_callback,
  .query_hold = sio__query_hold_open,
  .query_release = sio__query_release_and_end_if_complete,
  .query_get_info = sio__query_get_info,
  .query_expect = sio__query_expect_more_answers,
  .query_lost = sio__query_count_lost_answers,
  .query_reply = sio__query_check_and_add_remote_answer,
  .query_remote = sio__query_check_and_add_remote_socket,
  .server_side_receive = sio__server_side_relay_and_handle_event,
  .room_changed = sio__run_room_change_hooks,
  .has_threads = sio__nsp_server_is_one_of_several_threads,
  .socket_pid = sio__recovery_pid_of_socket,
  .recovery_ms = sio__nsp_max_disconnection_ms,
  .restore_get_info = sio__socket_restore_get_info,
  .restore_found = sio__socket_restore_add_found_socket,
  .restore_event = sio__socket_restore_add_missed_event,
  .restore_done = sio__socket_restore_end_answer_of_adapter,
  .packet_broadcast_own = sio__packet_broadcast_in_process_with_origin,
};
