/* SPDX-License-Identifier: MIT
 *
 * receive_target.c - which sockets of this process a received message is for.
 */
#include "redis/receive_target.h"

#include "base/err.h"
#include <sio/nsp.h>

static int parse_target_flags(struct received_target *t, sio_slice flags) {
  sio_slice is_volatile, compress, timeout;
  const struct unpack_field fields[] = { { "volatile", &is_volatile },
                                         { "compress", &compress },
                                         { "timeout", &timeout } };
  if (!flags.n) return 0;
  if (!sio__unpack_map_fields(flags, fields, 3)) return SIO_EPROTO;
  if (sio__unpack_is_true(is_volatile)) t->flags |= SIO_VOLATILE;
  if (sio__unpack_is_false(compress)) t->flags |= SIO_NO_COMPRESS;
  (void)sio__unpack_number(timeout, INT32_MAX, &t->timeout_ms);
  return 0;
}

int sio__received_target_parse_rooms(struct received_target *t, sio_slice rooms) {
  int err = sio__unpack_room_names(&t->rooms, rooms);
  t->everybody = t->rooms.given == 0;
  return err;
}

int sio__received_target_parse(struct received_target *t, sio_slice opts) {
  sio_slice rooms, except, flags;
  const struct unpack_field fields[] = { { "rooms", &rooms },
                                         { "except", &except },
                                         { "flags", &flags } };
  *t = (struct received_target){ 0 };
  if (!sio__unpack_map_fields(opts, fields, 3) && opts.n) return SIO_EPROTO;
  int err = parse_target_flags(t, flags);
  if (!err) err = sio__received_target_parse_rooms(t, rooms);
  if (!err) err = sio__unpack_room_names(&t->except, except);
  return err;
}

void sio__received_target_clear(struct received_target *t) {
  sio__unpacked_room_names_clear(&t->rooms);
  sio__unpacked_room_names_clear(&t->except);
}

sio_target sio__make_target_in_process(const sio_adapter *a, const struct received_target *t) {
  return (sio_target){ .nsp = a->nsp,
                       .rooms = t->everybody ? NULL : t->rooms.list,
                       .except = t->except.list,
                       .flags = t->flags | SIO_PROCESS };
}
