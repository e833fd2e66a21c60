/* SPDX-License-Identifier: MIT
 *
 * test_without_zlib.c - a server whose library was built without zlib: it runs, and refuses the
 * options that need compression.
 */
#include "base/deflate.h"
#include "whole.h"

bool __wrap_sio__deflate_is_available(void);
bool __wrap_sio__deflate_is_available(void) { return false; }

static char logged[500];
static void on_log(const sio_log_line *l, void *user) {
  (void)user;
  snprintf(logged, sizeof logged, "%s", l->text);
}

static void refused(sio_options o, const char *line) {
  sio_server *none;
  alloc_install();
  o.log = on_log;
  logged[0] = '\0';
  EQ(uv_loop_init(&uv), 0);
  EQ(sio_server_new(&uv, &o, &none), UV_ENOTSUP);
  CHECK(!none);
  EQ_STR(logged, line);
  EQ(uv_loop_close(&uv), 0);
  EQ(alloc_live, 0);
}

TEST(compression_that_the_host_asks_for_is_refused) {
  refused((sio_options){ .per_message_deflate = &(sio_deflate){ 0 } },
          "sio_options.per_message_deflate: needs zlib, which this build of libsio does not have");
  refused((sio_options){ .http_compression_threshold = 10 },
          "sio_options.http_compression_threshold: needs zlib, which this build of libsio does not "
          "have");
}

TEST(a_server_that_does_not_compress_runs) {
  whole_start(NULL);
  whole_stop();
  whole_start(&(sio_options){ .http_compression_threshold = 10, .no_http_compression = true });
  whole_stop();
}

TESTS_BEGIN
T(compression_that_the_host_asks_for_is_refused)
T(a_server_that_does_not_compress_runs)
TESTS_END
