/* SPDX-License-Identifier: MIT
 *
 * remote_packet.c - makes packets from events of other servers, and copies packets for adapters.
 */
#include "base/list.h"
#include "base/mem.h"
#include "core/core.h"
#include "core/nsp.h"
#include "core/out_packet.h"
#include "core/remote_event.h"
#include <stdio.h>

enum { OFFSET_MAX = 63 };

struct remote_packet {
  sio_packet packet;
  struct json_scan scan;
  /* The name and the arguments, for the callback of sio_on_any_outgoing(). */
  struct sio_event event;
  sio_val all_args;
};

void sio__remote_packet_free(sio_packet *p) {
  if (!p) return;
  struct remote_packet *r = container_of(p, struct remote_packet, packet);
  sio__packet_clear(p);
  sio__event_clear(&r->event);
  sio__json_scan_clear(&r->scan);
  sio__free(r);
}

static int remote_packet_check_and_decode_event(struct remote_packet *r, sio_slice json,
                                                const sio_slice *bins, size_t nbins) {
  int err = sio__remote_event_scan_and_check(&r->scan, json, nbins);
  if (err) return err;
  struct packet p = { .type = PACKET_EVENT,
                      .id = PACKET_NO_ID,
                      .json = json,
                      .scan = &r->scan,
                      .bins = bins,
                      .nbins = (uint32_t)nbins };
  return sio__remote_event_init(&r->event, &p);
}

/* True if the offset is not too long, and consists of printable ASCII characters that need no
 * escape in a JSON string. */
static bool is_replay_offset_short_and_json_safe(sio_slice offset) {
  for (size_t i = 0; i < offset.n; i++)
    if (offset.p[i] <= ' ' || offset.p[i] > '~' || offset.p[i] == '"' || offset.p[i] == '\\')
      return false;
  return offset.n <= OFFSET_MAX;
}

int sio__packet_new_from_remote_event(const sio_target *to, sio_slice json, const sio_slice *bins,
                                      size_t nbins, sio_query *q, sio_slice offset,
                                      sio_packet **out) {
  if (!is_replay_offset_short_and_json_safe(offset)) return SIO_EPROTO;
  struct remote_packet *r = sio__calloc(1, sizeof *r);
  if (!r) return UV_ENOMEM;
  int err = remote_packet_check_and_decode_event(r, json, bins, nbins);
  if (!err) {
    r->all_args = sio_event_args(&r->event);
    err =
        sio__packet_encode_broadcast_and_keep_for_replay(&r->packet, to, sio_event_name(&r->event),
                                                         sio_argv(&r->all_args, 1), q, offset);
  }
  /* Each receiver is added to the namespace's counters at once, and not when the packet is freed:
   * by then the namespace may be freed. */
  r->packet.max_uncounted = 1;
  if (err)
    sio__remote_packet_free(&r->packet);
  else
    *out = &r->packet;
  return err;
}

/* Sets the event name and the arguments of a copied packet, by reading them from its JSON. The name
 * and the arguments of the original packet cannot be used, because they are valid only during the
 * call that has sent the event. */
static int packet_copy_set_event_from_json(struct remote_packet *r) {
  sio_packet_info info = { .size = sizeof info };
  int err = sio__packet_get_info(&r->packet, &info);
  if (!err) err = remote_packet_check_and_decode_event(r, info.json, info.bins, info.nbins);
  if (err) return err;
  r->all_args = sio_event_args(&r->event);
  r->packet.event = sio_event_name(&r->event);
  r->packet.args = sio_argv(&r->all_args, 1);
  return 0;
}

int sio__packet_copy(const sio_packet *p, sio_packet **out) {
  struct remote_packet *r = sio__calloc(1, sizeof *r);
  if (!r) return UV_ENOMEM;
  r->packet = (sio_packet){ .nsp = p->nsp,
                            .msg = msg_ref(p->msg),
                            .text = p->text ? msg_ref(p->text) : NULL,
                            .query = p->query,
                            .seq = p->seq,
                            .origin = p->origin,
                            .offset_len = p->offset_len,
                            .max_uncounted = 1 };
  int err = packet_copy_set_event_from_json(r);
  if (err)
    sio__remote_packet_free(&r->packet);
  else
    *out = &r->packet;
  return err;
}

int sio__packet_broadcast_in_process_with_origin(const sio_packet *p, const sio_target *to,
                                                 uint64_t origin) {
  const struct cluster_adapter *cluster = &to->nsp->core->cluster;
  return cluster->deliver ? cluster->deliver(to, p, origin)
                          : to->nsp->ops->broadcast(to->nsp->adapter, to, p);
}

int sio__packet_broadcast_in_process(const sio_packet *p, const sio_target *to) {
  return sio__packet_broadcast_in_process_with_origin(p, to, 0);
}

/* ---- events for servers ---------------------------------------------------------------------- */

static struct msg *packet_text_for_other_servers_new(struct msgs *home, sio_slice json,
                                                     size_t nbins) {
  char head[32];
  int n = nbins ? snprintf(head, sizeof head, "45%zu-", nbins) : snprintf(head, sizeof head, "42");
  struct msg *m = sio__msg_new(home, (size_t)n + json.n);
  if (!m) return NULL;
  memcpy(msg_data(m), head, (size_t)n);
  memcpy(msg_data(m) + n, json.p, json.n);
  m->len = (uint32_t)((size_t)n + json.n);
  return m;
}

static int append_attachments_as_linked_msgs(struct msgs *home, struct msg *m,
                                             const sio_slice *bins, size_t nbins) {
  for (size_t i = 0; i < nbins; i++, m = m->next) {
    m->next = sio__msg_from_bytes(home, bins[i].p, bins[i].n);
    if (!m->next) return UV_ENOMEM;
  }
  return 0;
}

int sio__packet_new_for_other_servers(sio_packet **out, sio_nsp *nsp, sio_slice json,
                                      const sio_slice *bins, size_t nbins, sio_query *q) {
  struct msgs *home = &nsp->core->loop.msgs;
  struct remote_packet *r = sio__calloc(1, sizeof *r);
  if (!r) return UV_ENOMEM;
  r->packet = (sio_packet){ .nsp = nsp, .query = q };
  r->packet.msg = packet_text_for_other_servers_new(home, json, nbins);
  int err = r->packet.msg ? append_attachments_as_linked_msgs(home, r->packet.msg, bins, nbins)
                          : UV_ENOMEM;
  if (err)
    sio__remote_packet_free(&r->packet);
  else
    *out = &r->packet;
  return err;
}
