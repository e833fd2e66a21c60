/* SPDX-License-Identifier: MIT
 *
 * stream_adapter_map.c - the adapters of a stream, by the names of their namespaces.
 */
#include "redis/stream_adapter_map.h"

#include "base/err.h"
#include "base/mem.h"

/* An adapter that uses the stream, as an item of the map stream.adapters, whose key is the name of
 * the adapter's namespace. */
struct stream_member {
  sio_adapter *adapter;
  sio_slice nsp; /* the name of the adapter's namespace; owned by the adapter */
};

static sio_slice get_map_key_of_stream_adapter(const void *item) {
  return ((const struct stream_member *)item)->nsp;
}

void sio__stream_init_adapter_map(struct stream *st) {
  sio__map_init(&st->adapters, get_map_key_of_stream_adapter);
}

sio_adapter *sio__stream_find_adapter(struct stream *st, sio_slice nsp) {
  const struct stream_member *m = sio__map_get(&st->adapters, nsp);
  return m ? m->adapter : NULL;
}

sio_adapter *sio__stream_next_adapter(const struct stream *st, uint32_t *i) {
  const struct stream_member *m = sio__map_next(&st->adapters, i);
  return m ? m->adapter : NULL;
}

int sio__stream_add_adapter_to_map(struct stream *st, sio_adapter *a) {
  struct stream_member *m = sio__calloc(1, sizeof *m);
  if (!m) return UV_ENOMEM;
  m->adapter = a;
  m->nsp = st->ops->nsp(a);
  int err = sio__map_put(&st->adapters, m);
  if (err) sio__free(m);
  return err;
}

void sio__stream_remove_adapter_from_map(struct stream *st, const sio_adapter *a) {
  struct stream_member *m = sio__map_del(&st->adapters, st->ops->nsp(a));
  sio__free(m);
}
