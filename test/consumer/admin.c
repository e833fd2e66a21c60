/* SPDX-License-Identifier: MIT
 *
 * admin.c - a program of somebody else's that links libsio-admin.
 */
#include <sio/admin.h>
#include <sio/sio.h>
#include <stdio.h>
#include <uv.h>

int main(void) {
  sio_server *srv;
  int err = sio_server_new(uv_default_loop(), NULL, &srv);
  if (err) return 1;
  err = sio_admin_attach(srv, &(sio_admin_options){ 0 });
  printf("libsio %s, an Admin UI without a password: %s\n", sio_version(), sio_strerror(err));
  sio_server_close(srv, NULL, NULL);
  uv_run(uv_default_loop(), UV_RUN_DEFAULT);
  return err == UV_EINVAL ? 0 : 1;
}
