/* SPDX-License-Identifier: MIT
 *
 * requests.c - who may come in, under which id, with which headers in the answer.
 */
#include "requests.h"

#include "flags.h"
#include "host.h"
#include "verdict.h"

#include <stdio.h>
#include <uv.h>

void on_allow(sio_request *r, sio_next *next, void *user) {
  (void)user;
  say("allow_request");
  decide_request(r, next, flag("allow"));
}

int on_id(sio_request *r, char out[64], void *user) {
  static unsigned n;
  (void)r, (void)user;
  if (flag_is("id", "refuse")) return UV_EPERM;
  snprintf(out, 64, flag_is("id", "same") ? "same-id" : "custom-%u", ++n);
  return 0;
}

void on_connection_error(sio_request *r, const sio_connection_error *e, void *user) {
  (void)r, (void)user;
  say("connection_error %d %s name=%s detail=%.*s", e->code, e->message, e->name, (int)e->detail.n,
      e->detail.p);
}

static void on_use(sio_request *r, sio_next *next, void *user) {
  const char *how = flag(user);
  say("use %s", (const char *)user);
  sio_respond_header(r, "X-Use", user);
  decide_request(r, next, how);
}

static void on_headers(sio_request *r, bool initial, void *user) {
  (void)user;
  say("headers %s", initial ? "initial" : "every");
  sio_respond_header(r, "X-Every", "1");
  if (!initial) return;
  sio_respond_header(r, "X-Initial", "1");
  sio_respond_header(r, "Set-Cookie", "mine=1");
}

int add_request_hooks(void) {
  static char *uses[] = { "use1", "use2", "use3" };
  int err = flag("headers") ? sio_on_engine_headers(host.server, on_headers, NULL) : 0;
  for (int i = 0; i < 3; i++)
    if (!err && flag(uses[i])) err = sio_use_engine_request(host.server, on_use, uses[i]);
  return err;
}
