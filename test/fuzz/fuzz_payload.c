/* SPDX-License-Identifier: MIT
 *
 * fuzz_payload.c - several packets in one body. What is read can be written, and reads the same.
 */
#include "fuzz.h"

#include "base/utf8.h"
#include "eio/payload.h"
#include <sio/error.h>

/* A message of ours with the same contents, written and read again. */
static void check_again(struct msgs *home, const struct eio_in *in) {
  struct msg *m = sio__msg_new(home, in->data.n + 1);
  char type = (char)('0' + in->type);
  m->binary = in->binary;
  if (!in->binary) DEMAND(sio__msg_put(&m, &type, 1) == 0);
  DEMAND(sio__msg_put(&m, in->data.p, in->data.n) == 0);
  size_t n = sio__payload4_packet_len(m);
  char *body = malloc(n ? n : 1);
  DEMAND(sio__payload4_write_packet(body, m) == body + n);
  sio_slice rest = slice(body, n);
  struct eio_in again;
  DEMAND(sio__payload4_take_next_packet(&rest, &again) == 1);
  DEMAND(again.type == in->type && again.binary == in->binary && slice_eq(again.data, in->data));
  DEMAND(sio__payload4_take_next_packet(&rest, &again) == 0);
  free(body);
  msg_unref(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (!sio__utf8_is_valid((const char *)data, size)) return 0;
  char *body = piece(data, size);
  sio_slice rest = slice(body, size);
  struct msgs home;
  struct eio_in in;
  int got;
  sio__msg_allocator_init(&home);
  while ((got = sio__payload4_take_next_packet(&rest, &in)) == 1) {
    DEMAND(in.data.n == 0 || (in.data.p >= body && in.data.p + in.data.n <= body + size));
    check_again(&home, &in);
  }
  DEMAND(got == 0 || got == SIO_EPROTO);
  sio__msg_allocator_clear(&home);
  free(body);
  return 0;
}
