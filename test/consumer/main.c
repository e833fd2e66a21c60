/* SPDX-License-Identifier: MIT
 *
 * main.c - a program of somebody else's: tools/check builds it with the library installed, linked
 * statically, and as a subproject.
 */
#include <sio/sio.h>
#include <stdio.h>
#include <uv.h>

int main(void) {
  sio_server *srv;
  int err = sio_server_new(uv_default_loop(), NULL, &srv);
  if (err) {
    fprintf(stderr, "%s\n", sio_strerror(err));
    return 1;
  }
  sio_server_close(srv, NULL, NULL);
  uv_run(uv_default_loop(), UV_RUN_DEFAULT);
  printf("libsio %s\n", sio_version());
  return uv_loop_close(uv_default_loop()) ? 1 : 0;
}
