/* SPDX-License-Identifier: MIT
 *
 * test_net_tls_memory.c - a connection that speaks TLS, when allocations of ours or of OpenSSL
 * fail.
 */
#include "net_tls_rig.h"

static size_t openssl_fuse; /* the n-th allocation of OpenSSL's fails; 0: none */

/* True: it went through. */
static bool talk_in_need(int version) {
  if (dial()) return false;
  tls_peer_open(&peer, far_fd, version);
  bool ok = shake_by(SIZE_MAX);
  alloc_fail_in(0);
  openssl_fuse = 0;
  if (ok) sio__tls_get_info(conn);
  ERR_clear_error();
  part();
  return ok;
}

TEST(every_failed_allocation_of_ours_ends_one_peer_alone) {
  EACH_VERSION(v) {
    bool ok = false;
    for (size_t i = 1; i < 200 && !ok; i++) {
      forget();
      net_open();
      provide(plain_options());
      alloc_fail_in(i);
      ok = talk_in_need((int)v) && !alloc_fuse;
      close(far_fd);
      if (conn) sio__conn_close(conn);
      net_close();
      sio_openssl_free(provider);
    }
    CHECK(ok);
  }
}

/* The client is OpenSSL as well and may be the one that fails. */
TEST(every_failed_allocation_of_openssl_ends_one_peer_alone) {
  for (size_t i = 1; i < 1500; i += i < 100 ? 1 : 13) {
    forget();
    net_open();
    provide(plain_options());
    if (dial()) abort();
    tls_peer_open(&peer, far_fd, TLS1_3_VERSION);
    SSL_do_handshake(peer.ssl);
    tls_peer_tell(&peer, SIZE_MAX);
    openssl_fuse = i;
    turns(3);
    openssl_fuse = 0;
    CHECK(secured == 0 && fails == 0);
    part();
    shut();
  }
}

/* ---- OpenSSL's allocator -------------------------------------------------------------------- */

static bool runs_dry(void) { return openssl_fuse > 0 && openssl_fuse-- == 1; }

static void *on_malloc(size_t n, const char *file, int line) {
  (void)file, (void)line;
  return n == 0 || runs_dry() ? NULL : malloc(n);
}
static void *on_realloc(void *p, size_t n, const char *file, int line) {
  (void)file, (void)line;
  return runs_dry() ? NULL : realloc(p, n);
}
static void on_free(void *p, const char *file, int line) {
  (void)file, (void)line;
  free(p);
}

/* clang-format off */
static const struct test__case cases[] = {
  T(every_failed_allocation_of_ours_ends_one_peer_alone)
  T(every_failed_allocation_of_openssl_ends_one_peer_alone)
};
/* clang-format on */

int main(int argc, char **argv) {
  if (!CRYPTO_set_mem_functions(on_malloc, on_realloc, on_free)) return 1;
  return net_tls_main(cases, sizeof cases / sizeof *cases, argc, argv);
}
