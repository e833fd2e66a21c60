/* SPDX-License-Identifier: MIT
 *
 * link_tls.c - the TLS session of a connection to Redis. It works on memory: link_socket.c sends
 * the ciphertext.
 */
#include "redis/link_tls.h"

#include "base/err.h"
#include "base/mem.h"

enum {
  TLS_PIECE = 16384, /* the most bytes of plaintext that are encrypted or decrypted at a time */
  TLS_HANDSHAKE_OUT_MAX = 128 * 1024 /* the most bytes of link_tls.cipher during the handshake */
};

static int append_link_ciphertext(void *to, const char *p, size_t n) {
  struct link_tls *t = to;
  if (!t->established && t->cipher.n + n > TLS_HANDSHAKE_OUT_MAX) return SIO_ETOOBIG;
  return sio__buf_put(&t->cipher, p, n);
}

int sio__link_tls_begin(struct link_tls *t, const sio_tls *tls) {
  const sio_tls_wire wire = { .put = append_link_ciphertext, .to = t };
  t->provider = tls->ops;
  buf_init(&t->cipher, SIZE_MAX / 2);
  if (!(t->plain = sio__malloc(TLS_PIECE))) return UV_ENOMEM;
  int err = t->provider->open(tls->context, &wire, &t->session);
  if (err) t->session = NULL;
  return err;
}

void sio__link_tls_close_and_free(struct link_tls *t) {
  if (t->session) t->provider->close(t->session);
  sio__buf_clear(&t->cipher);
  sio__free(t->plain);
}

int sio__link_tls_encrypt(struct link_tls *t, const char *p, size_t n) {
  int err = 0;
  for (size_t k; n && !err; p += k, n -= k) {
    k = n < TLS_PIECE ? n : TLS_PIECE;
    err = t->provider->write(t->session, p, k);
  }
  return err;
}

long sio__link_tls_decrypt(struct link_tls *t, sio_slice *in) {
  return t->provider->read(t->session, in, t->plain, TLS_PIECE);
}

sio_slice sio__link_tls_take_ciphertext(struct link_tls *t) {
  const sio_slice bytes = slice(t->cipher.p, t->cipher.n);
  if (bytes.n) buf_init(&t->cipher, SIZE_MAX / 2);
  return bytes;
}

bool sio__link_tls_report_handshake_done_once(struct link_tls *t) {
  sio_tls_done done;
  if (t->established || !t->provider->established(t->session, &done)) return false;
  t->established = true;
  return true;
}

const char *sio__link_tls_describe_failure(const struct link_tls *t) {
  const char *text = "";
  (void)t->provider->failure(t->session, &text);
  return text;
}
