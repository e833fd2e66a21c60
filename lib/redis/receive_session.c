/* SPDX-License-Identifier: MIT
 *
 * receive_session.c - a socket that this or another Socket.IO server has saved, so that any server
 * can recover it.
 */
#include "redis/receive_session.h"

#include "base/err.h"

int sio__received_session_parse(struct received_session *s, sio_adapter *a, sio_slice message) {
  sio_slice id, pid, rooms, data;
  const struct unpack_field fields[] = {
    { "sid", &id }, { "pid", &pid }, { "rooms", &rooms }, { "data", &data }
  };
  *s = (struct received_session){ 0 };
  int err = sio__check_message_and_convert_if_json(&s->message, adapter_message_pool(a), message);
  if (!err && (!sio__unpack_map_fields(s->message.value, fields, 4) ||
               !sio__unpack_string_copy(id, s->id, sizeof s->id) ||
               !sio__unpack_string_copy(pid, s->pid, sizeof s->pid)))
    err = SIO_EPROTO;
  if (!err) err = sio__unpack_room_names(&s->rooms, rooms);
  if (!err) err = sio__unpack_value_as_json(&s->data, adapter_message_pool(a), data);
  return err;
}

void sio__received_session_clear(struct received_session *s) {
  sio__unpacked_room_names_clear(&s->rooms);
  sio__unpacked_json_clear(&s->data);
  sio__unpacked_clear(&s->message);
}
