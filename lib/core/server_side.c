/* SPDX-License-Identifier: MIT
 *
 * server_side.c - sio_server_side_emit(): events that the servers of a cluster send to each other.
 *
 * A received event is a struct sio_event without a socket. A struct server_side_ack says how to
 * answer the event. That struct is on the stack while handlers run, and is copied into the sio_ack
 * if a handler takes the ack.
 */
#include "core/server_side.h"

#include "base/mem.h"
#include "core/core.h"
#include "core/event.h"
#include "core/nsp.h"
#include "core/out_packet.h"
#include "core/query.h"
#include "core/remote_event.h"

static bool is_reserved_server_event_name(const char *event) {
  return strcmp(event, "connect") == 0 || strcmp(event, "connection") == 0 ||
         strcmp(event, "new_namespace") == 0;
}

/* ---- sending ----------------------------------------------------------------------------- */

/* Encodes an array that has the event name as its first element. Passes the name to the encoder as
 * an argument and not as a name, because the encoder refuses names that are reserved for events to
 * clients, some of which are allowed between servers. */
static int encode_server_side_event(sio_packet *p, sio_nsp *nsp, const char *event, sio_args args) {
  struct core *core = nsp->core;
  size_t n = size_add(args.n, 1);
  sio_val *all = sio__malloc(size_mul(n, sizeof *all));
  if (!all) return UV_ENOMEM;
  all[0] = sio_str(event);
  for (size_t i = 0; i < args.n; i++) all[i + 1] = args.v[i];
  *p = (sio_packet){ .nsp = nsp, .event = event, .args = args };
  int err = sio__encode_event_or_ack(&core->loop.msgs, &core->scratch, &p->msg, nsp->name, NULL,
                                     sio_argv(all, n), PACKET_NO_ID);
  sio__free(all);
  return err;
}

static int send_event_to_other_servers(sio_nsp *nsp, const char *event, sio_args args,
                                       sio_query *q) {
  sio_packet p;
  int err = encode_server_side_event(&p, nsp, event, args);
  if (err) return err;
  p.query = q;
  if (nsp->ops->server_emit) err = nsp->ops->server_emit(nsp->adapter, &p, q);
  sio__packet_clear(&p);
  return err;
}

static void call_server_side_emit_callback(sio_query *q, int status) {
  q->cb.replies(status, &q->replies, q->user);
}

int sio_server_side_emit(sio_nsp *nsp, const char *event, sio_args args, unsigned timeout_ms,
                         sio_broadcast_ack_cb cb, void *user) {
  sio_query *q;
  if (!nsp) return UV_EINVAL;
  if (!event || is_reserved_server_event_name(event)) return SIO_ENAME;
  if (loop_refuse_call_inside_observer_callback(&nsp->core->loop, "sio_server_side_emit()"))
    return SIO_ESTATE;
  if (!cb)
    return nsp->core->closing ? SIO_ECLOSED : send_event_to_other_servers(nsp, event, args, NULL);
  int err = sio__query_new(&q, nsp, timeout_ms, call_server_side_emit_callback, user);
  if (err) return err;
  q->cb.replies = cb;
  err = send_event_to_other_servers(nsp, event, args, q);
  if (err)
    sio__query_discard_without_callback(q);
  else
    sio__query_start_timeout_and_end_hold(q, false);
  return err;
}

/* ---- receiving ----------------------------------------------------------------------------- */

int sio_on_server_side(sio_nsp *nsp, const char *event, sio_server_side_cb cb, void *user) {
  if (!event || is_reserved_server_event_name(event)) return SIO_ENAME;
  return sio__nsp_add_event_handler(&nsp->server_side, event, (hook_fn)cb, user);
}

static int make_event_and_run_server_side_handlers(sio_nsp *nsp, const struct packet *p,
                                                   struct server_side_ack *ack) {
  struct sio_event e;
  int err = sio__remote_event_init(&e, p);
  if (err) return err;
  e.server_side = ack;
  sio__nsp_run_server_side_handlers(nsp, &e);
  sio__event_clear(&e);
  return 0;
}

static int check_and_run_event_of_other_server(sio_nsp *nsp, sio_slice json, const sio_slice *bins,
                                               size_t nbins, struct server_side_ack *ack) {
  struct json_scan scan = { 0 };
  int err = sio__remote_event_scan_and_check(&scan, json, nbins);
  struct packet p = { .type = PACKET_EVENT,
                      .id = ack->answer ? 0 : PACKET_NO_ID,
                      .json = json,
                      .scan = &scan,
                      .bins = bins,
                      .nbins = (uint32_t)nbins };
  if (!err) err = make_event_and_run_server_side_handlers(nsp, &p, ack);
  sio__json_scan_clear(&scan);
  return err;
}

int sio__server_side_handle_event_on_this_server(sio_nsp *nsp, sio_slice json,
                                                 const sio_slice *bins, size_t nbins,
                                                 sio_server_side_answer_cb answer,
                                                 const sio_return *to) {
  struct server_side_ack ack = { .nsp = nsp, .answer = answer, .to = *to };
  return check_and_run_event_of_other_server(nsp, json, bins, nbins, &ack);
}

int sio__server_side_relay_and_handle_event(sio_nsp *nsp, sio_slice json, const sio_slice *bins,
                                            size_t nbins, sio_server_side_answer_cb answer,
                                            const sio_return *to) {
  const struct cluster_adapter *cluster = &nsp->core->cluster;
  struct server_side_ack ack = { .nsp = nsp, .answer = answer, .from_cluster = cluster->ops };
  if (to) ack.to = *to;
  if (cluster->ops) cluster->relay_event(nsp, json, bins, nbins);
  return check_and_run_event_of_other_server(nsp, json, bins, nbins, &ack);
}

/* ---- answering ------------------------------------------------------------------------------- */

static int make_attachment_array_from_msgs(const struct msg *first, sio_slice **out, uint32_t *n) {
  *n = 0;
  *out = NULL;
  for (const struct msg *m = first; m; m = m->next) ++*n;
  if (*n == 0) return 0;
  sio_slice *bins = *out = sio__calloc(*n, sizeof *bins);
  if (!bins) return UV_ENOMEM;
  for (const struct msg *m = first; m; m = m->next) *bins++ = slice(msg_data(m), m->len);
  return 0;
}

/* Returns the adapter that connects this server with the one that waits for the answer, or NULL if
 * that adapter has been closed. */
static sio_adapter *find_adapter_to_send_server_side_ack(const struct server_side_ack *ack) {
  return ack->from_cluster ? ack->nsp->core->cluster.find(ack->nsp) : ack->nsp->adapter;
}

static int send_first_argument_as_server_side_ack(const struct server_side_ack *ack,
                                                  struct json_scan *scan, const struct msg *m) {
  const char *p = msg_data(m), *array = memchr(p, '[', m->len);
  sio_slice json = slice(array, m->len - (size_t)(array - p)), *bins;
  uint32_t nbins;
  int err = sio__json_scan_text(scan, json, JSON_DEPTH_MAX + 1, NULL);
  if (!err) err = make_attachment_array_from_msgs(m->next, &bins, &nbins);
  if (err) return err;
  bool has_arg = scan->nargs > 0,
       has_bins = scan->nplaceholders > 0 && scan->placeholders[0].arg == 0;
  ack->answer(find_adapter_to_send_server_side_ack(ack), &ack->to,
              has_arg ? json_scanned_element(scan, json, 0) : SLICE("null"), bins,
              has_bins ? nbins : 0);
  sio__free(bins);
  return 0;
}

int sio__server_side_send_ack(const struct server_side_ack *ack, sio_args args) {
  struct json_scan scan = { 0 };
  struct msg *m;
  struct core *core = ack->nsp->core;
  if (!find_adapter_to_send_server_side_ack(ack)) return SIO_ECLOSED;
  int err =
      sio__encode_event_or_ack(&core->loop.msgs, &core->scratch, &m, "/", NULL, args, PACKET_NO_ID);
  if (err) return err;
  err = send_first_argument_as_server_side_ack(ack, &scan, m);
  sio__json_scan_clear(&scan);
  msg_unref(m);
  return err;
}
