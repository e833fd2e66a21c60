/* SPDX-License-Identifier: MIT
 *
 * handshake.c - checks a client's handshake and computes Sec-WebSocket-Accept.
 */
#include "ws/handshake.h"

#include <string.h>

#include "base/base64.h"
#include "base/sha1.h"

enum { KEY_LEN = BASE64_LEN(16) };

static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

static bool is_base64_char(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
         c == '/';
}

/* 22 characters contain 132 bits, but a key has 128: the last four bits are not checked. */
static bool is_websocket_key_valid(sio_slice key) {
  if (key.n != KEY_LEN || key.p[KEY_LEN - 2] != '=' || key.p[KEY_LEN - 1] != '=') return false;
  for (size_t i = 0; i < KEY_LEN - 2; i++)
    if (!is_base64_char(key.p[i])) return false;
  return true;
}

static bool is_websocket_version_valid(sio_slice version) {
  return slice_equals_str(version, "13") || slice_equals_str(version, "8");
}

enum ws_refusal sio__ws_check_handshake(const struct ws_offer *o) {
  if (!slice_equals_str(o->method, "GET")) return WS_BAD_METHOD;
  if (!sio__slice_has_token(o->upgrade, SLICE("websocket")) ||
      !sio__slice_has_token(o->connection, SLICE("upgrade")))
    return WS_BAD_UPGRADE;
  if (!is_websocket_key_valid(sio__slice_trim(o->key))) return WS_BAD_KEY;
  return is_websocket_version_valid(sio__slice_trim(o->version)) ? WS_OK : WS_BAD_VERSION;
}

void sio__ws_compute_accept_key(char out[WS_ACCEPT_LEN + 1], sio_slice key) {
  char text[KEY_LEN + sizeof guid - 1];
  uint8_t hash[20];
  memcpy(text, sio__slice_trim(key).p, KEY_LEN);
  memcpy(text + KEY_LEN, guid, sizeof guid - 1);
  sio__sha1(hash, text, sizeof text);
  out[sio__base64_encode(out, hash, sizeof hash)] = '\0';
}
