/* SPDX-License-Identifier: MIT
 *
 * public_id.c - makes a public id from a secret id, with SHA-1.
 */
#include "base/public_id.h"

#include "base/base64.h"
#include "base/sha1.h"

enum { SECRET_MAX = 400, DIGEST_USED = 15 };

/* Comes before the secret, so that the digest differs from other uses of SHA-1, such as WebSocket
 * keys. */
static const char digest_prefix[] = "sio public id ";

const char *sio__make_public_id(char out[PUBLIC_ID_LEN + 1], sio_slice secret) {
  char text[sizeof digest_prefix + SECRET_MAX];
  uint8_t digest[20];
  size_t n = secret.n < SECRET_MAX ? secret.n : SECRET_MAX;
  memcpy(text, digest_prefix, sizeof digest_prefix);
  if (n) memcpy(text + sizeof digest_prefix, secret.p, n);
  sio__sha1(digest, text, sizeof digest_prefix + n);
  sio__base64_encode(out, digest, DIGEST_USED);
  for (char *c = out; c < out + PUBLIC_ID_LEN; c++) *c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
  out[PUBLIC_ID_LEN] = '\0';
  return out;
}
