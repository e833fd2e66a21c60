/* SPDX-License-Identifier: MIT
 *
 * veil.h - a provider of TLS (sio/tls.h) that hides nothing: a record is its type, two bytes of
 * length, and the text with each bit of 0x5a turned. Its handshake is one record from either side.
 *
 *     char out[64];
 *     size_t n = veil(out, VEIL_HELLO, "");
 *     n += veil(out + n, VEIL_DATA, "GET / HTTP/1.1\r\n\r\n");
 */
#ifndef SIO_TEST_VEIL_H
#define SIO_TEST_VEIL_H

#include <sio/tls.h>
#include <stdlib.h>

enum { VEIL_END = 21, VEIL_HELLO, VEIL_DATA, VEIL_BAD, VEIL_CHATTY, VEIL_HEAD = 3 };

/* What the provider does to its connections. */
static struct {
  int open_fails, info_fails, write_fails; /* with these codes */
  int kind, version;                       /* that it tells of */
  unsigned open;                           /* sessions         */
} veil_does;

struct veil {
  sio_tls_wire wire;
  unsigned char held[VEIL_HEAD + 16384];
  size_t n;
  bool greeted, failed, over;
};

static inline size_t veil_n(char *out, int type, const char *p, size_t n) {
  out[0] = (char)type;
  out[1] = (char)(n >> 8);
  out[2] = (char)n;
  for (size_t i = 0; i < n; i++) out[VEIL_HEAD + i] = (char)(p[i] ^ 0x5a);
  return VEIL_HEAD + n;
}

static inline size_t veil(char *out, int type, const char *text) {
  return veil_n(out, type, text, strlen(text));
}

static int veil_put(struct veil *v, int type, const char *p, size_t n) {
  static char record[VEIL_HEAD + 16384];
  return v->wire.put(v->wire.to, record, veil_n(record, type, p, n));
}

static int veil_open(void *context, const sio_tls_wire *wire, void **session) {
  (void)context;
  if (veil_does.open_fails) return veil_does.open_fails;
  struct veil *v = *session = calloc(1, sizeof *v);
  if (!v) abort();
  v->wire = *wire;
  veil_does.open++;
  return 0;
}

static void veil_close(void *session) {
  veil_does.open--;
  free(session);
}

static long veil_fail(struct veil *v) {
  v->failed = true;
  return SIO_EPROTO;
}

/* A record is whole: what a read answers to it; 0: nothing yet. */
static long veil_take(struct veil *v, char *out, size_t size) {
  size_t n = v->n - VEIL_HEAD;
  int type = v->held[0];
  v->n = 0;
  if (v->greeted != (type != VEIL_HELLO)) return veil_fail(v);
  if (type == VEIL_HELLO) v->greeted = true;
  if (type == VEIL_HELLO || type == VEIL_CHATTY)
    return veil_put(v, VEIL_HELLO, "hello", 5) ? veil_fail(v) : 0;
  if (type == VEIL_END) v->over = true;
  if (type == VEIL_END) return SIO_ECLOSED;
  if (type != VEIL_DATA || n > size) return veil_fail(v);
  for (size_t i = 0; i < n; i++) out[i] = (char)(v->held[VEIL_HEAD + i] ^ 0x5a);
  return (long)n;
}

static long veil_read(void *session, sio_slice *in, char *out, size_t size) {
  struct veil *v = session;
  if (v->failed || size == 0) abort();
  while (in->n > 0 && !v->over) {
    v->held[v->n++] = (unsigned char)*in->p++;
    in->n--;
    if (v->n < VEIL_HEAD) continue;
    size_t want = VEIL_HEAD + ((size_t)v->held[1] << 8 | v->held[2]);
    if (want > sizeof v->held) return veil_fail(v);
    if (v->n < want) continue;
    long k = veil_take(v, out, size);
    if (k) return k;
  }
  return v->over ? SIO_ECLOSED : 0;
}

static int veil_write(void *session, const char *p, size_t n) {
  struct veil *v = session;
  if (v->failed || !v->greeted || n == 0 || n > 16384) abort();
  return veil_does.write_fails ? veil_does.write_fails : veil_put(v, VEIL_DATA, p, n);
}

static void veil_end(void *session) {
  struct veil *v = session;
  if (v->failed || !v->greeted) abort();
  veil_put(v, VEIL_END, "", 0);
}

static bool veil_established(void *session, sio_tls_done *out) {
  const struct veil *v = session;
  out->version = veil_does.version;
  out->resumed = true;
  return v->greeted;
}

static int veil_info(void *session, sio_tls_info *out) {
  (void)session;
  out->version = "veil 1";
  out->cipher = "0x5a";
  out->alpn = out->server_name = out->subject = out->verify_error = "";
  out->subject = "CN=anybody";
  return veil_does.info_fails;
}

static int veil_failure(void *session, const char **text) {
  (void)session;
  *text = "the veil is torn";
  return veil_does.kind;
}

static const sio_tls_ops veil_ops = { .name = "veil",
                                      .open = veil_open,
                                      .read = veil_read,
                                      .write = veil_write,
                                      .end = veil_end,
                                      .established = veil_established,
                                      .info = veil_info,
                                      .failure = veil_failure,
                                      .close = veil_close };
static const sio_tls veil_tls = { &veil_ops, NULL };

#endif
