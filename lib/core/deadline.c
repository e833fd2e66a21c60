/* SPDX-License-Identifier: MIT
 *
 * deadline.c - sio_socket_set_deadline(): disconnects a socket after a given time, which the host
 * may change. A socket without a deadline has no struct deadline.
 */
#include "base/mem.h"
#include "core/core.h"
#include "core/nsp.h"
#include "core/socket.h"

struct deadline {
  struct timer timer;
  sio_socket *socket;
};

sio_slice sio__get_map_key_of_socket_deadline(const void *d) {
  return slice_str(((const struct deadline *)d)->socket->id);
}

void sio__socket_clear_deadline(sio_socket *s) {
  struct core *core = s->nsp->core;
  struct deadline *d = sio__map_del(&core->deadlines, slice_str(s->id));
  if (!d) return;
  sio__loop_stop_timer(&core->loop, &d->timer);
  sio__free(d);
}

static void disconnect_socket_at_deadline(struct timer *t) {
  sio_socket *s = container_of(t, struct deadline, timer)->socket;
  if (!sio_socket_connected(s)) return; /* It leaves for another reason: its session is closing. */
  s->expired = true;
  sio_disconnect(s, false);
}

static struct deadline *find_or_add_socket_deadline(sio_socket *s) {
  struct core *core = s->nsp->core;
  struct deadline *d = sio__map_get(&core->deadlines, slice_str(s->id));
  if (d) return d;
  d = sio__calloc(1, sizeof *d);
  if (!d) return NULL;
  d->socket = s;
  timer_init(&d->timer, disconnect_socket_at_deadline);
  if (!sio__map_put(&core->deadlines, d)) return d;
  sio__free(d);
  return NULL;
}

int sio_socket_set_deadline(sio_socket *s, unsigned in_ms) {
  if (!sio_socket_connected(s)) return SIO_ECLOSED;
  if (!in_ms) {
    sio__socket_clear_deadline(s);
    return 0;
  }
  struct deadline *d = find_or_add_socket_deadline(s);
  if (!d) return UV_ENOMEM;
  sio__loop_start_timer(&s->nsp->core->loop, &d->timer, in_ms);
  return 0;
}
