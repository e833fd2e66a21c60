/* SPDX-License-Identifier: MIT
 *
 * admin.c - the Admin UI watches the host.
 *
 *     --admin      the password's bcrypt hash, of the user "admin"; development mode
 *     --admin-id   the name of this server in the UI
 *     --admin-ui   a directory with the files of the UI, served at /admin/
 */
#include "admin.h"

#include "flags.h"
#include "host.h"

#include <sio/admin.h>
#include <sio/http.h>

int add_admin(void) {
  if (!flag("admin")) return 0;
  int err = sio_admin_attach(host.server, &(sio_admin_options){ .username = "admin",
                                                                .password = flag("admin"),
                                                                .server_id = flag("admin-id"),
                                                                .development = true });
  if (!err && flag("admin-ui")) err = sio_static(host.server, "/admin/", flag("admin-ui"));
  return err;
}
