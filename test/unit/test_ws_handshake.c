/* SPDX-License-Identifier: MIT
 *
 * test_ws_handshake.c - what is accepted as an opening handshake, and the answer's key.
 */
#include "guard.h"
#include "test.h"
#include "ws/handshake.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="

static struct ws_offer good(void) {
  return (struct ws_offer){ .method = SLICE("GET"),
                            .connection = SLICE("Upgrade"),
                            .upgrade = SLICE("websocket"),
                            .key = SLICE(KEY),
                            .version = SLICE("13") };
}

#define WITH(field, text) with(offsetof(struct ws_offer, field), slice_str(text))
static enum ws_refusal with(size_t field, sio_slice text) {
  struct ws_offer o = good();
  memcpy((char *)&o + field, &text, sizeof text);
  return sio__ws_check_handshake(&o);
}

TEST(the_sample_key_of_the_rfc_gets_the_sample_answer) {
  char out[WS_ACCEPT_LEN + 1];
  sio__ws_compute_accept_key(out, SLICE(KEY));
  EQ_STR(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  sio__ws_compute_accept_key(out, SLICE("x3JJHMbDL1EzLkh9GBhXDw=="));
  EQ_STR(out, "HSmrc0sMlYUkAGmm5OPpG2HaGWk=");
}

TEST(blanks_around_the_key_do_not_change_the_answer) {
  char out[WS_ACCEPT_LEN + 1];
  EQ(WITH(key, " \t" KEY "  "), WS_OK);
  sio__ws_compute_accept_key(out, SLICE(" \t" KEY "  "));
  EQ_STR(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(what_browsers_and_proxies_send_is_accepted) {
  struct ws_offer o = good();
  EQ(sio__ws_check_handshake(&o), WS_OK);
  EQ(WITH(connection, "keep-alive, Upgrade"), WS_OK);
  EQ(WITH(connection, "upgrade"), WS_OK);
  EQ(WITH(upgrade, "WebSocket"), WS_OK);
  EQ(WITH(version, "8"), WS_OK);
  EQ(WITH(key, "//////////////////////=="), WS_OK);
  EQ(WITH(key, "azAZ09+/azAZ09+/azAZ09=="), WS_OK);
}

TEST(only_get_opens) {
  EQ(WITH(method, "POST"), WS_BAD_METHOD);
  EQ(WITH(method, "get"), WS_BAD_METHOD);
  EQ(WITH(method, ""), WS_BAD_METHOD);
}

TEST(both_upgrade_headers_are_needed) {
  EQ(WITH(upgrade, ""), WS_BAD_UPGRADE);
  EQ(WITH(upgrade, "h2c"), WS_BAD_UPGRADE);
  EQ(WITH(upgrade, "websockets"), WS_BAD_UPGRADE);
  EQ(WITH(connection, ""), WS_BAD_UPGRADE);
  EQ(WITH(connection, "keep-alive"), WS_BAD_UPGRADE);
}

TEST(a_key_is_sixteen_bytes_of_base64) {
  static const char *const bad[] = {
    "",
    "=",
    "==",
    "dGhlIHNhbXBsZSBub25jZQ",
    "dGhlIHNhbXBsZSBub25jZQ=",
    "GhlIHNhbXBsZSBub25jZQ==",
    "dGhlIHNhbXBsZSBub25jZQ===",
    "dGhlIHNhbXBsZSBub25jZWE=",
    "dGhlIHNhbXBsZSBub25jZWFh",
    "dGhl-HNhbXBsZSBub25jZQ==",
    "dGhl_HNhbXBsZSBub25jZQ==",
    "dGhl HNhbXBsZSBub25jZQ==",
    "dGhlIHNhbXBsZSBub25j\xc3\xa9==",
    "dGhlIHNhbXBsZSBub25j=Q==",
    "dGhlIHNhbXBsZSBub25jZQ=x",
    "dGhl@HNhbXBsZSBub25jZQ==",
    "dGhl{HNhbXBsZSBub25jZQ==",
    "dGhl:HNhbXBsZSBub25jZQ==",
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) EQ(WITH(key, bad[i]), WS_BAD_KEY);
}

TEST(a_key_with_a_nul_is_refused) {
  struct ws_offer o = good();
  o.key = SLICE("dGhlIHNh\0XBsZSBub25jZQ==");
  EQ(sio__ws_check_handshake(&o), WS_BAD_KEY);
}

TEST(versions_are_thirteen_and_eight) {
  static const char *const bad[] = { "", "0", "7", "9", "12", "14", "013", "130", "13, 8", "x" };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) EQ(WITH(version, bad[i]), WS_BAD_VERSION);
}

TEST(no_byte_behind_a_header_is_read) {
  struct guard g = { 0 };
  struct ws_offer o = good();
  for (size_t n = 0; n <= strlen(KEY); n++) {
    o.key = slice(guard_put(&g, KEY, n), n);
    EQ(sio__ws_check_handshake(&o), n == strlen(KEY) ? WS_OK : WS_BAD_KEY);
  }
  char out[WS_ACCEPT_LEN + 1];
  sio__ws_compute_accept_key(out, o.key);
  EQ_STR(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  guard_clear(&g);
}

TESTS_BEGIN
T(the_sample_key_of_the_rfc_gets_the_sample_answer)
T(blanks_around_the_key_do_not_change_the_answer)
T(what_browsers_and_proxies_send_is_accepted)
T(only_get_opens)
T(both_upgrade_headers_are_needed)
T(a_key_is_sixteen_bytes_of_base64)
T(a_key_with_a_nul_is_refused)
T(versions_are_thirteen_and_eight)
T(no_byte_behind_a_header_is_read)
TESTS_END
