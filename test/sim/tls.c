/* SPDX-License-Identifier: MIT
 *
 * tls.c - records of test/veil.h, from a peer's side.
 */
#include "tls.h"

#include "veil.h"

const sio_tls sim_tls = { &veil_ops, NULL };

void sim_tls_begin(void) { memset(&veil_does, 0, sizeof veil_does); }

unsigned sim_tls_open(void) { return veil_does.open; }

static void put_record(struct bytes *out, int type, const char *p, size_t n) {
  veil_n(bytes_more(out, VEIL_HEAD + n), type, p, n);
}

void tls_hello(struct bytes *out) { put_record(out, VEIL_HELLO, "", 0); }

void tls_wrap(struct bytes *out, const void *p, size_t n) {
  const char *at = p;
  for (size_t k; n > 0; at += k, n -= k) {
    k = n < 1400 ? n : 1400;
    put_record(out, VEIL_DATA, at, k);
  }
}

static void take_record(struct bytes *raw, size_t n, struct bytes *out) {
  char *at = bytes_more(out, n);
  for (size_t i = 0; i < n; i++) at[i] = (char)(raw->p[VEIL_HEAD + i] ^ 0x5a);
}

bool tls_unwrap(struct bytes *raw, struct bytes *out) {
  while (raw->n >= VEIL_HEAD) {
    const unsigned char *p = (const unsigned char *)raw->p;
    size_t n = (size_t)p[1] << 8 | p[2];
    if (p[0] != VEIL_HELLO && p[0] != VEIL_DATA && p[0] != VEIL_END) return false;
    if (raw->n < VEIL_HEAD + n) return true;
    if (p[0] == VEIL_DATA) take_record(raw, n, out);
    bytes_skip(raw, VEIL_HEAD + n);
  }
  return true;
}
