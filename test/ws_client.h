/* SPDX-License-Identifier: MIT
 *
 * ws_client.h - frames as a client sends them, put together byte by byte.
 *
 *     struct wire w = { 0 };
 *     wire_frame(&w, 0x81, "hello", 5);   first byte: FIN, reserved bits, opcode
 *     ... w.p, w.n ...
 *     wire_clear(&w);
 */
#ifndef SIO_TEST_WS_CLIENT_H
#define SIO_TEST_WS_CLIENT_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct wire {
  char *p;
  size_t n, cap;
  uint32_t key; /* changes with every frame */
};

static inline void wire_put(struct wire *w, const void *p, size_t n) {
  if (w->n + n > w->cap) {
    w->cap = (w->n + n) * 2;
    w->p = realloc(w->p, w->cap);
    if (!w->p) abort();
  }
  if (n) memcpy(w->p + w->n, p, n);
  w->n += n;
}

static inline void wire_byte(struct wire *w, unsigned c) {
  wire_put(w, &(uint8_t){ (uint8_t)c }, 1);
}

static inline void wire_header(struct wire *w, unsigned first, uint64_t n) {
  wire_byte(w, first);
  unsigned bytes = n > 0xffff ? 8 : n > 125 ? 2 : 0;
  wire_byte(w, 0x80u | (bytes == 8 ? 127u : bytes == 2 ? 126u : (unsigned)n));
  for (unsigned i = bytes; i-- > 0;) wire_byte(w, (unsigned)(n >> 8 * i) & 0xff);
  w->key = w->key * 2654435761u + 0x9e3779b9u;
  wire_put(w, &w->key, 4);
}

static inline void wire_frame(struct wire *w, unsigned first, const void *p, size_t n) {
  wire_header(w, first, n);
  uint8_t key[4];
  memcpy(key, &w->key, 4);
  for (size_t i = 0; i < n; i++) wire_byte(w, ((const uint8_t *)p)[i] ^ key[i % 4]);
}

static inline void wire_clear(struct wire *w) {
  free(w->p);
  *w = (struct wire){ 0 };
}

#endif
