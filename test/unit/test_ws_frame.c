/* SPDX-License-Identifier: MIT
 *
 * test_ws_frame.c - the frames a server sends.
 */
#include "alloc.h"
#include "test.h"
#include "ws/frame.h"

static void header_is(enum ws_opcode op, uint64_t n, const char *want, unsigned len) {
  uint8_t out[10];
  unsigned got = sio__ws_encode_unmasked_fin_header(out, op, n);
  EQ_MEM(out, got, want, len);
}

TEST(lengths_take_the_shortest_form) {
  header_is(WS_TEXT, 0, "\x81\x00", 2);
  header_is(WS_BINARY, 125, "\x82\x7d", 2);
  header_is(WS_TEXT, 126, "\x81\x7e\x00\x7e", 4);
  header_is(WS_TEXT, 65535, "\x81\x7e\xff\xff", 4);
  header_is(WS_TEXT, 65536, "\x81\x7f\0\0\0\0\0\1\0\0", 10);
  header_is(WS_PONG, 5, "\x8a\x05", 2);
}

TEST(a_msg_is_sealed_once_and_its_text_stays) {
  struct msgs home;
  alloc_install();
  sio__msg_allocator_init(&home);
  struct msg *m = sio__msg_from_bytes(&home, "4123", 4);
  REQUIRE(m);
  sio__ws_write_message_header_once(m);
  EQ_MEM(msg_data(m) - m->ws_head, msg_frame_len_with_header(m),
         "\x81\x04"
         "4123",
         6);
  EQ(ws_frame_offset_in_msg_block(m), MSG_HEADROOM - 2);
  m->binary = true;
  sio__ws_write_message_header_once(m);
  EQ_MEM(msg_data(m) - m->ws_head, msg_frame_len_with_header(m),
         "\x81\x04"
         "4123",
         6);
  EQ_MEM(msg_data(m), m->len, "4123", 4);
  msg_unref(m);
  sio__msg_allocator_clear(&home);
  EQ(alloc_live, 0);
}

TEST(an_attachment_leaves_as_a_binary_frame) {
  struct msgs home;
  sio__msg_allocator_init(&home);
  struct msg *m = sio__msg_new(&home, 70000);
  REQUIRE(m);
  m->len = 70000;
  memset(msg_data(m), 'x', m->len);
  m->binary = true;
  sio__ws_write_message_header_once(m);
  EQ(m->ws_head, 10);
  EQ_MEM(msg_data(m) - 10, 10, "\x82\x7f\0\0\0\0\0\x01\x11\x70", 10);
  EQ(ws_frame_offset_in_msg_block(m), 0);
  EQ(msg_frame_len_with_header(m), 70010);
  msg_unref(m);
  sio__msg_allocator_clear(&home);
}

TEST(a_raw_msg_gets_no_header) {
  struct msgs home;
  sio__msg_allocator_init(&home);
  struct msg *m = sio__msg_from_bytes(&home, "\x81\x01x", 3);
  REQUIRE(m);
  m->raw = true;
  sio__ws_write_message_header_once(m);
  EQ(ws_frame_offset_in_msg_block(m), MSG_HEADROOM);
  EQ(msg_frame_len_with_header(m), 3);
  msg_unref(m);
  sio__msg_allocator_clear(&home);
}

TEST(control_frames_are_ready_to_send_or_null_without_memory) {
  struct msgs home;
  alloc_install();
  sio__msg_allocator_init(&home);
  alloc_fail_in(1);
  CHECK(sio__ws_control_frame_new(&home, WS_PONG, "abc", 3) == NULL);
  struct msg *m = sio__ws_control_frame_new(&home, WS_CLOSE, NULL, 0);
  REQUIRE(m);
  EQ_MEM(msg_data(m) - m->ws_head, msg_frame_len_with_header(m), "\x88\x00", 2);
  msg_unref(m);
  sio__msg_allocator_clear(&home);
  EQ(alloc_live, 0);
}

TEST(close_codes_are_those_of_the_rfc_and_the_registry) {
  for (unsigned code = 0; code < 70000; code++) {
    bool want = (code >= 1000 && code <= 1014 && !(code >= 1004 && code <= 1006)) ||
                (code >= 3000 && code <= 4999);
    if (sio__ws_is_valid_close_code(code) != want) EQ(code, -1);
  }
}

TESTS_BEGIN
T(lengths_take_the_shortest_form)
T(a_msg_is_sealed_once_and_its_text_stays)
T(an_attachment_leaves_as_a_binary_frame)
T(a_raw_msg_gets_no_header)
T(control_frames_are_ready_to_send_or_null_without_memory)
T(close_codes_are_those_of_the_rfc_and_the_registry)
TESTS_END
