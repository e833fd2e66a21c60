/* SPDX-License-Identifier: MIT
 *
 * foreign.c - checks, and the packet that is made of an event of another server.
 */
#include "core/foreign.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "core/emit.h"
#include "core/event.h"
#include "core/query.h"

/* ---- checks ------------------------------------------------------------------------------- */

static bool holes_fit(const struct json_scan *scan, size_t nbins) {
  for (uint32_t i = 0; nbins && i < scan->nholes; i++)
    if (scan->holes[i].num < 0 || (uint64_t)scan->holes[i].num >= nbins) return false;
  return true;
}

/* Peers' own events may be named by a number. */
static bool is_name(sio_slice json) {
  return json.p[0] == '"' || json.p[0] == '-' || (json.p[0] >= '0' && json.p[0] <= '9');
}

int sio__foreign_event(struct json_scan *scan, sio_slice json, size_t nbins) {
  if (nbins > UINT32_MAX) return SIO_ETOOBIG;
  if (!sio__utf8_valid(json.p, json.n)) return SIO_EJSON;
  int err = sio__json_scan(scan, json, JSON_DEPTH_MAX, NULL);
  if (err) return err;
  if (scan->first != '[' || scan->nargs == 0 || !is_name(json_arg(scan, json, 0))) return SIO_EJSON;
  return holes_fit(scan, nbins) ? 0 : SIO_EPLACEHOLDER;
}

bool sio__foreign_value(sio_slice json, size_t nbins) {
  struct json_scan scan = { 0 };
  bool ok = nbins <= UINT32_MAX && sio__utf8_valid(json.p, json.n) &&
            !sio__json_scan_list(&scan, json, JSON_DEPTH_MAX, NULL) && scan.nargs == 1 &&
            holes_fit(&scan, nbins);
  sio__json_scan_clear(&scan);
  return ok;
}

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

static int read_event(struct foreign *f, sio_slice json, const sio_slice *bins, size_t nbins) {
  int err = sio__foreign_event(&f->scan, json, nbins);
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
  int err = read_event(f, json, bins, nbins);
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
