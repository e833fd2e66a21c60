/* SPDX-License-Identifier: MIT
 *
 * tls.c - a program of somebody else's that links libsio-openssl.
 */
#include <sio/openssl.h>
#include <sio/sio.h>
#include <stdio.h>
#include <uv.h>

int main(void) {
  sio_openssl_options options = { 0 };
  sio_tls *tls = NULL;
  char why[128];
  int err = sio_openssl_new(&options, why, sizeof why, &tls);
  printf("libsio %s, TLS without a certificate: %s\n", sio_version(), why);
  sio_openssl_free(tls);
  return err == UV_EINVAL ? 0 : 1;
}
