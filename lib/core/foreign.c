/* SPDX-License-Identifier: MIT
 *
 * foreign.c - an event of another server, as an event and as a packet for sockets here.
 */
#include "core/foreign.h"

#include "base/err.h"
#include "base/mem.h"
#include "core/emit.h"
#include "core/event.h"
#include "core/query.h"

int sio__foreign_open(struct sio_event *e, const struct packet *p) {
  int err = sio__event_init(e, NULL, p);
  if (err) return err;
  if (!memchr(e->name.p, '\0', e->name.n)) return 0;
  sio__event_clear(e);
  return SIO_ENAME;
}

/* ---- packets --------------------------------------------------------------------------------- */

struct foreign {
  sio_packet packet;
  struct json_scan scan;
  struct sio_event event; /* for its name, and as what outgoing hooks see */
  sio_val all;
};

void sio_packet_free(sio_packet *p) {
  if (!p) return;
  struct foreign *f = container_of(p, struct foreign, packet);
  sio__packet_clear(p);
  sio__event_clear(&f->event);
  sio__json_scan_clear(&f->scan);
  sio__free(f);
}

static int read_remote_event(struct foreign *f, sio_slice json, const sio_slice *bins,
                             size_t nbins) {
  int err = sio__foreign_check_event(&f->scan, json, nbins);
  if (err) return err;
  struct packet p = { .type = PACKET_EVENT,
                      .id = PACKET_NO_ID,
                      .json = json,
                      .scan = &f->scan,
                      .bins = bins,
                      .nbins = (uint32_t)nbins };
  return sio__foreign_open(&f->event, &p);
}

int sio_packet_new(sio_packet **out, const sio_target *to, sio_slice json, const sio_slice *bins,
                   size_t nbins, sio_query *q) {
  struct foreign *f = sio__calloc(1, sizeof *f);
  if (!f) return SIO__ENOMEM;
  int err = read_remote_event(f, json, bins, nbins);
  if (!err) {
    f->all = sio_event_args(&f->event);
    err = sio__packet_encode(&f->packet, to, sio_event_name(&f->event), sio__args(&f->all, 1), q);
  }
  f->packet.batch = 1; /* it may outlive its namespace */
  if (err)
    sio_packet_free(&f->packet);
  else
    *out = &f->packet;
  return err;
}
