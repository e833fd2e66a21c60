/* SPDX-License-Identifier: MIT
 *
 * remote_packet.c - sio_packet_new(): a packet made from an event of another server.
 */
#include "base/err.h"
#include "base/list.h"
#include "base/mem.h"
#include "core/out_packet.h"
#include "core/remote_event.h"

struct remote_packet {
  sio_packet packet;
  struct json_scan scan;
  struct sio_event event; /* holds the name and the arguments that sio_on_any_outgoing() is given */
  sio_val all_args;
};

void sio_packet_free(sio_packet *p) {
  if (!p) return;
  struct remote_packet *r = container_of(p, struct remote_packet, packet);
  sio__packet_clear(p);
  sio__event_clear(&r->event);
  sio__json_scan_clear(&r->scan);
  sio__free(r);
}

static int remote_packet_read_event(struct remote_packet *r, sio_slice json, const sio_slice *bins,
                                    size_t nbins) {
  int err = sio__remote_event_scan(&r->scan, json, nbins);
  if (err) return err;
  struct packet p = { .type = PACKET_EVENT,
                      .id = PACKET_NO_ID,
                      .json = json,
                      .scan = &r->scan,
                      .bins = bins,
                      .nbins = (uint32_t)nbins };
  return sio__remote_event_init(&r->event, &p);
}

int sio_packet_new(const sio_target *to, sio_slice json, const sio_slice *bins, size_t nbins,
                   sio_query *q, sio_packet **out) {
  struct remote_packet *r = sio__calloc(1, sizeof *r);
  if (!r) return SIO__ENOMEM;
  int err = remote_packet_read_event(r, json, bins, nbins);
  if (!err) {
    r->all_args = sio_event_args(&r->event);
    err = sio__packet_encode_broadcast(&r->packet, to, sio_event_name(&r->event),
                                       sio_argv(&r->all_args, 1), q);
  }
  /* The counters are in the namespace, which the packet may outlive: count each receiver at
   * once. */
  r->packet.max_uncounted = 1;
  if (err)
    sio_packet_free(&r->packet);
  else
    *out = &r->packet;
  return err;
}
